"""The options of a forecast, as entries of OPTIONS: (check, default in words, documentation)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

MAX_STEPS = 10_000
"""So far a lag, a season or a horizon may reach at most."""

STEPS = {
    "minute": ("second", 60.0),
    "hour": ("second", 3600.0),
    "day": ("second", 86400.0),
    "business_day": ("business_day", 1),
    "week": ("second", 604800.0),
    "month": ("month", 1),
    "quarter": ("month", 3),
    "year": ("month", 12),
}
"""The words of the option ``step``, and what each means: a unit of portable.steps and so many of it."""

DIFFERENCES = ("none", "last", "mean", "ratio")


def _whole(value: Any, least: int = 1) -> int:
    number = math.nan if isinstance(value, bool) or value is None else float(value)
    if math.isfinite(number) and number == int(number) and least <= number <= MAX_STEPS:
        return int(number)
    raise ValueError(f"a whole number from {least} to {MAX_STEPS}")


def _word(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _lags(value: Any) -> str | list[int]:
    """Return 'auto', or the lags: so many, or the listed ones."""
    if _word(value) == "auto":
        return "auto"
    try:
        listed = json.loads(value) if isinstance(value, str) and value.lstrip().startswith("[") else value
        if isinstance(listed, list):
            lags = sorted({_whole(lag) for lag in listed})
            if lags:
                return lags
        else:
            return list(range(1, _whole(listed) + 1))
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise ValueError(f"'auto', a whole number up to {MAX_STEPS}, or a JSON array of them such as '[1, 2, 12]'")


def _season(value: Any) -> str | int:
    return "auto" if _word(value) == "auto" else _or_auto(value)


def _or_auto(value: Any) -> int:
    try:
        return _whole(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"'auto' or a whole number from 1 to {MAX_STEPS}") from None


def _one_of(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if _word(value) in names:
            return _word(value)
        raise ValueError(f"one of {', '.join(names)}")

    return check


def _step(value: Any) -> str | float:
    if _word(value) in ("auto", *STEPS):
        return _word(value)
    try:
        number = float(value)
        if not isinstance(value, bool) and 1e-3 <= number <= 1e10:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"one of auto, {', '.join(STEPS)}, or a number of seconds")


SERIES_OPTIONS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "horizon": (
        _season,
        "auto: a season, or 12 steps; fewer for a short series",
        "How many steps ahead it is tested, and answers if a call does not say (forecast).",
    ),
    "step": (
        _step,
        "auto: the commonest distance of two rows",
        f"The distance of two rows: {', '.join(STEPS)}, or seconds (forecast).",
    ),
    "season": (
        _season,
        "auto: by the step, 24 hours, 7 days, 5 working days, 52 weeks, 12 months, 4 quarters; 1 for none",
        "After how many steps a series begins anew (forecast).",
    ),
    "lags": (
        _lags,
        "auto: by the season and the length of the series",
        "So many last steps are features, or a JSON array of steps back (forecast).",
    ),
    "difference": (
        _one_of(*DIFFERENCES),
        "last",
        "From what a window and what follows are taken, so that trends go on: the last value, the mean of the last "
        "season, none; ratio: the last value, in units of that mean (forecast).",
    ),
    "calendar": (
        _one_of("auto", "none"),
        "auto: hour, weekday and month, where the step is shorter and two rounds of it are known",
        "The parts of the date that are features (forecast).",
    ),
    "strategy": (
        _one_of("recursive", "direct"),
        "recursive",
        "'recursive': one model that goes on from its own answers. 'direct': a model for each step ahead (forecast).",
    ),
}
