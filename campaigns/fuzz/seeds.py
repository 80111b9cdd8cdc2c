"""Models to begin from: every algorithm of every task, really trained on a few rows, by the family that stores it.

Run: python campaigns/fuzz/seeds.py FILE
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from collections.abc import Callable, Container, Iterator
from functools import partial
from pathlib import Path

import apsw

import sqlite_ml_vtab
from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.portable import from_bytes, members

COUNT = 60
SMALL = {"n_estimators": 3, "max_depth": 3}
FEW = {"n_estimators": 3}
LIGHT = {
    "theil_sen": {"max_subpopulation": 50},
    **dict.fromkeys(("random_forest", "extra_trees", "gradient_boosting"), SMALL),
    **dict.fromkeys(("bagging", "ada_boost", "isolation_forest"), FEW),
    "hist_gradient_boosting": {"max_iter": 3, "max_depth": 3},
    "mlp": {"hidden_layer_sizes": [4], "max_iter": 5},
    "voting": {"estimators": ["knn", "decision_tree"]},
    "stacking": {"estimators": ["knn", "decision_tree"], "cv": 2},
    "dbscan": {"eps": 0.7},
    "mean_shift": {"bandwidth": 1.5},
    **{name: SMALL for name in ALGORITHMS if name.startswith(("lightgbm", "xgboost"))},
}
"""Small models: the fuzzer's time goes into trying, not into long arrays."""

MIXED = "n REAL, c TEXT CATEGORY, d DATE"
OTHERS = {
    "isotonic": "n REAL",
    "qda": "n REAL, m REAL",
    "elliptic_envelope": "n REAL, m REAL",
    "gaussian_mixture": "n REAL, m REAL",
}
MORE = (
    ("words", "classification", "n REAL, w TEXT WORDS, y TEXT TARGET, algorithm=logistic_regression"),
    ("binned", "classification", "n REAL, d DATE, y TEXT TARGET, algorithm=categorical_nb"),
    ("calibrated svc", "classification", f"{MIXED}, y TEXT TARGET, algorithm=svc, calibrate=sigmoid"),
    ("calibrated trees", "classification", f"{MIXED}, y TEXT TARGET, algorithm=decision_tree, calibrate=isotonic"),
    ("two targets", "regression", f"{MIXED}, y REAL TARGET, z REAL TARGET, algorithm=decision_tree"),
    ("two labels", "classification", f"{MIXED}, y TEXT TARGET, z TEXT TARGET, algorithm=gaussian_nb"),
    ("logarithm", "regression", f"{MIXED}, y REAL TARGET, algorithm=ridge, target_transform=log"),
)
"""(name, task, the columns and options) beside one for each algorithm; one that cannot be declared is an error."""

ONE_EACH = {
    "bayes": "classification gaussian_nb",
    "centres": "clustering birch",
    "combined": "classification stacking",
    "constant": "regression dummy",
    "density": "anomaly local_outlier_factor",
    "discriminant": "classification qda",
    "events": "classification bernoulli_nb",
    "isotonic": "regression isotonic",
    "kernel": "classification svc",
    "linear": "forecast ridge",
    "listed": "clustering dbscan",
    "mlp": "classification mlp",
    "neighbors": "regression knn",
    "nonnegative": "projection nmf",
    "quadratic": "anomaly elliptic_envelope",
    "refit": "classification gaussian_process",
    "trees": "regression gradient_boosting",
}
"""A model of each family for those who have a minute only; a family that is not here fails a test."""

FORECASTS = ("ridge", "decision_tree", "knn")


def trainings() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield (name, the function that trains the model) of everything that can be trained."""
    for name, algorithm in ALGORITHMS.items():
        for task in algorithm.estimators:
            options = f", hyperparams='{json.dumps(LIGHT[name])}'" if name in LIGHT else ""
            text = f"{_columns(name, task)}, algorithm={name}{options}"
            yield f"{task} {name}", partial(_train, task, text, name)
    for name, task, text in MORE:
        yield name, partial(_train, task, text, name)
    dated = "at DATE ORDER, s TEXT GROUP, x REAL, y REAL TARGET"
    for name in FORECASTS:
        yield f"forecast {name}", partial(_forecast, f"{dated}, algorithm={name}")
    yield "forecast of numbers", partial(_forecast, f"{dated.replace('DATE', 'INTEGER')}, horizon=3")
    yield "direct forecast", partial(_forecast, f"{dated}, algorithm=ridge, strategy=direct, horizon=3")


def _columns(name: str, task: str) -> str:
    features = OTHERS.get(name, MIXED)
    return f"{features}, y {'REAL' if task == 'regression' else 'TEXT'} TARGET" if TASKS[task].has_target else features


def _train(task: str, text: str, name: str) -> bytes:
    db = _opened()
    db.execute(f"CREATE VIRTUAL TABLE p USING {TASKS[task].module}({text})")
    draw = random.Random(name)
    names = [row[1] for row in db.execute("PRAGMA table_info(p)")]
    for place in range(COUNT * 3 if name in ("qda", "gaussian_mixture") else COUNT):
        signal = draw.gauss(0, 1)
        label = "high" if signal > 0.4 else "low" if signal < -0.4 else "middling"
        number = signal * 2.5 + 500
        values = {
            "n": signal + draw.gauss(0, 0.3) if place % 9 or "TARGET" not in text else None,
            "m": draw.gauss(0, 1),
            "c": "rgb"[place % 3],
            "d": f"20{10 + place % 15}-0{1 + place % 9}-1{place % 7}",
            "w": f"a {label} day, number {place % 4}",
            "y": label if task == "classification" else number,
            "z": label[0] if task == "classification" else -number,
        }
        db.execute(f"INSERT INTO p VALUES ({', '.join('?' * len(names))})", [values[column] for column in names])
    return _blob(db)


def _forecast(text: str) -> bytes:
    db = _opened()
    db.execute(f"CREATE VIRTUAL TABLE p USING ml_forecast({text})")
    dated = "DATE" in text
    for place in range(48):
        at = f"{2015 + place // 12}-{place % 12 + 1:02d}-01" if dated else place
        for series in "ab":
            db.execute("INSERT INTO p VALUES (?, ?, ?, ?)", (at, series, place % 5, place + 3.0 * (place % 12)))
    return _blob(db)


def _opened() -> apsw.Connection:
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    return db


def _blob(db: apsw.Connection) -> bytes:
    db.execute("INSERT INTO p(p) VALUES ('train')")
    [(blob,)] = db.execute("SELECT model FROM p_models")
    db.close()
    return blob


def by_family(wanted: Container[str] | None = None) -> dict[str, list[tuple[str, bytes]]]:
    """Return the models by the family that stores them; a forecast and several targets by that of their members."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, make in trainings():
            if wanted is not None and name not in wanted:
                continue
            blob = make()
            found.setdefault(members(from_bytes(blob))[0].family, []).append((name, blob))
    return found


def write(path: Path, wanted: Container[str] | None = None) -> dict[str, list[tuple[str, bytes]]]:
    """Write the models, or those with a name that is wanted, to a file, and return them."""
    found = by_family(wanted)
    path.write_text(json.dumps({k: [(name, blob.hex()) for name, blob in v] for k, v in found.items()}))
    return found


def read(path: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Return the models of a file that `write` made."""
    found = json.loads(path.read_text())
    return {k: [(name, bytes.fromhex(text)) for name, text in v] for k, v in found.items()}


if __name__ == "__main__":
    for family, models in sorted(write(Path(sys.argv[1])).items()):
        print(f"{family:12} {len(models):3} models, {sum(len(blob) for _, blob in models):8,} bytes")
