"""The neighbors family: the k nearest training rows by brute force, ties to the row that was stored first."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import (
    Family,
    MatrixScores,
    NotPortable,
    Parameters,
    RowScores,
    array,
    names,
    require,
    word,
)
from sqlite_ml_vtab.portable.families.distances import by_column, distances, distances_of_one
from sqlite_ml_vtab.portable.families.nearest_rows import NearestRows, serves
from sqlite_ml_vtab.portable.values import Floats

_BLOCK = 2**19
"""How many distances are found by one call: a command ends between two, and more do not fit in a cache."""
_TIE = 1e-9
"""Two distances closer than this, relatively, are a tie: their order is an accident of rounding."""


def extract(estimator: Any) -> dict[str, Any]:
    """Take the training rows of a k-neighbors or radius-neighbors estimator, or the centroids of NearestCentroid.

    The metric is Minkowski's with p 1 or 2.
    """
    if hasattr(estimator, "centroids_"):
        return _centroids(estimator)
    power = {"euclidean": 2, "manhattan": 1}.get(str(estimator.effective_metric_))
    if power is None:
        raise NotPortable(f"metric {estimator.effective_metric_!r}")
    if estimator.weights not in {"uniform", "distance"}:
        raise NotPortable("weights are a function")
    return {
        "link": "identity",
        "rows": np.asarray(estimator._fit_X, dtype=np.float64),
        "targets": _targets(estimator),
        "neighbors": int(getattr(estimator, "n_neighbors", None) or 0),
        "radius": 0.0 if getattr(estimator, "n_neighbors", None) else float(estimator.radius),
        "outlier": _outlier(estimator),
        "power": power,
        "weights": estimator.weights,
    }


def _centroids(estimator: Any) -> dict[str, Any]:
    """Take the centroids as rows of which the nearest one votes."""
    power = {"euclidean": 2, "manhattan": 1}.get(str(estimator.metric))
    priors = np.asarray(getattr(estimator, "class_prior_", [1.0]))
    if power is None or not np.isclose(priors, 1.0 / len(priors)).all():
        raise NotPortable("priors or a metric that the nearest centroid alone does not decide")
    return {
        "link": "none",
        "rows": np.asarray(estimator.centroids_, dtype=np.float64),
        "targets": np.eye(len(estimator.centroids_)),
        "neighbors": 1,
        "radius": 0.0,
        "outlier": -1,
        "power": power,
        "weights": "uniform",
    }


def _outlier(estimator: Any) -> int:
    """Return the place of the class of a row without neighbours within the radius; -1 where nothing needs one."""
    if not hasattr(estimator, "classes_") or not hasattr(estimator, "outlier_label"):
        return -1
    if estimator.outlier_label_ is None:
        raise NotPortable("outlier_label=None")
    return int(np.flatnonzero(np.asarray(estimator.classes_) == np.ravel(estimator.outlier_label_)[0])[0])


def _targets(estimator: Any) -> Floats:
    """Return what each neighbour votes: its class as a one-hot row, or its number."""
    target = np.asarray(estimator._y)
    if hasattr(estimator, "classes_"):
        return np.asarray(np.eye(len(estimator.classes_))[target])
    return target.reshape(len(target), -1).astype(np.float64)


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require k training rows at least, and known weights and power."""
    names(parameters, "rows", "targets", "neighbors", "radius", "outlier", "power", "weights")
    rows = array(parameters, "rows", "<f8", (None, width))
    array(parameters, "targets", "<f8", (len(rows), outputs))
    neighbors, radius, outlier = (parameters[name] for name in ("neighbors", "radius", "outlier"))
    require(type(neighbors) is int and 0 <= neighbors <= len(rows), "the number of neighbors")
    require(type(radius) in (int, float) and 0 <= radius < 1e300 and (neighbors > 0) != (radius > 0), "radius")
    require(type(outlier) is int and -1 <= outlier < outputs, "outlier")
    require(type(parameters["power"]) is int and parameters["power"] in (1, 2), "the metric")
    word(parameters, "weights", "uniform", "distance")
    word(parameters, "link", "identity", "none")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the weighted mean of the targets of the k nearest rows, or of those within the radius."""
    step = max(1, _BLOCK // max(1, len(parameters["rows"])))
    blocks = [_block(parameters, matrix[start : start + step]) for start in range(0, len(matrix), step)]
    return np.concatenate(blocks) if blocks else np.empty((0, parameters["targets"].shape[1]))


def ambiguous(parameters: Parameters, matrix: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the rows of which a neighbour stands at the very edge, so that it may be taken or not."""
    k, total = parameters["neighbors"], len(parameters["rows"])
    if k == total:
        return np.zeros(len(matrix), dtype=bool)
    at_edge = _at_kth if k else _at_radius
    step = max(1, _BLOCK // total)
    parts = [matrix[start : start + step] for start in range(0, max(1, len(matrix)), step)]
    return np.concatenate([at_edge(parameters, _distances(parameters, part)) for part in parts])


def _at_kth(parameters: Parameters, distances: Floats) -> Any:
    """Return the rows whose k-th and next neighbour are equally far."""
    return tied_at(distances, parameters["neighbors"])


def tied_at(distances: Floats, k: int) -> Any:
    """Return the rows of `distances` (n, rows) whose k-th and next are equally far."""
    near = np.partition(distances, (k - 1, k), axis=1)
    return near[:, k] - near[:, k - 1] <= _TIE * near[:, k]


def _at_radius(parameters: Parameters, distances: Floats) -> Any:
    radius = parameters["radius"] ** parameters["power"]
    return (np.abs(distances - radius) <= _TIE * radius).any(axis=1)


def _distances(parameters: Parameters, matrix: Floats) -> Floats:
    return distances(parameters["rows"], matrix, parameters["power"])


def _block(parameters: Parameters, matrix: Floats) -> Floats:
    return _answer(parameters, _distances(parameters, matrix))


def _answer(parameters: Parameters, distances: Floats) -> Floats:
    if parameters["neighbors"]:
        return _vote(parameters, *nearest(distances, parameters["neighbors"]))
    return _within(parameters, np.sqrt(distances) if parameters["power"] == 2 else distances)


def _within(parameters: Parameters, distances: Floats) -> Floats:
    """Return the mean over the rows within the radius; without any, the outlier's class, or NaN for a number."""
    weights = (distances <= parameters["radius"]).astype(np.float64)
    if parameters["weights"] == "distance":
        same = distances == 0
        near = weights / np.where(same, 1.0, distances)
        weights = np.where(same.any(axis=1, keepdims=True), same, near)
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        found = np.asarray(weights @ parameters["targets"] / total)
    if parameters["outlier"] >= 0:
        found[total[:, 0] == 0] = np.eye(found.shape[1])[parameters["outlier"]]
    return found


def nearest(distances: Floats, k: int) -> tuple[Any, Floats]:
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
    """Return the same for one row, the stored rows laid out by column once and for all."""
    count, columns = len(parameters["rows"]), by_column(parameters["rows"])

    def one(x: list[float]) -> list[float]:
        with np.errstate(all="ignore"):
            near = distances_of_one(columns, count, x, parameters["power"])
            found: list[float] = _answer(parameters, near)[0].tolist()
        return found

    return one


def ready(parameters: Parameters) -> tuple[RowScores, MatrixScores]:
    """Return what scores one row, and what scores many, of one model."""
    if parameters["power"] != 2 or not serves(parameters["rows"], parameters["neighbors"]):
        return row(parameters), partial(scores, parameters)
    nearby, careful = NearestRows(parameters["rows"], parameters["neighbors"]), row(parameters)
    targets, k = parameters["targets"], parameters["neighbors"]
    is_uniform = parameters["weights"] == "uniform"

    def one(x: list[float]) -> list[float]:
        near = nearby.of_one(x)
        if near is None:
            return list(careful(x))
        found: list[float]
        if is_uniform:
            found = (np.add.reduce(targets[near[0]], axis=0) / k).tolist()
        else:
            found = _vote(parameters, near[0][None], near[1][None])[0].tolist()
        return found

    def many(matrix: Floats) -> Floats:
        near = nearby.of_many(matrix) if len(matrix) else None
        return scores(parameters, matrix) if near is None else _vote(parameters, *near)

    return one, many


NEIGHBORS = Family(extract, validate, scores, row, ambiguous, ready)
