"""TASKS: what can be learned, each a module of CREATE VIRTUAL TABLE, and all that differs between them as data.

Whoever needs to know asks the task; nobody compares its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

COMPONENTS = 2
"""So many components has a projection that does not say."""


class Task(NamedTuple):
    """One task."""

    name: str
    module: str
    """What stands behind USING."""
    doc: str
    """One sentence."""
    main: str
    """The metric by which versions are compared, greater is better; '' where none can tell which is better."""
    split: str
    """How rows are divided where neither the option nor a column says."""
    says: Callable[[Mapping[str, Any]], tuple[str, ...]]
    """The declared options to the hidden columns that a prediction fills, beside ``warning``."""
    has_target: bool = True
    """Whether it learns to predict a column; without one, what it says stands in the hidden columns alone."""
    has_labels: bool = False
    """Whether what it says is one of some labels, and not a number."""
    lacks: tuple[str, ...] = ()
    """The options that mean nothing to it, beside those that belong to another task (see `options.FOR_TASK`)."""
    has_series: bool = False
    """Whether rows are the steps of series, told apart by GROUP columns and put in order by the ORDER column."""
    learner: str = ""
    """The task whose algorithms learn it; '' for its own."""
    arguments: tuple[str, ...] = ()
    """What a call is given in place of features."""


def _of_target(options: Mapping[str, Any]) -> tuple[str, ...]:
    return ("probability", "probabilities", "lower", "upper", "probable")


def components(options: Mapping[str, Any]) -> int:
    """Return how many components the declared `options` of a projection ask for."""
    return int(options.get("components", COMPONENTS))


def _components(options: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"pc{number}" for number in range(1, components(options) + 1))


_WITHOUT_TARGET: Mapping[str, Any] = {
    "split": "none",
    "has_target": False,
    "lacks": ("test_size", "confidence", "sample", "fit"),
}

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "classification",
            "ml_classification",
            "Which of some classes a row belongs to.",
            main="accuracy",
            split="stratified",
            says=_of_target,
            has_labels=True,
        ),
        Task(
            "regression",
            "ml_regression",
            "Which number belongs to a row.",
            main="r2_score",
            split="shuffle",
            says=_of_target,
        ),
        Task(
            "clustering",
            "ml_clustering",
            "Which rows belong together.",
            main="silhouette",
            says=lambda options: ("cluster", "distance"),
            has_labels=True,
            **_WITHOUT_TARGET,
        ),
        Task(
            "anomaly",
            "ml_anomaly",
            "Which rows are unlike the others.",
            main="",
            says=lambda options: ("is_anomaly", "anomaly_score"),
            **_WITHOUT_TARGET,
        ),
        Task(
            "projection",
            "ml_projection",
            "Few numbers that say most of what many columns say.",
            main="explained_variance_ratio",
            says=_components,
            **_WITHOUT_TARGET,
        ),
        Task(
            "forecast",
            "ml_forecast",
            "Which numbers follow in a series.",
            main="skill",
            split="last",
            says=lambda options: ("lower", "upper", "ahead"),
            has_series=True,
            learner="regression",
            arguments=("start", "horizon", "of_series"),
        ),
    )
}
"""By name."""

MODULES: dict[str, str] = {task.module: task.name for task in TASKS.values()}
"""The modules of CREATE VIRTUAL TABLE ... USING, and the task of each."""
