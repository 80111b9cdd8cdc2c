"""Cross-validation: how rows are divided into folds, and how a plan is measured on one."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import TASKS, Declaration, Role
from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.memory import check_memory
from sqlite_ml_vtab.learning.metrics import MAIN, evaluate
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.learning.sampling import sampled
from sqlite_ml_vtab.learning.splits import Parts, Places
from sqlite_ml_vtab.learning.targets import read_target
from sqlite_ml_vtab.learning.training import (
    baseline,
    check_probabilities,
    check_rows,
    divide,
    each_target,
    measure,
    model_bytes,
    quiet,
    train_part,
)


@dataclass(frozen=True, slots=True)
class Fold:
    """One division of rows into a part to fit and a part to test."""

    repeat: int
    """From 1."""
    number: int
    """From 1, within the repeat."""
    parts: Parts


@dataclass(frozen=True, slots=True)
class FoldScore:
    """How a plan did on one fold."""

    repeat: int
    number: int
    rows_trained: int
    rows_tested: int
    score: float
    """The main metric on the fold's test part."""
    baseline: float
    """The same of predicting the commonest class, or the mean."""
    metrics: Mapping[str, float]
    fit_seconds: float
    predict_seconds: float
    model_bytes: int | None = None
    """The size of the fold's portable model, where that was asked for."""


def searched_rows(rows: TrainingRows, plan: Plan) -> TrainingRows:
    """Return the rows that a search may look at: the train part of the split, all of it."""
    check_rows(rows)
    check_memory(rows, plan)
    with quiet(plan):
        return rows.having(divide(rows, replace(plan, sample=None)).train)


def validated_rows(rows: TrainingRows, plan: Plan) -> TrainingRows:
    """Return the rows that cross-validation divides: all, but those that a SPLIT column holds out."""
    check_rows(rows)
    check_memory(rows, plan)
    return searched_rows(rows, plan) if plan.split == "column" else rows


def fold_kind(declaration: Declaration, split: str) -> str:
    """Return the key of FOLDS for a split; where it gives both parts itself, what the declared columns ask for."""
    if split in FOLDS:
        return split
    for role, kind in ((Role.GROUP, "group"), (Role.ORDER, "last")):
        if declaration.one(role):
            return kind
    return TASKS[declaration.task].split


def make_folds(rows: TrainingRows, plan: Plan, kind: str, folds: int, repeats: int) -> list[Fold]:
    """Divide `rows` into folds: alike in class, at random, by whole groups, or in time, which is then their order.

    `kind` is a key of FOLDS. Where `plan` fits a sample, the train part of each fold is one. Raises TrainingError with
    what is needed where there are too few rows, or groups.
    """
    _check_count(rows, kind, folds, repeats)
    codes = read_target(plan.task, rows).codes
    found = []
    for repeat in range(repeats):
        # Each repeat of a run is another division, and the first one does not depend on how many follow.
        pairs = FOLDS[kind](rows, plan, folds, (plan.seed + repeat) % 2**32)
        parts = [sampled(Parts(train, test), codes, plan) for train, test in pairs]
        found += [Fold(repeat + 1, place, part) for place, part in enumerate(parts, 1)]
    return found


def _check_count(rows: TrainingRows, kind: str, folds: int, repeats: int) -> None:
    count, what = len(rows.ids), "rows"
    if kind == "group":
        count, what = len(set(_groups(rows))), "groups"
    needed = folds + 1 if kind == "last" else folds
    if count < needed:
        fewer = f' Use {{"folds": {count - (needed - folds)}}}.' if count - (needed - folds) >= 2 else ""
        raise TrainingError(f"{folds} folds need {needed} {what}, got {count}. Insert more.{fewer}")
    if kind == "last" and repeats > 1:
        raise TrainingError('folds in time order cannot be drawn again. Leave out "repeats", or use another split.')


_Pairs = Sequence[tuple[Places, Places]]


def _stratified(rows: TrainingRows, plan: Plan, folds: int, seed: int) -> _Pairs:
    from sklearn.model_selection import StratifiedKFold

    codes = read_target(plan.task, rows).codes
    assert codes is not None
    # A class of a single row teaches in every fold, as in the split of train, and nothing tests it.
    lonely = np.flatnonzero(np.bincount(codes)[codes] == 1)
    shared = np.setdiff1d(np.arange(len(codes)), lonely)
    if not len(shared) or np.bincount(codes[shared]).max() < folds:
        return _shuffle(rows, plan, folds, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(shared, codes[shared]))
    return [(np.sort(np.concatenate([shared[train], lonely])), shared[test]) for train, test in pairs]


