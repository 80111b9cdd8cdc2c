"""Which values a column takes without a closer look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlite_ml_vtab.declaration import TASKS, Column, Declaration, Kind, Role


def accepted(declaration: Declaration, column: Column) -> frozenset[type]:
    """Return the types whose values, but for infinity, need no closer look in `column`."""
    if column.role is Role.KEY:
        return frozenset((int, float, str, bytes, type(None)))
    if is_class(declaration, column) or column.kind is Kind.ANY:
        return frozenset((int, float, str, type(None)))
    return _ACCEPTED[column.kind]


_ACCEPTED: Mapping[str, frozenset[type]] = {
    Kind.NUMBER: frozenset((int, float, type(None))),
    Kind.CATEGORY: frozenset((int, str, type(None))),
    Kind.WORDS: frozenset((int, str, type(None))),
    Kind.DATE: frozenset((type(None),)),
}


def is_class(declaration: Declaration, column: Column) -> bool:
    """Return whether it holds the classes: these may be of any type, as in any column of SQLite."""
    return column.role is Role.TARGET and TASKS[declaration.task].has_labels


MOST = 1000
"""So many combinations of types are remembered."""


class Plain:
    """Tells the rows that are stored as they come: every value has an accepted type, and none is infinite."""

    def __init__(self, accepted: Sequence[frozenset[type]]) -> None:
        """Know nothing yet but the types that each column accepts; `note` tells of each row that needed a look."""
        self._are_numbers = all({int, float} <= types for types in accepted)
        """Whether a row of numbers is one, and every row was one so far: then it is enough that it can be added up."""
        self._sums: dict[tuple[type, ...], Callable[[Sequence[Any]], Any]] = {}

    def has(self, values: Sequence[Any]) -> bool:
        """Return whether a row is known to be such a one; False where it may be."""
        if self._are_numbers:
            try:
                # An infinite sum does not give 0 when taken from itself; SQLite has no NaN.
                total = sum(values)
                return bool(total - total == 0)
            except TypeError:
                self._are_numbers = False
        types = tuple(map(type, values))
        total = self._sums.get(types, _infinite)(values)
        return bool(total - total == 0)

    def note(self, values: Sequence[Any]) -> None:
        """Remember the types of a row that is stored as it came."""
        if len(self._sums) < MOST:
            types = tuple(map(type, values))
            self._sums[types] = _sum_of_floats(types)


def _infinite(values: Sequence[Any]) -> Any:
    return float("inf")


def _sum_of_floats(types: tuple[type, ...]) -> Callable[[Sequence[Any]], Any]:
    """Return a function from values of these types to a number that is infinite where a float among them is."""
    if set(types) <= {int, float}:
        return sum
    places = [place for place, kind in enumerate(types) if kind is float]
    if len(places) < 2:
        return itemgetter(*places) if places else _zero
    floats = itemgetter(*places)
    return lambda values: sum(floats(values))


def _zero(values: Sequence[Any]) -> int:
    return 0
