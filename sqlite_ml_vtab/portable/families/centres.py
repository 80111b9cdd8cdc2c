"""The centres family: a row belongs to the cluster of the nearest centre; a cluster can have several (Birch)."""

from __future__ import annotations

from collections.abc import Iterator
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
from sqlite_ml_vtab.portable.values import Floats

_BLOCK = 2**19
"""How many distances are found by one call: a command ends between two, and more do not fit in a cache."""
_TIE = 1e-9
"""Two centres whose squared distances differ by less than this, relatively, are equally near."""
_ROUNDING = 1e-12
"""The same against the square of the row itself: scikit-learn expands the square, and loses digits there."""


def extract(estimator: Any) -> dict[str, Any]:
    """Take the centres of KMeans, MiniBatchKMeans, MeanShift or AffinityPropagation, or the subclusters of Birch."""
    if hasattr(estimator, "subcluster_centers_"):
        centres = np.asarray(estimator.subcluster_centers_, dtype=np.float64)
        owners = np.asarray(estimator.subcluster_labels_)
    else:
        centres = np.asarray(estimator.cluster_centers_, dtype=np.float64)
        owners = np.arange(len(centres))
    if str(getattr(estimator, "affinity", "euclidean")) == "precomputed":
        raise NotPortable("affinity 'precomputed'")
    order = np.argsort(owners, kind="stable")
    return {"link": "none", "centres": centres[order], "owners": owners[order].astype("<i4")}


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require a centre at least for each cluster, in the clusters' order."""
    names(parameters, "centres", "owners")
    word(parameters, "link", "none")
    centres = array(parameters, "centres", "<f8", (None, width))
    owners = array(parameters, "owners", "<i4", (len(centres),))
    require(len(owners) > 0 and owners[0] == 0 and owners[-1] == outputs - 1, "the clusters of centres")
    steps = np.diff(owners)
    require(bool(((steps == 0) | (steps == 1)).all()), "the clusters of centres")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return, for each cluster, the squared distance to its nearest centre, negative."""
    parts = [_nearest(parameters, distances(parameters["centres"], part, 2)) for part in _blocks(parameters, matrix)]
    return np.concatenate(parts)


def _blocks(parameters: Parameters, matrix: Floats) -> Iterator[Floats]:
    step = max(1, _BLOCK // len(parameters["centres"]))
    return (matrix[start : start + step] for start in range(0, max(1, len(matrix)), step))


def _nearest(parameters: Parameters, squares: Floats) -> Floats:
    owners = parameters["owners"]
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return -squares if len(starts) == len(owners) else -np.minimum.reduceat(squares, starts, axis=1)


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row, the centres laid out by column once and for all."""
    count, columns = len(parameters["centres"]), by_column(parameters["centres"])

    def one(x: list[float]) -> list[float]:
        with np.errstate(all="ignore"):
            found: list[float] = _nearest(parameters, distances_of_one(columns, count, x, 2))[0].tolist()
        return found

    return one


def ambiguous(parameters: Parameters, matrix: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the rows that two clusters are equally near to."""
    found = -scores(parameters, matrix)
    if found.shape[1] == 1:
        return np.zeros(len(matrix), dtype=bool)
    first, second = np.partition(found, 1, axis=1)[:, :2].T
    return np.asarray(second - first <= np.maximum(_TIE * second, _ROUNDING * (1.0 + (matrix**2).sum(axis=1))))


CENTRES = Family(extract, validate, scores, row, ambiguous)
