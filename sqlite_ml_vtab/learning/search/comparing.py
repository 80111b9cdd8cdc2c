"""Whether one model is better than another beyond noise."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.learning.runs import Fitted
from sqlite_ml_vtab.learning.search.folds import FoldScore
from sqlite_ml_vtab.portable import JointModel

ALPHA = 0.05
"""A difference counts where it would be this great by chance alone at most so often."""

ALPHA_BASELINE = 0.01
"""The same for being better than the baseline; stricter, since a model that learned anything passes easily."""


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one is better than another, over the same folds or the same rows."""

    mean: float
    p_value: float
    """One-sided: how often chance alone would make it as great."""


def over_folds(scores: Sequence[float], others: Sequence[float], folds: Sequence[FoldScore]) -> Difference:
    """Compare the scores of two models on the same folds.

    The corrected resampled t-test: train parts of folds overlap, so the variance of the differences is raised by the
    ratio of a fold's test rows to its train rows (Nadeau & Bengio 2003, Inference for the Generalization Error,
    section 5).
    """
    ratio = float(np.mean([fold.rows_tested / fold.rows_trained for fold in folds]))
    differences = np.asarray(scores, dtype=np.float64) - np.asarray(others, dtype=np.float64)
    return _tested(differences, 1.0 / len(differences) + ratio)


def over_rows(losses: Sequence[float], others: Sequence[float]) -> Difference:
    """Compare the losses of two models on the same rows, which neither was fitted on; less is better.

    A paired t-test. Rows to which one of them has no answer (NaN) are left out.
    """
    differences = np.asarray(others, dtype=np.float64) - np.asarray(losses, dtype=np.float64)
    differences = differences[np.isfinite(differences)]
    return _tested(differences, 1.0 / len(differences)) if len(differences) else Difference(0.0, 1.0)


def _tested(differences: np.ndarray[Any, Any], factor: float) -> Difference:
    from scipy.stats import t

    mean = float(differences.mean())
    variance = float(differences.var(ddof=1)) if len(differences) > 1 else 0.0
    if variance <= 1e-24 * max(1.0, mean * mean):
        # One fold says nothing of spread; folds that all agree say all there is to say.
        certain = len(differences) > 1 and mean > 0
        return Difference(mean, 0.0 if certain else 1.0)
    statistic = mean / math.sqrt(factor * variance)
    return Difference(mean, float(t.sf(statistic, len(differences) - 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in their order (Holm 1979): many candidates, one lucky."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, greatest = [0.0] * len(p_values), 0.0
    for place, candidate in enumerate(order):
        greatest = max(greatest, min(1.0, (len(p_values) - place) * p_values[candidate]))
        adjusted[candidate] = greatest
    return adjusted


def together(first: float, second: float) -> float:
    """Return the p-value of two that were found on different rows (Stouffer's method: the mean of their z-values)."""
    from scipy.stats import norm

    # A p-value of 1 would outweigh everything; one of 0 too.
    first, second = (min(max(p_value, 1e-12), 1.0 - 1e-12) for p_value in (first, second))
    return float(norm.sf((norm.isf(first) + norm.isf(second)) / math.sqrt(2.0)))


def above_baseline(folds: Sequence[FoldScore]) -> bool:
    """Return whether scores are better than those of the baseline on the same folds, beyond noise."""
    found = over_folds([fold.score for fold in folds], [fold.baseline for fold in folds], folds)
    return found.p_value < ALPHA_BASELINE


def losses(fitted: Fitted) -> list[float]:
    """Return the loss of each hold-out row: 1 for a wrong class, the squared error of a number.

    Of several targets, the mean, each error in units of the target's own spread.
    """
    pairs = [(truth, said) for _, truth, said, _ in fitted.holdout]
    if not isinstance(fitted.model, JointModel):
        truths, answers = zip(*pairs, strict=True)
        return list(map(float, _losses(fitted.model.task, truths, answers)))
    rows = [(json.loads(truth), json.loads(said)) for truth, said in pairs]
    each = [
        _losses(fitted.model.task, [truth[name] for truth, _ in rows], [said[name] for _, said in rows])
        for name in fitted.model.targets
    ]
    return list(map(float, np.mean(each, axis=0)))


def _losses(task: str, truth: Sequence[Any], said: Sequence[Any]) -> np.ndarray[Any, Any]:
    if task == "classification":
        return np.array([float(one != other) for one, other in zip(truth, said, strict=True)])
    numbers = np.array(truth, dtype=np.float64)
    return (numbers - np.array(said, dtype=np.float64)) ** 2 / max(float(numbers.var()), 1e-300)
