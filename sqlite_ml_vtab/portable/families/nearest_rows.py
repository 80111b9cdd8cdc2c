"""The nearest of many stored rows: products of matrices name the candidates, and their distances are then measured.

|a - b|² = |a|² - 2 a·b + |b|² is quick and inexact: it leaves out only rows that are too far by more than its error.
Distances are to the bit those of `distances`, and among equals the rows that were stored first are taken.
"""

from __future__ import annotations

from operator import mul
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.values import Floats

LEAST_ROWS = 32
"""Among fewer stored rows every distance is measured."""

_GROUPS = 16
"""So many rows are looked at together: the k-th of their least distances is no less than the k-th of all."""

_BLOCK = 2**21
"""How many numbers are held at once: products, or the columns of candidates, of which all rows may be some."""

_Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


class NearestRows:
    """Finds the k nearest of stored rows by Euclidean distance. Threads may share it."""

    def __init__(self, rows: Floats, k: int) -> None:
        """Take rows (count, width), of which `serves` holds."""
        self._rows, self._k = rows, k
        self._centre = rows.mean(axis=0)
        middle = rows - self._centre
        self._double = np.ascontiguousarray(-2.0 * middle.T)
        self._squares = np.einsum("ij,ij->i", middle, middle)
        self._groups = len(rows) // _GROUPS
        # Each product and sum errs by a unit in the last place of the largest number that takes part.
        self._error = 8.0 * (rows.shape[1] + 8) * np.finfo(np.float64).eps
        self._greatest = float(self._squares.max()) + float(np.square(self._centre).sum())

    def of_one(self, x: list[float]) -> tuple[_Ints, Floats] | None:
        """Return places, ascending, and squared distances of the k nearest to one row; None for numbers too large."""
        # Floats of Python overflow without a warning, which numpy would have to be asked to hold back.
        size = 2.0 * (self._greatest + sum(map(mul, x, x)))
        if not size < _LARGE:
            return None
        row = np.array(x)
        near = (row - self._centre).dot(self._double)
        near += self._squares
        lowest = near[: self._groups * _GROUPS].reshape(_GROUPS, -1).min(axis=0)
        lowest.partition(self._k - 1)
        places = (near <= lowest[self._k - 1] + self._error * size).nonzero()[0]
        gap = self._rows[places] - row
        measured = np.add.accumulate(gap * gap, axis=1)[:, -1]
        if len(places) > self._k:
            kept = np.sort(np.argsort(measured, kind="stable")[: self._k])
            return places[kept], measured[kept]
        return places, measured

    def of_many(self, matrix: Floats) -> tuple[_Ints, Floats] | None:
        """Return the same of a matrix (n, width), each of shape (n, k)."""
        with np.errstate(over="ignore", invalid="ignore"):
            middle = matrix - self._centre
            sizes = self._greatest + np.square(middle).sum(axis=1)
        if not (sizes < _LARGE).all():
            return None
        step = max(1, _BLOCK // (len(self._rows) * max(8, self._rows.shape[1])))
        parts = [
            self._few(matrix[at : at + step], middle[at : at + step], sizes[at : at + step])
            for at in range(0, len(matrix), step)
        ]
        return np.concatenate([places for places, _ in parts]), np.concatenate([measured for _, measured in parts])

    def _few(self, matrix: Floats, middle: Floats, sizes: Floats) -> tuple[_Ints, Floats]:
        near = middle @ self._double
        near += self._squares
        lowest = near[:, : self._groups * _GROUPS].reshape(len(near), _GROUPS, -1).min(axis=1)
        lowest.partition(self._k - 1, axis=1)
        asked, places = np.nonzero(near <= (lowest[:, self._k - 1] + self._error * sizes)[:, None])
        gap = self._rows[places] - matrix[asked]
        measured = np.add.accumulate(gap * gap, axis=1)[:, -1]
        order = np.lexsort((places, measured, asked))
        starts = np.searchsorted(asked, np.arange(len(matrix)))
        first = order[starts[:, None] + np.arange(self._k)]
        # Places are in order within a row, so that the order of candidates is that of the stored rows.
        first.sort(axis=1)
        return places[first], measured[first]


_LARGE = 1e290
"""Squares that come near the greatest number are left to the way that measures every distance."""


def serves(rows: Floats, k: int) -> bool:
    """Return whether the k nearest of these rows are found faster so."""
    count = len(rows)
    return count >= LEAST_ROWS and 0 < k <= count // _GROUPS and bool(np.abs(rows).max(initial=0.0) < 1e140)
