"""How soon a fit ends that is interrupted, and for how long ``train`` from Python holds the write lock.

``python benchmarks/interrupts.py [rows [algorithm ...]]``: every algorithm on a table of its task, fitted once to the
end and then interrupted at moments spread over a fit of that length. The delay is from ``db.interrupt()`` to the error,
in seconds of CPU; most of it is the compiled call that was under way. ``--markdown`` prints a table.

``python benchmarks/interrupts.py --landing [rows]``: the statement that stores what was fitted, where nothing in the
file changed meanwhile, where another table did, and for comparison with the rows read once more under the lock.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import apsw
import numpy as np

import sqlite_ml_vtab
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.predictor import is_unchanged
from sqlite_ml_vtab.vtab import landing

ROWS = 3_000
FEATURES = 8
MOMENTS = (0.2, 0.5, 0.8)
"""At these shares of a fit it is interrupted."""
LANDED = 10
"""So many columns, the target included, have the rows that a landing may have to read again."""
READ = "rows read under the lock"
LOOK = 0.005
"""So many seconds pass between two looks at the time that a fit has had."""
BRIEF = 0.03
"""A fit that is over sooner than this is not interrupted."""

TARGETS = {"classification": "y TEXT TARGET", "regression": "y REAL TARGET"}


def opened(task: str, rows: int, path: str = "", features: int = FEATURES) -> apsw.Connection:
    """Return a database with the predictor p, filled with numbers that a target depends on, and some noise."""
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db)
    found = np.random.RandomState(0).normal(size=(rows, max(3, features)))
    level = found[:, 0] * found[:, 1] + found[:, 2] + np.random.RandomState(1).normal(size=rows) / 2
    values: list[Any] = found[:, :features].tolist()
    if task == "classification":
        values = [(*row, "high" if high else "low") for row, high in zip(values, level > 0, strict=True)]
    elif task == "regression":
        # Above 0, so that gamma and poisson take it too.
        values = [(*row, float(np.exp(number / 2))) for row, number in zip(values, level, strict=True)]
    names = [f"x{n} REAL" for n in range(features)]
    columns = ", ".join([*names, *([TARGETS[task]] if task in TARGETS else [])])
    db.execute(f"CREATE VIRTUAL TABLE p USING ml_{task}({columns})")
    marks = ", ".join("?" * (features + (task in TARGETS)))
    with db:
        db.executemany(f"INSERT INTO p VALUES ({marks})", values)
    return db


def command(db: apsw.Connection, algorithm: str) -> float:
    """Train; return the seconds of CPU it took."""
    began = time.process_time()
    db.execute("INSERT INTO p(p, options) VALUES ('train', json_object('algorithm', ?))", (algorithm,))
    return time.process_time() - began


def delay(db: apsw.Connection, algorithm: str, after: float) -> float | None:
    """Interrupt a training after so many seconds of CPU; return those until it ended, None where it was over before.

    Seconds of CPU: on a machine with other work the clock tells how long that was.
    """
    at: list[float] = []
    over = threading.Event()

    def interrupt() -> None:
        due = time.process_time() + after
        while time.process_time() < due:
            if over.wait(LOOK):
                return
        at.append(time.process_time())
        db.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        command(db, algorithm)
    except apsw.InterruptError:
        return time.process_time() - at[0]
    finally:
        over.set()
        thread.join()
    return time.process_time() - at[0] if at else None


def delays(task: str, algorithm: str, rows: int) -> tuple[float, list[float]] | str:
    """Return the seconds of a whole fit, and the delays of interrupts at MOMENTS of it; or why there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry = ALGORITHMS[algorithm]
        most = entry.max_rows or rows
        db = opened(task, min(rows, most), features=1 if entry.one_column else FEATURES)
        try:
            whole = command(db, algorithm)
            if whole < 5:
                # The first of a process also imports.
                whole = command(db, algorithm)
            found = [delay(db, algorithm, share * whole) for share in MOMENTS] if whole > BRIEF else []
        except (sqlite_ml_vtab.Error, apsw.Error) as error:
            return str(error)
        finally:
            db.close()
    return whole, [one for one in found if one is not None]


def measure_interrupts(rows: int, names: list[str], markdown: bool) -> None:
    """Print a line for each algorithm and task."""
    row = "| `{}` | {} | {} | {} |" if markdown else "{:28} {:15} {:>9} {:>9}"
    print(row.format("algorithm", "task", "fit, s", "delay, s"))
    if markdown:
        print("|---|---|---:|---:|")
    for algorithm, entry in ALGORITHMS.items():
        for task in entry.estimators:
            if not names or algorithm in names:
                found = delays(task, algorithm, rows)
                if isinstance(found, str):
                    print(row.format(algorithm, task, "-", found), flush=True)
                    continue
                whole, late = found
                print(row.format(algorithm, task, f"{whole:.2f}", f"{max(late):.2f}" if late else "brief"), flush=True)


def measure_landing(rows: int) -> None:
    """Print how long the statement lasts that takes the write lock, its commit included, under both journals."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        db = opened("classification", rows, str(Path(folder) / "landing.db"), features=LANDED - 1)
        db.execute("CREATE TABLE unrelated(x)")
        for journal in ("wal", "delete"):
            assert db.pragma("journal_mode", journal) == journal
            for case, (wall, busy) in _landed(db).items():
                spread = f"({min(wall):.3f} to {max(wall):.3f}), {statistics.median(busy):.3f} s of CPU"
                print(f"{journal:6} {case:26} {statistics.median(wall):7.3f} s with the lock {spread}", flush=True)
        db.close()


def _landed(db: apsw.Connection) -> dict[str, tuple[list[float], list[float]]]:
    """Return the seconds, by the clock and of CPU, that landing held the lock in each case."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    store, whole, check = landing._store, landing.Landing.store, landing.Landing.check
    case = ""

    def timed(*given: Any) -> int:
        began, busy = time.perf_counter(), time.thread_time()
        number = store(*given)
        wall, used = found.setdefault(case, ([], []))
        wall.append(time.perf_counter() - began)
        used.append(time.thread_time() - busy)
        return number

    def read(self: landing.Landing, table: Any) -> int:
        assert case != READ or is_unchanged(table.predictor, self.made)
        return whole(self, table)

    def touched(self: landing.Landing) -> None:
        if case == "another table changed":
            db.execute("INSERT INTO unrelated VALUES (1)")
        check(self)

    landing._store, landing.Landing.store, landing.Landing.check = timed, read, touched  # type: ignore[method-assign]
    try:
        for each in ("nothing changed", "another table changed", "nothing changed", "another table changed", READ):
            case = each
            sqlite_ml_vtab.train(db, "p", algorithm="gaussian_nb")
    finally:
        landing._store, landing.Landing.store, landing.Landing.check = store, whole, check  # type: ignore[method-assign]
    return found


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--landing", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("rows", nargs="?", type=int, default=None)
    parser.add_argument("algorithms", nargs="*")
    asked = parser.parse_args()
    if asked.landing:
        measure_landing(asked.rows or 1_000_000)
    else:
        measure_interrupts(asked.rows or ROWS, asked.algorithms, asked.markdown)


if __name__ == "__main__":
    main()
