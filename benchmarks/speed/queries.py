"""One warm prediction, and the queries that people write around predictors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import apsw

from .timing import Figure, beyond, in_turns, ratio
from .world import Predictor, Settings, database, joined, predictor

ONES = {"linear": "logistic_regression", "forest of 100": "random_forest"}
TIMES = 2000


def one(settings: Settings) -> Iterator[Figure]:
    """Measure one prediction beyond SELECT 1, the statement prepared once."""
    db = database(settings, settings.trained, 8)
    for name, algorithm in ONES.items():
        asked = predictor(db, "t", "x", algorithm, settings.trained)
        sql = f"SELECT {asked.target} FROM t({', '.join('?' * 8)})"
        rows = [row[1:9] for row in db.execute(f"SELECT * FROM x LIMIT {TIMES}")]
        works = {"ours": partial(_all, db, sql, rows), "floor": partial(_all, db, "SELECT 1", [()] * len(rows))}
        costs = in_turns(works, settings.turns)
        figures = (costs["ours"], costs["floor"], 1e6 / len(rows))
        yield beyond("one", name, "8 features", "µs", figures)
    db.close()


def _all(db: apsw.Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    # apsw keeps the prepared statement, and finds it by its text.
    for row in rows:
        _ = db.execute(sql, row).get


def queries(settings: Settings) -> Iterator[Figure]:
    """Compare what is written around a join with the join, and further columns with the label alone."""
    db = database(settings, max(settings.rows, settings.trained), 8)
    for algorithm in ("logistic_regression", "random_forest"):
        asked = predictor(db, "t", "x", algorithm, settings.trained)
        yield from _compared(db, settings, algorithm, _around(db, asked, settings.rows))
    number = predictor(db, "t", "x", "ridge", settings.trained)
    yield from _compared(db, settings, "ridge", _interval(number, settings.rows))
    yield from _three(db, settings)
    db.close()


def _around(db: apsw.Connection, asked: Predictor, rows: int) -> dict[str, str]:
    db.execute("DROP VIEW IF EXISTS v")
    listed = asked.arguments("x")
    db.execute(f"CREATE VIEW v AS SELECT x.id, x.f0, t.y AS told FROM x JOIN t({listed})")
    likely = f"SELECT x.id FROM x JOIN t({listed}) WHERE x.id <= {rows} ORDER BY t.probability DESC LIMIT 10"
    return {
        "join": joined(asked, rows),
        "through a view": f"SELECT sum(told) FROM v WHERE id <= {rows}",
        "WHERE on the prediction": f"{joined(asked, rows, 'count(*)')} AND t.y = 1",
        "ORDER BY probability LIMIT 10": likely,
        "with probability": joined(asked, rows, "sum(t.y), sum(t.probability)"),
        "with probabilities": joined(asked, rows, "sum(t.y), count(t.probabilities)"),
        "with warning": joined(asked, rows, "sum(t.y), count(t.warning)"),
    }


def _interval(asked: Predictor, rows: int) -> dict[str, str]:
    return {"join": joined(asked, rows), "with lower, upper": joined(asked, rows, "sum(t.z), sum(t.upper - t.lower)")}


def _compared(db: apsw.Connection, settings: Settings, algorithm: str, forms: dict[str, str]) -> Iterator[Figure]:
    costs = in_turns({name: partial(_rows, db, sql) for name, sql in forms.items()}, settings.turns)
    for form in [name for name in forms if name != "join"]:
        yield ratio("queries", f"{form}: {algorithm}", "8 features", "x join", (costs[form], costs["join"]))


def _rows(db: apsw.Connection, sql: str) -> list[Any]:
    return db.execute(sql).fetchall()


def _three(db: apsw.Connection, settings: Settings) -> Iterator[Figure]:
    """Compare one query over three predictors with three queries."""
    tables = {"p": "logistic_regression", "q": "hist_gradient_boosting", "r": "gaussian_nb"}
    asked = [predictor(db, table, "x", algorithm, settings.trained) for table, algorithm in tables.items()]
    calls = " ".join(f"JOIN {each.table}({each.arguments('x')}) AS {each.table}" for each in asked)
    together = f"SELECT sum(p.y + q.y + r.y) FROM x {calls} WHERE x.id <= {settings.rows}"
    apart = [joined(each, settings.rows) for each in asked]
    works = {"one": lambda: _rows(db, together), "three": lambda: [_rows(db, sql) for sql in apart]}
    costs = in_turns(works, settings.turns)
    yield ratio(
        "queries", "three predictors in one query", "8 features", "x three joins", (costs["one"], costs["three"])
    )
