"""CREATE VIRTUAL TABLE x USING ml_dataset('iris'): a read-only table of a bundled data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import apsw

from sqlite_ml_vtab.declaration.tokens import tokenize
from sqlite_ml_vtab.errors import DeclarationError, about, choices
from sqlite_ml_vtab.store.sql import quoted
from sqlite_ml_vtab.vtab.listing import Listing

if TYPE_CHECKING:
    from sqlite_ml_vtab.learning.datasets import Dataset


class DatasetModule:
    """The module of all data sets; its one argument names which."""

    def Create(self, db: apsw.Connection, module: str, schema: str, name: str, *args: Any) -> tuple[str, Listing]:
        """Find the data set."""
        with about(name):
            dataset = _named(args)
        columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in dataset.columns)
        return f"CREATE TABLE x({columns})", Listing(len(dataset.columns), 0, dataset.rows)

    Connect = Create


def _named(args: Sequence[Any]) -> Dataset:
    from sqlite_ml_vtab.learning.datasets import DATASETS

    words = [token.value for argument in args for token in tokenize(str(argument))]
    if len(words) != 1:
        raise DeclarationError(f"ml_dataset takes one name, got {len(words)}. {choices('', DATASETS, 'Data sets')}")
    dataset = DATASETS.get(words[0].lower())
    if dataset is None:
        raise DeclarationError(f"unknown data set {words[0]!r}. {choices(words[0], DATASETS, 'Data sets')}")
    return dataset
