"""What fits a plan: with a target, or without."""

from __future__ import annotations

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.learning import patterns, training
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Fitted, Plan


def fit(rows: TrainingRows, plan: Plan) -> Fitted:
    """Fit, evaluate and make portable what `plan` asks for, on `rows`.

    Raises TrainingError with what to do about it.
    """
    has_target = TASKS[plan.task].has_target
    return training.fit(rows, plan) if has_target else patterns.fit(rows, plan)
