"""The target and the weights of the training rows, as an estimator takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import Role
from sqlite_ml_vtab.errors import InputError, TrainingError, choices, shown
from sqlite_ml_vtab.learning.rows import MAX_NUMBER, TrainingRows
from sqlite_ml_vtab.portable.model import Label
from sqlite_ml_vtab.portable.values import Floats, looks_numeric, number


@dataclass(frozen=True, slots=True)
class Target:
    """The target of n rows."""

    labels: tuple[Label, ...]
    """The classes as they are stored, sorted; empty for regression."""
    answers: np.ndarray[Any, Any]
    """Shape (n,): places in `labels` (-1 for a class that is not among them), or float64 numbers."""
    stored: Sequence[Any]
    """The target as it is stored."""
    notes: tuple[str, ...] = ()

    @property
    def codes(self) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """The classes of the rows, None for regression."""
        return self.answers if self.labels else None

    def of_part(self, train: np.ndarray[Any, Any]) -> Target:
        """Return the target with only the classes that the rows at `train` have.

        Raises TrainingError where those rows have one class only.
        """
        if not self.labels:
            return self
        seen = np.flatnonzero(np.bincount(self.answers[train])).tolist()
        if len(seen) < 2:
            raise TrainingError(
                f"the train part holds only the class {shown(self.labels[seen[0]])}. "
                "Insert rows of another class, or use split='stratified' or split='none'."
            )
        places = np.full(len(self.labels), -1)
        places[seen] = np.arange(len(seen))
        lost = [label for place, label in enumerate(self.labels) if places[place] < 0]
        notes = (f"class {shown(lost[0])} stands in the test part only; no row teaches it",) if lost else ()
        return Target(tuple(self.labels[place] for place in seen), places[self.answers], self.stored, notes)

    def is_constant(self, train: np.ndarray[Any, Any]) -> bool:
        """Return whether the rows at `train` all have the same number."""
        return not np.ptp(self.answers[train])

    def noted(self, train: np.ndarray[Any, Any], name: str) -> Target:
        """Return the target of a constant train part with the note that this is why algorithm `name` was not fitted."""
        where = " of the train part" if np.ptp(self.answers) else ""
        note = f"the target is {self.stored[train[0]]} in every row{where}; there is nothing to learn"
        return replace(self, notes=(note if name == "dummy" else f"{note}, so dummy was fitted instead of {name}",))


def read_target(task: str, rows: TrainingRows) -> Target:
    """Return the target of `rows`.

    Raises TrainingError for one class, for text where a number is predicted, for a number where a class is, and for a
    value that cannot be learned.
    """
    _check_values(task, rows)
    return _numbers(rows) if task == "regression" else _classes(rows)


def _check_values(task: str, rows: TrainingRows) -> None:
    kinds = set(map(type, rows.target))
    if kinds <= {int, str} or (kinds == {float} and float(np.abs(rows.target).max()) <= MAX_NUMBER):
        return
    for row, value in zip(rows.ids.tolist(), rows.target, strict=True):
        if isinstance(value, bytes) or (isinstance(value, float) and not abs(value) <= MAX_NUMBER):
            kind = "a number" if task == "regression" else "text, a number"
            raise TrainingError(
                f"the target of row {row} is {shown(value)}. Store {kind} below 1e38, or NULL if it is unknown."
            )


def _numbers(rows: TrainingRows) -> Target:
    if str in set(map(type, rows.target)):
        pairs = zip(rows.ids.tolist(), rows.target, strict=True)
        texts = [(row, value) for row, value in pairs if isinstance(value, str)]
        row, value = texts[0]
        fix = (
            "Convert it with CAST(... AS REAL)."
            if looks_numeric([text for _, text in texts])
            else "Store NULL for a missing value, or use ml_classification."
        )
        raise TrainingError(f"regression predicts numbers, got {shown(value)} in row {row}. {fix}")
    answers = np.array(rows.target, dtype=np.float64)
    return Target((), answers, rows.target)


def _classes(rows: TrainingRows) -> Target:
    labels = sorted(dict.fromkeys(rows.target), key=_label_order)
    if len(labels) < 2:
        raise TrainingError(
            f"the target is {shown(labels[0])} in every row: there is nothing to tell apart. "
            "Insert rows of another class."
        )
    names = {str(label): label for label in labels}
    if len(names) < len(labels):
        alike = next(label for label in labels if names[str(label)] is not label)
        raise TrainingError(
            f"the target holds {shown(alike)} and {shown(names[str(alike)])}, which read alike. Store one of them, "
            "or declare a type: INTEGER or TEXT."
        )
    if len(labels) > max(20, len(rows.target) // 2):
        what = "Use ml_regression for a number." if isinstance(labels[0], int | float) else "Is it a key?"
        raise TrainingError(f"the target has {len(labels)} different values in {len(rows.target)} rows. {what}")
    places = {label: place for place, label in enumerate(labels)}
    codes = np.fromiter(map(places.__getitem__, rows.target), dtype=np.int64, count=len(rows.target))
    return Target(tuple(labels), codes, rows.target)


def _label_order(label: Any) -> tuple[bool, Any]:
    """Return the order of labels: numbers by size, then text, as SQLite sorts."""
    return isinstance(label, str), label


def row_weights(
    rows: TrainingRows,
    target: Target,
    train: np.ndarray[Any, Any],
    class_weight: str | Mapping[str, float] | None,
) -> Floats | None:
    """Return the weights of the rows at `train` from the WEIGHT column and `class_weight`; None where all are alike.

    Raises TrainingError for a weight that is NULL, negative or text, and for an unknown label.
    """
    stored = rows.sides.get(Role.WEIGHT)
    weights = None if stored is None else _stored_weights(rows, stored)[train]
    if weights is not None and not weights.any():
        raise TrainingError("the WEIGHT of every row of the train part is 0. Store a number above 0 in some of them.")
    if class_weight is None:
        return weights
    by_class = _class_weights(target, target.answers[train], class_weight)
    return by_class if weights is None else weights * by_class


def _stored_weights(rows: TrainingRows, stored: Sequence[Any]) -> Floats:
    weights = np.empty(len(stored))
    for place, value in enumerate(stored):
        try:
            weights[place] = number("weight", value)
        except InputError:
            weights[place] = math.nan
        if not weights[place] >= 0:
            raise TrainingError(
                f"the WEIGHT of row {rows.ids[place]} is {shown(value)}. Store a number of 0 or more, such as 1."
            )
    return weights


def _class_weights(target: Target, answers: np.ndarray[Any, Any], class_weight: str | Mapping[str, float]) -> Floats:
    names = [str(label) for label in target.labels]
    if isinstance(class_weight, str):
        by_place = len(answers) / (len(names) * np.bincount(answers, minlength=len(names)))
    else:
        unknown = sorted(set(class_weight) - set(names))
        if unknown:
            raise TrainingError(
                f"class_weight names {unknown[0]!r}, which no train row has. {choices(unknown[0], names, 'Classes')}"
            )
        by_place = np.array([class_weight.get(name, 1.0) for name in names])
    return np.asarray(by_place[answers])
