"""A model ready to answer: one row as many, and everything that is said beside the answer."""

import math

import numpy as np
import pytest

from sqlite_ml_vtab.errors import InputError
from sqlite_ml_vtab.portable import REFIT, Golden, Scorer
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.model import Model
from sqlite_ml_vtab.portable.values import MANY


def line(labels=(), link="identity", coef=((2.0,),), **more):
    """Return a linear model of one feature x."""
    coef = np.array(coef)
    column = ColumnEncoding("x", "NUMBER", ("value",), low=0.0, high=10.0)
    encoder = Encoder((column,), np.array([1.0]), np.zeros(1), np.ones(1))
    return Model(
        task="classification" if labels else "regression",
        encoder=encoder,
        labels=labels,
        family="linear",
        parameters={"link": link, "coef": coef, "intercept": np.zeros(len(coef))},
        golden=Golden((), ()),
        **{"costs": np.empty((0, 0))} | more,
    )


BINARY = line(("no", "yes"), "sigmoid", coef=((0.0,), (1.0,)))


def test_one_row_is_answered_as_many(model, rows):
    scorer = Scorer(model)
    values, scores = scorer.many(rows)
    ones = [scorer.one(row) for row in rows]
    assert [value for value, _ in ones] == values
    np.testing.assert_allclose([list(found) for _, found in ones], scores, rtol=1e-12, atol=1e-15)
    chances = scorer.probabilities(np.array(scores))
    if chances is None:
        assert {scorer.distribution(found) for _, found in ones} == {None}
    else:
        np.testing.assert_allclose([list(scorer.distribution(found)) for _, found in ones], chances)


def test_no_rows_are_no_answers(model):
    scorer = Scorer(model)
    assert scorer.many([]) == ([], [])
    scores = scorer.scores([MANY[kind](name, ()) for name, kind in model.features])
    assert scores.shape == (0, model.outputs)
    assert scorer.values(scores) == []
    assert not scorer.has_probabilities or scorer.probabilities(scores).shape == (0, 3)


def test_a_label_is_answered_in_its_stored_type():
    scorer = Scorer(line((1, "1"), "sigmoid", coef=((0.0,), (1.0,))))
    assert [scorer.one([x])[0] for x in (-5, 5)] == [1, "1"]
    assert scorer.many([[-5], [5]])[0] == [1, "1"]


def test_between_classes_that_are_alike_the_first_is_answered():
    assert Scorer(BINARY).one([0])[0] == "no"
    assert Scorer(BINARY).many([[0]])[0] == ["no"]


def test_a_number_is_answered_behind_its_link():
    scorer = Scorer(line(link="exp"))
    assert scorer.one([1.5])[0] == math.exp(3.0)
    assert scorer.many([[1.5]])[0] == [pytest.approx(math.exp(3.0))]


def test_null_is_answered_with_what_training_filled_in():
    assert Scorer(line()).one([None])[0] == 2.0


def test_probabilities_are_known_for_labels_whose_algorithm_has_them():
    scorer = Scorer(BINARY)
    assert scorer.has_probabilities
    assert scorer.distribution([0.0, 0.0]) == (0.5, 0.5)
    assert scorer.probabilities(np.zeros((1, 2))).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("model", [line(), line(("no", "yes"), "none", coef=((0.0,), (1.0,)))])
def test_there_are_no_probabilities_of_numbers_and_of_votes(model):
    scorer = Scorer(model)
    assert not scorer.has_probabilities
    assert scorer.distribution([0.0, 1.0]) is None
    assert scorer.probabilities(np.zeros((1, 2))) is None


def test_a_warning_is_one_text_or_null():
    assert Scorer(line()).warning([5]) is None
    assert Scorer(line()).warning([11]) == "x: 11 is outside the training range, 0 to 10"


def test_warnings_of_several_columns_are_joined(models, rows):
    assert Scorer(models["linear"]).warning([5, "green", None, None]) == (
        "size: 5 is outside the training range, -1 to 1; colour: 'green' was not seen in training"
    )


def test_a_value_that_cannot_be_read_is_refused_alike_for_one_and_many():
    for ask in (lambda: Scorer(line()).one(["5"]), lambda: Scorer(line()).many([["5"]])):
        with pytest.raises(InputError) as caught:
            ask()
        assert (
            str(caught.value)
            == "column 'x' is NUMBER, got '5'. Write it as a number, CAST(... AS REAL), or declare the column without a type."
        )


def test_a_model_without_a_portable_form_asks_its_refitted_estimator():
    model = line()._replace(family=REFIT, parameters={"link": "identity"})
    scorer = Scorer(model, lambda matrix: matrix * 3)
    assert scorer.one([2]) == (6.0, [6.0])
    assert scorer.many([[2], [3]])[0] == [6.0, 9.0]


def test_a_model_without_a_portable_form_is_not_made_ready_without_its_estimator():
    with pytest.raises(ValueError, match="needs its refitted estimator"):
        Scorer(line()._replace(family=REFIT, parameters={"link": "identity"}))


@pytest.mark.parametrize("value", [1.7e308, -1.7e308])
def test_a_value_so_large_that_arithmetic_overflows_is_answered_alike_and_without_a_warning(models, value):
    for family, model in models.items():
        scorer = Scorer(model)
        label, scores = scorer.one([value, None, None, None])
        labels, many = scorer.many([[value, None, None, None]])
        assert repr(list(scores)) == repr(many[0]), family
        assert repr([label]) == repr(labels)
        assert repr(list(scorer.distribution(scores) or ())) == repr(_chances(scorer, many))


def _chances(scorer, scores):
    """Return the probabilities of the one row in `scores`, none where the model has none."""
    found = scorer.probabilities(np.array(scores))
    return [] if found is None else found[0].tolist()


@pytest.mark.parametrize("scores", [[0.0, math.nan, 1.0], [math.nan, 0.0, 1.0], [0.0, 1.0, math.nan], [math.nan] * 3])
def test_where_a_decision_value_is_nan_one_row_and_many_answer_the_same_label(scores):
    model = line(("a", "b", "c"), "none")._replace(family=REFIT, parameters={"link": "none"})
    scorer = Scorer(model, lambda matrix: np.array([scores] * len(matrix)))
    assert scorer.many([[1], [2]])[0] == [scorer.one([1])[0]] * 2
