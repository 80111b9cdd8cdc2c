"""Forecasting: any regression algorithm, fitted on lags, tested by a rolling origin, made portable."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.columns import Feature, Wish
from sqlite_ml_vtab.learning.estimator import Estimator, fit_estimator
from sqlite_ml_vtab.learning.features import Encoded, fit_encoder
from sqlite_ml_vtab.learning.forecasts.backtest import Tested, evaluate, interval_widths, roll
from sqlite_ml_vtab.learning.forecasts.recipes import ForecastPlan, Shape, choose
from sqlite_ml_vtab.learning.forecasts.series import AllRows, Series, check_known, key_text, moved, on_steps
from sqlite_ml_vtab.learning.forecasts.steps import find_step
from sqlite_ml_vtab.learning.parity import Form, portable_form
from sqlite_ml_vtab.learning.runs import Fitted
from sqlite_ml_vtab.learning.targets import Target
from sqlite_ml_vtab.learning.training import GOLDEN_ROWS, MAX_HOLDOUT, limited
from sqlite_ml_vtab.portable import REFIT, Golden, MatrixScores, Model, Scorer
from sqlite_ml_vtab.portable.forecasts import Answers, ForecastModel, columns_of
from sqlite_ml_vtab.portable.lags import change, prepare
from sqlite_ml_vtab.portable.steps import Step, in_words
from sqlite_ml_vtab.portable.values import Column, Floats, iso


@dataclass(frozen=True, slots=True)
class Course:
    """What every fit of one training run shares."""

    plan: ForecastPlan
    shape: Shape
    step: Step
    series: tuple[Series, ...]
    features: tuple[Feature, ...]
    """All features: of the recipe, the GROUP columns, and the declared ones."""
    target: str
    order: str
    groups: tuple[str, ...]
    """The names of these columns."""

    @property
    def aheads(self) -> range:
        """How many steps behind the next one each model answers."""
        return range(self.shape.horizon if self.plan.strategy == "direct" else 1)


@dataclass(frozen=True, slots=True)
class Examples:
    """The windows that one model learns from."""

    columns: list[Column]
    answers: Floats


@dataclass(frozen=True, slots=True)
class Learned:
    """One model, fitted."""

    encoded: Encoded
    estimator: Estimator
    examples: Examples


def fit_forecast(rows: AllRows, plan: ForecastPlan) -> Fitted:
    """Fit, test and make portable the forecast that `plan` asks for, on `rows`.

    Raises TrainingError with what to do about it.
    """
    from threadpoolctl import threadpool_limits

    began = time.perf_counter()
    with threadpool_limits(plan.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        course = _course(rows, plan)
        notes = _notes(rows, course)
        tested = _tested(course)
        whole = [_fit(course, 0, ahead) for ahead in course.aheads]
        return _fitted(course, tested, whole, notes, began)


def _course(rows: AllRows, plan: ForecastPlan) -> Course:
    if not rows.count:
        raise TrainingError("there are no rows. Insert rows first: INSERT INTO ... SELECT ... FROM ...")
    step = find_step(rows, plan.step)
    series = [found for one in rows.series if (found := on_steps(rows, one, step))]
    if not series:
        raise TrainingError("no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ...")
    check_known(series, step)
    shape = choose(plan, series, step)
    own = [*shape.recipe.features(), *((name, "CATEGORY") for name in rows.groups)]
    features = [Feature(name, kind) for name, kind in own]
    features += rows.declared
    if plan.algorithm.one_column and len(features) > 1:
        raise TrainingError(
            f"algorithm {plan.name!r} reads one feature, and the lags make more. Use another algorithm."
        )
    return Course(plan, shape, step, tuple(series), tuple(features), rows.target, rows.order, rows.groups)


def _notes(rows: AllRows, course: Course) -> list[str]:
    gaps = sum(int(np.isnan(one.values).sum()) for one in course.series)
    off = moved(rows, course.step)
    notes = [f"{gaps} steps of {in_words(course.step)} have no value"] if gaps else []
    notes += [f"{off} rows stand a little off the steps of {in_words(course.step)} and were moved"] if off else []
    if all(np.nanmax(one.values) == np.nanmin(one.values) for one in course.series):
        notes.append("the target never changes; there is nothing to learn")
    return notes


def _tested(course: Course) -> Tested:
    fitted = [_fit(course, course.shape.tested, ahead) for ahead in course.aheads]
    answers = [_answers(one) for one in fitted]
    return roll(course.series, course.shape, course.step, answers, bool(course.groups))


def _answers(learned: Learned) -> Answers:
    return lambda columns: learned.estimator.answers(learned.encoded.encoder.matrix(columns))


def _fit(course: Course, left_out: int, ahead: int) -> Learned:
    """Fit the model for so many steps behind the next one, on all but the last `left_out` steps of each series."""
    examples = _examples(course, left_out, ahead)
    plan, chosen = course.plan, course.plan.algorithm
    wants = (chosen.scale, chosen.takes_nan, chosen.codes, plan.seed, chosen.one_column, chosen.counts)
    wish = Wish("regression", 0, *wants)
    encoded = _with_least_scale(fit_encoder(course.features, examples.columns, examples.answers, wish), course)
    return Learned(encoded, fit_estimator(plan, encoded, examples.answers, None), examples)


LEAST_SCALE = 0.01
"""A lag is not blown up more than the lag that varies most, times one over this."""


def _with_least_scale(encoded: Encoded, course: Course) -> Encoded:
    """Return the encoding with no lag, and no mean, divided by far less than the others: all are of one unit.

    A lag that hardly ever differs from the level, as the season's in a clean periodic series, would else be blown up
    until its rounding errors weighed as much as the others, and a recursion feeds them back to itself.
    """
    encoder, matrix = encoded.encoder, encoded.matrix
    own = {name for name, kind in course.shape.recipe.features() if kind == "NUMBER"}
    parts = [(column.name, part) for column in encoder.columns for part in (column.parts or [""] * column.width)]
    places = np.array([place for place, (name, part) in enumerate(parts) if name in own and part == "value"], dtype=int)
    varying = places[matrix[:, places].any(axis=0)]
    if encoder.is_unscaled or not len(varying):
        return encoded
    scale = encoder.scale.copy()
    scale[varying] = np.maximum(scale[varying], LEAST_SCALE * scale[varying].max())
    matrix[:, varying] *= encoder.scale[varying] / scale[varying]
    return replace(encoded, encoder=encoder._replace(scale=scale))


def _examples(course: Course, left_out: int, ahead: int) -> Examples:
    """Return the windows of every series, and what followed each; those whose truth is a gap are left out."""
    pieces = [_windows(course, one, len(one.values) - left_out, ahead) for one in course.series]
    pieces = [piece for piece in pieces if len(piece[-1])]
    if not pieces:
        raise TrainingError("too few steps have a value to learn from. Insert more rows, or ask for fewer lags.")
    columns = [np.concatenate(parts) for parts in zip(*(columns for columns, _ in pieces), strict=True)]
    return Examples(columns, np.concatenate([answers for _, answers in pieces]))


def _windows(course: Course, one: Series, stop: int, ahead: int) -> tuple[list[Column], Floats]:
    recipe = course.shape.recipe
    values = one.values[: max(0, stop)]
    count = len(values) - recipe.width - ahead
    if count < 1:
        return [], np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(values, recipe.width)[:count]
    places = np.arange(count) + recipe.width + ahead
    truth = values[places]
    kept = np.flatnonzero(~np.isnan(truth) & ~np.isnan(windows[:, -recipe.over :]).all(axis=1))
    places, scale = places[kept], change(values, course.shape.season) if course.groups else 1.0
    prepared = prepare(recipe, windows[kept], course.step.times(one.first + places), np.full(len(kept), scale))
    groups = columns_of([key_text(one.key)] * len(kept)) if course.groups and len(kept) else []
    columns = [*prepared.columns, *groups, *(column[places] for column in one.features)]
    return columns, prepared.target(truth[kept])


def _fitted(course: Course, tested: Tested, whole: list[Learned], notes: list[str], began: float) -> Fitted:
    plan, shape, scaled = course.plan, course.shape, bool(course.groups)
    widths, count = interval_widths(tested, plan.confidence, scaled)
    if count < math.ceil((count + 1) * plan.confidence):
        notes.append(f"the intervals rest on {count} errors a step, too few to hold {plan.confidence:g} of the truths")
    models, refitted, forms = zip(*(_portable(plan, one) for one in whole), strict=True)
    model = ForecastModel(
        target=course.target,
        order=course.order,
        groups=course.groups,
        step=course.step,
        recipe=shape.recipe,
        season=shape.season,
        horizon=shape.horizon,
        strategy=plan.strategy,
        models=models,
        widths=widths,
    )
    metrics = evaluate(tested, shape.season, plan.confidence, widths, scaled)
    if metrics.get("skill", 0.0) < 0:
        notes.append("a naive forecast, the last value or that of a season ago, does better on the test part")
    return Fitted(
        model=model,
        refitted=refitted,
        scorer=next((form.scorer for form in forms if form.family == REFIT), forms[0].scorer),
        metrics=metrics,
        baseline=0.0,
        holdout=_holdout(tested, plan.seed),
        rows_trained=len(whole[0].examples.answers),
        rows_tested=int(np.isfinite(tested.truth).sum()),
        seconds=time.perf_counter() - began,
        notes=(*notes, *dict.fromkeys(note for one in whole for note in (*one.encoded.notes, *one.estimator.notes))),
    )


def _portable(plan: ForecastPlan, learned: Learned) -> tuple[Model, MatrixScores | None, Form]:
    encoder, answers = learned.encoded.encoder, learned.examples.answers
    matrix = encoder.matrix(learned.examples.columns)
    target = Target((), answers, answers.tolist())
    form = portable_form(plan.algorithm, learned.estimator, matrix, np.empty((0, encoder.width)), target)
    refitted = limited(learned.estimator.scores, plan.threads) if form.family == REFIT else None
    model = Model(
        task="regression",
        encoder=encoder,
        labels=(),
        family=form.family,
        parameters=form.parameters,
        golden=Golden((), ()),
        costs=np.empty((0, 0)),
    )
    return model._replace(golden=_golden(model, learned.examples, refitted)), refitted, form


def _golden(model: Model, examples: Examples, refitted: MatrixScores | None) -> Golden:
    count = len(examples.answers)
    places = range(0, count, max(1, count // GOLDEN_ROWS))[:GOLDEN_ROWS]
    kinds = [kind for _, kind in model.features]
    rows = tuple(tuple(map(_raw, kinds, (column[place] for column in examples.columns))) for place in places)
    scorer = Scorer(model, refitted)
    return Golden(rows, tuple(tuple(float(value) for value in scorer.one(row)[1]) for row in rows))


def _raw(kind: str, value: Any) -> Any:
    """Return a value as a prediction would be given it."""
    if value is None or isinstance(value, str):
        return value
    if math.isnan(value):
        return None
    return iso(float(value)) if kind == "DATE" else float(value)


def _holdout(tested: Tested, seed: int) -> tuple[tuple[int, Any, Any, float | None], ...]:
    rows = sorted(tested.rows)
    if len(rows) > MAX_HOLDOUT:
        places = np.sort(np.random.RandomState(seed).permutation(len(rows))[:MAX_HOLDOUT])
        rows = [rows[place] for place in places.tolist()]
    return tuple((row, truth, said, None) for row, truth, said in rows)
