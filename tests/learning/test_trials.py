"""The rows on which an estimator is tried."""

import numpy as np

from sqlite_ml_vtab.learning.trials import drawn, with_ends


def test_few_rows_are_all_tried():
    matrix = np.arange(20.0).reshape(10, 2)
    assert drawn(matrix, 10).tolist() == with_ends(matrix, 10).tolist() == list(range(10))


def test_of_many_rows_as_many_are_drawn_the_same_each_time_and_spread_over_all():
    matrix = np.zeros((1000, 2))
    places = drawn(matrix, 50, seed=1)
    assert 40 <= len(places) <= 50
    assert places.tolist() == drawn(matrix, 50, seed=1).tolist() == sorted(set(places.tolist()))
    assert places[0] < 200
    assert places[-1] > 800


def test_the_ends_of_each_column_and_what_is_missing_are_tried():
    matrix = np.random.RandomState(0).normal(size=(1000, 3))
    matrix[7, 0], matrix[13, 0], matrix[21, 1], matrix[34, 2] = 9.0, -9.0, 9.0, np.nan
    assert {7, 13, 21, 34} <= set(with_ends(matrix, 5).tolist())
