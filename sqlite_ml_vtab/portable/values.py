"""SQLite values to what a model computes with, the same at training and at prediction.

NUMBER and DATE become float64 (NaN for NULL; a date is seconds since 1970 in UTC), CATEGORY becomes str or None.
Text is never coerced to a number. Every refusal names the column and the value.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.errors import InputError, shown

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Column: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""The values of one column: float64 of shape (n,), or objects (str or None) of shape (n,)."""

_EPOCH = datetime(1970, 1, 1)
_JULIAN_LIMIT = 5373484.5
_JULIAN_EPOCH = 2440587.5
_LOW, _END = -62135596800.0, 253402300800.0
"""The years 1 to 9999, in seconds since 1970."""


def number(name: str, value: Any) -> float:
    """Return a NUMBER as a float, NaN for NULL."""
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        try:
            converted = float(value)
        except OverflowError:
            converted = math.inf
        if math.isfinite(converted):
            return converted
        raise InputError(f"column {name!r} is NUMBER, got {converted}. Use NULL for a missing value.")
    remedy = (
        "Write it as a number, CAST(... AS REAL), or declare the column without a type."
        if _looks_numeric(value)
        else "Use NULL for a missing value."
    )
    raise InputError(f"column {name!r} is NUMBER, got {shown(value)}. {remedy}")


def category(name: str, value: Any, kind: str = "CATEGORY") -> str | None:
    """Return a CATEGORY as text, numbers as SQLite writes them; None for NULL.

    A REAL has 15 significant digits here, whichever SQLite runs: older releases write so many, newer ones up to 17.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float) and not math.isnan(value):
        return _float_text(value)
    raise InputError(f"column {name!r} is {kind}, got {shown(value)}. Give text, a number or NULL.")


def whole(value: Any) -> Any:
    """Return a REAL that is a whole number as the INTEGER that SQLite says is equal, anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def date(name: str, value: Any) -> float:
    """Return a DATE as seconds since 1970 in UTC, NaN for NULL.

    Text is ISO 8601; a number is a julian day below 5373484.5 and a unix time above, as SQLite's 'auto' modifier has it
    (https://sqlite.org/lang_datefunc.html#modifiers).
    """
    if value is None:
        return math.nan
    seconds = _date_text(value) if isinstance(value, str) else _date_number(value)
    if seconds is None or not is_moment(seconds):
        raise InputError(
            f"column {name!r} is DATE, got {shown(value)}. "
            "Write ISO 8601 text such as '2024-05-31' or '2024-05-31 12:30:00', a julian day or a unix time, "
            "of the years 1 to 9999."
        )
    return seconds


def is_moment(seconds: float) -> bool:
    """Return whether this is a DATE of the years 1 to 9999."""
    return _LOW <= seconds < _END