def _shuffle(rows: TrainingRows, plan: Plan, folds: int, seed: int) -> _Pairs:
    from sklearn.model_selection import KFold

    return list(KFold(folds, shuffle=True, random_state=seed).split(rows.ids))


def _last(rows: TrainingRows, plan: Plan, folds: int, seed: int) -> _Pairs:
    from sklearn.model_selection import TimeSeriesSplit

    return list(TimeSeriesSplit(folds).split(rows.ids))


def _group(rows: TrainingRows, plan: Plan, folds: int, seed: int) -> _Pairs:
    from sklearn.model_selection import GroupKFold

    names = _groups(rows)
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    groups = [places[name] for name in names]
    return list(GroupKFold(folds, shuffle=True, random_state=seed).split(rows.ids, groups=groups))


def _groups(rows: TrainingRows) -> list[Any]:
    """Return the group of each row; a row without one is a group of its own."""
    return [("row", place) if name is None else ("group", name) for place, name in enumerate(rows.sides[Role.GROUP])]


FOLDS: dict[str, Callable[[TrainingRows, Plan, int, int], _Pairs]] = {
    "stratified": _stratified,
    "shuffle": _shuffle,
    "last": _last,
    "group": _group,
}
"""By split: (rows, plan, folds, seed) to (train, test) places."""


def run_fold(rows: TrainingRows, plan: Plan, fold: Fold, *, weigh: bool = False) -> FoldScore:
    """Fit `plan` on the train part of a fold and measure it on the other; of several targets, the mean.

    `weigh` asks for the size of the model too. Raises TrainingError where it cannot be fitted there.
    """
    with quiet(plan):
        found = [_measured(one, plan, fold, weigh=weigh) for one in each_target(rows).values()]
    metrics = {
        name: float(np.mean([one.metrics[name] for one in found]))
        for name in found[0].metrics
        if all(name in one.metrics for one in found)
    }
    return replace(
        found[0],
        score=float(np.mean([one.score for one in found])),
        baseline=float(np.mean([one.baseline for one in found])),
        metrics=metrics,
        fit_seconds=sum(one.fit_seconds for one in found),
        predict_seconds=sum(one.predict_seconds for one in found),
        model_bytes=sum(one.model_bytes or 0 for one in found) if weigh else None,
    )


def _measured(rows: TrainingRows, plan: Plan, fold: Fold, *, weigh: bool) -> FoldScore:
    began = time.perf_counter()
    trained = train_part(rows, plan, fold.parts)
    check_probabilities(trained.plan, trained.estimator)
    fitted = time.perf_counter()
    tested = trained.encoded.encoder.matrix(rows.take(fold.parts.test))
    measured = measure(trained, trained.estimator.scores(tested), fold.parts.test)
    answered = time.perf_counter()
    metrics = evaluate(plan.task, measured)
    main = MAIN[plan.task]
    if main not in metrics:
        raise TrainingError(f"{main} is not defined on a fold of {len(fold.parts.test)} rows. Use fewer folds.")
    least = baseline(plan.task, trained.target, fold.parts)
    return FoldScore(
        repeat=fold.repeat,
        number=fold.number,
        rows_trained=len(fold.parts.train),
        rows_tested=len(fold.parts.test),
        score=metrics[main],
        baseline=math.nan if least is None else least,
        metrics=metrics,
        fit_seconds=fitted - began,
        predict_seconds=answered - fitted,
        model_bytes=model_bytes(trained) if weigh else None,
    )


def mean_and_spread(scores: Sequence[float]) -> tuple[float, float]:
    """Return the mean of scores, and their standard deviation (n - 1; 0 for one)."""
    return float(np.mean(scores)), float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0


def subsampled(fold: Fold, share: float, least: int, seed: int) -> Fold:
    """Return the fold with a seeded sample of its train part: `share` of its rows, `least` of them at least."""
    train = fold.parts.train
    count = max(least, math.ceil(len(train) * share))
    if count >= len(train):
        return fold
    chosen = np.sort(np.random.RandomState(seed).permutation(len(train))[:count])
    return replace(fold, parts=Parts(train[chosen], fold.parts.test))
