"""From stored rows to a stored version."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_ml_vtab.declaration import TASKS, Role, check_option
from sqlite_ml_vtab.declaration.options import AT_CREATE
from sqlite_ml_vtab.declaration.parse import check_components, check_split, check_task
from sqlite_ml_vtab.errors import (
    CommandError,
    DeclarationError,
    PredictorWarning,
)
from sqlite_ml_vtab.learning.algorithms import (
    DEFAULT_ALGORITHM,
    OPTION_PARAMS,
    Algorithm,
    check_features,
    check_hyperparams,
    check_option_params,
    find_algorithm,
)
from sqlite_ml_vtab.learning.chunks.incremental import check_incremental
from sqlite_ml_vtab.learning.fitting import fit as fit_rows
from sqlite_ml_vtab.learning.forecasts.forecasting import fit_forecast
from sqlite_ml_vtab.learning.forecasts.recipes import ForecastPlan
from sqlite_ml_vtab.learning.forecasts.series import AllRows
from sqlite_ml_vtab.learning.memory import check_count
from sqlite_ml_vtab.learning.rows import TrainingRows, collect, read_columns
from sqlite_ml_vtab.learning.runs import Fitted, Plan
from sqlite_ml_vtab.learning.splits import default_split
from sqlite_ml_vtab.portable import digest
from sqlite_ml_vtab.predictor.base import Predictor, as_json, now, shown_json
from sqlite_ml_vtab.predictor.digests import rows_digest
from sqlite_ml_vtab.predictor.incremental import InChunks, fit_anew, go_on
from sqlite_ml_vtab.predictor.kept import remember, stored_bytes
from sqlite_ml_vtab.predictor.series import forecast_options, forecast_plan, series_digest, series_rows
from sqlite_ml_vtab.store import versions
from sqlite_ml_vtab.store.reading import SLICE


def default_algorithm(task: str) -> str:
    """Return the algorithm that learns when none is named."""
    return DEFAULT_ALGORITHM[task]


def plan(predictor: Predictor, overrides: Mapping[str, Any]) -> Plan:
    """Return what a training run does: the declared options, `overrides` of this run, and every default.

    Raises CommandError with the legal choices.
    """
    declaration, host = predictor.declaration, predictor.host
    for name in AT_CREATE.keys() & overrides.keys():
        raise CommandError(AT_CREATE[name])
    try:
        chosen = {name: check_option(name, value) for name, value in overrides.items()}
        options = _merged(declaration.options, chosen)
        max_memory = _max_memory(predictor, options)
        if declaration.has_series:
            return forecast_plan(declaration, host, options)
        name, algorithm = find_algorithm(options.get("algorithm"), declaration.task, host.algorithms)
        options = _fitting(options, chosen, algorithm)
        check_hyperparams(name, declaration.task, host.algorithms, options.get("hyperparams", {}))
        check_features(name, algorithm, len(declaration.features))
        split = options.get("split") or default_split(declaration)
        check_split(declaration, split)
        check_task(declaration.task, options)
        check_incremental(name, declaration.task, options, declaration)
        check_option_params(name, algorithm, options)
        check_components(declaration, options)
    except DeclarationError as error:
        raise CommandError(*error.args) from None
    return Plan(
        task=declaration.task,
        name=name,
        algorithm=algorithm,
        hyperparams=options.get("hyperparams", {}),
        test_size=options.get("test_size", 0.25),
        split=split,
        seed=options.get("seed", 0),
        confidence=options.get("confidence", 0.9),
        threads=host.threads,
        algorithms=host.algorithms,
        max_memory=max_memory,
        **{name: options.get(name) for name in _DECISIONS},
    )


def _max_memory(predictor: Predictor, options: Mapping[str, Any]) -> int | None:
    """Return the lower of what the options and the host program allow; refuse rows that are too many even to read."""
    allowed = [size for size in (options.get("max_memory"), predictor.host.max_memory) if size is not None]
    if not allowed:
        return None
    if options.get("fit") != "incremental":
        predictor.rows.flush()
        columns = read_columns(predictor.declaration)
        targets = [column.name for column in predictor.declaration.targets]
        check_count(predictor.rows.reading().count(targets), len(columns), min(allowed))
    return min(allowed)


_DECISIONS = (
    *("class_weight", "threshold", "cost", "calibrate", "target_transform", "sample", "fit"),
    *("clusters", "contamination", "components"),
)
"""The options that a plan holds as they are, None where they were not written."""


def search_plan(predictor: Predictor, overrides: Mapping[str, Any]) -> Plan:
    """Return what a search fits: as `plan` has it, and whole, for folds divide rows that are in memory."""
    return plan(predictor, {**overrides, "fit": "whole"})


def plan_options(chosen: Plan) -> dict[str, Any]:
    """Return the options that make `plan` return `chosen` again."""
    if isinstance(chosen, ForecastPlan):
        return forecast_options(chosen)
    options = {
        "algorithm": chosen.name,
        "hyperparams": chosen.hyperparams,
        "test_size": chosen.test_size,
        "split": chosen.split,
        "seed": chosen.seed,
        "confidence": chosen.confidence,
    }
    options = {name: value for name, value in options.items() if name not in TASKS[chosen.task].lacks}
    return options | {name: value for name in _DECISIONS if (value := getattr(chosen, name)) is not None}


def _merged(declared: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return both together; declared hyperparameters belong to the declared algorithm alone."""
    kept = dict(declared)
    if chosen.get("algorithm", kept.get("algorithm")) != kept.get("algorithm"):
        kept.pop("hyperparams", None)
    return kept | dict(chosen)


