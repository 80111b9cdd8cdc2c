"""Stored rows to series: values on equal steps, NaN where a step has no row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import Column as Declared
from sqlite_ml_vtab.declaration import Declaration, Kind, Role
from sqlite_ml_vtab.errors import TrainingError, shown
from sqlite_ml_vtab.learning.columns import Feature
from sqlite_ml_vtab.learning.rows import MAX_NUMBER, decide_kind
from sqlite_ml_vtab.portable.steps import Ints, Step, in_words, written_like
from sqlite_ml_vtab.portable.values import MANY, ONE, Column, Floats, whole

TOLERANCE = 0.15
"""A row that stands off its step by less than this share of it is moved onto it."""

MAX_SPARSE = 10
"""A series may have so many steps for each row, and 1,000 at least; all series together, so many."""


def read_columns(declaration: Declaration) -> list[Declared]:
    """Return the declared columns whose values `collect` expects behind the row id, in its order."""
    roles = (Role.ORDER, Role.TARGET, Role.GROUP, Role.FEATURE)
    return [column for role in roles for column in declaration.having(role)]


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """The stored rows of one series, n of them, in order of time."""

    key: tuple[Any, ...]
    """The value of each GROUP column as it is stored."""
    ids: Ints
    times: Floats
    """Seconds since 1970, or numbers."""
    values: Floats
    """The target, NaN where it is NULL."""
    stored: list[Any]
    """The ORDER column as it is stored."""
    features: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class AllRows:
    """The stored rows of a forecast, by series."""

    series: tuple[SeriesRows, ...]
    """Sorted by their keys."""
    has_dates: bool
    """Whether the ORDER column holds dates, and not numbers."""
    order: str
    target: str
    groups: tuple[str, ...]
    """The names of these columns."""
    declared: tuple[Feature, ...]
    """The feature columns, their kinds decided."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(len(rows.ids) for rows in self.series)


def collect(
    declaration: Declaration, chunks: Iterable[Sequence[tuple[Any, ...]]], kinds: Mapping[str, str] | None = None
) -> AllRows:
    """Return the rows from chunks of (row id, values of `read_columns`) tuples.

    `kinds` are those of the features where they are decided already. Raises TrainingError where a column cannot be
    read, InputError where a value breaks its column's kind.
    """
    columns = read_columns(declaration)
    raw: list[list[Any]] = [[] for _ in range(len(columns) + 1)]
    for chunk in chunks:
        for pile, found in zip(raw, zip(*chunk, strict=True), strict=True):
            pile.extend(found)
    (ids, stored, known), groups = raw[:3], len(declaration.having(Role.GROUP))
    times, has_dates = _times(columns[0], stored, ids)
    values = _target(columns[1], known, ids)
    keys = list(zip(*raw[3 : 3 + groups], strict=True)) if groups else [()] * len(ids)
    features = [
        _decided(column, found, kinds or {})
        for column, found in zip(columns[2 + groups :], raw[3 + groups :], strict=True)
    ]
    numbers = np.array(ids, dtype=np.int64)
    series = tuple(
        SeriesRows(
            key, numbers[at], times[at], values[at], [stored[place] for place in at], tuple(c[at] for _, c in features)
        )
        for key, at in _places(keys, times, [column.name for column in columns[2 : 2 + groups]])
    )
    names = tuple(column.name for column in columns)
    declared = tuple(feature for feature, _ in features)
    return AllRows(series, has_dates, names[0], names[1], names[2 : 2 + groups], declared)


