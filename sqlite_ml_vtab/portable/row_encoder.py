"""One row of SQLite values to the floats of its matrix row, the same to the last bit as `Encoder.matrix` makes them.

Each column gets a reader of its own, which fills, centres and scales at once; most are a look-up or a comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import accumulate
from math import isfinite
from operator import sub, truediv
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable import words
from sqlite_ml_vtab.portable.encoder import CYCLES, DAY, ColumnEncoding, Encoder, codes
from sqlite_ml_vtab.portable.values import ONE

HUGE = float(np.finfo(np.float64).max)
_NUMBERS = frozenset((float, int))
"""The types whose values are computed with as they are."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

RowEncodes: TypeAlias = Callable[[Sequence[Any]], list[float]]
"""One row of values, in declared order, to the floats of its matrix row; raises InputError as `values.ONE` does."""


def row_encoder(encoder: Encoder) -> RowEncodes:
    """Return the function from one row of SQLite values to the floats of its matrix row."""
    columns = encoder.columns
    starts = accumulate((encoding.width for encoding in columns), initial=0)
    finish = [_Finish(encoder, start, encoding.width) for start, encoding in zip(starts, columns, strict=False)]
    if all(encoding.is_plain for encoding in columns):
        return _number_row([_number_reader(*each) for each in zip(columns, finish, strict=True)], encoder)
    readers = [_reader(*each) for each in zip(columns, finish, strict=True)]
    if all(encoding.width == 1 for encoding in columns):
        singles = [_single(*each) for each in zip(columns, readers, finish, strict=True)]
        return _refusing(columns, lambda values: [read(value) for read, value in zip(singles, values, strict=True)])
    return _refusing(columns, _joined(readers))


def _joined(readers: Sequence[Callable[[Any], Sequence[float]]]) -> RowEncodes:
    def encode(values: Sequence[Any]) -> list[float]:
        row: list[float] = []
        for read, value in zip(readers, values, strict=True):
            row += read(value)
        return row

    return encode


def _refusing(columns: Sequence[ColumnEncoding], encode: RowEncodes) -> RowEncodes:
    """Return `encode` with our sentence for what is no SQLite value at all, such as an array in JSON."""

    def row(values: Sequence[Any]) -> list[float]:
        try:
            return encode(values)
        except TypeError:
            for encoding, value in zip(columns, values, strict=True):
                ONE[encoding.kind](encoding.name, value)
            raise

    return row


class _Finish:
    """What a column's matrix values go through at last: filled where they are NaN, centred and scaled."""

    def __init__(self, encoder: Encoder, start: int, width: int) -> None:
        """Finish the `width` values that stand in a matrix row from `start` on."""
        within = slice(start, start + width)
        parts = (encoder.fill[within], encoder.centre[within], encoder.scale[within])
        self.steps: list[tuple[float, float, float]] = list(zip(*(part.tolist() for part in parts), strict=True))
        self.is_scaled = any(centre != 0.0 or scale != 1.0 for _, centre, scale in self.steps)

    def __call__(self, row: Sequence[float]) -> list[float]:
        """Return the finished values of `row`."""
        return [((f if x != x else x) - c) / s for x, (f, c, s) in zip(row, self.steps, strict=True)]


def _reader(encoding: ColumnEncoding, finish: _Finish) -> Callable[[Any], Sequence[float]]:
    """Return the function from one value of a column to its finished matrix values."""
    if encoding.table is not None and encoding.idf is None:
        rows = [finish(row) for row in encoding.table.tolist()]
        return CategoryPlaces(encoding.name, encoding.categories, rows).__getitem__
    if encoding.is_plain:
        read_one = _number_reader(encoding, finish)
        return lambda value: (read_one(value),)
    if encoding.parts == ("value", "missing"):
        return _pair_reader(encoding.name, finish)
    read = _raw_reader(encoding)
    return lambda value: finish(read(value))


def _single(
    encoding: ColumnEncoding, read: Callable[[Any], Sequence[float]], finish: _Finish
) -> Callable[[Any], float]:
    """Return the same of a column that is one matrix column, without the list around it."""
    if encoding.is_plain:
        return _number_reader(encoding, finish)
    if encoding.table is not None and encoding.idf is None:
        singles = [finish(row)[0] for row in encoding.table.tolist()]
        return CategoryPlaces(encoding.name, encoding.categories, singles).__getitem__
    return lambda value: read(value)[0]


