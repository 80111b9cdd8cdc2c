"""The rows of a forecast: all of them, or those of one series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlite_ml_vtab.declaration import Column
from sqlite_ml_vtab.store.reading import CHUNK
from sqlite_ml_vtab.store.shadows import row_key
from sqlite_ml_vtab.store.sql import Tables, quoted


def read(
    tables: Tables, columns: Sequence[Column], names: Sequence[str], of: Mapping[str, Any] | None = None
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield chunks of (id, the columns `names`) tuples by id; only rows with the values `of`, by column, if given.

    `columns` are all declared ones.
    """
    key = quoted(row_key(columns))
    where = " AND ".join(f"{quoted(name)} IS ?" for name in of or {})
    cursor = iter(
        tables.connection.execute(
            f"SELECT {', '.join([key, *map(quoted, names)])} FROM {tables.of('rows')}"
            f"{' WHERE ' * bool(where)}{where} ORDER BY {key}",
            tuple((of or {}).values()),
        )
    )
    while chunk := list(islice(cursor, CHUNK)):
        yield chunk
