"""Runs of cross_validate, tune and compare: what was asked, and the evidence by fold, trial and candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from functools import partial
from typing import Any

from sqlite_ml_vtab.store.shadows import is_there, make, source
from sqlite_ml_vtab.store.sql import Tables, following, quoted


@dataclass(frozen=True, slots=True)
class Run:
    """One row of the runs table; the fields of this and the others are the columns of their tables."""

    run: int
    command: str
    options: str
    """JSON object: every option of the run, with which it can be repeated."""
    rows_digest: str
    """SHA-256 of the rows it was measured on."""
    started_at: str
    """ISO 8601, UTC."""
    seconds: float
    score: float | None
    """The mean over the folds, of the best."""
    spread: float | None
    """The standard deviation over the folds, of the best."""
    version: int | None
    """What was stored of it."""
    said: str
    """What came of it, in a sentence."""


@dataclass(frozen=True, slots=True)
class FoldRow:
    """One fold of one trial, or candidate."""

    run: int
    trial: int
    repeat: int
    fold: int
    rows_trained: int
    rows_tested: int
    score: float
    baseline: float
    fit_seconds: float
    predict_seconds: float
    metrics: str
    """JSON object."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial of tune."""

    run: int
    trial: int
    state: str
    algorithm: str
    hyperparams: str
    """JSON object, as it would be written."""
    drawn: str
    """JSON object: those of them that the search chose."""
    score: float | None
    spread: float | None
    seconds: float
    error: str | None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One candidate of compare."""

    run: int
    trial: int
    algorithm: str
    hyperparams: str
    state: str
    score: float | None
    spread: float | None
    difference: float | None
    """The mean difference to the version that was deployed."""
    p_value: float | None
    fit_seconds: float | None
    predict_seconds: float | None
    model_bytes: int | None
    verdict: str


RUN_TABLES: dict[str, type] = {"runs": Run, "folds": FoldRow, "trials": TrialRow, "comparisons": ComparisonRow}
"""Suffix to what a row is."""


def columns(suffix: str) -> tuple[str, ...]:
    """Return the column names of one of RUN_TABLES."""
    return tuple(field.name for field in fields(RUN_TABLES[suffix]))


def next_run(tables: Tables) -> int:
    """Return the number of the next run."""
    latest = tables.value(f"SELECT coalesce(max(run), 0) FROM {source(tables, 'runs')}")
    return following(latest, "run")


def add(tables: Tables, suffix: str, rows: Iterable[Any]) -> None:
    """Store rows of one of RUN_TABLES."""
    names = ", ".join(map(quoted, columns(suffix)))
    marks = ", ".join("?" * len(columns(suffix)))
    values = [astuple(row) for row in rows]
    if values:
        tables.connection.run_many(f"INSERT INTO {make(tables, suffix)}({names}) VALUES ({marks})", values)


def read(tables: Tables, suffix: str, run: int | None = None) -> list[Any]:
    """Return the rows of one of RUN_TABLES, of all runs or of one, in the order in which they were made."""
    return [RUN_TABLES[suffix](*row) for row in listed(tables, suffix, run)]


def listed(tables: Tables, suffix: str, run: int | None) -> list[tuple[Any, ...]]:
    """Return the same as plain tuples."""
    names = ", ".join(map(quoted, columns(suffix)))
    return tables.rows(
        f"SELECT {names} FROM {source(tables, suffix)} WHERE ? IS NULL OR run = ? ORDER BY {_ORDER[suffix]}", (run, run)
    )


_ORDER = {
    "runs": "run",
    "folds": "run, trial, repeat, fold",
    "trials": "run, trial",
    "comparisons": "run, trial",
}


def remove(tables: Tables, gone: Sequence[int]) -> None:
    """Delete runs with all their evidence; the versions that came of them stay."""
    for suffix in filter(partial(is_there, tables), RUN_TABLES):
        tables.connection.run_many(f"DELETE FROM {tables.of(suffix)} WHERE run = ?", [(run,) for run in gone])
