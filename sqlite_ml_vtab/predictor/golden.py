"""Whether a model answers as one did when it was stored: by golden rows, by its numbers, and by its hold-out rows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import Error
from sqlite_ml_vtab.learning.runs import Fitted
from sqlite_ml_vtab.portable import REFIT, AnyScorer, Golden, Pattern, StoredModel, members
from sqlite_ml_vtab.portable.codec import decode
from sqlite_ml_vtab.portable.pattern_scoring import scorer_of

TOLERANCE = 1e-9


def keeps_golden(model: StoredModel) -> bool:
    """Return whether a stored model still gives its own golden rows the decision values it was stored with.

    One that is refitted is not asked: that would fit it.
    """
    if model.family == REFIT:
        return True
    try:
        return all(_gives(scorer_of(one, [None]), one.golden) for one in members(model))
    except Error:
        return False


def same_answers(old: StoredModel, fitted: Fitted) -> bool:
    """Return whether a new fit gives the golden rows of a stored model the decision values they had."""
    new = members(fitted.model)
    if old.features != fitted.model.features or [one.labels for one in members(old)] != [one.labels for one in new]:
        return False
    if any(not _same_kept(one.pattern, other.pattern) for one, other in zip(members(old), new, strict=True)):
        return False
    scorers = [scorer_of(one, [scores]) for one, scores in zip(new, fitted.refitted, strict=True)]
    return all(_gives(scorer, one.golden) for scorer, one in zip(scorers, members(old), strict=True))


def _same_kept(old: Pattern | None, new: Pattern | None) -> bool:
    """Return whether both keep the same of the same rows."""
    if old is None or new is None:
        return old is new
    if not (np.array_equal(old.ids, new.ids) and np.array_equal(old.digests, new.digests)):
        return False
    return np.allclose(old.values, new.values, rtol=TOLERANCE, atol=1e-12)


def _gives(scorer: AnyScorer, golden: Golden) -> bool:
    found = np.array([scorer.one(row)[1] for row in golden.rows])
    expected = np.array(golden.scores)
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=TOLERANCE, atol=1e-12))


def same_numbers(old: bytes, new: bytes) -> bool:
    """Return whether two models hold the same numbers: golden rows are few, and trees that agree on them many."""
    limit = max(len(old), len(new))
    return _near(decode(old, limit), decode(new, limit))


def same_holdout(old: Sequence[tuple[Any, ...]], new: Sequence[tuple[Any, ...]]) -> bool:
    """Return whether the hold-out rows that are still stored were predicted as they are now."""
    # SQLite stores NaN as NULL.
    by_row = {row: [None if value != value else value for value in said] for row, *said in new}
    return all(_near(said, by_row.get(row)) for row, *said in old)


def _near(old: Any, new: Any) -> bool:
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return old.dtype == new.dtype and old.shape == new.shape and _near_arrays(old, new)
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_near(old[name], new[name]) for name in old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(_near, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=1e-12)
    return bool(old == new)


def _near_arrays(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> bool:
    if old.dtype.kind != "f":
        return np.array_equal(old, new)
    greatest = float(np.max(np.abs(old), initial=0.0, where=np.isfinite(old)))
    return np.allclose(old, new, rtol=TOLERANCE, atol=1e-12 + TOLERANCE * greatest, equal_nan=True)


def other_bits(before: Any, trained: str, here: str, *, was_compared: bool) -> str:
    """Return the note for a version that was rebuilt to other bytes, '' where that can only be what was lost.

    `before` is the digest it had; `trained` and `here` are the environments of both fits, as JSON.
    """
    was_known = isinstance(before, str) and re.fullmatch("[0-9a-f]{64}", before)
    if trained == here and not was_known:
        return ""
    found = "nothing was left to compare its answers with"
    if was_compared:
        found = "the stored rows that could be compared are answered the same to nine digits"
    return f"rebuilt to other bytes{_changes(trained, here)}: {found}"


def _changes(trained: str, here: str) -> str:
    try:
        before = dict(json.loads(trained))
    except (ValueError, TypeError, RecursionError):
        return ", and what it was trained with is not known"
    changed = [f"{name} {now}" for name, now in json.loads(here).items() if before.get(name) != now]
    return f" under {', '.join(changed)}" if changed else ""
