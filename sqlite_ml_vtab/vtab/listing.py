"""A read-only virtual table of the rows that a Python function yields; its parameters are hidden columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import apsw

Row = tuple[Any, ...]


class Listing:
    """A table whose rows are made anew for each query."""

    def __init__(self, columns: int, parameters: int, rows: Callable[..., Iterable[Row]]) -> None:
        """Stand for `rows`: from so many parameters, None where left out, to rows of so many columns."""
        self._columns = columns
        self._parameters = parameters
        self.rows = rows

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:
        """Take each parameter that is given; wait where its value is not known yet."""
        places = [place for place in range(info.nConstraint) if self._is_parameter(info, place)]
        if not all(map(info.get_aConstraint_usable, places)):
            return False
        given = {info.get_aConstraint_iColumn(place): place for place in places}
        for argument, place in enumerate(given.values(), 1):
            info.set_aConstraintUsage_argvIndex(place, argument)
            info.set_aConstraintUsage_omit(place, True)
        info.idxStr = ",".join(str(column - self._columns) for column in given)
        info.estimatedRows = 100
        info.estimatedCost = 1000.0 / (len(given) + 1)
        return True

    def _is_parameter(self, info: apsw.IndexInfo, place: int) -> bool:
        is_equality = info.get_aConstraint_op(place) == apsw.SQLITE_INDEX_CONSTRAINT_EQ
        return is_equality and info.get_aConstraint_iColumn(place) >= self._columns

    def Open(self) -> Any:
        """Open a cursor."""
        return _Cursor(self.rows, self._columns, self._parameters)

    def Disconnect(self) -> None:
        """Leave nothing behind."""

    Destroy = Disconnect


class _Cursor:
    def __init__(self, rows: Callable[..., Iterable[Row]], columns: int, parameters: int) -> None:
        self._rows = rows
        self._columns = columns
        self._parameters: list[Any] = [None] * parameters
        self._found: Iterator[tuple[int, Row]] = iter(())
        self._row: tuple[int, Row] | None = None

    def Filter(self, number: int, text: str, arguments: Sequence[Any]) -> None:
        self._parameters = [None] * len(self._parameters)
        for parameter, value in zip(filter(None, text.split(",")), arguments, strict=True):
            self._parameters[int(parameter)] = value
        self._found = enumerate(self._rows(*self._parameters), 1)
        self.Next()

    def Next(self) -> None:
        self._row = next(self._found, None)

    def Eof(self) -> bool:
        return self._row is None

    def Rowid(self) -> int:
        assert self._row is not None
        return self._row[0]

    def Column(self, number: int) -> Any:
        assert self._row is not None
        if number < 0:
            return self._row[0]
        return self._row[1][number] if number < self._columns else self._parameters[number - self._columns]

    def Close(self) -> None:
        self._found = iter(())
