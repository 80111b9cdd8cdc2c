"""The mlp family: layers of weights with an activation between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import (
    Family,
    NotPortable,
    Parameters,
    RowScores,
    array,
    by_matrix,
    names,
    require,
    word,
)
from sqlite_ml_vtab.portable.values import Floats

MAX_LAYERS = 1000


def _logistic(values: Floats) -> Floats:
    e = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "identity": lambda values: values,
    "logistic": _logistic,
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0.0),
}
"""By name, as MLPClassifier has them."""

_LINKS = {"identity": "identity", "softmax": "softmax", "logistic": "sigmoid", "exp": "exp"}


def extract(estimator: Any) -> dict[str, Any]:
    """Take an MLPClassifier's or an MLPRegressor's layers."""
    if estimator.out_activation_ not in _LINKS or estimator.activation not in ACTIVATIONS:
        raise NotPortable(f"activation {estimator.out_activation_!r}")
    layers = [
        {"weights": np.asarray(weights, dtype=np.float64), "bias": np.asarray(bias, dtype=np.float64)}
        for weights, bias in zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ]
    link = _LINKS[estimator.out_activation_]
    if link == "sigmoid":
        last = layers[-1]
        last["weights"] = np.hstack((np.zeros_like(last["weights"]), last["weights"]))
        last["bias"] = np.append(0.0, last["bias"])
    return {"link": link, "activation": estimator.activation, "layers": layers}


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require layers that fit each other, from the columns to the outputs."""
    names(parameters, "activation", "layers")
    word(parameters, "activation", *ACTIVATIONS)
    layers = parameters["layers"]
    require(isinstance(layers, list) and 1 <= len(layers) <= MAX_LAYERS, "layers")
    size = width
    for layer in layers:
        require(isinstance(layer, dict) and layer.keys() == {"weights", "bias"}, "a layer")
        size = array(layer, "weights", "<f8", (size, None)).shape[1]
        array(layer, "bias", "<f8", (size,))
    require(size == outputs, "the last layer")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the last layer's values, before the link."""
    activate = ACTIVATIONS[parameters["activation"]]
    *hidden, last = parameters["layers"]
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in hidden:
            matrix = activate(matrix @ layer["weights"] + layer["bias"])
        return np.asarray(matrix @ last["weights"] + last["bias"])


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row; with rectified layers in products alone, the bias a weight of a constant 1.

    Of numbers so small that nothing can overflow, for which no warning of numpy need be held back.
    """
    careful = by_matrix(scores)(parameters)
    if parameters["activation"] != "relu" or len(parameters["layers"]) == 1:
        return careful
    first, *others = map(_with_constant, parameters["layers"][:-1])
    last = parameters["layers"][-1]
    final = np.vstack((last["weights"], last["bias"]))
    is_binary = final.shape[1] == 2 and not final[:, 0].any()
    second = np.ascontiguousarray(final[:, 1]) if is_binary else final
    maximum = np.maximum
    zeros = [np.zeros(layer.shape[1]) for layer in (first, *others)]
    *between, end = zeros
    limit = _limit(parameters["layers"])

    def one(x: list[float]) -> Sequence[float]:
        if not hypot(*x) < limit:
            return careful(x)
        values = np.array([*x, 1.0]).dot(first)
        for nothing, weights in zip(between, others, strict=True):
            values = maximum(values, nothing, out=values).dot(weights)
        found = maximum(values, end, out=values).dot(second)
        return (0.0, float(found)) if is_binary else found.tolist()

    return one


def _limit(layers: Sequence[Parameters]) -> float:
    """Return how large inputs may be without any sum coming near the greatest number."""
    growth = 1.0
    with np.errstate(over="ignore"):
        for layer in layers:
            growth *= max(1.0, float((np.abs(layer["weights"]).sum(axis=0) + np.abs(layer["bias"])).max(initial=0.0)))
    return 1e300 / growth


def _with_constant(layer: Parameters) -> Floats:
    """Return weights (inputs + 1, outputs + 1) for values behind which stands a 1, and that give one again."""
    weights, bias = layer["weights"], layer["bias"]
    found = np.zeros((weights.shape[0] + 1, weights.shape[1] + 1))
    found[:-1, :-1], found[-1, :-1], found[-1, -1] = weights, bias, 1.0
    return found


MLP = Family(extract, validate, scores, row)
