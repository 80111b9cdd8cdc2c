"""ALGORITHMS: every algorithm by its SQL name, and how names and hyperparameters are checked."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlite_ml_vtab.declaration.tasks import COMPONENTS
from sqlite_ml_vtab.errors import LISTED, DeclarationError, choices, nearest, shown
from sqlite_ml_vtab.learning.algorithms.anomalies import ANOMALIES
from sqlite_ml_vtab.learning.algorithms.base import Algorithm
from sqlite_ml_vtab.learning.algorithms.bayes import BAYES
from sqlite_ml_vtab.learning.algorithms.boosters import BOOSTERS
from sqlite_ml_vtab.learning.algorithms.clusters import CLUSTERS
from sqlite_ml_vtab.learning.algorithms.combined import COMBINED
from sqlite_ml_vtab.learning.algorithms.curves import CURVES
from sqlite_ml_vtab.learning.algorithms.dummy import DUMMY
from sqlite_ml_vtab.learning.algorithms.kernels import KERNELS
from sqlite_ml_vtab.learning.algorithms.linear import LINEAR
from sqlite_ml_vtab.learning.algorithms.neighbors import NEIGHBORS
from sqlite_ml_vtab.learning.algorithms.networks import NETWORKS
from sqlite_ml_vtab.learning.algorithms.projections import PROJECTIONS
from sqlite_ml_vtab.learning.algorithms.trees import TREES

ALGORITHMS: dict[str, Algorithm] = {
    **DUMMY,
    **LINEAR,
    **TREES,
    **NEIGHBORS,
    **BAYES,
    **KERNELS,
    **NETWORKS,
    **CURVES,
    **COMBINED,
    **BOOSTERS,
    **CLUSTERS,
    **ANOMALIES,
    **PROJECTIONS,
}

ALIASES: dict[str, tuple[str, ...]] = {
    "automatic_relevance_determination": ("ard",),
    "boosted_tree_classifier": ("hist_gradient_boosting",),
    "boosted_tree_regressor": ("hist_gradient_boosting",),
    "dnn_classifier": ("mlp",),
    "dnn_regressor": ("mlp",),
    "gmm": ("gaussian_mixture",),
    "gradient_boosting_trees": ("gradient_boosting",),
    "hierarchical": ("agglomerative",),
    "ica": ("fast_ica",),
    "k_means": ("kmeans",),
    "k_nearest_neighbors": ("knn",),
    "k_neighbors": ("knn",),
    "lasso_least_angle": ("lasso_lars",),
    "least_angle": ("lars",),
    "linear": ("logistic_regression", "linear_regression"),
    "linear_discriminant_analysis": ("lda",),
    "linear_reg": ("linear_regression",),
    "linear_svm": ("linear_svc", "linear_svr"),
    "lof": ("local_outlier_factor",),
    "logistic": ("logistic_regression",),
    "logistic_reg": ("logistic_regression",),
    "multilayer_perceptron": ("mlp",),
    "naive_bayes": ("gaussian_nb",),
    "nu_svm": ("nu_svc", "nu_svr"),
    "orthogonal_matching": ("orthogonal_matching_pursuit",),
    "quadratic_discriminant_analysis": ("qda",),
    "random_forest_classifier": ("random_forest",),
    "random_forest_regressor": ("random_forest",),
    "stochastic_gradient_descent": ("sgd",),
    "support_vector_machine": ("svc", "svr"),
    "svd": ("truncated_svd",),
    "svm": ("svc", "svr"),
}
"""Names that users of PostgresML, BigQuery ML and the literature know; of several algorithms, that for the task."""

DEFAULT_ALGORITHM = {
    "classification": "hist_gradient_boosting",
    "regression": "hist_gradient_boosting",
    "forecast": "ridge",
    "clustering": "kmeans",
    "anomaly": "isolation_forest",
    "projection": "pca",
}
"""What learns when no algorithm is written: the best mean over small messy tables (docs/defaults.md),
or over real series (docs/forecasting.md).

