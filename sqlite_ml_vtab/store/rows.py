"""The rows of a predictor, in its rows table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlite_ml_vtab.declaration import Column
from sqlite_ml_vtab.errors import damaged_id
from sqlite_ml_vtab.store.reading import Reading, of_table
from sqlite_ml_vtab.store.shadows import row_key
from sqlite_ml_vtab.store.sql import Cursor, Tables, quoted

HELD = 100_000
"""So many rows are held back at most for a table that was empty: the first filling of a large one goes through."""

PARAMETERS = 500
"""So many parameters one statement that writes held rows has, or those of one row: some fifty rows are a third cheaper
by the row than one, and no more are."""

HOLDING = "holding"
"""The key of the witness in the config table."""

LAST_ID = 2**63 - 1
"""The greatest row id that SQLite has."""


class Rows:
    """Reads and writes the rows table.

    A statement may read the very table that it fills (INSERT INTO t SELECT ... FROM t_rows), and would then meet its
    own rows for ever. So what a statement inserts is held back until it ends, and `flush` is called then: from xSync,
    from xRelease, and before every read. Inside a transaction of the user only a statement of many rows tells its end,
    and xSavepoint tells its beginning; there a row without a savepoint before it is written at once. (A savepoint may
    be the user's own: then a single row behind it is written with the next statement that touches the predictor, or
    when the savepoint ends or another begins.)

    It is not always told that a statement was undone: apsw leaves out xRollbackTo while a Python exception is on its
    way. So inside a transaction of the user a witness is written, which is undone with the statement.
    """

    def __init__(self, tables: Tables, columns: Sequence[Column]) -> None:
        """Prepare the statements for a predictor of `columns`."""
        self._tables = tables
        self._connection = tables.connection
        self._table = tables.of("rows")
        self._key = quoted(row_key(columns))
        self._columns = [column.name for column in columns]
        self._names = [quoted(name) for name in self._columns]
        listed = ", ".join([self._key, *self._names])
        marks = f"({', '.join('?' * (len(columns) + 1))})"
        into = f"INTO {self._table}({listed}) VALUES "
        sets = ", ".join(f"{name} = ?" for name in [self._key, *self._names])
        self._insert = f"INSERT {into}{marks}"
        self._replace = f"INSERT OR REPLACE {into}{marks}"
        self._at_once = max(1, PARAMETERS // len(columns))
        """So many rows `_insert_many` inserts."""
        self._insert_many = f"INSERT {into}{', '.join(_following_rows(self._at_once, len(columns)))}"
        self._update = f"UPDATE {self._table} SET {sets} WHERE {self._key} = ?"
        self._update_or_replace = f"UPDATE OR REPLACE {self._table} SET {sets} WHERE {self._key} = ?"
        self._select = f"SELECT {listed} FROM {self._table}"
        self._held: dict[int, tuple[Any, ...]] = {}
        """Rows held back by their id, where the statement names ids."""
        self._run: list[Any] = []
        """The values of rows held back, one row after the other, where it names none: the last has the id before
        `_next`. The one or the other is empty."""
        self._room: float = 0
        """So many values `_run` may have; 0 where no row can be added to it."""
        self._write_held = self._insert
        """The statement that writes what is held back."""
        self._capacity: float = 0
        """So many rows may be held back."""
        self._is_holding = False
        """Whether the present statement's rows are held back."""
        self._config = tables.of("config")
        self._witness: str | None = None
        """What was written, when rows began to be held back, under the key HOLDING of the config table."""
        self._mark = -1
        """total_changes when a row was held back: SQLite raises it at the end of each statement."""
        self._announced = -1
        """total_changes when a savepoint was opened, which is how a statement of many rows begins."""
        self._next = 0
        """The id of the next row that is held back."""

    def add(self, rowid: int | None, values: Sequence[Any], *, replace: bool) -> int | None:
        """Insert one row and return its id; None where its id is taken and `replace` is false."""
        if not (self._is_holding and self._continues()):
            self.flush()
            self._begin()
        if rowid is not None and not replace and self._is_taken(rowid):
            return None
        if self._is_holding and (rowid is not None or self._next <= LAST_ID):
            return self._hold(rowid, values, replace=replace)
        self.flush()
        self._connection.execute(self._replace if replace else self._insert, (rowid, *values))
        return self._connection.last_insert_rowid() if rowid is None else rowid

    def add_next(self, values: tuple[Any, ...]) -> int | None:
        """Do what `add` does of a row without an id, quickly; None where only `add` can do it."""
        if self._connection.total_changes() != self._mark or len(self._run) >= self._room:
            return None
        if self._witness is not None and not self._continues():
            return None
        self._run.extend(values)
        rowid = self._next
        self._next = rowid + 1
        return rowid

    def flush(self) -> None:
        """Write what is held back; the statement that inserted it has ended."""
        held, run, first, witness = self._held, self._run, self._first, self._witness
        self.forget_held()
        if witness is None or self._dismiss(witness):
            self._write(held)
            self._write_run(first, run)

    def forget_held(self) -> None:
        """Drop what is held back: the statement that inserted it was undone."""
        self._held, self._run, self._room, self._witness, self._is_holding = {}, [], 0, None, False

    def savepoint_opened(self) -> None:
        """Note that a savepoint is opened: by the user, or by SQLite for a statement of many rows.

        What a statement before it has left is written now: within the savepoint it would be undone with it.
        """
        if self._held or self._run:
            self.flush()
        self._announced = self._connection.total_changes()

    def change(self, rowid: int, new_rowid: int, values: Sequence[Any], *, replace: bool) -> bool:
        """Replace the values, and the id, of one row; return False where the new id is taken and `replace` is false."""
        if new_rowid != rowid and not replace and self._is_taken(new_rowid):
            return False
        self._connection.execute(self._update_or_replace if replace else self._update, (new_rowid, *values, rowid))
        return True

    def remove(self, rowid: int) -> None:
        """Delete one row."""
        self._connection.execute(f"DELETE FROM {self._table} WHERE {self._key} = ?", (rowid,))

    def clear(self) -> None:
        """Delete all rows."""
        self._connection.execute(f"DELETE FROM {self._table}")

    def scan(self, *, descending: bool = False) -> Cursor:
        """Return all rows as (id, values ...), by id."""
        return self._connection.execute(f"{self._select} ORDER BY {self._key}{' DESC' if descending else ''}")

    def find(self, rowid: Any) -> Cursor:
        """Return the row with this id, as `scan` does."""
        return self._connection.execute(f"{self._select} WHERE {self._key} = ?", (rowid,))

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._tables.value(f"SELECT count(*) FROM {self._table}"))

    def place(self) -> tuple[str, str] | None:
        """Return the schema and the name of the table that has the rows."""
        return self._tables.schema, self._table

    def reading(self) -> Reading:
        """Return how the rows are read for training."""
        return of_table(self._connection, self._table, self._key, self._columns)

    def _continues(self) -> bool:
        """Return whether the row that comes now belongs to the statement whose rows are held back."""
        if self._connection.total_changes() != self._mark:
            return False
        # A statement that was undone leaves total_changes as it was, and changes at 0.
        return self._witness is None or bool(self._connection.changes()) or self._stands(self._witness)

    def _stands(self, witness: str) -> bool:
        return bool(self._tables.value(f"SELECT value = ? FROM {self._config} WHERE key = ?", (witness, HOLDING)))

    def _dismiss(self, witness: str) -> bool:
        """Delete the witness; return whether it stood."""
        stands = self._stands(witness)
        if stands:
            self._connection.execute(f"DELETE FROM {self._config} WHERE key = ?", (HOLDING,))
        return stands

    def _begin(self) -> None:
        """Decide whether the rows of a statement that begins are held back."""
        is_announced, self._announced = self._announced == self._connection.total_changes(), -1
        in_transaction = self._connection.in_transaction()
        if in_transaction and not is_announced:
            return
        last = self._tables.value(f"SELECT max({self._key}) FROM {self._table}")
        if last is not None and type(last) is not int:
            raise damaged_id(last)
        self._is_holding, self._next = True, (last or 0) + 1
        self._capacity = HELD if last is None else math.inf
        if in_transaction:
            self._witness = uuid4().hex
            sql = f"INSERT OR REPLACE INTO {self._config}(key, value) VALUES (?, ?)"
            self._connection.execute(sql, (HOLDING, self._witness))
        self._mark = self._connection.total_changes()

    @property
    def _first(self) -> int:
        """The id of the first row in `_run`."""
        return self._next - len(self._run) // len(self._columns)

    def _is_taken(self, rowid: int) -> bool:
        return rowid in self._held or rowid in range(self._first, self._next) or bool(list(self.find(rowid)))

    def _hold(self, rowid: int | None, values: Sequence[Any], *, replace: bool) -> int:
        """Hold back one row, with the next id where `rowid` is None; return its id."""
        if len(self._held) + len(self._run) // len(self._columns) >= self._capacity:
            held, run, first, self._held, self._run = self._held, self._run, self._first, {}, []
            self._write(held)
            self._write_run(first, run)
            self._mark = self._connection.total_changes()
        if rowid is None and not self._held:
            self._room = min(self._capacity, LAST_ID + 1 - self._first) * len(self._columns)
            self._run += values
            self._next += 1
            return self._next - 1
        return self._hold_by_id(self._next if rowid is None else rowid, values, replace=replace)

    def _hold_by_id(self, rowid: int, values: Sequence[Any], *, replace: bool) -> int:
        if self._run:
            width, first = len(self._columns), self._first
            rows = (tuple(self._run[at : at + width]) for at in range(0, len(self._run), width))
            self._held, self._run, self._room = dict(enumerate(rows, first)), [], 0
            self._write_held = self._insert
        if replace or not self._held:
            self._write_held = self._replace if replace else self._insert
        self._held[rowid] = tuple(values)
        self._next = max(self._next, rowid + 1)
        return rowid

    def _write(self, held: Mapping[int, tuple[Any, ...]]) -> None:
        if held:
            self._connection.run_many(self._write_held, ((rowid, *values) for rowid, values in held.items()))

    def _write_run(self, first: int, run: list[Any]) -> None:
        """Write rows whose ids follow on from `first`: many with one statement, and what is left one by one."""
        width = len(self._columns)
        size = width * self._at_once
        whole = len(run) - len(run) % size
        if whole:
            starts = range(0, whole, size)
            self._connection.run_many(self._insert_many, ([first + at // width, *run[at : at + size]] for at in starts))
        if whole < len(run):
            rest = range(whole, len(run), width)
            self._connection.run_many(self._insert, ([first + at // width, *run[at : at + width]] for at in rest))


def _following_rows(count: int, columns: int) -> Iterator[str]:
    """Yield the VALUES of so many rows: their ids follow on from the first parameter, and all values come after it."""
    for row in range(count):
        marks = (f"?{row * columns + place}" for place in range(2, columns + 2))
        yield f"(?1 + {row}, {', '.join(marks)})"
