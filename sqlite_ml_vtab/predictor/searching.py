"""What cross_validate, tune and compare share: their options, their progress, and their evidence in the store."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlite_ml_vtab.errors import CommandError, shown
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.learning.search.folds import FoldScore, fold_kind
from sqlite_ml_vtab.predictor.base import Predictor, Progress, as_json, now, shown_json
from sqlite_ml_vtab.predictor.training import plan_options, training_rows
from sqlite_ml_vtab.store import runs

DEFAULT_FOLDS = 5

MAX_FOLDS = 1_000


def whole_number(options: Mapping[str, Any], name: str, default: int, least: int, most: int = 10**6) -> int:
    """Return an option that is a whole number; raise CommandError where it is none, or out of range."""
    value = options.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise CommandError(f"option {name!r} takes a whole number from {least} to {most}, got {shown_json(value)}.")
    return value


def seconds_allowed(options: Mapping[str, Any]) -> float | None:
    """Return the option ``timeout`` in seconds, None where it is not written."""
    value = options.get("timeout")
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 < value <= sys.float_info.max:
        raise CommandError(f"option 'timeout' takes a number of seconds above 0, got {shown_json(value)}.")
    return float(value)


def divided_rows(predictor: Predictor, chosen: Plan, rows: TrainingRows) -> tuple[str, TrainingRows]:
    """Return how rows are divided into folds, a key of FOLDS, and `rows`, in their order in time where that counts."""
    kind = fold_kind(predictor.declaration, chosen.split)
    in_time = kind == "last" and chosen.split != "last"
    return kind, training_rows(predictor, "last") if in_time else rows


@dataclass(slots=True)
class Clock:
    """When a run began, when it must end, and how far it has come."""

    predictor: Predictor
    command: str
    timeout: float | None = None
    total: int | None = None
    done: int = 0
    best: float | None = None
    started_at: str = field(default_factory=now)
    began: float = field(default_factory=lambda: time.time())

    @property
    def ends_at(self) -> float | None:
        """`time.time` after which nothing is begun, None for no end."""
        return None if self.timeout is None else self.began + self.timeout

    @property
    def seconds(self) -> float:
        """So long the run has lasted."""
        return time.time() - self.began

    def tick(self, score: float | None) -> None:
        """Note a step that is done, with its score, and tell the host program."""
        self.done += 1
        if score is not None and (self.best is None or score > self.best):
            self.best = score
        if self.predictor.host.progress is not None:
            table = self.predictor.tables.name
            self.predictor.host.progress(
                Progress(table, self.command, self.done, self.total, self.best, round(self.seconds, 3))
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    score: float | None
    spread: float | None
    version: int | None
    said: str


def store_run(
    clock: Clock, chosen: Plan, options: Mapping[str, Any], digest: str, outcome: Outcome, rows: Mapping[str, Any]
) -> int:
    """Store a run and its evidence, `rows` by the suffix of their table and without their run; return its number."""
    tables = clock.predictor.tables
    number = runs.next_run(tables)
    record = runs.Run(
        run=number,
        command=clock.command,
        options=as_json({**plan_options(chosen), **options}),
        rows_digest=digest,
        started_at=clock.started_at,
        seconds=round(clock.seconds, 6),
        score=outcome.score,
        spread=outcome.spread,
        version=outcome.version,
        said=outcome.said,
    )
    runs.add(tables, "runs", [record])
    for suffix, found in rows.items():
        runs.add(tables, suffix, (make(number) for make in found))
    return number


def fold_rows(trial: int, folds: Iterable[FoldScore]) -> list[Any]:
    """Return the rows of the folds table, each still to be given its run."""

    def row(fold: FoldScore) -> Any:
        return lambda run: runs.FoldRow(
            run=run,
            trial=trial,
            repeat=fold.repeat,
            fold=fold.number,
            rows_trained=fold.rows_trained,
            rows_tested=fold.rows_tested,
            score=fold.score,
            baseline=fold.baseline,
            fit_seconds=round(fold.fit_seconds, 6),
            predict_seconds=round(fold.predict_seconds, 6),
            metrics=as_json(fold.metrics),
        )

    return [row(fold) for fold in folds]


def forget_run(predictor: Predictor, number: int) -> int:
    """Delete a run and its evidence; return 1.

    Raises CommandError where there is no such run.
    """
    known = [run.run for run in runs.read(predictor.tables, "runs")]
    if number not in known:
        listed = f"Runs: {', '.join(map(str, known[-12:]))}." if known else "There are none."
        raise CommandError(f"no run {shown(number)}. {listed}")
    runs.remove(predictor.tables, [number])
    return 1
