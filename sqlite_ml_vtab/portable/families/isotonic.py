"""The isotonic family: a curve through points, flat beyond its ends."""

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


def extract(estimator: Any) -> dict[str, Any]:
    """Take an IsotonicRegression's points."""
    if estimator.out_of_bounds != "clip":
        raise NotPortable(f"out_of_bounds {estimator.out_of_bounds!r}")
    return {
        "link": "identity",
        "x": np.asarray(estimator.X_thresholds_, dtype=np.float64),
        "y": np.asarray(estimator.y_thresholds_, dtype=np.float64),
    }


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require one column, one output and points in ascending order."""
    names(parameters, "x", "y")
    require(width == 1 and outputs == 1, "shape")
    word(parameters, "link", "identity")
    x = array(parameters, "x", "<f8", (None,))
    array(parameters, "y", "<f8", (len(x),))
    require(len(x) > 0 and bool((np.diff(x) >= 0).all()), "points out of order")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the height of the curve."""
    return np.interp(matrix[:, 0], parameters["x"], parameters["y"])[:, None]


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row."""
    x, y = parameters["x"], parameters["y"]
    return lambda values: (float(np.interp(values[0], x, y)),)


ISOTONIC = Family(extract, validate, scores, row)
