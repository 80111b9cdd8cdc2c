"""Many rows in one statement, scored in chunks, beside the floor."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from .timing import Figure, in_turns, ratio
from .world import Settings, check_same_answers, database, floor, predictor

ALGORITHMS = ("logistic_regression", "random_forest", "hist_gradient_boosting")


def chunks(settings: Settings) -> Iterator[Figure]:
    """Compare `source` and `features IN` with the floor, over a large table."""
    rows, features = settings.large, 8
    db = database(settings, rows, features)
    for algorithm in ALGORITHMS:
        asked = predictor(db, "t", "x", algorithm, settings.trained)
        check_same_answers(db, asked, min(rows, 1000))
        many = f"SELECT json_array({asked.arguments()}) FROM x"
        forms = {
            "source": f"SELECT sum({asked.target}) FROM t WHERE source = 'x'",
            "features IN": f"SELECT sum({asked.target}) FROM t WHERE features IN ({many})",
        }
        works = {name: partial(lambda sql: db.execute(sql).get, sql) for name, sql in forms.items()}
        costs = in_turns({"floor": partial(floor, db, asked, rows), **works}, settings.turns)
        for form in forms:
            yield ratio("chunks", f"{form}: {algorithm}", f"{rows:,} rows", "x floor", (costs[form], costs["floor"]))
    db.close()
