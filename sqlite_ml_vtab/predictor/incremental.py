"""Fits in chunks: over the stored rows anew, going on from an earlier version, or once more over recorded passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import CommandError, ModelError
from sqlite_ml_vtab.learning.chunks.incremental import Passed, Start, fit_in_chunks
from sqlite_ml_vtab.learning.chunks.states import check_can_go_on, restored, state_of
from sqlite_ml_vtab.learning.features import Encoded
from sqlite_ml_vtab.learning.runs import Fitted, Plan
from sqlite_ml_vtab.portable import Model, from_bytes
from sqlite_ml_vtab.portable.codec import decode, digest, encode
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.predictor.belonging import belongs
from sqlite_ml_vtab.predictor.digests import ChainedDigest
from sqlite_ml_vtab.store import versions
from sqlite_ml_vtab.store.reading import Reading

LAST_ID = 2**63 - 1
_MOST_ROWS = 2**53
"""No table has so many rows; a record that says so would count beyond what SQLite can store."""
MAX_PASSES = 1_000
"""So often a version can go on from another: its rebuild goes through all of them."""


@dataclass(frozen=True, slots=True)
class InChunks:
    """A fit in chunks that is not stored yet."""

    fitted: Fitted
    digest: str
    """Of the rows it has learned from, chained over its passes."""
    passes: list[dict[str, int]]
    """For each pass the first and the last row id it took, as ``from`` and ``to``."""
    state: bytes | None
    """From where new rows can go on; None where they cannot."""
    again: Callable[[], str]
    """Reads the rows once more, and returns the digest they have now."""


class _Source:
    """The stored rows that have a target, for `learning.survey.Source`."""

    def __init__(self, reading: Reading, targets: Sequence[str]) -> None:
        self._reading = reading
        self._targets = targets
        self.has_ids = reading.has_ids

    def chunks(self, names: Sequence[str], span: tuple[int, int] | None) -> Iterable[Sequence[tuple[Any, ...]]]:
        return self._reading.chunks(names, self._targets, None, span if self.has_ids else None)

    def take(self, names: Sequence[str], ids: Sequence[int]) -> Iterable[Sequence[tuple[Any, ...]]]:
        return self._reading.take(names, ids)


def fit_anew(predictor: Predictor, plan: Plan) -> InChunks:
    """Fit in one pass over all rows."""
    done = _fit(predictor, plan, [None], None, "")
    [taken] = done.passes
    what = f"took rows {taken['from']} to {taken['to']}"
    if not predictor.rows.reading().has_ids:
        what = "took the rows of a view in its own order, shuffled within windows only"
    return _noted(done, what)


def fit_again(predictor: Predictor, plan: Plan, passes: Any) -> InChunks:
    """Fit once more over the recorded passes of a version, one after the other."""
    spans: list[tuple[int, int] | None] = list(_spans(passes))
    return _fit(predictor, plan, spans, None, "")


def go_on(predictor: Predictor, plan: Plan, options: Mapping[str, Any]) -> InChunks:
    """Go on from the last version with the same options, with the rows that came since.

    Raises CommandError where there is none, or where the algorithm cannot.
    """
    if plan.fit != "incremental":
        raise CommandError("warm goes on from a version fitted in chunks. Write fit='incremental' too.")
    check_can_go_on(plan)
    if not predictor.rows.reading().has_ids:
        raise CommandError("warm needs row ids to know which rows are new, and a view has none. Train anew.")
    number, taken_before, before = _last_version(predictor, options)
    if len(taken_before) >= MAX_PASSES:
        raise CommandError(f"version {number} has gone on {MAX_PASSES} times, the most there may be. Train anew.")
    if taken_before[-1][1] == LAST_ID:
        raise CommandError(f"no row can come after row {LAST_ID}, the last one that version {number} took. Train anew.")
    start = _start(predictor, plan, number, before.rows_trained)
    spans = [*taken_before, (taken_before[-1][1] + 1, LAST_ID)]
    done = _fit(predictor, plan, spans, start, before.rows_digest)
    taken = done.passes[-1]
    return _noted(done, f"went on from version {number} with rows {taken['from']} to {taken['to']}")


def _noted(done: InChunks, note: str) -> InChunks:
    return replace(done, fitted=replace(done.fitted, notes=(*done.fitted.notes, note)))


def _fit(
    predictor: Predictor, plan: Plan, spans: Sequence[tuple[int, int] | None], start: Start | None, before: str
) -> InChunks:
    predictor.rows.flush()
    targets = [column.name for column in predictor.declaration.targets]
    source = _Source(predictor.rows.reading(), targets)
    seen = ChainedDigest(before)
    passed = fit_in_chunks(source, predictor.declaration, plan, seen.add, spans, start)
    state = state_of(plan, passed.estimator)
    passes = [{"from": low, "to": high} for low, high in passed.spans]
    blob = None if state is None else encode({"algorithm": plan.name, "state": state})
    return InChunks(passed.fitted, seen.text(), passes, blob, lambda: _again(passed, before))


def _again(passed: Passed, before: str) -> str:
    seen = ChainedDigest(before)
    passed.again(seen.add)
    return seen.text()


def _last_version(
    predictor: Predictor, options: Mapping[str, Any]
) -> tuple[int, list[tuple[int, int]], versions.Version]:
    """Return the newest version with these options, the passes it took, and its record."""
    for number in reversed(versions.numbers(predictor.tables)):
        record = versions.find(predictor.tables, number)
        assert record is not None
        try:
            recorded = json.loads(record.options)
            passes = recorded.pop("passes")
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            continue
        if recorded == json.loads(json.dumps(options)):
            is_count = type(record.rows_trained) is int and 0 <= record.rows_trained < _MOST_ROWS
            if not is_count or not isinstance(record.rows_digest, str):
                raise ModelError(f"the record of version {number} cannot be read. Train anew, without warm.")
            return number, _spans(passes), record
    raise CommandError(
        "no version to go on from: none was fitted in chunks with these options. "
        f"Train one first: {predictor.command('train')}."
    )


def _spans(passes: Any) -> list[tuple[int, int]]:
    """Return recorded passes; they come out of a file, and may be anything."""
    try:
        found = [(taken["from"], taken["to"]) for taken in passes]
    except (TypeError, LookupError):
        found = []
    flat = [row for span in found for row in span]
    is_plain = 0 < len(found) <= MAX_PASSES and all(type(row) is int and -(2**63) <= row < 2**63 for row in flat)
    if not is_plain or flat != sorted(flat):
        raise ModelError("the passes of this version cannot be read. Train anew.")
    return found


def _start(predictor: Predictor, plan: Plan, number: int, trained: int) -> Start:
    """Return the state that a version has left; ModelError where it is not there or cannot be believed."""
    limit = predictor.host.max_model_bytes
    blob, found = versions.model(predictor.tables, number, limit), versions.state(predictor.tables, number, limit)
    if blob is None or found is None or found[0] != digest(blob):
        raise ModelError(f"the state of version {number} is gone or of another model. Train anew, without warm.")
    model, kept = from_bytes(blob, limit), decode(found[1] or b"", limit)
    if not isinstance(model, Model) or not belongs(predictor, model) or kept.get("algorithm") != plan.name:
        raise ModelError(f"the state of version {number} is of another predictor. Train anew, without warm.")
    encoded = Encoded(model.encoder, np.empty((1, model.encoder.width)), False, ())
    estimator = restored(plan, encoded, len(model.labels), kept.get("state", {}))
    return Start(model.encoder, model.labels, estimator, trained)
