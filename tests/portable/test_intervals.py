"""Bounds and sets of the portable model: what they are made of, one row as many, and what is refused."""

import math

import numpy as np
import pytest

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import Conformal, Golden, Model, Scorer, from_bytes, to_bytes
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder

STEP = {
    "link": "identity",
    "rounding": "float32",
    "divisor": 2,
    "complement": 0,
    "left": np.array([1, 0, 0, 4, 0, 0], dtype="<i4"),
    "right": np.array([2, 0, 0, 5, 0, 0], dtype="<i4"),
    "feature": np.array([0, 0, 0, 1, 0, 0], dtype="<i4"),
    "threshold": np.array([5.0, 0.0, 0.0, 6.0, 0.0, 0.0]),
    "missing_left": np.zeros(6, dtype="|u1"),
    "value": np.array([[0.0], [1.0], [3.0], [0.0], [0.0], [4.0]]),
    "roots": np.array([0, 3], dtype="<i4"),
    "outputs": np.empty(0, dtype="<i4"),
    "baseline": np.array([1.0]),
    "medians": np.empty(0),
}
"""(1 + (1 up to x = 5, else 3) + (0 up to a number of 6, else 4)) / 2."""


def model(labels=(), link="identity", coef=((2.0,),), **more):
    """Return a linear model of one feature x: twice x."""
    encoder = Encoder((ColumnEncoding("x", "NUMBER", ("value",)),), np.ones(1), np.zeros(1), np.ones(1))
    parameters = {"link": link, "coef": np.array(coef), "intercept": np.zeros(len(coef))}
    task = "classification" if labels else "regression"
    return Model(task, encoder, labels, "linear", parameters, Golden((), ()), **{"costs": np.empty((0, 0))} | more)


def asked(made, x):
    """Return the bounds of one row, asked alone, and the same asked with others."""
    scorer = Scorer(from_bytes(to_bytes(made)))
    rows = [[x], [1.0], [None]]
    one = scorer.bounds([x], scorer.one([x])[1])
    assert scorer.many_bounds(rows, scorer.many(rows)[1])[0] == one
    return one


# Bounds


def test_bounds_stand_around_a_number_as_far_as_the_limit():
    assert asked(model(conformal=Conformal(1.5)), 5.0) == (8.5, 11.5)


def test_a_limit_of_a_whole_number_is_as_good():
    assert asked(model(conformal=Conformal(1)), 5.0) == (9.0, 11.0)


@pytest.mark.parametrize(("x", "difficulty"), [(2.0, 1.0), (4.0, 3.0), (7.0, 4.0), (None, 1.0)])
def test_bounds_are_as_wide_as_the_row_is_hard(x, difficulty):
    number = 2.0 * (1.0 if x is None else x)
    assert asked(model(conformal=Conformal(0.5, STEP)), x) == (number - difficulty / 2, number + difficulty / 2)


def test_bounds_are_bent_back_with_the_number():
    made = model(inverse=("log", (1.0,)), conformal=Conformal(0.5, STEP))
    assert asked(made, 2.0) == pytest.approx((math.exp(3.5) - 1, math.exp(4.5) - 1))


def test_an_end_beyond_the_scale_is_not_known():
    lower, upper = asked(model(inverse=("yeo_johnson", (-0.8, 0.0, 1.0)), conformal=Conformal(0.5)), 0.4)
    assert lower == pytest.approx(0.76**-1.25 - 1)
    assert upper is None


@pytest.mark.parametrize("limit", [math.inf, 1e308])
def test_an_end_that_is_not_finite_is_not_known(limit):
    assert asked(model(conformal=Conformal(limit, STEP)), 8e307) == (None, None)


def test_there_are_no_bounds_of_labels_and_without_a_hold_out():
    assert asked(model(), 5.0) is None
    assert asked(model(("no", "yes"), "sigmoid", ((0.0,), (1.0,)), conformal=Conformal(0.5)), 5.0) is None


def test_where_there_is_no_number_there_are_no_bounds():
    scorer = Scorer(model(conformal=Conformal(0.5)))
    assert scorer.bounds([1.0], [math.nan]) == (None, None)
    assert scorer.many_bounds([[1.0]], [[math.nan]]) == [(None, None)]


def test_no_rows_have_no_bounds():
    assert Scorer(model(conformal=Conformal(0.5, STEP))).many_bounds([], []) == []


# Sets

CLASSES = model(("a", 2, 2.5), "softmax", ((0.0,), (1.0,), (2.0,)))
CHANCES = [math.log(0.5), math.log(0.2), math.log(0.3)]


@pytest.mark.parametrize(
    ("limit", "labels"),
    [(1.0, ["a"]), (0.4, ["a"]), (0.25, ["a", 2.5]), (0.15, ["a", 2.5, 2]), (0.0, ["a", 2.5, 2])],
)
def test_labels_of_at_least_the_limit_are_probable_the_likeliest_first(limit, labels):
    found = Scorer(CLASSES._replace(conformal=Conformal(limit))).probable(CHANCES)
    assert found == labels
    assert list(map(type, found)) == list(map(type, labels))


