"""One trainer, one writer and four readers on one file, and what each must see.

Every version answers its own number, for the trainer writes the number of the version to come into every target first,
in the same transaction. So a query that mixes two models shows two numbers, and one that reads a model of another
moment than its rows shows a number that is not theirs. The writer inserts pairs of rows that sum to nothing. Whoever
is busy gets apsw.BusyError, and what he did is undone: nothing here waits for a lock.
"""

from __future__ import annotations

import math
import multiprocessing
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import apsw

import sqlite_ml_vtab
from campaigns.faults.changes import run
from campaigns.faults.leaks import cycle
from campaigns.faults.reports import Report, timed
from campaigns.faults.states import opened

READERS = 4
LIMITS = "(a REAL, b REAL, y REAL TARGET, algorithm=dummy, split=none)"
SETUP = f"""
CREATE VIRTUAL TABLE p USING ml_regression{LIMITS};
CREATE VIRTUAL TABLE pairs USING ml_regression{LIMITS};
CREATE TABLE asked(a, b);
INSERT INTO asked SELECT value, -value FROM generate(1, 300);
INSERT INTO p SELECT value, value, 1 FROM generate(1, 20);
INSERT INTO p(p) VALUES ('train');
"""
FORMS = (
    "SELECT y FROM p WHERE source = 'asked'",
    "SELECT q.y FROM asked JOIN p(asked.a, asked.b) AS q",
    "SELECT ml_predict('p', a, b) FROM asked",
    "SELECT y FROM p WHERE features IN (SELECT json_array(a, b) FROM asked)",
    "SELECT y FROM p((SELECT json_group_array(json_array(a, b)) FROM asked))",
    "SELECT y FROM p",
)
"""Every answer of each, and every stored target, is the number of the deployed version."""


class Worker:
    """Somebody who works on the file until the time is over."""

    def __init__(self, path: Path, rounds: float, seed: int) -> None:
        """Work on `path` for at most so many rounds."""
        self._path = path
        self._ends = 0.0
        self._rounds = rounds
        self.random = Random(seed)  # noqa: S311
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self.known: int | None = None
        """How many pairs, or which version, the only one who writes them has left; None before he has written."""

    def work(self, once: Callable[[Worker, apsw.Connection], None], ends: float) -> None:
        """Do `once` again and again until `ends`; a new connection each hundred times."""
        self._ends = ends
        try:
            while self._goes_on():
                db = opened(self._path)
                for _ in range(100):
                    if self._goes_on():
                        self._attempt(db, once)
                db.close()
        except Exception:
            self.failures.append(traceback.format_exc())

    def _goes_on(self) -> bool:
        return monotonic() < self._ends and self.done.total() < self._rounds and not self.failures

    def _attempt(self, db: apsw.Connection, once: Callable[[Worker, apsw.Connection], None]) -> None:
        try:
            once(self, db)
        except apsw.BusyError:
            self.done[f"{once.__name__}: busy"] += 1
            if db.in_transaction:
                db.execute("ROLLBACK")
            return
        self.done[once.__name__] += 1

    def expect(self, found: object, expected: object, what: str) -> None:
        """Note what is not as it must be."""
        if found != expected:
            self.failures.append(f"{what}: {found!r}, not {expected!r}")


def train(worker: Worker, db: apsw.Connection) -> None:
    """Make the next version, which answers its own number; now and then undo it, or forget the old ones."""
    for _ in range(worker.random.randrange(4)):
        # While he reads, the writer can write.
        read(worker, db)
    db.execute("BEGIN")
    number = db.execute("SELECT max(version) + 1 FROM p_deployments").get
    worker.expect(number, (worker.known or number - 1) + 1, "the next version")
    run(db, f"UPDATE p SET y = {number}; INSERT INTO p(p, options) VALUES ('train', '{{\"deploy\": true}}')")
    worker.expect(db.execute("SELECT ml_predict('p', 1, 1)").get, number, "what was just trained")
    if worker.random.random() < 0.2:
        db.execute("ROLLBACK")
        return
    if worker.random.random() < 0.3:
        run(db, "INSERT INTO p(p, options) VALUES ('forget', '{\"keep\": 2}')")
    db.execute("COMMIT")
    worker.known = number


