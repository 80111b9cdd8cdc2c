"""Rows of shadow tables that belong to no version and to no run any more: only other programs leave such."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlite_ml_vtab.store.runs import RUN_TABLES
from sqlite_ml_vtab.store.shadows import is_there, source
from sqlite_ml_vtab.store.sql import Tables
from sqlite_ml_vtab.store.versions import WITH_VERSION

OWNERS = dict.fromkeys(WITH_VERSION, ("version", "versions")) | {
    suffix: ("run", "runs") for suffix in RUN_TABLES if suffix != "runs"
}
"""Suffix to the column that names the owner of a row, and the table that the owner stands in under the same name."""


def find(tables: Tables) -> tuple[str, str, Any] | None:
    """Return the suffix of a table, what owns its rows, and the number of one that does not exist; None for none."""
    for suffix in filter(partial(is_there, tables), OWNERS):
        column, _ = OWNERS[suffix]
        for (number,) in tables.rows(
            f"SELECT {column} FROM {tables.of(suffix)} WHERE {_stray(tables, suffix)} LIMIT 1"
        ):
            return suffix, column, number
    return None


def remove(tables: Tables) -> None:
    """Delete all of them; where there is no version at all, the record of deployments too."""
    for suffix in filter(partial(is_there, tables), OWNERS):
        tables.rows(f"DELETE FROM {tables.of(suffix)} WHERE {_stray(tables, suffix)}")
    tables.rows(
        f"DELETE FROM {tables.of('deployments')} WHERE NOT EXISTS (SELECT 1 FROM {tables.of('versions')})",
    )


def _stray(tables: Tables, suffix: str) -> str:
    column, owners = OWNERS[suffix]
    name = tables.of(suffix)
    missing = f"NOT EXISTS (SELECT 1 FROM {source(tables, owners)} AS o WHERE o.{column} = {name}.{column})"
    if suffix != "parts":
        return missing
    firsts = " OR ".join(
        f"({name}.of = '{of}' AND EXISTS (SELECT 1 FROM {source(tables, of)} AS f WHERE f.version = {name}.version))"
        for of in ("models", "states")
    )
    return f"({missing} OR NOT ({firsts}))"
