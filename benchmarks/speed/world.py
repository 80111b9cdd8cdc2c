"""The data, the predictors and the floors that every section shares."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import numpy as np

# Here, and not when first needed: the limit of one thread holds for libraries that are loaded when it is set.
import sklearn.ensemble  # noqa: F401
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sqlite_ml_vtab
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, known_defaults

FULL_DEPTH = {"min_samples_leaf": 1}
"""Beside our defaults: forests of 100 trees whose leaves are as small as they can be."""
HYPERPARAMS: dict[str, dict[str, Any]] = {"random_forest": FULL_DEPTH, "extra_trees": FULL_DEPTH}
REGRESSION = {"ridge"}
"""Algorithms that are asked for a number here; the others tell classes apart."""
CATEGORIES = (("red", "green", "blue", "white", "black"), ("north", "south", "east", "west"))


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be said on the command line."""

    rows: int = 10_000
    """Rows to score one by one."""
    large: int = 1_000_000
    """Rows to score in chunks, and to train on."""
    growth: int = 10_000_000
    """Rows to which the table grows."""
    trained: int = 5_000
    """Rows that the scored models were trained on."""
    features: tuple[int, ...] = (4, 8, 30)
    classes: int = 2
    seed: int = 0
    turns: int = 5


@dataclass(frozen=True, slots=True)
class Predictor:
    """A trained predictor `table` over rows of `source`, and the bare estimator that was fitted on the same rows."""

    table: str
    source: str
    names: tuple[str, ...]
    """Its features."""
    target: str
    bare: Any
    """None where some of the features are no numbers."""

    def arguments(self, alias: str = "") -> str:
        """Return its features as a list of SQL columns, of the table called `alias`."""
        return ", ".join(f"{alias}.{name}" if alias else name for name in self.names)


def numbered(features: int) -> tuple[str, ...]:
    """Return the names of so many features."""
    return tuple(f"f{place}" for place in range(features))


def database(settings: Settings, rows: int, features: int, path: str = ":memory:") -> apsw.Connection:
    """Return a database with the tables `x`, of numbers, and `m`, where two are texts and some are NULL."""
    db = opened(path)
    random = np.random.default_rng(settings.seed)
    matrix = random.normal(size=(rows, features)).round(6)
    signal = matrix[:, 0] + matrix[:, 1] ** 2 + random.normal(size=rows) / 2
    bounds = np.quantile(signal, np.arange(1, settings.classes) / settings.classes)
    answers = [np.digitize(signal, bounds).tolist(), signal.round(4).tolist()]
    columns = [column.tolist() for column in matrix.T]
    _fill(db, "x", ["REAL"] * features, [*columns, *answers])
    kinds = ["REAL"] * (features - 2) + ["TEXT", "TEXT"]
    _fill(db, "m", kinds, [*_mixed(random, columns), *answers])
    return db


def opened(path: str) -> apsw.Connection:
    """Return a connection on which the package is loaded."""
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db)
    return db


def _mixed(random: np.random.Generator, columns: Sequence[list[float]]) -> list[list[Any]]:
    """Return columns of which the last two are categories and one value in twenty is NULL.

    Behind the 16th argument of a call a NULL must be passed as JSON, so that there none is.
    """
    rows = len(columns[0])
    texts = [[words[code] for code in random.integers(0, len(words), rows)] for words in CATEGORIES]
    missing = [random.random(rows) < (0.05 if place < 16 else 0.0) for place, _ in enumerate(columns)]
    together: list[list[Any]] = [*columns[:-2], *texts]
    return [
        [None if gone else value for value, gone in zip(column, holes, strict=True)]
        for column, holes in zip(together, missing, strict=True)
    ]


def _fill(db: apsw.Connection, table: str, kinds: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    """Create a table of the features, a class `y` and a number `z`, and fill it column by column."""
    names = numbered(len(kinds))
    declared = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    db.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, {declared}, y INTEGER, z REAL)")
    with db:
        marks = ", ".join("?" * len(columns))
        db.executemany(f"INSERT INTO {table}({', '.join(names)}, y, z) VALUES ({marks})", zip(*columns, strict=True))


def predictor(db: apsw.Connection, table: str, source: str, algorithm: str, trained: int) -> Predictor:
    """Declare, fill and train a predictor on the first rows of `source`, and fit the bare estimator on them."""
    features = len(db.execute(f"SELECT * FROM {source} LIMIT 1").get) - 3
    task, target = ("regression", "z") if algorithm in REGRESSION else ("classification", "y")
    names, text = numbered(features), set(numbered(features)[-2:]) if source == "m" else set()
    columns = ", ".join(f"{name} {'TEXT' if name in text else 'REAL'}" for name in names)
    hyperparams = json.dumps(HYPERPARAMS.get(algorithm, {}))
    db.execute(f"DROP TABLE IF EXISTS {table}")
    db.execute(
        f"CREATE VIRTUAL TABLE {table} USING ml_{task}({columns}, {target} TARGET, algorithm={algorithm}, "
        f"hyperparams='{hyperparams}', split=none)"
    )
    db.execute(f"INSERT INTO {table} SELECT {', '.join(names)}, {target} FROM {source} WHERE id <= {trained}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        db.execute(f"INSERT INTO {table}({table}) VALUES ('train')")
        matrix, answers = fetched(db, source, (*names, target), trained) if not text else (None, None)
        fitted = None if matrix is None else bare(algorithm, task, matrix.shape).fit(matrix, answers)
    return Predictor(table, source, names, target, fitted)


def bare(algorithm: str, task: str, shape: tuple[int, ...], hyperparams: Mapping[str, Any] | None = None) -> Any:
    """Return the unfitted scikit-learn pipeline that the algorithm stands for, at the same hyperparameters."""
    entry = ALGORITHMS[algorithm]
    made = entry.estimator_class(task)
    params = known_defaults(made, entry.default_params(task, *shape)) | HYPERPARAMS.get(algorithm, {})
    estimator = made(**params | dict(hyperparams or {}))
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    return make_pipeline(StandardScaler(), estimator) if entry.scale != "none" else estimator


def fetched(db: apsw.Connection, source: str, names: Sequence[str], rows: int) -> tuple[Any, Any]:
    """Return the floor's matrix and its last column, fetched by hand."""
    table = np.array(db.execute(f"SELECT {', '.join(names)} FROM {source} WHERE id <= {rows}").fetchall())
    return table[:, :-1], table[:, -1]


def floor(db: apsw.Connection, asked: Predictor, rows: int) -> Any:
    """Do what the floor does: fetch the rows, make the matrix, call the bare estimator once."""
    names = ", ".join(asked.names)
    matrix = np.array(db.execute(f"SELECT {names} FROM {asked.source} WHERE id <= {rows}").fetchall())
    return asked.bare.predict(matrix)


def joined(asked: Predictor, rows: int, said: str = "") -> str:
    """Return the join that scores the first rows, one call a row."""
    arguments = asked.arguments("x")
    said = said or f"sum(t.{asked.target})"
    return f"SELECT {said} FROM {asked.source} AS x JOIN {asked.table}({arguments}) AS t WHERE x.id <= {rows}"


def check_same_answers(db: apsw.Connection, asked: Predictor, rows: int) -> None:
    """Raise where the join and the floor do not say the same: a ratio of different work says nothing."""
    ours, theirs = db.execute(joined(asked, rows)).get, float(np.sum(floor(db, asked, rows)))
    if abs(ours - theirs) > rows / 1000:
        raise RuntimeError(f"{asked.bare}: the join adds up to {ours}, the bare estimator to {theirs}")
