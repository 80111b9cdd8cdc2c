"""What the store needs of a connection, and how names are written in SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlite_ml_vtab.errors import ModelError

T = TypeVar("T")


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

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement that returns no rows for each of `rows`; the quicker way to write."""

    def call_within(self, sql: str, run: Callable[[], T]) -> T:
        """Run one statement that calls the SQL function CALLED once, and let that be `run`; return its result."""

    def total_changes(self) -> int:
        """Return how many rows were changed since the connection was opened."""

    def changes(self) -> int:
        """Return how many rows the statement that ended last changed; 0 where it was undone."""

    def last_insert_rowid(self) -> int:
        """Return the id of the row inserted last."""

    def in_transaction(self) -> bool:
        """Return whether the user has begun a transaction."""

    def max_length(self) -> int:
        """Return how many bytes a row may have."""


CALLED = "ml_command_body"
"""The SQL function behind `Connection.call_within`; it does nothing where nothing waits to be called."""

_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def folded(name: str) -> str:
    """Return `name` as SQLite compares names: only the letters A to Z are the same in both cases."""
    return name.translate(_FOLD)


def quoted(name: str) -> str:
    """Return `name` as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


_PLAIN = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = (
    " ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE "
    "DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IF IN INDEX INSERT INTERSECT INTO IS ISNULL "
    "JOIN LIMIT NOT NOTHING NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO "
    "TRANSACTION UNION UNIQUE UPDATE USING VALUES WHEN WHERE "
)
"""The keywords that SQLite takes for a name only in quotes (https://sqlite.org/lang_keywords.html)."""


def written(name: str) -> str:
    """Return `name` as a user would write it: quoted only where it must be."""
    return name if _PLAIN.fullmatch(name) and f" {name.upper()} " not in _RESERVED else quoted(name)


def literal(text: str) -> str:
    """Return `text` as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


class Tables(NamedTuple):
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


LAST = 2**63 - 1
"""The greatest integer that SQLite has."""


def following(latest: Any, what: str) -> int:
    """Return the number behind `latest`, the greatest that a shadow table holds; `what` is numbered.

    Raises ModelError where the table holds no such number: only tampering makes it so.
    """
    if type(latest) is not int or not 0 <= latest < LAST:
        raise ModelError(f"the number of the last {what} is damaged. Restore the shadow tables from a backup.")
    return latest + 1


def atomically(tables: Tables, run: Callable[[], T]) -> T:
    """Return what `run` returns; where it raises, all that it wrote to the shadow tables is undone.

    A statement that inserts one row has no statement journal, so that inside a transaction of the user SQLite would
    leave what the inner statements of a failed command wrote; and it opens no savepoint while a statement is under
    way. So there the command runs inside a statement that has a journal (https://sqlite.org/tempfiles.html#stmtjrnl):
    one that could insert many rows, and inserts none.
    """
    into = _insertable(tables) if tables.connection.in_transaction() else None
    if into is None:
        return run()
    try:
        return tables.connection.call_within(f"INSERT INTO {into} SELECT '' WHERE {CALLED}()", run)
    except BaseException:
        _read_schema_anew(tables)
        raise


def _read_schema_anew(tables: Tables) -> None:
    """Let SQLite see that a table that the command made is gone again.

    It looks at the number of the schema when a statement begins to read, and not when one is undone. Until then it
    knows a table that is not there; and if another connection made one meanwhile, both schemas had the same number.
    """
    try:
        tables.value(f"SELECT 1 FROM {quoted(tables.schema)}.sqlite_schema LIMIT 1")
    except Exception:
        # Interrupted, out of memory, a full disk: then all of the transaction is undone, and the schema read anew.
        return


def _insertable(tables: Tables) -> str | None:
    """Return a shadow table, with a column, that is there: `repair` runs where others are missing."""
    sql = f"SELECT 1 FROM {quoted(tables.schema)}.sqlite_schema WHERE type = 'table' AND lower(name) = ?"
    for suffix, column in (("config", "key"), ("versions", "notes"), ("metrics", "name"), ("rows", "rowid")):
        if tables.value(sql, (folded(f"{tables.name}_{suffix}"),)):
            return f"{tables.of(suffix)}({column})"
    return None
