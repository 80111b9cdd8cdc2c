"""Training: split, encode, fit, evaluate, and take the portable form if it answers as the estimator does."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.algorithms import Algorithm
from sqlite_ml_vtab.learning.estimator import Estimator, check_finite, fit_estimator
from sqlite_ml_vtab.learning.features import Encoded, Wish, fit_encoder
from sqlite_ml_vtab.learning.metrics import MAIN, Measured, evaluate
from sqlite_ml_vtab.learning.parity import portable_parameters
from sqlite_ml_vtab.learning.rows import MAX_NUMBER, TrainingRows
from sqlite_ml_vtab.learning.splits import Parts, split_rows
from sqlite_ml_vtab.learning.targets import Target, read_target, row_weights
from sqlite_ml_vtab.portable import REFIT, Golden, Model, Scorer
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.scoring import MatrixScores
from sqlite_ml_vtab.portable.values import Floats, iso

MAX_HOLDOUT = 10_000
"""So many test rows are kept with their predictions at most."""
GOLDEN_ROWS = 5
COVERAGE = 0.9
"""The share of hold-out residuals that lie inside the interval."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one training run was asked for, every default filled in."""

    task: str
    name: str
    """The algorithm's name."""
    algorithm: Algorithm
    hyperparams: Mapping[str, Any]
    """As the user wrote them."""
    test_size: float | int
    split: str
    seed: int
    class_weight: str | Mapping[str, float] | None
    threads: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a run."""

    model: Model
    refitted: MatrixScores | None
    """The estimator's own decision values, where the model has no portable form."""
    scorer: str
    """What will predict: ``portable: <family>``, or ``refit: <why>``."""
    metrics: Mapping[str, float]
    """By name; empty where nothing was tested."""
    holdout: tuple[tuple[int, Any, Any, float | None], ...]
    """(row id, truth, prediction, probability of the prediction) of a sample of the test part."""
    rows_trained: int
    rows_tested: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def score(self) -> float | None:
        """The main metric, None where nothing was tested."""
        return self.metrics.get(MAIN[self.model.task])


