"""What a fresh process takes to its first prediction: `python benchmarks/start.py [turns]`.

CPU time (user and system) of child processes, each beside one that imports numpy and apsw only, in turns; and, in this
process, what opening a file of 200 predictors takes beside one of a single predictor. Python's bytecode is cached, as
it is wherever the package is installed: with PYTHONDONTWRITEBYTECODE=1 a checkout would be compiled at each start.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import apsw
from run import NAMES, database, predictor

import sqlite_ml_vtab

ASK = f"SELECT y FROM {{}}({', '.join(['0.5'] * len(NAMES))})"
BARE = "import apsw, numpy; apsw.Connection({path!r}).execute('SELECT 1').get"
LOAD = "import apsw, sqlite_ml_vtab; db = apsw.Connection({path!r}); sqlite_ml_vtab.load(db)"
FIRST = LOAD + "; db.execute({ask!r}).get"
MANY = 200


def main(turns: int) -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {algorithm: trained(folder, algorithm) for algorithm in ("logistic_regression", "random_forest")}
        programs = {
            "numpy and apsw alone": BARE.format(path=paths["logistic_regression"]),
            "load, no prediction": LOAD.format(path=paths["logistic_regression"]),
        } | {name: FIRST.format(path=path, ask=ASK.format("t")) for name, path in paths.items()}
        compare(programs, turns)
        opening({count: copies(folder, count) for count in (1, MANY)}, turns)


def trained(folder: str, algorithm: str) -> str:
    """Return the path of a database with one trained predictor `t`."""
    path = str(Path(folder) / f"{algorithm}.db")
    db = database(2000)
    predictor(db, algorithm, 2000)
    db.execute("VACUUM INTO ?", (path,))
    return path


def copies(folder: str, count: int) -> str:
    """Return the path of a database with so many trained predictors, `p0`, `p1` ..."""
    path = str(Path(folder) / f"{count}.db")
    db = database(100)
    columns = ", ".join(f"{name} REAL" for name in NAMES)
    for n in range(count):
        db.execute(
            f"CREATE VIRTUAL TABLE p{n} USING ml_classification({columns}, y INTEGER TARGET, "
            f"algorithm=gaussian_nb, split=none); INSERT INTO p{n} SELECT {', '.join(NAMES)}, y FROM x; "
            f"INSERT INTO p{n}(p{n}) VALUES ('train')"
        )
    db.execute("VACUUM INTO ?", (path,))
    return path


def compare(programs: Mapping[str, str], turns: int) -> None:
    """Print the milliseconds of each program, and its ratio to the first."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        taken = in_turns({name: lambda code=code: child(code, environment) for name, code in programs.items()}, turns)
    floor = next(iter(taken.values()))
    for name, times in taken.items():
        ratios = [mine / theirs for mine, theirs in zip(times, floor, strict=True)]
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:24}{statistics.median(times) * 1e3:8.1f} ms {statistics.median(ratios):6.2f} x {spread}")


def child(program: str, environment: Mapping[str, str]) -> float:
    """Return the CPU seconds of a process of its own."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, env=environment)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turns(works: Mapping[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """Return what each work gives, so many times, one after the other; the first turn is not counted."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(turns + 1):
        for name, work in works.items():
            seconds = work()
            if turn:
                found[name].append(seconds)
    return found


def opening(paths: Mapping[int, str], turns: int) -> None:
    """Print what it takes to open a file, by the number of its predictors: natively, loaded, and to the first row."""
    for count, path in paths.items():
        parts = {
            "SQLite alone reads the schema": lambda path=path: opened(path, loads=False),
            "loaded, reads the schema": lambda path=path: opened(path, loads=True),
            "the first use of one": lambda path=path: opened(path, loads=True, asks=True),
        }
        for name, times in in_turns(parts, turns).items():
            print(f"{count:4} predictors, {name:32}{statistics.median(times) * 1e3:8.2f} ms")


def opened(path: str, *, loads: bool, asks: bool = False) -> float:
    """Return the CPU seconds of reading the schema of a new connection, or of the first prediction after that."""
    db = apsw.Connection(path)
    if loads:
        sqlite_ml_vtab.load(db)
    began = time.process_time()
    db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    if asks:
        began = time.process_time()
        db.execute(ASK.format("p0")).fetchall()
    taken = time.process_time() - began
    db.close()
    return taken


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
