"""What the columns and options of a forecast must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlite_ml_vtab.declaration.types import Column, Declaration, Kind, Role
from sqlite_ml_vtab.errors import DeclarationError


def check_series(declaration: Declaration) -> None:
    """Refuse columns that do not make series: one ORDER, one TARGET, any number of GROUP, KEY and features."""
    for role, why in _REFUSED.items():
        column = declaration.one(role)
        if column is not None:
            raise DeclarationError(f"column {column.name!r} is {role}, and a forecast {why}. Declare it KEY.")
    order, target = _single(declaration, Role.ORDER), _single(declaration, Role.TARGET)
    if order.kind not in {Kind.DATE, Kind.ANY} and not (order.kind is Kind.NUMBER and order.affinity == "INTEGER"):
        raise DeclarationError(
            f"column {order.name!r} is ORDER and {order.type or order.kind}; dates or whole numbers put a series in "
            "order. Declare it DATE or INTEGER."
        )
    if target.kind not in {Kind.NUMBER, Kind.ANY}:
        raise DeclarationError(
            f"target {target.name!r} is {target.type or target.kind}, and a forecast predicts numbers. Declare it REAL."
        )
    for column in declaration.having(Role.GROUP):
        if column.kind in {Kind.DATE, Kind.WORDS}:
            raise DeclarationError(f"column {column.name!r} is GROUP and {column.kind}. Declare it TEXT or INTEGER.")


_REFUSED = {
    Role.WEIGHT: "gives every step the same weight",
    Role.SPLIT: "is tested on its last steps",
}
_ASKED = {
    Role.ORDER: "no column says when a row was. Write ORDER behind one: at DATE ORDER.",
    Role.TARGET: "no column to predict. Write TARGET behind one: value REAL TARGET.",
}


def _single(declaration: Declaration, role: Role) -> Column:
    found = declaration.having(role)
    if not found:
        raise DeclarationError(_ASKED[role])
    if len(found) > 1:
        names = ", ".join(repr(column.name) for column in found)
        raise DeclarationError(f"{role} is written at {len(found)} columns, {names}. Keep one.")
    return found[0]


_USELESS = {
    "split": "a forecast is tested on its last steps",
    "test_size": "a forecast is tested on its last steps",
    "sample": "a series is learned from whole",
    "fit": "a series is learned from whole",
    "content": "a forecast goes on from rows of its own",
}


def check_series_options(options: Mapping[str, Any]) -> None:
    """Refuse options that a forecast has no use for."""
    for name, why in _USELESS.items():
        if name in options:
            raise DeclarationError(f"option {name!r} has no use here: {why}. Leave it out.")
