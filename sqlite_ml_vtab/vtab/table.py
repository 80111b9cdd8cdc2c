"""The virtual table: rows and commands in, a cursor out, and the part it takes in transactions.

Transactions are the user's. Nothing here begins or ends one: every write is a statement on the connection that runs
ours, so SQLite's own statement, savepoint and transaction rollback undoes it with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration.parse import check_names
from sqlite_ml_vtab.errors import DeclarationError, Error, InputError, let_go, not_utf8
from sqlite_ml_vtab.portable import AnyScorer
from sqlite_ml_vtab.store import shadows
from sqlite_ml_vtab.store.sql import atomically, folded
from sqlite_ml_vtab.vtab.columns import Getters, getters
from sqlite_ml_vtab.vtab.cursor import Cursor
from sqlite_ml_vtab.vtab.layout import Layout
from sqlite_ml_vtab.vtab.plan import best_index

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.module import Loaded


LONG_SQL = 100_000
"""No statement of ours has so many bytes, but over columns whose names are very long."""


def key(schema: str, name: str) -> tuple[str, str]:
    """Return what tells a connection's tables apart."""
    return folded(schema), folded(name)


class Naming:
    """Names a predictor in any error of ours that passes, and says where SQL failed for want of a shadow table."""

    def __init__(self, predictor: verbs.Predictor, db: Callable[[], apsw.Connection]) -> None:
        """Speak of `predictor`; `db` gives its connection."""
        self._predictor = predictor
        self._db = db

    def __enter__(self) -> None:
        """Nothing is entered: this is used again and again."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Let the error pass, with its name."""
        if error is not None:
            let_go(error)
        if isinstance(error, Error):
            error.table = error.table or self._predictor.tables.name
        elif isinstance(error, UnicodeDecodeError):
            raise not_utf8(error, self._predictor.tables.name) from error
        elif isinstance(error, RecursionError):
            raise self._led_back() from error
        elif isinstance(error, apsw.TooBigError):
            raise self._too_long() from error
        elif isinstance(error, apsw.SQLError):
            missing = verbs.missing(self._predictor)
            if missing is not None:
                missing.table = self._predictor.tables.name
                raise missing from error

    def _led_back(self) -> InputError:
        found = InputError(
            "a trigger or a view leads back to this predictor, again and again. Let it write, or read, another table."
        )
        found.table = self._predictor.tables.name
        return found

    def _too_long(self) -> InputError:
        limit, of_sql = map(self._db().limit, (apsw.SQLITE_LIMIT_LENGTH, apsw.SQLITE_LIMIT_SQL_LENGTH))
        sentence = (
            f"a row is longer than SQLite's limit of {limit} bytes. "
            "Store less in it, or raise the limit: connection.limit(apsw.SQLITE_LIMIT_LENGTH, ...)."
        )
        if of_sql < min(limit, LONG_SQL):
            sentence = (
                f"a statement may have {of_sql} bytes on this connection, and a predictor's own are longer. "
                "Raise the limit: connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, ...)."
            )
        found = InputError(sentence)
        found.table = self._predictor.tables.name
        return found


