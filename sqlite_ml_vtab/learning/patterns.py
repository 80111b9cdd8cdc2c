"""Training without a target: encode all rows, find clusters, anomalies or components in them, and measure these.

Nothing is held out, for there is no truth to compare with: the metrics are those of the training rows themselves.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration.tasks import COMPONENTS
from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.columns import Wish
from sqlite_ml_vtab.learning.estimator import Estimator, fit_without_target
from sqlite_ml_vtab.learning.features import Encoded, fit_encoder
from sqlite_ml_vtab.learning.finders import Detector, Projector, cluster_count, count_params
from sqlite_ml_vtab.learning.memory import check_memory
from sqlite_ml_vtab.learning.metrics import Measured, evaluate
from sqlite_ml_vtab.learning.parity import Form, portable_form
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Fitted, Plan
from sqlite_ml_vtab.learning.targets import Target, row_weights
from sqlite_ml_vtab.learning.training import GOLDEN_ROWS, check_rows, limited, raw_row
from sqlite_ml_vtab.portable import LISTED, REFIT, Golden, MatrixScores, Model, Pattern, PatternScorer
from sqlite_ml_vtab.portable.pattern import row_digest
from sqlite_ml_vtab.portable.values import Floats

MAX_MEASURED = 10_000
"""So many rows are measured at most: a silhouette compares every row with every other."""

SLACK = 1e-12
"""So much, relatively, may a score exceed the threshold: rows at the very edge are no anomalies, however rounded."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in the rows."""

    estimator: Estimator | None
    """What answers for other rows, None where the algorithm does not."""
    labels: tuple[int, ...]
    """The clusters, from 0; empty for other tasks and where none can be given to another row."""
    pattern: Pattern
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """The rows, encoded, and what is to be found in them."""

    plan: Plan
    rows: TrainingRows
    """All n of them."""
    matrix: Floats
    """Shape (n, width)."""
    weights: Floats | None

    @property
    def sample(self) -> np.ndarray[Any, Any]:
        """The places of the rows that are measured: all, or a seeded sample in row order."""
        count = len(self.matrix)
        if count <= MAX_MEASURED:
            return np.arange(count)
        return np.sort(np.random.RandomState(self.plan.seed).permutation(count)[:MAX_MEASURED])


