"""The training rows as arrays, and the kinds of columns that were declared without a type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import Column as Declared
from sqlite_ml_vtab.declaration import Declaration, Kind, Role
from sqlite_ml_vtab.errors import TrainingError, damaged_id, shown
from sqlite_ml_vtab.learning.columns import Feature
from sqlite_ml_vtab.portable.values import (
    MANY,
    Column,
    looks_dated,
    looks_numeric,
    number,
    pack_numbers,
)

SIDE_ROLES = (Role.WEIGHT, Role.SPLIT, Role.GROUP)
"""The roles, beside features and target, whose values training reads; ORDER only orders the rows."""


MAX_NUMBER = 1e38
"""A greater number is refused: float32, in which trees compare, ends there, and squares of it soon overflow."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The stored rows that have a target, n of them."""

    ids: np.ndarray[Any, np.dtype[np.int64]]
    """Shape (n,): their row ids."""
    declared: tuple[Feature, ...]
    """The feature columns, their kinds decided."""
    features: tuple[Column, ...]
    """One array of shape (n,) a feature, as `portable.values.MANY` reads its kind."""
    targets: dict[str, list[Any]]
    """By name, each target as it is stored, never None."""
    sides: dict[Role, list[Any]]
    """The values of each declared column of SIDE_ROLES."""

    @property
    def target(self) -> list[Any]:
        """The one target, or the first of several."""
        return next(iter(self.targets.values()))

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(feature.name for feature in self.declared)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The features' kinds, decided."""
        return tuple(feature.kind for feature in self.declared)

    def having(self, places: np.ndarray[Any, Any]) -> TrainingRows:
        """Return the rows at `places` alone."""
        chosen = places.tolist()
        return TrainingRows(
            self.ids[places],
            self.declared,
            tuple(self.take(places)),
            {name: [target[place] for place in chosen] for name, target in self.targets.items()},
            {role: [side[place] for place in chosen] for role, side in self.sides.items()},
        )

    def take(self, places: np.ndarray[Any, Any]) -> Sequence[Column]:
        """Return the features of the rows at `places`, each made when it is asked for: together they are a matrix."""
        return _Taken(self.features, places)


class _Taken(Sequence[Column]):
    """Columns at some places, none of them kept."""

    def __init__(self, columns: Sequence[Column], places: np.ndarray[Any, Any]) -> None:
        self._columns = columns
        self._places = places

    def __len__(self) -> int:
        return len(self._columns)

    def __getitem__(self, number: Any) -> Any:
        return self._columns[number][self._places]


def read_columns(declaration: Declaration) -> list[Declared]:
    """Return the declared columns whose values `collect` expects behind the row id, in its order."""
    sides = [column for role in SIDE_ROLES for column in declaration.having(role)]
    return [*declaration.features, *declaration.targets, *sides]


def collect(declaration: Declaration, chunks: Iterable[Sequence[tuple[Any, ...]]], expected: int = 0) -> TrainingRows:
    """Return the training rows from chunks of (row id, values of `read_columns`) tuples.

    Numbers go straight to where they stay: arrays for the `expected` number of rows, which grow where more come.
    Raises TrainingError where a column without a type cannot be decided, InputError where a stored value breaks
    its column's kind.
    """
    columns = read_columns(declaration)
    ids = _Array(np.int64, expected, _ids)
    stores = [_store(column, expected) for column in columns]
    for chunk in chunks:
        for place, values in enumerate(zip(*chunk, strict=True)):
            if place:
                stores[place - 1].add(values)
            else:
                ids.add(values)
    features = declaration.features
    raw = [store.values() for store in stores]
    decided = [_decide(column, values) for column, values in zip(features, raw, strict=False)]
    known = len(features) + len(declaration.targets)
    targets = zip(declaration.targets, raw[len(features) : known], strict=True)
    return TrainingRows(
        ids=ids.values(),
        declared=tuple(
            Feature(column.name, kind, column.impute, column.encode, column.scale)
            for column, (kind, _) in zip(features, decided, strict=True)
        ),
        features=tuple(values for _, values in decided),
        targets={column.name: values for column, values in targets},
        sides={column.role: values for column, values in zip(columns[known:], raw[known:], strict=True)},
    )


def _ids(values: Sequence[Any]) -> Sequence[int]:
    if set(map(type, values)) != {int}:
        raise damaged_id(next(value for value in values if type(value) is not int))
    return values