class Table:
    """One predictor on one connection."""

    def __init__(self, loaded: Loaded, predictor: verbs.Predictor, layout: Layout) -> None:
        """Stand for `predictor`, whose columns `layout` numbers."""
        self.loaded = loaded
        self.predictor = predictor
        self.layout = layout
        self.name = predictor.tables.name
        self.naming = Naming(predictor, lambda: loaded.db)
        self.key = key(predictor.tables.schema, self.name)
        self._is_plain, self._add_next = predictor.plain.has, predictor.rows.add_next
        self._declared = len(layout.visible)
        self._unset = (None,) * (len(layout.names) - self._declared)
        """What an INSERT of a row gives for the hidden columns."""
        self.is_at_stored_row = True
        """Whether the row id that SQLite asked for last, in this statement, is that of a stored row."""
        self._getters: dict[bool, Getters] = {}
        self.spare: Cursor | None = None
        """A cursor that was closed, and stands ready to be opened again."""

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:
        """Choose how a query is answered."""
        with self.naming:
            return best_index(info, self.layout)

    def scorer(self, version: Any) -> AnyScorer:
        """Return what answers for a version, or, for None, the deployed one: looked up once for each state of the file.

        Raises ModelError where there is none or it cannot be believed.
        """
        if version is not None:
            return verbs.scorer(self.predictor, version)
        scorer = self.loaded.answering(self.key)
        if scorer is None:
            scorer = verbs.scorer(self.predictor)
            self.loaded.remember(self.key, self, scorer)
        return scorer

    def getters(self, *, asks_source: bool) -> Getters:
        """Return what the columns of a prediction say: of a call, or of rows of a source."""
        if asks_source not in self._getters:
            self._getters[asks_source] = getters(self.layout, asks_source=asks_source)
        return self._getters[asks_source]

    def Open(self) -> Any:
        """Open a cursor."""
        if not self.predictor.is_of_this_format:
            with self.naming:
                verbs.check_format(self.predictor)
        spare, self.spare = self.spare, None
        return spare or Cursor(self)

    def Disconnect(self) -> None:
        """Leave this connection."""
        self.spare = None
        self.loaded.leave(self)

    def Destroy(self) -> None:
        """Drop the shadow tables."""
        self.spare = None
        shadows.drop(self.predictor.tables)
        self.loaded.leave(self)

    def Rename(self, name: str) -> None:
        """Rename the shadow tables; SQLite then connects anew under the new name."""
        with self.naming:
            if folded(name) in map(folded, self.layout.visible):
                raise DeclarationError(
                    f"a column is named {name!r}, as the command column would be. Choose another name."
                )
            check_names(self.predictor.declaration, name)
            verbs.check_format(self.predictor)
            self.predictor.rows.flush()
            shadows.rename(self.predictor.tables, name)
        self.loaded.leave(self)

    def Integrity(self, schema: str, name: str, is_quick: int) -> str | None:
        """Return what is wrong, for PRAGMA integrity_check."""
        try:
            return verbs.problems(self.predictor, quick=bool(is_quick))
        except apsw.SQLError as error:
            return f"{self.name}: {error}. Restore the shadow tables from a backup."
        except UnicodeDecodeError as error:
            return str(not_utf8(error, self.name))

    # Writing

    def UpdateInsertRow(self, rowid: int | None, fields: tuple[Any, ...]) -> int:
        """Store a row, or carry out a command."""
        if rowid is None and fields[self._declared :] == self._unset:
            plain = fields[: self._declared]
            try:
                added = self._add_next(plain) if self._is_plain(plain) else None
            except Exception:
                # Entered for an error alone: a row that is added is not to pay for it.
                with self.naming:
                    raise
            if added is not None:
                return added
        with self.naming:
            if fields[self.layout.command] is not None:
                return self._run(rowid, fields)
            values = self._checked(fields)
            replace = self.loaded.db.vtab_on_conflict() == apsw.SQLITE_REPLACE
            written = self.predictor.rows.add(rowid, values, replace=replace)
            return self._resolve(rowid or 0) if written is None else written

    def UpdateChangeRow(self, rowid: int, new_rowid: int, fields: Sequence[Any]) -> None:
        """Change a stored row."""
        with self.naming:
            self._check_stored("changed")
            values = self._checked(fields)
            self.predictor.rows.flush()
            replace = self.loaded.db.vtab_on_conflict() == apsw.SQLITE_REPLACE
            if not self.predictor.rows.change(rowid, new_rowid, values, replace=replace):
                self._resolve(new_rowid)

    def UpdateDeleteRow(self, rowid: int) -> None:
        """Delete a stored row."""
        with self.naming:
            self._check_stored("deleted")
            self.predictor.rows.flush()
            self.predictor.rows.remove(rowid)

    def _run(self, rowid: int | None, fields: Sequence[Any]) -> int:
        """Carry out a command; return the number it tells, which becomes last_insert_rowid."""
        first = self.layout.command
        given = [name for name, value in zip(self.layout.names, fields[:first], strict=False) if value is not None]
        if given or rowid is not None:
            given.append("rowid")
            raise InputError(f"a command takes no value for {given[0]!r}. Write: {self.predictor.command('train')}.")
        self.predictor.rows.flush()
        from sqlite_ml_vtab.vtab.watch import interruptible

        run = partial(self._command, *fields[first:])
        return interruptible(self.loaded.db, partial(atomically, self.predictor.tables, run))

    def _command(self, text: Any, options: Any) -> int:
        from sqlite_ml_vtab import commands

        landing = self.loaded.landing.get(self.key)
        if landing is not None:
            return landing.store(self)
        return commands.run(self.predictor, text, options)

    def _checked(self, fields: Sequence[Any]) -> Sequence[Any]:
        """Return the declared columns' values as they are stored, where nothing else is given."""
        if not self.predictor.is_of_this_format:
            verbs.check_format(self.predictor)
        first = len(self.layout.visible)
        for name, value in zip(self.layout.names[first:], fields[first:], strict=True):
            # An UPDATE hands the columns that it leaves alone as no_change (see Cursor.ColumnNoChange).
            if value is not None and value is not apsw.no_change:
                raise InputError(self._not_stored(name))
        return verbs.storable(self.predictor, fields[:first])

    def _not_stored(self, name: str) -> str:
        if name == "options":
            return f"options belong to a command. Write: {self.predictor.command('train', '{}')}."
        if name == self.layout.table:
            return f"a command is inserted. Write: {self.predictor.command('train')}."
        return f"column {name!r} is computed and cannot be stored. Leave it out."

    def _check_stored(self, done: str) -> None:
        """Refuse the row id of a prediction: a stored row may have the same."""
        if not self.is_at_stored_row:
            raise InputError(f"a prediction cannot be {done}. Name stored rows by their columns or their rowid.")

    def _resolve(self, rowid: int) -> int:
        """Do what the statement's conflict clause says of a row id that is taken; return it where it is ignored."""
        conflict = self.loaded.db.vtab_on_conflict()
        if conflict == apsw.SQLITE_IGNORE:
            return rowid
        if conflict == apsw.SQLITE_FAIL:
            self.predictor.rows.flush()
        else:
            self.predictor.rows.forget_held()
        # The plain result code: SQLite heeds FAIL and ROLLBACK for it, and not for an extended one.
        raise apsw.ConstraintError(f"UNIQUE constraint failed: {self.name}.rowid")

    # Transactions: rows that `Rows.add` holds back are written when their statement has ended

    def Begin(self) -> None:
        """Enter the transaction."""

    def Sync(self) -> None:
        """Write what is held back, before the commit."""
        with self.naming:
            self.predictor.rows.flush()

    def Commit(self) -> None:
        """Leave the transaction."""

    def Rollback(self) -> None:
        """Drop what is held back."""
        self.predictor.rows.forget_held()

    def Savepoint(self, level: int) -> None:
        """Note a savepoint."""
        with self.naming:
            self.predictor.rows.savepoint_opened()

    def Release(self, level: int) -> None:
        """Write what is held back: the statement has ended."""
        with self.naming:
            self.predictor.rows.flush()

    def RollbackTo(self, level: int) -> None:
        """Drop what is held back: the statement was undone."""
        self.predictor.rows.forget_held()
