"""Decision values to probabilities and numbers, for one row as for many."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from sqlite_ml_vtab.portable.links import LINKS

TWO_OUTPUTS = {"sigmoid", "modified_huber"}
SCORES = np.array(
    [[0.0, 0.0, 0.0], [1.0, -2.0, 0.5], [700.0, -700.0, 0.0], [-3.0, -2.0, -9.0], [1e300, 1e-300, -1e300]]
)


def huber(z):
    return (np.clip(z, -1, 1) + 1) / 2


def shared(scores):
    return scores / scores.sum(axis=1, keepdims=True)


EXPECTED = {
    "identity": lambda z: z,
    "none": lambda z: z,
    "sigmoid": lambda z: np.column_stack((1 - expit(z[:, 1]), expit(z[:, 1]))),
    "softmax": lambda z: softmax(z, axis=1),
    "ovr": lambda z: shared(expit(z)),
    "modified_huber": lambda z: np.column_stack((1 - huber(z[:, 1]), huber(z[:, 1]))),
    "modified_huber_ovr": lambda z: shared(np.where(z.max(axis=1, keepdims=True) <= -1, 1.0, huber(z))),
    "exp": lambda z: np.exp(np.minimum(z, 709.0)),
    "isolation": lambda z: 0.5**z,
}


@pytest.fixture(params=LINKS)
def link(request):
    return request.param


def scores_for(name):
    if name in TWO_OUTPUTS:
        return SCORES[:, :2]
    if name == "isolation":
        return SCORES[:, :1]
    return np.minimum(SCORES[:, :1], 709.0) if name == "exp" else SCORES


def test_every_link_gives_what_its_definition_says(link):
    scores = scores_for(link)
    np.testing.assert_allclose(LINKS[link].many(scores), EXPECTED[link](scores), rtol=1e-12, atol=1e-300)


def test_one_row_is_answered_as_many(link):
    scores = scores_for(link)
    found = [list(LINKS[link].one(row)) for row in scores.tolist()]
    np.testing.assert_allclose(found, LINKS[link].many(scores), rtol=1e-12, atol=1e-300)


def test_probabilities_add_up_to_one(link):
    if link in {"identity", "none"} or LINKS[link].task == "regression":
        return
    np.testing.assert_allclose(LINKS[link].many(scores_for(link)).sum(axis=1), 1.0, rtol=1e-12)


def test_every_link_says_for_which_task_it_is(link):
    assert LINKS[link].task in {"classification", "regression", "both"}


@pytest.mark.parametrize("link", ["ovr", "modified_huber_ovr"])
def test_where_no_class_has_a_chance_all_are_alike(link):
    scores = [-math.inf] * 4
    assert LINKS[link].one(scores) == [0.25] * 4
    assert LINKS[link].many(np.array([scores])).tolist() == [[0.25] * 4]


@pytest.mark.parametrize("value", [709.5, 709.78, 710.0, 1e308, math.inf, -math.inf, math.nan])
def test_the_exponential_is_the_same_near_its_end_for_one_row_and_many(value):
    (one,) = LINKS["exp"].one([value])
    (many,) = LINKS["exp"].many(np.array([[value]]))[0]
    assert one == pytest.approx(many, rel=1e-12, nan_ok=True)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=2))
def test_no_decision_value_stops_one_row(scores):
    for name, entry in LINKS.items():
        found = entry.one(scores)
        assert len(found) == 2, name
