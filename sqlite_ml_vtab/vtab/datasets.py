"""CREATE VIRTUAL TABLE x USING ml_dataset('iris'): a read-only table of a bundled data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from sqlite_ml_vtab.declaration.tokens import tokenize
from sqlite_ml_vtab.errors import DeclarationError, about, choices
from sqlite_ml_vtab.learning.datasets import DATASETS, Dataset
from sqlite_ml_vtab.store.sql import quoted


class DatasetModule:
    """The module of all data sets; its one argument names which."""

    def Create(self, db: apsw.Connection, module: str, schema: str, name: str, *args: Any) -> tuple[str, DatasetTable]:
        """Find the data set."""
        with about(name):
            dataset = _named(args)
        columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in dataset.columns)
        return f"CREATE TABLE x({columns})", DatasetTable(dataset)

    Connect = Create


def _named(args: Sequence[Any]) -> Dataset:
    words = [token.value for argument in args for token in tokenize(str(argument))]
    if len(words) != 1:
        raise DeclarationError(f"ml_dataset takes one name, got {len(words)}. {choices('', DATASETS, 'Data sets')}")
    dataset = DATASETS.get(words[0].lower())
    if dataset is None:
        raise DeclarationError(f"unknown data set {words[0]!r}. {choices(words[0], DATASETS, 'Data sets')}")
    return dataset


class DatasetTable:
    """A data set as a table."""

    def __init__(self, dataset: Dataset) -> None:
        """Stand for `dataset`."""
        self._dataset = dataset

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:
        """Read it whole: it is small."""
        return True

    def Open(self) -> Any:
        """Open a cursor."""
        return _Cursor(self._dataset)

    def Disconnect(self) -> None:
        """Leave nothing behind."""

    Destroy = Disconnect


class _Cursor:
    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._rows: Iterator[tuple[int, tuple[Any, ...]]] = iter(())
        self._row: tuple[int, tuple[Any, ...]] | None = None

    def Filter(self, number: int, text: str, arguments: Sequence[Any]) -> None:
        self._rows = enumerate(self._dataset.rows(), 1)
        self.Next()

    def Next(self) -> None:
        self._row = next(self._rows, None)

    def Eof(self) -> bool:
        return self._row is None

    def Rowid(self) -> int:
        assert self._row is not None
        return self._row[0]

    def Column(self, number: int) -> Any:
        return self.Rowid() if number < 0 else self._row[1][number]  # type: ignore[index]

    def Close(self) -> None:
        self._rows = iter(())
