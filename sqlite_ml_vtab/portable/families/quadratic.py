"""The quadratic family: the squared distance from one centre, measured by a matrix (Mahalanobis).

The matrix can be nearly singular, and then the order of additions decides the digits: it is that of
scipy.spatial.distance, by which the estimator measures, as compiled for two numbers at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, Parameters, RowScores, array, names, require, word
from sqlite_ml_vtab.portable.values import Floats


def extract(estimator: Any) -> dict[str, Any]:
    """Take the centre and the precision of an EllipticEnvelope."""
    centre = np.array(estimator.location_, dtype=np.float64)
    return {"link": "identity", "centre": centre, "form": np.array(estimator.precision_, dtype=np.float64)}


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require a centre, and a square matrix."""
    names(parameters, "centre", "form")
    word(parameters, "link", "identity")
    require(outputs == 1, "outputs")
    array(parameters, "centre", "<f8", (width,))
    array(parameters, "form", "<f8", (width, width))


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return (x - centre)' form (x - centre) of each row, shape (n, 1); NaN where rounding leaves less than 0."""
    gap = list(np.ascontiguousarray((matrix - parameters["centre"]).T))
    inner = [_dot(gap, line) for line in parameters["form"].tolist()]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(_dot(gap, inner)) ** 2)[:, None]


def _dot(one: Sequence[Any], other: Sequence[Any]) -> Any:
    """Return the sum of products, of numbers or of columns: even and odd places each by themselves, then together."""
    pairs = len(one) // 2 * 2
    even = odd = one[0] * 0.0
    for place in range(0, pairs, 2):
        even = even + one[place] * other[place]
        odd = odd + one[place + 1] * other[place + 1]
    total = even + odd
    return total if pairs == len(one) else total + one[-1] * other[-1]


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row, as plain loops over a few floats."""
    centre, form = parameters["centre"].tolist(), parameters["form"].tolist()

    def one(x: list[float]) -> list[float]:
        gap = [value - middle for value, middle in zip(x, centre, strict=True)]
        total = _dot(gap, [_dot(gap, line) for line in form])
        root = math.sqrt(total) if total >= 0.0 else math.nan
        return [root * root]

    return one


QUADRATIC = Family(extract, validate, scores, row)
