"""INVERSES: from the scale on which a target was learned back to its own unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sqlite_ml_vtab.portable.values import Floats


class Inverse(NamedTuple):
    """The inverse of a target transform."""

    many: Callable[..., Floats]
    """(values (n,), the parameters) to values in the target's unit, (n,)."""
    parameters: int
    """How many parameters it has."""


def _none(values: Floats) -> Floats:
    return values


def _log(values: Floats, shift: float) -> Floats:
    """Return exp(v) - shift."""
    return np.asarray(np.exp(values) - shift)


def _yeo_johnson(values: Floats, power: float, mean: float, scale: float) -> Floats:
    """Return the inverse of the standardised Yeo-Johnson transform (Yeo and Johnson 2000), NaN outside its range."""
    values = values * scale + mean
    found = np.empty_like(values)
    positive = values >= 0
    up, down = values[positive], values[~positive]
    found[positive] = np.expm1(up) if abs(power) < _EPSILON else np.power(up * power + 1.0, 1.0 / power) - 1.0
    other = 2.0 - power
    found[~positive] = -np.expm1(-down) if abs(other) < _EPSILON else 1.0 - np.power(1.0 - other * down, 1.0 / other)
    return found


_EPSILON = float(np.spacing(1.0))

INVERSES: dict[str, Inverse] = {
    "none": Inverse(_none, 0),
    "log": Inverse(_log, 1),
    "yeo_johnson": Inverse(_yeo_johnson, 3),
}
"""By name."""
