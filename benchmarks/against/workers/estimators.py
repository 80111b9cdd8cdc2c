"""The estimator that ours is compared with, made where it is compared."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def fitted(module: str, name: str, params: dict[str, Any], is_scaled: bool, rows: str) -> Any:
    """Return a fitted pipeline; `rows` is a file of a matrix whose last column is the target."""
    table = np.load(rows)
    estimator = getattr(import_module(module), name)(**params)
    steps = [StandardScaler()] if is_scaled else []
    return make_pipeline(*steps, estimator).fit(table[:, :-1], table[:, -1])
