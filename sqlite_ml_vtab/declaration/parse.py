"""The arguments of CREATE VIRTUAL TABLE, as SQLite hands them over, to a Declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_ml_vtab.declaration.columns import read_column
from sqlite_ml_vtab.declaration.options import FOR_TASK, check_option
from sqlite_ml_vtab.declaration.series import check_series, check_series_options
from sqlite_ml_vtab.declaration.tasks import TASKS, components
from sqlite_ml_vtab.declaration.tokens import Token, tokenize
from sqlite_ml_vtab.declaration.types import Column, Declaration, Kind, Role
from sqlite_ml_vtab.errors import DeclarationError

RESERVED = ("version", "source", "options")
"""The hidden columns of every predictor, beside its arguments, what it says, and the column named as the table."""

GUARD = "too_many_arguments"
"""The hidden column behind the last argument: whoever constrains it passed one argument too many."""


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
            columns.append(read_column(tokens))
    declaration = Declaration(task, tuple(columns), options)
    check_names(declaration, table)
    _check_roles(declaration)
    _check_split(declaration)
    check_task(declaration.task, options)
    return declaration


def check_task(task: str, options: Mapping[str, Any]) -> None:
    """Refuse options of other tasks, and options that contradict each other."""
    for name in options:
        if FOR_TASK.get(name, task) != task:
            raise DeclarationError(f"option {name!r} is for {FOR_TASK[name]}, and this is {task}. Leave it out.")
        if name in TASKS[task].lacks:
            raise DeclarationError(f"option {name!r} is of no use to {task}, which has no test part. Leave it out.")
    if TASKS[task].has_series:
        check_series_options(options)
    if "threshold" in options and "cost" in options:
        raise DeclarationError("threshold and cost both decide what is predicted. Write one of them.")


def check_components(declaration: Declaration, options: Mapping[str, Any]) -> None:
    """Refuse, in the options of a run, another number of components than the columns that were declared."""
    declared, asked = components(declaration.options), components(options)
    if asked != declared:
        raise DeclarationError(
            f"components is {asked}, and the table was created with {declared} columns pc1 ... pc{declared}. "
            f"Create another table with components={asked}."
        )


def check_names(declaration: Declaration, table: str) -> None:
    """Refuse names that collide with each other, with a hidden column, or with `table`."""
    own = (*declaration.arguments, *RESERVED, GUARD, *declaration.says)
    taken = dict.fromkeys(own, "is a column every predictor has")
    if table.lower() in taken:
        raise DeclarationError(
            f"a predictor cannot be named {table!r}: every predictor has a column of that name. Choose another name."
        )
    if table.lower() == "ml":
        raise DeclarationError(
            "a predictor cannot be named 'ml': its shadow tables would hide the functions ml_versions, ml_metrics and "
            "others. Choose another name."
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


def _check_roles(declaration: Declaration) -> None:
    if declaration.has_series:
        check_series(declaration)
        return
    for role in (Role.WEIGHT, Role.SPLIT, Role.ORDER, Role.GROUP):
        names = [repr(column.name) for column in declaration.having(role)]
        if len(names) > 1:
            raise DeclarationError(f"{role} is written at {len(names)} columns, {', '.join(names)}. Keep one.")
    if not TASKS[declaration.task].has_target:
        _check_without_target(declaration)
    elif not declaration.having(Role.TARGET):
        raise DeclarationError("no column to predict. Write TARGET behind one: class TEXT TARGET.")
    if not declaration.features:
        raise DeclarationError("no feature column. Declare at least one column without a clause.")
    for target in declaration.targets:
        if not TASKS[declaration.task].has_labels and target.kind not in {Kind.NUMBER, Kind.ANY}:
            raise DeclarationError(
                f"target {target.name!r} is {target.type}, and regression predicts numbers. "
                "Declare it REAL, or use ml_classification."
            )


def _check_without_target(declaration: Declaration) -> None:
    """Refuse what only a target gives a meaning to."""
    task = declaration.task
    for column in declaration.columns:
        if column.role is Role.TARGET:
            raise DeclarationError(f"column {column.name!r} is TARGET, and {task} has no target. Declare it KEY.")
        if column.role in (Role.SPLIT, Role.ORDER, Role.GROUP):
            raise DeclarationError(
                f"column {column.name!r} is {column.role}, and {task} has no test part. Declare it KEY."
            )
        if column.encode == "target":
            raise DeclarationError(
                f"column {column.name!r} has ENCODE(target), and {task} has no target. Write ENCODE(onehot)."
            )


_NEEDS = {"last": Role.ORDER, "group": Role.GROUP, "column": Role.SPLIT}


def _check_split(declaration: Declaration) -> None:
    check_split(declaration, declaration.options.get("split"))


def check_split(declaration: Declaration, split: str | None) -> None:
    """Refuse a split that the declared columns cannot give."""
    if split is None or split == "none":
        return
    if not TASKS[declaration.task].has_target:
        raise DeclarationError(f"split={split!r} makes a test part, and {declaration.task} has none. Leave it out.")
    role = _NEEDS.get(split)
    if role and not declaration.one(role):
        raise DeclarationError(f"split='{split}' needs a column with the clause {role}. Declare one.")
    if split == "stratified" and not TASKS[declaration.task].has_labels:
        raise DeclarationError("split='stratified' is for classification. Use split='shuffle'.")
    if declaration.one(Role.GROUP) and split in {"stratified", "shuffle", "last"}:
        raise DeclarationError(f"split='{split}' would tear groups apart. Use split='group', or drop the GROUP clause.")
