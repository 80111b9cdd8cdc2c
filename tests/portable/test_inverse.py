"""The way back to the target's unit, as scikit-learn has it."""

import math

import numpy as np
import pytest
from sklearn.preprocessing import PowerTransformer

from sqlite_ml_vtab.errors import ModelError, TrainingError
from sqlite_ml_vtab.learning.decisions import transform_target
from sqlite_ml_vtab.portable import Golden, Model, Scorer, from_bytes, to_bytes
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.inverse import INVERSES

NAN = math.nan


def line(inverse):
    """Return the model that predicts, on the scale it learned, the number it is asked with."""
    return Model(
        task="regression",
        encoder=Encoder((ColumnEncoding("x", "NUMBER", ("value",)),), np.zeros(1), np.zeros(1), np.ones(1)),
        labels=(),
        family="linear",
        parameters={"link": "identity", "coef": np.ones((1, 1)), "intercept": np.zeros(1)},
        golden=Golden((), ()),
        costs=np.empty((0, 0)),
        inverse=inverse,
    )


def back(inverse, values):
    name, parameters = inverse
    with np.errstate(all="ignore"):
        return INVERSES[name].many(np.asarray(values, dtype=float), *parameters)


# Yeo-Johnson

TARGETS = {
    "skewed to the right": np.random.RandomState(0).lognormal(size=50) * 1000,
    "skewed to the left": -np.random.RandomState(0).lognormal(size=50),
    "normal": np.random.RandomState(0).normal(size=50),
    "counts": np.arange(50.0),
    "far from 0": 1e6 + np.random.RandomState(0).lognormal(size=50),
    "of both signs": np.random.RandomState(0).standard_t(2, size=50),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_yeo_johnson_and_back_is_what_scikit_learns_power_transformer_does(kind):
    target = TARGETS[kind]
    bent, inverse = transform_target("yeo_johnson", target)
    fitted = PowerTransformer("yeo-johnson").fit(target[:, None])
    np.testing.assert_array_equal(bent, fitted.transform(target[:, None])[:, 0])
    asked = np.linspace(bent.min() - 0.5, bent.max() + 0.5, 101)
    with np.errstate(all="ignore"):
        expected = fitted.inverse_transform(asked[:, None])[:, 0]
    np.testing.assert_allclose(back(inverse, asked), expected, rtol=1e-12)
    # Zero has no relative distance: there it is that of the target's size.
    np.testing.assert_allclose(back(inverse, bent), target, rtol=1e-6, atol=1e-12 * np.abs(target).max())


@pytest.mark.parametrize("power", [0.0, 2.0, 1.0, 0.5, -1.5, 3.0, 1e-20])
def test_every_power_of_yeo_johnson_is_undone(power):
    fitted = PowerTransformer("yeo-johnson").fit([[1.0], [2.0], [4.0]])
    fitted.lambdas_ = np.array([power])
    inverse = ("yeo_johnson", (power, float(fitted._scaler.mean_[0]), float(fitted._scaler.scale_[0])))
    values = np.array([-3.0, -0.5, 0.0, 0.25, 5.0])
    np.testing.assert_allclose(back(inverse, fitted.transform(values[:, None])[:, 0]), values, rtol=1e-9, atol=1e-9)


def test_yeo_johnson_of_a_constant_target_gives_it_back():
    bent, inverse = transform_target("yeo_johnson", np.full(5, 3.0))
    np.testing.assert_allclose(back(inverse, bent), np.full(5, 3.0))


# Logarithm


@pytest.mark.parametrize("target", [[1.0, 10.0, 1e9], [0.5, 0.25], [0.0, 1.0, 99.0]])
def test_the_logarithm_is_undone(target):
    bent, inverse = transform_target("log", np.array(target))
    np.testing.assert_allclose(bent, np.log1p(target) if 0.0 in target else np.log(target))
    np.testing.assert_allclose(back(inverse, bent), target, rtol=1e-12, atol=1e-12)


def test_the_logarithm_of_a_negative_target_is_refused():
    with pytest.raises(TrainingError) as caught:
        transform_target("log", np.array([1.0, -2.5]))
    assert str(caught.value) == "target_transform='log' needs a target of 0 or more, got -2.5. Use 'yeo_johnson'."


def test_without_a_transform_nothing_changes():
    target = np.array([1.0, -2.5])
    bent, inverse = transform_target(None, target)
    assert bent is target
    assert inverse == ("none", ())
    assert back(inverse, target).tolist() == [1.0, -2.5]


# In a model


@pytest.mark.parametrize(
    "inverse", [("none", ()), ("log", (0.0,)), ("log", (1.0,)), ("yeo_johnson", (0.3, 1.5, 2.0))], ids=str
)
def test_one_row_is_brought_back_as_many_are(inverse):
    scorer = Scorer(from_bytes(to_bytes(line(inverse))))
    asked = [(-2.0,), (0.0,), (1.5,), (2.5,)]
    values, _ = scorer.many(asked)
    assert [scorer.one(row)[0] for row in asked] == values
    np.testing.assert_allclose(values, back(inverse, [x for (x,) in asked]))


def test_a_prediction_too_large_for_its_unit_is_infinite_and_no_error():
    scorer = Scorer(line(("log", (0.0,))))
    assert scorer.one((1e4,))[0] == math.inf
    assert scorer.many([(1e4,)])[0] == [math.inf]


@pytest.mark.parametrize(
    "inverse",
    [
        ("exp", ()),
        ("log", ()),
        ("log", (0.0, 1.0)),
        ("none", (1.0,)),
        ("yeo_johnson", (1.0, 0.0)),
        ("log", (math.inf,)),
        ("log", (NAN,)),
        ("log", ("0",)),
        ("log", (None,)),
        ("log", (True,)),
        ("log", ([0.0],)),
        (None, ()),
        (["log"], (0.0,)),
    ],
    ids=str,
)
def test_an_inverse_that_lies_is_refused(inverse):
    with pytest.raises(ModelError) as caught:
        to_bytes(line(inverse))
    assert str(caught.value) == "the stored model is damaged: inverse."


def test_a_class_has_no_unit_to_be_brought_back_to():
    parameters = {"link": "none", "coef": np.ones((2, 1)), "intercept": np.zeros(2)}
    model = line(("log", (0.0,)))._replace(task="classification", labels=("a", "b"), parameters=parameters)
    with pytest.raises(ModelError) as caught:
        to_bytes(model)
    assert str(caught.value) == "the stored model is damaged: inverse."
