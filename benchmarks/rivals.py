"""RIVALS: what a careful person writes by hand in scikit-learn, and skrub's tabular_pipeline, on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sqlite_ml_vtab.learning.rows import TrainingRows


def rival_frame(rows: TrainingRows) -> pd.DataFrame:
    """Return the features as a person would load them: numbers, text, and dates as datetime64."""
    columns = dict(zip(rows.names, zip(rows.kinds, rows.features, strict=True), strict=True))
    return pd.DataFrame({name: _series(kind, values) for name, (kind, values) in columns.items()})


def _series(kind: str, values: Any) -> pd.Series:
    if kind == "DATE":
        return pd.Series(pd.to_datetime(values, unit="s"))
    return pd.Series(values, dtype="float64" if kind == "NUMBER" else "str")


def _days(frame: pd.DataFrame) -> np.ndarray:
    return frame.apply(lambda column: (column - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)).to_numpy()


def _by_hand(estimator: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    dates = make_pipeline(FunctionTransformer(_days), SimpleImputer(strategy="median"), StandardScaler())
    encode = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("words", words, make_column_selector(dtype_include=["str", "object"])),
            ("dates", dates, make_column_selector(dtype_include="datetime")),
        ],
        sparse_threshold=0.0,
    )
    return make_pipeline(encode, estimator)


def _forest(task: str, seed: int) -> Any:
    estimator = RandomForestClassifier if task == "classification" else RandomForestRegressor
    return _by_hand(estimator(random_state=seed))


def _boosting(task: str, seed: int) -> Any:
    estimator = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
    return _by_hand(estimator(random_state=seed))


def _linear(task: str, seed: int) -> Any:
    return _by_hand(LogisticRegression(max_iter=1000) if task == "classification" else Ridge())


def _skrub(task: str, seed: int) -> Any:
    from skrub import tabular_pipeline

    pipeline = tabular_pipeline("classifier" if task == "classification" else "regressor")
    return pipeline.set_params(**{f"{pipeline.steps[-1][0]}__random_state": seed})


RIVALS: dict[str, Callable[[str, int], Any]] = {
    "by_hand_forest": _forest,
    "by_hand_boosting": _boosting,
    "by_hand_linear": _linear,
    **({"skrub_pipeline": _skrub} if find_spec("skrub") else {}),
}
"""Name to (task, seed) to an unfitted pipeline."""
