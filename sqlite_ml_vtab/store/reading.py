"""The rows that are learned from, wherever they stand: the rows table, or the relation that content= names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlite_ml_vtab.store.sql import Connection, Cursor, quoted

CHUNK = 10_000
"""So many rows are in memory as tuples at once."""

SLICE = 256
"""So many are where they are turned into columns at once: tuples that are gone before the garbage collector counts
them, and while the cache of the processor still holds them, cost half."""

MAX_ASKED = 500
"""So many ids are asked for in one statement."""


class Reading(NamedTuple):
    """How rows are read, as SQL."""

    connection: Connection
    source: str
    """What stands behind FROM."""
    key: str
    """What numbers a row."""
    columns: Mapping[str, str]
    """Each declared column's name to its SQL."""
    has_ids: bool = True
    """Whether the numbers are the row ids of a table, and not places in a view."""

    def rows(self) -> Cursor:
        """Return every row as (id, declared columns ...), by id."""
        return self.connection.execute(f"{self._select(list(self.columns))}{self._order(None)}")

    def row(self, rowid: Any) -> Cursor:
        """Return the row with this id, as `rows` does."""
        return self.connection.execute(f"{self._select(list(self.columns))} WHERE {self.key} = ?", (rowid,))

    def count(self, targets: Sequence[str] = ()) -> int:
        """Return how many rows have a value in each of `targets`."""
        ((count,),) = self.connection.execute(f"SELECT count(*) FROM {self.source}{self._where(targets, [])}")
        return int(count)

    def chunks(
        self,
        names: Sequence[str],
        targets: Sequence[str],
        order: str | None = None,
        span: tuple[int, int] | None = None,
        size: int = 0,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield (id, the columns `names`) of the rows whose `targets` are not NULL, ordered by `order`, then id.

        `span` are the first and the last id that count, None for all; `size` rows come at a time, CHUNK for 0.
        """
        within = [f"{self.key} BETWEEN ? AND ?"] if span else []
        sql = f"{self._select(names)}{self._where(targets, within)}{self._order(order)}"
        return sliced(lambda: self.connection.execute(sql, span or ()), size)

    def take(self, names: Sequence[str], ids: Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows with these ids, ascending, as `chunks` does."""
        if not self.has_ids:
            wanted = set(ids)
            for chunk in self.chunks(names, (), None):
                yield [row for row in chunk if row[0] in wanted]
            return
        for start in range(0, len(ids), MAX_ASKED):
            some = ids[start : start + MAX_ASKED]
            where = f" WHERE {self.key} IN ({', '.join('?' * len(some))})"
            yield list(self.connection.execute(f"{self._select(names)}{where}{self._order(None)}", some))

    def _select(self, names: Sequence[str]) -> str:
        return f"SELECT {', '.join([self.key, *(self.columns[name] for name in names)])} FROM {self.source}"

    def _order(self, first: str | None) -> str:
        if first is None and not self.has_ids:
            # They come as they are counted, and SQLite would sort them all.
            return ""
        return f" ORDER BY {', '.join([self.columns[first], self.key] if first else [self.key])}"

    def _where(self, targets: Sequence[str], conditions: Sequence[str]) -> str:
        known = [*(f"{self.columns[target]} IS NOT NULL" for target in targets), *conditions]
        return f" WHERE {' AND '.join(known)}" if known else ""


def sliced(run: Callable[[], Cursor], size: int = 0) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of the statement that `run` begins, `size` at a time, CHUNK for 0."""
    rows = iter(run())
    while chunk := list(islice(rows, size or CHUNK)):
        yield chunk


def in_columns(rows: Iterator[tuple[Any, ...]], size: int) -> Iterator[list[list[Any]]]:
    """Yield the columns of `size` rows at a time: the quickest way from a cursor to columns.

    The values are those of SQLite. `portable.values.MANY` makes an array of a column; for numbers that costs a tenth of
    the reading.
    """
    while slice_ := list(islice(rows, min(SLICE, size))):
        columns: list[list[Any]] = [list(values) for values in zip(*slice_, strict=True)]
        while len(columns[0]) < size and (slice_ := list(islice(rows, min(SLICE, size - len(columns[0]))))):
            for column, values in zip(columns, zip(*slice_, strict=True), strict=True):
                column += values
        yield columns


def of_table(connection: Connection, table: str, key: str, names: Sequence[str]) -> Reading:
    """Return how the rows table is read; `table` and `key` are quoted, `names` are not."""
    return Reading(connection, table, key, {name: quoted(name) for name in names})