Without a target, where nothing can tell which is best, the one that everybody knows.
"""

HOST_PARAMS = ("n_jobs", "verbose", "random_state")
"""Hyperparameters that the host program or the option ``seed`` sets, never a file."""

MEMBERS = {"estimator", "estimators", "final_estimator"}
"""The hyperparameters that name other algorithms."""

MAX_DEPTH = 3
"""So deep algorithms may be named within algorithms: a portable model nests no deeper."""

__all__ = [
    "ALGORITHMS",
    "ALIASES",
    "DEFAULT_ALGORITHM",
    "OPTION_PARAMS",
    "Algorithm",
    "check_hyperparams",
    "check_option_params",
    "find_algorithm",
    "for_task",
]


def for_task(task: str, algorithms: Mapping[str, Algorithm]) -> list[str]:
    """Return the names of the algorithms that have an estimator for `task`."""
    return [name for name, algorithm in algorithms.items() if task in algorithm.estimators]


def find_algorithm(
    name: str | None, task: str, algorithms: Mapping[str, Algorithm], default: str = ""
) -> tuple[str, Algorithm]:
    """Return the algorithm called `name` (for None `default`, or that of the task), by its own name.

    Raises DeclarationError with the nearest legal names.
    """
    wanted = default or DEFAULT_ALGORITHM[task] if name is None else _meant(name, task, algorithms)
    algorithm = algorithms.get(wanted)
    legal = for_task(task, algorithms)
    if algorithm is None:
        raise DeclarationError(f"unknown algorithm {name!r}. {choices(wanted, legal, 'Algorithms')}")
    if task not in algorithm.estimators:
        raise DeclarationError(
            f"algorithm {name!r} is not for {task}. {choices(wanted, legal, f'{task.capitalize()} algorithms')}"
        )
    if not algorithm.is_installed:
        raise DeclarationError(
            f"algorithm {name!r} needs a package that is not installed. "
            f"Run: pip install 'sqlite-ml-vtab[{algorithm.extra}]'."
        )
    return wanted, algorithm


def check_features(name: str, algorithm: Algorithm, features: int) -> None:
    """Refuse more features than the algorithm reads; raise DeclarationError."""
    if algorithm.one_column and features > 1:
        raise DeclarationError(f"algorithm {name!r} reads one feature, got {features}. Declare the others KEY.")


def check_option_params(name: str, algorithm: Algorithm, options: Mapping[str, Any]) -> None:
    """Refuse an option that sets no hyperparameter of the algorithm, or contradicts one; raise DeclarationError."""
    hyperparams = options.get("hyperparams", {})
    stated = {"components": COMPONENTS} if "components" in algorithm.option_params else {}
    stated |= options
    for option in OPTION_PARAMS:
        param = algorithm.option_params.get(option)
        if param is None and option in options:
            raise DeclarationError(f"algorithm {name!r} takes no {option}: {OPTION_PARAMS[option]}. Leave it out.")
        if param in hyperparams and stated.get(option, hyperparams[param]) != hyperparams[param]:
            raise DeclarationError(
                f"{option} is {shown(stated[option])} and hyperparameter {param!r} is {shown(hyperparams[param])}. "
                "Write the option alone."
            )


OPTION_PARAMS = {
    "clusters": "it finds their number itself",
    "contamination": "it sets its threshold itself",
    "components": "its components are not counted",
}
"""The options that set a hyperparameter, and why an algorithm may have none for it."""


def _meant(name: str, task: str, algorithms: Mapping[str, Algorithm]) -> str:
    """Return `name`, or what it is an alias of: the algorithm for `task`, if one of them is."""
    meant = ALIASES.get(name, (name,))
    return next((one for one in meant if one in algorithms and task in algorithms[one].estimators), meant[0])


def check_hyperparams(
    name: str,
    task: str,
    algorithms: Mapping[str, Algorithm],
    hyperparams: Mapping[str, Any],
    depth: int = MAX_DEPTH,
) -> None:
    """Refuse hyperparameters that the estimator does not have, and values that it does not take.

    `depth` is how deep algorithms may be named within algorithms. Raises DeclarationError. Imports the estimator.
    """
    if not hyperparams:
        return
    estimator_class = algorithms[name].estimator_class(task)
    legal = sorted(legal_hyperparams(estimator_class) - set(HOST_PARAMS))
    for param in hyperparams:
        if param in HOST_PARAMS:
            instead = "option seed" if param == "random_state" else "the program that loads this extension"
            raise DeclarationError(f"hyperparameter {param!r} is set by {instead}. Leave it out.")
        if param not in legal:
            raise DeclarationError(
                f"algorithm {name!r} has no hyperparameter {param!r}. {choices(param, legal, 'Hyperparameters')}"
            )
    plain = {param: value for param, value in hyperparams.items() if param not in MEMBERS}
    _check_values(name, estimator_class, plain)
    for param in MEMBERS & hyperparams.keys():
        if not depth:
            raise DeclarationError(
                f"hyperparameter {param!r} of {name!r} names algorithms more than {MAX_DEPTH} deep. Name simpler ones."
            )
        for member, its_params in members(name, param, hyperparams[param]):
            found, _ = find_algorithm(member, task, algorithms)
            check_hyperparams(found, task, algorithms, its_params, depth - 1)


def legal_hyperparams(estimator_class: type) -> set[str]:
    """Return the names of an estimator's hyperparameters, also of those that hide them behind ``**kwargs``."""
    get = getattr(estimator_class, "_get_param_names", None)
    if get is not None and estimator_class.__module__.startswith(("lightgbm", "xgboost")):
        return set(estimator_class().get_params())
    return set(inspect.signature(estimator_class).parameters)


