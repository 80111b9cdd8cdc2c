"""What a query asks of a forecast: from which step on, how many steps, of which series."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import InputError, TrainingError, choices, shown
from sqlite_ml_vtab.learning.forecasts.series import AllRows, Series, key_text, named, on_steps, when
from sqlite_ml_vtab.portable.forecasts import MAX_HORIZON, Forecaster, Walk
from sqlite_ml_vtab.portable.values import ONE, Floats, whole
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.predictor.scoring import stored_scorer
from sqlite_ml_vtab.predictor.series import series_rows

MAX_AHEAD = 20_000
"""So many steps behind the last row at most a forecast goes."""

BATCH = 10_000_000
"""Series walk ahead together, as long as their windows have so many values."""

_END = 253402300800.0
"""The end of the year 9999, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One row of an answer."""

    key: tuple[Any, ...]
    """The value of each GROUP column, as it is stored."""
    at: Any
    """When, as the ORDER column writes it."""
    row: int | None
    """The stored row of that step, which holds its features; None where there is none."""
    value: float | None
    lower: float | None
    upper: float | None
    ahead: int
    """How many steps behind the last row that was used."""
    warning: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """One series and the steps that are asked for."""

    series: Series
    origin: int
    """How many of its steps are known to the forecast."""
    count: int
    """So many steps ahead it goes."""
    shown: int
    """So many last ones of them are told."""

    @property
    def history(self) -> Floats:
        return self.series.values[: self.origin]


class Forecasts:
    """Answers one query, from one model and the rows as they are when it begins."""

    def __init__(self, predictor: Predictor, number: Any = None) -> None:
        """Ask version `number` of `predictor`, or the deployed one.

        Raises ModelError where there is none or it cannot be believed.
        """
        found = stored_scorer(predictor, number)
        assert isinstance(found, Forecaster)
        self._predictor = predictor
        self._forecaster = found
        self._all: list[Series] | None = None
        self._single: dict[tuple[Any, ...], Series] = {}

    def has(self, key: Any) -> bool:
        """Return whether there is a series of this key of the one GROUP column."""
        return self._found((key,)) is not None

    def rows(self, start: Any, horizon: Any, of_series: Any) -> Iterator[Forecast]:
        """Yield the forecast of `horizon` steps from `start` on, of one series or of all, by series and step.

        NULL stands for the step behind the last row, the tested horizon, and all series. Raises InputError for what
        cannot be answered.
        """
        steps = self._horizon(horizon)
        moment = self._start(start)
        chosen = self._chosen(of_series)
        if not chosen:
            raise InputError(f"there are no rows to go on from. INSERT at least the last {self._width} steps.")
        asked = [found for one in chosen if (found := self._asked(one, moment, steps))]
        if chosen and not asked:
            raise InputError(
                f"start {shown(start)} is before the second row of every series. Start later, or insert older rows."
            )
        longest = max((one.count for one in asked), default=0) + self._width
        size = max(1, BATCH // longest)
        for first in range(0, len(asked), size):
            batch = asked[first : first + size]
            values = self._values(batch)
            for item, told in zip(batch, values, strict=True):
                yield from self._told(item, told)

    @property
    def _width(self) -> int:
        return self._forecaster.model.recipe.width

    # What was asked

    def _horizon(self, value: Any) -> int:
        if value is None:
            return self._forecaster.model.horizon
        if type(value) is int and 1 <= value <= MAX_HORIZON:
            return value
        raise InputError(f"horizon is a whole number from 1 to {MAX_HORIZON}, got {shown(value)}. Say how many steps.")

    def _start(self, value: Any) -> float | None:
        if value is None:
            return None
        if self._forecaster.model.step.has_dates:
            return float(ONE["DATE"]("start", value))
        if isinstance(value, int | float) and abs(value) < 2**52 and value == math.floor(value):
            return float(value)
        raise InputError(f"start is a whole number, as {self._forecaster.model.order!r} is, got {shown(value)}.")

    def _asked(self, one: Series, start: float | None, steps: int) -> _Asked | None:
        """Return what to forecast of a series, None where nothing of it is known before `start`."""
        known = len(one.values)
        first = known if start is None else self._forecaster.model.step.next(start) - one.first
        if first < 1:
            return None
        origin = min(first, known)
        count = first - origin + steps
        if count > MAX_AHEAD:
            raise InputError(
                f"{named(self._forecaster.model.groups, one.key)} would go {count:,} steps ahead, and {MAX_AHEAD:,} is "
                "the limit. Start nearer to its last row."
            )
        return _Asked(one, origin, count, steps)

    def _chosen(self, of_series: Any) -> list[Series]:
        groups = self._forecaster.model.groups
        if of_series is None:
            return self._every()
        if not groups:
            raise InputError(
                f"there is one series only, got of_series {shown(of_series)}. Leave it out, or declare a GROUP column."
            )
        return [self._one(_key(of_series, groups))]

    def _one(self, key: tuple[Any, ...]) -> Series:
        found = self._found(key)
        if found is not None:
            return found
        there = {", ".join(map(str, one.key)) for one in self._every()}
        raise InputError(
            f"no series {', '.join(map(shown, key))}. {choices(', '.join(map(str, key)), there, 'Series')}"
        )

    def _found(self, key: tuple[Any, ...]) -> Series | None:
        """Return the series called so; the first time its rows alone are read, then all, for a join asks for many.

        The text '1' finds the number 1, as they are one category; and 1.0 finds 1, as they are equal.
        """
        wanted = key_text(key)
        if wanted not in self._single and not self._single:
            self._keep(self._read(dict(zip(self._forecaster.model.groups, key, strict=True))))
        if wanted not in self._single and self._all is None:
            self._keep(self._every())
        return self._single.get(wanted) or self._single.get(_of_whole(key))

    def _keep(self, found: Sequence[Series]) -> None:
        # Under its own text in any case: '1.0' and '1' may be two series.
        self._single = {_of_whole(one.key): one for one in found} | self._single
        self._single |= {key_text(one.key): one for one in found}

    # The rows

    def _every(self) -> list[Series]:
        if self._all is None:
            self._all = self._read(None)
        return self._all

    def _read(self, of: dict[str, Any] | None) -> list[Series]:
        model = self._forecaster.model
        try:
            rows = series_rows(self._predictor, of, dict(model.declared))
            self._check_kind(rows)
            return [found for one in rows.series if (found := on_steps(rows, one, model.step))]
        except TrainingError as error:
            raise InputError(*error.args) from None

    def _check_kind(self, rows: AllRows) -> None:
        if rows.count and rows.has_dates != self._forecaster.model.step.has_dates:
            raise InputError(
                f"{rows.order!r} held {'numbers' if rows.has_dates else 'dates'} when the model was trained. "
                f"Train a new version: {self._predictor.command('train')}."
            )

    # The answer

    def _values(self, batch: Sequence[_Asked]) -> list[Floats]:
        """Return the values that each series is told, (shown,); those that go as far ahead walk together."""
        found: list[Floats] = [np.empty(0)] * len(batch)
        for count in sorted({one.count for one in batch}):
            places = [place for place, one in enumerate(batch) if one.count == count]
            walked = self._forecaster.forecast(self._walk([batch[place] for place in places], count))
            for place, values in zip(places, walked, strict=True):
                found[place] = values[count - batch[place].shown :]
        return found

    def _walk(self, batch: Sequence[_Asked], count: int) -> Walk:
        model, ahead = self._forecaster.model, np.arange(count)
        times = np.array([model.step.times(one.series.first + one.origin + ahead) for one in batch])
        if model.step.has_dates and times.max() >= _END:
            raise InputError("the forecast reaches past the year 9999. Ask for fewer steps.")
        for one in batch if model.declared else ():
            self._check_features(one)
        return Walk(
            histories=[one.history for one in batch],
            keys=[key_text(one.series.key) for one in batch],
            times=times,
            declared=[
                np.array([one.series.features[place][one.origin :][:count] for one in batch])
                for place in range(len(model.declared))
            ],
            scales=np.array([self._forecaster.scale(one.history) for one in batch]),
        )

    def _check_features(self, one: _Asked) -> None:
        """Refuse a step whose features are not known: no row says them."""
        model, series = self._forecaster.model, one.series
        for place in range(one.origin, one.origin + one.count):
            if place >= len(series.known) or series.known[place] < 0:
                time = model.step.times(np.array([series.first + place]))[0]
                names = ", ".join(repr(name) for name, _ in model.declared)
                raise InputError(
                    f"{named(model.groups, series.key)} has no row at {shown(when(model.step, series.example, time))}, "
                    f"and a forecast there needs {names}. INSERT that row with NULL for {model.target!r}."
                )

    def _told(self, one: _Asked, values: Floats) -> Iterator[Forecast]:
        model, series = self._forecaster.model, one.series
        first = one.count - one.shown
        times = model.step.times(series.first + one.origin + first + np.arange(one.shown))
        unit = self._forecaster.scale(one.history)
        key = key_text(series.key)
        for place, (value, time) in enumerate(zip(values.tolist(), times.tolist(), strict=True)):
            ahead = first + place + 1
            width = self._forecaster.width(ahead)
            half = math.nan if width is None else width * unit
            row = int(series.known[one.origin + ahead - 1]) if one.origin + ahead <= len(series.known) else -1
            yield Forecast(
                key=series.key,
                at=when(model.step, series.example, time),
                row=None if row < 0 else row,
                value=_known(value),
                lower=_known(value - half),
                upper=_known(value + half),
                ahead=ahead,
                warning=self._forecaster.warning(one.history, key, ahead),
            )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _of_whole(key: Sequence[Any]) -> tuple[str | None, ...]:
    """Return the text of a key whose whole numbers are all written without a point."""
    return key_text([whole(value) for value in key])


def _key(value: Any, groups: Sequence[str]) -> tuple[Any, ...]:
    """Return the key that an argument names: a value, or for several GROUP columns a JSON array or object.

    Raises InputError for anything else.
    """
    if isinstance(value, bytes):
        raise InputError(f"of_series is text or a number, got {shown(value)}.")
    if len(groups) == 1:
        return (value,)
    try:
        read = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        read = None
    if isinstance(read, dict) and read.keys() == set(groups):
        read = [read[name] for name in groups]
    if isinstance(read, list) and len(read) == len(groups) and all(map(_is_stored, read)):
        return tuple(read)
    raise InputError(
        f"of_series names a series by {', '.join(groups)}, got {shown(value)}. Pass json_array({', '.join(groups)})."
    )


def _is_stored(value: Any) -> bool:
    """Return whether a value out of JSON is one that SQLite can store, and a GROUP column can have."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and -(2**63) <= value < 2**63)
