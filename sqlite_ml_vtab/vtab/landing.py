"""Landing: what was fitted outside the write lock is stored in one short statement, if its rows are still there.

The rows are read once more only where something in their file has changed: SQLite counts the changes of each file
(https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntldataversion), by whichever connection. What is not
committed it does not count, so that inside a transaction of the user they are always read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.errors import CommandError, TrainingError
from sqlite_ml_vtab.store.sql import quoted
from sqlite_ml_vtab.vtab.table import Table

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.module import Loaded

Moment: TypeAlias = tuple[str, int]
"""Where the rows stand, and the number of changes of that file."""

PAUSE = 0.05
"""So many seconds pass before a busy database is tried again."""


def moment(table: Table) -> Moment | None:
    """Return what tells the rows of a predictor from those of any other moment, None where only reading them does."""
    loaded, place = table.loaded, table.predictor.rows.place()
    if place is None or loaded.connection.in_transaction():
        return None
    # What SQLite knows of the file it learns when a statement begins to read.
    loaded.connection.execute(f"PRAGMA {quoted(place[0])}.data_version")
    try:
        return place[1], loaded.db.data_version(place[0])
    except apsw.SQLError:
        return None


@dataclass(slots=True)
class Landing:
    """A fit on its way into the store."""

    table: Table
    """The predictor whose rows were read."""
    moment: Moment | None
    """Before they were."""
    made: verbs.Attempt
    deploy: bool | None
    has_changed: bool = False
    """Whether the rows were found to be others."""

    def check(self) -> None:
        """Where the file has changed, read the rows now, while others may write, and not when the lock is held."""
        now = moment(self.table)
        if now is None or now == self.moment:
            return
        self._read_again(self.table)
        self.moment = now

    def store(self, table: Table) -> int:
        """Store what was fitted, inside the statement that has the lock; return the version."""
        if table.predictor.declaration != self.table.predictor.declaration:
            raise TrainingError("the predictor was declared anew while the model was fitted. Train again.")
        if self.moment is None or moment(table) != self.moment:
            self._read_again(table)
        return verbs.land(table.predictor, self.made, self.deploy)

    def _read_again(self, table: Table) -> None:
        self.has_changed = not verbs.is_unchanged(table.predictor, self.made)
        if self.has_changed:
            raise TrainingError("the rows changed while the model was fitted. Train again.")


def land(loaded: Loaded, landing: Landing, wait: float) -> int:
    """Store what was fitted outside a statement; return the version.

    A command does it: SQLite guards the shadow tables of an untrusted file from all but the virtual table itself.
    While another connection writes, it is tried again for `wait` seconds.
    """
    table = landing.table
    try:
        for is_last in _tries(loaded.db, wait):
            try:
                # Under a rollback journal whoever commits keeps readers off as well.
                landing.check()
                return _store(loaded, landing)
            except apsw.BusyError:
                if is_last or loaded.db.in_transaction:
                    raise
    except apsw.SQLError:
        _check_there(loaded, table)
        raise
    raise AssertionError


def _store(loaded: Loaded, landing: Landing) -> int:
    table = landing.table
    schema, name = quoted(table.predictor.tables.schema), quoted(table.name)
    loaded.landing[table.key] = landing
    try:
        loaded.connection.execute(f"INSERT INTO {schema}.{name}({name}) VALUES ('train')")
    finally:
        del loaded.landing[table.key]
    return loaded.connection.last_insert_rowid()


def _tries(db: apsw.Connection, wait: float) -> Iterator[bool]:
    """Yield, again and again, whether the time is over."""
    ends_at = time.monotonic() + wait
    while True:
        is_last = time.monotonic() >= ends_at
        yield is_last
        time.sleep(PAUSE)
        if db.is_interrupted:
            raise apsw.InterruptError("interrupted")


def _check_there(loaded: Loaded, table: Table) -> None:
    try:
        loaded.table(f"{table.predictor.tables.schema}.{table.name}")
    except CommandError:
        raise TrainingError(
            "it was dropped or renamed while the model was fitted, and nothing is stored. Train it by its present name."
        ) from None
