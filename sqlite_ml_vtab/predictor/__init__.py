"""The verbs of a predictor: the only place that sees the store, learning and the portable model together."""

from sqlite_ml_vtab.learning.search.workers import BACKENDS, Workers
from sqlite_ml_vtab.predictor.base import Host, Predictor, Progress
from sqlite_ml_vtab.predictor.comparing import compare
from sqlite_ml_vtab.predictor.cross_validation import cross_validate
from sqlite_ml_vtab.predictor.digests import rows_digest
from sqlite_ml_vtab.predictor.forecasting import Forecast, Forecasts
from sqlite_ml_vtab.predictor.integrity import missing, problems
from sqlite_ml_vtab.predictor.kept import SCORERS
from sqlite_ml_vtab.predictor.rows import clear, create, storable
from sqlite_ml_vtab.predictor.scoring import rebuild, scorer, source_chunks
from sqlite_ml_vtab.predictor.searching import forget_run, seconds_allowed
from sqlite_ml_vtab.predictor.training import (
    Attempt,
    attempt,
    default_algorithm,
    is_unchanged,
    land,
    plan,
    train,
    training_rows,
)
from sqlite_ml_vtab.predictor.tuning import tune
from sqlite_ml_vtab.predictor.versions import (
    ROLLBACK,
    deploy,
    deploy_by,
    deployment_stack,
    forget,
    forget_all_but,
    known,
    rollback,
)

__all__ = [
    "BACKENDS",
    "ROLLBACK",
    "SCORERS",
    "Attempt",
    "Forecast",
    "Forecasts",
    "Host",
    "Predictor",
    "Progress",
    "Workers",
    "attempt",
    "clear",
    "compare",
    "create",
    "cross_validate",
    "default_algorithm",
    "deploy",
    "deploy_by",
    "deployment_stack",
    "forget",
    "forget_all_but",
    "forget_run",
    "is_unchanged",
    "known",
    "land",
    "missing",
    "plan",
    "problems",
    "rebuild",
    "rollback",
    "rows_digest",
    "scorer",
    "seconds_allowed",
    "source_chunks",
    "storable",
    "train",
    "training_rows",
    "tune",
]