def write(worker: Worker, db: apsw.Connection) -> None:
    """Insert two rows that sum to nothing, in one statement or in two of a transaction; or delete such a pair."""
    pair = worker.random.randrange(1, 50)
    count = db.execute("SELECT count(*) FROM pairs").get
    worker.expect(count, worker.known or 0, "pairs that a busy statement left")
    worker.known = count
    if count > 200:
        run(db, "DELETE FROM pairs")
        worker.known = 0
        return
    if worker.random.random() < 0.5:
        run(db, f"INSERT INTO pairs(a, y) VALUES ({pair}, 1), (-{pair}, -1)")
    else:
        db.execute("BEGIN")
        db.execute("INSERT INTO pairs(a, y) VALUES (?, 1)", (pair,))
        db.execute("INSERT INTO pairs(a, y) VALUES (?, -1)", (-pair,))
        db.execute("COMMIT")
    worker.known = count + 2


def read(worker: Worker, db: apsw.Connection) -> None:
    """Ask in one form alone, and in all of them within one read transaction."""
    answers = {value for (value,) in db.execute(worker.random.choice(FORMS))}
    worker.expect(len(answers), 1, f"answers of one query, {answers}")
    db.execute("BEGIN")
    expected = {db.execute("SELECT version FROM p_deployments ORDER BY id DESC LIMIT 1").get}
    for form in FORMS:
        worker.expect({value for (value,) in db.execute(form)}, expected, form)
    sums = list(db.execute("SELECT coalesce(sum(a), 0), coalesce(sum(y), 0), count(*) % 2 FROM pairs"))
    worker.expect(sums, [(0, 0, 0)], "pairs")
    db.execute("COMMIT")


Job = tuple[Callable[[Worker, apsw.Connection], None], Worker]


def _work(queue: Any, together: Any, seconds: float, job: Job) -> None:
    """Do a job, from the moment at which everybody is ready: a process that trains imports for some seconds first."""
    once, worker = job
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    cycle(db)
    db.close()
    together.wait()
    worker.work(once, monotonic() + seconds)
    queue.put((worker.done, worker.failures))


def campaign(folder: Path, workers: str, journal: str, seconds: float, seed: int, rounds: float = math.inf) -> Report:
    """Let the crowd work for `seconds`, or so many rounds each, as ``threads`` or as ``processes``."""
    report = Report(f"{workers}, {journal}")
    path = folder / "crowd.db"
    db = opened(path)
    db.execute(f"PRAGMA journal_mode = {journal}")
    run(db, SETUP)
    db.close()
    with timed(report):
        crowd: list[Callable[[Worker, apsw.Connection], None]] = [train, write, *[read] * READERS]
        jobs = [(once, Worker(path, rounds, seed + number)) for number, once in enumerate(crowd)]
        for done, failures in _together(workers, seconds, jobs):
            report.tried += done
            report.failures += failures
    db = opened(path)
    report.failures += [text for (text,) in db.execute("PRAGMA integrity_check") if text != "ok"]
    db.close()
    return report


def _together(workers: str, seconds: float, jobs: list[Job]) -> list[tuple[Counter[str], list[str]]]:
    """Do all jobs at once; return what each did, and what it met."""
    context = multiprocessing.get_context("spawn")
    queue, together = context.SimpleQueue(), context.Barrier(len(jobs))
    made: Callable[..., Any] = threading.Thread if workers == "threads" else context.Process
    running = [made(target=_work, args=(queue, together, seconds, job)) for job in jobs]
    for one in running:
        one.start()
    found = [queue.get() for _ in running]
    for one in running:
        one.join()
    return found
