"""Golden rows: whether a model answers as one did when it was stored."""

from __future__ import annotations

import numpy as np

from sqlite_ml_vtab.errors import Error
from sqlite_ml_vtab.learning.runs import Fitted
from sqlite_ml_vtab.portable import REFIT, AnyScorer, Golden, Pattern, StoredModel, members
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
