"""sqlite-ml, the predecessor: one prediction a row, on iris."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
from speed.timing import Cost, Figure, cost
from speed.world import HYPERPARAMS, Settings, opened

from .child import Child
from .environments import SQLITE_ML

ALGORITHMS = ("logistic_regression", "random_forest", "knn")
FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
OFTEN = {"150 rows": 1, "15,000 rows": 100}
"""So many times over each query of ours scores the table; theirs always once."""


def predecessor(settings: Settings) -> Iterator[Figure]:
    """Measure how many times faster ours is, a row."""
    db = _database()
    with Child(SQLITE_ML, "predecessor.py") as child:
        child.ask("begin")
        for algorithm in ALGORITHMS:
            child.ask("train", algorithm=algorithm)
            _train(db, algorithm)
            turns = [_turn(child, db, algorithm) for _ in range(settings.turns + 1)][1:]
            for variant in OFTEN:
                pairs = [(theirs, ours[variant]) for theirs, ours in turns]
                cpu = tuple(theirs.cpu / ours.cpu for theirs, ours in pairs)
                wall = tuple(theirs.wall / ours.wall for theirs, ours in pairs)
                yield Figure("sqlite-ml", algorithm, variant, "x faster a row", cpu, wall)
    db.close()


def _database() -> apsw.Connection:
    db = opened(":memory:")
    db.execute("CREATE VIRTUAL TABLE flowers USING ml_dataset('iris'); CREATE TABLE iris AS SELECT * FROM flowers")
    db.execute(
        "CREATE TABLE often AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
        "SELECT iris.* FROM n, iris"
    )
    return db


def _train(db: apsw.Connection, algorithm: str) -> None:
    columns = ", ".join(f"{name} REAL" for name in FEATURES)
    params = '{"min_samples_leaf": 1}' if algorithm in HYPERPARAMS else "{}"
    db.execute("DROP TABLE IF EXISTS t")
    db.execute(
        f"CREATE VIRTUAL TABLE t USING ml_classification({columns}, class TEXT TARGET, algorithm={algorithm}, "
        f"hyperparams='{params}')"
    )
    db.execute(f"INSERT INTO t SELECT {', '.join(FEATURES)}, class FROM iris")
    db.execute("INSERT INTO t(t) VALUES ('train')")


def _turn(child: Child, db: apsw.Connection, algorithm: str) -> tuple[Cost, dict[str, Cost]]:
    """Return what theirs costs once, and ours for each table, over as many rows as theirs."""
    theirs, _ = child.ask("predict", algorithm=algorithm)
    listed = ", ".join(f"x.{name}" for name in FEATURES)
    found = {}
    for variant, times in OFTEN.items():
        source = "iris" if times == 1 else "often"
        sql = f"SELECT t.class FROM {source} AS x JOIN t({listed})"
        again = 100 // times
        spent = cost(lambda sql=sql, again=again: [db.execute(sql).fetchall() for _ in range(again)])  # type: ignore[misc]
        found[variant] = Cost(spent.cpu / 100, spent.wall / 100)
    return theirs, found
