"""kill -9 at random moments of every change: real processes, on the default VFS, WAL with its shared memory.

A child that imports everything and opens nothing forks for each kill: the fork opens the file and changes it, and is
killed after a time that the seed draws, up to a little more than the change takes.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import apsw

import sqlite_ml_vtab
from campaigns.faults.changes import CHANGES, prepare, restore, run
from campaigns.faults.disk import JOURNALS
from campaigns.faults.reports import Report, timed
from campaigns.faults.states import differences, opened, state_of, unusable

KILLED = [name for name in CHANGES if name not in ("rebuild", "compare", "train incremental", "or replace")]
"""The changes whose fits need no OpenMP: its threads do not survive a fork."""
HANGS = 60.0
"""So many seconds no change takes."""


class Forks:
    """The child that forks."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, path: Path, change: str, delay: float) -> dict[str, Any]:
        """Let a fork carry out a change, and kill it after `delay` seconds; return how it ended, and its seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(path), change, delay]) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def campaign(folder: Path, size: int, seed: int, changes: list[str] | None = None) -> Report:
    """Kill `size` processes under each journal."""
    report, random, forks = Report("kill -9"), Random(seed), Forks()  # noqa: S311
    names = changes or KILLED
    with timed(report):
        for journal in JOURNALS:
            for number, name in enumerate(names):
                share = size * (number + 1) // len(names) - size * number // len(names)
                _kill(report, folder, forks, random, (name, journal, share))
        forks.close()
    return report


def _kill(report: Report, folder: Path, forks: Forks, random: Random, what: tuple[str, str, int]) -> None:
    name, journal, share = what
    path = folder / "killed.db"
    content = prepare(path, CHANGES[name], journal, 4096)
    before = state_of(path)
    restore(path, content)
    took = forks.run(path, name, HANGS)
    after = state_of(path)
    while share:
        delay = random.uniform(0, took["seconds"] * 1.1)
        restore(path, content)
        ended = forks.run(path, name, delay)
        found = state_of(path)
        report.tried[f"{journal}: {'killed' if ended['killed'] else 'ended before it was killed'}"] += 1
        share -= ended["killed"]
        if found not in ((before, after) if ended["killed"] else (after,)):
            report.failures.append(f"{name}, {journal}, {ended}: differs in {differences(found, before)}")
        elif sentence := unusable(path):
            report.failures.append(f"{name}, {journal}, {ended}: {sentence}")


# In the child


def _serve() -> None:
    """Fork for each line that comes."""
    warnings.simplefilter("ignore")
    _warm_up()
    for line in sys.stdin:
        path, change, delay = json.loads(line)
        print(json.dumps(_forked(path, change, delay)), flush=True)


def _warm_up() -> None:
    """Import what a training needs; nothing stays open, and no thread runs."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    db.execute("CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, algorithm=dummy)")
    db.execute("INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'a'), (4, 'b'), (5, 'a'), (6, 'b'), (7, 'a'), (8, 'b')")
    db.execute("INSERT INTO p(p) VALUES ('train')")
    db.close()


def _forked(path: str, change: str, delay: float) -> dict[str, Any]:
    begun, telling = os.pipe()
    child = os.fork()
    if not child:
        _change(path, change, telling)
    os.close(telling)
    os.read(begun, 1)
    began = perf_counter()
    # The pipe ends with the child: waiting for that is waiting for its end, or for the moment to kill it.
    ended, _, _ = select.select([begun], [], [], delay)
    seconds = perf_counter() - began
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(begun)
    return {"killed": os.WIFSIGNALED(status), "status": status, "seconds": seconds}


def _change(path: str, change: str, telling: int) -> None:
    """Open a file, say so, change it and end."""
    code = 1
    try:
        db = opened(Path(path))
        os.write(telling, b".")
        run(db, CHANGES[change].sql)
        db.close()
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
