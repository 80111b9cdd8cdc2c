"""SYSTEMS: what users of other systems write for an algorithm, and what we have for it or why not.

Read from rclement/sqlite-ml (sqlite_ml/sqml.py), postgresml/postgresml (pgml-extension/src/orm/model.rs) and the
reference of BigQuery ML's CREATE MODEL. The names stand as they are: what a user knows is what is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, find_algorithm

SYSTEMS: dict[str, dict[str, tuple[str, ...]]] = {
    "sqlite-ml": {
        "classification": (
            *("dummy", "logistic_regression", "sgd", "ridge", "ridge_cv", "decision_tree", "ada_boost", "bagging"),
            *("gradient_boosting", "random_forest", "knn", "mlp", "svc"),
        ),
        "regression": (
            *("dummy", "linear_regression", "sgd", "ridge", "ridge_cv", "elastic_net", "elastic_net_cv", "lasso"),
            *("lasso_cv", "decision_tree", "ada_boost", "bagging", "gradient_boosting", "random_forest", "knn", "mlp"),
            "svr",
        ),
    },
    "PostgresML": {
        "classification": (
            *("linear", "svm", "ridge", "random_forest", "xgboost", "xgboost_random_forest"),
            *("stochastic_gradient_descent", "perceptron", "passive_aggressive", "gaussian_process", "nu_svm"),
            *("ada_boost", "bagging", "extra_trees", "gradient_boosting_trees", "hist_gradient_boosting", "linear_svm"),
            *("lightgbm", "catboost"),
        ),
        "regression": (
            *("linear", "lasso", "svm", "elastic_net", "ridge", "random_forest", "xgboost", "xgboost_random_forest"),
            *("orthogonal_matching_pursuit", "bayesian_ridge", "automatic_relevance_determination"),
            *("stochastic_gradient_descent", "passive_aggressive", "ransac", "theil_sen", "huber", "quantile"),
            *("kernel_ridge", "gaussian_process", "nu_svm", "ada_boost", "bagging", "extra_trees"),
            *("gradient_boosting_trees", "hist_gradient_boosting", "least_angle", "lasso_least_angle", "linear_svm"),
            *("lightgbm", "catboost"),
        ),
    },
    "BigQuery ML": {
        "classification": (
            *("logistic_reg", "boosted_tree_classifier", "random_forest_classifier", "dnn_classifier"),
            *("dnn_linear_combined_classifier", "automl_classifier"),
        ),
        "regression": (
            *("linear_reg", "boosted_tree_regressor", "random_forest_regressor", "dnn_regressor"),
            *("dnn_linear_combined_regressor", "automl_regressor"),
        ),
    },
}
"""By system and task, the names of its algorithms, in its own order."""

_WIDE = "a linear model and a network fitted as one, which scikit-learn has not; nearest: `stacking` of the two"
_AUTO = "no algorithm but a search by a service; nearest: the default, `random_forest`"
_BOOST = (
    "a library of 100 MB whose models have no portable form; a host program that has it "
    "[hands it over](adding-an-algorithm.md#in-your-program); nearest: `lightgbm`, `hist_gradient_boosting`"
)
MISSING: dict[str, str] = {
    "catboost": _BOOST,
    "dnn_linear_combined_classifier": _WIDE,
    "dnn_linear_combined_regressor": _WIDE,
    "automl_classifier": _AUTO,
    "automl_regressor": _AUTO,
}
"""The names that we have nothing for, and why."""


def pairs() -> Iterator[tuple[str, str, str, str]]:
    """Yield (system, task, its name, ours) for every name, '' for those that are MISSING."""
    for system, tasks in SYSTEMS.items():
        for task, names in tasks.items():
            for name in names:
                yield system, task, name, "" if name in MISSING else find_algorithm(name, task, ALGORITHMS)[0]


def table() -> str:
    """Return the names side by side, as Markdown."""
    lines = ["| system | task | written there | here |", "| --- | --- | --- | --- |"]
    for system, task, name, ours in pairs():
        same = (
            "the same" if ours == name else f"the same, an alias of `{ours}`" if ours else f"missing: {MISSING[name]}"
        )
        lines.append(f"| {system} | {task} | `{name}` | {same} |")
    return "\n".join(lines) + "\n"
