"""What is chosen for a forecast where its options leave it open: season, horizon, lags, and how long it is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.forecasts.series import Series
from sqlite_ml_vtab.learning.forecasts.steps import season_of
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.portable.encoder import DAY
from sqlite_ml_vtab.portable.lags import Recipe
from sqlite_ml_vtab.portable.steps import Step

MIN_EXAMPLES = 5
"""So many steps at least are learned from, beside those that are looked back at and tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPlan(Plan):
    """What a forecast was asked for; 'auto' where the rows decide."""

    horizon: int | str = "auto"
    step: float | str = "auto"
    season: int | str = "auto"
    lags: Sequence[int] | str = "auto"
    difference: str = "last"
    calendar: str = "auto"
    strategy: str = "recursive"
    confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows and the plan decide together."""

    recipe: Recipe
    season: int
    horizon: int
    tested: int
    """So many last steps of each series are the test part."""


def choose(plan: ForecastPlan, series: Sequence[Series], step: Step) -> Shape:
    """Return the shape of a forecast for `series`.

    Raises TrainingError with how many steps are needed.
    """
    lengths = [len(one.values) for one in series]
    # Of many series the typical one decides, where it can be learned from, else the longest.
    shape = next(
        (found for count in (int(np.median(lengths)), max(lengths)) if (found := _fitting(plan, step, count, lengths))),
        None,
    )
    if shape is None:
        raise _too_short(plan, step, max(lengths))
    season, horizon, tested, lags, over = shape
    recipe = Recipe(
        lags=lags,
        means=(),
        parts=_parts(step, series) if plan.calendar == "auto" and step.has_dates else (),
        level=plan.difference,
        over=over,
        fills=not plan.algorithm.takes_nan,
    )
    return Shape(recipe, season, horizon, tested)


_Numbers = tuple[int, int, int, tuple[int, ...], int]
"""Season, horizon, tested steps, lags, and over how many steps the level is taken."""


def _fitting(plan: ForecastPlan, step: Step, count: int, lengths: Sequence[int]) -> _Numbers | None:
    """Return the numbers for series of `count` steps, None where they leave too little to learn from."""
    numbers = _numbers(plan, step, count)
    used = _used(plan, numbers)
    return numbers if sum(max(0, length - used) for length in lengths) >= MIN_EXAMPLES else None


def _numbers(plan: ForecastPlan, step: Step, count: int) -> _Numbers:
    season = plan.season if isinstance(plan.season, int) else season_of(step)
    if plan.season == "auto" and count < 3 * season:
        season = 1
    usual = min(season if season > 1 else 12, max(1, count // 6))
    horizon = plan.horizon if isinstance(plan.horizon, int) else usual
    tested = max(horizon, min(max(2 * horizon, count // 4), count // 3))
    lags = _lags(season, count - tested) if isinstance(plan.lags, str) else tuple(plan.lags)
    return season, horizon, tested, lags, season if season > 1 else min(max(lags), 12)


def _lags(season: int, count: int) -> tuple[int, ...]:
    """Return the last steps and those around a season before, of which a third of the series must leave room."""
    near = min(season if 1 < season <= 24 else 8, max(1, count // 3))
    around = [lag for lag in (season - 1, season, season + 1, 2 * season) if season > 1 and 4 * lag <= count]
    return tuple(sorted({*range(1, near + 1), *around}))


def _used(plan: ForecastPlan, numbers: _Numbers) -> int:
    """Return how many steps of a series are looked back at, tested, or too near its end to learn from."""
    _, horizon, tested, lags, over = numbers
    return max(*lags, over) + tested + (horizon - 1 if plan.strategy == "direct" else 0)


def _too_short(plan: ForecastPlan, step: Step, longest: int) -> TrainingError:
    counts = range(longest + 1, 100_000)
    needed = next((count for count in counts if _fitting(plan, step, count, [count])), longest)
    season, horizon, _, lags, _ = _numbers(plan, step, needed)
    back = max(*lags, season) if season > 1 else max(lags)
    return TrainingError(
        f"the longest series has {longest} step{'s' * (longest != 1)}, and looking {back} back and {horizon} ahead "
        f"needs {needed}. Insert more rows, or ask for less with lags, season and horizon."
    )


_CYCLES = {"hour": (DAY, 3600.0), "weekday": (7 * DAY, DAY), "month": (366 * DAY, 31 * DAY)}
"""By part of a date, how long its round lasts, and the longest step at which it says something."""


def _parts(step: Step, series: Sequence[Series]) -> tuple[str, ...]:
    """Return the parts of a date that are features: two rounds of each must be known, else it says what the level does.

    The month of a step of months, and the hour of a step of days, never change or say what the lags do.
    """
    longest = max(len(one.values) for one in series) * step.length
    working = step.unit == "business_day"
    return tuple(
        part
        for part, (cycle, most) in _CYCLES.items()
        if step.length <= most and 2 * cycle <= longest and not (working and part == "hour")
    )
