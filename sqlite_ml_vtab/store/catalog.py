"""The predictors that a connection's databases hold, read from their schemas alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlite_ml_vtab.declaration import MODULES
from sqlite_ml_vtab.declaration.tokens import Token, tokenize
from sqlite_ml_vtab.errors import CommandError, DeclarationError, choices, shown
from sqlite_ml_vtab.store.sql import Connection, folded, quoted


class Entry(NamedTuple):
    """One predictor in a schema."""

    schema: str
    name: str
    module: str
    """The module it was declared with."""
    content: str | None
    """The relation that has its rows, where it has none of its own."""


def predictors(connection: Connection) -> Iterator[Entry]:
    """Yield every predictor of every database, in the order in which SQLite looks names up."""
    schemas = [name for _, name, _ in connection.execute("PRAGMA database_list")]
    for schema in ["temp", *(name for name in schemas if name != "temp")]:
        found = connection.execute(
            f"SELECT name, sql FROM {quoted(schema)}.sqlite_schema "
            "WHERE type = 'table' AND rootpage = 0 AND sql IS NOT NULL ORDER BY name"
        )
        for name, sql in found:
            tokens = _tokens(sql)
            module = _module(tokens)
            if module in MODULES:
                yield Entry(schema, name, module, _content(tokens))


def find_predictor(connection: Connection, text: Any) -> tuple[str, str]:
    """Return the schema and the name of the predictor that `text` names: a name, or schema.name, quoted or not.

    Raises CommandError with the nearest names where there is none.
    """
    if not isinstance(text, str):
        raise CommandError(f"a predictor is named by text, got {shown(text)}. Write its name in quotes.")
    there = list(predictors(connection))
    wanted = {folded(text), folded(_unquoted(text))}
    for entry in there:
        if folded(entry.name) in wanted or folded(f"{entry.schema}.{entry.name}") in wanted:
            return entry.schema, entry.name
    if not there:
        raise CommandError(f"no predictor {shown(text)}, nor any other. Declare one with CREATE VIRTUAL TABLE.")
    raise CommandError(f"no predictor {shown(text)}. {choices(text, {entry.name for entry in there}, 'Predictors')}")


def _unquoted(text: str) -> str:
    """Return ``"a b".c`` as ``a b.c``."""
    try:
        return "".join(token.value for token in tokenize(text))
    except DeclarationError:
        return text


def _tokens(sql: str) -> list[Token]:
    """Return the tokens of a statement, none where it cannot be read."""
    try:
        return tokenize(sql)
    except DeclarationError:
        return []


def _module(tokens: Sequence[Token]) -> str:
    """Return the module of CREATE VIRTUAL TABLE [IF NOT EXISTS] [schema.]name USING module, '' where none is found."""
    for place, token in enumerate(tokens[:-1]):
        if token.is_word("USING"):
            return folded(tokens[place + 1].value)
    return ""


def _content(tokens: Sequence[Token]) -> str | None:
    """Return the value of content=, an argument of its own, None where it is not written."""
    for before, name, equals, value in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        is_first = before.is_mark("(") or before.is_mark(",")
        if is_first and name.kind != "mark" and folded(name.value) == "content" and equals.is_mark("="):
            return value.value
    return None
