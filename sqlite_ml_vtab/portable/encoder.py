"""Feature columns to a float64 matrix, one row or many, by the arrays that were learned.

Each column becomes a block of the matrix: a NUMBER its value, a DATE its parts, a CATEGORY the row of a table (one-hot
rows, target means ...). Then the whole row is filled where it is NaN, centred and scaled. One row and many rows go
through the same arithmetic, so they agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from sqlite_ml_vtab.errors import shown
from sqlite_ml_vtab.portable import words
from sqlite_ml_vtab.portable.codec import damaged
from sqlite_ml_vtab.portable.values import ONE, Column, Floats, is_moment, iso

DAY = 86400.0


class ColumnEncoding(NamedTuple):
    """What was learned of one feature column."""

    name: str
    kind: str
    """``NUMBER``, ``DATE``, ``CATEGORY`` or ``WORDS``: decided, never ``ANY``."""
    parts: tuple[str, ...] = ()
    """Of a NUMBER or a DATE: the parts that become matrix columns; none where training saw only NULL."""
    categories: tuple[str, ...] = ()
    """Of a CATEGORY: the values seen in training. Of WORDS: the terms that count."""
    table: Floats | None = None
    """Of a CATEGORY: shape (categories + 2, width), the last two rows for an unseen value and for NULL.

    Of WORDS: the topics, shape (terms, width); None where each term is a matrix column of its own.
    """
    idf: Floats | None = None
    """Of WORDS: the weight of each term, shape (terms,)."""
    edges: Floats | None = None
    """Of a NUMBER or a DATE with the part ``code``: where its bins begin, ascending."""
    low: float = math.nan
    """The smallest value seen in training (seconds for a DATE), NaN where none was."""
    high: float = math.nan
    """The largest value seen in training."""

    @property
    def width(self) -> int:
        """How many matrix columns this column becomes."""
        if self.idf is not None:
            return words.width(self.idf, self.table)
        return len(self.parts) if self.table is None else int(self.table.shape[1])

    @property
    def is_plain(self) -> bool:
        """Whether it becomes one matrix column: the number itself."""
        return self.parts == ("value",) and self.kind == "NUMBER"


class Encoder(NamedTuple):
    """How a row of features becomes a row of the matrix, of `width` float64 values."""

    columns: tuple[ColumnEncoding, ...]
    fill: Floats
    """Shape (width,): what stands for NaN; NaN where the estimator takes NaN itself."""
    centre: Floats
    """Shape (width,): subtracted."""
    scale: Floats
    """Shape (width,): divided by; never 0."""

    @property
    def width(self) -> int:
        """How many columns the matrix has."""
        return len(self.fill)

    def matrix(self, columns: Sequence[Column]) -> Floats:
        """Return the matrix, of shape (n, width), for feature columns of n values each (see `values.MANY`)."""
        matrix = np.empty((0, self.width))
        start = 0
        for encoding, column in zip(self.columns, columns, strict=True):
            if not start:
                matrix = np.empty((len(column), self.width))
            stop = start + encoding.width
            _fill_block(matrix[:, start:stop], encoding, column)
            start = stop
        if not np.isnan(self.fill).all():
            np.copyto(matrix, self.fill, where=np.isnan(matrix))
        if not self.is_unscaled:
            matrix -= self.centre
            matrix /= self.scale
        return matrix

    @property
    def is_unscaled(self) -> bool:
        """Whether centring and scaling would change nothing."""
        return not self.centre.any() and bool((self.scale == 1.0).all())

    def warnings(self, values: Sequence[Any]) -> list[str]:
        """Return why to distrust a prediction for these values: one phrase for each column unlike its training."""
        return [text for encoding, value in zip(self.columns, values, strict=True) for text in _warn(encoding, value)]

    def validate(self) -> None:
        """Raise ModelError unless shapes, widths and values are what `matrix` needs."""
        for encoding in self.columns:
            _validate_column(encoding)
        width = sum(encoding.width for encoding in self.columns)
        for name, array in (("fill", self.fill), ("centre", self.centre), ("scale", self.scale)):
            fits = array.shape == (width,) and array.dtype == np.float64
            _require(fits, f"encoder {name} has type {array.dtype} and shape {array.shape}")
        _require(np.isfinite(self.centre).all() and np.isfinite(self.scale).all(), "encoder scaling is not finite")
        _require(not np.isinf(self.fill).any() and (self.scale != 0).all(), "encoder fill or scale is out of range")


def _require(condition: object, problem: str) -> None:
    if not condition:
        raise damaged(problem)


def _validate_column(encoding: ColumnEncoding) -> None:
    _require(encoding.kind in ONE, f"column kind {encoding.kind!r}")
    if encoding.kind == "WORDS":
        _validate_words(encoding)
    elif encoding.kind == "CATEGORY":
        table = encoding.table
        _require(table is not None and not encoding.parts, "a category without its table")
        assert table is not None
        _require(table.ndim == 2 and table.shape[0] == len(encoding.categories) + 2, "a category table's shape")
        _require(table.dtype == np.float64 and np.isfinite(table).all(), "a category table's values")
        _require(len(set(encoding.categories)) == len(encoding.categories), "a category twice")
    else:
        legal = DATE_PARTS if encoding.kind == "DATE" else NUMBER_PARTS
        _require(encoding.table is None and not encoding.categories, "a table where none belongs")
        _require(set(encoding.parts) <= set(legal), f"column parts {encoding.parts}")
        _require(len(set(encoding.parts)) == len(encoding.parts), "a part twice")
        _validate_edges(encoding)
        if encoding.kind == "DATE" and not math.isnan(encoding.low):
            _require(all(map(is_moment, (encoding.low, encoding.high))), "a column's range")


def _validate_edges(encoding: ColumnEncoding) -> None:
    edges = encoding.edges
    _require((edges is not None) == ("code" in encoding.parts), "bins without their edges")
    if edges is not None:
        _require(edges.ndim == 1 and edges.dtype == np.float64 and np.isfinite(edges).all(), "the edges of bins")
        _require((np.diff(edges) > 0).all(), "the edges of bins")


def _validate_words(encoding: ColumnEncoding) -> None:
    topics, idf, count = encoding.table, encoding.idf, len(encoding.categories)
    _require(idf is not None and not encoding.parts, "words without their weights")
    assert idf is not None
    _require(idf.shape == (count,) and idf.dtype == np.float64 and np.isfinite(idf).all(), "the weights of words")
    _require(len(set(encoding.categories)) == count, "a term twice")
    if topics is not None:
        _require(topics.ndim == 2 and topics.shape[0] == count and topics.dtype == np.float64, "the topics of words")
        _require(np.isfinite(topics).all(), "the topics of words")


# Many rows


def _fill_block(block: Floats, encoding: ColumnEncoding, column: Column) -> None:
    if encoding.idf is not None:
        block[:] = words.matrix(encoding.categories, encoding.idf, encoding.table, column)
    elif encoding.table is not None:
        np.take(encoding.table, category_positions(encoding.categories, column), axis=0, out=block, mode="clip")
    elif encoding.edges is not None:
        block[:, 0] = codes(encoding.edges, column)
    elif encoding.kind == "NUMBER":
        for j, part in enumerate(encoding.parts):
            block[:, j] = column if part == "value" else np.isnan(column)
    elif encoding.parts:
        parts = date_parts(column)
        for j, part in enumerate(encoding.parts):
            block[:, j] = parts[part]


def codes(edges: Floats, values: Floats) -> Floats:
    """Return the bin of each value, from 0 to len(edges), and one more for NaN."""
    codes = np.searchsorted(edges, values, side="right").astype(np.float64)
    codes[np.isnan(values)] = len(edges) + 1
    return codes


def category_positions(categories: Sequence[str], column: Column) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return, for each value, its row in the table: its place, or the two last rows for unseen and NULL."""
    places: dict[Any, int] = {value: place for place, value in enumerate(categories)}
    unseen = len(categories)
    places[None] = unseen + 1
    return np.fromiter(map(places.get, column, repeat(unseen)), dtype=np.intp, count=len(column))


