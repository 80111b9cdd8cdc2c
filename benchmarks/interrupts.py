"""How soon a fit ends that is interrupted, and for how long ``train`` from Python holds the write lock.

``python benchmarks/interrupts.py [rows [algorithm ...]]``: every algorithm on a table of its task, fitted once to the
end and then interrupted at moments spread over a fit of that length. The delay is from ``db.interrupt()`` to the error;
most of it is the compiled call that was under way. ``--markdown`` prints a table.

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
BRIEF = 0.03
"""A fit that is over sooner than this is not interrupted."""

TARGETS = {"classification": "y TEXT TARGET", "regression": "y REAL TARGET"}
COLUMNS = ", ".join(f"x{n} REAL" for n in range(FEATURES))


def opened(task: str, rows: int, path: str = "", one_column: bool = False) -> apsw.Connection:
    """Return a database with the predictor p, filled with numbers that a target depends on, and some noise."""
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db)
    found = np.random.RandomState(0).normal(size=(rows, FEATURES))
    level = found[:, 0] * found[:, 1] + found[:, 2] + np.random.RandomState(1).normal(size=rows) / 2
    names, width = ("x0 REAL", 1) if one_column else (COLUMNS, FEATURES)
    values: list[Any] = found[:, :width].tolist()
    if task == "classification":
        values = [(*row, "high" if high else "low") for row, high in zip(values, level > 0, strict=True)]
    elif task == "regression":
        # Above 0, so that gamma and poisson take it too.
        values = [(*row, float(np.exp(number / 2))) for row, number in zip(values, level, strict=True)]
    columns = ", ".join([names, *([TARGETS[task]] if task in TARGETS else [])])
    db.execute(f"CREATE VIRTUAL TABLE p USING ml_{task}({columns})")
    marks = ", ".join("?" * (width + (task in TARGETS)))
    with db:
        db.executemany(f"INSERT INTO p VALUES ({marks})", values)
    return db


def command(db: apsw.Connection, algorithm: str) -> float:
    """Train; return the seconds it took."""
    began = time.perf_counter()
    db.execute("INSERT INTO p(p, options) VALUES ('train', json_object('algorithm', ?))", (algorithm,))
    return time.perf_counter() - began


def delay(db: apsw.Connection, algorithm: str, after: float) -> float | None:
    """Interrupt a training after so many seconds; return the seconds until it ended, None where it was over before."""
    at: list[float] = []

    def interrupt() -> None:
        at.append(time.perf_counter())
        db.interrupt()

    timer = threading.Timer(after, interrupt)
    timer.start()
    try:
        command(db, algorithm)
    except apsw.InterruptError:
        return time.perf_counter() - at[0]
    finally:
        timer.cancel()
        timer.join()
    return time.perf_counter() - at[0] if at else None


def delays(task: str, algorithm: str, rows: int) -> tuple[float, list[float]] | str:
    """Return the seconds of a whole fit, and the delays of interrupts at MOMENTS of it; or why there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry = ALGORITHMS[algorithm]
        most = entry.max_rows or rows
        db = opened(task, min(rows, most), one_column=entry.one_column)
        try:
            command(db, algorithm)
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
    """Print how long the write lock is held."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = str(Path(folder) / "landing.db")
        db = opened("classification", rows, path)
        db.pragma("journal_mode", "wal")
        db.execute("CREATE TABLE unrelated(x)")
        seconds: dict[str, list[float]] = {}
        whole = landing.Landing.store
        case = [""]

        def store(self: landing.Landing, table: Any) -> int:
            began = time.perf_counter()
            if case[0] == "rows read under the lock":
                assert is_unchanged(table.predictor, self.made)
            number = whole(self, table)
            seconds.setdefault(case[0], []).append(time.perf_counter() - began)
            return number

        check = landing.Landing.check

        def touched(self: landing.Landing) -> None:
            if case[0] == "another table changed":
                db.execute("INSERT INTO unrelated VALUES (1)")
            check(self)

        landing.Landing.store, landing.Landing.check = store, touched  # type: ignore[method-assign]
        for _ in range(3):
            for case[0] in ("nothing changed", "another table changed", "rows read under the lock"):
                sqlite_ml_vtab.train(db, "p", algorithm="gaussian_nb")
        for name, found in seconds.items():
            print(f"{name:26} {statistics.median(found):8.4f} s under the lock ({min(found):.4f} to {max(found):.4f})")
        db.close()


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
