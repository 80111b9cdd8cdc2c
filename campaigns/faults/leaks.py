"""Leaks: predictors that come and go, and connections that come and go, leave nothing in the process."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import apsw

import sqlite_ml_vtab
from campaigns.faults.changes import run
from campaigns.faults.reports import Report, timed
from campaigns.faults.states import opened
from sqlite_ml_vtab.predictor.kept import SCORERS

ALLOWED = 5.0
"""Megabytes by which the process may grow."""
CYCLE = """
CREATE VIRTUAL TABLE p USING ml_regression(a REAL, b REAL, y REAL TARGET, algorithm=dummy, split=none);
INSERT INTO p VALUES (1, 2, 3), (2, 3, 4), (4, 5, 6), (7, 7, 7), (8, 8, {});
INSERT INTO p(p) VALUES ('train');
SELECT y, warning FROM p(1, 2);
SELECT ml_predict('p', a, b) FROM p;
DROP TABLE p;
"""


def cycle(db: apsw.Connection, number: int = 0) -> None:
    """Create, fill, train, ask and drop a predictor; another `number` makes another model."""
    run(db, CYCLE.format(number))


def connection(path: Path) -> None:
    """Open a file, ask everything once, and close it."""
    db = opened(path)
    # DEFENSIVE guards shadow tables only while one of the 33 slots of a process is free: they must come back.
    assert list(db.execute("SELECT name, protected, ml_predict('p', 1, 2) FROM ml_tables")) == [("p", 1, 4.6)]
    db.close()


def memory() -> float:
    """Return the megabytes that the process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def campaign(folder: Path, cycles: int, connections: int, seed: int) -> list[Report]:
    """Measure the growth of `cycles` predictors and of `connections`, each after a tenth as many to warm up.

    The cache of decoded models is meant to grow, up to its limit: here it keeps one.
    """
    kept_models, SCORERS.limit = SCORERS.limit, 0
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    path = folder / "leaks.db"
    kept = opened(path)
    run(kept, CYCLE.format(3).replace("DROP TABLE p;", ""))
    kept.close()
    found = [
        _growth("the same predictor, made and dropped", cycles, lambda number: cycle(db)),
        _growth("another predictor each time", cycles, lambda number: cycle(db, seed + number)),
        _growth("connections", connections, lambda number: connection(path)),
    ]
    db.close()
    SCORERS.limit = kept_models
    return found


def _growth(name: str, count: int, once: Callable[[int], None]) -> Report:
    report = Report(name)
    with timed(report):
        for number in range(max(count // 10, 20)):
            once(-number)
        before = memory()
        for number in range(1, count + 1):
            once(number)
        grown = memory() - before
    report.tried[f"cycles; the process grew by {grown:.1f} MB"] = count
    if grown >= ALLOWED:
        report.failures.append(f"the process grew by {grown:.1f} MB")
    return report
