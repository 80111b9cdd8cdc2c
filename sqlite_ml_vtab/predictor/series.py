"""What a forecast is trained on, and what it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlite_ml_vtab.declaration import Declaration
from sqlite_ml_vtab.declaration.parse import check_task
from sqlite_ml_vtab.declaration.series_options import SERIES_OPTIONS
from sqlite_ml_vtab.learning.algorithms import DEFAULT_ALGORITHM, check_hyperparams, find_algorithm
from sqlite_ml_vtab.learning.forecasts.recipes import ForecastPlan
from sqlite_ml_vtab.learning.forecasts.series import AllRows, collect, read_columns
from sqlite_ml_vtab.predictor.base import Host, Predictor
from sqlite_ml_vtab.store import series

_KEPT = ("confidence", *SERIES_OPTIONS)


def forecast_plan(declaration: Declaration, host: Host, options: Mapping[str, Any]) -> ForecastPlan:
    """Return what a training run does, from its checked `options`.

    Raises DeclarationError with the legal choices.
    """
    check_task(declaration.task, options)
    task, asked = declaration.learner, options.get("algorithm")
    name, algorithm = find_algorithm(asked, task, host.algorithms, DEFAULT_ALGORITHM[declaration.task])
    check_hyperparams(name, task, host.algorithms, options.get("hyperparams", {}))
    return ForecastPlan(
        task=task,
        name=name,
        algorithm=algorithm,
        hyperparams=options.get("hyperparams", {}),
        test_size=0,
        split="last",
        seed=options.get("seed", 0),
        threads=host.threads,
        class_weight=None,
        algorithms=host.algorithms,
        **{name: options[name] for name in _KEPT if name in options},
    )


def forecast_options(plan: ForecastPlan) -> dict[str, Any]:
    """Return the options with which a run can be repeated."""
    chosen = {"algorithm": plan.name, "hyperparams": plan.hyperparams, "seed": plan.seed}
    defaults = {field.name: field.default for field in fields(ForecastPlan)}
    return chosen | {name: value for name in _KEPT if (value := getattr(plan, name)) != defaults[name]}


def series_rows(
    predictor: Predictor, of: Mapping[str, Any] | None = None, kinds: Mapping[str, str] | None = None
) -> AllRows:
    """Return the stored rows, or those of one series; see `learning.series.collect` for `kinds`."""
    declaration = predictor.declaration
    predictor.rows.flush()
    names = [column.name for column in read_columns(declaration)]
    return collect(declaration, series.read(predictor.tables, declaration.columns, names, of), kinds)


def series_digest(rows: AllRows) -> str:
    """Return the SHA-256 of everything a fit sees of `rows`."""
    state = hashlib.sha256(repr(rows.declared).encode())
    for one in rows.series:
        state.update(repr(one.key).encode() + one.ids.tobytes() + one.times.tobytes() + one.values.tobytes())
        for column in one.features:
            # The bytes of an array of text are addresses.
            state.update(repr(column.tolist()).encode() if column.dtype == object else column.tobytes())
    return state.hexdigest()
