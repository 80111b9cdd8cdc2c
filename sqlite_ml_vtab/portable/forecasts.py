"""A forecasting model: ordinary models over the features of a recipe, and the loop that walks ahead with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable import codec
from sqlite_ml_vtab.portable.families.base import MatrixScores, require
from sqlite_ml_vtab.portable.lags import MAX_WIDTH, Recipe, change, prepare
from sqlite_ml_vtab.portable.model import REFIT, Model, model_from_tree, model_tree
from sqlite_ml_vtab.portable.scoring import Scorer
from sqlite_ml_vtab.portable.steps import Step
from sqlite_ml_vtab.portable.values import Column, Floats

STRATEGIES = ("recursive", "direct")
MAX_HORIZON = 10_000

Answers: TypeAlias = Callable[[list[Column]], Floats]
"""Feature columns of n values each to the answers, (n,)."""


@dataclass(frozen=True, slots=True)
class ForecastModel:
    """A trained version of a forecast in its portable form."""

    target: str
    order: str
    """The name of the ORDER column."""
    groups: tuple[str, ...]
    """The names of the GROUP columns, which tell the series apart."""
    step: Step
    recipe: Recipe
    season: int
    """So many steps make a season; 1 for none."""
    horizon: int
    """So many steps were walked ahead when it was tested."""
    strategy: str
    """``recursive``: one model, which goes on from its own answers. ``direct``: one model for each step ahead."""
    models: tuple[Model, ...]
    widths: Floats
    """Shape (horizon,): half the width of the interval so many steps ahead, never falling; in units of `change`
    where there are several series. NaN where too little was tested."""

    @property
    def task(self) -> str:
        """``forecast``."""
        return "forecast"

    @property
    def family(self) -> str:
        """The family of all, or REFIT where one has no portable form."""
        families = {model.family for model in self.models}
        return REFIT if REFIT in families else self.models[0].family

    @property
    def features(self) -> list[tuple[str, str]]:
        """The name and the kind of each feature: of the recipe, of the series, and the declared ones."""
        return self.models[0].features

    @property
    def declared(self) -> list[tuple[str, str]]:
        """The name and the kind of each feature that was declared."""
        return self.features[len(self.recipe.features()) + len(self.groups) :]


def forecast_tree(model: ForecastModel) -> dict[str, Any]:
    """Return what is stored of `model`.

    Raises ModelError for one that `forecast_from_tree` would refuse.
    """
    _validate(model)
    names = ("target", "order", "groups", "season", "horizon", "strategy", "widths")
    return {name: getattr(model, name) for name in names} | {
        "step": asdict(model.step),
        "recipe": asdict(model.recipe),
        "models": [model_tree(one) for one in model.models],
    }


_KEYS = {"target", "order", "groups", "season", "horizon", "strategy", "widths", "step", "recipe", "models"}


def forecast_from_tree(tree: Any) -> ForecastModel:
    """Return the model that a decoded header holds, wholly checked; raise ModelError for everything else."""
    require(tree.keys() == _KEYS, "keys")
    step, recipe = tree["step"], tree["recipe"]
    require(isinstance(step, dict) and step.keys() == set(Step.__dataclass_fields__), "the step")
    require(isinstance(recipe, dict) and recipe.keys() == set(Recipe.__dataclass_fields__), "the recipe")
    lists = (tree["groups"], tree["models"], recipe["lags"], recipe["means"], recipe["parts"])
    require(all(isinstance(value, list) for value in lists) and len(tree["models"]) <= MAX_HORIZON, "lists")
    tuples = {name: tuple(recipe[name]) for name in ("lags", "means", "parts")}
    model = ForecastModel(
        **{name: tree[name] for name in ("target", "order", "season", "horizon", "strategy", "widths")},
        groups=tuple(tree["groups"]),
        step=Step(**step),
        recipe=Recipe(**recipe | tuples),
        models=tuple(map(model_from_tree, tree["models"])),
    )
    _validate(model)
    return model


def _validate(model: ForecastModel) -> None:
    require(all(isinstance(name, str) for name in (model.target, model.order, *model.groups)), "names")
    model.step.validate()
    model.recipe.validate()
    require(type(model.season) is int and 1 <= model.season <= MAX_WIDTH, "the season")
    require(type(model.horizon) is int and 1 <= model.horizon <= MAX_HORIZON, "the horizon")
    require(isinstance(model.strategy, str) and model.strategy in STRATEGIES, "the strategy")
    require(len(model.models) == (model.horizon if model.strategy == "direct" else 1), "the number of models")
    expected = [*model.recipe.features(), *((name, "CATEGORY") for name in model.groups)]
    for one in model.models:
        require(one.task == "regression" and one.inverse[0] == "none", "a model of another task")
        require(one.features[: len(expected)] == expected and one.features == model.features, "the features")
    widths = model.widths
    require(isinstance(widths, np.ndarray) and widths.dtype == np.float64, "the widths")
    require(widths.shape == (model.horizon,) and not np.isinf(widths).any(), "the widths")
    known = widths[~np.isnan(widths)]
    require((known >= 0).all() and (np.diff(known) >= 0).all() and len(known) in (0, len(widths)), "the widths")


@dataclass(frozen=True, slots=True)
class Walk:
    """What is known of n series, and what of their next steps: all that a forecast needs."""

    histories: Sequence[Floats]
    """The values of each series on its steps up to the one before the first that is asked for, NaN for gaps."""
    keys: Sequence[tuple[Any, ...]]
    """The text of each GROUP column, or None, of each series."""
    times: Floats
    """Shape (n, steps): when the next steps are."""
    declared: Sequence[Column]
    """Each declared feature at the next steps, shape (n, steps)."""
    scales: Floats
    """Shape (n,): see `change`; 1 where there is one series only."""


def walk(recipe: Recipe, answers: Sequence[Answers], about: Walk) -> Floats:
    """Return the forecasts (n, steps) of the next steps.

    With one of `answers` each step goes on from the answer before it. With several, each answers so many steps
    ahead of what is known, and behind the last they begin anew from the forecasts.
    """
    width, count = recipe.width, about.times.shape[1]
    known = np.full((len(about.histories), width + count), np.nan)
    for row, history in zip(known, about.histories, strict=True):
        tail = history[-width:]
        row[width - len(tail) : width] = tail
    groups = columns_of(about.keys)
    for ahead in range(count):
        begin = ahead - ahead % len(answers)
        prepared = prepare(recipe, known[:, begin : begin + width], about.times[:, ahead], about.scales)
        declared = [column[:, ahead] for column in about.declared]
        found = answers[ahead % len(answers)]([*prepared.columns, *groups, *declared])
        known[:, width + ahead] = prepared.value(found)
    return np.asarray(known[:, width:])


def columns_of(keys: Sequence[tuple[Any, ...]]) -> list[Column]:
    """Return the keys of n series as a column of (n,) objects for each GROUP column."""
    columns = []
    for values in zip(*keys, strict=True):
        column = np.empty(len(values), dtype=object)
        column[:] = values
        columns.append(column)
    return columns


class Forecaster:
    """Answers for one forecasting model. Holds no connection; safe to share between threads."""

    def __init__(self, model: ForecastModel, refitted: Sequence[MatrixScores | None]) -> None:
        """Make `model` ready; `refitted` has an entry for each of its models."""
        self.model = model
        self._scorers = [Scorer(one, scores) for one, scores in zip(model.models, refitted, strict=True)]
        encodings = model.models[0].encoder.columns[len(model.recipe.features()) :][: len(model.groups)]
        self._seen = [set(encoding.categories) for encoding in encodings]

    def scale(self, history: Floats) -> float:
        """Return the unit in which a series with this history is answered, and its interval given."""
        return change(history, self.model.season) if self.model.groups else 1.0

    def forecast(self, about: Walk) -> Floats:
        """Return the forecasts (n, steps)."""
        return walk(self.model.recipe, [_answers(scorer) for scorer in self._scorers], about)

    def width(self, ahead: int) -> float | None:
        """Return half the width of the interval so many steps ahead, in units of `scale`; None where none was tested.

        Beyond what was tested it grows as the error of a random walk does, with the root of the distance.
        """
        horizon = self.model.horizon
        found = float(self.model.widths[min(ahead, horizon) - 1])
        if math.isnan(found):
            return None
        return found if ahead <= horizon else found * math.sqrt(ahead / horizon)

    def warning(self, history: Floats, key: Sequence[Any], ahead: int) -> str | None:
        """Return why to distrust a forecast, None where nothing speaks against it."""
        found = []
        for name, value, seen in zip(self.model.groups, key, self._seen, strict=True):
            if value is not None and value not in seen:
                found.append(f"{name}: {value!r} was not seen in training")
        width = self.model.recipe.width
        known = int(np.isfinite(history[-width:]).sum())
        if known < width:
            found.append(f"{known} of the {width} steps it looks back at are known")
        if ahead > self.model.horizon:
            found.append(f"{ahead} steps ahead, and it was tested for {self.model.horizon}")
        return "; ".join(found) or None


def _answers(scorer: Scorer) -> Answers:
    return lambda columns: np.array(scorer.values(scorer.scores(columns)), dtype=np.float64)


def forecast_bytes(model: ForecastModel) -> bytes:
    """Return the bytes that stand for `model` in the database."""
    return codec.encode(forecast_tree(model))