def _fitting(options: Mapping[str, Any], chosen: Mapping[str, Any], algorithm: Algorithm) -> dict[str, Any]:
    """Return `options` without declared ones that an algorithm chosen for this run has no use for: clusters, say."""
    if "algorithm" not in chosen:
        return dict(options)
    idle = OPTION_PARAMS.keys() - algorithm.option_params.keys() - chosen.keys() - {"components"}
    return {name: value for name, value in options.items() if name not in idle}


def stored_rows(predictor: Predictor, split: str) -> TrainingRows | AllRows:
    """Return what `fit` takes: the rows of `training_rows`, or of a forecast the series."""
    return series_rows(predictor) if predictor.declaration.has_series else training_rows(predictor, split)


def training_rows(predictor: Predictor, split: str) -> TrainingRows:
    """Return the stored rows that have a target, in time order where the split needs it."""
    declaration = predictor.declaration
    order = declaration.one(Role.ORDER)
    names = [column.name for column in read_columns(declaration)]
    by = order.name if order and split == "last" else None
    targets = [column.name for column in declaration.targets]
    predictor.rows.flush()
    return collect(declaration, predictor.rows.reading().chunks(names, targets, by, size=SLICE))


def fit(rows: TrainingRows | AllRows, chosen: Plan) -> Fitted:
    """Fit, evaluate and make portable what `chosen` asks for, on `rows`."""
    if isinstance(rows, AllRows):
        assert isinstance(chosen, ForecastPlan)
        return fit_forecast(rows, chosen)
    return fit_rows(rows, chosen)


