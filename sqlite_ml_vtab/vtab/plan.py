"""xBestIndex: which of five ways a query goes.

A constraint that is present but not usable yet means that the planner must try another order: False. An argument that
is absent means that the user left it out: our sentence. Wrong row estimates make joins 67 times slower.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import apsw

from sqlite_ml_vtab.errors import InputError
from sqlite_ml_vtab.portable.inputs import wrong_count
from sqlite_ml_vtab.vtab.layout import Layout

EQUAL = apsw.SQLITE_INDEX_CONSTRAINT_EQ
ROWID = -1
OMITTED = 16
"""SQLite heeds `omit` for so many constraints of a table (where.c), and compares the others itself."""


class Way(IntEnum):
    """How a query is answered; EXPLAIN QUERY PLAN shows the name."""

    ROWS = 0
    """All stored rows."""
    ROW = 1
    """The stored row with this id."""
    CALL = 2
    """One prediction: from one value a feature, or from JSON."""
    CALLS = 3
    """Predictions for all values of an IN at once."""
    SOURCE = 4
    """Predictions for a relation, read in chunks."""


class Choice(NamedTuple):
    """What xBestIndex tells xFilter, through idxNum."""

    way: Way
    has_version: bool
    """Whether the last argument of xFilter is the version."""
    checked: int
    """The number, from 1, of the first argument that SQLite compares once more; 0 where it compares none."""

    @property
    def number(self) -> int:
        """The number that stands for this choice."""
        return self.way | self.has_version << 3 | self.checked << 4

    @staticmethod
    @cache
    def of(number: int) -> Choice:
        """Return the choice that `number` stands for."""
        return Choice(Way(number & 7), bool(number & 8), number >> 4)


class _Cost(NamedTuple):
    rows: int
    cost: float


_COSTS = {
    Way.ROWS: _Cost(10_000, 20_000.0),
    Way.ROW: _Cost(1, 1.0),
    # Two calls joined by OR must cost more than both in one IN: SQLite's OR drops the second of two equal row ids.
    Way.CALL: _Cost(1, 100.0),
    Way.CALLS: _Cost(10_000, 100.0),
    Way.SOURCE: _Cost(100_000, 100_000.0),
}
_NEVER = _Cost(10_000, 1e12)


def best_index(info: apsw.IndexInfo, layout: Layout) -> bool:
    """Choose the way for the constraints in `info`; return False where one of them is not usable yet.

    Raises InputError for arguments that no order of tables could make right.
    """
    constraints = equalities(info)
    first = len(layout.visible)
    guard = first + len(layout.arguments)
    version, source = layout.number("version"), layout.number("source")
    called = [number for number in range(first, guard) if number in constraints]
    _check_arguments(layout, called, surplus(guard, constraints), source in constraints)
    if called or source in constraints:
        asked = [*called, *(number for number in (source, version) if number in constraints)]
        way = Way.SOURCE if not called else Way.CALL
        if way is Way.CALL and len(called) == 1 and info.get_aConstraintUsage_in(constraints[first][0]):
            way = Way.CALLS
        return _choose(info, way, [constraints[number] for number in asked], version=version in constraints)
    if version in constraints:
        # The planner may ask this of a part of an OR only, so the refusal waits until it is run.
        return _choose(info, Way.ROWS, [constraints[version]], version=True)
    if ROWID in constraints and constraints[ROWID][1]:
        return _choose(info, Way.ROW, [constraints[ROWID]], version=False)
    return _choose(info, Way.ROWS, [], version=False)


def equalities(info: apsw.IndexInfo) -> dict[int, tuple[int, bool]]:
    """Return, by column, the place of its equality and whether it is usable; a usable one is preferred."""
    found: dict[int, tuple[int, bool]] = {}
    for place in range(info.nConstraint):
        if info.get_aConstraint_op(place) != EQUAL:
            continue
        column, usable = info.get_aConstraint_iColumn(place), info.get_aConstraint_usable(place)
        if column not in found or (usable and not found[column][1]):
            found[column] = (place, usable)
    return found


def surplus(guard: int, constraints: Mapping[int, object]) -> int:
    """Return how many arguments there are too many: they bind to the guard and the columns behind it."""
    return next(count for count in itertools.count() if guard + count not in constraints)


def _check_arguments(layout: Layout, called: list[int], surplus: int, has_source: bool) -> None:
    names = [column.name for column in layout.declaration.features]
    first = len(layout.visible)
    if surplus and len(layout.arguments) < len(names):
        raise InputError(
            f"takes {len(names)} features, more than SQLite has arguments for. Pass them as one JSON array."
        )
    if surplus:
        raise wrong_count(names, len(layout.arguments) + surplus)
    if not called:
        return
    if has_source:
        raise InputError("features and source are both given. Give one of them.")
    if called not in ([first], list(range(first, first + len(layout.arguments)))):
        raise wrong_count(names, len(called))


def _choose(info: apsw.IndexInfo, way: Way, consumed: list[tuple[int, bool]], *, version: bool) -> bool:
    if not all(usable for _, usable in consumed):
        return False
    for argument, (place, _) in enumerate(consumed, 1):
        info.set_aConstraintUsage_argvIndex(place, argument)
        info.set_aConstraintUsage_omit(place, True)
    if way is Way.CALLS:
        info.set_aConstraintUsage_in(consumed[0][0], True)
    if way is Way.ROW:
        info.idxFlags = apsw.SQLITE_INDEX_SCAN_UNIQUE
    checked = next((argument for argument, (place, _) in enumerate(consumed, 1) if place >= OMITTED), 0)
    cost = _NEVER if version and way is Way.ROWS else _COSTS[way]
    info.idxNum = Choice(way, version, checked).number
    info.idxStr = way.name.lower()
    info.estimatedRows = cost.rows
    info.estimatedCost = cost.cost
    return True
