"""How a version is fitted again from its rows, and held against what is left of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlite_ml_vtab.errors import ModelError, TrainingError, shown
from sqlite_ml_vtab.learning.runs import Fitted, Plan
from sqlite_ml_vtab.portable import StoredModel, digest, from_bytes
from sqlite_ml_vtab.predictor.base import Predictor, as_json
from sqlite_ml_vtab.predictor.belonging import belongs
from sqlite_ml_vtab.predictor.golden import keeps_golden, other_bits, same_answers, same_holdout, same_numbers
from sqlite_ml_vtab.predictor.incremental import fit_again
from sqlite_ml_vtab.predictor.kept import remember, stored_bytes
from sqlite_ml_vtab.predictor.training import environment, fit, plan, say, stored_digest, stored_rows
from sqlite_ml_vtab.predictor.versions import known, model_bytes, stored_notes, stored_options
from sqlite_ml_vtab.store import versions


def refit(predictor: Predictor, number: int, model: StoredModel) -> Fitted | None:
    """Fit version `number` again; return None where it answers otherwise than its `model` did."""
    fitted = _refit(predictor, number).fitted
    stored = versions.holdout(predictor.tables, number)
    return fitted if same_answers(model, fitted) and same_holdout(stored, fitted.holdout) else None


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
    forget_it = predictor.command("forget", f'{{"version": {number}}}')
    changed = TrainingError(
        f"the rows of version {number} have changed since it was trained. "
        f"Train a new version: {predictor.command('train')}; once that is deployed, forget this one: {forget_it}."
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
