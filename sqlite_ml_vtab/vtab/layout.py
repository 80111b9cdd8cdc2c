"""Which column of the virtual table is which: the declared ones, then the hidden ones of the contract."""

from __future__ import annotations

from functools import cached_property

from sqlite_ml_vtab.declaration import Declaration, Role
from sqlite_ml_vtab.declaration.parse import GUARD
from sqlite_ml_vtab.store.sql import quoted


class Layout:
    """The columns of one predictor by their number."""

    def __init__(self, declaration: Declaration, table: str, column_limit: int) -> None:
        """Lay out `table`, whose command column bears its name, in at most so many columns as SQLite allows."""
        self.declaration = declaration
        self.table = table
        self.column_limit = column_limit

    @cached_property
    def visible(self) -> list[str]:
        """The declared names, in order."""
        return [column.name for column in self.declaration.columns]

    @cached_property
    def arguments(self) -> list[str]:
        """``features``, and ``arg2`` ... where the column limit leaves room for all of them."""
        first, *rest = self.declaration.arguments
        others = len(self.visible) + len(self.declaration.says) + 7
        return [first, *rest] if others + len(rest) <= self.column_limit else [first]

    @cached_property
    def names(self) -> list[str]:
        """Every column's name, in the order in which table-function arguments bind to the hidden ones."""
        return [
            *self.visible,
            *self.arguments,
            GUARD,
            *self.declaration.says,
            "version",
            "source",
            self.table,
            "options",
        ]

    def number(self, name: str) -> int:
        """Return the number of the hidden column `name`."""
        return len(self.visible) + self.names[len(self.visible) :].index(name)

    @cached_property
    def features(self) -> list[int]:
        """The numbers of the feature columns."""
        return [n for n, column in enumerate(self.declaration.columns) if column.role is Role.FEATURE]

    @cached_property
    def targets(self) -> list[int]:
        """The numbers of the target columns."""
        return [n for n, column in enumerate(self.declaration.columns) if column.role is Role.TARGET]

    @cached_property
    def command(self) -> int:
        """The number of the command column; its options stand behind it."""
        return len(self.names) - 2

    def schema(self) -> str:
        """Return the CREATE TABLE statement that SQLite is told."""
        shown = [f"{quoted(column.name)} {column.affinity}".rstrip() for column in self.declaration.columns]
        hidden = [f"{quoted(name)} HIDDEN" for name in self.names[len(self.visible) :]]
        return f"CREATE TABLE x({', '.join(shown + hidden)})"