def fit(rows: TrainingRows, plan: Plan) -> Fitted:
    """Fit, evaluate and make portable what `plan` asks for, on `rows`.

    Raises TrainingError with what to do about it.
    """
    from threadpoolctl import threadpool_limits

    began = time.perf_counter()
    with threadpool_limits(plan.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _fit(rows, plan, began)


def _fit(rows: TrainingRows, plan: Plan, began: float) -> Fitted:
    _check_rows(rows)
    whole = read_target(plan.task, rows)
    parts = split_rows(plan.split, rows, whole.codes, plan.test_size, plan.seed)
    target = whole.of_part(parts.train)
    weights = row_weights(rows, target, parts.train, plan.class_weight)
    wish = Wish(plan.task, len(target.labels), plan.algorithm.scales, plan.algorithm.takes_nan, plan.seed)
    answers = target.answers[parts.train]
    encoded = fit_encoder(rows.names, rows.kinds, rows.take(parts.train), answers, wish)
    if not encoded.encoder.width:
        raise TrainingError("every feature is NULL in every row of the train part. Insert rows with values.")
    estimator = fit_estimator(plan, encoded.matrix, answers, weights)
    return _evaluated(rows, plan, parts, target, encoded, estimator, began)


def _check_rows(rows: TrainingRows) -> None:
    if not len(rows.ids):
        raise TrainingError("no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ...")
    numbers = [item for item in zip(rows.names, rows.kinds, rows.features, strict=True) if item[1] == "NUMBER"]
    for name, _, column in numbers:
        large = np.flatnonzero(np.abs(column) > MAX_NUMBER)
        if len(large):
            raise TrainingError(
                f"column {name!r} holds {column[large[0]]:g} in row {rows.ids[large[0]]}, too large to learn from. "
                "Store it in a larger unit, or NULL."
            )


def _evaluated(
    rows: TrainingRows,
    plan: Plan,
    parts: Parts,
    target: Target,
    encoded: Encoded,
    estimator: Estimator,
    began: float,
) -> Fitted:
    tested = encoded.encoder.matrix(rows.take(parts.test)) if len(parts.test) else np.empty((0, encoded.encoder.width))
    trained = encoded.encoder.matrix(rows.take(parts.train)) if encoded.is_cross_fitted else encoded.matrix
    parameters, scorer, notes = portable_parameters(plan.algorithm.family, estimator, trained, tested, target)
    measured = _measure(plan, estimator, tested, target, parts)
    model = Model(
        task=plan.task,
        encoder=encoded.encoder,
        labels=target.labels,
        family=REFIT if parameters is None else str(plan.algorithm.family),
        parameters={"link": estimator.link} if parameters is None else parameters,
        interval=_interval(plan.task, measured),
        golden=Golden((), ()),
    )
    refitted = _limited(estimator.scores, plan.threads) if parameters is None else None
    model = _with_golden(model, rows, parts, refitted)
    metrics = evaluate(plan.task, measured)
    return Fitted(
        model=model,
        refitted=refitted,
        scorer=scorer,
        metrics=metrics,
        holdout=_holdout(rows, parts, target, measured, plan.seed),
        rows_trained=len(parts.train),
        rows_tested=len(parts.test),
        seconds=time.perf_counter() - began,
        notes=(*target.notes, *parts.notes, *encoded.notes, *estimator.notes, *notes),
    )


def _limited(scores: MatrixScores, threads: int) -> MatrixScores:
    """Return `scores` held to so many threads also after the fit: OpenMP on busy cores can be 30 times slower."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()

    def limited(matrix: Floats) -> Floats:
        with controller.limit(limits=threads):
            return scores(matrix)

    return limited


def _measure(plan: Plan, estimator: Estimator, tested: Floats, target: Target, parts: Parts) -> Measured:
    if not len(parts.test):
        return Measured(np.empty(0), np.empty(0), None)
    scores = estimator.scores(tested)
    check_finite(plan, scores)
    link = LINKS[estimator.link]
    if not target.labels:
        return Measured(target.answers[parts.test], scores[:, 0], None)
    probabilities = None if estimator.link == "none" else link.many(scores)
    return Measured(target.answers[parts.test], scores.argmax(axis=1), probabilities)


def _interval(task: str, measured: Measured) -> float:
    """Return half the width of the interval that covers COVERAGE of hold-out residuals.

    Split conformal prediction (Lei et al. 2018, Distribution-Free Predictive Inference for Regression, algorithm 2).
    """
    count = len(measured.truth)
    if task != "regression" or not count:
        return math.nan
    residuals = np.sort(np.abs(measured.truth - measured.predicted))
    return float(residuals[min(count, math.ceil((count + 1) * COVERAGE)) - 1])


def _holdout(
    rows: TrainingRows, parts: Parts, target: Target, measured: Measured, seed: int
) -> tuple[tuple[int, Any, Any, float | None], ...]:
    """Return a seeded sample of the test rows, in row order."""
    count = len(parts.test)
    sample = np.arange(count)
    if count > MAX_HOLDOUT:
        sample = np.sort(np.random.RandomState(seed).permutation(count)[:MAX_HOLDOUT])
    found = []
    for place in sample.tolist():
        row = int(parts.test[place])
        said = measured.predicted[place]
        value = target.labels[int(said)] if target.labels else float(said)
        chance = None if measured.probabilities is None else float(measured.probabilities[place, int(said)])
        found.append((int(rows.ids[row]), rows.target[row], value, chance))
    return tuple(found)


def _with_golden(model: Model, rows: TrainingRows, parts: Parts, refitted: MatrixScores | None) -> Model:
    """Add a few training rows, spread over the train part, with the model's own answers."""
    places = parts.train[:: max(1, len(parts.train) // GOLDEN_ROWS)][:GOLDEN_ROWS]
    raw = tuple(_raw_row(rows, int(place)) for place in places)
    scorer = Scorer(model, refitted)
    scores = tuple(tuple(float(value) for value in scorer.one(row)[1]) for row in raw)
    return replace(model, golden=Golden(raw, scores))


def _raw_row(rows: TrainingRows, place: int) -> tuple[Any, ...]:
    """Return the features of one row as a prediction would be given them."""
    values = []
    for kind, column in zip(rows.kinds, rows.features, strict=True):
        value = column[place]
        if kind == "CATEGORY":
            values.append(value)
        elif math.isnan(value):
            values.append(None)
        else:
            values.append(iso(float(value)) if kind == "DATE" else float(value))
    return tuple(values)
