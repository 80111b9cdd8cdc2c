"""The kernel family: weighted sums of a kernel over stored rows (support vectors, kernel ridge, Gaussian process)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import (
    Family,
    NotPortable,
    Parameters,
    RowScores,
    array,
    names,
    require,
    word,
)
from sqlite_ml_vtab.portable.families.distances import by_column, distances, distances_of_one
from sqlite_ml_vtab.portable.values import Column, Floats

_BLOCK = 2**22
"""How many kernel values are held at once."""


# Extraction


def extract(estimator: Any) -> dict[str, Any]:
    """Take an SVC, NuSVC, SVR, NuSVR or OneClassSVM, a KernelRidge, or a GaussianProcessRegressor."""
    if hasattr(estimator, "support_vectors_"):
        return _support_vectors(estimator)
    if hasattr(estimator, "X_fit_"):
        return _kernel_ridge(estimator)
    return _gaussian_process(estimator)


def _support_vectors(estimator: Any) -> dict[str, Any]:
    if getattr(estimator, "probability", False) is True:
        raise NotPortable("probability=True; the option calibrate gives probabilities")
    kernel = _kernel(estimator.kernel, estimator._gamma, estimator.coef0, estimator.degree)
    rows = np.asarray(estimator.support_vectors_, dtype=np.float64)
    dual = np.asarray(estimator.dual_coef_, dtype=np.float64)
    intercept = np.asarray(estimator.intercept_, dtype=np.float64)
    if hasattr(estimator, "offset_"):  # OneClassSVM: how unlike the others a row is, the sum turned round
        return _parameters("identity", "sum", rows, -dual.T, np.zeros(1), kernel)
    if not hasattr(estimator, "classes_"):
        return _parameters("identity", "sum", rows, dual.T, intercept, kernel)
    if len(estimator.classes_) == 2:
        return _parameters("none", "binary", rows, dual.T, intercept, kernel)
    weights = _pairwise(dual, estimator.n_support_)
    votes = "ties_broken" if estimator.break_ties else "pairs"
    return _parameters("none", votes, rows, weights, intercept, kernel)


def _pairwise(dual: Floats, support: Any) -> Floats:
    """Return the weight of each support vector in each pair of classes, as libsvm's dual coefficients hold it."""
    classes = len(support)
    owner = np.repeat(np.arange(classes), support)
    columns = [
        np.where(owner == i, dual[j - 1], np.where(owner == j, dual[i], 0.0))
        for i, j in combinations(range(classes), 2)
    ]
    return np.column_stack(columns)


def _kernel_ridge(estimator: Any) -> dict[str, Any]:
    rows = np.asarray(estimator.X_fit_, dtype=np.float64)
    gamma = 1.0 / rows.shape[1] if estimator.gamma is None else estimator.gamma
    kernel = _kernel(estimator.kernel, gamma, estimator.coef0, estimator.degree)
    weights = np.asarray(estimator.dual_coef_, dtype=np.float64).reshape(len(rows), -1)
    return _parameters("identity", "sum", rows, weights, np.zeros(weights.shape[1]), kernel)


def _gaussian_process(estimator: Any) -> dict[str, Any]:
    """Take the mean of a Gaussian process whose kernel is a scaled RBF, with or without white noise."""
    kernel = estimator.kernel_
    if type(kernel).__name__ == "Sum" and type(kernel.k2).__name__ == "WhiteKernel":
        kernel = kernel.k1
    if type(kernel).__name__ != "Product" or type(kernel.k1).__name__ != "ConstantKernel":
        raise NotPortable(f"kernel {kernel}")
    scale, kernel = float(kernel.k1.constant_value), kernel.k2
    if type(kernel).__name__ != "RBF" or np.ndim(kernel.length_scale):
        raise NotPortable(f"kernel {kernel}")
    rows = np.asarray(estimator.X_train_, dtype=np.float64)
    spread = float(np.ravel(estimator._y_train_std)[0])
    weights = scale * spread * np.asarray(estimator.alpha_, dtype=np.float64).reshape(len(rows), -1)
    intercept = np.full(weights.shape[1], float(np.ravel(estimator._y_train_mean)[0]))
    gamma = 0.5 / float(kernel.length_scale) ** 2
    return _parameters("identity", "sum", rows, weights, intercept, _kernel("rbf", gamma, 0.0, 1))


def _kernel(name: Any, gamma: Any, coef0: Any, degree: Any) -> dict[str, Any]:
    name = {"poly": "polynomial"}.get(name, name)
    if name not in KERNELS:
        raise NotPortable(f"kernel {name!r}")
    return {"kernel": name, "gamma": float(gamma), "coef0": float(coef0), "degree": int(degree)}


def _parameters(
    link: str, votes: str, rows: Floats, weights: Floats, intercept: Floats, kernel: dict[str, Any]
) -> dict[str, Any]:
    return {"link": link, "votes": votes, "rows": rows, "weights": weights, "intercept": intercept, **kernel}