def iso(seconds: float) -> str:
    """Return the ISO 8601 text that `date` reads back as `seconds`."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(sep=" ")


def numbers(name: str, values: Sequence[Any]) -> Floats:
    """Return NUMBER values as float64 of shape (n,)."""
    array = np.empty(len(values))
    if pack_numbers(array, 0, values) and np.isfinite(array).all():
        return array
    if set(map(type, values)) <= _PLAIN:
        plain = _plain_numbers(values)
        if plain is not None:
            return plain
    return np.array([number(name, value) for value in values], dtype=np.float64)


def pack_numbers(array: Floats, start: int, values: Sequence[Any]) -> bool:
    """Put `values` into `array` from `start` on, where all of them are numbers; return whether they were.

    This is the quickest way from Python's numbers to an array, and a strict one: it takes neither text nor None.
    """
    try:
        struct.pack_into(f"{len(values)}d", array.data, 8 * start, *values)
    except (struct.error, OverflowError):
        return False
    return True


def _plain_numbers(values: Sequence[Any]) -> Floats | None:
    """Return numbers and None as an array, None where one of them must be refused."""
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        return None
    odd = len(array) - int(np.isfinite(array).sum())
    return array if not odd or odd == sum(value is None for value in values) else None


def categories(name: str, values: Sequence[Any], kind: str = "CATEGORY") -> Column:
    """Return CATEGORY values as str or None, an object array of shape (n,)."""
    array = np.empty(len(values), dtype=object)
    plain = set(map(type, values)) <= _TEXT
    array[:] = values if plain else [category(name, value, kind) for value in values]
    return array


def dates(name: str, values: Sequence[Any]) -> Floats:
    """Return DATE values as float64 seconds of shape (n,)."""
    kinds = set(map(type, values))
    plain = _plain_dates([value for value in values if value is not None]) if kinds <= _TEXT and str in kinds else None
    if plain is None:
        return np.array([date(name, value) for value in values], dtype=np.float64)
    if len(plain) < len(values):
        found = np.full(len(values), math.nan)
        found[[value is not None for value in values]] = plain
        return found
    return plain


_MOMENT = np.frombuffer(b"0000-00-00 00:00:00", dtype=np.uint8)
"""The plain form of a moment, which may end behind its day or its minutes; a T may stand between day and time."""


def _plain_dates(texts: Sequence[str]) -> Floats | None:
    """Return dates all written alike and plainly, such as 2024-05-31, as seconds; None where one is not."""
    size = len(texts[0])
    if size not in (10, 16, 19) or set(map(len, texts)) != {size}:
        return None
    try:
        joined = "".join(texts).encode("ascii")
        if not _looks_plain(np.frombuffer(joined, dtype=np.uint8).reshape(-1, size)):
            return None
        seconds = np.frombuffer(joined, dtype=f"S{size}").astype("datetime64[s]").astype(np.float64)
    except ValueError:
        return None
    return seconds if seconds.min() >= _LOW else None


def _looks_plain(letters: np.ndarray[Any, np.dtype[np.uint8]]) -> bool:
    """Return whether every text, a row of its letters, has digits and marks where the plain form has them."""
    form = _MOMENT[: letters.shape[1]]
    is_digit = form == ord("0")
    digits, marks = letters[:, is_digit], letters[:, ~is_digit]
    right = marks == form[~is_digit]
    right[:, 2:3] |= marks[:, 2:3] == ord("T")
    # Below "0" the difference wraps round to a great number.
    return bool((digits - ord("0") <= 9).all() and right.all())


ONE: dict[str, Callable[[str, Any], Any]] = {
    "NUMBER": number,
    "CATEGORY": category,
    "DATE": date,
    "WORDS": partial(category, kind="WORDS"),
}
"""How one value of each kind is read."""

MANY: dict[str, Callable[[str, Sequence[Any]], Column]] = {
    "NUMBER": numbers,
    "CATEGORY": categories,
    "DATE": dates,
    "WORDS": partial(categories, kind="WORDS"),
}
"""How many values of each kind are read."""

_PLAIN = {int, float, type(None)}
_TEXT = {str, type(None)}


def _looks_numeric(value: Any) -> bool:
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def looks_numeric(values: Sequence[Any]) -> bool:
    """Return whether every value is text that reads as a number."""
    return all(map(_looks_numeric, values))


def looks_dated(values: Sequence[Any]) -> bool:
    """Return whether every value is text that reads as an ISO 8601 date of at least a year and a month."""
    return all(isinstance(value, str) and "-" in value[1:] and _date_text(value) is not None for value in values)


def _float_text(value: float) -> str:
    """Return a REAL as SQLite casts it to text: always with a point, and no sign before zero."""
    text = f"{value + 0.0:.15g}"
    if "." in text or "inf" in text:
        return text.replace("inf", "Inf")
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0{exponent}{power}"


def _date_text(text: str) -> float | None:
    text = text.strip()
    moment = _moment(text + "-01" if len(text) == 7 and text[4] == "-" else text)
    if moment is None:
        return None
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return None
    return (moment - _EPOCH).total_seconds()


def _moment(text: str) -> datetime | None:
    """Return ISO 8601 text as a moment; a time of day alone is on 2000-01-01, as in SQLite."""
    try:
        return datetime.fromisoformat(f"2000-01-01 {text}" if ":" in text[:3] else text)
    except ValueError:
        return None


def _date_number(value: Any) -> float | None:
    if not isinstance(value, int | float) or not _LOW <= value < _END:
        return None
    return (value - _JULIAN_EPOCH) * 86400.0 if 0 <= value < _JULIAN_LIMIT else float(value)
