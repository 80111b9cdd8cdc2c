"""Decision trees and their ensembles. Where defaults are ours, docs/defaults.md says what was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlite_ml_vtab.learning.algorithms.base import Algorithm


def _pair(module: str, name: str) -> dict[str, str]:
    return {"classification": f"{module}:{name}Classifier", "regression": f"{module}:{name}Regressor"}


def _between(least: int, most: int, rows_each: int) -> Callable[[int, int], int]:
    """Return the default that is a share of the rows, one of so many, but at least `least` and `most` at most."""
    return lambda rows, width: max(least, min(most, rows // rows_each))


_FOREST: dict[str, Any] = {"defaults": {"min_samples_leaf": 2}, "task_defaults": {"regression": {"max_features": 0.5}}}

TREES = {
    "decision_tree": Algorithm(
        doc="One tree of yes/no questions.",
        family="trees",
        estimators=_pair("sklearn.tree", "DecisionTree"),
        defaults={"min_samples_leaf": _between(1, 10, 10)},
    ),
    "extra_tree": Algorithm(
        doc="One tree whose questions are drawn at random.",
        family="trees",
        estimators=_pair("sklearn.tree", "ExtraTree"),
    ),
    "random_forest": Algorithm(
        doc="The mean of 100 trees, each grown on a random draw of rows and features.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "RandomForest"),
        **_FOREST,
    ),
    "extra_trees": Algorithm(
        doc="The mean of 100 trees whose questions are drawn at random.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "ExtraTrees"),
        **_FOREST,
    ),
    "bagging": Algorithm(
        doc="The mean of 10 models, trees unless hyperparams name another estimator, each on a random draw of rows.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "Bagging"),
    ),
    "ada_boost": Algorithm(
        doc="Trees that each look harder at the rows the ones before got wrong.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "AdaBoost"),
    ),
    "gradient_boosting": Algorithm(
        doc="A sum of small trees, each fitted to what the ones before left over.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "GradientBoosting"),
        defaults={"learning_rate": 0.05, "subsample": 0.7, "max_features": 0.5},
    ),
    "hist_gradient_boosting": Algorithm(
        doc="Gradient boosting on binned values: fast on many rows, with its own way for missing numbers.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "HistGradientBoosting"),
        # scikit-learn's leaves of 20 rows learn nothing from 25 rows, and its 31 leaves too much from 1,000.
        defaults={
            "learning_rate": 0.05,
            "l2_regularization": 5.0,
            "max_features": 0.3,
        },
        task_defaults={
            "classification": {
                "max_iter": lambda rows, width: min(300, 150 + rows // 100),
                "max_leaf_nodes": _between(8, 31, 200),
                "min_samples_leaf": _between(1, 10, 20),
            },
            "regression": {
                "max_iter": lambda rows, width: min(300, 200 + rows // 100),
                "max_leaf_nodes": _between(8, 31, 50),
                "min_samples_leaf": _between(1, 10, 50),
            },
        },
        takes_nan=True,
    ),
}
