"""One call a row, beside the floor; and the other forms of that, beside the join of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import apsw

from .timing import Figure, in_turns, ratio
from .world import Predictor, Settings, check_same_answers, database, floor, joined, predictor

ALGORITHMS = (
    *("logistic_regression", "ridge", "random_forest", "extra_trees", "gradient_boosting", "hist_gradient_boosting"),
    *("gaussian_nb", "mlp", "lda", "svc", "knn"),
)
SLOW = {"svc": 4, "knn": 4}
"""Estimators that take so long that they score a part of the rows, one in so many."""


def scoring(settings: Settings) -> Iterator[Figure]:
    """Compare the join with the floor, and its other forms with it, by the number of features."""
    for features in settings.features:
        db = database(settings, max(settings.rows, settings.trained), features)
        for algorithm in ALGORITHMS:
            yield from _one(db, settings, algorithm, f"{features} features")
        db.close()


def _one(db: apsw.Connection, settings: Settings, algorithm: str, variant: str) -> Iterator[Figure]:
    plain = predictor(db, "t", "x", algorithm, settings.trained)
    mixed = predictor(db, "u", "m", algorithm, settings.trained)
    rows = settings.rows // SLOW.get(algorithm, 1)
    check_same_answers(db, plain, rows)
    forms = {name: partial(_answer, db, sql) for name, sql in statements(plain, mixed, rows).items()}
    costs = in_turns({"floor": partial(floor, db, plain, rows), **forms}, settings.turns)
    yield ratio("scoring", f"join: {algorithm}", variant, "x floor", (costs["join"], costs["floor"]))
    for form in ("json_array", "texts and NULLs", "ml_predict"):
        yield ratio("scoring", f"{form}: {algorithm}", variant, "x join", (costs[form], costs["join"]))


def _answer(db: apsw.Connection, sql: str) -> object:
    return db.execute(sql).get


def statements(plain: Predictor, mixed: Predictor, rows: int) -> dict[str, str]:
    """Return each form's SQL."""
    listed, target = plain.arguments("x"), plain.target
    return {
        "join": joined(plain, rows),
        "json_array": f"SELECT sum(t.{target}) FROM x JOIN t(json_array({listed})) WHERE x.id <= {rows}",
        "texts and NULLs": joined(mixed, rows),
        "ml_predict": f"SELECT sum(ml_predict('t', {listed})) FROM x WHERE x.id <= {rows}",
    }
