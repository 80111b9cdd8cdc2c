"""Rows that are scored together: given row by row, as JSON has them, or column by column, as a relation is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Self

from sqlite_ml_vtab.portable import AnyScorer
from sqlite_ml_vtab.portable.scoring import Listed, turned

CHUNK = 4096
"""So many values of an IN are scored at once."""


class Chunk:
    """Some rows, their answers once they are scored, and the place at which a reader stands."""

    def __init__(
        self,
        ids: Sequence[int],
        rows: Callable[[], Sequence[Sequence[Any]]],
        columns: Sequence[Sequence[Any]] | None = None,
        echoes: Sequence[Any] = (),
    ) -> None:
        """Hold the rows numbered `ids`: what `rows` gives, or `columns`; `echoes` are what each was read from."""
        self.ids = ids
        self.count = len(ids)
        self.rows = rows
        self.echoes = echoes
        self.place = 0
        self.answers: Sequence[Any] = ()
        self._listed: Listed = list
        self._columns = columns

    def scored(self, scorer: AnyScorer) -> Self:
        """Have `scorer` answer for the rows; return the chunk itself."""
        columns = self._columns
        self.answers, self._listed = scorer.of_columns(
            turned(scorer.names, self.rows()) if columns is None else columns
        )
        return self

    @cached_property
    def scores(self) -> Sequence[Any]:
        """The decision values of the rows."""
        return self._listed()

    def values(self) -> Sequence[Any]:
        """Return the feature values of the row at which the reader stands."""
        columns = self._columns
        return self.rows()[self.place] if columns is None else [column[self.place] for column in columns]


def of_rows(rows: Sequence[Sequence[Any]], first: int = 1, echoes: Sequence[Any] = ()) -> Chunk:
    """Return `rows` of feature values, numbered from `first`."""
    return Chunk(range(first, first + len(rows)), lambda: rows, None, echoes)


def of_relation(found: tuple[Sequence[int], Sequence[Sequence[Any]]]) -> Chunk:
    """Return rows that were read as columns: (row ids, a column of values for each feature)."""
    ids, columns = found
    return Chunk(ids, lambda: list(zip(*columns, strict=True)), columns)
