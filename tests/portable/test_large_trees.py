"""Ensembles of many nodes: one row is walked without a list of each node, to the same bits."""

import tracemalloc

import numpy as np
import pytest

from sqlite_ml_vtab.portable.families import tree_scoring
from sqlite_ml_vtab.portable.families.tree_arrays import ensemble


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rounding", ["float32", "none"])
def test_a_large_ensemble_is_walked_as_a_small_one(monkeypatch, outputs, rounding):
    random = np.random.RandomState(outputs)
    trees = [
        {
            "left": np.array([1, 0, 3, 0, 0]),
            "right": np.array([2, 0, 4, 0, 0]),
            "feature": random.randint(0, 2, 5),
            "threshold": random.normal(size=5),
            "missing_left": random.randint(0, 2, 5),
        }
        for _ in range(9)
    ]
    values = [random.normal(size=(5, outputs)) for _ in trees]
    parameters = ensemble(trees, values, link="identity", rounding=rounding, width=outputs)
    asked = [*random.normal(size=(20, 2)).tolist(), [float("nan"), 0.1], [0.1, float("nan")]]
    listed = [tree_scoring.row(parameters)(row) for row in asked]
    monkeypatch.setattr(tree_scoring, "LISTED", 0)
    walk = tree_scoring.row(parameters)
    found = [walk(row) for row in asked]
    assert found == listed == tree_scoring.scores(parameters, np.array(asked)).tolist()
    assert {type(value) for row in found for value in row} == {float}


def test_the_first_row_of_a_large_ensemble_costs_no_memory(monkeypatch):
    count = 100_001
    inner = np.arange(count) % 2 == 0
    inner[-1] = False
    tree = {
        "left": np.where(inner, np.arange(count) + 1, 0),
        "right": np.where(inner, np.arange(count) + 2, 0),
        "feature": np.zeros(count),
        "threshold": np.zeros(count),
        "missing_left": np.zeros(count),
    }
    parameters = ensemble([tree], [np.ones((count, 1))], link="identity", rounding="none")
    monkeypatch.setattr(tree_scoring, "LISTED", count - 1)
    walk = tree_scoring.row(parameters)
    tracemalloc.start()
    assert walk([-1.0]) == [1.0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000
