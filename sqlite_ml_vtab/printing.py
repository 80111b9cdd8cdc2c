"""Results as text that a person reads: aligned columns, or one value a line where columns would be too narrow.

What a terminal would obey rather than show is replaced: a database from someone else writes nothing but text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import apsw
from apsw.unicode import text_width

WIDTH = 100
"""So many characters a line may have where there is no terminal to ask."""

NARROWEST = 24
"""A column is wrapped to this at least; with less room, values stand one a line."""

LONGEST = 2000
"""Longer text is cut."""

_GAP = "  "


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], width: int = WIDTH) -> str:
    """Return `rows` as lines of at most `width` characters, headed by `names`; numbers stand to the right."""
    cells = [[_lines(value) for value in row] for row in rows]
    heads = [_lines(name) for name in names]
    widths = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
    rights = [_is_numeric(column) for column in zip(*rows, strict=True)] if rows else [False] * len(heads)
    if not _fit([heads, *cells], widths, rights, width):
        return _records(names, cells)
    rules = [["-" * size] for size in widths]
    return "".join(_line(row, widths, rights) for row in [heads, rules, *cells])


def statements(script: str) -> Iterator[str]:
    """Yield the statements of `script`, each with the comments before it; comments at the end are dropped."""
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if apsw.complete(held):
            yield held.strip()
            held = ""
    if any(line.strip() and not line.strip().startswith("--") for line in held.splitlines()):
        yield held.strip()


def run(db: apsw.Connection, statement: str, width: int = WIDTH) -> str:
    """Run one statement and return its result as text, '' where it has no rows."""
    cursor = db.execute(statement)
    names: list[str] = []
    rows = []
    for row in cursor:
        names = names or [name for name, *_ in cursor.description]
        rows.append(row)
    return table(names, rows, width) if rows else ""


def text(value: Any) -> str:
    """Return one SQLite value as text."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"BLOB of {len(value)} bytes"
    written = str(value)
    return written if len(written) <= LONGEST else written[: LONGEST - 1] + "…"


def _lines(value: Any) -> list[str]:
    lines = text(value).expandtabs(4).splitlines() or [""]
    return ["".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line) for line in lines]


def _width(lines: Sequence[str]) -> int:
    return max(map(text_width, lines))


def _is_numeric(column: Sequence[Any]) -> bool:
    """Return whether it holds numbers, and nothing else but NULL."""
    return {type(value) for value in column} - {type(None)} <= {int, float} and any(v is not None for v in column)


def _fit(cells: list[list[list[str]]], widths: list[int], rights: Sequence[bool], width: int) -> bool:
    """Narrow the widest text columns until the whole has `width`; return whether that was possible."""
    wide = list(widths)
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widest = max(range(len(widths)), key=lambda place: 0 if rights[place] else widths[place])
        if rights[widest] or widths[widest] <= NARROWEST:
            return False
        widths[widest] -= 1
    for row in cells:
        for place, size in enumerate(widths):
            if size < wide[place]:
                row[place] = [part for line in row[place] for part in textwrap.wrap(line, size) or [""]]
    return True


def _line(row: Sequence[Sequence[str]], widths: Sequence[int], rights: Sequence[bool]) -> str:
    """Return one row, of as many lines as its highest cell."""
    height = max(map(len, row))
    lines = []
    for number in range(height):
        parts = [
            _padded(cell[number] if number < len(cell) else "", size, right)
            for cell, size, right in zip(row, widths, rights, strict=True)
        ]
        lines.append(_GAP.join(parts).rstrip() + "\n")
    return "".join(lines)


def _padded(part: str, size: int, right: bool) -> str:
    space = " " * (size - text_width(part))
    return space + part if right else part + space


def _records(names: Sequence[str], cells: Sequence[Sequence[Sequence[str]]]) -> str:
    size = max(map(text_width, names))
    records = []
    for row in cells:
        lines = [
            f"{name if not number else '':{size}}{_GAP}{part}".rstrip() + "\n"
            for name, cell in zip(names, row, strict=True)
            for number, part in enumerate(cell)
        ]
        records.append("".join(lines))
    return "\n".join(records)
