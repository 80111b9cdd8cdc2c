"""The neighbors family: the k nearest training rows by brute force, ties to the row that was stored first."""

from __future__ import annotations

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
from sqlite_ml_vtab.portable.values import Floats

_BLOCK = 2**22
"""How many distances are held at once."""
_TIE = 1e-9
"""Two distances closer than this, relatively, are a tie: their order is an accident of rounding."""


def extract(estimator: Any) -> dict[str, Any]:
    """Take the training rows of a KNeighborsClassifier or KNeighborsRegressor with a Minkowski metric, p 1 or 2."""
    power = {"euclidean": 2, "manhattan": 1}.get(str(estimator.effective_metric_))
    if power is None:
        raise NotPortable(f"metric {estimator.effective_metric_!r}")
    if estimator.weights not in {"uniform", "distance"}:
        raise NotPortable("weights are a function")
    return {
        "link": "identity",
        "rows": np.asarray(estimator._fit_X, dtype=np.float64),
        "targets": _targets(estimator),
        "neighbors": int(estimator.n_neighbors),
        "power": power,
        "weights": estimator.weights,
    }


def _targets(estimator: Any) -> Floats:
    """Return what each neighbour votes: its class as a one-hot row, or its number."""
    target = np.asarray(estimator._y)
    if hasattr(estimator, "classes_"):
        return np.asarray(np.eye(len(estimator.classes_))[target])
    return target.reshape(len(target), -1).astype(np.float64)


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require k training rows at least, and known weights and power."""
    names(parameters, "rows", "targets", "neighbors", "power", "weights")
    rows = array(parameters, "rows", "<f8", (None, width))
    array(parameters, "targets", "<f8", (len(rows), outputs))
    neighbors = parameters["neighbors"]
    require(type(neighbors) is int and 1 <= neighbors <= len(rows), "the number of neighbors")
    require(type(parameters["power"]) is int and parameters["power"] in (1, 2), "the metric")
    word(parameters, "weights", "uniform", "distance")
    word(parameters, "link", "identity")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the weighted mean of the targets of the k nearest rows."""
    step = max(1, _BLOCK // max(1, len(parameters["rows"])))
    blocks = [_block(parameters, matrix[start : start + step]) for start in range(0, len(matrix), step)]
    return np.concatenate(blocks) if blocks else np.empty((0, parameters["targets"].shape[1]))


def ambiguous(parameters: Parameters, matrix: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the rows whose k-th and next neighbour are equally far, so that either may be taken."""
    k, total = parameters["neighbors"], len(parameters["rows"])
    if k == total:
        return np.zeros(len(matrix), dtype=bool)
    step = max(1, _BLOCK // total)
    blocks = []
    for start in range(0, len(matrix), step):
        near = np.partition(_distances(parameters, matrix[start : start + step]), (k - 1, k), axis=1)
        blocks.append(near[:, k] - near[:, k - 1] <= _TIE * near[:, k])
    return np.concatenate(blocks)


def _distances(parameters: Parameters, matrix: Floats) -> Floats:
    """Return distances to every training row (squared for the Euclidean metric), shape (n, rows).

    Summed column by column: the usual expansion of the square loses digits where rows are close.
    """
    rows, euclidean = parameters["rows"], parameters["power"] == 2
    total = np.zeros((len(matrix), len(rows)))
    for j in range(rows.shape[1]):
        gap = matrix[:, j, None] - rows[None, :, j]
        total += gap * gap if euclidean else np.abs(gap)
    return total


def _block(parameters: Parameters, matrix: Floats) -> Floats:
    return _vote(parameters, *_nearest(_distances(parameters, matrix), parameters["neighbors"]))


def _nearest(distances: Floats, k: int) -> tuple[Any, Floats]:
    """Return the places of the k nearest, ascending, and their distances; among equals the first stored are taken."""
    if k == distances.shape[1]:
        return np.broadcast_to(np.arange(k), distances.shape), distances
    places = np.argpartition(distances, k - 1, axis=1)[:, :k]
    limit = np.take_along_axis(distances, places, axis=1).max(axis=1, keepdims=True)
    # argpartition takes any of the tied; only rows that have such ties pay for a stable sort.
    tied = np.flatnonzero((distances <= limit).sum(axis=1) > k)
    places[tied] = np.argsort(distances[tied], axis=1, kind="stable")[:, :k]
    places.sort(axis=1)
    return places, np.take_along_axis(distances, places, axis=1)


def _vote(parameters: Parameters, places: Any, distances: Floats) -> Floats:
    targets = parameters["targets"][places]
    if parameters["weights"] == "uniform":
        return np.asarray(targets.sum(axis=1) / places.shape[1])
    distances = np.sqrt(distances) if parameters["power"] == 2 else distances
    same = distances == 0
    exact = same.any(axis=1, keepdims=True)
    weights = np.where(exact, same, 1.0 / np.where(same, 1.0, distances))
    return np.asarray((targets * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1, keepdims=True))


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row."""
    rows = np.ascontiguousarray(parameters["rows"].T)
    k, euclidean = parameters["neighbors"], parameters["power"] == 2

    def one(x: list[float]) -> list[float]:
        total = np.zeros(rows.shape[1])
        with np.errstate(all="ignore"):
            for value, column in zip(x, rows, strict=True):
                gap = value - column
                total += gap * gap if euclidean else np.abs(gap)
            found: list[float] = _vote(parameters, *_nearest(total[None, :], k))[0].tolist()
        return found

    return one


NEIGHBORS = Family(extract, validate, scores, row, ambiguous)
