"""The weighted median of what several models say, as AdaBoost.R2 has it (Drucker 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from sqlite_ml_vtab.portable.values import Floats


def shares(weights: Floats) -> Floats:
    """Return the weights of models; where none counts, as of one that AdaBoost stopped at, all count alike."""
    return weights if weights.any() else np.ones_like(weights)


def weighted_median(said: Floats, weights: Floats) -> Floats:
    """Return the weighted median of each row of `said` (n, models), shape (n,)."""
    order = np.argsort(said, axis=1, kind="stable")
    reached = np.cumsum(weights[order], axis=1)
    place = (reached >= 0.5 * reached[:, -1:]).argmax(axis=1)
    rows = np.arange(len(said))
    return np.asarray(said[rows, order[rows, place]])


def weighted_median_of_one(said: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted median of `said`, one value a model."""
    order = sorted(range(len(said)), key=said.__getitem__)
    reached = list(accumulate(weights[place] for place in order))
    half = 0.5 * reached[-1]
    return said[next(place for place, weight in zip(order, reached, strict=True) if weight >= half)]