def _places(
    keys: Sequence[tuple[Any, ...]], times: Floats, groups: Sequence[str]
) -> list[tuple[tuple[Any, ...], Ints]]:
    """Return, by key, the places of its rows in order of time; numbers before text, NULL first."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    _check_keys(found, groups)
    ordered = sorted(found, key=lambda key: [(value is not None, isinstance(value, str), value or 0) for value in key])
    return [(key, _in_time(np.array(found[key], dtype=np.int64), times)) for key in ordered]


def _check_keys(keys: Iterable[tuple[Any, ...]], groups: Sequence[str]) -> None:
    """Refuse two series that no look-up could tell apart, such as those of 1 and '1'."""
    known: dict[tuple[str | None, ...], tuple[Any, ...]] = {}
    for key in keys:
        other = known.setdefault(
            tuple(ONE["CATEGORY"](name, whole(value)) for name, value in zip(groups, key, strict=True)), key
        )
        if other is not key:
            columns = ", ".join(map(repr, groups))
            raise TrainingError(
                f"{named(groups, other)} and {named(groups, key)} have one name. Store {columns} alike in both: "
                "all as text, or all as numbers."
            )


def _in_time(places: Ints, times: Floats) -> Ints:
    ordered: Ints = places[np.argsort(times[places], kind="stable")]
    return ordered


def _times(column: Declared, values: Sequence[Any], ids: Sequence[int]) -> tuple[Floats, bool]:
    for row, value in zip(ids, values, strict=True):
        if value is None:
            raise TrainingError(f"{column.name!r} is NULL in row {row}, so nobody knows when it was. Delete the row.")
    kind = column.kind
    if kind is Kind.ANY:
        kind = decide_kind(column.name, values)
    if kind is Kind.DATE:
        return _dates(column.name, values), True
    if kind is not Kind.NUMBER:
        raise TrainingError(
            f"{column.name!r} holds {shown(values[0])}, which is neither a date nor a whole number. "
            "Write ISO 8601 dates such as '2024-05-31'."
        )
    times = MANY["NUMBER"](column.name, values)
    odd = np.flatnonzero((times != np.floor(times)) | (np.abs(times) > 2**52))
    if len(odd):
        raise TrainingError(
            f"{column.name!r} is {shown(values[int(odd[0])])} in row {ids[int(odd[0])]}; "
            "a series is counted by whole numbers. Declare a date as DATE."
        )
    return times, False


def _dates(name: str, values: Sequence[Any]) -> Floats:
    """Return dates as seconds; plain days, the common case, are read by numpy at once."""
    if all(type(value) is str and len(value) == 10 for value in values):
        try:
            days: Floats = np.array(values, dtype="datetime64[D]").astype(np.float64)
            return days * 86400.0
        except ValueError:
            pass
    return MANY["DATE"](name, values)


def _target(column: Declared, values: Sequence[Any], ids: Sequence[int]) -> Floats:
    for row, value in zip(ids, values, strict=True):
        if isinstance(value, str) or (value is not None and not abs(value) <= MAX_NUMBER):
            raise TrainingError(
                f"the target of row {row} is {shown(value)}, and a forecast predicts numbers below 1e38. "
                "Convert it with CAST(... AS REAL), or store NULL if it is unknown."
            )
    return MANY["NUMBER"](column.name, values)


def _decided(column: Declared, values: Sequence[Any], kinds: Mapping[str, str]) -> tuple[Feature, Column]:
    kind = kinds.get(column.name, column.kind.value)
    if kind == Kind.ANY.value:
        kind = decide_kind(column.name, values).value
    feature = Feature(column.name, kind, column.impute, column.encode, column.scale)
    return feature, MANY[kind](column.name, values)


def named(groups: Sequence[str], key: Sequence[Any]) -> str:
    """Return a series as a sentence names it, '' where there is one only."""
    if not groups:
        return "the series"
    return "series " + ", ".join(shown(value) for value in key)


def key_text(key: Sequence[Any]) -> tuple[str | None, ...]:
    """Return the key of a series as categories."""
    return tuple(ONE["CATEGORY"]("", value) for value in key)


@dataclass(frozen=True, slots=True)
class Series:
    """One series on equal steps."""

    key: tuple[Any, ...]
    first: int
    """The number of its first step."""
    values: Floats
    """Shape (n,): the target from its first to its last known step, NaN for a gap."""
    ids: Ints
    """Shape (n,): the row of each step, -1 for a gap."""
    features: tuple[Column, ...]
    """Each declared feature, of shape (m,), m >= n: also of the rows behind the last known step."""
    known: Ints
    """Shape (m,): the row of each of these steps, -1 where there is none."""
    example: Any
    """How its last known row writes its time."""

    @property
    def end(self) -> int:
        """The number of the step behind its last known one."""
        return self.first + len(self.values)


def on_steps(every: AllRows, rows: SeriesRows, step: Step) -> Series | None:
    """Return a series on equal steps, None where no value of it is known.

    Raises TrainingError for two rows of one step, a row between two steps, and a series that is mostly gaps.
    """
    present = np.flatnonzero(~np.isnan(rows.values))
    if not len(present):
        return None
    index, groups = step.index(rows.times), every.groups
    _check_steps(rows, step, index, every)
    first, stop = int(index[present[0]]), int(index[present[-1]]) + 1
    last = max(stop, int(index[-1]) + 1)
    _check_sparse(rows, step, last - first, groups)
    inside = np.flatnonzero(index >= first)
    places = index[inside] - first
    values, known = np.full(last - first, np.nan), np.full(last - first, -1, dtype=np.int64)
    values[places], known[places] = rows.values[inside], rows.ids[inside]
    count = stop - first
    return Series(
        key=rows.key,
        first=first,
        values=values[:count],
        ids=np.where(np.isnan(values[:count]), -1, known[:count]),
        features=tuple(_spread(column[inside], places, last - first) for column in rows.features),
        known=known,
        example=rows.stored[int(present[-1])],
    )


def _spread(column: Column, places: Ints, count: int) -> Column:
    whole: Column = np.full(count, None, dtype=object) if column.dtype == object else np.full(count, np.nan)
    whole[places] = column
    return whole


def _check_steps(rows: SeriesRows, step: Step, index: Ints, every: AllRows) -> None:
    order, groups = every.order, every.groups
    twice = np.flatnonzero(np.diff(index) == 0)
    if len(twice):
        place = int(twice[0])
        columns = ", ".join([order, *groups])
        raise TrainingError(
            f"{named(groups, rows.key)} has 2 rows in one step of {in_words(step)}: {shown(rows.stored[place])} and "
            f"{shown(rows.stored[place + 1])}. Keep one row a step: "
            f"INSERT ... SELECT {columns}, avg({every.target}) ... GROUP BY {columns}, {_or_else(groups)}."
        )
    off = np.flatnonzero(np.abs(rows.times - step.times(index)) > TOLERANCE * step.length)
    if len(off):
        place = int(off[0])
        between = _instead(step, int(index[place]), rows.stored[place])
        raise TrainingError(
            f"the steps are unequal: {named(groups, rows.key)} stands at {shown(rows.stored[place])}, and steps of "
            f"{in_words(step)} would be at {between}. "
            "Aggregate to equal steps (GROUP BY strftime(...)), or set the option step."
        )


def _or_else(groups: Sequence[str]) -> str:
    return "or set the option step" if groups else "or declare GROUP what tells several series apart"


def _instead(step: Step, index: int, example: Any) -> str:
    times = step.times(np.array([index, index + 1])).tolist()
    return " and ".join(shown(when(step, example, time)) for time in times)


def when(step: Step, example: Any, time: float) -> Any:
    """Return a time as the column of `example` writes it."""
    return written_like(example, time) if step.has_dates else int(time)


def _check_sparse(rows: SeriesRows, step: Step, count: int, groups: Sequence[str]) -> None:
    if count > max(1000, MAX_SPARSE * len(rows.ids)):
        raise TrainingError(
            f"{named(groups, rows.key)} has {len(rows.ids)} rows on {count:,} steps of {in_words(step)}, from "
            f"{shown(rows.stored[0])} to {shown(rows.stored[-1])}. Correct a wrong date, set the option step, or "
            "insert the rows between, with 0 if nothing happened."
        )


def check_known(series: Sequence[Series], step: Step) -> None:
    """Refuse series that together are hardly more than gaps."""
    steps, known = (sum(count) for count in zip(*((len(one.values), _known(one)) for one in series), strict=True))
    if steps > MAX_SPARSE * known:
        raise TrainingError(
            f"{known:,} of {steps:,} steps of {in_words(step)} have a value. Set a longer step, or insert the rows "
            "between, with 0 if nothing happened."
        )


def _known(one: Series) -> int:
    return int((~np.isnan(one.values)).sum())


def moved(rows: AllRows, step: Step) -> int:
    """Return how many rows stand a little off their step."""
    count = 0
    for series in rows.series:
        off = np.abs(series.times - step.times(step.index(series.times)))
        count += int((off > max(1e-3, 1e-9 * step.length)).sum())
    return count