def known_defaults(estimator_class: type, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of our `defaults` that the installed release of the estimator has: one may be of a later one."""
    known = inspect.signature(estimator_class).parameters
    takes_any = any(param.kind is inspect.Parameter.VAR_KEYWORD for param in known.values())
    return {name: value for name, value in defaults.items() if takes_any or name in known}


def members(name: str, param: str, value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the (algorithm, hyperparameters) pairs that a value of one of MEMBERS names.

    Each is a name, or an object {"algorithm": name, "hyperparams": {...}}. Raises DeclarationError.
    """
    listed = value if param == "estimators" and isinstance(value, list | tuple) else [value]
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in listed:
        asked: Any = {"algorithm": entry} if isinstance(entry, str) else entry
        if not _is_member(asked):
            raise DeclarationError(
                f"hyperparameter {param!r} of {name!r} names algorithms, got {shown(entry)}. "
                'Write "knn" or {"algorithm": "knn", "hyperparams": {...}}.'
            )
        found.append((asked["algorithm"].strip().lower(), asked.get("hyperparams", {})))
    if not found:
        raise DeclarationError(f"hyperparameter {param!r} of {name!r} names no algorithm. Name at least one.")
    return found


def _is_member(entry: Any) -> bool:
    if not isinstance(entry, dict) or not {"algorithm"} <= entry.keys() <= {"algorithm", "hyperparams"}:
        return False
    return isinstance(entry["algorithm"], str) and isinstance(entry.get("hyperparams", {}), dict)


def _check_values(name: str, estimator_class: type, hyperparams: Mapping[str, Any]) -> None:
    """Check values by the estimator's own constraints, one by one, so that the sentence names the culprit."""
    known = inspect.signature(estimator_class).parameters
    needed: dict[str, Any] = {
        param: [] for param in MEMBERS & known.keys() if known[param].default is inspect.Parameter.empty
    }
    for param, value in hyperparams.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = estimator_class(**needed | {param: value})
        # XGBoost's classes inherit the check, and say nothing of what it would check.
        if not hasattr(estimator, "_parameter_constraints"):
            continue
        try:
            estimator._validate_params()
        except ValueError as error:
            expected = str(error).partition(" must be ")[2].partition(". Got ")[0]
            expected = re.sub(r"\{.*?\}", partial(_choice, value), expected)
            must = f" must be {expected}" if expected else " is not allowed"
            raise DeclarationError(
                f"hyperparameter {param!r} of {name!r}{must}, got {shown(value)}. Write another value."
            ) from None


def _choice(value: Any, found: re.Match[str]) -> str:
    """Return a set of texts of scikit-learn's, whose order changes from process to process; of many the nearest."""
    words = sorted(found[0][1:-1].split(", "))
    if len(words) > LISTED:
        return f"{{{', '.join(nearest(shown(value), words))} and {len(words) - 3} more}}"
    return f"{{{', '.join(words)}}}"
