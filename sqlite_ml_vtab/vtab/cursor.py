"""The cursor: hands each query to the reader of its way, for stored rows or for predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.vtab.plan import Choice, Way
from sqlite_ml_vtab.vtab.predictions import Calls, Predictions, Source
from sqlite_ml_vtab.vtab.stored import PatternRows, StoredRows

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.table import Table


class Cursor:
    """What xOpen returns: hands each query to the reader of its way."""

    def __init__(self, table: Table) -> None:
        """Open a cursor on `table`."""
        self._table = table
        has_target = TASKS[table.predictor.declaration.task].has_target
        self._readers = READERS if has_target else PATTERN_READERS
        self._number: int | None = None
        self._is_call = False
        self._has_begun = False
        """Whether a call of this statement went before: only a join has a second, which is worth a shorter way."""
        self._reader: Any = None

    def Filter(self, number: int, text: str, arguments: Sequence[Any]) -> None:
        """Begin a query, or the next row of a join."""
        if number != self._number:
            self._switch(number)
        reader = self._reader
        try:
            reader.begin(arguments)
        except Exception:
            with self._table.naming:
                raise
        self.Next = reader.next
        quick = reader.quick(number, self._long_way) if self._is_call and self._has_begun else None
        if quick is not None:
            vars(self)["Filter"] = quick
        self._has_begun = True

    def _long_way(self, number: int, text: str, arguments: Sequence[Any]) -> None:
        """Begin a call that cannot go the short way."""
        del vars(self)["Filter"]
        self.Filter(number, text, arguments)

    def _switch(self, number: int) -> None:
        """Take the reader of another way; its methods become the cursor's own, which saves a call for each column."""
        self._number = number
        self._reader = reader = self._made(number)
        self._is_call = type(reader) is Predictions
        self.Eof, self.Column, self.Rowid = reader.is_done, reader.column, reader.rowid
        self.ColumnNoChange = reader.unchanged_column

    def _made(self, number: int) -> Any:
        """Return the reader of a way."""
        choice = Choice.of(number)
        return self._readers[choice.way](self._table, choice)

    def Close(self) -> None:
        """Let go of everything, statements of ours that are under way above all: they would keep the database open.

        A cursor of single calls is kept for the next statement, as if it were new: making one takes longer than a row.
        """
        reader = self._reader
        if reader is not None:
            reader.close()
        own = vars(self)
        own.pop("Filter", None)
        own.pop("Next", None)
        if self._is_call and reader is not None:
            self._has_begun = False
            self._table.spare = self
            return
        self._reader = None
        for name in ("Eof", "Column", "ColumnNoChange", "Rowid"):
            own.pop(name, None)


READERS: dict[Way, Callable[[Any, Choice], Any]] = {
    Way.ROWS: StoredRows,
    Way.ROW: StoredRows,
    Way.CALL: Predictions,
    Way.CALLS: Calls,
    Way.SOURCE: Source,
}

PATTERN_READERS = {**READERS, Way.ROWS: PatternRows, Way.ROW: PatternRows}
"""The same for a task without a target, whose stored rows have answers too."""
