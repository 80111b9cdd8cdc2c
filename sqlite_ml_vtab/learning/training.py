"""Training: split, encode, fit, evaluate, and take the portable form if it answers as the estimator does."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import Role
from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.algorithms.dummy import DUMMY
from sqlite_ml_vtab.learning.columns import Wish
from sqlite_ml_vtab.learning.conformal import Classes, Numbers, folds_of, intervals, sets
from sqlite_ml_vtab.learning.decisions import bend_target, costs, decide, transform_target
from sqlite_ml_vtab.learning.estimator import Estimator, check_finite, fit_estimator
from sqlite_ml_vtab.learning.features import Encoded, fit_encoder
from sqlite_ml_vtab.learning.memory import check_memory
from sqlite_ml_vtab.learning.metrics import MAIN, Measured, Realised, evaluate, per_class
from sqlite_ml_vtab.learning.parity import Form, portable_form
from sqlite_ml_vtab.learning.rows import MAX_NUMBER, TrainingRows
from sqlite_ml_vtab.learning.runs import Fitted, Plan, joined
from sqlite_ml_vtab.learning.sampling import sampled
from sqlite_ml_vtab.learning.splits import Parts, split_rows
from sqlite_ml_vtab.learning.targets import Target, read_target, row_weights
from sqlite_ml_vtab.portable import REFIT, Conformal, Golden, MatrixScores, Model, Scorer, to_bytes
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.inverse import INVERSES
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.values import Floats, iso

MAX_HOLDOUT = 10_000
"""So many test rows are kept with their predictions at most."""
GOLDEN_ROWS = 5


@dataclass(frozen=True, slots=True)
class Trained:
    """One target, learned from a train part."""

    plan: Plan
    """What was fitted: the plan that was asked for, but for a target that never changes."""
    target: Target
    encoded: Encoded
    estimator: Estimator
    inverse: tuple[str, tuple[float, ...]]
    """The way back to the target's unit, as `Model.inverse`."""


def fit(rows: TrainingRows, plan: Plan) -> Fitted:
    """Fit, evaluate and make portable what `plan` asks for, on `rows`.

    Raises TrainingError with what to do about it.
    """
    began = time.perf_counter()
    with quiet(plan):
        check_rows(rows)
        check_memory(rows, plan)
        parts = divide(rows, plan)
        fits = {
            name: evaluated(one, parts, train_part(one, plan, parts), began) for name, one in each_target(rows).items()
        }
        return joined(fits) if len(fits) > 1 else next(iter(fits.values()))


@contextmanager
def quiet(plan: Plan) -> Iterator[None]:
    """Hold a fit to its threads, and keep what libraries warn of from the user; what matters becomes a note."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(plan.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def divide(rows: TrainingRows, plan: Plan) -> Parts:
    """Return the train part, or the sample of it, and the test part, which all targets share."""
    codes = read_target(plan.task, rows).codes
    return sampled(split_rows(plan.split, rows, codes, plan.test_size, plan.seed), codes, plan)


def each_target(rows: TrainingRows) -> dict[str, TrainingRows]:
    """Return the rows with one target at a time, by its name."""
    return {name: replace(rows, targets={name: target}) for name, target in rows.targets.items()}


def train_part(rows: TrainingRows, plan: Plan, parts: Parts) -> Trained:
    """Learn the encoding of the train part, and fit the estimator to it; `rows` have one target."""
    whole = read_target(plan.task, rows)
    target = whole.of_part(parts.train)
    if plan.task == "regression" and target.is_constant(parts.train):
        plan, target = _constant_plan(plan), target.noted(parts.train, plan.name)
    weights = row_weights(rows, target, parts.train, plan.class_weight)
    chosen = plan.algorithm
    wants = (chosen.scale, chosen.takes_nan, chosen.codes, plan.seed, chosen.one_column, chosen.counts)
    wish = Wish(plan.task, len(target.labels), *wants)
    answers, inverse = transform_target(plan.target_transform, target.answers[parts.train])
    encoded = fit_encoder(rows.declared, rows.take(parts.train), answers, wish)
    if not encoded.encoder.width:
        raise TrainingError("every feature is NULL in every row of the train part. Insert rows with values.")
    return Trained(plan, target, encoded, fit_estimator(plan, encoded, answers, weights), inverse)


def _constant_plan(plan: Plan) -> Plan:
    """Return the plan whose model is the target's one number; an iterative algorithm only comes near it."""
    params = {"strategy": "median"}
    return replace(plan, name="dummy", algorithm=DUMMY["dummy"], hyperparams=params, target_transform=None)


