"""A table, a view or a SELECT, named by a user's text, read by column name and in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlite_ml_vtab.declaration.tokens import Token, tokenize
from sqlite_ml_vtab.errors import DeclarationError, InputError, choices, shown
from sqlite_ml_vtab.store.reading import in_columns
from sqlite_ml_vtab.store.sql import Connection, T, folded, quoted

CHUNK = 2048
"""So many rows are read, and scored, at once."""

DEEPEST = 16
"""So many relations may be read inside each other."""

_DEPTH: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
"""How many relations are being read inside each other at this moment, by connection."""


class Relation(NamedTuple):
    """Something that can stand behind FROM."""

    text: str
    """The user's text, for sentences."""
    source: str
    """What stands behind FROM."""
    columns: tuple[str, ...]
    """The names of its columns."""
    rowid: str | None
    """The name by which the id of a row is read; None where rows have none and are counted from 1."""
    word: str = "source"
    """What the user wrote the text for, for sentences."""


class Named(NamedTuple):
    """A table or a view that a schema has."""

    schema: str
    name: str
    kind: str
    """``table``, ``view`` or ``virtual``."""

    @property
    def source(self) -> str:
        """What stands behind FROM."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def resolve(connection: Connection, text: Any) -> Relation:
    """Return the table, view or SELECT that `text` names.

    Raises InputError where it names nothing, or is anything but a single SELECT. Nothing is run before that is known.
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"source is a table, a view or a SELECT, got {shown(text)}. Write source = 'table'.")
    try:
        found = named(connection, text, schemas(connection))
        source = found.source if found else _statement(text)
    except DeclarationError as error:
        raise InputError(f"source {shown(text)} cannot be read: {error}") from None
    return described(connection, text, source)


def described(connection: Connection, text: str, source: str, word: str = "source") -> Relation:
    """Return what stands behind FROM as `source` with its columns; no row is read.

    Raises InputError where SQLite cannot read it.
    """
    columns = _columns(connection, text, source, word)
    rowid = None if source.startswith("(") else _rowid(connection, source, columns)
    return Relation(text, source, columns, rowid, word)


def read(
    connection: Connection, relation: Relation, names: Sequence[str]
) -> Iterator[tuple[Sequence[int], list[list[Any]]]]:
    """Yield (row ids, the columns `names`) of CHUNK rows at a time; names are matched in any case.

    Raises InputError where the relation lacks one.
    """
    listed = ", ".join(f"src.{quoted(match(relation, name))}" for name in names)
    number = [f"src.{relation.rowid}"] if relation.rowid else []
    sql = f"SELECT {', '.join([*number, listed])} FROM {relation.source} AS src"
    chunks = _deeper(connection, relation, lambda: in_columns(iter(connection.execute(sql)), CHUNK))
    count = 0
    while columns := _deeper(connection, relation, lambda: next(chunks, None)):
        if relation.rowid:
            yield columns[0], columns[1:]
        else:
            yield range(count + 1, count + len(columns[0]) + 1), columns
        count += len(columns[0])


def _deeper(connection: Connection, relation: Relation, run: Callable[[], T]) -> T:
    """Return what `run` returns; refuse where it reads what it stands in itself, as a view over a predictor can."""
    depth = _DEPTH.get(connection, 0)
    if depth == DEEPEST:
        raise InputError(
            f"{relation.word} {shown(relation.text)} reads a {relation.word} that reads another, and so on, {DEEPEST} "
            "deep: one leads back to itself. Let it read the table behind."
        )
    _DEPTH[connection] = depth + 1
    try:
        return run()
    finally:
        _DEPTH[connection] = depth


def match(relation: Relation, name: str) -> str:
    """Return the column of `relation` that `name` means, in any case; raise InputError where it has none."""
    if name in relation.columns:
        return name
    for column in relation.columns:
        if folded(column) == folded(name):
            return column
    raise InputError(
        f"{relation.word} {shown(relation.text)} has no column {name!r}. {choices(name, relation.columns, 'Columns')}"
    )


def named(connection: Connection, text: str, places: Sequence[str]) -> Named | None:
    """Return the table or the view that the whole text names, written raw or as SQL: the first among the schemas."""
    parts = name_parts(text)
    for schema in places:
        catalog = f"SELECT name, type, rootpage FROM {quoted(schema)}.sqlite_schema WHERE type IN ('table', 'view') AND"
        for wanted_schema, name in parts:
            if wanted_schema is not None and folded(wanted_schema) != folded(schema):
                continue
            for found, kind, page in connection.execute(f"{catalog} lower(name) = lower(?)", (name,)):
                return Named(schema, found, "virtual" if kind == "table" and not page else kind)
    return None


def name_parts(text: str) -> list[tuple[str | None, str]]:
    """Return the (schema, name) pairs that the text can mean."""
    parts: list[tuple[str | None, str]] = [(None, text)]
    try:
        tokens = _without_end(tokenize(text))
    except DeclarationError:
        return parts
    names = [token.value for token in tokens if token.kind in {"word", "quoted"}]
    if len(tokens) == 1 and names:
        parts.append((None, names[0]))
    if len(tokens) == 3 and len(names) == 2 and tokens[1].is_mark("."):
        parts.append((names[0], names[1]))
    return parts


def schemas(connection: Connection, first: str = "temp") -> list[str]:
    """Return the schemas in the order in which SQLite looks names up, but `first` before all."""
    found = [name for _, name, _ in connection.execute("PRAGMA database_list")]
    order = ["temp", *(name for name in found if name != "temp")]
    return [first, *(name for name in order if name != first)]


def _statement(text: str) -> str:
    """Return the text as a subquery, where it is one SELECT: no second statement, nothing that writes."""
    tokens = _without_end(tokenize(text))
    if not tokens or not tokens[0].is_word("SELECT", "WITH", "VALUES"):
        raise InputError(f"source {shown(text)} is not a table, a view or a SELECT here. Name one of them.")
    _check_single(text, tokens)
    return f"({text[: tokens[-1].end]})"


def _without_end(tokens: list[Token]) -> list[Token]:
    """Return the tokens without the semicolons they end with."""
    while tokens and tokens[-1].is_mark(";"):
        tokens = tokens[:-1]
    return tokens


def _check_single(text: str, tokens: Sequence[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += token.is_mark("(") - token.is_mark(")")
        if depth < 0 or token.is_mark(";"):
            raise InputError(f"source {shown(text)} is more than one SELECT. Write a single one.")


def _columns(connection: Connection, text: str, source: str, word: str) -> tuple[str, ...]:
    """Return the names of the columns, without reading a row."""
    sql = f"SELECT src.* FROM (SELECT 1) LEFT JOIN (SELECT * FROM {source} LIMIT 0) AS src"
    try:
        cursor = connection.execute(sql)
        names = tuple(str(column[0]) for column in cursor.description)
        list(cursor)
        return names
    except Exception as error:
        raise InputError(f"{word} {shown(text)} cannot be read: {error}. Correct it.") from error


def _rowid(connection: Connection, source: str, columns: Sequence[str]) -> str | None:
    """Return the first name of the row id that no column bears, None where the relation is a view or has no row ids."""
    taken = {folded(column) for column in columns}
    name = next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)
    if name is None:
        return None
    try:
        connection.execute(f"SELECT src.{name} FROM {source} AS src LIMIT 0")
    except Exception:
        return None
    return name
