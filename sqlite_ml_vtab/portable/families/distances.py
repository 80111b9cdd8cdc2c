"""Distances between rows, summed column by column: the usual expansion of the square loses digits where rows are close.

One row and many rows add in the same order, so that they agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sqlite_ml_vtab.portable.values import Floats


def distances(rows: Floats, matrix: Floats, power: int) -> Floats:
    """Return distances from each row of `matrix` (n, width) to each of `rows`, shape (n, rows).

    `power` 1 sums the absolute gaps, 2 their squares; the root is not taken.
    """
    total = np.zeros((len(matrix), len(rows)))
    for j in range(rows.shape[1]):
        gap = matrix[:, j, None] - rows[None, :, j]
        total += gap * gap if power == 2 else np.abs(gap)
    return total


def by_column(rows: Floats) -> list[Floats]:
    """Return `rows` (count, width) as `width` arrays of their own, as `distances_of_one` wants them."""
    return list(np.ascontiguousarray(rows.T))


def distances_of_one(columns: Sequence[Floats], count: int, x: Sequence[float], power: int) -> Floats:
    """Return what `distances` does for the one row `x`, shape (1, count)."""
    total = np.zeros(count)
    for value, column in zip(x, columns, strict=True):
        gap = value - column
        total += gap * gap if power == 2 else np.abs(gap)
    return total[None, :]
