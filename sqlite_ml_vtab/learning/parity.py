"""The portable form of a fitted estimator, taken only where it answers as the estimator itself does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.learning.algorithms import Algorithm
from sqlite_ml_vtab.learning.estimator import Estimator
from sqlite_ml_vtab.learning.targets import Target
from sqlite_ml_vtab.learning.trials import drawn
from sqlite_ml_vtab.portable import REFIT
from sqlite_ml_vtab.portable.codec import DAMAGED
from sqlite_ml_vtab.portable.families import FAMILIES, NotPortable
from sqlite_ml_vtab.portable.families.base import Family, Parameters
from sqlite_ml_vtab.portable.families.combined import extracted
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.values import Floats

MAX_ROWS = 10_000
"""So many rows of each part are compared at most."""
LEAST_ROWS = 2_000
TREES_SHARE = 20
"""Trees are slow to walk: of each part one row in so many of the train part is compared, but at least LEAST_ROWS."""
MAX_WORK = 2 * 10**8
"""Where a model keeps training rows: so many distances to them are computed at most."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a fitted estimator will answer from now on."""

    family: str
    """A key of FAMILIES, or REFIT."""
    parameters: Parameters
    scorer: str
    """``portable: <family>``, or ``refit: <why>``."""


def portable_form(algorithm: Algorithm, estimator: Estimator, trained: Floats, tested: Floats, target: Target) -> Form:
    """Return the portable form, or REFIT with the reason where the estimator itself must answer.

    `trained` and `tested` are the matrices of the two parts, (n, width).
    """
    found = _extracted(algorithm, estimator, trained.shape[1], max(1, len(target.labels)))
    if isinstance(found, str):
        return Form(REFIT, {"link": estimator.link}, f"refit: {found}")
    name, parameters = found
    limit = _limit(parameters, trained)
    matrix = np.concatenate([part[drawn(part, limit)] for part in (trained, tested)])
    difference = _difference(FAMILIES[name], parameters, estimator, matrix)
    if difference:
        return Form(REFIT, {"link": estimator.link}, f"refit: {difference}")
    return Form(name, parameters, f"portable: {name}")


def _extracted(
    algorithm: Algorithm, estimator: Estimator, width: int, outputs: int
) -> tuple[str, dict[str, Any]] | str:
    """Return the family and its parameters, or why there are none."""
    if algorithm.family is None:
        return "the algorithm has no portable form"
    try:
        name, parameters = extracted(estimator.fitted)
        FAMILIES[name].validate(parameters, width, outputs)
    except NotPortable as reason:
        return str(reason)
    except ModelError as error:
        return str(error).removeprefix(DAMAGED).rstrip(".")
    except (LookupError, ValueError, TypeError, ArithmeticError) as error:
        # Odd hyperparameters leave estimators that predict, and are not of the shape that they are otherwise.
        return f"the fitted estimator is not as it should be: {error}"
    return name, parameters


def _limit(parameters: Parameters, trained: Floats) -> int:
    if "roots" in parameters:
        return max(LEAST_ROWS, min(MAX_ROWS, len(trained) // TREES_SHARE))
    if "rows" not in parameters:
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
    scores, tolerance = family.scores(parameters, matrix), estimator.tolerance
    link = LINKS[parameters["link"]]
    if not estimator.classes:
        numbers = estimator.scores(matrix)
        return _numbers_differ(link.many(scores), numbers, tolerance, float(np.nanmean(np.abs(numbers))))
    wrong = int((scores.argmax(axis=1) != estimator.answers(matrix)).sum())
    if wrong:
        return f"the portable form gives {wrong} of {len(matrix)} rows another class"
    if parameters["link"] == "none" or not estimator.has_probabilities:
        return ""
    return _numbers_differ(link.many(scores), estimator.scores(matrix), tolerance, 1.0)


def _numbers_differ(found: Any, expected: Any, tolerance: float, scale: float) -> str:
    """Compare relatively to the number itself, or to `scale` where that is greater."""
    size = np.maximum(np.abs(expected), scale)
    with np.errstate(invalid="ignore"):
        gap = np.abs(found - expected) / np.where(size > 0, size, 1.0)
    gap = np.where(np.isnan(found) & np.isnan(expected), 0.0, gap)
    worst = float(np.max(gap))
    return "" if worst <= tolerance else f"the portable form is off by {worst:.1e}"
