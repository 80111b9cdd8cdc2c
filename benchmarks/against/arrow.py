"""DuckDB with a vectorised Python function that calls the same estimator, on the same SQLite file and on its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
from speed.timing import Cost, Figure, cost, ratio
from speed.world import Settings, database, joined, predictor

from .child import Child
from .environments import DUCKDB
from .sharing import described

ALGORITHMS = ("logistic_regression", "random_forest", "hist_gradient_boosting")
FEATURES = 8
PLACES = {"on a SQLite file": "lite.x", "on its own file": "own.x"}


def arrow(settings: Settings) -> Iterator[Figure]:
    """Compare ours on a SQLite file with DuckDB on that file, and with DuckDB on its own."""
    with tempfile.TemporaryDirectory() as folder, Child(DUCKDB, "arrow_function.py") as child:
        path = Path(folder) / "x.db"
        db = database(settings, max(settings.rows, settings.trained), FEATURES, str(path))
        child.ask("begin", sqlite=str(path), own=str(Path(folder) / "x.duckdb"))
        for algorithm in ALGORITHMS:
            asked = predictor(db, "t", "x", algorithm, settings.trained)
            words = described(db, asked, algorithm, settings, Path(folder))
            child.ask("learn", name=algorithm, estimator=words, features=FEATURES)
            forms = {
                "source": f"SELECT sum({asked.target}) FROM t WHERE source = 'x'",
                "join": joined(asked, settings.rows),
            }
            calls = {
                place: f"SELECT sum({algorithm}({', '.join(asked.names)})) FROM {table}"
                for place, table in PLACES.items()
            }
            turns = [_turn(db, child, forms, calls) for _ in range(settings.turns + 1)][1:]
            for place in PLACES:
                for form in forms:
                    pair = [turn[form] for turn in turns], [turn[place] for turn in turns]
                    variant = f"{settings.rows:,} rows"
                    yield ratio("duckdb", f"{place}: {algorithm}, {form}", variant, "x theirs", pair)
        db.close()


def _turn(db: apsw.Connection, child: Child, forms: dict[str, str], calls: dict[str, str]) -> dict[str, Cost]:
    """Return what every query costs once; all must say the same."""
    found, answers = {}, []
    for form, sql in forms.items():
        found[form] = cost(lambda sql=sql: answers.append(float(db.execute(sql).get)))  # type: ignore[misc]
    for place, sql in calls.items():
        found[place], said = child.ask("answer", sql=sql)
        answers.append(said)
    if max(answers) - min(answers) > 1:
        raise RuntimeError(f"ours and DuckDB's do not say the same: {answers}")
    return found
