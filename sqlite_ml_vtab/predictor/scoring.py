"""What answers a query, and how a version is fitted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlite_ml_vtab.errors import (
    InputError,
    ModelError,
    TrainingError,
    shown,
)
from sqlite_ml_vtab.learning.runs import Fitted, Plan
from sqlite_ml_vtab.portable import (
    REFIT,
    AnyScorer,
    Forecaster,
    StoredModel,
    StoredScorer,
    digest,
    from_bytes,
    members,
    scorer_of,
)
from sqlite_ml_vtab.predictor.base import Predictor, as_json
from sqlite_ml_vtab.predictor.belonging import belongs
from sqlite_ml_vtab.predictor.golden import keeps_golden, other_bits, same_answers, same_holdout, same_numbers
from sqlite_ml_vtab.predictor.incremental import fit_again
from sqlite_ml_vtab.predictor.integrity import check_format
from sqlite_ml_vtab.predictor.kept import SCORERS, refit_key, remember, stored_bytes
from sqlite_ml_vtab.predictor.training import environment, fit, plan, say, stored_digest, stored_rows
from sqlite_ml_vtab.predictor.versions import known, mend, model_bytes, stored_notes, stored_options, undeployed
from sqlite_ml_vtab.store import relation, versions


def scorer(predictor: Predictor, number: Any = None) -> AnyScorer:
    """Return what answers for one row of features: `stored_scorer` of any predictor but a forecast."""
    if predictor.declaration.has_series:
        raise InputError(f"a forecast is asked as a table. Write: SELECT * FROM {predictor.sql_name}(NULL, 12).")
    found = stored_scorer(predictor, number)
    assert not isinstance(found, Forecaster)
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
    fitted = _refit(predictor, number).fitted
    stored = versions.holdout(predictor.tables, number)
    if not (same_answers(model, fitted) and same_holdout(stored, fitted.holdout)):
        raise ModelError(f"version {number}, fitted again, answers otherwise than it did. {mend(predictor, number)}")
    return remember(predictor, number, fitted, blob)


def _check_belongs(predictor: Predictor, number: int, found: StoredScorer) -> None:
    """Refuse a model of another predictor that was put in this one's place."""
    if not belongs(predictor, found.model):
        raise ModelError(f"the model of version {number} was trained for other columns. {mend(predictor, number)}")


def source_chunks(predictor: Predictor, text: Any) -> Iterator[list[tuple[Any, ...]]]:
    """Yield chunks of (row id, features ...) of the table, view or SELECT that `text` names."""
    connection = predictor.tables.connection
    found = relation.resolve(connection, text)
    return relation.read(connection, found, predictor.feature_names)


def rebuild(predictor: Predictor, number: int) -> int:
    """Fit version `number` again from its rows and store its model anew; return the number.

    Raises TrainingError where the rows have changed, or the new model answers otherwise than the version did.
    """
    again = _refit(predictor, number)
    blob = stored_bytes(predictor, again.fitted)
    name = digest(blob)
    before = versions.digest_of(predictor.tables, number)
    if name != before:
        was_compared = _check_alike(predictor, number, again.fitted, blob)
        here = environment(predictor, again.chosen)
        note = other_bits(before, again.record.environment, here, was_compared=was_compared)
        if note:
            versions.put_notes(predictor.tables, number, as_json([*stored_notes(again.record), note]))
            say(predictor, [note])
    versions.put_model(predictor.tables, number, name, blob)
    if again.state is not None:
        versions.put_state(predictor.tables, number, name, again.state)
    remember(predictor, number, again.fitted, blob)
    return number


def _check_alike(predictor: Predictor, number: int, fitted: Fitted, blob: bytes) -> bool:
    """Refuse a new model that is not that of the version, as far as what is left of it can tell.

    Returns whether anything was left.
    """
    holdout = versions.holdout(predictor.tables, number)
    found = _stored_model(predictor, number)
    if found is not None and not same_answers(found[0], fitted):
        what = "answers its golden rows otherwise"
    elif found is not None and keeps_golden(found[0]) and not same_numbers(found[1], blob):
        what = "is of other numbers than the stored model, which answers on"
    elif not same_holdout(holdout, fitted.holdout):
        what = "predicts its hold-out rows otherwise"
    else:
        return found is not None or bool(holdout)
    raise TrainingError(
        f"version {number}, fitted again, {what}; the libraries have changed. "
        f"Train a new version: {predictor.command('train')}."
    )


@dataclass(frozen=True, slots=True)
class _Refit:
    """A stored version that was fitted again."""

    fitted: Fitted
    chosen: Plan
    record: versions.Version
    state: bytes | None = None
    """From where new rows can go on."""


def _refit(predictor: Predictor, number: int) -> _Refit:
    """Fit a stored version again, by its own options, on its own rows."""
    record = versions.find(predictor.tables, known(predictor, number))
    assert record is not None
    options = stored_options(record)
    if options is None:
        train_anew = predictor.command("train")
        raise ModelError(f"the options of version {number} cannot be read. Train a new version: {train_anew}.")
    if record.algorithm not in predictor.host.algorithms:
        raise ModelError(
            f"version {number} was fitted by the algorithm {shown(record.algorithm)}, which is not loaded here. "
            "Pass it to sqlite_ml_vtab.load(connection, algorithms={...})."
        )
    passes = options.pop("passes", None)
    chosen = plan(predictor, options)
    changed = TrainingError(
        f"the rows of version {number} have changed since it was trained. "
        f"Train a new version: {predictor.command('train')}."
    )
    if passes is not None:
        done = fit_again(predictor, chosen, passes)
        if done.digest != record.rows_digest:
            raise changed
        return _Refit(done.fitted, chosen, record, done.state)
    rows = stored_rows(predictor, chosen.split)
    if stored_digest(rows) != record.rows_digest:
        raise changed
    return _Refit(fit(rows, replace(chosen, fit="whole")), chosen, record)


def _stored_model(predictor: Predictor, number: int) -> tuple[StoredModel, bytes] | None:
    """Return the stored model of a version, and its bytes; None where there is none to be believed."""
    try:
        blob = model_bytes(predictor, number, versions.digest_of(predictor.tables, number))
        model = from_bytes(blob, predictor.host.max_model_bytes)
    except ModelError:
        return None
    return (model, blob) if belongs(predictor, model) else None