def stored_digest(rows: TrainingRows | AllRows) -> str:
    """Return the SHA-256 of everything a fit sees of `rows`."""
    return series_digest(rows) if isinstance(rows, AllRows) else rows_digest(rows)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A fit that is not stored yet."""

    plan: Plan
    fitted: Fitted
    digest: str
    """Of the rows it was fitted on."""
    chunks: InChunks | None = None
    """How, where it was fitted in chunks."""


def attempt(predictor: Predictor, overrides: Mapping[str, Any]) -> Attempt:
    """Read the rows and fit; nothing is written. With `warm` among the overrides an earlier version goes on."""
    warm = overrides.get("warm", False)
    if not isinstance(warm, bool):
        raise CommandError(f"option 'warm' takes true or false, got {shown_json(warm)}.")
    chosen = plan(predictor, {name: value for name, value in overrides.items() if name != "warm"})
    if warm and predictor.declaration.has_series:
        raise CommandError("option 'warm' has no use here: a forecast goes on from new rows at once. Leave it out.")
    if warm or chosen.fit == "incremental":
        done = go_on(predictor, chosen, plan_options(chosen)) if warm else fit_anew(predictor, chosen)
        return Attempt(chosen, done.fitted, done.digest, done)
    rows = stored_rows(predictor, chosen.split)
    return Attempt(chosen, fit(rows, chosen), stored_digest(rows))


def train(predictor: Predictor, overrides: Mapping[str, Any], deploy_it: bool | None = None) -> int:
    """Fit, evaluate, store and perhaps deploy a version; return its number.

    `deploy_it` forces the deployment, or forbids it; with None the better score decides.
    """
    return land(predictor, attempt(predictor, overrides), deploy_it)


def is_unchanged(predictor: Predictor, made: Attempt) -> bool:
    """Return whether the rows are still those that an attempt was fitted on."""
    found = made.chunks.again() if made.chunks else stored_digest(stored_rows(predictor, made.plan.split))
    return found == made.digest


def land(predictor: Predictor, made: Attempt, deploy_it: bool | None) -> int:
    """Store what came of a run as the next version; deploy it if it should be; return its number."""
    return store_version(predictor, made, *_deployment(predictor, made.fitted, deploy_it))


def store_version(predictor: Predictor, made: Attempt, because: str, kept: Sequence[str]) -> int:
    """Store what came of a run as the next version, with the notes `kept`; return its number.

    `because` is why it is deployed, '' where it is not.
    """
    tables, fitted = predictor.tables, made.fitted
    number = versions.next_number(tables)
    notes = [*fitted.notes, *kept]
    blob = stored_bytes(predictor, fitted)
    versions.add(tables, _record(predictor, number, made, notes), digest(blob), blob)
    if made.chunks and made.chunks.state is not None:
        versions.put_state(tables, number, digest(blob), made.chunks.state)
    versions.add_metrics(tables, number, fitted.metrics)
    versions.add_holdout(tables, number, fitted.holdout)
    if because:
        versions.deploy(tables, number, because, now())
    remember(predictor, number, fitted, blob)
    say(predictor, notes)
    return number


def say(predictor: Predictor, notes: Iterable[str]) -> None:
    """Tell the user, as warnings that the program can silence."""
    for note in notes:
        warnings.warn(f"{predictor.tables.name}: {note}", PredictorWarning, stacklevel=2)


def _deployment(predictor: Predictor, fitted: Fitted, deploy_it: bool | None) -> tuple[str, list[str]]:
    """Return why the version is to be deployed ('' if it is not), and the note that says why it is not."""
    current = versions.deployed(predictor.tables)
    if deploy_it is not None:
        return ("train, deploy: true" if deploy_it else ""), []
    record = None if current is None else versions.find(predictor.tables, current)
    if record is None:
        return "train: first version", []
    if fitted.score is None or not isinstance(record.score, float):
        return "train: not tested" if fitted.score is None else "train: the deployed version was not tested", []
    if fitted.score > record.score:
        return f"train: score {fitted.score:.6g} beats {record.score:.6g}", []
    note = (
        f"not deployed: score {fitted.score:.6g} is not better than {record.score:.6g} of version {current}; "
        """force it with {"deploy": true}"""
    )
    return "", [note]


def environment(predictor: Predictor, chosen: Plan) -> str:
    """Return the versions of all that makes a model of `chosen`, as JSON."""
    from sqlite_ml_vtab.learning.estimator import library_versions, used_algorithms

    extras = {algorithm.extra for algorithm in used_algorithms(chosen)} - {""}
    return as_json({"sqlite_ml_vtab": predictor.host.release, **library_versions(extras)})


def _record(predictor: Predictor, number: int, made: Attempt, notes: Sequence[str]) -> versions.Version:
    chosen, fitted = made.plan, made.fitted
    options = plan_options(chosen) | ({"passes": made.chunks.passes} if made.chunks else {})
    return versions.Version(
        version=number,
        algorithm=chosen.name,
        hyperparams=as_json(chosen.hyperparams),
        options=as_json(options),
        seed=chosen.seed,
        rows_trained=fitted.rows_trained,
        rows_tested=fitted.rows_tested,
        score=fitted.score,
        baseline=fitted.baseline,
        seconds=round(fitted.seconds, 6),
        created_at=now(),
        environment=environment(predictor, chosen),
        scorer=fitted.scorer,
        notes=as_json(notes),
        rows_digest=made.digest,
    )
