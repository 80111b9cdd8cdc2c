"""An apsw connection as the floors below see it: plain rows, whatever tracers the user has set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import ref

import apsw

from sqlite_ml_vtab.store.sql import CALLED, T


class PlainConnection:
    """Statements on the user's own connection, so that they belong to the user's own transaction.

    Holds the connection weakly: SQLite keeps our modules, and they must not keep the connection.
    """

    def __init__(self, db: apsw.Connection) -> None:
        """Wrap `db`."""
        self._db = ref(db)
        self._waiting: Callable[[], Any] | None = None
        db.create_scalar_function(CALLED, self._call, 0)

    @property
    def db(self) -> apsw.Connection:
        """The connection itself."""
        db = self._db()
        if db is None:
            raise apsw.ConnectionClosedError("the connection is closed")
        return db

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """Run one statement on a cursor of its own."""
        return self._cursor().execute(sql, params)

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement that returns no rows for each of `rows`."""
        self._cursor().executemany(sql, rows)

    def call_within(self, sql: str, run: Callable[[], T]) -> T:
        """Run one statement that calls CALLED once, and let that be `run`."""
        results: list[T] = []
        self._waiting = lambda: results.append(run())
        self.execute(sql)
        return results[0]

    def _call(self, *args: Any) -> int:
        run, self._waiting = self._waiting, None
        if run is not None:
            run()
        return 0

    def total_changes(self) -> int:
        """Return how many rows were changed since the connection was opened."""
        # Asked for each row that is inserted, so not by way of the property.
        db = self._db()
        return 0 if db is None else db.total_changes()

    def changes(self) -> int:
        """Return how many rows the statement that ended last changed; 0 where it was undone."""
        db = self._db()
        return 0 if db is None else db.changes()

    def last_insert_rowid(self) -> int:
        """Return the id of the row inserted last."""
        return self.db.last_insert_rowid()

    def in_transaction(self) -> bool:
        """Return whether the user has begun a transaction."""
        return self.db.in_transaction

    def max_length(self) -> int:
        """Return how many bytes a row may have."""
        return self.db.limit(apsw.SQLITE_LIMIT_LENGTH)

    def _cursor(self) -> apsw.Cursor:
        """Return a cursor that no tracer sees. None is kept: it would keep a connection open that its user drops."""
        cursor = apsw.Cursor(self.db)
        cursor.row_trace = None
        cursor.exec_trace = None
        return cursor
