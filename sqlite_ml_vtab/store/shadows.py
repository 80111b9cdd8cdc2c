"""SHADOW_TABLES: what they are, and how all of them are made, dropped, renamed and checked together."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_ml_vtab.declaration import Column
from sqlite_ml_vtab.errors import DeclarationError
from sqlite_ml_vtab.store.sql import Tables, folded, literal, quoted

FORMAT = 1
"""The layout of the shadow tables; raised whenever an older release could misread it."""

SHADOW_TABLES: dict[str, str] = {
    "rows": "",
    "versions": (
        "version INTEGER PRIMARY KEY, algorithm TEXT NOT NULL, hyperparams TEXT NOT NULL, options TEXT NOT NULL, "
        "seed INTEGER NOT NULL, rows_trained INTEGER NOT NULL, rows_tested INTEGER NOT NULL, score REAL, "
        "baseline REAL, seconds REAL NOT NULL, created_at TEXT NOT NULL, environment TEXT NOT NULL, "
        "scorer TEXT NOT NULL, notes TEXT NOT NULL, rows_digest TEXT NOT NULL"
    ),
    "models": "version INTEGER PRIMARY KEY, digest TEXT NOT NULL, model BLOB NOT NULL",
    "states": "version INTEGER PRIMARY KEY, model_digest TEXT NOT NULL, state BLOB NOT NULL",
    "metrics": "version INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY (version, name)",
    "holdout": (
        "version INTEGER NOT NULL, row INTEGER NOT NULL, truth, prediction, probability REAL, "
        "PRIMARY KEY (version, row)"
    ),
    "deployments": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, reason TEXT NOT NULL, "
        "deployed_at TEXT NOT NULL"
    ),
    "runs": (
        "run INTEGER PRIMARY KEY, command TEXT NOT NULL, options TEXT NOT NULL, rows_digest TEXT NOT NULL, "
        "started_at TEXT NOT NULL, seconds REAL NOT NULL, score REAL, spread REAL, version INTEGER, said TEXT NOT NULL"
    ),
    "folds": (
        "run INTEGER NOT NULL, trial INTEGER NOT NULL, repeat INTEGER NOT NULL, fold INTEGER NOT NULL, "
        "rows_trained INTEGER NOT NULL, rows_tested INTEGER NOT NULL, score REAL NOT NULL, baseline REAL, "
        "fit_seconds REAL NOT NULL, predict_seconds REAL NOT NULL, metrics TEXT NOT NULL, "
        "PRIMARY KEY (run, trial, repeat, fold)"
    ),
    "trials": (
        "run INTEGER NOT NULL, trial INTEGER NOT NULL, state TEXT NOT NULL, algorithm TEXT NOT NULL, "
        "hyperparams TEXT NOT NULL, drawn TEXT NOT NULL, score REAL, spread REAL, seconds REAL NOT NULL, error TEXT, "
        "PRIMARY KEY (run, trial)"
    ),
    "comparisons": (
        "run INTEGER NOT NULL, trial INTEGER NOT NULL, algorithm TEXT NOT NULL, hyperparams TEXT NOT NULL, "
        "state TEXT NOT NULL, score REAL, spread REAL, difference REAL, p_value REAL, fit_seconds REAL, "
        "predict_seconds REAL, model_bytes INTEGER, verdict TEXT NOT NULL, PRIMARY KEY (run, trial)"
    ),
    "config": "key TEXT PRIMARY KEY, value",
}
"""Suffix to column definitions; those of ``rows`` come from the declaration. One list drives everything below."""


def columns(suffix: str) -> tuple[str, ...]:
    """Return the column names of a shadow table other than ``rows``."""
    listed, _, _ = SHADOW_TABLES[suffix].partition(", PRIMARY KEY (")
    return tuple(definition.split(" ")[0] for definition in listed.split(", "))


def row_key(columns: Sequence[Column]) -> str:
    """Return the name of the row id in the rows table: ``id``, or another where a declared column is called so."""
    taken = {folded(column.name) for column in columns}
    return next(name for name in ("id", "row_id", *(f"row_id{n}" for n in range(len(taken)))) if name not in taken)


def create(tables: Tables, columns: Sequence[Column], release: str) -> None:
    """Make all shadow tables.

    Raises DeclarationError where one of their names is taken.
    """
    _check_free(tables)
    own = [f"{quoted(row_key(columns))} INTEGER PRIMARY KEY"]
    own += [f"{quoted(column.name)} {column.affinity}".rstrip() for column in columns]
    for suffix, definition in SHADOW_TABLES.items():
        tables.rows(f"CREATE TABLE {tables.of(suffix)}({definition or ', '.join(own)})")
    for key, value in (("format", FORMAT), ("created_with", release)):
        tables.rows(f"INSERT INTO {tables.of('config')}(key, value) VALUES (?, ?)", (key, value))


def drop(tables: Tables) -> None:
    """Drop all shadow tables that are there."""
    for suffix in SHADOW_TABLES:
        tables.rows(f"DROP TABLE IF EXISTS {tables.of(suffix)}")


def rename(tables: Tables, name: str) -> None:
    """Give all shadow tables the names they have under the predictor's new name."""
    target = Tables(tables.connection, tables.schema, name)
    _check_free(target)
    for suffix in SHADOW_TABLES:
        tables.rows(f"ALTER TABLE {tables.of(suffix)} RENAME TO {quoted(f'{name}_{suffix}')}")


def missing(tables: Tables) -> list[str]:
    """Return the names of the shadow tables that are not there."""
    there = _present(tables)
    return [f"{tables.name}_{suffix}" for suffix in SHADOW_TABLES if folded(f"{tables.name}_{suffix}") not in there]


def config(tables: Tables, key: str) -> object:
    """Return one value of the config table, None where it has none."""
    return tables.value(f"SELECT value FROM {tables.of('config')} WHERE key = ?", (key,))


def _present(tables: Tables) -> set[str]:
    names = ", ".join(literal(folded(f"{tables.name}_{suffix}")) for suffix in SHADOW_TABLES)
    found = tables.rows(f"SELECT lower(name) FROM {quoted(tables.schema)}.sqlite_schema WHERE lower(name) IN ({names})")
    return {name for (name,) in found}


def _check_free(tables: Tables) -> None:
    taken = sorted(_present(tables))
    if taken:
        raise DeclarationError(
            f"a table named {taken[0]!r} exists already, and this predictor needs the name. "
            "Rename that table or choose another name."
        )
