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
from .timing import Figure, cost, each
from .world import Predictor, Settings, joined, numbered, opened, predictor

FEATURES = 4
SMALLEST = 1000
SHORTEST = 50_000
"""So many rows at least are scored each time that the clock runs: a thousand alone are too short to time."""
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
    """Measure a row by join and by source at every power of ten, and the memory of the largest."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "growth.db")
        db = opened(path)
        _grown(db, settings)
        asked = predictor(db, "t", "x", "logistic_regression", min(settings.trained, settings.growth))
        figures: list[Figure] = []
        for rows in sizes(settings.growth):
            at_size = list(_at(db, asked, settings, rows))
            yield from at_size
            figures += at_size
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


def _at(db: apsw.Connection, asked: Predictor, settings: Settings, rows: int) -> Iterator[Figure]:
    listed = ", ".join(asked.names)
    source = f"SELECT sum(y) FROM t WHERE source = 'SELECT {listed} FROM x WHERE id <= {rows}'"
    times = max(1, SHORTEST // rows)
    for form, sql in {"join": joined(asked, rows), "source": source}.items():
        work = partial(_repeated, db, sql, times)
        turns = settings.turns + (rows < 10**6)
        spent = [cost(work) for _ in range(turns)][turns - settings.turns :]
        yield each("growth", f"a row by {form}", f"{rows:,} rows", "µs", (spent, 1e6 / rows / times))


def _repeated(db: apsw.Connection, sql: str, times: int) -> None:
    for _ in range(times):
        _ = db.execute(sql).get


def _flat(figures: list[Figure]) -> Iterator[Figure]:
    """Compare a row of the largest table with one of ten thousand, where a query's own cost is small."""
    for form in ("join", "source"):
        row = f"a row by {form}"
        costs = {figure.variant: figure for figure in figures if figure.row == row}
        least, most = costs.get("10,000 rows"), list(costs.values())[-1]
        if least is not None:
            many = [value / least.judged for value in most.cpu]
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
                form, rows = figure.row.split()[-1], figure.variant.split()[0].replace(",", "")
                wall = sorted(figure.wall)[len(figure.wall) // 2]
                costs = (figure.judged, min(figure.cpu), max(figure.cpu), wall)
                lines.writerow([form, rows, *(f"{value:.4f}" for value in costs)])
