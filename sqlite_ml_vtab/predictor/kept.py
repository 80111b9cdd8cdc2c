"""What answers for the versions used last: decoded models, and refitted estimators, of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import (
    REFIT,
    ScorerCache,
    StoredScorer,
    digest,
    scorer_of,
    to_bytes,
)
from sqlite_ml_vtab.predictor.base import Predictor, as_json
from sqlite_ml_vtab.store import versions

if TYPE_CHECKING:
    from sqlite_ml_vtab.learning.runs import Fitted

SCORERS = ScorerCache(512 * 2**20)
"""The decoded models of this process, by digest; a refitted one by `refit_key`."""


def stored_bytes(predictor: Predictor, fitted: Fitted) -> bytes:
    """Return the bytes of a model that was just fitted.

    Raises ModelError where they are more than the host program lets anybody read again.
    """
    blob = to_bytes(fitted.model)
    if len(blob) > predictor.host.max_model_bytes:
        raise ModelError(
            f"the model has {len(blob)} bytes, more than the {predictor.host.max_model_bytes} that this program reads. "
            "Choose hyperparameters of a smaller one, or load(connection, max_model_bytes=...) with more."
        )
    return blob


def remember(predictor: Predictor, number: int, fitted: Fitted, blob: bytes) -> StoredScorer:
    """Keep what answers for a version that was just fitted, and return it."""
    name = digest(blob)
    found = scorer_of(fitted.model, fitted.refitted)
    is_refit = fitted.model.family == REFIT
    SCORERS.put(refit_key(predictor, number, name) if is_refit else name, found, len(blob))
    return found


def refit_key(predictor: Predictor, number: int, name: str) -> str:
    """Return what tells a refitted estimator from all others: its model says little of it, and two may be alike."""
    record = versions.find(predictor.tables, number)
    algorithm = predictor.host.algorithms.get(record.algorithm) if record else None
    fitted_by = id(algorithm.estimators.get(predictor.declaration.learner)) if algorithm else None
    return as_json([name, fitted_by, record and [record.options, record.rows_digest]])
