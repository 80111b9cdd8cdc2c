"""The recipe by which the past of a series becomes the features of its next step: the same to train and to predict.

A window is the last `width` values before a step, NaN where nothing is known. It has a level of its own, which is taken
off its values, and off the target too, so that an algorithm that cannot extrapolate can follow a trend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sqlite_ml_vtab.portable.families.base import require
from sqlite_ml_vtab.portable.steps import PARTS, calendar
from sqlite_ml_vtab.portable.values import Column, Floats

MAX_WIDTH = 10_000
"""So many steps may be looked back at most."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which features are made of a window."""

    lags: tuple[int, ...]
    """So many steps back, each a feature; 1 is the last known step."""
    means: tuple[int, ...]
    """The mean of so many last steps, each a feature."""
    parts: tuple[str, ...]
    """The parts of the date of the step that is predicted, of steps.PARTS, each a category."""
    level: str
    """A key of LEVELS."""
    over: int
    """The level is taken over so many last steps."""
    fills: bool
    """Whether gaps are filled inside the window; else they stay NaN."""

    @property
    def width(self) -> int:
        """How many steps back a window goes."""
        return max(*self.lags, *self.means, self.over)

    def features(self) -> list[tuple[str, str]]:
        """Return the name and the kind of each feature, in the order of `columns`."""
        lags = [(f"lag_{lag}", "NUMBER") for lag in self.lags]
        means = [(f"mean_{count}", "NUMBER") for count in self.means]
        return [*lags, *means, *((part, "CATEGORY") for part in self.parts)]

    def validate(self) -> None:
        """Raise ModelError unless this is a recipe."""
        counts = (*self.lags, *self.means, self.over)
        require(all(type(count) is int and 0 < count <= MAX_WIDTH for count in counts), "the lags")
        require(bool(self.lags) and len(set(self.lags)) == len(self.lags), "the lags")
        require(all(isinstance(part, str) and part in PARTS for part in self.parts), "the parts of the date")
        require(len(set(self.means)) == len(self.means) and len(set(self.parts)) == len(self.parts), "a feature twice")
        require(isinstance(self.level, str) and self.level in LEVELS, "the level")
        require(type(self.fills) is bool, "whether gaps are filled")


@dataclass(frozen=True, slots=True)
class Prepared:
    """The features of n windows, and how an answer leads back to the target's unit."""

    columns: list[Column]
    """As `Recipe.features` lists them."""
    level: Floats
    """Shape (n,): what was taken off; NaN where nothing in the window is known."""
    scale: Floats
    """Shape (n,): what the rest was divided by."""

    def target(self, values: Floats) -> Floats:
        """Return what is learned for the `values` (n,) that follow."""
        return np.asarray((values - self.level) / self.scale)

    def value(self, answers: Floats) -> Floats:
        """Return the values (n,) that the answers mean."""
        return np.asarray(self.level + answers * self.scale)


def prepare(recipe: Recipe, windows: Floats, times: Floats, scales: Floats) -> Prepared:
    """Return the features of `windows` (n, width) before the steps at `times` (n,).

    `scales` (n,) is the size of the changes of each window's series, 1 where there is one series only.
    """
    if recipe.fills:
        windows = filled(windows)
    level, scale = LEVELS[recipe.level](windows[:, -recipe.over :], scales)
    shifted = (windows - level[:, None]) / scale[:, None]
    lags = [shifted[:, -lag] for lag in recipe.lags]
    means = [_mean(shifted[:, -count:]) for count in recipe.means]
    return Prepared([*lags, *means, *calendar(times, recipe.parts)], level, scale)


def filled(windows: Floats) -> Floats:
    """Return windows whose gaps are filled: on a line between their neighbours, flat at the ends.

    Each window is filled from what it holds itself: a line drawn through the whole series would tell the future.
    """
    gaps = np.isnan(windows)
    rows = np.flatnonzero(gaps.any(axis=1) & ~gaps.all(axis=1))
    if not len(rows):
        return windows
    windows = windows.copy()
    places = np.arange(windows.shape[1])
    for row in rows.tolist():
        gap = gaps[row]
        windows[row, gap] = np.interp(places[gap], places[~gap], windows[row, ~gap])
    return windows


def _mean(values: Floats) -> Floats:
    """Return the mean of what is known in each row, NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _last(values: Floats) -> Floats:
    """Return the last that is known of each row, NaN where nothing is."""
    known = ~np.isnan(values)
    place = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.asarray(values[np.arange(len(values)), place])


def _none(values: Floats, scales: Floats) -> tuple[Floats, Floats]:
    return np.zeros(len(values)), np.ones(len(values))


def _from_last(values: Floats, scales: Floats) -> tuple[Floats, Floats]:
    return _last(values), scales


def _from_mean(values: Floats, scales: Floats) -> tuple[Floats, Floats]:
    return _mean(values), scales


def _as_ratio(values: Floats, scales: Floats) -> tuple[Floats, Floats]:
    """Return the last value as the level and the mean as the unit: what grows in proportion stays alike."""
    mean = _mean(values)
    return _last(values), np.where(mean > 0, mean, 1.0)


LEVELS: dict[str, Callable[[Floats, Floats], tuple[Floats, Floats]]] = {
    "none": _none,
    "last": _from_last,
    "mean": _from_mean,
    "ratio": _as_ratio,
}
"""By name: the last values of windows (n, over) and the scales of their series (n,) to level and unit, each (n,)."""


def change(values: Floats, season: int) -> float:
    """Return the mean distance of a series to itself a season before: the unit of MASE and of interval widths.

    Hyndman and Koehler 2006, Another look at measures of forecast accuracy. Where no two values are a season apart, the
    distance of neighbours; 1 for a series that never changes.
    """
    for lag in (season, 1):
        steps = np.abs(values[lag:] - values[:-lag])
        known = steps[~np.isnan(steps)]
        if len(known) and known.mean() > 0:
            return float(known.mean())
    return 1.0


def repeated(values: Sequence[float] | Floats, season: int, steps: int) -> Floats:
    """Return the last season of a series over and over, `steps` long; a gap has the value a season before it."""
    known = np.asarray(values, dtype=np.float64)
    last = np.full(season, np.nan)
    for back in range(1, len(known) // season + 2):
        part = known[max(0, len(known) - back * season) : max(0, len(known) - (back - 1) * season)]
        gap = np.isnan(last[season - len(part) :])
        last[season - len(part) :][gap] = part[gap]
        if not np.isnan(last).any():
            break
    return np.asarray(np.resize(last, steps))
