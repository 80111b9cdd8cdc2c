"""What the distance of the rows is: told by the option, or found in the rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import reduce

import numpy as np

from sqlite_ml_vtab.declaration.series_options import STEPS
from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.forecasts.series import TOLERANCE, AllRows
from sqlite_ml_vtab.portable.encoder import DAY
from sqlite_ml_vtab.portable.steps import Ints, Step, month_lengths, months_of
from sqlite_ml_vtab.portable.values import Floats

SEASONS = {3600.0: 24, 1800.0: 48, 900.0: 96, 60.0: 60, DAY: 7, 7 * DAY: 52}
"""By a step in seconds, how many of them make a season."""


MAX_OFF = 0.2
"""With a greater share of rows between two steps there is no step, rather than a few odd rows."""


def find_step(rows: AllRows, asked: str | float) -> Step:
    """Return the step of `rows`: the one that was asked for, or the one that they show.

    Raises TrainingError where they show none.
    """
    times = [series.times for series in rows.series]
    if asked == "auto":
        return _found(rows, times)
    if not rows.has_dates:
        if isinstance(asked, str):
            raise TrainingError(f"step={asked!r} is for dates, and the ORDER column counts. Leave step out.")
        return Step("number", asked, _phase(times, asked))
    unit, size = ("second", asked) if isinstance(asked, float) else STEPS[asked]
    return _MADE[unit](times, float(size))


def _found(rows: AllRows, times: list[Floats]) -> Step:
    steps = np.concatenate([np.diff(one) for one in times] or [np.empty(0)])
    steps = steps[steps > 0]
    if not len(steps):
        raise TrainingError("no series has two rows at different times. Insert more rows, or set the option step.")
    whole = np.concatenate(times)
    if rows.has_dates and float(steps.min()) >= 28 * DAY - 1 and _are_monthly(whole):
        return _by_months(times, 0.0)
    if rows.has_dates and _are_working_days(whole, steps):
        return _by_working_days(times, 1.0)
    commonest = _commonest(steps)
    size = commonest if _off(times, commonest) == 0 else _shared(steps, commonest)
    if _off(times, size) > MAX_OFF:
        unit = " seconds" * rows.has_dates
        raise TrainingError(
            f"the steps are unequal: rows are {steps.min():g} to {steps.max():g}{unit} apart. "
            "Aggregate to equal steps (GROUP BY strftime(...)), or set the option step."
        )
    return Step("second" if rows.has_dates else "number", size, _phase(times, size))


def _commonest(steps: Floats) -> float:
    """Return the commonest distance, the smallest among equals; of dates that are jittered, the one near them."""
    counts = Counter(steps.tolist())
    size, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    if count < len(steps) / 4:
        middle = float(np.median(steps))
        named = [seconds for _, seconds in STEPS.values() if abs(seconds - middle) < TOLERANCE * middle]
        return float(named[0]) if named else size
    return float(size)


def _shared(steps: Floats, commonest: float) -> float:
    """Return the greatest distance that all are a multiple of, unless it is far below the commonest."""
    whole = np.rint(steps)
    if (np.abs(whole - steps) < 1e-3).all():
        found = float(reduce(math.gcd, {int(step) for step in whole.tolist()}))
        if found * 10 >= commonest:
            return found
    return commonest


def _off(times: list[Floats], size: float) -> float:
    """Return the share of the rows that stand between two steps."""
    whole, phase = np.concatenate(times), _phase(times, size)
    return float((np.abs((whole - phase + size / 2) % size - size / 2) > TOLERANCE * size).mean())


def _phase(times: list[Floats], size: float) -> float:
    """Return where the steps stand: the commonest remainder, the smallest among equals."""
    values, counts = np.unique(np.concatenate(times) % size, return_counts=True)
    return float(values[counts.argmax()])


def _are_monthly(times: Floats) -> bool:
    """Return whether all stand on one day of the month, cut to its length, or all at its end."""
    days, lengths = _days(times)
    return bool((days == np.minimum(days.max(), lengths)).all() or (days == lengths).all())


def _days(times: Floats) -> tuple[Ints, Ints]:
    """Return the day of the month of each time, and how many days the month has."""
    months = months_of(times)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.floor(times / DAY).astype(np.int64) - first + 1, month_lengths(months)


def _are_working_days(times: Floats, steps: Floats) -> bool:
    """Return whether the rows are of days, no weekend among them, and go on behind one."""
    weekday = (np.floor(times / DAY) + 3) % 7
    daily = float(np.median(steps)) == DAY and float(steps.min()) == DAY
    return daily and bool((weekday < 5).all()) and bool((steps == 3 * DAY).any())


def _by_months(times: list[Floats], size: float) -> Step:
    """Return a step of so many months, for 0 of the commonest number of months between two rows."""
    whole = np.concatenate(times)
    days, lengths = _days(whole)
    months = [months_of(one) for one in times]
    if not size:
        steps = np.concatenate([np.diff(one) for one in months])
        size = _shared(steps, _commonest(steps.astype(np.float64)))
        size = size if size == int(size) and size >= 1 else 1.0
    day = 31 if (days == lengths).all() else _commonest_day(days, lengths)
    first = Counter((np.concatenate(months) % int(size)).tolist()).most_common(1)[0][0]
    return Step("month", int(size), _phase(times, DAY), day, int(first))


def _commonest_day(days: Ints, lengths: Ints) -> int:
    if (days == np.minimum(days.max(), lengths)).all():
        return int(days.max())
    return int(Counter(days.tolist()).most_common(1)[0][0])


def _by_working_days(times: list[Floats], size: float) -> Step:
    return Step("business_day", int(size), _phase(times, DAY))


def _by_seconds(times: list[Floats], size: float) -> Step:
    return Step("second", size, _phase(times, size))


_MADE: dict[str, Callable[[list[Floats], float], Step]] = {
    "second": _by_seconds,
    "month": _by_months,
    "business_day": _by_working_days,
}


def season_of(step: Step) -> int:
    """Return after how many steps a series of this step begins anew by the calendar, 1 where nothing tells."""
    if step.unit == "month":
        return 12 // int(step.size) if step.size <= 6 and 12 % int(step.size) == 0 else 1
    if step.unit == "business_day":
        return 5
    return SEASONS.get(step.size, 1) if step.unit == "second" else 1
