"""Two threads with a connection each, beside one thread with the same work."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import apsw

from .timing import Figure, Work, in_turns
from .world import Settings, database, joined, opened, predictor

ALGORITHMS = ("logistic_regression", "random_forest", "hist_gradient_boosting")


def threads(settings: Settings) -> Iterator[Figure]:
    """Report how many times the rows of one thread two threads score in the same time; 2 is all there is."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        path = str(Path(folder) / "threads.db")
        first = database(settings, settings.rows, 8, path)
        second = opened(path)
        for algorithm in ALGORITHMS:
            asked = predictor(first, "t", "x", algorithm, settings.trained)
            source = f"SELECT sum({asked.target}) FROM t WHERE source = 'SELECT * FROM x WHERE id <= {settings.rows}'"
            for form, sql in {"join": joined(asked, settings.rows), "source": source}.items():
                yield _scaled(pool, settings, (first, second), f"{form}: {algorithm}", sql)
        first.close()
        second.close()


def _scaled(
    pool: ThreadPoolExecutor, settings: Settings, pair: tuple[apsw.Connection, apsw.Connection], row: str, sql: str
) -> Figure:
    works: dict[str, Work] = {
        "alone": partial(_answer, sql, pair[0]),
        "both": lambda: list(pool.map(partial(_answer, sql), pair)),
    }
    costs = in_turns(works, settings.turns)
    scaled = [2 * one.wall / two.wall for one, two in zip(costs["alone"], costs["both"], strict=True)]
    return Figure("threads", row, "2 threads", "x one thread", (), tuple(scaled))


def _answer(sql: str, db: apsw.Connection) -> object:
    return db.execute(sql).get
