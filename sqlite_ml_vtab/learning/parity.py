"""The portable form of a fitted estimator, taken only where it answers as the estimator itself does."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.learning.estimator import Estimator
from sqlite_ml_vtab.learning.targets import Target
from sqlite_ml_vtab.portable.codec import DAMAGED
from sqlite_ml_vtab.portable.families import FAMILIES, NotPortable
from sqlite_ml_vtab.portable.families.base import Family, Parameters
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.values import Floats

TOLERANCE = 1e-9
"""Relative to the number, and for probabilities to 1."""
MAX_ROWS = 10_000
"""So many rows of each part are compared at most."""
MAX_WORK = 2 * 10**8
"""For neighbors: so many distances are computed at most."""


def portable_parameters(
    family_name: str | None, estimator: Estimator, trained: Floats, tested: Floats, target: Target
) -> tuple[Parameters | None, str, tuple[str, ...]]:
    """Return the family's parameters (None where refitting must serve), what will predict, and notes.

    `trained` and `tested` are the matrices of the two parts, (n, width).
    """
    if family_name is None:
        return None, "refit: the algorithm has no portable form", ()
    family = FAMILIES[family_name]
    outputs = max(1, len(target.labels))
    try:
        parameters = family.extract(estimator.fitted)
        family.validate(parameters, trained.shape[1], outputs)
    except NotPortable as reason:
        return None, f"refit: {reason}", ()
    except ModelError as error:
        return None, f"refit: {str(error).removeprefix(DAMAGED).rstrip('.')}", ()
    matrix = np.concatenate([part[: _limit(parameters, trained)] for part in (trained, tested)])
    difference = _difference(family, parameters, estimator, matrix)
    if difference:
        return None, f"refit: {difference}", ()
    return parameters, f"portable: {family_name}", ()


def _limit(parameters: Parameters, trained: Floats) -> int:
    if "neighbors" not in parameters:
        return MAX_ROWS
    return max(100, min(MAX_ROWS, MAX_WORK // (trained.size + 1)))


def _difference(family: Family, parameters: Parameters, estimator: Estimator, matrix: Floats) -> str:
    """Return how the portable form differs from the estimator on `matrix`, '' where it does not.

    Rows whose answer the method itself leaves open, such as those with tied neighbours, are not compared.
    """
    if family.ambiguous is not None:
        matrix = matrix[~family.ambiguous(parameters, matrix)]
    if not len(matrix):
        return ""
    scores = family.scores(parameters, matrix)
    link = LINKS[parameters["link"]]
    if not estimator.classes:
        return _numbers_differ(link.many(scores)[:, 0], estimator.answers(matrix))
    wrong = int((scores.argmax(axis=1) != estimator.answers(matrix)).sum())
    if wrong:
        return f"the portable form gives {wrong} of {len(matrix)} rows another class"
    if parameters["link"] == "none":
        return ""
    return _numbers_differ(link.many(scores), estimator.scores(matrix), scale=1.0)


def _numbers_differ(found: Any, expected: Any, scale: float | None = None) -> str:
    size = np.maximum(np.abs(expected), scale if scale is not None else float(np.mean(np.abs(expected))))
    with np.errstate(invalid="ignore"):
        gap = np.abs(found - expected) / np.where(size > 0, size, 1.0)
    gap = np.where(np.isnan(found) & np.isnan(expected), 0.0, gap)
    worst = float(np.max(gap))
    return "" if worst <= TOLERANCE else f"the portable form is off by {worst:.1e}"