class CategoryPlaces(dict[Any, Any]):
    """A category's value to what stands for it; in C for text that was seen, here for everything else."""

    def __init__(self, name: str, categories: Sequence[str], entries: Sequence[Any]) -> None:
        """Let `entries` stand for the `categories` of the column `name`; the last two for unseen values and NULL."""
        *seen, self._unseen, null = entries
        super().__init__(zip(categories, seen, strict=True))
        self[None] = null
        self.name = name

    def __missing__(self, value: Any) -> Any:
        """Return what stands for text that was not seen, or for a number as the text it is stored as."""
        return self.get(value if type(value) is str else ONE["CATEGORY"](self.name, value), self._unseen)


def _number_reader(encoding: ColumnEncoding, finish: _Finish) -> Callable[[Any], float]:
    """Return the reader of a NUMBER that is one matrix column."""
    name, ((fill, centre, scale),) = encoding.name, finish.steps
    null = (fill - centre) / scale
    read: Callable[[str, Any], float] = ONE["NUMBER"]
    if finish.is_scaled:

        def scaled(value: Any) -> float:
            if type(value) in _NUMBERS and -HUGE <= value <= HUGE:
                found: float = (value - centre) / scale
                return found
            return null if value is None else (read(name, value) - centre) / scale

        return scaled

    def plain(value: Any) -> float:
        if type(value) is float and -HUGE <= value <= HUGE:
            return value
        return null if value is None else read(name, value)

    return plain


def _pair_reader(name: str, finish: _Finish) -> Callable[[Any], Sequence[float]]:
    """Return the reader of a NUMBER that is itself and, beside it, whether it is missing."""
    centre, scale = finish.steps[0][1:]
    is_there, null = finish([0.0, 0.0])[1], finish([math.nan, 1.0])
    read: Callable[[str, Any], float] = ONE["NUMBER"]

    def pair(value: Any) -> Sequence[float]:
        if type(value) in _NUMBERS and -HUGE <= value <= HUGE:
            return (value - centre) / scale, is_there
        return null if value is None else ((read(name, value) - centre) / scale, is_there)

    return pair


def _raw_reader(encoding: ColumnEncoding) -> Callable[[Any], Sequence[float]]:
    """Return the function from one value to its matrix values before they are finished."""
    name, read = encoding.name, ONE[encoding.kind]
    if encoding.idf is not None:
        project = words.projector(encoding.categories, encoding.idf, encoding.table)
        return lambda value: project(read(name, value)).tolist()
    if encoding.edges is not None:
        edges = encoding.edges
        return lambda value: codes(edges, np.array([read(name, value)])).tolist()
    if encoding.kind == "NUMBER":
        picks = [part == "value" for part in encoding.parts]

        def number_parts(value: Any) -> Sequence[float]:
            converted = read(name, value)
            return [converted if pick else float(converted != converted) for pick in picks]

        return number_parts
    parts = encoding.parts
    return lambda value: _date_row(read(name, value), parts)


def _date_row(seconds: float, parts: Sequence[str]) -> list[float]:
    if seconds != seconds:
        return [1.0 if part == "missing" else math.nan for part in parts]
    day = math.floor(seconds / DAY)
    moment = date.fromordinal(day + _EPOCH_ORDINAL)
    known = {
        "year": float(moment.year),
        "month": float(moment.month),
        "weekday": float((day + 3) % 7),
        "hour": float(math.floor((seconds - day * DAY) / 3600.0)),
        "days": seconds / DAY,
        "missing": 0.0,
    }
    return [known[part] if part in known else _on_circle(known, part) for part in parts]


def _on_circle(known: Mapping[str, float], part: str) -> float:
    """Return ``month_sin`` and its like, by numpy's functions, so that it equals the many-row path."""
    name, _, side = part.rpartition("_")
    angle = known[name] * (2.0 * math.pi / CYCLES[name])
    return float(np.sin(angle) if side == "sin" else np.cos(angle))


def _number_row(readers: Sequence[Callable[[Any], float]], encoder: Encoder) -> Callable[[Sequence[Any]], list[float]]:
    """Return the shorter way for a predictor whose features are all plain numbers."""
    centre, scale = encoder.centre.tolist(), encoder.scale.tolist()
    is_unscaled = encoder.is_unscaled

    def encode(values: Sequence[Any]) -> list[float]:
        try:
            # One look at all of them: a sum is finite where every value is a number, and none infinite or missing.
            is_plain = isfinite(sum(values))
        except (TypeError, OverflowError):
            is_plain = False
        if not is_plain:
            return [read(value) for read, value in zip(readers, values, strict=True)]
        # In a difference, an int becomes the float that it is.
        return list(map(float, values)) if is_unscaled else list(map(truediv, map(sub, values, centre), scale))

    return encode
