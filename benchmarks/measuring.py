"""One contender on one table and one split, measured as a version is: by learning.metrics on the test part."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pandas as pd
from choices import taken_otherwise
from paired import TEST_SIZE
from rivals import RIVALS, rival_frame
from tables import TABLES, load
from threadpoolctl import threadpool_limits

from sqlite_ml_vtab.declaration import parse
from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, DEFAULT_ALGORITHM, for_task
from sqlite_ml_vtab.learning.columns import Wish
from sqlite_ml_vtab.learning.features import fit_encoder
from sqlite_ml_vtab.learning.metrics import Measured, evaluate
from sqlite_ml_vtab.learning.rows import TrainingRows, collect
from sqlite_ml_vtab.learning.splits import split_rows
from sqlite_ml_vtab.learning.targets import read_target
from sqlite_ml_vtab.learning.training import Plan, fit
from sqlite_ml_vtab.portable import to_bytes

__all__ = ["ALGORITHMS", "DEFAULT_ALGORITHM", "Contender", "for_task", "is_changed", "measure", "training_rows"]

SPLIT = {"classification": "stratified", "regression": "shuffle"}


@dataclass(frozen=True, slots=True)
class Contender:
    """One of our algorithms, or a rival, at some settings."""

    name: str
    """A key of ALGORITHMS or of RIVALS."""
    hyperparams: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    """What stands in sqlite_ml_vtab.learning instead of its own values."""


def measure(contender: Contender, table: str, seed: int, test_size: float | int = TEST_SIZE) -> dict[str, float]:
    """Return the metrics, the `seconds` to fit and evaluate and, for ours, the model's `bytes`."""
    began = perf_counter()
    answer = _rival if contender.name in RIVALS else _ours
    with warnings.catch_warnings(), threadpool_limits(1), taken_otherwise(contender.constants):
        warnings.simplefilter("ignore")
        found = answer(contender, table, seed, test_size)
    return found | {"seconds": perf_counter() - began}


@cache
def training_rows(table: str) -> TrainingRows:
    """Return a table as it would stand in a predictor whose features are declared without a type."""
    frame = load(table)
    *names, target = ('"' + name.replace('"', '""') + '"' for name in frame)
    declaration = parse(TABLES[table].task, "measured", [*names, f"{target} TARGET"])
    return collect(declaration, [list(frame.itertuples(name=None))])


def is_changed(contender: Contender, table: str) -> bool:
    """Return whether the contender's constants make another matrix of the table than ours do."""
    return not np.array_equal(_matrix(contender, table), _matrix(Contender(contender.name), table), equal_nan=True)


def _matrix(contender: Contender, table: str) -> np.ndarray:
    task, rows, chosen = TABLES[table].task, training_rows(table), ALGORITHMS[contender.name]
    parts = split_rows(SPLIT[task], rows, read_target(task, rows).codes, TEST_SIZE, 0)
    target = read_target(task, rows).of_part(parts.train)
    wish = Wish(task, len(target.labels), chosen.scale, chosen.takes_nan, chosen.codes, 0, chosen.one_column)
    with threadpool_limits(1), taken_otherwise(contender.constants):
        return fit_encoder(rows.declared, rows.take(parts.train), target.answers[parts.train], wish).matrix


def _ours(contender: Contender, table: str, seed: int, test_size: float | int) -> dict[str, float]:
    task = TABLES[table].task
    plan = Plan(
        task=task,
        name=contender.name,
        algorithm=ALGORITHMS[contender.name],
        hyperparams=contender.hyperparams,
        test_size=test_size,
        split=SPLIT[task],
        seed=seed,
        class_weight=None,
        threads=1,
        algorithms=ALGORITHMS,
    )
    try:
        fitted = fit(training_rows(table), plan)
    except TrainingError:
        # Isotonic regression with several features, a gamma model of negative numbers: not for this table.
        return {}
    return {**fitted.metrics, "bytes": float(len(to_bytes(fitted.model)))}


def _rival(contender: Contender, table: str, seed: int, test_size: float | int) -> dict[str, float]:
    task, rows = TABLES[table].task, training_rows(table)
    whole = read_target(task, rows)
    parts = split_rows(SPLIT[task], rows, whole.codes, test_size, seed)
    target = whole.of_part(parts.train)
    frame = rival_frame(rows)
    pipeline = RIVALS[contender.name](task, seed)
    pipeline.fit(frame.iloc[parts.train], target.answers[parts.train])
    tested: pd.DataFrame = frame.iloc[parts.test]
    chances = pipeline.predict_proba(tested) if task == "classification" else None
    return evaluate(task, Measured(target.answers[parts.test], pipeline.predict(tested), chances))
