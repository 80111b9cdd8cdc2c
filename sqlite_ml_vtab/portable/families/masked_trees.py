"""Ensembles of small trees, scored by masks: one search and one AND a feature, however many trees there are.

The sums are to the bit those of the walk. Nothing but numpy is imported, so that it serves from the first row on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property, partial
from threading import local
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.families import tree_masks
from sqlite_ml_vtab.portable.families.base import Parameters
from sqlite_ml_vtab.portable.families.medians import weighted_median
from sqlite_ml_vtab.portable.families.tree_masks import Layout
from sqlite_ml_vtab.portable.families.tree_scoring import ended
from sqlite_ml_vtab.portable.values import Floats

CHUNK = 2**18
"""So many leaves are looked up at once, for many rows."""

_Questions: TypeAlias = list[tuple[int, list[float], list[int]]]
"""Features, the thresholds they are asked about, and what is left for a value above so many of them."""


class MaskedTrees:
    """The trees of one model as masks, made when rows are asked for. Threads may share it."""

    def __init__(self, parameters: Parameters, layout: Layout) -> None:
        """Take trees and where they have their fields."""
        self._parameters, self._layout = parameters, layout
        self._size = layout.slots * layout.field.itemsize
        self._whole = int.from_bytes(b"\xff" * self._size, "little")
        self._ones = int.from_bytes(np.ones(layout.slots, layout.field).tobytes(), "little")
        self._questions: _Questions | None = None
        self._threads = local()
        self._end = _end_of_one(parameters, layout)

    def one(self, x: list[float]) -> list[float]:
        """Return the decision values of one matrix row."""
        questions = self._questions
        if questions is None:
            questions = self._asked()
        left = self._whole
        for feature, thresholds, masks in questions:
            value = x[feature]
            left &= masks[bisect_left(thresholds, value)] if value == value else masks[-1]
        try:
            written, fields, counts, places = self._threads.room
        except AttributeError:
            written, fields, counts, places = self._threads.room = self._layout.room()
        # A field less one differs from it in its first bit and in all below: so many bits, counted, are the exit.
        written[:] = (left ^ (left - self._ones)).to_bytes(self._size, "little")
        np.bitwise_count(fields, counts)
        return self._end(self._look(places))

    def many(self, matrix: Floats) -> Floats:
        """Return the decision values of a matrix (n, width): shape (n, outputs)."""
        step = max(2, CHUNK // self._layout.slots)
        parts = [matrix[start : start + step] for start in range(0, max(1, len(matrix)), step)]
        return np.concatenate([self._few(part) for part in parts])

    def _asked(self) -> _Questions:
        self._questions = [
            (feature, thresholds.tolist(), [int.from_bytes(row.tobytes(), "little") for row in rows])
            for feature, thresholds, rows in self._masks
        ]
        return self._questions

    @cached_property
    def _masks(self) -> list[tuple[int, Floats, Any]]:
        return tree_masks.masks(self._parameters, self._layout)

    @cached_property
    def _values(self) -> Any:
        return tree_masks.values(self._parameters, self._layout)

    @cached_property
    def _look(self) -> Callable[[Any], Any]:
        """Return what gives the values of leaves, shape (slots,) or (columns, slots)."""
        values = self._values
        return values.__getitem__ if values.ndim == 1 else partial(values.take, axis=1)

    def _few(self, matrix: Floats) -> Floats:
        """Return the decision values of rows that are looked at together."""
        if len(matrix) == 1:  # numpy would add in another order
            return np.array([self.one(matrix[0].tolist())])
        layout = self._layout
        left = np.full((len(matrix), layout.slots), np.iinfo(layout.field).max, dtype=layout.field)
        for feature, thresholds, rows in self._masks:
            value = matrix[:, feature]
            place = np.where(np.isnan(value), len(rows) - 1, np.searchsorted(thresholds, value))
            left &= rows.take(place, 0)
        exits = np.ascontiguousarray(np.bitwise_count(left ^ (left - layout.field.type(1))).T).astype(np.int64)
        fields = np.arange(layout.slots)[:, None]
        return self._said(self._values.take(layout.places(fields, exits), -1))

    def _said(self, leaves: Any) -> Floats:
        """Return the decision values for leaves of shape (slots, n), or (columns, slots, n)."""
        parameters, layout = self._parameters, self._layout
        if len(parameters["medians"]):
            return weighted_median(leaves.T, parameters["medians"])[:, None]
        each = layout.slots * layout.columns // len(layout.groups)
        by_group = leaves.reshape(len(layout.groups), each, leaves.shape[-1])
        total = np.zeros((leaves.shape[-1], len(parameters["baseline"])))
        for output, added in zip(layout.groups, by_group, strict=True):
            # numpy adds one tree after the other over the first axis, as the walk does.
            total[:, output] = np.add.reduce(added, axis=0)
        return total / parameters["divisor"] if layout.lead else ended(parameters, total)


def _end_of_one(parameters: Parameters, layout: Layout) -> Callable[[Any], list[float]]:
    """Return what makes decision values of the values of leaves, shape (slots,) or (columns, slots)."""
    groups, starts, divisor = layout.groups, parameters["baseline"].tolist(), parameters["divisor"]
    accumulate, medians, complement = np.add.accumulate, parameters["medians"], parameters["complement"]
    if layout.lead:
        starts = [0.0] * len(starts)
    fixed = [start / divisor for start in starts]

    def median(leaves: Any) -> list[float]:
        found: list[float] = weighted_median(leaves[None], medians).tolist()
        return found

    def single(leaves: Any) -> list[float]:
        found = fixed[:]
        found[groups[0]] = (float(accumulate(leaves).item(-1)) + starts[groups[0]]) / divisor
        return found

    def several(leaves: Any) -> list[float]:
        total = [0.0] * len(starts)
        sums = accumulate(leaves.reshape(len(groups), -1), 1)[:, -1].tolist()
        for output, value in zip(groups, sums, strict=True):
            total[output] = value
        if complement:
            total[0] = divisor - total[1]
        return [(value + start) / divisor for value, start in zip(total, starts, strict=True)]

    if len(medians):
        return median
    return single if len(groups) == 1 and not complement else several
