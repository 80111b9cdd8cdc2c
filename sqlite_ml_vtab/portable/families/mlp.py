"""The mlp family: layers of weights with an activation between them."""

from __future__ import annotations

from collections.abc import Callable
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


MLP = Family(extract, validate, scores, by_matrix(scores))
