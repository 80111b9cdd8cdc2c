"""What INSERT INTO t SELECT costs, part by part: `python benchmarks/intake.py [rows [turns]]`.

CPU time, beside a native INSERT ... SELECT of the same rows into a table with an INTEGER PRIMARY KEY, in turns in one
process. A callback that only returns a row id is the least that any virtual table in Python can cost.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import apsw

import sqlite_ml_vtab
from sqlite_ml_vtab.store.rows import Rows
from sqlite_ml_vtab.vtab.table import Table

NUMBERS = [f"f{n}" for n in range(9)]
LISTED = ", ".join([*NUMBERS, "y"])
COLUMNS = ", ".join(f"{name} REAL" for name in NUMBERS)
SINGLE = 3000


def main(count: int, turns: int) -> None:
    """Print what each part costs a row, and what a statement of one row takes."""
    db = database(count)
    returns, looks = (lambda self, rowid, fields: 1), looked
    whole = Table.UpdateInsertRow
    works = {
        "native INSERT ... SELECT": partial(seconds, insert, db, "plain"),
        "a callback that returns": partial(replaced, db, Table, "UpdateInsertRow", returns),
        "and looks at the row": partial(replaced, db, Table, "UpdateInsertRow", looks),
        "and holds it": partial(replaced, db, Rows, "_write_run", lambda self, first, run: None),
        "and writes it: INSERT INTO t": partial(replaced, db, Table, "UpdateInsertRow", whole),
        "the same within BEGIN": partial(within, db),
    }
    show(works, count, turns)
    singles = {"one row, native": "plain", "one row, INSERT INTO t": "t"}
    show({name: partial(seconds, ones, db, table) for name, table in singles.items()}, SINGLE, turns)
    db.close()


def database(count: int) -> apsw.Connection:
    """Return a database with so many rows in `x`, an empty table `plain`, and a predictor `t` that has met a row."""
    db = apsw.Connection(":memory:")
    sqlite_ml_vtab.load(db)
    for name in ("x", "plain"):
        db.execute(f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, {COLUMNS}, y INTEGER)")
    draw = random.Random(0)
    with db:
        rows = ([*(draw.gauss(0, 1) for _ in NUMBERS), n % 2] for n in range(count))
        db.executemany(f"INSERT INTO x({LISTED}) VALUES ({', '.join('?' * 10)})", rows)
    db.execute(f"CREATE VIRTUAL TABLE t USING ml_classification({COLUMNS}, y INTEGER TARGET)")
    return db


def looked(self: Table, rowid: int | None, fields: Sequence[Any]) -> int:
    """Stand for UpdateInsertRow up to the point where a plain row is held."""
    if rowid is None and fields[self._declared :] == self._unset:
        self._is_plain(fields[: self._declared])
    return 1


def insert(db: apsw.Connection, table: str) -> None:
    db.execute(f"INSERT INTO {table}({LISTED}) SELECT {LISTED} FROM x")


def ones(db: apsw.Connection, table: str) -> None:
    for _ in range(SINGLE):
        db.execute(f"INSERT INTO {table}({LISTED}) VALUES (1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 1)")


def within(db: apsw.Connection) -> float:
    """Return the seconds of the insert in a transaction of the user."""
    with db:
        return seconds(insert, db, "t")


def replaced(db: apsw.Connection, owner: type, name: str, stand_in: Callable[..., Any]) -> float:
    """Return the seconds of the insert with something in the place of one of our functions."""
    original = getattr(owner, name)
    setattr(owner, name, stand_in)
    try:
        return seconds(insert, db, "t")
    finally:
        setattr(owner, name, original)


def seconds(work: Callable[[apsw.Connection, str], None], db: apsw.Connection, table: str) -> float:
    """Return the CPU seconds of filling an empty table."""
    db.execute(f"DELETE FROM {'t_rows' if table == 't' else table}")
    began = time.process_time()
    work(db, table)
    return time.process_time() - began


def show(works: dict[str, Callable[[], float]], count: int, turns: int) -> None:
    """Print the microseconds a row of each work, and its ratio to the first; the first turn is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(turns + 1):
        for name, work in works.items():
            found = work()
            if turn:
                taken[name].append(found / count * 1e6)
    floor = next(iter(taken.values()))
    for name, times in taken.items():
        ratios = [mine / theirs for mine, theirs in zip(times, floor, strict=True)]
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:30}{statistics.median(times):8.2f} µs {statistics.median(ratios):6.2f} x {spread}")


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]]
    main(*(arguments + [50_000, 9][len(arguments) :]))
