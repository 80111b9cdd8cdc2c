"""What a row costs as the table grows, from 10^3 rows on, and what memory a scored table takes."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import apsw
import numpy as np

from .process import process
from .timing import Figure, each, in_turns
from .world import Predictor, Settings, joined, numbered, opened, predictor

FEATURES = 4
FORMS = ("join", "source", "SQLite alone")
"""How each size is asked; SQLite alone reads the same numbers and adds them up."""
ROW = "a row by "
"""The row of a form's figures begins so."""
SMALLEST = 1000
SHORTEST = 500_000
"""So many rows at least are read each time that the clock runs: a thousand alone are too short to time."""
FILE = Path(__file__).parent.parent / "growth.csv"
PEAK = """
import apsw, re, sys, sqlite_ml_vtab
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db)
kilobytes = []
for source in ("SELECT * FROM x WHERE id <= 1000", "x"):
    db.execute("SELECT sum(y) FROM t WHERE source = ?", (source,)).get
    kilobytes.append(int(re.search("VmHWM:.*?([0-9]+)", open("/proc/self/status").read())[1]))
print((kilobytes[1] - kilobytes[0]) / 1024)
"""
# Not ru_maxrss, which a process inherits from the one that started it.
HEAD = ["form", "rows", "cpu_us", "cpu_us_lowest", "cpu_us_highest", "wall_us"]


def growth(settings: Settings) -> Iterator[Figure]:
    """Measure a row by join, by source and of the bare table at every power of ten, and the memory of the largest."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "growth.db")
        db = opened(path)
        _grown(db, settings)
        asked = predictor(db, "t", "x", "logistic_regression", min(settings.trained, settings.growth))
        figures = list(_measured(db, asked, settings))
        yield from figures
        yield from _flat(figures)
        db.close()
        yield Figure("growth", "memory of source", f"{settings.growth:,} rows", "MB", (), (peak(path),))


def sizes(largest: int) -> list[int]:
    """Return the powers of ten from 1,000 to the largest table."""
    found = [SMALLEST]
    while found[-1] * 10 <= largest:
        found.append(found[-1] * 10)
    return found


def _grown(db: apsw.Connection, settings: Settings) -> None:
    """Make the table by a query that counts, so that its rows are never in memory together."""
    random = np.random.default_rng(settings.seed)
    steps = random.integers(10**5, 10**6, FEATURES).tolist()
    numbers = [f"(i * {step} % 1000003) / 500001.5 - 1" for step in steps]
    names = numbered(FEATURES)
    db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
    db.execute(f"CREATE TABLE x(id INTEGER PRIMARY KEY, {', '.join(f'{name} REAL' for name in names)}, y, z)")
    db.execute(
        "INSERT INTO x WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        f"SELECT i, {', '.join(numbers)}, ({numbers[0]}) + ({numbers[1]}) > 0.1, NULL FROM n",
        (settings.growth,),
    )


def _measured(db: apsw.Connection, asked: Predictor, settings: Settings) -> Iterator[Figure]:
    """Measure each size once a turn, so that a machine that changes its pace does so for the small and the large."""
    places = [(form, rows) for rows in sizes(settings.growth) for form in FORMS]
    times = {rows: max(1, SHORTEST // rows) for _, rows in places}
    works = {f"{form} {rows}": partial(_repeated, db, _query(asked, form, rows), times[rows]) for form, rows in places}
    spent = in_turns(works, settings.turns)
    for form, rows in places:
        scale = 1e6 / rows / times[rows]
        yield each("growth", ROW + form, f"{rows:,} rows", "µs", (spent[f"{form} {rows}"], scale))


def _query(asked: Predictor, form: str, rows: int) -> str:
    listed = f"SELECT {', '.join(asked.names)} FROM x WHERE id <= {rows}"
    if form == "join":
        return joined(asked, rows)
    if form == "source":
        return f"SELECT sum(y) FROM t WHERE source = '{listed}'"
    return f"SELECT sum({' + '.join(asked.names)}) FROM x WHERE id <= {rows}"


def _repeated(db: apsw.Connection, sql: str, times: int) -> None:
    for _ in range(times):
        _ = db.execute(sql).get


def _flat(figures: list[Figure]) -> Iterator[Figure]:
    """Compare a row of the largest table with one of ten thousand, where a query's own cost is small, turn by turn."""
    for row in (ROW + form for form in FORMS):
        costs = {figure.variant: figure for figure in figures if figure.row == row}
        least, most = costs.get("10,000 rows"), list(costs.values())[-1]
        if least is not None:
            many = [large / small for large, small in zip(most.cpu, least.cpu, strict=True)]
            yield Figure("growth", f"{row}, beside 10,000", most.variant, "x", tuple(many), ())


def peak(path: str) -> float:
    """Return by how many MB a process grows that scores the whole table by source, after a small one."""
    return float(process(PEAK, path)[1])


def write(figures: list[Figure]) -> None:
    """Write what a row costs into the file of the picture."""
    with FILE.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HEAD)
        for figure in figures:
            if figure.unit == "µs":
                form, rows = figure.row.removeprefix(ROW), figure.variant.split()[0].replace(",", "")
                wall = sorted(figure.wall)[len(figure.wall) // 2]
                costs = (figure.judged, min(figure.cpu), max(figure.cpu), wall)
                lines.writerow([form, rows, *(f"{value:.4f}" for value in costs)])