def check_rows(rows: TrainingRows) -> None:
    """Raise TrainingError where there is nothing to learn from, or a number is too large to be learned."""
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


def evaluated(rows: TrainingRows, parts: Parts, trained_on: Trained, began: float) -> Fitted:
    """Return what came of a fit: the model, and how it does on the test part of `rows`."""
    plan, target, encoded, estimator = trained_on.plan, trained_on.target, trained_on.encoded, trained_on.estimator
    tested = encoded.encoder.matrix(rows.take(parts.test)) if len(parts.test) else np.empty((0, encoded.encoder.width))
    trained = encoded.encoder.matrix(rows.take(parts.train)) if encoded.is_cross_fitted else encoded.matrix
    form = portable_form(plan.algorithm, estimator, trained, tested, target)
    model = _model(trained_on, form)
    check_probabilities(plan, estimator)
    refitted = limited(estimator.scores, plan.threads) if form.family == REFIT else None
    scores = estimator.scores(tested) if len(tested) else np.empty((0, model.outputs))
    measured = measure(trained_on, scores, parts.test)
    conformal, realised = _conformal(rows, plan, parts, model, measured, tested, scores)
    model, measured = model._replace(conformal=conformal), replace(measured, realised=realised)
    model = _with_golden(model, rows, parts, refitted)
    metrics = evaluate(plan.task, measured) | per_class(measured, target.labels)
    return Fitted(
        model=model,
        refitted=(refitted,),
        scorer=form.scorer,
        metrics=metrics,
        baseline=baseline(plan.task, target, parts),
        holdout=_holdout(rows, parts, target, measured, plan.seed),
        rows_trained=len(parts.train),
        rows_tested=len(parts.test),
        seconds=time.perf_counter() - began,
        notes=(*target.notes, *parts.notes, *encoded.notes, *estimator.notes, *_lonely(measured)),
    )


def _model(trained: Trained, form: Form) -> Model:
    """Return the model before anything is known of how it does."""
    plan = trained.plan
    return Model(
        task=plan.task,
        encoder=trained.encoded.encoder,
        labels=trained.target.labels,
        family=form.family,
        parameters=form.parameters,
        golden=Golden((), ()),
        costs=costs(trained.target.labels, plan.threshold, plan.cost),
        inverse=trained.inverse,
    )


def model_bytes(trained: Trained) -> int:
    """Return the size of the portable model, which is not compared with the estimator."""
    matrix = trained.encoded.matrix
    form = portable_form(trained.plan.algorithm, trained.estimator, matrix[:1], matrix[:0], trained.target)
    return len(to_bytes(_model(trained, form)))


def check_probabilities(plan: Plan, estimator: Estimator) -> None:
    """Raise TrainingError where a decision needs probabilities and the estimator has none."""
    if (plan.threshold is not None or plan.cost is not None) and not estimator.has_probabilities:
        option = "threshold" if plan.cost is None else "cost"
        raise TrainingError(
            f"algorithm {plan.name!r} gives no probabilities, which {option} needs. Add calibrate='sigmoid'."
        )


