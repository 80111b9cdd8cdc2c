"""INSERT INTO t SELECT, beside the same into an ordinary table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import apsw

from .timing import Figure, each, in_turns, ratio
from .world import Settings, database, numbered

FEATURES = 9
"""With the target, ten columns."""


def intake(settings: Settings) -> Iterator[Figure]:
    """Compare the two, for ten numbers, and for numbers, two texts and NULLs."""
    rows = settings.rows * 5
    db = database(settings, rows, FEATURES)
    listed = f"{', '.join(numbered(FEATURES))}, y"
    for source, variant in (("x", "10 numbers"), ("m", "8 numbers, 2 texts, NULLs")):
        kinds = ["REAL"] * FEATURES if source == "x" else ["REAL"] * (FEATURES - 2) + ["TEXT"] * 2
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(numbered(FEATURES), kinds, strict=True))
        db.execute("DROP TABLE IF EXISTS plain; DROP TABLE IF EXISTS t")
        db.execute(f"CREATE TABLE plain(id INTEGER PRIMARY KEY, {columns}, y INTEGER)")
        db.execute(f"CREATE VIRTUAL TABLE t USING ml_classification({columns}, y INTEGER TARGET)")
        works = {
            "ours": (_emptied(db, "t_rows"), _filled(db, "t", listed, source)),
            "native": (_emptied(db, "plain"), _filled(db, "plain", listed, source)),
        }
        costs = in_turns(works, settings.turns)
        yield ratio("intake", "INSERT INTO t SELECT", variant, "x native", (costs["ours"], costs["native"]))
        yield each("intake", "INSERT INTO t SELECT, a row", variant, "µs", (costs["ours"], 1e6 / rows))
    db.close()


def _emptied(db: apsw.Connection, table: str) -> Callable[[], object]:
    return lambda: db.execute(f"DELETE FROM {table}")


def _filled(db: apsw.Connection, table: str, listed: str, source: str) -> Callable[[], object]:
    return lambda: db.execute(f"INSERT INTO {table}({listed}) SELECT {listed} FROM {source}")