# Validation


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require rows of the right width, a weight for each and every raw value, and a known kernel."""
    names(parameters, "votes", "rows", "weights", "intercept", "kernel", "gamma", "coef0", "degree")
    word(parameters, "votes", *_VOTES)
    votes = parameters["votes"]
    require(votes == "sum" or (outputs == 2 if votes == "binary" else outputs > 2), "votes")
    raw = {"sum": outputs, "binary": 1}.get(votes, outputs * (outputs - 1) // 2)
    rows = array(parameters, "rows", "<f8", (None, width))
    array(parameters, "weights", "<f8", (len(rows), raw))
    array(parameters, "intercept", "<f8", (raw,))
    word(parameters, "kernel", *KERNELS)
    require(type(parameters["degree"]) is int and 0 <= parameters["degree"] <= 100, "degree")
    for name in ("gamma", "coef0"):
        value = parameters[name]
        require(type(value) in (int, float) and abs(value) < 1e300, name)


# Scoring


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the weighted sums of kernel values; for several classes what every pair of them makes of these."""
    rows = parameters["rows"]
    power, _ = KERNELS[parameters["kernel"]]
    step = max(1, _BLOCK // max(1, len(rows)))
    parts = [matrix[start : start + step] for start in range(0, max(1, len(matrix)), step)]
    with np.errstate(all="ignore"):
        measured = (distances(rows, part, power) if power else part @ rows.T for part in parts)
        return np.concatenate([_decided(parameters, each) for each in measured])


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row, the stored rows laid out by column once and for all."""
    rows, columns = parameters["rows"], by_column(parameters["rows"])
    power, _ = KERNELS[parameters["kernel"]]

    def one(x: list[float]) -> list[float]:
        with np.errstate(all="ignore"):
            measured = distances_of_one(columns, len(rows), x, power) if power else np.array([x]) @ rows.T
            found: list[float] = _decided(parameters, measured)[0].tolist()
        return found

    return one


def _decided(parameters: Parameters, measured: Floats) -> Floats:
    """Return the decision values for distances, or products, of shape (n, rows)."""
    _, bend = KERNELS[parameters["kernel"]]
    raw = bend(parameters, measured) @ parameters["weights"] + parameters["intercept"]
    return _VOTES[parameters["votes"]](raw)


def _binary(raw: Floats) -> Floats:
    return np.column_stack((np.zeros(len(raw)), raw[:, 0]))


def _pairs(raw: Floats) -> Floats:
    """Return how many pairs each class wins, as libsvm counts (Knerr et al. 1990)."""
    return np.asarray(_by_pair(raw > 0, ~(raw > 0)).sum(axis=2))


def _ties_broken(raw: Floats) -> Floats:
    """Return the pairs won and, between 0 and a third, by how much: decision_function of scikit-learn's SVC."""
    margins = _by_pair(raw, -raw).sum(axis=2)
    return np.asarray(_by_pair(raw >= 0, raw < 0).sum(axis=2) + margins / (3 * (np.abs(margins) + 1)))


def _by_pair(first: Column, second: Column) -> Floats:
    """Return values of pairs (n, pairs) by class and opponent, (n, classes, classes): each pair's first and second."""
    classes = round((1 + (1 + 8 * first.shape[1]) ** 0.5) / 2)
    i, j = np.triu_indices(classes, 1)
    found = np.zeros((len(first), classes, classes))
    found[:, i, j], found[:, j, i] = first, second
    return found


_VOTES: dict[str, Callable[[Floats], Floats]] = {
    "sum": lambda raw: raw,
    "binary": _binary,
    "pairs": _pairs,
    "ties_broken": _ties_broken,
}
"""By name: what is made of the weighted sums, (n, sums), to (n, outputs)."""


def _rbf(parameters: Parameters, distances: Floats) -> Floats:
    return np.asarray(np.exp(-parameters["gamma"] * distances))


def _polynomial(parameters: Parameters, products: Floats) -> Floats:
    return np.asarray((parameters["gamma"] * products + parameters["coef0"]) ** parameters["degree"])


def _sigmoid(parameters: Parameters, products: Floats) -> Floats:
    return np.asarray(np.tanh(parameters["gamma"] * products + parameters["coef0"]))


KERNELS: dict[str, tuple[int, Callable[[Parameters, Floats], Floats]]] = {
    "rbf": (2, _rbf),
    "linear": (0, lambda _, products: products),
    "polynomial": (0, _polynomial),
    "sigmoid": (0, _sigmoid),
    "laplacian": (1, _rbf),
}
"""By name: the power of the distances it is made of (see `distances`), 0 for products of rows, and what it makes of
them; as sklearn.metrics.pairwise defines them."""


KERNEL = Family(extract, validate, scores, row)
