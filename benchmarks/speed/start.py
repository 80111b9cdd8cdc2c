"""A fresh process up to its first prediction, and a file of many predictors."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .process import process
from .timing import Cost, Figure, beyond, each, ratio
from .world import Settings, database, opened, predictor

VALUES = ", ".join(["0.5"] * 8)
FIRST = f"""
import apsw, sys, sqlite_ml_vtab
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db)
db.execute("SELECT y FROM t({VALUES})").get
"""
BARE = "import apsw, numpy, sys; apsw.Connection(sys.argv[1]).execute('SELECT 1').get"
OPENING = """
import apsw, json, sys, time, sqlite_ml_vtab
warm = apsw.Connection("")
sqlite_ml_vtab.load(warm)
began = time.process_time(), time.perf_counter()
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db)
db.execute("SELECT count(*) FROM sqlite_schema").get
read = time.process_time(), time.perf_counter()
db.execute(sys.argv[2]).get
used = time.process_time(), time.perf_counter()
print(json.dumps([began, read, used]))
"""
"""Open a file, with everything imported and its schema read; then use it."""
USES = {"opening": "SELECT count(*) FROM t0", "first prediction": "SELECT y FROM t0(0.5, 0.5, 0.5, 0.5)"}
MANY = 200


def start(settings: Settings) -> Iterator[Figure]:
    """Compare a fresh process with one that imports numpy and apsw, and a file of 200 predictors with one of one."""
    with tempfile.TemporaryDirectory() as folder:
        for name, algorithm in {"linear": "logistic_regression", "forest of 100": "random_forest"}.items():
            path = str(Path(folder) / f"{algorithm}.db")
            source = database(settings, settings.trained, 8)
            predictor(source, "t", "x", algorithm, settings.trained)
            source.execute("VACUUM INTO ?", (path,))
            source.close()
            yield _fresh(settings, name, path)
        yield from _many(settings, Path(folder))


def _fresh(settings: Settings, name: str, path: str) -> Figure:
    pairs = [(process(FIRST, path)[0], process(BARE, path)[0]) for _ in range(settings.turns + 1)][1:]
    ours, floor = zip(*pairs, strict=True)
    return ratio("start", f"first prediction: {name}", "8 features", "x numpy and apsw", (ours, floor))


def _many(settings: Settings, folder: Path) -> Iterator[Figure]:
    """Compare opening a file and using one predictor of it, where it has 200 and where it has one."""
    few, many = (_file(settings, folder, count) for count in (1, MANY))
    for row, sql in USES.items():
        turns = [[_opened(path, sql) for path in (many, few)] for _ in range(settings.turns + 1)][1:]
        with_many, with_one = zip(*turns, strict=True)
        for step, part in enumerate(("the schema read", "the first use")):
            ours, theirs = ([item[step] for item in items] for items in (with_many, with_one))
            yield beyond("start", f"{row}, {MANY} beside 1: {part}", "4 features", "ms more", (ours, theirs, 1e3))
            yield each("start", f"{row}, of 1: {part}", "4 features", "ms", (theirs, 1e3))


def _file(settings: Settings, folder: Path, count: int) -> str:
    path = str(folder / f"{count}.db")
    source = database(settings, 1000, 4, path)
    predictor(source, "t0", "x", "random_forest", 1000)
    for place in range(1, count):
        predictor(source, f"t{place}", "x", "logistic_regression", 100)
    source.close()
    opened(path).close()
    return path


def _opened(path: str, sql: str) -> tuple[Cost, Cost]:
    began, read, used = json.loads(process(OPENING, path, sql)[1])
    return _between(began, read), _between(read, used)


def _between(before: Sequence[float], after: Sequence[float]) -> Cost:
    return Cost(after[0] - before[0], after[1] - before[1])
