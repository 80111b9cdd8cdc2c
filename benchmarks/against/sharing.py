"""What is handed to a worker so that it fits the same estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import numpy as np
from speed.world import Predictor, Settings, fetched

from sqlite_ml_vtab.learning.algorithms import ALGORITHMS


def described(
    db: apsw.Connection, asked: Predictor, algorithm: str, settings: Settings, folder: Path
) -> dict[str, Any]:
    """Return the estimator of a predictor in words, its training rows in a file of `folder`."""
    estimator = asked.bare.steps[-1][1] if hasattr(asked.bare, "steps") else asked.bare
    rows = folder / f"{algorithm}.npy"
    matrix, answers = fetched(db, asked.source, (*asked.names, asked.target), settings.trained)
    np.save(rows, np.column_stack([matrix, answers.astype(float)]))
    return {
        "module": type(estimator).__module__,
        "name": type(estimator).__name__,
        "params": estimator.get_params(),
        "is_scaled": ALGORITHMS[algorithm].scale != "none",
        "rows": str(rows),
    }
