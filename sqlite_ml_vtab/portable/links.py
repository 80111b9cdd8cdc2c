"""LINKS: decision values to probabilities or to the predicted number, for one row and for many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sqlite_ml_vtab.portable.values import Floats


class Link(NamedTuple):
    """What turns the decision values of one row, shape (outputs,), or of many, (n, outputs), into the answer."""

    many: Callable[[Floats], Floats]
    one: Callable[[Sequence[float]], Sequence[float]]
    task: str
    """``classification`` for tasks with labels, ``regression`` for those with numbers, or ``both``."""


def _sigmoid(z: float) -> float:
    if z >= 0:
        return 1.0 / (1.0 + math.exp(-z))
    e = math.exp(z)
    return e / (1.0 + e)


def _sigmoid_many(z: Floats) -> Floats:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def _binary(z: Sequence[float]) -> Sequence[float]:
    p = _sigmoid(z[1])
    return (1.0 - p, p)


def _binary_many(z: Floats) -> Floats:
    p = _sigmoid_many(z[:, 1])
    return np.column_stack((1.0 - p, p))


def _softmax(z: Sequence[float]) -> Sequence[float]:
    top = max(z)
    powers = [math.exp(value - top) for value in z]
    total = sum(powers)
    return [power / total for power in powers]


def _softmax_many(z: Floats) -> Floats:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _ovr(z: Sequence[float]) -> Sequence[float]:
    return _share([_sigmoid(value) for value in z])


def _ovr_many(z: Floats) -> Floats:
    return _share_many(_sigmoid_many(z))


def _huber(z: float) -> float:
    return (min(1.0, max(-1.0, z)) + 1.0) / 2.0


def _huber_binary(z: Sequence[float]) -> Sequence[float]:
    p = _huber(z[1])
    return (1.0 - p, p)


def _huber_binary_many(z: Floats) -> Floats:
    p = (np.clip(z[:, 1], -1.0, 1.0) + 1.0) / 2.0
    return np.column_stack((1.0 - p, p))


def _huber_ovr(z: Sequence[float]) -> Sequence[float]:
    return _share([_huber(value) for value in z])


def _huber_ovr_many(z: Floats) -> Floats:
    return _share_many((np.clip(z, -1.0, 1.0) + 1.0) / 2.0)


def _share(scores: Sequence[float]) -> Sequence[float]:
    """Divide by the sum; where every score is 0, all classes are alike (as scikit-learn's SGD has it)."""
    total = sum(scores)
    return [score / total for score in scores] if total else [1.0 / len(scores)] * len(scores)


def _share_many(scores: Floats) -> Floats:
    total = scores.sum(axis=1, keepdims=True)
    alike = total[:, 0] == 0
    total[alike] = 1.0
    shares = scores / total
    shares[alike] = 1.0 / scores.shape[1]
    return np.asarray(shares)


def _same_one(z: Sequence[float]) -> Sequence[float]:
    return z


def _same_many(z: Floats) -> Floats:
    return z


def _exp(z: float) -> float:
    try:
        return math.exp(z)
    except OverflowError:
        return math.inf


def _exp_one(z: Sequence[float]) -> Sequence[float]:
    return [_exp(value) for value in z]


def _exp_many(z: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.exp(z)


def _isolation_one(z: Sequence[float]) -> Sequence[float]:
    return [_power_of_two(-value) for value in z]


def _power_of_two(z: float) -> float:
    try:
        return float(2.0**z)
    except OverflowError:
        return math.inf


def _isolation_many(z: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(2.0**-z)


LINKS: dict[str, Link] = {
    "identity": Link(_same_many, _same_one, "both"),
    "none": Link(_same_many, _same_one, "classification"),
    "sigmoid": Link(_binary_many, _binary, "classification"),
    "softmax": Link(_softmax_many, _softmax, "classification"),
    "ovr": Link(_ovr_many, _ovr, "classification"),
    "modified_huber": Link(_huber_binary_many, _huber_binary, "classification"),
    "modified_huber_ovr": Link(_huber_ovr_many, _huber_ovr, "classification"),
    "exp": Link(_exp_many, _exp_one, "regression"),
    "isolation": Link(_isolation_many, _isolation_one, "regression"),
}
"""By name. ``none`` marks decision values that are not probabilities; ``sigmoid`` reads the second of two values."""
