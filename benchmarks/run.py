"""What SQL costs beside the same work done by hand: `python benchmarks/run.py [rows]`.

The floor is what a Python programmer gets on the same connection: fetch the rows with apsw, make the numpy matrix, call
the bare scikit-learn estimator once, with one thread. Every figure is a ratio to a floor that was timed in the same
run, turn by turn with it; the median of the ratios is shown, and their spread. See benchmarks/README.md.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from threadpoolctl import threadpool_limits

import sqlite_ml_vtab

TURNS = 5
FEATURES = 8
ALGORITHMS = (
    *("logistic_regression", "decision_tree", "random_forest", "gradient_boosting", "hist_gradient_boosting"),
    *("knn", "gaussian_nb"),
)
NAMES = [f"f{n}" for n in range(FEATURES)]


def main(rows: int) -> None:
    """Print every table."""
    with threadpool_limits(1):
        print(f"{rows:,} rows of {FEATURES} numbers, 1 thread, medians of {TURNS} turns (lowest to highest)\n")
        scoring(rows)
        intake(rows)
        training(rows)
    cold_start()


def database(rows: int) -> apsw.Connection:
    """Return a database with a table `x` of that many rows of numbers and a class `y`."""
    db = apsw.Connection(":memory:")
    sqlite_ml_vtab.load(db)
    random = np.random.RandomState(0)
    matrix = random.normal(size=(rows, FEATURES)).round(6)
    classes = (matrix[:, 0] + matrix[:, 1] ** 2 + random.normal(size=rows) > 1).astype(int)
    db.execute(f"CREATE TABLE x(id INTEGER PRIMARY KEY, {', '.join(f'{name} REAL' for name in NAMES)}, y INTEGER)")
    with db:
        marks = ", ".join("?" * (FEATURES + 1))
        sql = f"INSERT INTO x({', '.join(NAMES)}, y) VALUES ({marks})"
        db.executemany(sql, zip(*(column.tolist() for column in matrix.T), classes.tolist(), strict=True))
    return db


def predictor(db: apsw.Connection, algorithm: str, trained_rows: int) -> Any:
    """Declare, fill and train `t` on the first rows of `x`; return the bare estimator fitted on the same rows."""
    db.execute("DROP TABLE IF EXISTS t")
    columns = ", ".join(f"{name} REAL" for name in NAMES)
    db.execute(
        f"CREATE VIRTUAL TABLE t USING ml_classification({columns}, y INTEGER TARGET, "
        f"algorithm={algorithm}, split=none)"
    )
    db.execute(f"INSERT INTO t SELECT {', '.join(NAMES)}, y FROM x LIMIT {trained_rows}")
    db.execute("INSERT INTO t(t) VALUES ('train')")
    return bare(algorithm).fit(*fetch(db, trained_rows))


def bare(algorithm: str) -> Any:
    """Return the unfitted pipeline that the algorithm stands for."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from sqlite_ml_vtab.learning.algorithms import ALGORITHMS as REGISTRY

    entry = REGISTRY[algorithm]
    estimator = entry.estimator_class("classification")(**entry.default_params("classification", 1000))
    return make_pipeline(StandardScaler(), estimator) if entry.scale != "none" else estimator


