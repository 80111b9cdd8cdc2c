"""Which values a column takes without a closer look."""

from __future__ import annotations

from collections.abc import Mapping

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
