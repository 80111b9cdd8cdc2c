"""The nonnegative family: the weights, none below 0, that rebuild a row from parts (NMF), solved exactly.

scikit-learn approaches the same weights step by step, until its `tol`; this is where its steps lead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import (
    Family,
    NotPortable,
    Parameters,
    array,
    by_matrix,
    names,
    require,
    word,
)
from sqlite_ml_vtab.portable.values import Floats

MAX_PARTS = 1000
_CONDITION = 1e-10
"""Parts whose products have a smaller eigenvalue, relatively to the greatest, do not settle the weights."""


def extract(estimator: Any) -> dict[str, Any]:
    """Take the parts of an NMF that minimises squared errors, and the penalties of its weights."""
    if estimator.solver != "cd" and estimator.beta_loss not in ("frobenius", 2):
        raise NotPortable(f"beta_loss {estimator.beta_loss!r}")
    parts = np.asarray(estimator.components_, dtype=np.float64)
    penalty = estimator.alpha_W * parts.shape[1]
    products = parts @ parts.T + penalty * (1.0 - estimator.l1_ratio) * np.eye(len(parts))
    if not _is_definite(products):
        raise NotPortable("parts that rebuild a row in several ways")
    return {"link": "identity", "parts": parts, "products": products, "penalty": float(penalty * estimator.l1_ratio)}


def _is_definite(products: Floats) -> bool:
    values = np.linalg.eigvalsh(products)
    return bool(values[0] > _CONDITION * values[-1])


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require parts that settle the weights of any row."""
    names(parameters, "parts", "products", "penalty")
    word(parameters, "link", "identity")
    require(outputs <= MAX_PARTS, "the number of parts")
    array(parameters, "parts", "<f8", (outputs, width))
    products = array(parameters, "products", "<f8", (outputs, outputs))
    require(bool((np.abs(products) < 1e100).all()) and np.array_equal(products, products.T), "products of parts")
    require(_is_definite(products), "products of parts")
    penalty = parameters["penalty"]
    require(type(penalty) in (int, float) and 0 <= penalty < 1e300, "penalty")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the weights: least squares where none is below 0, and else the best that is not."""
    products = parameters["products"]
    wanted = _product(matrix, parameters["parts"].T) - parameters["penalty"]
    found = _product(wanted, np.linalg.inv(products))
    for place in np.flatnonzero((found < 0).any(axis=1)).tolist():
        found[place] = _nonnegative(products, wanted[place])
    return np.asarray(found)


def _product(matrix: Floats, other: Floats) -> Floats:
    """Return the matrix product, summed column by column, so that one row and many agree to the last bit."""
    total = np.zeros((len(matrix), other.shape[1]))
    for j in range(other.shape[0]):
        total += matrix[:, j, None] * other[None, j]
    return total


def _nonnegative(products: Floats, wanted: Floats) -> Floats:
    """Return the w >= 0 with the least w'Pw/2 - w'b (Lawson and Hanson 1974, Solving Least Squares Problems, ch. 23).

    A weight enters while that helps, and leaves where it would fall below 0; the rounds are bounded.
    """
    count = len(wanted)
    weights, active = np.zeros(count), np.zeros(count, dtype=bool)
    slack = 1e-12 * float(np.abs(wanted).max())
    for _ in range(3 * count):
        gain = np.where(active, -np.inf, wanted - products @ weights)
        if not gain.max() > slack:
            break
        active[gain.argmax()] = True
        while active.any():
            tried = np.zeros(count)
            tried[active] = np.linalg.solve(products[np.ix_(active, active)], wanted[active])
            below = active & (tried <= 0)
            if not below.any():
                weights = tried
                break
            way = np.where(below & (weights > tried), weights - tried, 1.0)
            steps = np.where(below, weights / way, np.inf)
            weights = weights + steps.min() * (tried - weights)
            # The weight that reaches 0 leaves whatever rounding has left of it, so that the round ends.
            active[steps.argmin()] = False
            active &= weights > 0
            weights[~active] = 0.0
    return weights


NONNEGATIVE = Family(extract, validate, scores, by_matrix(scores))
