"""The test of a forecast by a rolling origin: fitted on all but the last steps, it walks ahead from each of these.

Hyndman and Athanasopoulos 2021, Forecasting: principles and practice, section 5.10, with one fit for all origins: the
history grows, the model stays. So each horizon has many errors, from which the intervals are taken, for the cost of one
fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.learning.forecasts.recipes import Shape
from sqlite_ml_vtab.learning.forecasts.series import Series, key_text
from sqlite_ml_vtab.portable.forecasts import Answers, Walk, walk
from sqlite_ml_vtab.portable.lags import change, repeated
from sqlite_ml_vtab.portable.steps import Step
from sqlite_ml_vtab.portable.values import Floats

MAX_WALKS = 5_000
"""From so many origins, of all series together, it walks at most."""


@dataclass(frozen=True, slots=True)
class Tested:
    """N walks of H steps, from the origins of all series."""

    truth: Floats
    """Shape (N, H); NaN for a gap."""
    said: Floats
    naive: Floats
    """What the last known value says."""
    seasonal: Floats
    """What the season before says; as `naive` where there is no season."""
    unit: Floats
    """Shape (N,): the unit of MASE, from the part before the test."""
    later: np.ndarray[Any, np.dtype[np.bool_]]
    """Shape (N,): whether the origin is in the later half of its series' origins."""
    rows: tuple[tuple[int, float, float], ...]
    """(row id, truth, prediction) of walks that do not overlap."""


