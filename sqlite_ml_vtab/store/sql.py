"""What the store needs of a connection, and how names are written in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Cursor(Protocol):
    """A statement under way."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield rows as plain tuples."""

    @property
    def description(self) -> Sequence[Sequence[Any]]:
        """The result columns, the name first (DB-API); readable while a row is at hand."""


class Connection(Protocol):
    """What a binding provides: statements without the user's tracers, and the count that tells statements apart."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Cursor:
        """Run one statement."""

    def run(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement that returns no rows; the quicker way to write."""

    def total_changes(self) -> int:
        """Return how many rows were changed since the connection was opened."""

    def last_insert_rowid(self) -> int:
        """Return the id of the row inserted last."""

    def in_transaction(self) -> bool:
        """Return whether the user has begun a transaction."""


def quoted(name: str) -> str:
    """Return `name` as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Tables:
    """Where a predictor's shadow tables stand."""

    connection: Connection
    schema: str
    """``main``, ``temp`` or the name of an attached database."""
    name: str
    """The predictor's name."""

    def of(self, suffix: str) -> str:
        """Return the quoted, qualified name of one shadow table."""
        return f"{quoted(self.schema)}.{quoted(f'{self.name}_{suffix}')}"

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run `sql` to its end and return its rows."""
        return list(self.connection.execute(sql, params))

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, None where there is none."""
        for row in self.rows(sql, params):
            return row[0]
        return None
