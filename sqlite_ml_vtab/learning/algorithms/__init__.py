"""ALGORITHMS: every algorithm by its SQL name, and how names and hyperparameters are checked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from sqlite_ml_vtab.errors import DeclarationError, choices, shown
from sqlite_ml_vtab.learning.algorithms.base import Algorithm
from sqlite_ml_vtab.learning.algorithms.bayes import BAYES
from sqlite_ml_vtab.learning.algorithms.dummy import DUMMY
from sqlite_ml_vtab.learning.algorithms.linear import LINEAR
from sqlite_ml_vtab.learning.algorithms.neighbors import NEIGHBORS
from sqlite_ml_vtab.learning.algorithms.trees import TREES

ALGORITHMS: dict[str, Algorithm] = {**DUMMY, **LINEAR, **TREES, **NEIGHBORS, **BAYES}

ALIASES = {"gaussian_nb": "naive_bayes"}
"""Names that users of other systems know."""

DEFAULT_ALGORITHM = {"classification": "random_forest", "regression": "random_forest"}
"""What learns when no algorithm is written: the best mean over small messy tables (benchmarks/defaults.py)."""

HOST_PARAMS = ("n_jobs", "verbose", "random_state")
"""Hyperparameters that the host program or the option ``seed`` sets, never a file."""

__all__ = ["ALGORITHMS", "ALIASES", "DEFAULT_ALGORITHM", "Algorithm", "check_hyperparams", "find_algorithm", "for_task"]


def for_task(task: str, algorithms: Mapping[str, Algorithm]) -> list[str]:
    """Return the names of the algorithms that have an estimator for `task`."""
    return [name for name, algorithm in algorithms.items() if task in algorithm.estimators]


def find_algorithm(name: str | None, task: str, algorithms: Mapping[str, Algorithm]) -> tuple[str, Algorithm]:
    """Return the algorithm called `name` (the default for None), by its own name.

    Raises DeclarationError with the nearest legal names.
    """
    wanted = DEFAULT_ALGORITHM[task] if name is None else ALIASES.get(name, name)
    algorithm = algorithms.get(wanted)
    legal = for_task(task, algorithms)
    if algorithm is None:
        raise DeclarationError(f"unknown algorithm {name!r}. {choices(wanted, legal, 'Algorithms')}")
    if task not in algorithm.estimators:
        raise DeclarationError(
            f"algorithm {name!r} is not for {task}. {choices(wanted, legal, f'{task.capitalize()} algorithms')}"
        )
    return wanted, algorithm


def check_hyperparams(name: str, task: str, algorithm: Algorithm, hyperparams: Mapping[str, Any]) -> None:
    """Refuse hyperparameters that the estimator does not have, and values that it does not take.

    Raises DeclarationError. Imports the estimator.
    """
    if not hyperparams:
        return
    estimator_class = algorithm.estimator_class(task)
    legal = sorted(set(inspect.signature(estimator_class).parameters) - set(HOST_PARAMS))
    for param in hyperparams:
        if param in HOST_PARAMS:
            instead = "option seed" if param == "random_state" else "the program that loads this extension"
            raise DeclarationError(f"hyperparameter {param!r} is set by {instead}. Leave it out.")
        if param not in legal:
            raise DeclarationError(
                f"algorithm {name!r} has no hyperparameter {param!r}. {choices(param, legal, 'Hyperparameters')}"
            )
    _check_values(name, estimator_class, hyperparams)


def _check_values(name: str, estimator_class: type, hyperparams: Mapping[str, Any]) -> None:
    """Check values by the estimator's own constraints, one by one, so that the sentence names the culprit."""
    for param, value in hyperparams.items():
        estimator = estimator_class(**{param: value})
        if not hasattr(estimator, "_parameter_constraints"):
            continue
        try:
            estimator._validate_params()
        except ValueError as error:
            expected = str(error).partition(" must be ")[2].partition(". Got ")[0]
            # It prints a set of texts, whose order changes from process to process.
            expected = re.sub(r"\{(.*?)\}", lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", expected)
            must = f" must be {expected}" if expected else " is not allowed"
            raise DeclarationError(
                f"hyperparameter {param!r} of {name!r}{must}, got {shown(value)}. Write another value."
            ) from None
