"""Do intervals and sets hold what was asked? On rows that neither the fit nor the calibration saw.

    python benchmarks/coverage_of_intervals.py [algorithm ...]

Without a name: random_forest, and ridge for numbers, logistic_regression for labels.
Each table is divided three ways by each seed: a third is held out here and unknown to everything else; of the rest a
half is fitted and a half tested. The columns: the share of held-out truths inside, less what was asked, as mean and
mean distance over the tables; of the mean widths, that of intervals of one width (no difficulty) is 1.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from measuring import ALGORITHMS, SPLIT, training_rows
from tables import TABLES
from threadpoolctl import threadpool_limits

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning import conformal, training
from sqlite_ml_vtab.learning.estimator import Estimator, fit_estimator
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.training import Plan, fit
from sqlite_ml_vtab.portable import Scorer
from sqlite_ml_vtab.portable.values import iso

ASKED = (0.8, 0.9, 0.95)
SEEDS = 3
MIN_TESTED = 40
"""Tables with fewer tested rows are left out: 0.95 needs 19, and their coverage would be chance."""
DEFAULTS = {"regression": ("random_forest", "ridge"), "classification": ("random_forest", "logistic_regression")}


def measure(table: str, algorithm: str, asked: float, seed: int, least: int) -> dict[str, float]:
    """Return the coverage and the size on held-out rows, what the version said of them, and the accuracy.

    `least` rows must be tested for a difficulty to be learned. {} where the algorithm is not for this table.
    """
    rows, task = training_rows(table), TABLES[table].task
    order = np.random.RandomState(1000 + seed).permutation(len(rows.ids))
    third = len(order) // 3
    held, known = np.sort(order[:third]), np.sort(order[third:])
    plan = Plan(
        task=task,
        name=algorithm,
        algorithm=ALGORITHMS[algorithm],
        hyperparams={},
        test_size=0.5,
        split=SPLIT[task],
        seed=seed,
        class_weight=None,
        threads=1,
        confidence=asked,
        algorithms=ALGORITHMS,
    )
    # The estimator is the same whatever is asked of its intervals: it is fitted once.
    kept = partial(_fitted_once, (table, algorithm, seed))
    with patch.multiple(training, fit_estimator=kept), patch.object(conformal, "MIN_ROWS", least), threadpool_limits(1):
        fitted = fit(_part(rows, known), plan)
    scorer = Scorer(fitted.model, *fitted.refitted)
    names = "interval_coverage", "interval_width"
    found = _numbers if task == "regression" else _labels
    if task == "classification":
        names = "set_coverage", "set_size"
    said = {"said": fitted.metrics[names[0]], "said size": fitted.metrics[names[1]]}
    return found(scorer, _part(rows, held)) | said


def _fitted_once(key: tuple[Any, ...], *asked: Any) -> Estimator:
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = fit_estimator(*asked)
    return _LAST[key]


_LAST: dict[tuple[Any, ...], Estimator] = {}


def _part(rows: TrainingRows, places: np.ndarray[Any, Any]) -> TrainingRows:
    targets = {name: [values[place] for place in places.tolist()] for name, values in rows.targets.items()}
    return replace(rows, ids=rows.ids[places], features=tuple(rows.take(places)), targets=targets)


def _numbers(scorer: Scorer, held: TrainingRows) -> dict[str, float]:
    bounds = scorer.many_bounds(*_answered(scorer, held))
    lower, upper = np.array(bounds, dtype=np.float64).T
    truth = np.array(held.target, dtype=np.float64)
    return {"coverage": float(((lower <= truth) & (truth <= upper)).mean()), "size": float((upper - lower).mean())}


def _labels(scorer: Scorer, held: TrainingRows) -> dict[str, float]:
    rows, scores = _answered(scorer, held)
    found = [scorer.probable(its) for its in scores]
    right = [truth == said for truth, said in zip(held.target, scorer.many(rows)[0], strict=True)]
    inside = [truth in labels for truth, labels in zip(held.target, found, strict=True)]
    return {
        "coverage": float(np.mean(inside)),
        "size": float(np.mean(list(map(len, found)))),
        "right": float(np.mean(right)),
    }


def _answered(scorer: Scorer, held: TrainingRows) -> tuple[list[Any], list[list[float]]]:
    """Return the rows as a prediction is given them, and their decision values."""
    columns = [[_raw(kind, value) for value in column] for kind, column in zip(held.kinds, held.features, strict=True)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return rows, scorer.many(rows)[1]


def _raw(kind: str, value: Any) -> Any:
    if value is None or value != value:
        return None
    return iso(float(value)) if kind == "DATE" else value if isinstance(value, str) else float(value)


def measured(task: str, algorithms: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield a row for each table, algorithm, confidence and seed."""
    for table, entry in TABLES.items():
        if entry.task != task or not entry.is_here or len(training_rows(table).ids) // 3 < MIN_TESTED:
            continue
        for algorithm in algorithms:
            for seed in range(SEEDS):
                for asked in ASKED:
                    found = _both(task, table, algorithm, asked, seed)
                    if found:
                        yield {"table": table, "algorithm": algorithm, "asked": asked, "seed": seed} | found


def _both(task: str, table: str, algorithm: str, asked: float, seed: int) -> dict[str, float]:
    """Return what was measured, for regression beside intervals of one width."""
    try:
        found = measure(table, algorithm, asked, seed, conformal.MIN_ROWS)
        if task == "regression":
            plain = measure(table, algorithm, asked, seed, 10**9)
            found |= {"plain": plain["coverage"], "width": found["size"] / plain["size"]}
    except TrainingError as error:
        print(f"{table}, {algorithm}: {error}", file=sys.stderr)
        return {}
    return found


def report(task: str, algorithms: tuple[str, ...]) -> None:
    """Measure, and print a table by algorithm and confidence, and one by table."""
    found = pd.DataFrame(measured(task, algorithms))
    found["off"] = found["coverage"] - found["asked"]
    by_table = found.groupby(["algorithm", "asked", "table"]).mean(numeric_only=True)
    groups = by_table.groupby(["algorithm", "asked"])
    own = ("plain", "width") if task == "regression" else ("size", "right")
    wide = groups[["coverage", "off", "said", *own]].mean()
    wide["mean distance"] = groups["off"].apply(lambda off: off.abs().mean())
    wide["greatest distance"] = groups["off"].apply(lambda off: off.abs().max())
    wide["tables"] = groups.size()
    if task == "classification":
        # Where predictions are right more often than was asked, even sets of one label hold more.
        hard = by_table[by_table["right"] < by_table.index.get_level_values("asked")]
        wide["off, hard tables"] = hard.groupby(["algorithm", "asked"])["off"].mean()
        wide["hard tables"] = hard.groupby(["algorithm", "asked"]).size()
    print(f"\n{task}: {found['table'].nunique()} tables, {SEEDS} seeds")
    print(wide.round(3).to_string())
    print(by_table.round(3).to_string(), flush=True)


def main() -> None:
    """Report on both tasks."""
    warnings.simplefilter("ignore")
    for task, defaults in DEFAULTS.items():
        named = tuple(name for name in sys.argv[1:] if task in ALGORITHMS[name].estimators)
        report(task, named or (() if sys.argv[1:] else defaults))


if __name__ == "__main__":
    main()