class _Array:
    """The values of one column whose kind is known, put one chunk after the other into one array."""

    def __init__(self, dtype: Any, expected: int, read: Callable[[Sequence[Any]], Any] = lambda values: values) -> None:
        self._array = np.empty(expected, dtype=dtype)
        self._count = 0
        self._read = read

    def add(self, values: Sequence[Any]) -> None:
        stop = self._count + len(values)
        if stop > len(self._array):
            # In place, and by little: a second array, or one half empty, would double the peak.
            self._array.resize(max(stop, self._count * 5 // 4), refcheck=False)
        self._put(values, stop)
        self._count = stop

    def _put(self, values: Sequence[Any], stop: int) -> None:
        self._array[self._count : stop] = self._read(values)

    def values(self) -> Any:
        if self._count < len(self._array):
            self._array.resize(self._count, refcheck=False)
        return self._array


class _Numbers(_Array):
    """The values of a NUMBER, which are nearly always numbers alone."""

    def __init__(self, name: str, expected: int) -> None:
        super().__init__(np.float64, expected, lambda values: MANY["NUMBER"](name, values))
        self._name = name

    def _put(self, values: Sequence[Any], stop: int) -> None:
        if not pack_numbers(self._array, self._count, values):
            super()._put(values, stop)

    def values(self) -> Any:
        found = super().values()
        infinite = np.isinf(found)
        if infinite.any():
            number(self._name, found[infinite][0])
        return found


class _List:
    """The values of one column as they came, each text once."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._texts: dict[str, str] = {}

    def add(self, values: Sequence[Any]) -> None:
        self._values += _shared(values, self._texts)

    def values(self) -> Any:
        return self._values


MAX_SHARED = 100_000
"""So many texts of a column are looked for again: more are no classes or categories."""


def _shared(values: Sequence[Any], texts: dict[str, str]) -> Sequence[Any]:
    """Return `values`, of each text one and the same object: SQLite makes a new one for every row."""
    kinds = set(map(type, values))
    if str not in kinds or len(texts) > MAX_SHARED:
        return values
    if kinds == {str}:
        return list(map(texts.setdefault, values, values))
    return [texts.setdefault(value, value) if type(value) is str else value for value in values]


def _store(column: Declared, expected: int) -> _Array | _List:
    if column.role is not Role.FEATURE or column.kind is Kind.ANY:
        return _List()
    read = MANY[column.kind]
    if column.kind is Kind.NUMBER:
        return _Numbers(column.name, expected)
    if column.kind is Kind.DATE:
        return _Array(np.float64, expected, lambda values: read(column.name, values))
    texts: dict[str, str] = {}
    return _Array(object, expected, lambda values: read(column.name, _shared(values, texts)))


def _decide(column: Declared, values: Any) -> tuple[str, Column]:
    kind = column.kind.value
    if column.kind is Kind.ANY:
        kind = decide_kind(column.name, values).value
        _check_clauses(column, kind)
        return kind, MANY[kind](column.name, values)
    return kind, values if isinstance(values, np.ndarray) else MANY[kind](column.name, values)


def _check_clauses(column: Declared, kind: str) -> None:
    """Refuse clauses that the values of a column without a type cannot bear."""
    strategy, *constant = column.impute or ("",)
    if kind == "CATEGORY" and (strategy in ("mean", "median") or column.scale):
        clause = f"IMPUTE({strategy})" if strategy in ("mean", "median") else f"SCALE({column.scale})"
        raise TrainingError(f"column {column.name!r} holds text, and {clause} is for numbers. Leave it out.")
    if kind == "NUMBER" and constant and not looks_numeric(constant):
        raise TrainingError(
            f"column {column.name!r} holds numbers, and IMPUTE(constant, ...) gives it {shown(constant[0])}. "
            "Write a number."
        )


def decide_kind(name: str, values: Sequence[Any]) -> Kind:
    """Return the kind of a column without a type: NUMBER, DATE where all text is ISO 8601, else CATEGORY.

    Raises TrainingError where numbers stand beside text or are all written as text: either would be learned wrongly.
    """
    known = [value for value in values if value is not None]
    texts = [value for value in known if isinstance(value, str)]
    if not texts:
        return Kind.NUMBER
    if len(texts) < len(known):
        raise TrainingError(
            f"column {name!r} holds numbers and text such as {shown(texts[0])}. "
            f"Store NULL for a missing value, or declare the column TEXT."
        )
    if looks_dated(texts):
        return Kind.DATE
    if looks_numeric(texts):
        raise TrainingError(
            f"column {name!r} holds numbers written as text, such as {shown(texts[0])}. "
            "Convert them with CAST(... AS REAL), or declare the column TEXT if they are codes."
        )
    return Kind.CATEGORY
