"""Making a predictor, and what may be stored in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlite_ml_vtab.declaration import Column, Kind, Role
from sqlite_ml_vtab.errors import DeclarationError, InputError, shown
from sqlite_ml_vtab.portable.values import ONE
from sqlite_ml_vtab.predictor.accepted import is_class
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.store import shadows
from sqlite_ml_vtab.store.content import Content, check_content


def create(predictor: Predictor) -> None:
    """Check what only the registry of algorithms knows, and make the shadow tables."""
    from sqlite_ml_vtab.learning.algorithms import (
        DEFAULT_ALGORITHM,
        check_features,
        check_hyperparams,
        check_option_params,
        find_algorithm,
    )
    from sqlite_ml_vtab.learning.chunks.incremental import check_incremental

    declaration, algorithms = predictor.declaration, predictor.host.algorithms
    options, task = declaration.options, declaration.learner
    name, algorithm = find_algorithm(options.get("algorithm"), task, algorithms, DEFAULT_ALGORITHM[declaration.task])
    check_hyperparams(name, task, algorithms, options.get("hyperparams", {}))
    check_features(name, algorithm, len(declaration.features))
    check_incremental(name, task, options, declaration)
    check_option_params(name, algorithm, options)
    for column in declaration.features:
        _check_constant(column)
    if "content" in options:
        check_content(predictor.tables, options["content"])
    shadows.create(predictor.tables, predictor.declaration.columns, predictor.host.release)


def _check_constant(column: Column) -> None:
    """Refuse an IMPUTE(constant, ...) that its column cannot hold; what a column without a type holds is seen later."""
    if column.impute[:1] == ("constant",) and column.kind is Kind.DATE:
        from sqlite_ml_vtab.learning.columns import number_or_text

        try:
            ONE[column.kind](column.name, number_or_text(column.impute[1]))
        except InputError as error:
            raise DeclarationError(f"IMPUTE(constant, ...): {error}") from None


def storable(predictor: Predictor, values: Sequence[Any]) -> Sequence[Any]:
    """Return `values` of the declared columns as they are stored.

    Raises InputError that names the column, the value and the remedy.
    """
    if isinstance(predictor.rows, Content):
        predictor.rows.refuse()
    stored: list[Any] | None = None
    for place, (value, (column, accepted)) in enumerate(zip(values, predictor.accepted, strict=True)):
        kind = type(value)
        if kind not in accepted or (kind is float and value - value != 0.0):
            stored = stored or list(values)
            stored[place] = _storable_value(predictor, column, value)
    if stored is None:
        predictor.plain.note(values)
    return stored or values


def unstorable(predictor: Predictor, values: Sequence[Any]) -> list[tuple[Column, InputError]]:
    """Return the columns whose values `storable` would refuse, and why: other programs can write any."""
    found = []
    for value, (column, accepted) in zip(values, predictor.accepted, strict=True):
        if type(value) not in accepted or (type(value) is float and value - value != 0.0):
            try:
                _storable_value(predictor, column, value)
            except InputError as error:
                found.append((column, error))
    return found


def _storable_value(predictor: Predictor, column: Column, value: Any) -> Any:
    """Return a value that needs a closer look, as it is stored; raise InputError where it cannot be."""
    if column.role is Role.KEY:
        return value
    if isinstance(value, bytes):
        raise InputError(f"column {column.name!r} is {column.kind}, got {shown(value)}. Store text or a number.")
    read = value
    if column.kind in ONE and not is_class(predictor.declaration, column):
        read = ONE[column.kind](column.name, value)
    if isinstance(value, float) and value - value != 0.0:
        raise InputError(f"column {column.name!r} takes no infinity, got {value}. Store NULL for a missing value.")
    # A number in a CATEGORY as a prediction reads it: SQLite's releases do not agree on how a REAL becomes text.
    return read if column.kind in {Kind.CATEGORY, Kind.WORDS} else value


def clear(predictor: Predictor) -> int:
    """Delete all training rows; return how many there were."""
    if isinstance(predictor.rows, Content):
        predictor.rows.refuse()
    count = predictor.rows.count()
    predictor.rows.clear()
    return count
