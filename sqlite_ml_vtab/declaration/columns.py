"""One column of a declaration: name [TYPE] [CLAUSE ...]."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from sqlite_ml_vtab.declaration.tokens import Token
from sqlite_ml_vtab.declaration.types import ENCODE_WORDS, IMPUTE_WORDS, SCALE_WORDS, Column, Kind, Role
from sqlite_ml_vtab.errors import DeclarationError, shown

_ROLES = {role.value for role in Role} - {Role.FEATURE.value}
_KINDS = {kind.value for kind in Kind} - {Kind.ANY.value}
_CLAUSES = {"ENCODE": ENCODE_WORDS, "IMPUTE": IMPUTE_WORDS, "SCALE": SCALE_WORDS}
"""The clauses with something in parentheses, and what may stand there; ENCODE first, for it makes a CATEGORY."""
_CONSTRAINTS = {"PRIMARY", "NOT", "NULL", "UNIQUE", "DEFAULT", "CHECK", "REFERENCES", "COLLATE", "CONSTRAINT"} | {
    "GENERATED",
    "AS",
    "FOREIGN",
}


def read_column(tokens: Sequence[Token]) -> Column:
    """Return the column that `tokens` declare; raise DeclarationError with what to write instead."""
    name = tokens[0]
    if name.kind not in {"word", "quoted", "string"} or not name.value:
        raise DeclarationError(f'a column begins with its name, got {shown(name.value)}. Quote an odd name: "...".')
    words = _words(name.value, tokens[1:])
    _check_commas(name.value, [word for word, _ in words])
    roles = [word for word, _ in words if word in _ROLES]
    if len(roles) > 1:
        raise DeclarationError(f"column {name.value!r} has two roles, {' and '.join(roles)}. Keep one.")
    kinds = [word for word, _ in words if word in _KINDS]
    types = [word for word, _ in words if word not in _ROLES and word not in _CLAUSES]
    role = Role(roles[0]) if roles else Role.FEATURE
    kind = Kind(kinds[-1]) if kinds else kind_of_type(types)
    column = Column(name.value, " ".join(types), role, kind)
    for clause in _CLAUSES:
        inside = [tokens for word, tokens in words if word == clause]
        if len(inside) > 1:
            raise DeclarationError(f"column {name.value!r}: {clause} is written twice. Keep one.")
        if inside:
            column = _with_clause(column, clause, inside[0])
    _check_type(column)
    return column


def _words(column: str, tokens: Sequence[Token]) -> list[tuple[str, list[Token]]]:
    """Return each word of a type or a clause in upper case, with the tokens in the parentheses behind it."""
    found: list[tuple[str, list[Token]]] = []
    depth = 0
    for token in tokens:
        depth += token.is_mark("(") - token.is_mark(")")
        if depth < 0 or (depth and not found):
            break
        if depth and not (depth == 1 and token.is_mark("(")):
            found[-1][1].append(token)
        elif not depth and not token.is_mark(")"):
            found.append((_word(column, token), []))
    if depth:
        problem = "is never closed. Close it." if depth > 0 else "closes nothing. Take it out."
        raise DeclarationError(f"column {column!r}: a parenthesis {problem}")
    return found


def _word(column: str, token: Token) -> str:
    if token.kind not in {"word", "quoted"}:
        hint = "Is a comma missing before the option?" if token.is_mark("=") else "Write: name [TYPE] [CLAUSE]."
        raise DeclarationError(f"column {column!r}: {shown(token.value)} is not a type or a clause. {hint}")
    word = token.value.upper()
    if word in _CONSTRAINTS:
        hint = "Write KEY to keep a column beside the features." if word == "PRIMARY" else "Leave it out."
        raise DeclarationError(f"column {column!r}: a predictor has no {word} clause. {hint}")
    legal = _ROLES | _KINDS | _CLAUSES.keys()
    if word not in legal and kind_of_type([word]) is Kind.ANY:
        _check_near(column, word, legal)
    return word


def _check_near(column: str, word: str, legal: Collection[str]) -> None:
    """Refuse what is no type that SQLite knows, and nearly a clause."""
    from difflib import get_close_matches

    for near in get_close_matches(word, legal, n=1, cutoff=0.75):
        raise DeclarationError(f"column {column!r}: unknown clause {word}. Did you mean {near}?")


def _check_commas(column: str, words: Sequence[str]) -> None:
    """Refuse what reads as two columns without the comma between them; SQLite itself takes any words for a type.

    A type of one word may be any word, but not behind a clause.
    """
    clauses = _ROLES | _KINDS | _CLAUSES.keys()
    types = [word for word in words if word not in clauses]
    lone = len(types) == 1 and (words[0] == types[0] or kind_of_type(types) is not Kind.ANY)
    if types and not lone and not _is_long_type(types):
        said = " ".join(words)
        raise DeclarationError(
            f"column {column!r}: {said} is not a type or a clause. Is a comma missing between two columns?"
        )


_LONG_TYPE = (
    r"(?:(?:UN)?SIGNED |(?:BIG|LONG|MEDIUM|NATIONAL|NATIVE|SHORT|SMALL|TINY|VARYING) )*(?P<base>\S+)"
    r"(?: (?:(?:UN)?SIGNED|BINARY|PRECISION|VARYING|ZEROFILL|LARGE OBJECT|WITH(?:OUT)?(?: LOCAL)? TIME ZONE))*"
)
"""A type of several words: one that is a type alone, and what SQL's dialects put before and behind it."""


