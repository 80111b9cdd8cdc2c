"""The arguments of CREATE VIRTUAL TABLE, as SQLite hands them over, to a Declaration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from sqlite_ml_vtab.declaration.options import check_option
from sqlite_ml_vtab.declaration.tokens import Token, tokenize
from sqlite_ml_vtab.declaration.types import Column, Declaration, Kind, Role
from sqlite_ml_vtab.errors import DeclarationError, shown

RESERVED = ("features", "probability", "probabilities", "lower", "upper", "warning", "version", "source", "options")
"""The hidden columns every predictor has, beside arg2 ... argN and the command column named as the table."""

GUARD = "too_many_arguments"
"""The hidden column behind the last argument: whoever constrains it passed one argument too many."""

_ROLES = {role.value for role in Role} - {Role.FEATURE.value}
_KINDS = {Kind.NUMBER.value, Kind.CATEGORY.value, Kind.DATE.value}
_NOT_YET = {"WORDS", "IMPUTE", "ENCODE", "SCALE"}
_CONSTRAINTS = {"PRIMARY", "NOT", "NULL", "UNIQUE", "DEFAULT", "CHECK", "REFERENCES", "COLLATE", "CONSTRAINT"} | {
    "GENERATED",
    "AS",
    "FOREIGN",
}


def parse(task: str, table: str, arguments: Sequence[str]) -> Declaration:
    """Return what `arguments` declare for the predictor named `table`.

    Raises DeclarationError, whose sentence says what to write instead.
    """
    columns: list[Column] = []
    options: dict[str, Any] = {}
    for tokens in filter(None, map(tokenize, arguments)):
        if len(tokens) > 1 and tokens[1].is_mark("="):
            _add_option(options, tokens)
        else:
            columns.append(_column(tokens))
    declaration = Declaration(task, tuple(columns), options)
    check_names(declaration, table)
    _check_roles(declaration)
    _check_split(declaration)
    return declaration


def check_names(declaration: Declaration, table: str) -> None:
    """Refuse names that collide with each other, with a hidden column, or with `table`."""
    taken = dict.fromkeys((*RESERVED, GUARD), "is a column every predictor has")
    taken |= {f"arg{i}": "is a column every predictor has" for i in range(2, len(declaration.features) + 1)}
    if table.lower() in taken:
        raise DeclarationError(
            f"a predictor cannot be named {table!r}: every predictor has a column of that name. Choose another name."
        )
    taken[table.lower()] = "is the name of the table, which is its command column"
    for column in declaration.columns:
        reason = taken.get(column.name.lower())
        if reason:
            raise DeclarationError(f"column {column.name!r} {reason}. Rename the column.")
        taken[column.name.lower()] = "is declared twice"


def _add_option(options: dict[str, Any], tokens: list[Token]) -> None:
    name = tokens[0].value.lower()
    if name in options:
        raise DeclarationError(f"option {name!r} is written twice. Write it once.")
    options[name] = check_option(name, _option_value(name, tokens[2:]))


def _option_value(name: str, tokens: list[Token]) -> str:
    if len(tokens) == 1 and tokens[0].kind != "mark":
        return tokens[0].value
    if len(tokens) == 2 and tokens[0].value in {"-", "+"} and tokens[1].kind == "number":
        return tokens[0].value + tokens[1].value
    raise DeclarationError(f"option {name!r} needs one value. Quote it: {name}='...'.")


def _column(tokens: list[Token]) -> Column:
    name = tokens[0]
    if name.kind not in {"word", "quoted", "string"} or not name.value:
        raise DeclarationError(f'a column begins with its name, got {shown(name.value)}. Quote an odd name: "...".')
    words = list(_words(name.value, tokens[1:]))
    roles = [word for word in words if word in _ROLES]
    if len(roles) > 1:
        raise DeclarationError(f"column {name.value!r} has two roles, {' and '.join(roles)}. Keep one.")
    kinds = [word for word in words if word in _KINDS]
    types = [word for word in words if word not in _ROLES]
    role = Role(roles[0]) if roles else Role.FEATURE
    kind = Kind(kinds[-1]) if kinds else _kind(types)
    column = Column(name.value, " ".join(types), role, kind)
    _check_type(column)
    return column


def _words(column: str, tokens: list[Token]) -> Iterator[str]:
    """Yield the words of a type and its clauses in upper case; lengths such as (10, 2) mean nothing to SQLite."""
    depth = 0
    for token in tokens:
        depth += token.is_mark("(") - token.is_mark(")")
        if depth < 0:
            break
        if depth or token.is_mark(")"):
            continue
        if token.kind not in {"word", "quoted"}:
            raise DeclarationError(
                f"column {column!r}: {shown(token.value)} is not a type or a clause. Write: name [TYPE] [CLAUSE]."
            )
        yield _clause(column, token.value.upper())
    if depth:
        problem = "is never closed. Close it." if depth > 0 else "closes nothing. Take it out."
        raise DeclarationError(f"column {column!r}: a parenthesis {problem}")


def _clause(column: str, word: str) -> str:
    if word in _NOT_YET:
        raise DeclarationError(f"column {column!r}: {word} is not available yet. Leave it out.")
    if word in _CONSTRAINTS:
        hint = "Write KEY to keep a column beside the features." if word == "PRIMARY" else "Leave it out."
        raise DeclarationError(f"column {column!r}: a predictor has no {word} clause. {hint}")
    near = get_close_matches(word, _ROLES | _KINDS, n=1, cutoff=0.75)
    if near and near[0] != word and _kind([word]) is Kind.ANY:
        raise DeclarationError(f"column {column!r}: unknown clause {word}. Did you mean {near[0]}?")
    return word


def _kind(types: list[str]) -> Kind:
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


def _check_roles(declaration: Declaration) -> None:
    for role in (Role.TARGET, Role.WEIGHT, Role.SPLIT, Role.ORDER, Role.GROUP):
        names = [repr(column.name) for column in declaration.having(role)]
        if len(names) > 1:
            raise DeclarationError(f"{role} is written at {len(names)} columns, {', '.join(names)}. Keep one.")
    if not declaration.having(Role.TARGET):
        raise DeclarationError("no column to predict. Write TARGET behind one: class TEXT TARGET.")
    if not declaration.features:
        raise DeclarationError("no feature column. Declare at least one column without a clause.")
    target = declaration.target
    if declaration.task == "regression" and target.kind not in {Kind.NUMBER, Kind.ANY}:
        raise DeclarationError(
            f"target {target.name!r} is {target.type}, and regression predicts numbers. "
            "Declare it REAL, or use ml_classification."
        )
    if declaration.task == "regression" and "class_weight" in declaration.options:
        raise DeclarationError("option 'class_weight' is for classification. Declare a WEIGHT column instead.")


_NEEDS = {"last": Role.ORDER, "group": Role.GROUP, "column": Role.SPLIT}


def _check_split(declaration: Declaration) -> None:
    check_split(declaration, declaration.options.get("split"))


def check_split(declaration: Declaration, split: str | None) -> None:
    """Refuse a split that the declared columns cannot give."""
    if split is None or split == "none":
        return
    role = _NEEDS.get(split)
    if role and not declaration.one(role):
        raise DeclarationError(f"split='{split}' needs a column with the clause {role}. Declare one.")
    if declaration.task == "regression" and split == "stratified":
        raise DeclarationError("split='stratified' is for classification. Use split='shuffle'.")
    if declaration.one(Role.GROUP) and split in {"stratified", "shuffle", "last"}:
        raise DeclarationError(f"split='{split}' would tear groups apart. Use split='group', or drop the GROUP clause.")
