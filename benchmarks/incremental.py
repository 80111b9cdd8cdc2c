"""fit='incremental' over ten million rows, in memory and time, beside a fit in memory on a sample of them.

``python benchmarks/incremental.py [rows [algorithm]]``. The table (content=, so that nothing is copied) is written to a
temporary file of about 100 bytes a row, its rows sorted by the very class that is learned, and deleted at the end. Each
fit runs in a process of its own, whose peak is that of the whole process: Python, SQLite and scikit-learn alone take
about 150 MB. All models are scored on the same fresh rows.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent))

import apsw
import numpy as np

import sqlite_ml_vtab

FEATURES = 10
CHUNK = 100_000
SAMPLE = 100_000
FRESH = 100_000
COLUMNS = ", ".join(f"x{n} REAL" for n in range(FEATURES))

FITS = {
    "incremental, {rows:,} rows": ("big", "incremental"),
    "incremental, a tenth of them": ("tenth", "incremental"),
    "in memory, a tenth of them": ("tenth", "whole"),
    "in memory, a sample of {sample:,}": ("sampled", "whole"),
}
"""What is compared: the relation that is learned from, and how."""


def write(path: Path, rows: int) -> None:
    """Write the tables and views: rows of two classes that overlap, all of the one class before all of the other."""
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
    for table in ("big", "fresh"):
        db.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, {COLUMNS}, y TEXT)")
    marks = ", ".join("?" * FEATURES)
    for label in ("no", "yes"):
        for start in range(0, rows, CHUNK):
            points, classes = drawn(1 + start, CHUNK)
            sql = f"INSERT INTO big VALUES (NULL, {marks}, '{label}')"
            with db:
                db.executemany(sql, points[classes == (label == "yes")].tolist())
    points, classes = drawn(0, FRESH)
    with db:
        values = [(*point, "yes" if is_yes else "no") for point, is_yes in zip(points.tolist(), classes, strict=True)]
        db.executemany(f"INSERT INTO fresh VALUES (NULL, {marks}, ?)", values)
    db.execute(f"CREATE VIEW sampled AS SELECT * FROM big WHERE id % {max(1, rows // SAMPLE)} = 0")
    db.execute("CREATE TABLE tenth AS SELECT * FROM big WHERE id % 10 = 0")
    db.close()


def drawn(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and whether each is of the second class: a noisy line, and a bend that no line can follow."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(count, FEATURES))
    line = points @ np.linspace(1.0, -1.0, FEATURES) + 0.5 * points[:, 0] * points[:, 1]
    return points, line + random.normal(scale=1.0, size=count) > 0


def fit(path: Path, relation: str, way: str, algorithm: str) -> None:
    """Train in this process, and print seconds, megabytes at the peak, and the share of fresh rows predicted right."""
    warnings.simplefilter("ignore")
    db = apsw.Connection(str(path))
    sqlite_ml_vtab.load(db)
    options = f"algorithm='{algorithm}', fit='{way}', content='{relation}'"
    db.execute(f"CREATE VIRTUAL TABLE temp.p USING ml_classification({COLUMNS}, y TEXT TARGET, {options})")
    began = perf_counter()
    db.execute("INSERT INTO p(p) VALUES ('train')")
    seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    right = db.execute("SELECT avg(f.y = p.y) FROM p JOIN fresh AS f ON f.id = p.rowid WHERE source = 'fresh'").get
    trained, score = db.execute("SELECT rows_trained, score FROM p_versions").get
    print(json.dumps({"seconds": seconds, "peak": peak, "right": right, "trained": trained, "score": score}))
    db.close()


def main(rows: int, algorithm: str) -> None:
    """Write the table, run every fit, and print the table of figures."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "big.db"
        began = perf_counter()
        write(path, rows)
        size = path.stat().st_size / 2**20
        print(f"{rows:,} rows of {FEATURES} numbers, {size:,.0f} MB on disk, written in {perf_counter() - began:.0f} s")
        print("\n| fit | rows trained | seconds | peak MB | score | right on fresh rows |\n|---|---|---|---|---|---|")
        for name, (relation, way) in FITS.items():
            command = [sys.executable, __file__, "fit", str(path), relation, way, algorithm]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            print(
                f"| {name.format(rows=rows, sample=SAMPLE)} | {found['trained']:,} | {found['seconds']:.1f} "
                f"| {found['peak']:.0f} | {found['score']:.4f} | {found['right']:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["fit"]:
        fit(Path(sys.argv[2]), *sys.argv[3:6])
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 10_000_000, sys.argv[2] if sys.argv[2:] else "sgd")
