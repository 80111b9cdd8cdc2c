"""Split conformal prediction: how far from its answer the truth may lie, learned from the hold-out alone.

Intervals: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, Distribution-Free Predictive Inference for Regression,
algorithm 2, and section 5.2 for widths that follow the row; those were first in Papadopoulos, Gammerman, Vovk 2008,
Normalized nonconformity measures for regression conformal prediction. Sets: Sadinle, Lei, Wasserman 2019, Least
Ambiguous Set-Valued Classifiers with Bounded Error Levels; nested around the predicted class, which is always inside,
as in Gupta, Kuchibhotla, Ramdas 2022, Nested conformal prediction and quantile out-of-bag ensemble methods.

What is told of their coverage is measured by folds of the hold-out: the rows of a fold meet the limit of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.learning.metrics import Realised
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.base import Parameters
from sqlite_ml_vtab.portable.intervals import Conformal, difficulties, ends
from sqlite_ml_vtab.portable.values import Floats

FOLDS = 5
MIN_ROWS = 60
"""With fewer tested rows no difficulty is learned: it would follow chance."""
MIN_GAIN = 0.05
"""So much narrower, by the folds, intervals must become for the difficulty to be used."""
MAX_CELLS = 100_000
"""The difficulty learns from so many values at most, a sample of the tested rows: it must cost little of a training."""
TREES = 10
EASE = 0.3
"""So much of the mean error is added to each row's: the easiest rows keep an interval to speak of."""
HAIR = 1e-6
"""A label as probable as the limit is inside, however its probability was rounded."""

Places: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


def folds_of(split: str, groups: Sequence[Any] | None, count: int, seed: int) -> Places:
    """Return the fold of each of `count` tested rows: whole `groups`, blocks of time for split='last', or at random."""
    if groups is not None:
        names = [("row", place) if group is None else ("group", group) for place, group in enumerate(groups)]
        order = {name: place for place, name in enumerate(dict.fromkeys(names))}
        return (np.random.RandomState(seed).permutation(len(order)) % FOLDS)[[order[name] for name in names]]
    if split == "last":
        return np.arange(count) * FOLDS // count
    return np.asarray(np.random.RandomState(seed).permutation(count) % FOLDS)


def quantile(scores: Floats, confidence: float) -> float:
    """Return the score that a new row stays at or below with `confidence`; inf where there are too few to say.

    Of n scores that is the one of rank ceil((n + 1) confidence), the finite-sample correction.
    """
    rank = math.ceil((len(scores) + 1) * confidence - 1e-9)
    return float(np.partition(scores, rank - 1)[rank - 1]) if 0 < rank <= len(scores) else math.inf


def _limits(scores: Floats, folds: Places, confidence: float) -> Floats | None:
    """Return for each row the limit that the other folds set, (n,); None where one has too few others."""
    limits = np.empty(len(scores))
    for fold in np.unique(folds):
        others = scores[folds != fold]
        if math.ceil((len(others) + 1) * confidence - 1e-9) > len(others):
            return None
        limits[folds == fold] = quantile(others, confidence)
    return limits


# Intervals


@dataclass(frozen=True, slots=True)
class Numbers:
    """The tested rows of a regression, n of them, those without an answer left out."""

    matrix: Floats
    """Shape (n, width)."""
    truth: Floats
    """Shape (n,), on the scale on which the target was learned."""
    centres: Floats
    """Shape (n,): the predictions, on that scale."""
    inverse: tuple[str, tuple[float, ...]]
    """What leads back to the target's unit."""
    folds: Places
    """Shape (n,)."""

    def widths(self, halves: Floats) -> Floats:
        """Return how wide intervals that reach `halves` (n,) up and down are in the target's own unit."""
        lower, upper = ends(self.centres, halves, self.inverse)
        with np.errstate(all="ignore"):
            return upper - lower


def intervals(tested: Numbers, confidence: float, seed: int) -> tuple[Conformal, Realised | None]:
    """Return what makes intervals of `confidence`, and how they do on rows that did not set them."""
    with np.errstate(all="ignore"):
        errors = np.abs(tested.truth - tested.centres)
    # A truth beyond the scale, below 0 for a logarithm, is infinitely far off.
    errors[np.isnan(errors)] = math.inf
    hardness, difficulty = np.ones(len(errors)), None
    if len(errors) >= MIN_ROWS:
        hardness, difficulty = _difficulty(tested, errors, confidence, seed)
    scores = errors / hardness
    limits = _limits(scores, tested.folds, confidence)
    realised = None
    if limits is not None:
        coverage = float((scores <= limits).mean())
        realised = Realised(coverage, float(tested.widths(limits * hardness).mean()))
    return Conformal(quantile(scores, confidence), difficulty), realised


