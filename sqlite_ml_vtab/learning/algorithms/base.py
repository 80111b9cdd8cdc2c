"""What the registry says of an algorithm. Nothing here imports scikit-learn before an estimator is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias

Default: TypeAlias = Any | Callable[[int], Any]
"""A hyperparameter's value, or a function from the number of rows to train on."""


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
    scales: bool = False
    """Whether numbers are centred and scaled: it measures distances or shrinks coefficients."""
    takes_nan: bool = False
    """Whether it has its own way with missing numbers, so that they are not filled."""

    def estimator_class(self, task: str) -> type:
        """Return the estimator's class for `task`; a KeyError where it has none."""
        found = self.estimators[task]
        if not isinstance(found, str):
            return found
        module, _, name = found.partition(":")
        loaded: type = getattr(import_module(module), name)
        return loaded

    def default_params(self, task: str, rows: int) -> dict[str, Any]:
        """Return our defaults for a fit on so many rows."""
        defaults = {**self.defaults, **self.task_defaults.get(task, {})}
        return {name: value(rows) if callable(value) else value for name, value in defaults.items()}