def test_labels_that_are_alike_stand_in_their_own_order():
    assert Scorer(CLASSES._replace(conformal=Conformal(0.1))).probable([0.0, 0.0, 0.0]) == ["a", 2, 2.5]


def test_the_predicted_label_is_always_probable():
    costly = CLASSES._replace(costs=np.array([[0.0, 0.0, 9.0], [9.0, 0.0, 9.0], [9.0, 0.0, 9.0]]))
    scorer = Scorer(costly._replace(conformal=Conformal(0.4)))
    assert scorer.labels[scorer.place(CHANCES)] == 2
    assert scorer.probable(CHANCES) == ["a", 2]


@pytest.mark.parametrize(
    ("limit", "labels"), [(0.0, ["a"]), (0.25, ["a", 2.5]), (1.0, ["a", 2.5, 2]), (math.inf, ["a", 2.5, 2])]
)
def test_without_probabilities_labels_near_the_greatest_value_are_probable(limit, labels):
    votes = CLASSES._replace(parameters=CLASSES.parameters | {"link": "none"}, conformal=Conformal(limit))
    assert Scorer(from_bytes(to_bytes(votes))).probable([0.5, -0.25, 0.25]) == labels


def test_nothing_is_probable_of_numbers_and_without_a_hold_out():
    assert Scorer(model(conformal=Conformal(0.5))).probable([1.0]) is None
    assert Scorer(CLASSES).probable(CHANCES) is None


# What is refused


def refusal(made):
    with pytest.raises(ModelError) as caught:
        to_bytes(made)
    return str(caught.value).removeprefix("the stored model is damaged: ").removesuffix(".")


@pytest.mark.parametrize("conformal", [1.5, math.nan, "1", {"limit": 1.0, "difficulty": None}])
def test_what_is_no_conformal_value_is_refused(conformal):
    assert refusal(model(conformal=conformal)) == "conformal"


@pytest.mark.parametrize("limit", [-1e-300, math.nan, -math.inf, "1", None, True, np.float64(1.0)])
def test_a_limit_that_lies_is_refused(limit):
    assert refusal(model(conformal=Conformal(limit))) == "conformal limit"


@pytest.mark.parametrize("limit", [1.0000001, math.inf])
def test_a_least_probability_above_1_is_refused(limit):
    assert refusal(CLASSES._replace(conformal=Conformal(limit))) == "conformal limit"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"value": STEP["value"] - 0.1}, "difficulty"),
        ({"value": STEP["value"] * np.nan}, "value is not finite"),
        ({"value": STEP["value"] * 1e31}, "difficulty"),
        ({"value": STEP["value"].astype("<f4")}, "value has type float32"),
        ({"value": STEP["value"][:, [0, 0]]}, "value has shape (6, 2)"),
        ({"baseline": np.zeros(1)}, "difficulty"),
        ({"baseline": -np.ones(1)}, "difficulty"),
        ({"baseline": np.array([1e31])}, "difficulty"),
        ({"baseline": np.array([math.inf])}, "baseline is not finite"),
        ({"baseline": np.ones(2)}, "baseline has shape (2,)"),
        ({"divisor": 0}, "divisor"),
        ({"rounding": "none"}, "rounding"),
        ({"rounding": ["float32"]}, "rounding"),
        ({"link": "exp"}, "link"),
        ({"link": np.ones(2)}, "link"),
        ({"medians": np.ones(2)}, "difficulty"),
        ({"outputs": np.zeros(2, dtype="<i4")}, "difficulty"),
        ({"feature": np.full(6, 2, dtype="<i4")}, "a feature out of range"),
        ({"feature": np.full(6, -1, dtype="<i4")}, "a feature out of range"),
        ({"left": np.array([0, 0, 0, 4, 0, 0], dtype="<i4")}, "a leaf with a child"),
        ({"left": np.array([2**31 - 1] * 6, dtype="<i4")}, "a child out of its tree"),
        ({"roots": np.array([0, 2**31 - 1], dtype="<i4")}, "an empty tree"),
        ({"more": 1}, f"parameters {sorted((*STEP, 'more'))}"),
    ],
)
def test_a_difficulty_that_lies_is_refused(change, problem):
    assert refusal(model(conformal=Conformal(1.0, STEP | change))) == problem


@pytest.mark.parametrize("difficulty", [[], "trees", 1.0, np.ones(3)], ids=repr)
def test_a_difficulty_that_is_no_ensemble_is_refused(difficulty):
    assert refusal(model(conformal=Conformal(1.0, difficulty))) == "difficulty"


def test_classes_have_no_difficulty():
    assert refusal(CLASSES._replace(conformal=Conformal(0.5, STEP))) == "difficulty"


def test_a_model_of_an_older_draft_of_the_format_is_refused(seal, unseal):
    header, arrays = unseal(to_bytes(model()))
    del header["conformal"]
    for older in (header, header | {"interval": 1.5}, header | {"conformal": 1.5}):
        with pytest.raises(ModelError, match=r"^the stored model is damaged: (keys|conformal)\.$"):
            from_bytes(seal(older, arrays))
