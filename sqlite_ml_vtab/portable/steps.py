"""Equal steps in time: a date, or a whole number, to the number of its step, and back.

A step is so many units: numbers, seconds, working days or months. Days of a month are cut to the month's length, so day
31 is every month's end and 29 February has its place. Times are seconds since 1970 in UTC, which has no summer time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.encoder import DAY, date_parts
from sqlite_ml_vtab.portable.families.base import require
from sqlite_ml_vtab.portable.values import Floats

Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

UNITS = ("number", "second", "business_day", "month")
_WEEK = 5
"""So many working days a week has; working day 0 is Monday, 29 December 1969."""
_LONGEST = 1000 * 366 * DAY
"""A step of dates has so many seconds at most, a thousand years."""
_JULIAN_EPOCH = 2440587.5
_JULIAN_LIMIT = 5373484.5


@dataclass(frozen=True, slots=True)
class Step:
    """The distance between two rows of a series, and where the steps begin."""

    unit: str
    """One of UNITS; ``number`` where the ORDER column counts."""
    size: float
    """So many units; a whole number of months."""
    phase: float
    """``number``, ``second``: where step 0 stands. Else: the time of day in seconds."""
    day: int = 1
    """``month``: the day of the month, cut to the month's length."""
    month: int = 0
    """``month``: the month of step 0, counted from January 1970."""

    @property
    def length(self) -> float:
        """How many seconds, or numbers, a step has; the mean where they differ."""
        return self.size * {"month": 30.436875 * DAY, "business_day": DAY}.get(self.unit, 1.0)

    @property
    def has_dates(self) -> bool:
        """Whether times are dates, and not counted."""
        return self.unit != "number"

    def index(self, times: Floats) -> Ints:
        """Return the number of the step nearest to each time (n,), or, of a month, the step of the same month."""
        return _INDEX[self.unit](self, times).astype(np.int64)

    def times(self, index: Ints) -> Floats:
        """Return the time at which each step stands."""
        return _TIMES[self.unit](self, np.asarray(index, dtype=np.int64))

    def next(self, time: float) -> int:
        """Return the number of the first step that does not stand before `time`."""
        near = int(self.index(np.array([time]))[0])
        later = self.times(np.array([near - 1, near, near + 1])) >= time - 1e-3
        return near - 1 + int(later.argmax()) if later.any() else near + 2

    def validate(self) -> None:
        """Raise ModelError unless this is a step."""
        require(isinstance(self.unit, str) and self.unit in UNITS, "the step's unit")
        numbers = (self.size, self.phase, self.day, self.month)
        require(all(type(value) in (int, float) and abs(value) < 1e15 for value in numbers), "the step")
        require(self.size >= 1e-3 and (self.unit == "number" or self.length <= _LONGEST), "the step's size")
        require(type(self.day) is int and 1 <= self.day <= 31 and type(self.month) is int, "the step's day")
        whole = self.unit in ("number", "second") or self.size == int(self.size)
        require(whole and abs(self.month) < 10**6, "the step's months")
        require(self.unit not in ("month", "business_day") or 0 <= self.phase < DAY, "the step's time of day")


def _even_index(step: Step, times: Floats) -> Floats:
    return np.rint((times - step.phase) / step.size)


def _even_times(step: Step, index: Ints) -> Floats:
    return np.asarray(step.phase + index * step.size)


def _working_index(step: Step, times: Floats) -> Floats:
    week, weekday = np.divmod(np.floor(times / DAY) + 3.0, 7.0)
    return np.asarray(np.rint((week * _WEEK + np.minimum(weekday, _WEEK - 1)) / step.size))


def _working_times(step: Step, index: Ints) -> Floats:
    week, weekday = np.divmod(index * int(step.size), _WEEK)
    return np.asarray((week * 7.0 + weekday - 3.0) * DAY + step.phase)


def _month_index(step: Step, times: Floats) -> Floats:
    return np.floor((months_of(times) - step.month) / step.size)


def _month_times(step: Step, index: Ints) -> Floats:
    months = step.month + index * int(step.size)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.asarray((first + np.minimum(step.day, month_lengths(months)) - 1) * DAY + step.phase)


def months_of(times: Floats) -> Ints:
    """Return the month of each time, counted from January 1970."""
    days = np.floor(times / DAY).astype(np.int64).astype("datetime64[D]")
    return days.astype("datetime64[M]").astype(np.int64)


def month_lengths(months: Ints) -> Ints:
    """Return how many days each month has."""
    starts = [(months + k).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) for k in (0, 1)]
    return np.asarray(starts[1] - starts[0])


_INDEX: dict[str, Callable[[Step, Floats], Floats]] = {
    "number": _even_index,
    "second": _even_index,
    "business_day": _working_index,
    "month": _month_index,
}
_TIMES: dict[str, Callable[[Step, Ints], Floats]] = {
    "number": _even_times,
    "second": _even_times,
    "business_day": _working_times,
    "month": _month_times,
}

PARTS = ("hour", "weekday", "month")
"""The parts of a date that can be a feature; each is a category."""


def calendar(times: Floats, parts: tuple[str, ...]) -> list[np.ndarray[Any, Any]]:
    """Return each of `parts` of the times (n,) as text, an object array of shape (n,)."""
    found = date_parts(times) if parts else {}
    return [found[part].astype(np.int64).astype(str).astype(object) for part in parts]


def written_like(example: Any, time: float) -> Any:
    """Return a time in seconds as the stored `example` of its column is written: a date, a moment or a number."""
    if isinstance(example, int | float):
        if 0 <= example < _JULIAN_LIMIT:
            return time / DAY + _JULIAN_EPOCH
        return int(time) if isinstance(example, int) and time == int(time) else time
    try:
        moment = datetime(1970, 1, 1) + timedelta(seconds=time)
    except OverflowError:
        return None
    text = example.strip() if isinstance(example, str) else ""
    if len(text) <= 10 and text[4:5] == "-" and moment.time() == datetime.min.time():
        return moment.date().isoformat()[: max(7, len(text))]
    zone = "Z" if text.endswith(("Z", "z")) else "+00:00" if _has_zone(text) else ""
    fits_minutes = len(text) == 16 and not moment.second and not moment.microsecond
    spec = "minutes" if fits_minutes else "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(sep="T" if "T" in text else " ", timespec=spec) + zone


def _has_zone(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def in_words(step: Step) -> str:
    """Return the step as a sentence names it: ``1 day``, ``3 months``."""
    if step.unit == "second":
        for name, seconds in (("week", 7 * DAY), ("day", DAY), ("hour", 3600.0), ("minute", 60.0)):
            if step.size >= seconds and not math.fmod(step.size, seconds):
                return _counted(step.size / seconds, name)
    return _counted(step.size, {"business_day": "working day", "number": "number"}.get(step.unit, step.unit))


def _counted(count: float, name: str) -> str:
    return f"{count:g} {name}" + "s" * (count != 1)
