"""Families with a way of their own for one row: it says what many rows together do, of numbers that overflow too."""

import warnings

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sqlite_ml_vtab.portable.families import FAMILIES


def close(family, model, matrix):
    """Require that one row at a time says what many together do."""
    parameters = FAMILIES[family].extract(model)
    one, many = FAMILIES[family].ready(parameters)
    with np.errstate(all="ignore"):
        expected = many(matrix)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = np.array([one(x) for x in matrix.tolist()])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))


LARGE = [[1e200, 1.0, -1e200], [1e308, -1e308, 0.0], [-1e160, 0.0, 0.0], [1e9, -1e9, 1e-9]]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("layers", [(), (7,), (5, 4, 3)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_network_says_the_same_of_one_row_as_of_many(classes, layers, activation):
    generator = np.random.RandomState(2)
    X, y = generator.normal(size=(60, 3)), np.arange(60) % classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPClassifier(layers, activation=activation, max_iter=20, random_state=0).fit(X, y)
        number = MLPRegressor(hidden_layer_sizes=layers, activation=activation, max_iter=20, random_state=0).fit(X, y)
    for each in (model, number):
        close("mlp", each, X)
        if activation == "relu" and layers:
            parameters = FAMILIES["mlp"].extract(each)
            one = FAMILIES["mlp"].row(parameters)
            with np.errstate(all="ignore"):
                expected = FAMILIES["mlp"].scores(parameters, np.array(LARGE))
            np.testing.assert_allclose([one(x) for x in LARGE], expected, rtol=1e-9)


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_naive_bayes_says_the_same_of_one_row_as_of_many(shift):
    generator = np.random.RandomState(2)
    X, y = generator.normal(size=(60, 3)) + shift, np.arange(60) % 3
    close("bayes", GaussianNB().fit(X, y), np.concatenate([X, X + 5.0, X[:4] + np.array(LARGE)]))


@pytest.mark.parametrize("centre", [0.0, 50.0, 1e6, 1e12])
@pytest.mark.parametrize("classes", [2, 3])
def test_naive_bayes_keeps_its_digits_far_from_zero(centre, classes):
    from sqlite_ml_vtab.portable.families.bayes import BAYES

    random = np.random.RandomState(0)
    parameters = {
        "mean": centre + random.normal(size=(classes, 5)),
        "variance": random.uniform(0.5, 2, size=(classes, 5)),
        "offset": random.normal(size=classes),
    }
    matrix = np.concatenate([centre + random.normal(size=(30, 5)) * 3, np.full((1, 5), 1e300), np.zeros((1, 5))])
    with np.errstate(all="ignore"):
        expected = BAYES.scores(parameters, matrix)
    one = BAYES.row(parameters)
    np.testing.assert_allclose([list(one(x)) for x in matrix.tolist()], expected, rtol=1e-11)