def roll(series: Sequence[Series], shape: Shape, step: Step, answers: Sequence[Answers], scaled: bool) -> Tested:
    """Walk ahead from the origins of the test part with what was fitted before it."""
    tested = [one for one in series if len(one.values) > shape.tested]
    each = max(1, MAX_WALKS // max(1, len(tested)))
    origins = [(one, origin) for one in tested for origin in _origins(len(one.values), shape, each)]
    units = {id(one): change(one.values[: len(one.values) - shape.tested], shape.season) for one in tested}
    unit = np.array([units[id(one)] for one, _ in origins])
    ahead = np.arange(shape.horizon)
    known = [one.values[:origin] for one, origin in origins]
    about = Walk(
        histories=known,
        keys=[key_text(one.key) for one, _ in origins],
        times=np.array([step.times(one.first + origin + ahead) for one, origin in origins]),
        declared=[
            np.array([one.features[place][origin + ahead] for one, origin in origins])
            for place in range(len(series[0].features))
        ],
        scales=unit if scaled else np.ones(len(origins)),
    )
    said = walk(shape.recipe, answers, about)
    return Tested(
        truth=np.array([one.values[origin + ahead] for one, origin in origins]),
        said=said,
        naive=np.array([repeated(values, 1, shape.horizon) for values in known]),
        seasonal=np.array([repeated(values, shape.season, shape.horizon) for values in known]),
        unit=unit,
        later=np.array([2 * origin >= 2 * len(one.values) - shape.tested - shape.horizon for one, origin in origins]),
        rows=tuple(_rows(origins, said, shape)),
    )


def _origins(count: int, shape: Shape, most: int) -> range:
    first, last = count - shape.tested, count - shape.horizon
    return range(first, last + 1, max(1, -(-(last - first + 1) // most)))


def _rows(origins: Sequence[tuple[Series, int]], said: Floats, shape: Shape) -> list[tuple[int, float, float]]:
    found = []
    free: dict[int, int] = {}
    for (one, origin), values in zip(origins, said.tolist(), strict=True):
        if origin >= free.get(id(one), 0):
            free[id(one)] = origin + shape.horizon
            for place, value in enumerate(values, origin):
                if one.ids[place] >= 0 and math.isfinite(value):
                    found.append((int(one.ids[place]), float(one.values[place]), value))
    return found


def _errors(measure: Callable[[Floats, Floats], Floats]) -> Callable[[Tested, Floats], float]:
    def mean(tested: Tested, said: Floats) -> float:
        return _known_mean(measure(said - tested.truth, np.abs(said) + np.abs(tested.truth)))

    return mean


def _known_mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _scaled(tested: Tested, said: Floats) -> float:
    return _known_mean(np.abs(said - tested.truth) / tested.unit[:, None])


def _symmetric(error: Floats, size: Floats) -> Floats:
    return np.asarray(2.0 * np.abs(error) / np.where(size > 0, size, 1.0))


def _root(tested: Tested, said: Floats) -> float:
    return math.sqrt(_known_mean(np.square(said - tested.truth)))


@dataclass(frozen=True, slots=True)
class ForecastMetric:
    """One metric of a forecast."""

    measure: Callable[[Tested, Floats], float]
    """(the walks, what was said at them) to the mean over all steps."""
    doc: str


MEASURES: dict[str, ForecastMetric] = {
    "mean_absolute_error": ForecastMetric(_errors(lambda error, _: np.abs(error)), "Mean distance to the truth."),
    "root_mean_squared_error": ForecastMetric(_root, "Root of the mean squared distance."),
    "mean_absolute_scaled_error": ForecastMetric(
        _scaled, "MASE: mean distance, in units of the distance of two values a season apart before the test part."
    ),
    "symmetric_mean_absolute_percentage_error": ForecastMetric(
        _errors(_symmetric), "Mean of twice the distance over the sum of truth and prediction, as a share."
    ),
}
"""By name. Each is also told of the baselines, as name[naive] and name[seasonal_naive]."""

SAYS: dict[str, str] = {
    "skill": "The share of the better baseline's MASE that the forecast saves; 0 is as good, 1 without error.",
    "interval_coverage": "Share of truths between `lower` and `upper`, each half of the origins by the other's errors.",
    "interval_width": "Mean of `upper` less `lower`.",
}
"""The metrics that have no baseline."""


def evaluate(tested: Tested, season: int, confidence: float, widths: Floats, scaled: bool) -> dict[str, float]:
    """Return every metric that is defined for the walks, by name."""
    baselines = {"naive": tested.naive} | ({"seasonal_naive": tested.seasonal} if season > 1 else {})
    found = {name: metric.measure(tested, tested.said) for name, metric in MEASURES.items()}
    for label, said in baselines.items():
        found |= {f"{name}[{label}]": metric.measure(tested, said) for name, metric in MEASURES.items()}
    best = min(_scaled(tested, said) for said in baselines.values())
    found["skill"] = _skill(found["mean_absolute_scaled_error"], best)
    unit = _interval_unit(tested, scaled)
    found["interval_width"] = 2.0 * _known_mean(widths[None, :] * unit)
    found["interval_coverage"] = _realised(tested, confidence, scaled)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _skill(error: float, best: float) -> float:
    if best > 0:
        return 1.0 - error / best
    return 0.0 if error < 1e-9 else -1.0


def _interval_unit(tested: Tested, scaled: bool) -> Floats:
    return tested.unit[:, None] if scaled else np.ones((len(tested.unit), 1))


def interval_widths(tested: Tested, confidence: float, scaled: bool) -> tuple[Floats, int]:
    """Return half the width of the interval for each step ahead (H,), and how many errors the fewest rest on.

    Split conformal prediction for each step by itself (Lei et al. 2018, algorithm 2; Stankeviciute et al. 2021 for
    many horizons); a width never falls from step to step, for more is not known further ahead.
    """
    errors = np.abs(tested.truth - tested.said) / _interval_unit(tested, scaled)
    widths, counts = zip(*(_limit(column[np.isfinite(column)], confidence) for column in errors.T), strict=True)
    found = np.array(widths)
    if np.isnan(found).any():
        return np.full(len(found), np.nan), 0
    return np.asarray(np.maximum.accumulate(found)), min(counts)


def _limit(errors: Floats, confidence: float) -> tuple[float, int]:
    count = len(errors)
    if not count:
        return math.nan, 0
    return float(np.sort(errors)[min(count, math.ceil((count + 1) * confidence)) - 1]), count


def _realised(tested: Tested, confidence: float, scaled: bool) -> float:
    """Return the coverage where each half of the origins meets the widths of the other half's errors."""
    errors = np.abs(tested.truth - tested.said) / _interval_unit(tested, scaled)
    inside: list[Floats] = []
    for half in (tested.later, ~tested.later):
        if not half.any() or half.all():
            return math.nan
        limits = np.array([_limit(column[np.isfinite(column)], confidence)[0] for column in errors[~half].T])
        met = errors[half]
        inside.append((met <= np.maximum.accumulate(limits))[np.isfinite(met)])
    return _known_mean(np.concatenate(inside).astype(np.float64))
