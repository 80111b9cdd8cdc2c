"""What the tests of learning share: training rows and plans, made short."""

import pytest

from sqlite_ml_vtab.declaration import parse
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.learning.rows import collect
from sqlite_ml_vtab.learning.training import Plan


@pytest.fixture(scope="session")
def rows_of():
    """Collect rows (features, target, weight, split, group) of the declared columns; their ids are 1, 2, 3 ..."""

    def rows_of(columns, rows, task="classification"):
        numbered = [(number, *row) for number, row in enumerate(rows, 1)]
        return collect(parse(task, "t", columns), [numbered[:7], numbered[7:]])

    return rows_of


@pytest.fixture(scope="session")
def plan_of():
    """Plan a run of an algorithm, with the defaults of the options."""

    def plan_of(name, task="classification", **changes):
        options = {
            "hyperparams": {},
            "test_size": 0.25,
            "split": "stratified" if task == "classification" else "shuffle",
            "seed": 0,
            "class_weight": None,
            "threads": 1,
            "algorithm": ALGORITHMS.get(name),
            "algorithms": ALGORITHMS,
        }
        return Plan(task=task, name=name, **options | changes)

    return plan_of
