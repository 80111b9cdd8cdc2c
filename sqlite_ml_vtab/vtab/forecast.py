"""The virtual table of a forecast: stored rows as in any predictor, and calls that give a row for each step ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration import Role
from sqlite_ml_vtab.errors import InputError
from sqlite_ml_vtab.portable.values import looks_numeric
from sqlite_ml_vtab.vtab.cursor import Cursor
from sqlite_ml_vtab.vtab.layout import Layout
from sqlite_ml_vtab.vtab.plan import ROWID, Choice, Way, equalities, surplus
from sqlite_ml_vtab.vtab.table import Table

_SEVERAL = 1200
_SINGLE = 12
"""So many rows the planner expects of a call: of all series, and of one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What xBestIndex tells xFilter of a call, through idxNum: which arguments it has, in this order."""

    start: bool
    horizon: bool
    of_series: bool
    version: bool
    where: bool
    """Whether the last argument is what the one GROUP column must equal."""

    @property
    def number(self) -> int:
        """The number that stands for this; its low bits are the way, as those of `Choice`."""
        flags = (self.start, self.horizon, self.of_series, self.version, self.where)
        return Way.CALL | sum(flag << place for place, flag in enumerate(flags, 4))

    @staticmethod
    def of(number: int) -> Asked:
        """Return what `number` stands for."""
        return Asked(*(bool(number >> place & 1) for place in range(4, 9)))


class ForecastTable(Table):
    """One forecast on one connection."""

    def BestIndexObject(self, info: apsw.IndexInfo) -> bool:
        """Choose how a query is answered."""
        with self.naming:
            return best_index(info, self.layout)

    def Open(self) -> Any:
        """Open a cursor."""
        with self.naming:
            verbs.check_format(self.predictor)
        return ForecastCursor(self)


def best_index(info: apsw.IndexInfo, layout: Layout) -> bool:
    """Choose the way for the constraints in `info`; return False where one of them is not usable yet.

    Raises InputError for arguments that no order of tables could make right.
    """
    constraints = equalities(info)
    first, names = len(layout.visible), layout.arguments
    _check(layout, constraints)
    asked = [number for number in range(first, first + len(names)) if number in constraints]
    version = layout.number("version")
    if not asked:
        if version in constraints:
            return _stored(info, [constraints[version]], Choice(Way.ROWS, True, 0), 10_000, 1e12)
        if ROWID in constraints and constraints[ROWID][1]:
            return _stored(info, [constraints[ROWID]], Choice(Way.ROW, False, 0), 1, 1.0)
        return _stored(info, [], Choice(Way.ROWS, False, 0), 10_000, 20_000.0)
    consumed = [constraints[number] for number in (*asked, version) if number in constraints]
    if not all(usable for _, usable in consumed):
        return False
    for argument, (place, _) in enumerate(consumed, 1):
        info.set_aConstraintUsage_argvIndex(place, argument)
        info.set_aConstraintUsage_omit(place, True)
    where = _where(info, layout, constraints, first + 2 in constraints)
    if where is not None:
        # Not omitted: SQLite compares by its own rules, we only spare it the other series.
        info.set_aConstraintUsage_argvIndex(where, len(consumed) + 1)
    start, horizon, of_series = (first + place in constraints for place in range(3))
    one = of_series or where is not None or not layout.declaration.having(Role.GROUP)
    info.idxNum = Asked(start, horizon, of_series, version in constraints, where is not None).number
    info.idxStr = "series" if one else "forecast"
    info.estimatedRows = _SINGLE if one else _SEVERAL
    info.estimatedCost = 1000.0 if one else 100_000.0
    return True


def _check(layout: Layout, constraints: Mapping[int, object]) -> None:
    guard = len(layout.visible) + len(layout.arguments)
    too_many = surplus(guard, constraints)
    if too_many:
        raise InputError(
            f"takes {', '.join(layout.arguments)}, got {len(layout.arguments) + too_many} arguments. "
            "Pass NULL for what is left open."
        )
    if layout.number("source") in constraints:
        target = layout.declaration.targets[0].name
        raise InputError(f"a forecast has no source. INSERT rows of the future with NULL for {target!r} instead.")


def _where(
    info: apsw.IndexInfo, layout: Layout, constraints: Mapping[int, tuple[int, bool]], is_named: bool
) -> int | None:
    """Return the place of the constraint that names the series by its column, None where there is none."""
    columns = [n for n, column in enumerate(layout.declaration.columns) if column.role is Role.GROUP]
    if is_named or len(columns) != 1:
        return None
    place, usable = constraints.get(columns[0], (0, False))
    # By another collation, such as NOCASE, other series may be equal too.
    return place if usable and info.get_aConstraint_collation(place) == "BINARY" else None


def _stored(info: apsw.IndexInfo, consumed: list[tuple[int, bool]], choice: Choice, rows: int, cost: float) -> bool:
    if not all(usable for _, usable in consumed):
        return False
    for argument, (place, _) in enumerate(consumed, 1):
        info.set_aConstraintUsage_argvIndex(place, argument)
        info.set_aConstraintUsage_omit(place, True)
    if choice.way is Way.ROW:
        info.idxFlags = apsw.SQLITE_INDEX_SCAN_UNIQUE
    info.idxNum, info.idxStr = choice.number, choice.way.name.lower()
    info.estimatedRows, info.estimatedCost = rows, cost
    return True


class ForecastCursor(Cursor):
    """What xOpen returns for a forecast."""

    def _made(self, number: int) -> Any:
        if number & 7 == Way.CALL:
            return _Steps(self._table, Asked.of(number))
        return super()._made(number)


class _Steps:
    """The steps ahead that a call asks for. The model and the rows are looked up once a query."""

    def __init__(self, table: Table, asked: Asked) -> None:
        self._table = table
        self._asked = asked
        self._forecasts: verbs.Forecasts | None = None
        self._version: Any = None
        self._given: dict[str, Any] = {}
        self._found: Iterator[verbs.Forecast] = iter(())
        self._row: verbs.Forecast | None = None
        self._rowid = 0
        self._getters = self._columns()

    def begin(self, arguments: Sequence[Any]) -> None:
        values = iter(arguments)
        names = ("start", "horizon", "of_series", "version")
        self._given = {name: next(values) if getattr(self._asked, name) else None for name in names}
        forecasts = self._asked_of(self._given["version"])
        of_series = self._given["of_series"]
        self._found, self._rowid = iter(()), 0
        if not self._asked.where:
            self._found = forecasts.rows(self._given["start"], self._given["horizon"], of_series)
        elif (only := next(filter(forecasts.has, _forms(next(values))), None)) is not None:
            self._found = forecasts.rows(self._given["start"], self._given["horizon"], only)
        self.next()

    def _asked_of(self, version: Any) -> verbs.Forecasts:
        if self._forecasts is None or version != self._version:
            if self._asked.version:
                verbs.known(self._table.predictor, version)
            self._version, self._forecasts = version, verbs.Forecasts(self._table.predictor, version)
        return self._forecasts

    def is_done(self) -> bool:
        return self._row is None

    def next(self) -> None:
        try:
            self._row = next(self._found, None)
        except Exception:
            with self._table.naming:
                raise
        self._rowid += 1

    def close(self) -> None:
        self._found = iter(())

    def rowid(self) -> int:
        self._table.is_at_stored_row = False
        return self._rowid

    def column(self, number: int) -> Any:
        assert self._row is not None
        return self._getters[number](self._row)

    unchanged_column = column

    def _of_row(self, row: verbs.Forecast, number: int) -> Any:
        """Return a declared column of the stored row of the step, None where there is none."""
        if row.row is None:
            return None
        return next((stored[number + 1] for stored in self._table.predictor.rows.find(row.row)), None)

    def _columns(self) -> dict[int, Callable[[verbs.Forecast], Any]]:
        """Return, by column number (-1 for the row id), the function from the present row to its value."""
        layout = self._table.layout
        found: dict[int, Callable[[verbs.Forecast], Any]] = dict.fromkeys(range(len(layout.names)), lambda row: None)
        places = dict.fromkeys(Role, 0)
        for number, column in enumerate(layout.declaration.columns):
            if column.role in (Role.FEATURE, Role.KEY):
                found[number] = lambda row, number=number: self._of_row(row, number)  # type: ignore[misc]
            else:
                found[number] = _declared(column.role, places[column.role])
            places[column.role] += 1
        for name in ("start", "horizon", "of_series", "version"):
            found[layout.number(name)] = lambda row, name=name: self._given[name]  # type: ignore[misc]
        for name in layout.declaration.says:
            found[layout.number(name)] = lambda row, name=name: getattr(row, name)  # type: ignore[misc]
        return found | {-1: lambda row: self.rowid()}


def _forms(value: Any) -> list[Any]:
    """Return what a GROUP column may be compared with where a query says `value`; SQLite has the last word on each."""
    if value is None or isinstance(value, bytes):
        return []
    # SQLite applies the affinity of the column only when it compares, so that '1.0' may yet become the number 1.
    return [value, float(value)] if isinstance(value, str) and looks_numeric([value]) else [value]


def _declared(role: Role, place: int) -> Callable[[verbs.Forecast], Any]:
    """Return the function that gives a column that the forecast knows, the so-and-so-many-th of its role."""
    if role is Role.ORDER:
        return lambda row: row.at
    if role is Role.TARGET:
        return lambda row: row.value
    return lambda row: row.key[place]
