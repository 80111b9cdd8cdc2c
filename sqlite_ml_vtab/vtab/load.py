"""What `sqlite_ml_vtab.load` calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration.options import memory
from sqlite_ml_vtab.errors import CommandError, choices, shown
from sqlite_ml_vtab.predictor import scoring  # noqa: F401 - what predicts is imported before a file is opened
from sqlite_ml_vtab.vtab.datasets import DatasetModule
from sqlite_ml_vtab.vtab.functions import register_scalar_functions, register_table_functions
from sqlite_ml_vtab.vtab.module import LOADED, Loaded, host_algorithms, register


def load(
    db: apsw.Connection,
    *,
    threads: int,
    algorithms: Mapping[str, Any],
    max_model_bytes: int,
    untrusted: bool,
    release: str,
    progress: Callable[[verbs.Progress], object] | None,
    backend: str | None,
    jobs: int,
    max_memory: int | str | None,
    cache_bytes: int | None,
) -> None:
    """Register everything on `db`; see `sqlite_ml_vtab.load`."""
    if type(threads) is not int or threads < 1:
        raise CommandError(f"threads is a whole number of 1 or more, got {shown(threads)}.")
    if type(max_model_bytes) is not int or max_model_bytes < 1:
        raise CommandError(f"max_model_bytes is a whole number of 1 or more, got {shown(max_model_bytes)}.")
    if progress is not None and not callable(progress):
        raise CommandError(f"progress is a function of one argument, got {shown(progress)}.")
    if type(jobs) is not int or jobs == 0:
        raise CommandError(f"jobs is a whole number but 0, -1 for every core, got {shown(jobs)}.")
    if backend is not None and not isinstance(backend, str):
        raise CommandError(f"backend is the name of a backend of joblib, such as 'loky', got {shown(backend)}.")
    if backend is not None and backend not in verbs.BACKENDS:
        raise CommandError(f"unknown backend {shown(backend)}. {choices(backend, verbs.BACKENDS, 'Backends')}")
    if cache_bytes is not None and (type(cache_bytes) is not int or cache_bytes < 1):
        raise CommandError(f"cache_bytes is a whole number of 1 or more, got {shown(cache_bytes)}.")
    most = _memory(max_memory)
    before = LOADED.get(db)
    untrusted = untrusted or (before is not None and before.host.untrusted)
    added = host_algorithms(algorithms)
    workers = verbs.Workers(backend, jobs)
    loaded = register(db, verbs.Host(threads, added, max_model_bytes, untrusted, release, progress, workers, most))
    if cache_bytes is not None:
        verbs.SCORERS.settle(cache_bytes)
    if before is None:
        dataset: Any = DatasetModule()
        db.create_module("ml_dataset", dataset, use_bestindex_object=True, iVersion=1, read_only=True)
        register_table_functions(loaded)
    if before is None or untrusted:
        register_scalar_functions(loaded)
    if untrusted:
        _distrust(loaded)


def _memory(size: int | str | None) -> int | None:
    try:
        return None if size is None else memory(size)
    except ValueError as error:
        raise CommandError(f"max_memory is {error}, got {shown(size)}.") from None


def _distrust(loaded: Loaded) -> None:
    """Guard the connection; tables that are connected already are connected anew, which keeps views off them."""
    loaded.connection.execute("PRAGMA writable_schema = RESET")
    loaded.db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    loaded.db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
