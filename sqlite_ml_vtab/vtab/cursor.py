"""The cursor: stored rows, or predictions, column by column.

What is not asked for is not computed: each column is a small function that is called when SQLite wants its value.
The model is looked up at the first xFilter of a query and then kept, so that a query never mixes two models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.errors import InputError
from sqlite_ml_vtab.portable import AnyScorer, PatternScorer
from sqlite_ml_vtab.portable.inputs import is_json, read_json
from sqlite_ml_vtab.vtab.layout import Layout
from sqlite_ml_vtab.vtab.plan import Choice, Way
from sqlite_ml_vtab.vtab.stored import PatternRows, StoredRows

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.table import Table


class Cursor:
    """What xOpen returns: hands each query to the reader of its way."""

    def __init__(self, table: Table) -> None:
        """Open a cursor on `table`."""
        self._table = table
        has_target = TASKS[table.predictor.declaration.task].has_target
        self._readers = READERS if has_target else PATTERN_READERS
        self._number: int | None = None
        self._reader: Any = None

    def Filter(self, number: int, text: str, arguments: Sequence[Any]) -> None:
        """Begin a query, or the next row of a join."""
        if number != self._number:
            self._switch(number)
        try:
            self._reader.begin(arguments)
        except Exception:
            with self._table.naming:
                raise

    def _switch(self, number: int) -> None:
        """Take the reader of another way; its methods become the cursor's own, which saves a call for each column."""
        self._number = number
        self._reader = reader = self._made(number)
        self.Eof, self.Column, self.Rowid, self.Next = reader.is_done, reader.column, reader.rowid, reader.next
        self.ColumnNoChange = reader.unchanged_column

    def _made(self, number: int) -> Any:
        """Return the reader of a way."""
        choice = Choice.of(number)
        return self._readers[choice.way](self._table, choice)

    def Close(self) -> None:
        """Let go of everything, statements of ours that are under way above all: they would keep the database open."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        for name in ("Eof", "Column", "ColumnNoChange", "Rowid", "Next"):
            self.__dict__.pop(name, None)


class _Predictions:
    """Predictions from the arguments of a call: one value a feature, or JSON."""

    def __init__(self, table: Table, choice: Choice) -> None:
        self._table = table
        self._predictor = table.predictor
        self._names = table.predictor.feature_names
        self._positional = len(self._names)
        self._has_version = choice.has_version
        self._checked = choice.checked
        self._version: Any = None
        self._scorer: AnyScorer | None = None
        self._getters = _getters(self, table)
        self._queue: Iterator[tuple[int, Sequence[Any], Any, Any]] | None = None
        self._bounds: Sequence[Any] | None = None
        self._chunk: tuple[Sequence[Any], Sequence[Any]] = ((), ())
        self._place = 0
        self._done = True
        self._rowid = 1
        self.arguments: Sequence[Any] = ()
        self.values: Sequence[Any] = ()
        self.answer: Any = None
        self.scores: Any = ()

    @property
    def scorer(self) -> AnyScorer:
        """What answers in this query."""
        if self._scorer is None:
            self._scorer = verbs.scorer(self._predictor, self._version)
        return self._scorer

    @property
    def version(self) -> Any:
        """The version that was asked for, None for the deployed one."""
        return self._version

    def begin(self, arguments: Sequence[Any]) -> None:
        if self._has_version:
            arguments = self._take_version(arguments)
        if self._checked:
            self._check_null(arguments)
        self.arguments = arguments
        self._answer(arguments)

    def _check_null(self, arguments: Sequence[Any]) -> None:
        """Refuse NULL where SQLite compares an argument once more: nothing equals NULL, so the row would be lost."""
        for place in range(self._checked - 1, len(arguments)):
            if arguments[place] is None:
                raise InputError(
                    f"feature {self._names[place]!r} is NULL, and SQLite loses a row with NULL in an argument behind "
                    f"the {self._checked - 1}th. Pass JSON: {self._predictor.sql_name}(json_array(...))."
                )

    def _take_version(self, arguments: Sequence[Any]) -> Sequence[Any]:
        *rest, version = arguments
        if self._scorer is None or version != self._version:
            self._version, self._scorer = version, None
            verbs.known(self._predictor, version)
        return rest

    def _answer(self, arguments: Sequence[Any]) -> None:
        if len(arguments) == self._positional and not (len(arguments) == 1 and is_json(arguments[0])):
            self._answer_one(arguments)
            return
        rows, many = read_json(arguments[0], self._names)
        if many:
            self._answer_many(iter([list(enumerate(rows, 1))]))
        else:
            self._answer_one(rows[0])

    def _answer_one(self, values: Sequence[Any]) -> None:
        self.values = values
        self.answer, self.scores = (self._scorer or self.scorer).one(values)
        self._queue, self._rowid, self._done, self._bounds = None, 1, False, None

    def _answer_many(self, chunks: Iterator[list[tuple[int, Sequence[Any]]]]) -> None:
        self._queue = self._answers(chunks)
        self.next()

    def _answers(
        self, chunks: Iterator[list[tuple[int, Sequence[Any]]]]
    ) -> Iterator[tuple[int, Sequence[Any], Any, Any]]:
        """Yield (row id, values, answer, scores), scored a chunk at a time."""
        scorer = self.scorer
        for chunk in chunks:
            if chunk:
                rows = [values for _, values in chunk]
                answers, scores = scorer.many(rows)
                self._chunk, self._bounds = (rows, scores), None
                for place, ((rowid, values), answer, row) in enumerate(zip(chunk, answers, scores, strict=True)):
                    self._place = place
                    yield rowid, values, answer, row

    def bounds(self) -> Any:
        """Return the interval of this row, None where there is none; found for its whole chunk when first asked for."""
        if self._queue is None:
            if self._bounds is None:
                self._bounds = [self.scorer.bounds(self.values, self.scores)]
            return self._bounds[0]
        if self._bounds is None:
            self._bounds = self.scorer.many_bounds(*self._chunk)
        return self._bounds[self._place]

    def is_done(self) -> bool:
        return self._done

    def next(self) -> None:
        found = None if self._queue is None else next(self._queue, None)
        self._done = found is None
        if found is not None:
            self._rowid, self.values, self.answer, self.scores = found

    def close(self) -> None:
        self._queue = None

    def rowid(self) -> int:
        self._table.is_at_stored_row = False
        return self._rowid

    def column(self, number: int) -> Any:
        return self._getters[number]()

    unchanged_column = column


class _Calls(_Predictions):
    """Predictions for all values of features IN (...), scored together."""

    def _answer(self, arguments: Sequence[Any]) -> None:
        asked: list[tuple[int, Sequence[Any]]] = []
        self._echoes = []
        for value in _in_order(arguments[0]):
            if self._positional == 1 and not is_json(value):
                rows: list[Sequence[Any]] = [(value,)]
            else:
                rows, _ = read_json(value, self._names)
            asked += [(len(asked) + place, row) for place, row in enumerate(rows, 1)]
            self._echoes += [value] * len(rows)
        self._answer_many(iter([asked]))

    def next(self) -> None:
        super().next()
        if not self._done:
            self.arguments = (self._echoes[self._rowid - 1],)


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Return the values of an IN in an order that is the same each time: apsw gives a set."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


class _Source(_Predictions):
    """Predictions for a table, a view or a SELECT, read and scored in chunks."""

    def _answer(self, arguments: Sequence[Any]) -> None:
        chunks = verbs.source_chunks(self._predictor, arguments[0])
        self._answer_many([(row[0], row[1:]) for row in chunk] for chunk in chunks)

    def next(self) -> None:
        try:
            super().next()
        except Exception:
            with self._table.naming:
                raise


READERS: dict[Way, Callable[[Any, Choice], Any]] = {
    Way.ROWS: StoredRows,
    Way.ROW: StoredRows,
    Way.CALL: _Predictions,
    Way.CALLS: _Calls,
    Way.SOURCE: _Source,
}

PATTERN_READERS = {**READERS, Way.ROWS: PatternRows, Way.ROW: PatternRows}
"""The same for a task without a target, whose stored rows have answers too."""


def _getters(reader: _Predictions, table: Table) -> dict[int, Callable[[], Any]]:
    """Return, by column number (-1 for the row id), the function that gives its value for the present prediction."""
    layout = table.layout
    getters: dict[int, Callable[[], Any]] = dict.fromkeys(range(len(layout.names)), _nothing)
    for place, number in enumerate(layout.features):
        getters[number] = lambda place=place: _plain(reader.values[place])  # type: ignore[misc]
    if len(layout.targets) == 1:
        getters[layout.targets[0]] = lambda: reader.answer
    else:
        for place, number in enumerate(layout.targets):
            getters[number] = lambda place=place: reader.answer[place]  # type: ignore[misc]
    asks_source = isinstance(reader, _Source)
    first = len(layout.visible)
    for place in range(0 if asks_source else len(layout.arguments)):
        getters[first + place] = lambda place=place: _argument(reader, place)  # type: ignore[misc]
    if asks_source:
        getters[layout.number("source")] = lambda: reader.arguments[0]
    getters[layout.number("version")] = lambda: reader.version
    said = _said(reader, layout)
    getters |= {layout.number(name): said[name] for name in layout.declaration.says}
    return getters | {-1: reader.rowid}


def _nothing() -> None:
    return None


def _plain(value: Any) -> Any:
    """Return an echoed input as SQLite can hold it: JSON has booleans and integers of more than 64 bits."""
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else float(value)
    return value


def _argument(reader: _Predictions, place: int) -> Any:
    return reader.arguments[place] if place < len(reader.arguments) else None


def _said(reader: _Predictions, layout: Layout) -> dict[str, Callable[[], Any]]:
    """Return the functions of the hidden columns that a prediction fills."""
    if not TASKS[layout.declaration.task].has_target:
        return {name: partial(_found, reader, name) for name in layout.declaration.says}

    def bound(place: int) -> Any:
        bounds = reader.bounds()
        end = None if bounds is None else bounds[place]
        return _json(end) if isinstance(end, dict) else end

    return {
        "probability": lambda: reader.scorer.probability(reader.scores),
        "probabilities": lambda: _json(reader.scorer.by_class(reader.scores)),
        "lower": lambda: bound(0),
        "upper": lambda: bound(1),
        "warning": lambda: reader.scorer.warning(reader.values),
        "probable": lambda: _json(reader.scorer.probable(reader.scores)),
    }


def _found(reader: _Predictions, name: str) -> Any:
    """Return what a model of a task without a target says in the column `name`."""
    if name == "warning":
        return reader.scorer.warning(reader.values)
    assert isinstance(reader.scorer, PatternScorer)
    return reader.scorer.hidden(name, reader.values, reader.answer, reader.scores)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
