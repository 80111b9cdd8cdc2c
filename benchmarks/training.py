"""What a training costs beside its floor, in time and memory: ``python benchmarks/training.py [rows [algorithm ...]]``.

The floor is what the same training costs by hand, with one thread: fetch the rows with apsw (fetchall) and make a numpy
matrix of them, then fit the bare scikit-learn estimator with the same hyperparameters on the same train part, ready as
a matrix, and predict the same test part. Every case runs in a process of its own. Time is that of the processor, so
that other work on the machine counts little; libraries are imported, and a small table is trained on, before the clock
starts. Memory is the peak of the process beyond that of the bare fit, in multiples of the float64 matrix of all rows.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import apsw
import numpy as np

FEATURES = 10
CHUNK = 100_000
SMALL = 200
NAMES = [f"x{n}" for n in range(FEATURES)]
COLUMNS = ", ".join(f"{name} REAL" for name in NAMES)
ALGORITHMS = ("logistic_regression", "hist_gradient_boosting", "random_forest")


def main(rows: int, algorithms: list[str]) -> None:
    """Write the table, run every case, and print the table of ratios."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        run("write", place, rows)
        fetched = run("fetch", place)
        size = rows * FEATURES * 8 / 2**20
        print(
            f"{rows:,} rows of {FEATURES} numbers, a matrix of {size:,.0f} MB; fetched in {fetched['seconds']:.2f} s\n"
        )
        print("| algorithm | rows | bare s | floor s | trained s | ratio | bare peak MB | peak MB | beyond, matrices |")
        print("|---|---|---|---|---|---|---|---|---|")
        for algorithm in algorithms:
            bare = run("bare", place, algorithm)
            floor = fetched["seconds"] + bare["seconds"]
            for way in ("stored", "content"):
                ours = run("train", place, algorithm, way)
                assert abs(ours["score"] - bare["score"]) < 1e-9, (ours, bare)
                print(
                    f"| {algorithm} | {way} | {bare['seconds']:.2f} | {floor:.2f} | {ours['seconds']:.2f} "
                    f"| {ours['seconds'] / floor:.2f} | {bare['peak']:.0f} | {ours['peak']:.0f} "
                    f"| {(ours['peak'] - bare['peak']) / size:.2f} |",
                    flush=True,
                )


def run(verb: str, place: Path, *arguments: Any) -> dict[str, float]:
    """Run one case in a process of its own and return what it measured."""
    command = [sys.executable, __file__, verb, str(place), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout or "{}")
    return found


def write(place: Path, rows: int) -> None:
    """Write the table, the predictors that hold it, and the two parts as matrices."""
    import sqlite_ml_vtab

    points, classes = drawn(rows)
    db = apsw.Connection(str(place / "big.db"))
    sqlite_ml_vtab.load(db)
    db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
    db.execute(f"CREATE TABLE big(id INTEGER PRIMARY KEY, {COLUMNS}, y INTEGER)")
    marks = ", ".join("?" * FEATURES)
    with db:
        for start in range(0, rows, CHUNK):
            some = points[start : start + CHUNK], classes[start : start + CHUNK]
            values = ((*point, label) for point, label in zip(*(part.tolist() for part in some), strict=True))
            db.executemany(f"INSERT INTO big VALUES (NULL, {marks}, ?)", values)
    db.execute(f"CREATE VIRTUAL TABLE stored USING ml_classification({COLUMNS}, y INTEGER TARGET)")
    db.execute(f"CREATE VIRTUAL TABLE content USING ml_classification({COLUMNS}, y INTEGER TARGET, content='big')")
    db.execute(f"INSERT INTO stored SELECT {', '.join(NAMES)}, y FROM big")
    db.close()
    save_parts(place, points, classes)


