"""BLOBs of any size: the first part stands in the row it belongs to, what does not fit there in the parts table.

SQLite refuses rows of more than 10^9 bytes, or of less where a program says so, and `.dump` writes a BLOB as a
statement of twice its length (https://sqlite.org/limits.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlite_ml_vtab.store.shadows import is_there, make, source
from sqlite_ml_vtab.store.sql import Tables

PART = 2**26
"""The bytes of a part, at most."""

BESIDE = 256
"""So many bytes of a row are left to its other columns."""

MOST_PARTS = 100_000
"""More parts are not put together: each of a single byte would cost far more memory than it holds."""


class Kept(NamedTuple):
    """Where the BLOBs of one kind begin."""

    suffix: str
    """The table whose row has the first part; the parts table has the others under this name."""
    column: str


MODELS = Kept("models", "model")
STATES = Kept("states", "state")


def split(tables: Tables, blob: bytes) -> list[memoryview]:
    """Return `blob` in parts that rows of this connection may hold; at least one."""
    size = min(PART, max(1, tables.connection.max_length() - BESIDE))
    view = memoryview(blob)
    return [view[start : start + size] for start in range(0, len(blob), size)] or [view]


def put_others(tables: Tables, kept: Kept, version: int, others: Sequence[memoryview]) -> None:
    """Store all parts of a version's BLOB but the first, in place of those it had."""
    if is_there(tables, "parts"):
        tables.rows(f"DELETE FROM {tables.of('parts')} WHERE version = ? AND of = ?", (version, kept.suffix))
    if not others:
        return
    name = make(tables, "parts")
    tables.connection.run_many(
        f"INSERT INTO {name}(version, of, part, bytes) VALUES (?, ?, ?, ?)",
        [(version, kept.suffix, number, part) for number, part in enumerate(others, 1)],
    )


def size(tables: Tables, kept: Kept, version: int) -> int | None:
    """Return the length of a version's BLOB, without reading it.

    None where it is not there, or a part of it is no BLOB or longer than a row of this connection may be.
    """
    first = tables.rows(
        f"SELECT typeof({kept.column}), length({kept.column}) FROM {source(tables, kept.suffix)} WHERE version = ?",
        (version,),
    )
    [(count, others, longest, odd)] = tables.rows(
        "SELECT count(*), coalesce(sum(length(bytes)), 0), coalesce(max(length(bytes)), 0), "
        f"coalesce(sum(typeof(bytes) <> 'blob'), 0) FROM {source(tables, 'parts')} WHERE version = ? AND of = ?",
        (version, kept.suffix),
    )
    if not first or first[0][0] != "blob" or odd or count > MOST_PARTS:
        return None
    if max(longest, first[0][1]) > tables.connection.max_length():
        return None
    return int(first[0][1] + others)


def whole(tables: Tables, kept: Kept, version: int, limit: int) -> bytes | None:
    """Return a version's BLOB, put together; None where `size` is None or more than `limit`."""
    length = size(tables, kept, version)
    if length is None or length > limit:
        return None
    found: list[Any] = [
        tables.value(f"SELECT {kept.column} FROM {source(tables, kept.suffix)} WHERE version = ?", (version,))
    ]
    sql = f"SELECT bytes FROM {source(tables, 'parts')} WHERE version = ? AND of = ? ORDER BY part"
    found += [part for (part,) in tables.connection.execute(sql, (version, kept.suffix))]
    return b"".join(found) if len(found) > 1 else found[0]
