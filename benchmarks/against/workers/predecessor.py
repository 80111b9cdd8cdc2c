"""sqlite-ml on Python's own sqlite3, on iris, as its README has it."""

from __future__ import annotations

import json
import sqlite3

from serving import serve
from sqlite_ml.sqml import SQML

db = sqlite3.connect(":memory:")
FEATURES = "sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"
OBJECT = ", ".join(f"'{name}', \"{name}\"" for name in FEATURES)


def begin() -> None:
    """Register it, and load the table."""
    ours = SQML()
    ours.setup_schema(db)
    ours.register_functions(db)
    db.execute("SELECT sqml_load_dataset('iris')").fetchone()


def train(algorithm: str) -> float:
    """Train, and return its score."""
    sql = "SELECT sqml_train(?, 'classification', ?, 'dataset_iris', 'target')"
    said: dict[str, float] = json.loads(db.execute(sql, (algorithm, algorithm)).fetchone()[0])
    return said["score"]


def predict(algorithm: str) -> list[float]:
    """Predict every row."""
    sql = f"SELECT sqml_predict(?, json_object({OBJECT})) FROM dataset_iris"
    return [row[0] for row in db.execute(sql, (algorithm,))]


serve({"begin": begin, "train": train, "predict": predict})
