"""External content: the rows of a table or a view that the predictor does not own, read where they stand.

As in FTS5's external content (https://sqlite.org/fts5.html#external_content_tables) nothing is copied, no trigger is
made, and the relation is looked up by its name each time: it need not exist when the predictor is declared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from sqlite_ml_vtab.declaration import Column
from sqlite_ml_vtab.errors import DeclarationError, InputError, shown
from sqlite_ml_vtab.store import relation
from sqlite_ml_vtab.store.reading import Reading
from sqlite_ml_vtab.store.shadows import SHADOW_TABLES
from sqlite_ml_vtab.store.sql import Connection, T, Tables, folded, quoted

_UNDER_WAY: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()
"""What SQLite is reading for us at this moment, by connection: a view may lead back to the predictor that reads it."""


class Content:
    """Stands where `store.rows.Rows` does: reads the relation, and refuses to write."""

    def __init__(
        self, tables: Tables, columns: Sequence[Column], text: str, is_untrusted: Callable[[], bool] = lambda: False
    ) -> None:
        """Read `columns` from what `text` names; where files may be hostile, from plain tables and views beside it."""
        self._tables = tables
        self._names = [column.name for column in columns]
        self._text = text
        self._is_untrusted = is_untrusted

    @property
    def connection(self) -> Connection:
        """The connection that reads."""
        return self._tables.connection

    def reading(self) -> Reading:
        """Return how the relation is read now; InputError names what is gone or does not fit."""
        found = self._found()
        columns = relation.described(self.connection, self._text, found.source, "content")
        names = {name: quoted(_column(columns, name, found.kind)) for name in self._names}
        if columns.rowid:
            by_name = {name: f"src.{column}" for name, column in names.items()}
            return _Guarded(self.connection, f"{found.source} AS src", f"src.{columns.rowid}", by_name, True)
        return _Guarded(self.connection, *_counted(found.source, names), False)

    def is_view(self) -> bool:
        """Return whether the relation is a view, which may have any number of rows."""
        return self._found().kind == "view"

    def place(self) -> tuple[str, str] | None:
        """Return the schema and the name of the table that has the rows, None of a view or a virtual table."""
        found = self._found()
        return (found.schema, found.source) if found.kind == "table" else None

    def _found(self) -> relation.Named:
        own, connection = self._tables.schema, self.connection
        places = [own] if self._is_untrusted() else relation.schemas(connection, own)
        found = relation.named(connection, self._text, places)
        what = f"content {shown(self._text)}"
        if found is None and self._is_untrusted():
            raise InputError(
                f"{what} is no table or view of the predictor's own database, and untrusted=True reads no other. "
                "Create it there."
            )
        if found is None:
            raise InputError(f"{what} names no table or view here. Create it, or declare another predictor.")
        if found.kind == "virtual" and self._is_untrusted():
            raise InputError(f"{what} is a virtual table, which untrusted=True does not read. Copy it to a table.")
        if folded(found.schema) == folded(own) and is_own(self._tables.name, found.name):
            raise InputError(f"{what} belongs to the predictor itself. Name the table that has the rows.")
        return found

    def flush(self) -> None:
        """Do nothing: no row is held back."""

    forget_held = savepoint_opened = flush

    def add(self, rowid: int | None, values: Sequence[Any], *, replace: bool) -> NoReturn:
        """Refuse a row."""
        self.refuse()

    def change(self, rowid: int, new_rowid: int, values: Sequence[Any], *, replace: bool) -> NoReturn:
        """Refuse a change."""
        self.refuse()

    def remove(self, rowid: int) -> NoReturn:
        """Refuse to delete."""
        self.refuse()

    def clear(self) -> NoReturn:
        """Refuse to delete all."""
        self.refuse()

    def add_next(self, values: object) -> None:
        """Add nothing quickly: see `refuse`."""

    def refuse(self) -> NoReturn:
        """Raise InputError that says where rows are written instead."""
        raise InputError(f"the rows are those of {self._text} (content). Insert, change and delete them there.")

    def scan(self) -> Iterator[tuple[Any, ...]]:
        """Yield all rows as (id, declared columns ...)."""
        reading = self.reading()
        return _stepped(reading, reading.rows)

    def find(self, rowid: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the row with this id, as `scan` does."""
        reading = self.reading()
        return _stepped(reading, lambda: reading.row(rowid))

    def count(self) -> int:
        """Return how many rows there are."""
        return self.reading().count()


class _Guarded(Reading):
    """A reading whose every step is known to be under way."""

    def count(self, targets: Sequence[str] = ()) -> int:
        return _within(self, lambda: Reading.count(self, targets))

    def chunks(
        self,
        names: Sequence[str],
        targets: Sequence[str],
        order: str | None = None,
        span: tuple[int, int] | None = None,
        size: int = 0,
    ) -> Iterator[list[tuple[Any, ...]]]:
        return _stepped(self, lambda: Reading.chunks(self, names, targets, order, span, size))

    def take(self, names: Sequence[str], ids: Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
        # That of a relation without ids goes through `chunks`, and is guarded there.
        return _stepped(self, lambda: Reading.take(self, names, ids)) if self.has_ids else super().take(names, ids)


def _stepped(reading: Reading, run: Callable[[], Any]) -> Iterator[Any]:
    """Yield what `run` yields."""
    steps = _within(reading, lambda: iter(run()))
    # Not a lambda: the frame of one that raised would hold the statement for as long as the error is kept.
    following = partial(next, steps, None)
    while (step := _within(reading, following)) is not None:
        yield step


def _within(reading: Reading, run: Callable[[], T]) -> T:
    """Return what `run` returns; refuse where the same relation is being read for us already, further out."""
    under_way = _UNDER_WAY.setdefault(reading.connection, set())
    if reading.source in under_way:
        raise InputError("content is a view that reads the predictor itself. Let it read the table behind.")
    under_way.add(reading.source)
    try:
        return run()
    finally:
        under_way.discard(reading.source)


def _counted(source: str, names: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
    """Return the FROM, the key and the columns of a relation without row ids: its rows are counted from 1."""
    # Windows are computed before WHERE and ORDER BY of the outer statement, so that a row keeps its number.
    listed = [
        "row_number() OVER () AS n",
        *(f"src.{column} AS c{place}" for place, column in enumerate(names.values())),
    ]
    inner = f"(SELECT {', '.join(listed)} FROM {source} AS src)"
    return inner, "n", {name: f"c{place}" for place, name in enumerate(names)}


def _column(found: relation.Relation, name: str, kind: str) -> str:
    column = relation.match(found, name)
    # SQLite names the second of two columns `a` of a view `a:1`.
    twin = re.compile(re.escape(folded(column)) + r":\d+")
    if kind == "view" and any(twin.fullmatch(folded(other)) for other in found.columns):
        raise InputError(f"content {shown(found.text)} has two columns {name!r}. Name them apart in the view.")
    return column


def is_own(table: str, name: str) -> bool:
    """Return whether `name` is the predictor `table` itself or one of its shadow tables."""
    return folded(name) in {folded(table), *(folded(f"{table}_{suffix}") for suffix in SHADOW_TABLES)}


def check_content(tables: Tables, text: str) -> None:
    """Refuse, when a predictor is declared, content that could never be read; it need not exist yet."""
    for schema, name in relation.name_parts(text):
        if is_own(tables.name, name) and (schema is None or folded(schema) == folded(tables.schema)):
            raise DeclarationError(
                f"content {shown(text)} belongs to the predictor itself. Name the table that has the rows."
            )
