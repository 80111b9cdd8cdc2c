"""The nearest rows by products of matrices: the very rows that measuring every distance finds, whatever the numbers."""

import warnings

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.nearest_rows import LEAST_ROWS, NearestRows, serves
from sqlite_ml_vtab.portable.families.neighbors import nearest

NEIGHBORS = FAMILIES["neighbors"]

ROWS = {
    "numbers": lambda generator: generator.normal(size=(500, 5)),
    "ties": lambda generator: generator.randint(3, size=(500, 3)).astype(float),
    "one value": lambda generator: np.ones((400, 2)),
    "one column": lambda generator: generator.normal(size=(300, 1)),
    "far from the origin": lambda generator: generator.normal(size=(300, 3)) + 1e9,
    "of many sizes": lambda generator: generator.normal(size=(300, 3)) * 10.0 ** np.array([-6, 0, 9]),
}


@pytest.mark.parametrize("k", [1, 5, 12])
@pytest.mark.parametrize("name", ROWS)
def test_the_nearest_are_those_of_all_measured_distances(name, k):
    rows = ROWS[name](np.random.RandomState(0))
    found = NearestRows(rows, k)
    asked = np.concatenate([rows[:20], rows[:20] + rows.std() / 3, -rows[:20], rows[:5] * 1e6])
    total = np.zeros((len(asked), len(rows)))
    for column, values in zip(rows.T, asked.T, strict=True):
        total += (values[:, None] - column) ** 2
    places, measured = nearest(total, k)
    for ours in (
        found.of_many(asked),
        [np.array(each) for each in zip(*map(found.of_one, asked.tolist()), strict=True)],
    ):
        assert np.array_equal(ours[0], places)
        assert np.array_equal(ours[1], measured)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("estimator", [KNeighborsClassifier, KNeighborsRegressor])
def test_answers_are_the_same_one_by_one_and_together(estimator, weights):
    generator = np.random.RandomState(1)
    X = generator.normal(size=(400, 4)).round(1)
    model = estimator(weights=weights).fit(X, generator.randint(3, size=400))
    parameters = NEIGHBORS.extract(model)
    one, many = NEIGHBORS.ready(parameters)
    asked = np.concatenate([X[:30], generator.normal(size=(30, 4))])
    expected = NEIGHBORS.scores(parameters, asked)
    assert np.array_equal(many(asked), expected)
    assert np.array_equal(np.array([one(x) for x in asked.tolist()]), expected)
    assert many(asked[:0]).shape == (0, expected.shape[1])


def test_numbers_too_large_for_products_are_measured_the_long_way():
    X = np.random.RandomState(0).normal(size=(LEAST_ROWS, 2))
    parameters = NEIGHBORS.extract(KNeighborsClassifier(3).fit(X, np.arange(LEAST_ROWS) % 2))
    one, many = NEIGHBORS.ready(parameters)
    asked = np.array([[1e200, 0.0], [-1e308, 1e308], [np.inf, 0.0], [np.nan, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = [list(one(x)) for x in asked.tolist()]
    with np.errstate(all="ignore"):
        assert np.array_equal(many(asked), NEIGHBORS.scores(parameters, asked), equal_nan=True)
        assert np.array_equal(np.array(said), NEIGHBORS.scores(parameters, asked), equal_nan=True)


def test_few_rows_or_many_neighbours_are_not_looked_for_so():
    rows = np.zeros((LEAST_ROWS, 2))
    assert serves(rows, LEAST_ROWS // 16)
    assert not serves(rows, LEAST_ROWS // 16 + 1)
    assert not serves(rows[1:], 1)
    assert not serves(rows, 0)
    assert not serves(rows + 1e141, 1)


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
