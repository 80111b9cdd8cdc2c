"""What is wrong with a stored predictor."""

from __future__ import annotations

from sqlite_ml_vtab.errors import (
    ModelError,
)
from sqlite_ml_vtab.portable.codec import decode
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.predictor.versions import is_whole, mend, undeployed
from sqlite_ml_vtab.store import shadows, versions


def missing(predictor: Predictor) -> ModelError | None:
    """Return the error that names the shadow tables that are gone, None where all are there."""
    gone = shadows.missing(predictor.tables)
    return ModelError(f"missing shadow tables {', '.join(gone)}. Restore them from a backup.") if gone else None


def problems(predictor: Predictor, *, quick: bool) -> str | None:
    """Return what is wrong with the stored predictor as text, None where all is well. Models are not evaluated."""
    gone = missing(predictor)
    if gone:
        return f"{predictor.tables.name}: {gone}"
    bad = [] if quick else [number for number in versions.numbers(predictor.tables) if not is_whole(predictor, number)]
    if bad:
        return f"{predictor.tables.name}: the model of version {bad[0]} is damaged. {mend(predictor, bad[0])}"
    bad = (
        [] if quick else [number for number in versions.numbers(predictor.tables) if not _can_go_on(predictor, number)]
    )
    if bad:
        problem = f"the state of version {bad[0]} is damaged or of another model."
        return f"{predictor.tables.name}: {problem} {mend(predictor, bad[0])}"
    current = versions.deployed(predictor.tables)
    if current is not None and current not in versions.numbers(predictor.tables):
        return f"{predictor.tables.name}: {undeployed(predictor, current)}"
    return None


def _can_go_on(predictor: Predictor, number: int) -> bool:
    """Return whether the state of a version, if it has one, is that of its model and can be read."""
    found = versions.state(predictor.tables, number)
    if found is None:
        return True
    name, state = found
    if name != versions.digest_of(predictor.tables, number) or not isinstance(state, bytes):
        return False
    try:
        return decode(state, predictor.host.max_model_bytes).keys() == {"algorithm", "state"}
    except ModelError:
        return False
