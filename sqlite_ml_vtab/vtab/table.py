"""The virtual table: rows and commands in, a cursor out, and the part it takes in transactions.

Transactions are the user's. Nothing here begins or ends one: every write is a statement on the connection that runs
ours, so SQLite's own statement, savepoint and transaction rollback undoes it with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import apsw

from sqlite_ml_vtab import commands
from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration.parse import check_names
from sqlite_ml_vtab.errors import InputError, about
from sqlite_ml_vtab.store import shadows
from sqlite_ml_vtab.vtab.cursor import Cursor
from sqlite_ml_vtab.vtab.layout import Layout
from sqlite_ml_vtab.vtab.plan import best_index

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.module import Loaded


class Table:
    """One predictor on one connection."""

    def __init__(self, loaded: Loaded, predictor: verbs.Predictor, layout: Layout) -> None:
        """Stand for `predictor`, whose columns `layout` numbers."""
        self.loaded = loaded
        self.predictor = predictor
        self.layout = layout
        self.name = predictor.tables.name

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:
        """Choose how a query is answered."""
        with about(self.name):
            return best_index(info, self.layout)

    def Open(self) -> Any:
        """Open a cursor."""
        return Cursor(self)

    def Disconnect(self) -> None:
        """Leave this connection."""
        self.loaded.leave(self)

    def Destroy(self) -> None:
        """Drop the shadow tables."""
        shadows.drop(self.predictor.tables)
        self.loaded.leave(self)

    def Rename(self, name: str) -> None:
        """Rename the shadow tables; SQLite then connects anew under the new name."""
        with about(self.name):
            check_names(self.predictor.declaration, name)
            self.predictor.rows.flush()
            shadows.rename(self.predictor.tables, name)
        self.loaded.leave(self)

    def Integrity(self, schema: str, name: str, is_quick: int) -> str | None:
        """Return what is wrong, for PRAGMA integrity_check."""
        return verbs.problems(self.predictor, quick=bool(is_quick))

    # Writing

    def UpdateInsertRow(self, rowid: int | None, fields: Sequence[Any]) -> int:
        """Store a row, or carry out a command."""
        with about(self.name):
            command, options = fields[self.layout.command :]
            values = fields[: len(self.layout.visible)]
            if command is not None:
                self._check_bare(fields)
                self.predictor.rows.flush()
                number = commands.run(self.predictor, command, options)
                return number if rowid is None else rowid
            self._check_hidden(fields)
            verbs.check_row(self.predictor, values)
            replace = self.loaded.db.vtab_on_conflict() == apsw.SQLITE_REPLACE
            return self.predictor.rows.add(rowid, values, replace=replace)

    def UpdateChangeRow(self, rowid: int, new_rowid: int, fields: Sequence[Any]) -> None:
        """Change a stored row."""
        with about(self.name):
            self._check_hidden(fields)
            values = fields[: len(self.layout.visible)]
            verbs.check_row(self.predictor, values)
            self.predictor.rows.flush()
            self.predictor.rows.change(rowid, new_rowid, values)

    def UpdateDeleteRow(self, rowid: int) -> None:
        """Delete a stored row."""
        self.predictor.rows.flush()
        self.predictor.rows.remove(rowid)

    def _check_bare(self, fields: Sequence[Any]) -> None:
        """Refuse a command that comes with values for other columns."""
        given = [name for name, value in zip(self.layout.names[: self.layout.command], fields, strict=False) if value]
        if given:
            raise InputError(f"a command takes no value for {given[0]!r}. Write: {self.predictor.command('train')}.")

    def _check_hidden(self, fields: Sequence[Any]) -> None:
        """Refuse a value for a column that is asked, not stored."""
        first = len(self.layout.visible)
        if any(value is not None for value in fields[first:]):
            name = next(n for n, v in zip(self.layout.names[first:], fields[first:], strict=True) if v is not None)
            raise InputError(f"column {name!r} is computed and cannot be stored. Leave it out.")

    # Transactions: rows that `Rows.add` holds back are written when their statement has ended

    def Begin(self) -> None:
        """Enter the transaction."""

    def Sync(self) -> None:
        """Write what is held back, before the commit."""
        self.predictor.rows.flush()

    def Commit(self) -> None:
        """Leave the transaction."""
        self.loaded.connection.transaction_ended()

    def Rollback(self) -> None:
        """Drop what is held back."""
        self.predictor.rows.forget_held()
        self.loaded.connection.transaction_ended()

    def Savepoint(self, level: int) -> None:
        """Note a savepoint."""

    def Release(self, level: int) -> None:
        """Write what is held back: the statement has ended."""
        self.predictor.rows.flush()

    def RollbackTo(self, level: int) -> None:
        """Drop what is held back: the statement was undone."""
        self.predictor.rows.forget_held()
