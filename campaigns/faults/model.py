"""What the tables of predictors must hold, in memory; and what a connection sees that they hold.

The model knows nothing of the package: rows are a dict, versions are numbers with the answer they must give.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import apsw

import sqlite_ml_vtab
from sqlite_ml_vtab.store.shadows import ON_DEMAND
from sqlite_ml_vtab.store.shadows import SHADOW_TABLES as SHADOWS


@dataclass
class Predictor:
    """What one predictor must hold."""

    rows: dict[int, tuple[Any, Any, Any]] = field(default_factory=dict)
    versions: dict[int, tuple[str, Any]] = field(default_factory=dict)
    """The digest and the answer of each version."""
    used: int = 0
    """The greatest number that a deployed version has had."""
    stack: list[int] = field(default_factory=list)
    """The versions deployed one after the other; the last one answers."""

    def deploy(self, number: int) -> None:
        """Let a version answer."""
        self.used = max(self.used, number)
        self.stack.append(number)
        self.tidy()

    def tidy(self) -> None:
        """Leave out what was forgotten, and what then stands twice."""
        kept: list[int] = []
        for number in self.stack:
            if number in self.versions and kept[-1:] != [number]:
                kept.append(number)
        self.stack = kept


Database = dict[str, dict[str, Predictor]]


def written(row: tuple[Any, ...]) -> str:
    """Return a row of numbers as SQL."""
    return "(" + ", ".join("NULL" if value is None else repr(value) for value in row) + ")"


def expected(model: dict[str, Predictor]) -> dict[str, Any]:
    """Return what `seen` must return."""
    return {
        name: {
            "rows": [(one, *found.rows[one]) for one in sorted(found.rows)],
            "versions": [(number, digest) for number, (digest, _) in sorted(found.versions.items())],
            "answers": [answer for _, (_, answer) in sorted(found.versions.items())],
            "deployed": found.versions[found.stack[-1]][1] if found.stack else None,
        }
        for name, found in model.items()
    }


def seen(db: apsw.Connection, schema: str) -> dict[str, Any]:
    """Return what a connection sees in a schema."""
    names = [name for (name,) in db.execute("SELECT name FROM ml_tables WHERE schema = ?", (schema,))]
    found = db.execute(f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table' AND name GLOB '[pq]_*'")
    tables = {name for (name,) in found}
    assert {f"{name}_{suffix}" for name in names for suffix in SHADOWS if suffix not in ON_DEMAND} <= tables
    assert tables <= {f"{name}_{suffix}" for name in names for suffix in SHADOWS}
    return {name: _seen(db, schema, name) for name in names}


def _seen(db: apsw.Connection, schema: str, name: str) -> dict[str, Any]:
    versions = list(db.execute(f"SELECT version, digest FROM {schema}.{name}_models ORDER BY version"))
    answers = [
        db.execute(f"SELECT y FROM {schema}.{name}(1, 2) WHERE version = {number}").get for number, _ in versions
    ]
    return {
        "rows": list(db.execute(f"SELECT rowid, a, b, y FROM {schema}.{name}")),
        "versions": versions,
        "answers": answers,
        "deployed": _deployed(db, schema, name),
    }


def _deployed(db: apsw.Connection, schema: str, name: str) -> Any:
    try:
        return db.execute(f"SELECT ml_predict('{schema}.{name}', 1, 2)").get
    except sqlite_ml_vtab.ModelError as error:
        return None if "no trained model" in str(error) else str(error)