def _difficulty(tested: Numbers, errors: Floats, confidence: float, seed: int) -> tuple[Floats, Parameters | None]:
    """Return how hard each row is by what the other folds taught, (n,), and what all teach.

    Ones, and None, where it would not make the intervals clearly narrower.
    """
    alike = np.ones(len(errors)), None
    inputs = np.column_stack((tested.matrix, tested.centres))
    taught = np.zeros(len(errors), dtype=bool)
    taught[np.random.RandomState(seed).permutation(len(errors))[: max(MIN_ROWS, MAX_CELLS // inputs.shape[1])]] = True
    hardness = np.empty(len(errors))
    for fold in np.unique(tested.folds):
        inside, others = tested.folds == fold, taught & (tested.folds != fold)
        learned = _learn(inputs[others], errors[others], seed)
        if learned is None:
            return alike
        hardness[inside] = difficulties(learned, tested.matrix[inside], tested.centres[inside])
    plain = tested.widths(np.full(len(errors), quantile(errors, confidence)))
    fitted = tested.widths(quantile(errors / hardness, confidence) * hardness)
    if not fitted.mean() < (1.0 - MIN_GAIN) * plain.mean():
        return alike
    final = _learn(inputs[taught], errors[taught], seed)
    return alike if final is None else (hardness, final)


def _learn(inputs: Floats, errors: Floats, seed: int) -> Parameters | None:
    """Return trees that tell the expected error of a row, relative to the mean; None where there is nothing to tell.

    The greatest errors count as their 95th percentile: the forest takes means, and one outlier would fill its leaf.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    if len(errors) < MIN_ROWS // 2:
        return None
    errors = np.minimum(errors, np.quantile(errors, 0.95))
    mean = float(errors.mean())
    if not 0 < mean < math.inf:
        return None
    least = max(5, len(errors) // 50)
    # Splits drawn at random: as good for this as the best ones, and no column has to be sorted for them.
    forest = ExtraTreesRegressor(TREES, max_depth=6, min_samples_leaf=least, bootstrap=True, random_state=seed)
    # Trees compare in float32, which scikit-learn refuses to overflow; to the portable form it makes no difference.
    forest.fit(np.clip(inputs, -_LARGE, _LARGE), errors / mean)
    return FAMILIES["trees"].extract(forest) | {"baseline": np.array([EASE * TREES])}


_LARGE = 1e30


# Sets


@dataclass(frozen=True, slots=True)
class Classes:
    """The tested rows of a classification, n of them."""

    truth: Places
    """Shape (n,): places in the labels, -1 for a class that training did not see."""
    predicted: Places
    """Shape (n,)."""
    scores: Floats
    """Shape (n, classes): probabilities, or decision values."""
    has_probabilities: bool
    folds: Places
    """Shape (n,)."""


def sets(tested: Classes, confidence: float) -> tuple[Conformal, Realised | None]:
    """Return what makes sets of labels of `confidence`, and how they do on rows that did not set them.

    The score of a row is how far down a set must reach to hold the true class: less than anything where that is the
    predicted one, for every set holds it, and infinitely far for a class that training did not see.
    """
    greatest = 0.0 if tested.has_probabilities else tested.scores.max(axis=1, keepdims=True)
    distances = greatest - tested.scores
    rows = np.arange(len(tested.truth))
    scores = np.where(tested.truth < 0, math.inf, distances[rows, tested.truth])
    scores[tested.truth == tested.predicted] = -math.inf
    limit = _limit(quantile(scores, confidence), tested.has_probabilities)
    return Conformal(limit), _realised(tested, scores, distances, confidence)


def _limit(reach: float, has_probabilities: bool) -> float:
    """Return the distance `reach` as the limit that is stored: a least probability, or a greatest distance."""
    if has_probabilities:
        return min(1.0, max(0.0, -reach * (1.0 - HAIR)))
    return max(0.0, reach * (1.0 + HAIR))


def _realised(tested: Classes, scores: Floats, distances: Floats, confidence: float) -> Realised | None:
    limits = _limits(scores, tested.folds, confidence)
    if limits is None:
        return None
    inside = distances <= limits[:, None]
    inside[np.arange(len(inside)), tested.predicted] = True
    held = (tested.truth >= 0) & inside[np.arange(len(inside)), tested.truth]
    return Realised(float(held.mean()), float(inside.sum(axis=1).mean()))