def date_parts(seconds: Floats) -> Mapping[str, Floats]:
    """Return every part of DATE_PARTS for float64 seconds of shape (n,); NaN stays NaN but in ``missing``."""
    missing = np.isnan(seconds)
    whole = np.where(missing, 0.0, seconds)
    day = np.floor(whole / DAY)
    months = day.astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    parts = {
        "year": months // 12 + 1970.0,
        "month": months % 12 + 1.0,
        "weekday": (day + 3.0) % 7.0,
        "hour": np.floor((whole - day * DAY) / 3600.0),
        "days": whole / DAY,
    }
    for name, period in CYCLES.items():
        angle = parts[name] * (2.0 * math.pi / period)
        parts |= {f"{name}_sin": np.sin(angle), f"{name}_cos": np.cos(angle)}
    for values in parts.values():
        values[missing] = np.nan
    return parts | {"missing": missing.astype(np.float64)}


NUMBER_PARTS = ("value", "missing", "code")
"""The parts a NUMBER can have: itself, 1 where it is NULL, and the bin it falls into."""

CYCLES = {"month": 12.0, "weekday": 7.0, "hour": 24.0}
"""The parts of a date that begin anew, and after how many; each also as a point on a circle."""

DATE_PARTS = (
    *("year", "month", "weekday", "hour", "days", "missing", "code"),
    *(f"{name}_{side}" for name in CYCLES for side in ("sin", "cos")),
)
"""The parts a DATE can have: weekday 0 is Monday, days are elapsed since 1970 with their fraction."""


# Warnings


def _warn(encoding: ColumnEncoding, value: Any) -> list[str]:
    if value is None or encoding.kind == "WORDS":
        return []
    if encoding.kind == "CATEGORY":
        seen = ONE["CATEGORY"](encoding.name, value) in encoding.categories
        return [] if seen else [f"{encoding.name}: {shown(value)} was not seen in training"]
    converted = ONE[encoding.kind](encoding.name, value)
    if not (converted < encoding.low or converted > encoding.high):
        return []
    show = iso if encoding.kind == "DATE" else "{:.15g}".format
    span = f"{show(encoding.low)} to {show(encoding.high)}"
    return [f"{encoding.name}: {shown(value)} is outside the training range, {span}"]
