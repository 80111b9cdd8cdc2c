"""One trained predictor for every algorithm of every task, and what it answers: what two releases are compared by.

Written in SQL alone, so that it runs beside any release of the libraries.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import apsw

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

ROWS, ASKED = 60, 12

_SMALL = {"n_estimators": 5}
HYPERPARAMS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("random_forest", "extra_trees", "bagging", "ada_boost", "isolation_forest"), _SMALL),
    "gradient_boosting": _SMALL | {"learning_rate": 0.5},
    "hist_gradient_boosting": {"max_iter": 5, "learning_rate": 0.5},
    **{name: _SMALL for name in ALGORITHMS if name.startswith(("lightgbm", "xgboost"))},
    "theil_sen": {"max_subpopulation": 50},
    "mlp": {"hidden_layer_sizes": [5], "max_iter": 60, "solver": "lbfgs"},
    "voting": {"estimators": ["knn", "decision_tree"]},
    "stacking": {"estimators": ["knn", "decision_tree"], "cv": 2},
    "dbscan": {"eps": 0.7},
    "mean_shift": {"bandwidth": 1.5},
    "one_class_svm": {"nu": 0.2},
}
"""Small models, and settings without which some algorithms find nothing in so few rows."""

CLUSTERS = ("kmeans", "mini_batch_kmeans", "birch", "gaussian_mixture", "agglomerative")
MIXED = "n REAL, m REAL, c TEXT, d DATE"
FEATURES = ("n", "m", "c", "d")


@dataclass(frozen=True, slots=True)
class Zoo:
    """One predictor."""

    name: str
    task: str
    algorithm: str
    columns: str
    """What is declared, options included."""
    insert: str
    """The SELECT that fills it."""
    question: str
    """The SELECT whose rows are its answers."""


def every() -> Iterator[Zoo]:
    """Yield a predictor for each (task, algorithm), and some of the kinds that go beside them."""
    for name, algorithm in ALGORITHMS.items():
        for task in algorithm.estimators:
            if algorithm.is_installed:
                yield _of_algorithm(name, task, one_column=algorithm.one_column)
    yield from _beside()


def _of_algorithm(name: str, task: str, *, one_column: bool) -> Zoo:
    features, listed = ("n REAL", "n") if one_column else (MIXED, ", ".join(FEATURES))
    options = f"algorithm={name}, hyperparams='{json.dumps(HYPERPARAMS.get(name, {}))}'"
    if name in CLUSTERS:
        options += ", clusters=3"
    if not TASKS[task].has_target:
        says = ", ".join(TASKS[task].says({}))
        features, listed = "n REAL, m REAL, p REAL", "n, m, p"
        question = f"SELECT {says} FROM {{0}} ORDER BY rowid"
        if not name.endswith(("dbscan", "agglomerative")):
            question = f"SELECT {says} FROM {{0}} WHERE source = 'asked' ORDER BY rowid"
        return _zoo(name, task, f"{features}, {options}", f"SELECT {listed} FROM learned", question)
    target = {"classification": "k TEXT TARGET", "regression": "p REAL TARGET"}[task]
    said = target.split()[0]
    question = f"SELECT {said}, probability, probabilities, lower, upper FROM {{0}} WHERE source = 'asked'"
    return _zoo(name, task, f"{features}, {target}, {options}", f"SELECT {listed}, {said} FROM learned", question)


def _beside() -> Iterator[Zoo]:
    target = "SELECT {0} FROM {{0}} WHERE source = 'asked' ORDER BY rowid"
    yield _zoo(
        "joint", "regression", f"{MIXED}, p REAL TARGET, q REAL TARGET, algorithm=ridge",
        "SELECT n, m, c, d, p, q FROM learned", target.format("p, q"),
    )  # fmt: skip
    yield _zoo(
        "words", "classification", "w TEXT WORDS, k TEXT TARGET, algorithm=logistic_regression",
        "SELECT w, k FROM learned", target.format("k, probabilities"),
    )  # fmt: skip
    yield _zoo(
        "decided", "classification",
        f"{MIXED}, b INTEGER TARGET, algorithm=svc, calibrate=sigmoid, threshold=0.4",
        "SELECT n, m, c, d, b FROM learned", target.format("b, probabilities"),
    )  # fmt: skip
    yield _zoo(
        "bent", "regression", "n REAL SCALE(robust), c TEXT ENCODE(target), p REAL TARGET, algorithm=huber, "
        "target_transform=yeo_johnson", "SELECT n, c, p FROM learned", target.format("p, lower, upper"),
    )  # fmt: skip
    yield _zoo(
        "incremental", "classification", f"{MIXED}, k TEXT TARGET, algorithm=sgd, fit=incremental",
        "SELECT n, m, c, d, k FROM learned", target.format("k"),
    )  # fmt: skip
    foreseen = "SELECT v, lower, upper FROM {0}(NULL, 6)"
    for strategy in ("recursive", "direct"):
        yield _zoo(
            f"{strategy}_ridge", "forecast", f"at DATE ORDER, v REAL TARGET, horizon=6, strategy={strategy}",
            "SELECT at, v FROM steps WHERE s = 'a'", foreseen,
        )  # fmt: skip
    yield _zoo(
        "series_trees", "forecast",
        "at DATE ORDER, s TEXT GROUP, v REAL TARGET, horizon=6, algorithm=decision_tree",
        "SELECT at, s, v FROM steps", foreseen,
    )  # fmt: skip


def _zoo(algorithm: str, task: str, columns: str, insert: str, question: str) -> Zoo:
    name = f"{algorithm}_{task}"
    return Zoo(name, task, algorithm, columns, insert, question.format(name))


def fill(db: apsw.Connection, rows: int = ROWS) -> None:
    """Make the tables that all of them learn from and are asked about."""
    draw = random.Random(7)  # noqa: S311 - rows, not secrets
    db.execute(f"CREATE TABLE learned({MIXED}, w TEXT, k TEXT, b INTEGER, p REAL, q REAL)")
    db.execute("CREATE TABLE asked AS SELECT * FROM learned WHERE 0")
    db.execute("CREATE TABLE steps(at TEXT, s TEXT, v REAL)")
    marks = f"({', '.join('?' * 9)})"
    db.executemany(f"INSERT INTO learned VALUES {marks}", [_row(draw, place) for place in range(rows)])
    asked = [_row(draw, place) for place in range(ASKED - 2)]
    asked += [(None, 0.5, "unseen", "2031-01-01", "nobody", None, None, 1.0, None), _row(draw, 1)[:2] + (None,) * 7]
    db.executemany(f"INSERT INTO asked VALUES {marks}", asked)
    # A projection, a cluster and a score want three numbers, of which none is missing.
    db.execute("UPDATE asked SET n = coalesce(n, 0.25), m = coalesce(m, 0), p = coalesce(p, 2)")
    first = date(2020, 1, 1)
    for series, slope in (("a", 0.5), ("b", 2.0)):
        values = [round(slope * day + (day % 7) ** 1.5 + draw.gauss(0, 0.3), 3) for day in range(60)]
        steps = [((first + timedelta(day)).isoformat(), series, value) for day, value in enumerate(values)]
        db.executemany("INSERT INTO steps VALUES (?, ?, ?)", steps)


def _row(draw: random.Random, place: int) -> tuple[Any, ...]:
    signal = draw.gauss(0, 1)
    kind = min(2, max(0, int((signal + 1.2) * 1.2)))
    number = round(signal + draw.gauss(0, 0.4), 3) if place % 9 else None
    day = f"20{10 + place % 12}-0{1 + place % 9}-1{place % 7}"
    words = " ".join(draw.choice(("red", "green", "blue", "sky", "apple")) for _ in range(3)) + " " + "xyz"[kind]
    last = round(2 + abs(signal) * 1.5 + draw.random() / 4, 3)
    return (
        number, round(draw.gauss(signal / 2, 1), 3), "abc"[(kind + place % 2) % 3], day, words,
        ("low", "middling", "high")[kind], int(signal > 0), last, round(signal * 3 + draw.gauss(0, 0.2), 3),
    )  # fmt: skip


def train(db: apsw.Connection, one: Zoo) -> None:
    """Declare, fill and train one predictor; raises what it raises, and leaves nothing then."""
    with warnings.catch_warnings(), db:
        warnings.simplefilter("ignore")
        db.execute(f"CREATE VIRTUAL TABLE {one.name} USING ml_{one.task}({one.columns})")
        db.execute(f"INSERT INTO {one.name} {one.insert}")
        db.execute(f"INSERT INTO {one.name}({one.name}) VALUES ('train')")


def answers(db: apsw.Connection, one: Zoo) -> list[Any]:
    """Return what a predictor answers, as JSON keeps it."""
    return asked(db, one.question)


def asked(db: apsw.Connection, question: str) -> list[Any]:
    """Return the rows of `question` as JSON keeps them; objects among them are read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [list(map(_plain, row)) for row in db.execute(question)]
    return list(json.loads(json.dumps(found)))


def _plain(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value
