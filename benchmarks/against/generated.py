"""orbital: the model as a SELECT that it wrote, run on the connection on which ours is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from speed.timing import Figure, in_turns, ratio
from speed.world import Settings, database, joined, predictor

from .child import Child
from .environments import ORBITAL
from .sharing import described

ALGORITHMS = ("logistic_regression", "ridge", "decision_tree", "gradient_boosting")
"""A forest of 100 full-depth trees is not among them: its statement would be of 30 MB, and SQLite takes 1."""
FEATURES = 8


def generated(settings: Settings) -> Iterator[Figure]:
    """Compare a row of ours, by join and by source, with a row of the statement."""
    db = database(settings, max(settings.rows, settings.trained), FEATURES)
    rows = db.execute("SELECT max(id) FROM x").get
    with tempfile.TemporaryDirectory() as folder, Child(ORBITAL, "sql_writer.py") as child:
        for algorithm in ALGORITHMS:
            asked = predictor(db, "t", "x", algorithm, settings.trained)
            words = described(db, asked, algorithm, settings, Path(folder))
            _, written = child.ask("export", estimator=words, features=list(asked.names))
            said = "variable" if asked.target == "z" else "output_label"
            forms = {
                "orbital": f'SELECT sum("{said}") FROM ({written})',
                "join": joined(asked, rows),
                "source": f"SELECT sum({asked.target}) FROM t WHERE source = 'x'",
            }
            works = {form: partial(lambda sql: db.execute(sql).get, sql) for form, sql in forms.items()}
            costs = in_turns(works, settings.turns)
            for form in ("join", "source"):
                pair = (costs[form], costs["orbital"])
                yield ratio("orbital", f"a row: {algorithm}, {form}", f"{rows:,} rows", "x theirs", pair)
    db.close()
