"""The constant family: the same decision values for every row (dummy estimators)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, NotPortable, Parameters, RowScores, array, names, word
from sqlite_ml_vtab.portable.values import Floats


def extract(estimator: Any) -> dict[str, Any]:
    """Take the prediction of a DummyClassifier or a DummyRegressor, whatever its strategy, if it is one for all."""
    if getattr(estimator, "strategy", None) in {"stratified", "uniform"}:
        raise NotPortable(f"strategy {estimator.strategy!r} draws at random")
    row = np.zeros((1, estimator.n_features_in_))
    if not hasattr(estimator, "classes_"):
        return {"link": "identity", "values": np.asarray(estimator.predict(row), dtype=np.float64).reshape(-1)}
    return {"link": "identity", "values": np.asarray(estimator.predict_proba(row), dtype=np.float64)[0]}


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require one value an output."""
    names(parameters, "values")
    word(parameters, "link", "identity")
    array(parameters, "values", "<f8", (outputs,))


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Repeat the values for every row."""
    return np.tile(parameters["values"], (len(matrix), 1))


def row(parameters: Parameters) -> RowScores:
    """Return the values, whatever the row."""
    values = parameters["values"].tolist()
    return lambda _: values


CONSTANT = Family(extract, validate, scores, row)
