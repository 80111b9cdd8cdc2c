"""The verbs of a predictor: the only place that sees the store, learning and the portable model together.

A verb is imported when it is first named: a prediction does not wait for what fits, tunes and compares.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlite_ml_vtab.learning.search.workers import BACKENDS, Workers
from sqlite_ml_vtab.predictor.base import Host, Predictor, Progress

if TYPE_CHECKING:
    from sqlite_ml_vtab.predictor.comparing import compare
    from sqlite_ml_vtab.predictor.cross_validation import cross_validate
    from sqlite_ml_vtab.predictor.digests import rows_digest
    from sqlite_ml_vtab.predictor.forecasting import Forecast, Forecasts
    from sqlite_ml_vtab.predictor.formats import check_format
    from sqlite_ml_vtab.predictor.integrity import missing, problems, repair
    from sqlite_ml_vtab.predictor.kept import SCORERS
    from sqlite_ml_vtab.predictor.rebuilding import rebuild
    from sqlite_ml_vtab.predictor.rows import clear, create, storable
    from sqlite_ml_vtab.predictor.scoring import scorer, source_chunks
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

VERBS = {
    "comparing": ("compare",),
    "cross_validation": ("cross_validate",),
    "digests": ("rows_digest",),
    "forecasting": ("Forecast", "Forecasts"),
    "formats": ("check_format",),
    "integrity": ("missing", "problems", "repair"),
    "kept": ("SCORERS",),
    "rows": ("clear", "create", "storable"),
    "rebuilding": ("rebuild",),
    "scoring": ("scorer", "source_chunks"),
    "searching": ("forget_run", "seconds_allowed"),
    "training": (
        *("Attempt", "attempt", "default_algorithm", "is_unchanged", "land"),
        *("plan", "train", "training_rows"),
    ),
    "tuning": ("tune",),
    "versions": (
        *("ROLLBACK", "deploy", "deploy_by", "deployment_stack", "forget"),
        *("forget_all_but", "known", "rollback"),
    ),
}
"""What each module brings; type checkers read the same above."""

_MODULES = {verb: module for module, verbs in VERBS.items() for verb in verbs}


def __getattr__(name: str) -> Any:
    """Import a verb when it is first named (https://peps.python.org/pep-0562/)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found


__all__ = [
    "BACKENDS",
    "ROLLBACK",
    "SCORERS",
    "VERBS",
    "Attempt",
    "Forecast",
    "Forecasts",
    "Host",
    "Predictor",
    "Progress",
    "Workers",
    "attempt",
    "check_format",
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
    "repair",
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