def drawn(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and their classes: a noisy line, and a bend that no line can follow."""
    random = np.random.default_rng(1)
    points = random.normal(size=(rows, FEATURES))
    line = points @ np.linspace(1.0, -1.0, FEATURES) + 0.5 * points[:, 0] * points[:, 1]
    return points, (line + random.normal(size=rows) > 0).astype(np.int64)


def save_parts(place: Path, points: np.ndarray, classes: np.ndarray) -> None:
    """Write the parts that a training makes of the rows, plain and standardised."""
    from types import SimpleNamespace

    from sklearn.preprocessing import StandardScaler

    from sqlite_ml_vtab.learning.splits import split_rows

    rows: Any = SimpleNamespace(ids=classes, target=classes)
    parts = split_rows("stratified", rows, classes, 0.25, 0)
    scaler = StandardScaler().fit(points[parts.train])
    for name, chosen in (("train", parts.train), ("test", parts.test)):
        np.save(place / f"{name}_none.npy", points[chosen])
        np.save(place / f"{name}_standard.npy", scaler.transform(points[chosen]))
        np.save(place / f"{name}_classes.npy", classes[chosen])


def fetch(place: Path) -> None:
    """Fetch the rows and make the matrix and the target of them."""
    db = apsw.Connection(str(place / "big.db"))
    began = process_time()
    rows = db.execute(f"SELECT {', '.join(NAMES)}, y FROM big ORDER BY id").fetchall()
    table = np.array(rows)
    np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64)
    report(process_time() - began, 0.0)


def bare(place: Path, algorithm: str) -> None:
    """Fit the estimator that the algorithm stands for on the ready matrix, and predict the test part."""
    from threadpoolctl import threadpool_limits

    from sqlite_ml_vtab.learning.algorithms import ALGORITHMS as REGISTRY

    entry = REGISTRY[algorithm]
    train, test = (np.load(place / f"{part}_{entry.scale}.npy") for part in ("train", "test"))
    truth, asked = (np.load(place / f"{part}_classes.npy") for part in ("train", "test"))
    params = entry.default_params("classification", *train.shape)
    made = entry.estimator_class("classification")
    with threadpool_limits(1):
        made(**entry.default_params("classification", SMALL, FEATURES), random_state=0).fit(
            train[:SMALL], truth[:SMALL]
        )
        began = process_time()
        fitted = made(**params, random_state=0).fit(train, truth)
        said = fitted.predict_proba(test).argmax(axis=1)
        seconds = process_time() - began
    report(seconds, float((said == asked).mean()))


def train(place: Path, algorithm: str, name: str) -> None:
    """Train the predictor `name`."""
    import sqlite_ml_vtab

    warnings.simplefilter("ignore")
    db = apsw.Connection(str(place / "big.db"))
    sqlite_ml_vtab.load(db)
    options = json.dumps({"algorithm": algorithm})
    warm_up(db, options)
    began = process_time()
    db.execute(f"INSERT INTO {name}({name}, options) VALUES ('train', ?)", (options,))
    seconds = process_time() - began
    score = db.execute(f"SELECT score FROM {name}_versions ORDER BY version DESC LIMIT 1").get
    db.close()
    report(seconds, score)


def warm_up(db: apsw.Connection, options: str) -> None:
    """Train on a small table, so that all that is imported is."""
    db.execute(f"CREATE TEMP TABLE little AS SELECT * FROM big LIMIT {SMALL}")
    db.execute(f"CREATE VIRTUAL TABLE temp.p USING ml_classification({COLUMNS}, y INTEGER TARGET, content='little')")
    db.execute("INSERT INTO p(p, options) VALUES ('train', ?)", (options,))
    db.execute("DROP TABLE temp.p")


def report(seconds: float, score: float) -> None:
    """Print what a case measured."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "score": score}))


CASES = {"write": write, "fetch": fetch, "bare": bare, "train": train}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in CASES:
        arguments = [int(item) if item.isdigit() else item for item in sys.argv[3:]]
        CASES[sys.argv[1]](Path(sys.argv[2]), *arguments)
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000, sys.argv[2:] or list(ALGORITHMS))
