"""The density family: the local outlier factor of a row among stored ones (Breunig et al. 2000, LOF)."""

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
from sqlite_ml_vtab.portable.families.distances import by_column, distances, distances_of_one
from sqlite_ml_vtab.portable.families.neighbors import nearest, tied_at
from sqlite_ml_vtab.portable.values import Floats

_BLOCK = 2**19
"""How many distances are found by one call: a command ends between two, and more do not fit in a cache."""
_SMALL = 1e-10
"""Added to a mean distance, as scikit-learn does, so that rows stored many times have a density."""


def extract(estimator: Any) -> dict[str, Any]:
    """Take a LocalOutlierFactor with novelty=True: its rows, the distance to the k-th neighbour and density of each."""
    power = {"euclidean": 2, "manhattan": 1}.get(str(estimator.effective_metric_))
    if power is None:
        raise NotPortable(f"metric {estimator.effective_metric_!r}")
    return {
        "link": "identity",
        "rows": np.asarray(estimator._fit_X, dtype=np.float64),
        "radii": np.array(estimator._distances_fit_X_[:, estimator.n_neighbors_ - 1], dtype=np.float64),
        "densities": np.array(estimator._lrd, dtype=np.float64),
        "neighbors": int(estimator.n_neighbors_),
        "power": power,
    }


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require a radius and a density for each row, and k rows at least."""
    names(parameters, "rows", "radii", "densities", "neighbors", "power")
    rows = array(parameters, "rows", "<f8", (None, width))
    radii = array(parameters, "radii", "<f8", (len(rows),))
    densities = array(parameters, "densities", "<f8", (len(rows),))
    require(outputs == 1 and bool((radii >= 0).all()) and bool((densities > 0).all()), "densities")
    neighbors = parameters["neighbors"]
    require(type(neighbors) is int and 1 <= neighbors <= len(rows), "the number of neighbors")
    require(type(parameters["power"]) is int and parameters["power"] in (1, 2), "the metric")
    word(parameters, "link", "identity")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the mean density of the k nearest rows over that of the row itself: above 1 where it stands alone."""
    step = max(1, _BLOCK // len(parameters["rows"]))
    parts = (matrix[start : start + step] for start in range(0, max(1, len(matrix)), step))
    return np.concatenate([_factors(parameters, _distances(parameters, part)) for part in parts])


def _distances(parameters: Parameters, matrix: Floats) -> Floats:
    return distances(parameters["rows"], matrix, parameters["power"])


def _factors(parameters: Parameters, measured: Floats) -> Floats:
    """Return the factors, (n, 1), for distances, or their squares, of shape (n, rows)."""
    places, near = nearest(measured, parameters["neighbors"])
    near = np.sqrt(near) if parameters["power"] == 2 else near
    reach = np.maximum(near, parameters["radii"][places])
    density = 1.0 / (reach.mean(axis=1) + _SMALL)
    return np.asarray((parameters["densities"][places] / density[:, None]).mean(axis=1))[:, None]


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row, the stored rows laid out by column once and for all."""
    count, columns = len(parameters["rows"]), by_column(parameters["rows"])

    def one(x: list[float]) -> list[float]:
        with np.errstate(all="ignore"):
            measured = distances_of_one(columns, count, x, parameters["power"])
            found: list[float] = _factors(parameters, measured)[0].tolist()
        return found

    return one


def ambiguous(parameters: Parameters, matrix: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the rows of which a neighbour stands at the very edge, so that it may be taken or not."""
    k, total = parameters["neighbors"], len(parameters["rows"])
    if k == total:
        return np.zeros(len(matrix), dtype=bool)
    step = max(1, _BLOCK // total)
    parts = (matrix[start : start + step] for start in range(0, max(1, len(matrix)), step))
    return np.concatenate([tied_at(_distances(parameters, part), k) for part in parts])


DENSITY = Family(extract, validate, scores, row, ambiguous)