def _is_long_type(types: Sequence[str]) -> bool:
    found = re.fullmatch(_LONG_TYPE, " ".join(types))
    return found is not None and (found["base"] in _BINARY or kind_of_type([found["base"]]) is not Kind.ANY)


_BINARY = {"BIT", "BLOB"}


def _with_clause(column: Column, clause: str, inside: Sequence[Token]) -> Column:
    """Return the column with IMPUTE(...), ENCODE(...) or SCALE(...) read into it."""
    legal = _CLAUSES[clause]
    said = [token.value for token in inside if not token.is_mark(",")]
    minus = [place for place, token in enumerate(inside) if token.is_mark("-")]
    if minus:
        said = [said[0], "".join(said[1:])]
    word = said[0].lower() if said else ""
    if word not in legal:
        got = shown(word) if word else "nothing"
        raise DeclarationError(f"column {column.name!r}: {clause} takes one of {', '.join(legal)}, got {got}.")
    needed = int(word == "constant")
    if len(said) != 1 + needed:
        takes, example = ("one value", f"{clause}(constant, 0)") if needed else ("no value", f"{clause}({word})")
        raise DeclarationError(
            f"column {column.name!r}: {clause}({word}) takes {takes}, got {len(said) - 1}. Write {example}."
        )
    if column.role is not Role.FEATURE:
        raise DeclarationError(f"column {column.name!r} is {column.role}; {clause} is for features. Leave it out.")
    return _CHECKED[clause](column, word, said[1:])


def _imputed(column: Column, word: str, rest: Sequence[str]) -> Column:
    if column.kind is Kind.WORDS:
        raise DeclarationError(f"column {column.name!r}: WORDS need no IMPUTE; NULL is an empty text. Leave it out.")
    if column.kind is Kind.CATEGORY and word in {"mean", "median"}:
        raise DeclarationError(
            f"column {column.name!r}: a CATEGORY has no {word}. Write IMPUTE(most_frequent) or IMPUTE(constant, '...')."
        )
    return column._replace(impute=(word, *rest))


def _encoded(column: Column, word: str, rest: Sequence[str]) -> Column:
    if column.kind not in {Kind.CATEGORY, Kind.ANY}:
        raise DeclarationError(
            f"column {column.name!r}: ENCODE is for CATEGORY, got {column.kind}. "
            "Write CATEGORY behind the type, or leave ENCODE out."
        )
    return column._replace(kind=Kind.CATEGORY, encode=word)


def _scaled(column: Column, word: str, rest: Sequence[str]) -> Column:
    if column.kind in {Kind.CATEGORY, Kind.WORDS}:
        raise DeclarationError(f"column {column.name!r}: SCALE is for numbers, got {column.kind}. Leave it out.")
    return column._replace(scale=word)


_CHECKED = {"IMPUTE": _imputed, "ENCODE": _encoded, "SCALE": _scaled}


def kind_of_type(types: Sequence[str]) -> Kind:
    """Return the kind that a declared type means, by SQLite's affinity words (https://sqlite.org/datatype3.html).

    A type that SQLite would make NUMERIC only for want of a better guess, such as STRING or UUID, is left to the data.
    """
    text = " ".join(types)
    if {"DATE", "DATETIME", "TIMESTAMP", "TIMESTAMPTZ", "TIME"} & set(types):
        return Kind.DATE
    for kind, parts in _KIND_OF_TYPE:
        if any(part in text for part in parts):
            return kind
    return Kind.NUMBER if any(word.startswith(_NUMERIC) for word in types) else Kind.ANY


_KIND_OF_TYPE = (
    (Kind.NUMBER, ("INT",)),
    (Kind.CATEGORY, ("CHAR", "CLOB", "TEXT")),
    (Kind.NUMBER, ("REAL", "FLOA", "DOUB")),
)
_NUMERIC = ("NUM", "DEC", "BOOL")


def _check_type(column: Column) -> None:
    if "BLOB" in column.type and column.role is not Role.KEY:
        raise DeclarationError(f"column {column.name!r}: a BLOB cannot be learned from. Make it a KEY or leave it out.")
    if column.role is Role.WEIGHT and column.kind not in {Kind.NUMBER, Kind.ANY}:
        raise DeclarationError(f"column {column.name!r}: a WEIGHT is a number, got {column.type}. Declare it REAL.")
    if column.impute[:1] == ("constant",) and column.kind is Kind.NUMBER and not _is_number(column.impute[1]):
        raise DeclarationError(
            f"column {column.name!r} is NUMBER, and IMPUTE(constant, ...) gives it {shown(column.impute[1])}. "
            "Write a number."
        )


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e38
    except ValueError:
        return False
