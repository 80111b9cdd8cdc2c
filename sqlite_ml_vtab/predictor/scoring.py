"""What answers a query: the stored model of a version, read, believed, and kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlite_ml_vtab.errors import InputError, ModelError
from sqlite_ml_vtab.portable import (
    REFIT,
    AnyScorer,
    JointScorer,
    PatternScorer,
    Scorer,
    StoredModel,
    StoredScorer,
    from_bytes,
    members,
    scorer_of,
)
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.predictor.belonging import belongs
from sqlite_ml_vtab.predictor.formats import check_format
from sqlite_ml_vtab.predictor.kept import SCORERS, refit_key, remember
from sqlite_ml_vtab.predictor.versions import known, mend, model_bytes, undeployed
from sqlite_ml_vtab.store import relation, versions


def scorer(predictor: Predictor, number: Any = None) -> AnyScorer:
    """Return what answers for one row of features: `stored_scorer` of any predictor but a forecast."""
    if predictor.declaration.has_series:
        raise InputError(f"a forecast is asked as a table. Write: SELECT * FROM {predictor.sql_name}(NULL, 12).")
    found = stored_scorer(predictor, number)
    assert isinstance(found, Scorer | JointScorer | PatternScorer)
    return found


def stored_scorer(predictor: Predictor, number: Any = None) -> StoredScorer:
    """Return what answers for version `number`, or for the deployed one.

    Read anew for each query, so that it is the model of the query's own snapshot; only its bytes are cached.
    Raises ModelError where there is none or it cannot be believed.
    """
    check_format(predictor)
    number, name = _digest(predictor, number)
    found = SCORERS.get(name) or _load(predictor, number, name)
    _check_belongs(predictor, number, found)
    return found


def _digest(predictor: Predictor, number: Any) -> tuple[int, str]:
    if number is None:
        row = versions.deployed_digest(predictor.tables)
        if row is None:
            raise ModelError(f"no trained model. Run: {predictor.command('train')}.")
        number, name = row
        if name is None and number not in versions.numbers(predictor.tables):
            raise ModelError(undeployed(predictor, number))
    else:
        name = versions.digest_of(predictor.tables, known(predictor, number))
    if not isinstance(name, str):
        raise ModelError(f"the model of version {number} is gone. {mend(predictor, number)}")
    return number, name


def _load(predictor: Predictor, number: int, name: str) -> StoredScorer:
    blob = model_bytes(predictor, number, name)
    try:
        model = from_bytes(blob, predictor.host.max_model_bytes)
    except ModelError as error:
        raise ModelError(f"version {number}: {error} {mend(predictor, number)}") from None
    if model.family == REFIT:
        return SCORERS.get(refit_key(predictor, number, name)) or _refitted(predictor, number, model, blob)
    found = scorer_of(model, [None] * len(members(model)))
    SCORERS.put(name, found, len(blob))
    return found


def _refitted(predictor: Predictor, number: int, model: StoredModel, blob: bytes) -> StoredScorer:
    """Return what answers for an estimator without a portable form, fitted again from its rows."""
    if predictor.host.untrusted:
        raise ModelError(
            f"version {number} has no portable form, and fitting it again was ruled out by untrusted=True. "
            "Train with an algorithm that has one; ml_algorithms lists them."
        )
    from sqlite_ml_vtab.predictor.rebuilding import refit

    fitted = refit(predictor, number, model)
    if fitted is None:
        raise ModelError(f"version {number}, fitted again, answers otherwise than it did. {mend(predictor, number)}")
    return remember(predictor, number, fitted, blob)


def _check_belongs(predictor: Predictor, number: int, found: StoredScorer) -> None:
    """Refuse a model of another predictor that was put in this one's place."""
    if not belongs(predictor, found.model):
        raise ModelError(f"the model of version {number} was trained for other columns. {mend(predictor, number)}")


def source_chunks(predictor: Predictor, text: Any) -> Iterator[tuple[Sequence[int], list[list[Any]]]]:
    """Yield chunks, (row ids, a column of values for each feature), of the table, view or SELECT that `text` names."""
    connection = predictor.tables.connection
    found = relation.resolve(connection, text)
    return relation.read(connection, found, predictor.feature_names)
