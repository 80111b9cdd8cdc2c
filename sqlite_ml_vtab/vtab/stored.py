"""The readers of stored rows, and of what a model without a target says of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.errors import InputError, damaged_id
from sqlite_ml_vtab.portable import AnyScorer, PatternScorer
from sqlite_ml_vtab.vtab.plan import Choice

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.table import Table


class StoredRows:
    """Stored rows."""

    def __init__(self, table: Table, choice: Choice) -> None:
        """Read the rows of `table`."""
        self._table = table
        self._choice = choice
        self._rows = table.predictor.rows
        self._declared = len(table.layout.visible)
        self._found: Iterator[tuple[Any, ...]] = iter(())
        self._row: tuple[Any, ...] | None = None

    def begin(self, arguments: Sequence[Any]) -> None:
        """Begin a query: of all rows, or of one."""
        if self._choice.has_version:
            raise InputError("version belongs to a prediction. Pass features too, or source.")
        self._scan(arguments)

    def _scan(self, arguments: Sequence[Any]) -> None:
        self._rows.flush()
        self._found = iter(self._rows.find(arguments[0]) if arguments else self._rows.scan())
        self.next()

    def is_done(self) -> bool:
        """Return whether there is no row left."""
        return self._row is None

    def next(self) -> None:
        """Go to the next row."""
        try:
            self._row = next(self._found, None)
        except Exception:
            with self._table.naming:
                raise

    def close(self) -> None:
        """Let go of the statement that is under way."""
        self._found = iter(())

    def rowid(self) -> int:
        """Return the id of the row."""
        assert self._row is not None
        self._table.is_at_stored_row = True
        found = self._row[0]
        if type(found) is not int:
            with self._table.naming:
                raise damaged_id(found)
        return found

    def column(self, number: int) -> Any:
        """Return the value of a column."""
        assert self._row is not None
        return self._row[number + 1] if number < self._declared else None

    def unchanged_column(self, number: int) -> Any:
        """Return a value that an UPDATE leaves as it is; what a model says is not computed for that."""
        return self.column(number) if number < self._declared else apsw.no_change


class PatternRows(StoredRows):
    """Stored rows of a task without a target, with what the model says of each where that is asked for."""

    def __init__(self, table: Table, choice: Choice) -> None:
        """Read the rows of `table`; its model is looked up when it is needed."""
        super().__init__(table, choice)
        layout = table.layout
        self._says = {layout.number(name): name for name in layout.declaration.says}
        self._features = [number + 1 for number in layout.features]
        self._version_number = layout.number("version")
        self._version: Any = None
        self._scorer: AnyScorer | None = None
        self._answered: tuple[Any, Any] | None = None

    def begin(self, arguments: Sequence[Any]) -> None:
        """Begin a query; the version that is asked comes last."""
        if self._choice.has_version:
            *arguments, version = arguments
            if self._scorer is None or version != self._version:
                self._version, self._scorer = verbs.known(self._table.predictor, version), None
        self._scan(arguments)

    def next(self) -> None:
        """Go to the next row."""
        self._answered = None
        super().next()

    def column(self, number: int) -> Any:
        """Return the value of a column."""
        name = self._says.get(number)
        if name is not None:
            with self._table.naming:
                return self._said(name)
        return self._version if number == self._version_number else super().column(number)

    def _said(self, name: str) -> Any:
        assert self._row is not None
        if self._scorer is None:
            self._scorer = verbs.scorer(self._table.predictor, self._version)
        scorer, values = self._scorer, [self._row[number] for number in self._features]
        assert isinstance(scorer, PatternScorer)
        if name == "warning":
            return scorer.stored_warning(self._row[0], values)
        self._answered = self._answered or scorer.stored(self._row[0], values)
        return scorer.hidden(name, values, *self._answered)