def fit(rows: TrainingRows, plan: Plan) -> Fitted:
    """Fit, measure and make portable what `plan` asks for, on all `rows`.

    Raises TrainingError with what to do about it.
    """
    from threadpoolctl import threadpool_limits

    began = time.perf_counter()
    with threadpool_limits(plan.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _check_count(rows, plan)
        encoded = _encoded(rows, plan)
        weights = row_weights(rows, Target((), np.empty(0), []), np.arange(len(rows.ids)), None)
        setting = Setting(plan, rows, encoded.matrix, weights)
        found = FINDERS[plan.task](setting)
        model, refitted, scorer = _modelled(rows, setting, encoded, found)
    return Fitted(
        model=model,
        refitted=(refitted,),
        scorer=scorer,
        metrics=found.metrics,
        baseline=None,
        holdout=(),
        rows_trained=len(rows.ids),
        rows_tested=0,
        seconds=time.perf_counter() - began,
        notes=(*encoded.notes, *found.notes),
    )


def _check_count(rows: TrainingRows, plan: Plan) -> None:
    count, limit = len(rows.ids), plan.algorithm.max_rows
    if not count:
        raise TrainingError("there is no row. Insert rows first: INSERT INTO ... SELECT ... FROM ...")
    if limit and count > limit:
        raise TrainingError(
            f"algorithm {plan.name!r} compares every row with every other, {limit} rows at most, got {count}. "
            "Use another algorithm, such as mini_batch_kmeans, or insert a sample of the rows."
        )
    check_rows(rows)
    check_memory(rows, plan)


def _encoded(rows: TrainingRows, plan: Plan) -> Encoded:
    chosen = plan.algorithm
    wants = (chosen.scale, chosen.takes_nan, chosen.codes, plan.seed, chosen.one_column)
    columns = rows.take(np.arange(len(rows.ids)))
    encoded = fit_encoder(rows.declared, columns, None, Wish(plan.task, 0, *wants, has_target=False))
    if not encoded.encoder.width:
        raise TrainingError("every feature is NULL in every row. Insert rows with values.")
    return encoded


# What is found


def _clusters(setting: Setting) -> Found:
    plan, matrix = setting.plan, setting.matrix
    params, notes = count_params(plan, matrix)
    fitted, went = fit_without_target(plan, params, matrix, setting.weights)
    notes += went
    said = np.asarray(fitted.labels_ if hasattr(fitted, "labels_") else fitted.predict(matrix)).astype(np.int64)
    asked, made = params.get(plan.algorithm.option_params.get("clusters", "")), len(set(said.tolist()) - {-1})
    if isinstance(asked, int) and made < asked:
        notes += (f"{asked} clusters were asked for, and {plan.name} finds {made} in these rows",)
    if (said < 0).all():
        notes += (f"every row is noise: {plan.name} found no cluster; change its hyperparams",)
    sample = setting.sample
    metrics = evaluate("clustering", Measured(matrix[sample], said[sample], None))
    if not hasattr(fitted, "predict"):
        notes += (f"{plan.name} places no new rows; it knows the clusters of the rows it was trained on",)
        return Found(None, (), _kept(setting, said), metrics, notes)
    count = cluster_count(fitted, said)
    if not count:
        raise TrainingError(f"algorithm {plan.name!r} found no cluster in these rows. Change its hyperparams.")
    estimator = Estimator(plan.name, fitted, count, (), hasattr(fitted, "predict_proba"), plan.algorithm.tolerance)
    return Found(estimator, tuple(range(count)), Pattern(), metrics, notes)


def _kept(setting: Setting, values: np.ndarray[Any, Any], threshold: float = 0.0) -> Pattern:
    """Return the pattern that keeps a value of each row, by its id, and what tells the row from others."""
    order = np.argsort(setting.rows.ids, kind="stable")
    ids = setting.rows.ids[order].astype("<i8")
    read = zip(*(column.tolist() for column in setting.rows.take(order)), strict=True)
    digests = np.fromiter(map(row_digest, read), dtype="<i8", count=len(ids))
    return Pattern(1, threshold, ids, values[order].astype(np.float64), digests)


def _anomalies(setting: Setting) -> Found:
    plan, matrix = setting.plan, setting.matrix
    asked = plan.contamination
    params = dict(plan.hyperparams)
    if asked not in (None, "auto"):
        params[plan.algorithm.option_params["contamination"]] = asked
    fitted, notes = fit_without_target(plan, params, matrix, setting.weights)
    if not hasattr(fitted, "score_samples") or not hasattr(fitted, "offset_"):
        raise TrainingError(f"algorithm {plan.name!r} cannot score new rows. Leave 'novelty' out of hyperparams.")
    estimator = Detector(plan.name, fitted, 0, (), has_probabilities=False, tolerance=plan.algorithm.tolerance)
    threshold = -float(np.ravel(fitted.offset_)[0])
    # A row is its own nearest neighbour where it is asked as a new one; the fit left it out.
    own = getattr(fitted, "negative_outlier_factor_", None)
    scores = estimator.answers(matrix) if own is None else -np.asarray(own)
    _check_finite(plan, np.append(scores, threshold))
    edge = threshold + SLACK * max(1.0, abs(threshold))
    metrics = evaluate("anomaly", Measured(np.full(len(scores), threshold), scores > edge, None))
    pattern = Pattern(threshold=edge) if own is None else _kept(setting, scores, edge)
    return Found(estimator, (), pattern, metrics, notes)


def _components(setting: Setting) -> Found:
    plan, matrix = setting.plan, setting.matrix
    count = plan.components or COMPONENTS
    if count > matrix.shape[1]:
        width = "1 column" if matrix.shape[1] == 1 else f"{matrix.shape[1]} columns"
        raise TrainingError(
            f"components is {count}, and the features become {width} of numbers. "
            "Create the table with fewer components, or with more features."
        )
    params = {**plan.hyperparams, plan.algorithm.option_params.get("components", "n_components"): count}
    fitted, notes = fit_without_target(plan, params, matrix, setting.weights)
    estimator = Projector(plan.name, fitted, 0, (), has_probabilities=False, tolerance=plan.algorithm.tolerance)
    found = estimator.scores(matrix[setting.sample])
    _check_finite(plan, found)
    if found.shape[1] != count:
        raise TrainingError(
            f"components is {count}, and {len(matrix)} rows give {found.shape[1]}. "
            "Insert more rows, or create the table with fewer components."
        )
    return Found(estimator, (), Pattern(count), _explained(fitted, matrix[setting.sample], found), notes)


def _check_finite(plan: Plan, found: np.ndarray[Any, Any]) -> None:
    if not np.isfinite(found).all():
        raise TrainingError(
            f"algorithm {plan.name!r} gives no finite number for these rows. Use another algorithm or hyperparams."
        )


def _explained(fitted: Any, matrix: Floats, found: Floats) -> dict[str, float]:
    """Return the metrics of a projection; the shares of its components where the estimator itself knows them."""
    rebuild = getattr(fitted, "inverse_transform", None)
    metrics = {} if rebuild is None else evaluate("projection", Measured(matrix, np.asarray(rebuild(found)), None))
    shares = np.asarray(getattr(fitted, "explained_variance_ratio_", []), dtype=np.float64)
    if len(shares) and np.isfinite(shares).all():
        each = {f"explained_variance_ratio[pc{place}]": float(share) for place, share in enumerate(shares, 1)}
        metrics |= {"explained_variance_ratio": float(shares.sum()), **each}
    return metrics


FINDERS: dict[str, Callable[[Setting], Found]] = {
    "clustering": _clusters,
    "anomaly": _anomalies,
    "projection": _components,
}
"""By task."""


# What is stored


def _modelled(
    rows: TrainingRows, setting: Setting, encoded: Encoded, found: Found
) -> tuple[Model, MatrixScores | None, str]:
    """Return the model, what answers for one without a portable form, and the words for how it answers."""
    plan, estimator = setting.plan, found.estimator
    form = Form(LISTED, {"link": "none"}, "listed: no new rows")
    if estimator is not None:
        target = Target(found.labels or (0,) * found.pattern.outputs, np.empty(0), [])
        nothing = np.empty((0, setting.matrix.shape[1]))
        form = portable_form(plan.algorithm, estimator, setting.matrix, nothing, target)
    model = Model(
        task=plan.task,
        encoder=encoded.encoder,
        labels=found.labels,
        family=form.family,
        parameters=form.parameters,
        golden=Golden((), ()),
        costs=np.empty((0, 0)),
        pattern=found.pattern,
    )
    refitted = limited(estimator.scores, plan.threads) if estimator and form.family == REFIT else None
    return (_with_golden(model, rows, refitted) if estimator else model), refitted, form.scorer


def _with_golden(model: Model, rows: TrainingRows, refitted: MatrixScores | None) -> Model:
    """Add a few rows, spread over all, with the model's own answers."""
    places = np.arange(len(rows.ids))[:: max(1, len(rows.ids) // GOLDEN_ROWS)][:GOLDEN_ROWS]
    raw = tuple(raw_row(rows, int(place)) for place in places)
    scorer = PatternScorer(model, refitted)
    scores = tuple(tuple(map(float, scorer.one(row)[1])) for row in raw)
    return model._replace(golden=Golden(raw, scores))
