"""The rows of a predictor, in its rows table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlite_ml_vtab.declaration import Column
from sqlite_ml_vtab.store.shadows import row_key
from sqlite_ml_vtab.store.sql import Cursor, Tables, quoted

CHUNK = 10_000
"""So many rows are in memory at once while rows are read for training."""


class Rows:
    """Reads and writes the rows table. Holds back what a statement inserts only while `add` says so."""

    def __init__(self, tables: Tables, columns: Sequence[Column]) -> None:
        """Prepare the statements for a predictor of `columns`."""
        self._tables = tables
        self._connection = tables.connection
        self._table = tables.of("rows")
        self._key = quoted(row_key(columns))
        self._names = [quoted(column.name) for column in columns]
        listed = ", ".join([self._key, *self._names])
        marks = ", ".join("?" * (len(columns) + 1))
        self._insert = f"INSERT INTO {self._table}({listed}) VALUES ({marks})"
        self._replace = f"INSERT OR REPLACE INTO {self._table}({listed}) VALUES ({marks})"
        self._select = f"SELECT {listed} FROM {self._table}"
        self._held: dict[int, tuple[Any, ...]] = {}
        self._mark = -1
        self._holding: bool | None = None
        self._next = 0
        self._first: tuple[int, tuple[Any, ...]] = (0, ())

    def add(self, rowid: int | None, values: Sequence[Any], *, replace: bool) -> int:
        """Insert one row and return its id.

        A statement may read the very table that it fills (INSERT INTO t SELECT ... FROM t_rows), and would then meet
        its own rows for ever. So where rows stood before, what a statement inserts is held back until it ends: `flush`
        is called from xSync, xRelease and every read. Inside a transaction of the user the end of a single-row
        statement is not told, so there the first row is written at once, and taken back when a second one follows.
        That a row belongs to the same statement shows in total_changes, which SQLite raises at the end of each.
        """
        changes = self._connection.total_changes()
        if changes != self._mark:
            self.flush()
            self._mark = changes
            if self._connection.in_transaction():
                return self._write_first(rowid, values, replace=replace)
            self._begin_holding(own=0)
        elif self._holding is None:
            self._begin_holding(own=1)
        if rowid is None:
            rowid = self._next
        if self._holding:
            return self._hold(rowid, values, replace=replace)
        return self._write(rowid, values, replace=replace)

    def flush(self) -> None:
        """Write what is held back; the statement that inserted it has ended."""
        held, self._held = self._held, {}
        self._mark, self._holding = -1, None
        for rowid, values in held.items():
            self._connection.run(self._replace, (rowid, *values))

    def forget_held(self) -> None:
        """Drop what is held back: the statement that inserted it was undone."""
        self._held.clear()
        self._mark, self._holding = -1, None

    def change(self, rowid: int, new_rowid: int, values: Sequence[Any]) -> None:
        """Replace the values, and the id, of one row."""
        sets = ", ".join(f"{name} = ?" for name in [self._key, *self._names])
        self._connection.execute(f"UPDATE {self._table} SET {sets} WHERE {self._key} = ?", (new_rowid, *values, rowid))

    def remove(self, rowid: int) -> None:
        """Delete one row."""
        self._connection.run(f"DELETE FROM {self._table} WHERE {self._key} = ?", (rowid,))

    def clear(self) -> None:
        """Delete all rows."""
        self._connection.run(f"DELETE FROM {self._table}")

    def scan(self, *, descending: bool = False) -> Cursor:
        """Return all rows as (id, values ...), by id."""
        return self._connection.execute(f"{self._select} ORDER BY {self._key}{' DESC' if descending else ''}")

    def find(self, rowid: Any) -> Cursor:
        """Return the row with this id, as `scan` does."""
        return self._connection.execute(f"{self._select} WHERE {self._key} = ?", (rowid,))

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._tables.value(f"SELECT count(*) FROM {self._table}"))

    def chunks(self, names: Sequence[str], target: str, order: str | None) -> Iterator[list[tuple[Any, ...]]]:
        """Yield (id, the columns `names`) of the rows whose `target` is not NULL, ordered by `order`, then id."""
        listed = ", ".join([self._key, *map(quoted, names)])
        by = ", ".join([quoted(order), self._key] if order else [self._key])
        sql = f"SELECT {listed} FROM {self._table} WHERE {quoted(target)} IS NOT NULL ORDER BY {by}"
        cursor = iter(self._connection.execute(sql))
        while chunk := list(islice(cursor, CHUNK)):
            yield chunk

    def _write(self, rowid: int | None, values: Sequence[Any], *, replace: bool) -> int:
        self._connection.run(self._replace if replace else self._insert, (rowid, *values))
        self._mark = self._connection.total_changes()
        written = self._connection.last_insert_rowid() if rowid is None else rowid
        self._next = max(self._next, written + 1)
        return written

    def _write_first(self, rowid: int | None, values: Sequence[Any], *, replace: bool) -> int:
        """Write the first row of a statement that may have no other."""
        written = self._write(rowid, values, replace=replace)
        self._first = (written, tuple(values))
        return written

    def _begin_holding(self, own: int) -> None:
        """Hold rows back if more of them stand here than the `own` first one of this statement; it then joins them."""
        there, last = self._tables.rows(
            f"SELECT (SELECT count(*) FROM (SELECT 1 FROM {self._table} LIMIT 2)), max({self._key}) FROM {self._table}"
        )[0]
        self._holding, self._next = there > own, (last or 0) + 1
        if self._holding and own:
            rowid, values = self._first
            self.remove(rowid)
            self._held[rowid] = values
            self._mark = self._connection.total_changes()

    def _hold(self, rowid: int, values: Sequence[Any], *, replace: bool) -> int:
        if not replace and rowid < self._next and (rowid in self._held or list(self.find(rowid))):
            # Let SQLite refuse the id in its own words and with its own error.
            self.flush()
            return self._write(rowid, values, replace=False)
        self._held[rowid] = tuple(values)
        self._next = max(self._next, rowid + 1)
        return rowid
