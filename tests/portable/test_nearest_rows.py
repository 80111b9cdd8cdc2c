"""The nearest rows by products of matrices: the very rows that measuring every distance finds, whatever the numbers."""

import sys
import warnings

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

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


@pytest.mark.parametrize(
    ("family", "ask"), [("neighbors", "scores"), ("neighbors", "ambiguous"), ("centres", "scores")]
)
def test_no_call_measures_so_many_distances_that_an_interrupt_waits_for_it(monkeypatch, family, ask):
    rows = np.random.RandomState(0).normal(size=(2_000, 3))
    parameters = {
        "neighbors": {"rows": rows, "targets": rows[:, :1], "neighbors": 5, "radius": 0.0, "outlier": -1, "power": 2}
        | {"link": "identity", "weights": "uniform"},
        "centres": {"centres": rows, "owners": np.arange(len(rows), dtype="<i4")},
    }[family]
    home = sys.modules[FAMILIES[family].scores.__module__]
    sizes, measure = [], home.distances
    monkeypatch.setattr(home, "distances", lambda *args: sizes.append(measure(*args).size) or measure(*args))
    getattr(FAMILIES[family], ask)(parameters, rows)
    assert sum(sizes) == len(rows) ** 2
    assert max(sizes) <= 2**19
