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
sqlite_ml_vtab.load(apsw.Connection(""))
began = time.process_time(), time.perf_counter()
db = apsw.Connection(sys.argv[1])
if sys.argv[2:]:
    sqlite_ml_vtab.load(db)
db.execute("SELECT count(*) FROM sqlite_schema").get
read = time.process_time(), time.perf_counter()
if sys.argv[2:]:
    db.execute(sys.argv[2]).get
print(json.dumps([began, read, [time.process_time(), time.perf_counter()]]))
"""
"""With everything imported: open a file and read its schema; then, if there is a query, use the file."""
USE = "SELECT y FROM t0(0.5, 0.5, 0.5, 0.5)"
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
    """Compare opening a file, and using one predictor of it, where it has 200 and where it has one."""
    few, many = (_file(settings, folder, count) for count in (1, MANY))
    works = {"many": (many, USE), "few": (few, USE), "many, alone": (many,), "few, alone": (few,)}
    turns = [{name: _opened(*work) for name, work in works.items()} for _ in range(settings.turns + 1)][1:]
    steps = {f"opening, {MANY} beside 1": ("", 0), f"first prediction, {MANY} beside 1": ("", 1)}
    for row, (alone, step) in {**steps, f"by SQLite alone, opening, {MANY} beside 1": (", alone", 0)}.items():
        ours, theirs = ([turn[name + alone][step] for turn in turns] for name in ("many", "few"))
        yield beyond("start", row, "4 features", "ms more", (ours, theirs, 1e3))
    for step, row in enumerate(("opening, of 1", "first prediction, of 1")):
        yield each("start", row, "4 features", "ms", ([turn["few"][step] for turn in turns], 1e3))


def _file(settings: Settings, folder: Path, count: int) -> str:
    path = str(folder / f"{count}.db")
    source = database(settings, 1000, 4, path)
    predictor(source, "t0", "x", "random_forest", 1000)
    for place in range(1, count):
        predictor(source, f"t{place}", "x", "logistic_regression", 100)
    source.close()
    opened(path).close()
    return path


def _opened(*arguments: str) -> tuple[Cost, Cost]:
    began, read, used = json.loads(process(OPENING, *arguments)[1])
    return _between(began, read), _between(read, used)


def _between(before: Sequence[float], after: Sequence[float]) -> Cost:
    return Cost(after[0] - before[0], after[1] - before[1])
