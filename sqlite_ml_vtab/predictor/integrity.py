"""What is wrong with a stored predictor, and the statement that mends it; and the command that mends the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from sqlite_ml_vtab.errors import ModelError, shown
from sqlite_ml_vtab.portable import from_bytes
from sqlite_ml_vtab.portable.codec import decode
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.predictor.belonging import belongs
from sqlite_ml_vtab.predictor.formats import format_problem, other_format
from sqlite_ml_vtab.predictor.golden import keeps_golden
from sqlite_ml_vtab.predictor.rows import unstorable
from sqlite_ml_vtab.predictor.versions import mend, model_bytes, too_large, undeployed
from sqlite_ml_vtab.store import shadows, strays, versions
from sqlite_ml_vtab.store.content import Content
from sqlite_ml_vtab.store.reading import CHUNK
from sqlite_ml_vtab.store.sql import written


def missing(predictor: Predictor) -> ModelError | None:
    """Return the error that names the shadow tables that are gone, None where all are there."""
    gone = shadows.missing(predictor.tables)
    if not gone:
        return None
    return ModelError(
        f"missing shadow tables {', '.join(gone)}. Restore them from a backup, "
        f"or make them anew, empty: {predictor.command('repair')}."
    )


def problems(predictor: Predictor, *, quick: bool) -> str | None:
    """Return the first thing that is wrong with the stored predictor, as text; None where all is well.

    Unless `quick`, all rows are looked at, and every model is read; those of an untrusted file are not decoded.
    """
    for find in _QUICK if quick else (*_QUICK, *_FULL):
        found = find(predictor)
        if found:
            return f"{predictor.tables.name}: {found}"
    return None


def repair(predictor: Predictor) -> int:
    """Make shadow tables that are missing, and delete what belongs to nothing; return the number of changes.

    Raises ModelError where the tables are of another format.
    """
    tables, columns = predictor.tables, predictor.declaration.columns
    before = tables.connection.total_changes()
    made = len(shadows.missing(tables))
    shadows.create_missing(tables, columns)
    if shadows.format_of(tables) != shadows.FORMAT:
        if not shadows.has_columns(tables, columns):
            raise ModelError(other_format(predictor))
        shadows.put_format(tables, predictor.host.release)
    strays.remove(tables)
    return made + tables.connection.total_changes() - before


def _missing_problem(predictor: Predictor) -> str | None:
    gone = missing(predictor)
    return str(gone) if gone else None


def _replaced_problem(predictor: Predictor) -> str | None:
    found = shadows.replaced(predictor.tables)
    if found is None:
        return None
    name, kind = found
    drop = f"DROP {'VIEW' if kind == 'view' else 'TABLE'} {written(name)}"
    return f"{name} is a {kind} and must be a table. Run: {drop}; {predictor.command('repair')}."


def _deployment_problem(predictor: Predictor) -> str | None:
    current = versions.deployed(predictor.tables)
    if current is None or current in versions.numbers(predictor.tables):
        return None
    return undeployed(predictor, current)


def _stray_problem(predictor: Predictor) -> str | None:
    found = strays.find(predictor.tables)
    if found is None:
        return None
    suffix, owner, number = found
    return (
        f"{predictor.tables.name}_{suffix} has rows of {owner} {shown(number)}, which has no record. "
        f"Run: {predictor.command('repair')}."
    )


def _model_problem(predictor: Predictor) -> str | None:
    for number in versions.numbers(predictor.tables):
        size = versions.model_size(predictor.tables, number)
        if size is not None and size > predictor.host.max_model_bytes:
            return too_large(predictor, number, size)
        try:
            blob = model_bytes(predictor, number, versions.digest_of(predictor.tables, number))
        except ModelError:
            return f"the model of version {number} is damaged. {mend(predictor, number)}"
        found = None if predictor.host.untrusted else _answer_problem(predictor, number, blob)
        if found:
            return f"{found} {mend(predictor, number)}"
    return None


def _answer_problem(predictor: Predictor, number: int, blob: bytes) -> str | None:
    """Return why the bytes of a model cannot answer as it did when it was stored."""
    try:
        model = from_bytes(blob, predictor.host.max_model_bytes)
    except ModelError as error:
        return f"version {number}: {error}"
    if not belongs(predictor, model):
        return f"the model of version {number} was trained for other columns."
    if not keeps_golden(model):
        return f"version {number} answers its golden rows otherwise than it did when it was stored."
    return None


def _state_problem(predictor: Predictor) -> str | None:
    for number in versions.numbers(predictor.tables):
        if not _can_go_on(predictor, number):
            return f"the state of version {number} is damaged or of another model. {mend(predictor, number)}"
    return None


def _can_go_on(predictor: Predictor, number: int) -> bool:
    """Return whether the state of a version, if it has one, is that of its model and can be read."""
    found = versions.state(predictor.tables, number, predictor.host.max_model_bytes)
    if found is None:
        return True
    name, state = found
    if name != versions.digest_of(predictor.tables, number) or state is None:
        return False
    try:
        return decode(state, predictor.host.max_model_bytes).keys() == {"algorithm", "state"}
    except ModelError:
        return False


def _row_problem(predictor: Predictor) -> str | None:
    """Return which values of a stored row break the kinds that their columns were declared with."""
    if isinstance(predictor.rows, Content):
        return None
    rows = iter(predictor.rows.scan())
    while chunk := list(islice(rows, CHUNK)):
        for rowid, *values in chunk:
            bad = unstorable(predictor, values)
            if bad:
                sets = ", ".join(f"{written(column.name)} = NULL" for column, _ in bad)
                mending = f"Run: UPDATE {predictor.sql_name} SET {sets} WHERE rowid = {rowid}."
                return f"row {rowid}: {bad[0][1]} {mending}"
    return None


_Finder = Callable[[Predictor], str | None]
_QUICK: Sequence[_Finder] = (_missing_problem, _replaced_problem, format_problem, _deployment_problem, _stray_problem)
_FULL: Sequence[_Finder] = (_model_problem, _state_problem, _row_problem)
