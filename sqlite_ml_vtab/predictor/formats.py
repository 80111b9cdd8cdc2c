"""Whether the shadow tables are of the format that this release reads: asked before anything is read or written."""

from __future__ import annotations

from sqlite_ml_vtab.errors import ModelError, shown
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.store import shadows


def check_format(predictor: Predictor) -> None:
    """Raise ModelError where the shadow tables are of a format that this release may misread; they are asked once."""
    if not predictor.is_of_this_format:
        # The schema is read through only where something is wrong: it holds the tables of all predictors.
        if not (shadows.is_there(predictor.tables, "config") and _is_this_format(predictor)):
            problem = None if shadows.missing(predictor.tables) else format_problem(predictor)
            if problem:
                raise ModelError(problem)
        predictor.is_of_this_format = True


def format_problem(predictor: Predictor) -> str | None:
    """Return what is wrong with the format of the shadow tables, and what mends it; None where nothing is."""
    if _is_this_format(predictor):
        return None
    found = shadows.format_of(predictor.tables)
    if not shadows.has_columns(predictor.tables, predictor.declaration.columns):
        return other_format(predictor)
    return (
        f"the shadow tables say that they have format {shown(found)}, and are as those of format {shadows.FORMAT}. "
        f"Run: {predictor.command('repair')}."
    )


def _is_this_format(predictor: Predictor) -> bool:
    found = shadows.format_of(predictor.tables)
    return found == shadows.FORMAT and type(found) is int


def other_format(predictor: Predictor) -> str:
    """Return the sentence for tables that another release made."""
    found, release = (shadows.config(predictor.tables, key) for key in ("format", "created_with"))
    return (
        f"the shadow tables have format {shown(found)}, and this release reads format {shadows.FORMAT}. "
        f"Use the release that made them: {shown(release)}."
    )
