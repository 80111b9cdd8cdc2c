"""sqlite-predict, a C extension: loaded into the connection on which ours is measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import apsw
from speed.timing import Cost, Figure, cost, in_turns, ratio
from speed.world import Settings, database, numbered

from .environments import SQLITE_PREDICT

FEATURES = 8
NAMES = ", ".join(numbered(FEATURES))
LISTED = ", ".join(f"x.{name}" for name in numbered(FEATURES))
LEARNERS: dict[str, tuple[str, dict[str, object]]] = {
    "gbt": (
        "gradient_boosting",
        {
            "n_estimators": 200,
            "max_depth": 3,
            "learning_rate": 0.1,
            "min_samples_split": 5,
            "subsample": 1.0,
            "max_features": None,
        },
    ),
    "tree": ("decision_tree", {"max_depth": 8, "min_samples_split": 5, "min_samples_leaf": 1}),
}
"""Its kinds of model, and ours at the settings that are fixed in it."""


def native(settings: Settings, extension: Path | None) -> Iterator[Figure]:
    """Compare fit, held-out errors and both ways of scoring; `extension` stands for the one from PyPI."""
    library = extension or SQLITE_PREDICT.find("sqlite_predict/predict0.so")
    for kind, (algorithm, hyperparams) in LEARNERS.items():
        yield from _learned(settings, library, kind, algorithm, hyperparams)
    yield from _default(settings, library)
    for kind, (algorithm, hyperparams) in LEARNERS.items():
        db = _database(settings, library, settings.seed)
        _declare(db, algorithm, hyperparams, settings.trained)
        _train(db)
        _fit(db, kind, settings.trained)
        yield from _scored(db, settings, kind)
        db.close()


def _database(settings: Settings, library: Path, seed: int) -> apsw.Connection:
    db = database(replace(settings, seed=seed), settings.trained + settings.rows, FEATURES)
    db.enable_load_extension(True)
    db.load_extension(str(library))
    db.enable_load_extension(False)
    return db


def _declare(db: apsw.Connection, algorithm: str, hyperparams: dict[str, object], rows: int) -> None:
    columns = ", ".join(f"{name} REAL" for name in numbered(FEATURES))
    db.execute(
        f"CREATE VIRTUAL TABLE t USING ml_classification({columns}, y INTEGER TARGET, algorithm={algorithm}, "
        f"hyperparams='{json.dumps(hyperparams)}', split=none)"
    )
    db.execute(f"INSERT INTO t SELECT {NAMES}, y FROM x WHERE id <= {rows}")


def _train(db: apsw.Connection) -> None:
    db.execute("INSERT INTO t(t) VALUES ('train')")


def _fit(db: apsw.Connection, kind: str, rows: int) -> None:
    options = json.dumps({"kind": kind, "register": kind})
    _ = db.execute(f"SELECT fit({NAMES}, y, '{options}') FROM x WHERE id <= {rows}").get


def _learned(
    settings: Settings, library: Path, kind: str, algorithm: str, hyperparams: dict[str, object]
) -> Iterator[Figure]:
    """Fit both on other data in each turn, and count what each tells wrong of rows that neither saw."""
    turns = [_both(settings, library, kind, (algorithm, hyperparams), turn) for turn in range(settings.turns + 1)][1:]
    variant = f"{settings.trained:,} rows, {algorithm}"
    costs = [ours for ours, _, _, _ in turns], [theirs for _, theirs, _, _ in turns]
    yield ratio("sqlite-predict", f"fit: {kind}", variant, "x theirs", costs)
    errors = tuple(ours / theirs for _, _, ours, theirs in turns)
    yield Figure("sqlite-predict", f"held-out errors: {kind}", variant, "x theirs", (), errors)


def _default(settings: Settings, library: Path) -> Iterator[Figure]:
    """Report the same of what ours learns with when no algorithm is named, beside their default."""
    learner = ("hist_gradient_boosting", dict[str, object]())
    turns = [_both(settings, library, "gbt", learner, turn) for turn in range(settings.turns + 1)][1:]
    costs = [ours for ours, _, _, _ in turns], [theirs for _, theirs, _, _ in turns]
    variant = f"{settings.trained:,} rows"
    yield ratio("sqlite-predict", "defaults, fit", variant, "x theirs", costs)
    errors = tuple(ours / theirs for _, _, ours, theirs in turns)
    yield Figure("sqlite-predict", "defaults, held-out errors", variant, "x theirs", (), errors)


def _both(
    settings: Settings, library: Path, kind: str, learner: tuple[str, dict[str, object]], turn: int
) -> tuple[Cost, Cost, int, int]:
    db = _database(settings, library, settings.seed + turn)
    _declare(db, *learner, settings.trained)
    ours, theirs = cost(partial(_train, db)), cost(partial(_fit, db, kind, settings.trained))
    unseen = f"x.id > {settings.trained}"
    wrong = db.execute(f"SELECT sum(t.y <> x.y) FROM x JOIN t({LISTED}) WHERE {unseen}").get
    missed = db.execute(f"SELECT sum(CAST(predict('{kind}', {NAMES}) AS INTEGER) <> y) FROM x WHERE {unseen}").get
    db.close()
    return ours, theirs, wrong, missed


def _scored(db: apsw.Connection, settings: Settings, kind: str) -> Iterator[Figure]:
    """Compare one call a row, and many rows in one statement."""
    model = json.dumps({"model": kind})
    forms = {
        "join": f"SELECT sum(t.y) FROM x JOIN t({LISTED})",
        "ml_predict": f"SELECT sum(ml_predict('t', {LISTED})) FROM x",
        "predict": f"SELECT sum(predict('{kind}', {NAMES})) FROM x",
        "source": "SELECT sum(y) FROM t WHERE source = 'x'",
        "predict_batch": f"SELECT sum(prediction) FROM predict_batch(NULL, 'SELECT id, {NAMES} FROM x', '{model}')",
    }
    costs = in_turns(
        {form: partial(lambda sql: db.execute(sql).get, sql) for form, sql in forms.items()}, settings.turns
    )
    variant = f"{settings.trained + settings.rows:,} rows"
    pairs = {"one call a row": ("join", "predict"), "batch": ("source", "predict_batch")}
    for row, (ours, theirs) in {**pairs, "scalar functions": ("ml_predict", "predict")}.items():
        yield ratio("sqlite-predict", f"{row}: {kind}", variant, "x theirs", (costs[ours], costs[theirs]))
