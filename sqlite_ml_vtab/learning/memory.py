"""What a fit is expected to take, told before it begins, so that it can be refused where it would take too much.

An estimate: the rows as they are held, their matrix, and what the algorithm adds. benchmarks/memory.py compares it with
what processes really took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.chunks.states import STATES
from sqlite_ml_vtab.learning.columns import MAX_COLUMNS, MAX_ONE_HOT, Feature
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.learning.words import MAX_COUNTED, MAX_TOPICS
from sqlite_ml_vtab.portable.values import Column

DATE_PARTS = 12
"""About so many columns a date becomes."""

COPIES = 3.0
"""So many matrices are made beside the first: by the library, and to compare the portable form with its answers."""

COPIES_OF = {"decision_tree": 1.5, "extra_tree": 1.5}
"""The same where it is known: these trees make one of half the size."""

SQUARES = {
    "gaussian_process": 4.0,
    "kernel_ridge": 3.0,
    "affinity_propagation": 5.0,
    "agglomerative": 1.0,
}
"""So many numbers for each pair of rows."""

CACHED = {"svc", "nu_svc", "svr", "nu_svr", "one_class_svm"}
"""They keep the same of pairs in a cache of CACHE bytes at most."""

CACHE = 200 * 2**20

OBJECT = 50
"""About so many bytes takes a value that is no number of an array, beside its letters."""

FORESTS = {"random_forest", "extra_trees", "bagging"}
"""They grow trees whose leaves are as many as half the rows, where the target is noise."""

TREES = 100
NODE = 150
"""Bytes of a node, the same node in the portable form included."""

FOLDED = {"stacking": 3.0, "voting": 2.0, "calibrated": 2.0}
"""They hold several algorithms, each with its own copies."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that a fit is expected to take."""

    rows: float
    matrix: float
    algorithm: float
    shape: tuple[int, int]
    """Of the matrix."""
    widest: tuple[str, int]
    """The column of the table that becomes most columns of the matrix."""

    @property
    def total(self) -> float:
        """All together."""
        return self.rows + self.matrix + self.algorithm


def check_memory(rows: TrainingRows, plan: Plan) -> None:
    """Raise TrainingError where the fit of `plan` to `rows` is expected to take more than it may."""
    if plan.max_memory is None:
        return
    found = estimate(rows, plan)
    if found.total > plan.max_memory:
        high, wide = found.shape
        raise TrainingError(
            f"the fit needs about {in_words(found.total)} ({in_words(found.rows)} for the rows, "
            f"{in_words(found.matrix)} for a matrix of {high:,} x {wide:,}, {in_words(found.algorithm)} for "
            f"{plan.name}), and max_memory allows {in_words(plan.max_memory)}. {_way_out(plan, found)}"
        )


def check_count(count: int, columns: int, max_memory: int | None) -> None:
    """Raise TrainingError, before they are read, where so many rows alone take more than a fit may."""
    least = count * columns * 8
    if max_memory is not None and least > max_memory:
        raise TrainingError(
            f"{count:,} rows of {columns} columns need {in_words(least)} at least, and max_memory allows "
            f"{in_words(max_memory)}. Learn in chunks with fit='incremental', from a view of fewer rows, or allow more."
        )


def _way_out(plan: Plan, found: Estimate) -> str:
    ways = [] if plan.sample is not None else ["learn from a sample of the rows (the option sample)"]
    if plan.name in STATES:
        ways.append("in chunks (fit='incremental')")
    name, width = found.widest
    if width > MAX_ONE_HOT:
        ways.append(f"give column {name!r} fewer categories, or another ENCODE")
    text = ", ".join([*ways, "or allow more"]) if ways else "allow more, or insert fewer rows"
    return f"{text[0].upper()}{text[1:]}."


def estimate(rows: TrainingRows, plan: Plan) -> Estimate:
    """Return what the fit of `plan` to `rows` is expected to take."""
    count = len(rows.ids)
    classes = _classes(rows, plan)
    widths = {
        feature.name: width(feature, column, plan, classes)
        for feature, column in zip(rows.declared, rows.features, strict=True)
    }
    wide = sum(widths.values())
    fitted = count if plan.sample is None else int(min(plan.sample * count if plan.sample < 1 else plan.sample, count))
    # What tests is encoded too.
    high = fitted + (0 if fitted == count else count // 4)
    return Estimate(
        rows=_held(rows),
        matrix=high * wide * 8.0,
        algorithm=_algorithm(plan, fitted, wide, classes),
        shape=(high, wide),
        widest=max(widths.items(), key=lambda found: found[1]),
    )


def _classes(rows: TrainingRows, plan: Plan) -> int:
    return len(set(rows.target)) if plan.task == "classification" else 0


def width(feature: Feature, column: Column, plan: Plan, classes: int) -> int:
    """Return about how many columns of the matrix a feature becomes, as `columns.learn` has it."""
    if plan.algorithm.codes or plan.algorithm.one_column:
        return 1
    if feature.kind == "NUMBER":
        return 1 + bool(not plan.algorithm.takes_nan and np.isnan(column).any())
    if feature.kind == "DATE":
        return DATE_PARTS
    if feature.kind == "WORDS":
        return MAX_COUNTED if plan.algorithm.counts else MAX_TOPICS
    values = len(set(column.tolist()))
    if feature.encode == "onehot":
        return min(values, MAX_COLUMNS + 1)
    if feature.encode == "ordinal":
        return 1
    return values if not feature.encode and values <= MAX_ONE_HOT else max(1, classes * (classes > 2))


def _held(rows: TrainingRows) -> float:
    """Return the bytes of the rows as they are in memory; of text, each value once."""
    lists = [*rows.targets.values(), *rows.sides.values()]
    numbers = (
        rows.ids.nbytes + sum(column.nbytes for column in rows.features) + sum(8 * len(values) for values in lists)
    )
    texts = [column.tolist() for column in rows.features if column.dtype == object]
    return float(numbers + sum(_objects(values) for values in [*texts, *lists]))


def _objects(values: Sequence[Any]) -> int:
    different = {id(value): value for value in values}.values()
    return sum(OBJECT + (len(value) if isinstance(value, str) else 0) for value in different)


def _algorithm(plan: Plan, rows: int, wide: int, classes: int) -> float:
    copies = COPIES_OF.get(plan.name, FOLDED.get(plan.name, 1.0) * COPIES)
    total = copies * rows * wide * 8.0
    total += SQUARES.get(plan.name, 0.0) * float(rows) ** 2 * 8
    if plan.name in CACHED:
        total += min(float(rows) ** 2 * 8, CACHE)
    if plan.name in FORESTS:
        total += _trees(plan.hyperparams) * rows * (NODE + 16 * max(1, classes))
    return total


def _trees(hyperparams: Mapping[str, Any]) -> int:
    count = hyperparams.get("n_estimators", TREES)
    return count if type(count) is int and count > 0 else TREES


def in_words(size: float) -> str:
    """Return a number of bytes as a reader would say it."""
    for unit, name in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"