def fetch(db: apsw.Connection, limit: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the floor's matrix and classes, fetched by hand."""
    table = np.array(db.execute(f"SELECT {', '.join(NAMES)}, y FROM x LIMIT {limit}").fetchall())
    return table[:, :-1], table[:, -1].astype(int)


def by_hand(estimator: Any, db: apsw.Connection, rows: int) -> Any:
    """Do what the floor does."""
    return estimator.predict(fetch(db, rows)[0])


def compared(ours: Callable[[], Any], floor: Callable[[], Any]) -> tuple[float, list[float]]:
    """Return the median seconds of `ours` and its ratios to `floor`, timed in turns."""
    pairs = [(seconds(ours), seconds(floor)) for _ in range(TURNS)]
    return statistics.median(mine for mine, _ in pairs), [mine / theirs for mine, theirs in pairs]


def seconds(work: Callable[[], Any]) -> float:
    """Return how long `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def shown(ratios: Sequence[float]) -> str:
    """Return a median with its spread."""
    return f"{statistics.median(ratios):6.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"


def scoring(rows: int) -> None:
    """Compare every form of prediction with the floor, and one row with the bare statement."""
    db = database(rows)
    listed = ", ".join(f"x.{name}" for name in NAMES)
    forms = {
        "join": f"SELECT sum(t.y) FROM x JOIN t({listed})",
        "join, json": f"SELECT sum(t.y) FROM x JOIN t(json_array({listed}))",
        "ml_predict": f"SELECT sum(ml_predict('t', {listed})) FROM x",
        "source": "SELECT sum(y) FROM t WHERE source = 'x'",
        "features IN": f"SELECT sum(y) FROM t WHERE features IN (SELECT json_array({listed}) FROM x)",
    }
    print(f"{'scoring':24}" + "".join(f"{name:>32}" for name in forms) + f"{'one row':>14}")
    for algorithm in ALGORITHMS:
        estimator = predictor(db, algorithm, min(rows, 2000))
        floor = partial(by_hand, estimator, db, rows)
        cells = [f"{shown(compared(lambda sql=sql: db.execute(sql).get, floor)[1]):>32}" for sql in forms.values()]
        print(f"{algorithm:24}" + "".join(cells) + f"{one_row(db):>11.1f} µs")
    print()


def one_row(db: apsw.Connection) -> float:
    """Return the microseconds of one warm prediction beyond a bare SELECT."""
    sql = f"SELECT y FROM t({', '.join('?' * FEATURES)})"
    values = tuple([0.5] * FEATURES)
    times = 2000
    ours = seconds(lambda: [db.execute(sql, values).get for _ in range(times)])
    floor = seconds(lambda: [db.execute("SELECT 1").get for _ in range(times)])
    return (ours - floor) / times * 1e6


def intake(rows: int) -> None:
    """Compare INSERT INTO t SELECT with the same into an ordinary table."""
    db = database(rows)
    columns = ", ".join(f"{name} REAL" for name in NAMES)
    db.execute(f"CREATE TABLE plain(id INTEGER PRIMARY KEY, {columns}, y INTEGER)")
    db.execute(f"CREATE VIRTUAL TABLE t USING ml_classification({columns}, y INTEGER TARGET)")
    listed = f"{', '.join(NAMES)}, y"

    def fill(table: str) -> Callable[[], None]:
        def work() -> None:
            db.execute(f"DELETE FROM {'t_rows' if table == 't' else table}")
            db.execute(f"INSERT INTO {table}({listed}) SELECT {listed} FROM x")

        return work

    taken, ratios = compared(fill("t"), fill("plain"))
    print(f"INSERT INTO t SELECT, beside a native INSERT SELECT: {shown(ratios)}, {taken / rows * 1e6:.2f} µs a row\n")


def training(rows: int) -> None:
    """Compare train with fetching, the bare fit and scoring the same share of rows."""
    db = database(rows)
    columns = ", ".join(f"{name} REAL" for name in NAMES)
    print("train, beside fetch + bare fit + scoring the test part")
    for algorithm in ("logistic_regression", "hist_gradient_boosting", "random_forest"):
        db.execute("DROP TABLE IF EXISTS t")
        db.execute(
            f"CREATE VIRTUAL TABLE t USING ml_classification({columns}, y INTEGER TARGET, "
            f"algorithm={algorithm}, split=shuffle)"
        )
        db.execute(f"INSERT INTO t SELECT {', '.join(NAMES)}, y FROM x")

        def floor(algorithm: str = algorithm) -> None:
            matrix, classes = fetch(db, rows)
            cut = len(matrix) // 4
            bare(algorithm).fit(matrix[cut:], classes[cut:]).predict_proba(matrix[:cut])

        _, ratios = compared(
            lambda: db.execute("""INSERT INTO t(t, options) VALUES ('train', '{"deploy": true}')"""), floor
        )
        print(f"  {algorithm:24}{shown(ratios)}")
    print()


_COLD = """
import apsw, sqlite_ml_vtab
db = apsw.Connection({path!r})
sqlite_ml_vtab.load(db)
print(db.execute("SELECT y FROM t({values})").get)
"""
_BARE = "import apsw, numpy; apsw.Connection({path!r}).execute('SELECT 1').get"


def cold_start() -> None:
    """Compare a fresh process up to its first prediction with one that imports numpy and apsw only."""
    print("fresh process, first prediction, beside a process that imports numpy and apsw")
    with tempfile.TemporaryDirectory() as folder:
        for algorithm in ("logistic_regression", "random_forest"):
            path = str(Path(folder) / f"{algorithm}.db")
            source = database(2000)
            predictor(source, algorithm, 2000)
            source.execute("VACUUM INTO ?", (path,))
            ours = _COLD.format(path=path, values=", ".join(["0.5"] * FEATURES))
            _, ratios = compared(lambda ours=ours: run(ours), lambda path=path: run(_BARE.format(path=path)))
            print(f"  {algorithm:24}{shown(ratios)}")


def run(program: str) -> None:
    """Run a Python program in a process of its own."""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
