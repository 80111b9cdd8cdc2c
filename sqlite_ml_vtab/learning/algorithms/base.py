"""What the registry says of an algorithm. Nothing here imports scikit-learn before an estimator is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

from sqlite_ml_vtab.errors import DeclarationError

Default: TypeAlias = Any | Callable[[int, int], Any]
"""A hyperparameter's value, or a function from the number of rows to train on and of matrix columns."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm: its estimator for each task, and what it wants of the features."""

    doc: str
    """One sentence."""
    family: str | None
    """Its portable form, a key of portable.FAMILIES; None where it has none."""
    estimators: Mapping[str, str | type]
    """Task to the estimator's class, or to ``module:Class``, imported when it is first needed."""
    defaults: Mapping[str, Default] = field(default_factory=dict)
    """Where our default differs from the estimator's."""
    task_defaults: Mapping[str, Mapping[str, Default]] = field(default_factory=dict)
    """The same, by task, where the tasks differ."""
    scale: str = "none"
    """How numbers are scaled by default, a key of features.SCALERS: it measures distances or shrinks coefficients."""
    codes: bool = False
    """Whether it wants every feature as whole codes from 0."""
    takes_nan: bool = False
    """Whether it has its own way with missing numbers, so that they are not filled."""
    one_column: bool = False
    """Whether it reads a single matrix column, and so a single feature."""
    counts: bool = False
    """Whether it counts the terms of free text, each in a column of 0 and more; else text becomes a few topics."""
    extra: str = ""
    """The package that must be installed for it, '' for scikit-learn's own."""
    option_params: Mapping[str, str] = field(default_factory=dict)
    """The options of a task without a target that it takes, each as the hyperparameter that it sets."""
    max_rows: int = 0
    """It compares every row with every other, and is not fitted to more rows than this; 0 for no limit."""
    tolerance: float = 1e-9
    """How near the portable form must come to the estimator, relatively; 1e-6 where that computes in float32."""

    def estimator_class(self, task: str) -> type:
        """Return the estimator's class for `task`; a KeyError where it has none.

        Raises DeclarationError where the installed release of its library has dropped it.
        """
        found = self.estimators[task]
        if not isinstance(found, str):
            return found
        module, _, name = found.partition(":")
        loaded: type | None = getattr(import_module(module), name, None)
        if loaded is None:
            raise DeclarationError(f"{module} has no {name} in the release that is installed. Use another algorithm.")
        return loaded

    @property
    def is_installed(self) -> bool:
        """Whether the package it needs is there; told without importing it."""
        return not self.extra or find_spec(self.extra) is not None

    def default_params(self, task: str, rows: int, width: int = 1) -> dict[str, Any]:
        """Return our defaults for a fit on a matrix of so many rows and columns."""
        defaults = {**self.defaults, **self.task_defaults.get(task, {})}
        return {name: value(rows, width) if callable(value) else value for name, value in defaults.items()}
