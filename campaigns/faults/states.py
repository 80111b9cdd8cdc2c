"""What a database holds, as a value: two of them are equal only if every row, version and deployment is."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw

import sqlite_ml_vtab

State = Mapping[str, Any]

CLOCKS = {"created_at", "deployed_at", "started_at", "seconds", "fit_seconds", "predict_seconds"}
"""The columns that tell when or how long: they differ from run to run, and nothing else may."""


def opened(path: Path, vfs: str | None = None) -> apsw.Connection:
    """Open a file, loaded; nothing waits for a lock."""
    db = apsw.Connection(str(path), vfs=vfs)
    sqlite_ml_vtab.load(db)
    return db


def tables(db: apsw.Connection, schema: str = "main") -> dict[str, Any]:
    """Return every plain table's rows, and under '' the schema itself."""
    listed = list(db.execute(f"SELECT type, name, tbl_name, sql FROM {schema}.sqlite_schema ORDER BY name, type"))
    plain = db.execute(f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table' AND rootpage > 0")
    return {name: _rows(db, schema, name) for (name,) in list(plain)} | {"": listed}


def _rows(db: apsw.Connection, schema: str, name: str) -> list[tuple[Any, ...]]:
    columns = [column for (column,) in db.execute("SELECT name FROM pragma_table_info(?, ?)", (name, schema))]
    kept = ", ".join(f'"{column}"' for column in columns if column not in CLOCKS)
    return sorted(db.execute(f'SELECT {kept} FROM {schema}."{name}"'), key=repr)


def answers(db: apsw.Connection) -> dict[str, Any]:
    """Return what every trained predictor of two features answers, in each form that SQL has."""
    found = {}
    trained = db.execute("SELECT name FROM ml_tables WHERE deployed IS NOT NULL ORDER BY name")
    for (name,) in list(trained):
        found[name] = list(
            db.execute(f"""
                SELECT y, probability FROM "{name}"(1, 2)
                UNION ALL SELECT y, probability FROM "{name}" WHERE source = 'SELECT 30 AS a, 4 AS b'
                UNION ALL SELECT ml_predict('{name}', 1, 2), 'scalar'""")
        )
    return found


def state(db: apsw.Connection) -> State:
    """Return everything: tables, what integrity_check says, what is predicted."""
    return {**tables(db), "integrity": list(db.execute("PRAGMA integrity_check")), "answers": answers(db)}


def state_of(path: Path) -> State:
    """Return the state of a file, by a connection of its own."""
    db = opened(path)
    try:
        return state(db)
    finally:
        db.close()


def differences(found: State, expected: State) -> list[str]:
    """Return the names of what differs."""
    return [
        name or "schema" for name in sorted(found.keys() | expected.keys()) if found.get(name) != expected.get(name)
    ]


def unusable(path: Path) -> str:
    """Return what goes wrong where every predictor of a file takes a row, trains and answers; '' where nothing does."""
    db = opened(path)
    try:
        for (name,) in list(db.execute("SELECT name FROM ml_tables")):
            db.execute("BEGIN")
            _use(db, name)
            db.execute("ROLLBACK")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        db.close()
    return ""


def _use(db: apsw.Connection, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sqlite_ml_vtab.PredictorWarning)
        db.execute(
            f"INSERT INTO \"{name}\"(a, b, y) VALUES (0, 0, 'new'), (1, 1, 'other'), (0, 1, 'new'), (1, 0, 'other')"
        )
        db.execute(
            f'INSERT INTO "{name}"("{name}", options) VALUES (\'train\', \'{{"algorithm": "dummy", "deploy": true}}\')'
        )
    [(answer,)] = db.execute(f'SELECT y FROM "{name}"(0, 0)')
    assert answer is not None
