"""The rows on which an estimator is tried where trying all of them would cost as much as the fit."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.values import Floats

Places: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


def drawn(matrix: Floats, count: int, seed: int = 0) -> Places:
    """Return the places of so many rows of `matrix` (n, width) drawn at random, ascending; all where it has no more."""
    if len(matrix) <= count:
        return np.arange(len(matrix))
    return np.unique(np.random.RandomState(seed).randint(len(matrix), size=count))


def with_ends(matrix: Floats, count: int, seed: int = 0) -> Places:
    """Return the same and, of as many columns, the rows where a column is least, greatest or missing.

    Where numbers overflow they do so there.
    """
    if len(matrix) <= count:
        return np.arange(len(matrix))
    # A copy of a column is searched ten times as fast as a column between others.
    columns = (np.ascontiguousarray(column) for column in matrix.T[:count])
    ends = [place for column in columns for place in (int(column.argmin()), int(column.argmax()))]
    return np.union1d(drawn(matrix, count, seed), np.array(ends, dtype=np.int64))