def limited(scores: MatrixScores, threads: int) -> MatrixScores:
    """Return `scores` held to so many threads also after the fit: OpenMP on busy cores can be 30 times slower."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()

    def limited(matrix: Floats) -> Floats:
        with controller.limit(limits=threads):
            return scores(matrix)

    return limited


def measure(trained: Trained, scores: Floats, places: np.ndarray[Any, Any]) -> Measured:
    """Decide as the model does by the estimator's own decision values of the rows at `places`."""
    if not len(places):
        return Measured(np.empty(0), np.empty(0), None)
    plan, target, estimator = trained.plan, trained.target, trained.estimator
    check_finite(plan, scores)
    truth = target.answers[places]
    if not target.labels:
        name, values = trained.inverse
        return Measured(truth, INVERSES[name].many(scores[:, 0], *values), None)
    if not estimator.has_probabilities:
        return Measured(truth, scores.argmax(axis=1), None)
    table = costs(target.labels, plan.threshold, plan.cost)
    said = decide(scores, table) if table.size else scores.argmax(axis=1)
    return Measured(truth, said, scores)


def _lonely(measured: Measured) -> tuple[str, ...]:
    """Return the note on test rows without an answer, as radius neighbours can leave them."""
    count = int(np.isnan(np.asarray(measured.predicted, dtype=np.float64)).sum())
    return (f"{count} rows of the test part have no prediction; the metrics leave them out",) if count else ()


def baseline(task: str, target: Target, parts: Parts) -> float | None:
    """Return the main metric of the commonest class of the train part, or of its mean."""
    trained, tested = target.answers[parts.train], target.answers[parts.test]
    if task == "classification":
        said = np.full(len(tested), np.bincount(trained).argmax())
    else:
        said = np.full(len(tested), trained.mean())
    return evaluate(task, Measured(tested, said, None), MAIN[task]).get(MAIN[task])


def _groups(rows: TrainingRows, parts: Parts) -> list[Any] | None:
    """Return the group of each row of the test part, None where none is declared."""
    groups = rows.sides.get(Role.GROUP)
    return None if groups is None else [groups[place] for place in parts.test.tolist()]


def _conformal(
    rows: TrainingRows,
    plan: Plan,
    parts: Parts,
    model: Model,
    measured: Measured,
    tested: Floats,
    scores: Floats,
) -> tuple[Conformal | None, Realised | None]:
    """Return what says how sure a prediction is, and how it does; None where no row was tested."""
    folds = folds_of(plan.split, _groups(rows, parts), len(tested), plan.seed)
    if model.labels and len(tested):
        ranked, has_probabilities = _ranked(model, measured, tested, scores), model.parameters["link"] != "none"
        return sets(Classes(measured.truth, measured.predicted, ranked, has_probabilities, folds), plan.confidence)
    answered = np.flatnonzero(np.isfinite(measured.predicted))
    if not len(answered):
        return None, None
    truth, centres = bend_target(model.inverse, measured.truth[answered]), scores[answered, 0]
    numbers = Numbers(tested[answered], truth, centres, model.inverse, folds[answered])
    return intervals(numbers, plan.confidence, plan.seed)


def _ranked(model: Model, measured: Measured, tested: Floats, scores: Floats) -> Floats:
    """Return what the model ranks labels by: probabilities, or its decision values where the estimator only votes."""
    link = model.parameters["link"]
    if model.family == REFIT or (link != "none" and measured.probabilities is not None):
        return scores
    with np.errstate(all="ignore"):
        return LINKS[link].many(FAMILIES[model.family].scores(model.parameters, tested))


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
    raw = tuple(raw_row(rows, int(place)) for place in places)
    scorer = Scorer(model, refitted)
    scores = tuple(tuple(float(value) for value in scorer.one(row)[1]) for row in raw)
    return model._replace(golden=Golden(raw, scores))


def raw_row(rows: TrainingRows, place: int) -> tuple[Any, ...]:
    """Return the features of one row as a prediction would be given them."""
    values = []
    for kind, column in zip(rows.kinds, rows.features, strict=True):
        value = column[place]
        if kind in ("CATEGORY", "WORDS"):
            values.append(value)
        elif math.isnan(value):
            values.append(None)
        else:
            values.append(iso(float(value)) if kind == "DATE" else float(value))
    return tuple(values)
