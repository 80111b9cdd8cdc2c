"""What the face of the package calls: load and train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.errors import CommandError, about, shown
from sqlite_ml_vtab.vtab.datasets import DatasetModule
from sqlite_ml_vtab.vtab.functions import register_functions
from sqlite_ml_vtab.vtab.module import LOADED, host_algorithms, register


def load(
    db: apsw.Connection,
    *,
    threads: int,
    algorithms: Mapping[str, Any],
    max_model_bytes: int,
    untrusted: bool,
    release: str,
) -> None:
    """Register everything on `db`; see `sqlite_ml_vtab.load`."""
    if type(threads) is not int or threads < 1:
        raise CommandError(f"threads is a whole number of 1 or more, got {shown(threads)}.")
    if type(max_model_bytes) is not int or max_model_bytes < 1:
        raise CommandError(f"max_model_bytes is a whole number of 1 or more, got {shown(max_model_bytes)}.")
    host = verbs.Host(threads, host_algorithms(algorithms), max_model_bytes, untrusted, release)
    if db in LOADED:
        register(db, host)
        return
    loaded = register(db, host)
    dataset: Any = DatasetModule()
    db.create_module("ml_dataset", dataset, use_bestindex_object=True, iVersion=1, read_only=True)
    register_functions(loaded)
    if untrusted:
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)


def train(db: apsw.Connection, table: str, options: Mapping[str, Any], deploy: bool | None) -> int:
    """Train outside the write lock; see `sqlite_ml_vtab.train`."""
    loaded = LOADED.get(db)
    if loaded is None:
        raise CommandError("the connection is not loaded. Call sqlite_ml_vtab.load(connection) first.")
    found = loaded.table(table)
    with about(found.name):
        attempt = verbs.attempt(found.predictor, options)
        with db:
            number = verbs.land_unchanged(found.predictor, attempt, deploy)
    return number
