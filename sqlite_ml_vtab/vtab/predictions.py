"""The readers of predictions: one row a call, or many at once.

What is not asked for is not computed: a column that is not at hand is found by a small function when SQLite wants its
value. The model is looked up at the first xFilter of a query and then kept, so that a query never mixes two models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.errors import InputError
from sqlite_ml_vtab.portable import AnyScorer
from sqlite_ml_vtab.portable.inputs import is_json, read_flat, read_json
from sqlite_ml_vtab.vtab.chunks import CHUNK, Chunk, of_relation, of_rows
from sqlite_ml_vtab.vtab.plan import OMITTED, Choice, Way

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.columns import Getters
    from sqlite_ml_vtab.vtab.table import Table


Filter: TypeAlias = Callable[[int, str, Sequence[Any]], None]
"""xFilter: (idxNum, idxStr, arguments)."""


class _Row(dict[int, Any]):
    """The values of a prediction by column number: those at hand, the others when asked for.

    Its look-up is what xColumn calls: in C for what is at hand.
    """

    def __init__(self, reader: Predictions, getters: Getters) -> None:
        super().__init__()
        self._reader = reader
        self._getters = getters

    def __missing__(self, number: int) -> Any:
        return self._getters[number](self._reader)


class Predictions:
    """Predictions from the arguments of a call: one value a feature, or JSON."""

    def __init__(self, table: Table, choice: Choice) -> None:
        """Answer the calls that `choice` describes; the model is looked up at the first."""
        self._table = table
        self._predictor = table.predictor
        self._names = table.predictor.feature_names
        self._takes_json = len(self._names) == 1
        self._has_version = choice.has_version
        # Only values come one a feature; of IN and of a source SQLite compares what they were read from.
        self._checked = choice.checked if choice.way is Way.CALL else 0
        first = len(table.layout.visible)
        self._compared = range(first + max(choice.checked, 1) - 1, first + len(table.layout.arguments))
        """The numbers of the arguments that SQLite compares once more."""
        self._at_hand = _Row(self, table.getters(asks_source=choice.way is Way.SOURCE))
        self._take = _taker(self, table.layout.targets)
        self.column: Callable[[int], Any] = self._at_hand.__getitem__
        """The value of a column."""
        self.unchanged_column = self.column
        self._ended: list[bool] = []
        """Empty where there is a row left: asking a list for its length, and changing it, calls no Python."""
        self.is_done: Callable[[], Any] = self._ended.__len__
        """Whether there is no row left."""
        self._last: Callable[[], object] = partial(self._ended.append, True)
        self._start()

    def _start(self) -> None:
        """Know nothing of a query yet, or any more."""
        self._version: Any = None
        self._scorer: AnyScorer | None = None
        self.next: Callable[[], object] = self._last
        """Goes to the next row; another function by the way that a call goes."""
        self._scores_at_once = False
        """Whether the rows of this query are asked for more than their answer."""
        self._scores: Any = None
        self._bounds: Any = None
        self._chunk: Chunk | None = None
        self._arguments: Sequence[Any] = ()
        self._values: Sequence[Any] = ()
        self.answer: Any = None

    @property
    def scorer(self) -> AnyScorer:
        """What answers in this query."""
        if self._scorer is None:
            self._scorer = self._table.scorer(self._version)
        return self._scorer

    @property
    def version(self) -> Any:
        """The version that was asked for, None for the deployed one."""
        return self._version

    @property
    def values(self) -> Sequence[Any]:
        """The feature values of this row."""
        return self._values if self._chunk is None else self._chunk.values()

    @property
    def scores(self) -> Any:
        """The decision values of this row; whoever asks once is given them at once in the rows that follow."""
        if self._chunk is not None:
            return self._chunk.scores[self._chunk.place]
        if self._scores is None:
            self._scores_at_once = True
            self._scores = self.scorer.one(self._values)[1]
        return self._scores

    def begin(self, arguments: Sequence[Any]) -> None:
        """Begin a call."""
        if self._has_version:
            arguments = self._take_version(arguments)
        if self._checked:
            self._check_null(arguments)
        self._ask(arguments)

    def _check_null(self, arguments: Sequence[Any]) -> None:
        """Refuse NULL where SQLite compares an argument once more: nothing equals NULL, so the row would be lost."""
        compared = arguments[self._checked - 1 :]
        # One NULL instead of JSON is refused in its own words.
        if None in compared and len(arguments) == len(self._names):
            name = self._names[self._checked - 1 + compared.index(None)]
            raise InputError(
                f"feature {name!r} is NULL, and SQLite loses a row with NULL in an argument behind "
                f"{OMITTED} conditions. Pass JSON: {self._predictor.sql_name}(json_array(...))."
            )
        # SQLite asks for each of them in every row.
        self._at_hand.update(zip(self._compared, compared, strict=False))

    def _take_version(self, arguments: Sequence[Any]) -> Sequence[Any]:
        *rest, version = arguments
        if self._scorer is None or version != self._version:
            self._version, self._scorer = version, None
            verbs.known(self._predictor, version)
        return rest

    def _ask(self, arguments: Sequence[Any]) -> None:
        self._arguments = arguments
        if len(arguments) > 1 or (self._takes_json and not is_json(arguments[0])):
            self._answer_one(arguments)
            return
        flat = read_flat(arguments[0], len(self._names))
        if flat is not None:
            self._answer_one(flat)
            return
        rows, many = read_json(arguments[0], self._names)
        if many:
            self._answer_many(iter([of_rows(rows)]))
        else:
            self._answer_one(rows[0])

    def quick(self, number: int, long: Filter) -> Filter | None:
        """Return a shorter xFilter for the calls of a join that follow this one, None where there is none.

        It takes a value for each feature, or all as a JSON array, for queries that want the answer alone; any other
        call, or one that another plan than `number` makes, goes on to `long`.
        """
        if self._has_version or self._checked or self._scores_at_once or self._chunk is not None:
            return None
        answer, take, begins, count = self.scorer.answer, self._take, self._ended.clear, len(self._names)

        def values(asked: int, text: str, arguments: Sequence[Any]) -> None:
            if asked != number or len(arguments) == 1 or self._scores_at_once:
                long(asked, text, arguments)
                return
            try:
                take(answer(arguments))
            except Exception:
                with self._table.naming:
                    raise
            self._arguments = self._values = arguments
            begins()

        def json(asked: int, text: str, arguments: Sequence[Any]) -> None:
            flat = None if asked != number or len(arguments) > 1 else read_flat(arguments[0], count)
            if flat is None or self._scores_at_once:
                long(asked, text, arguments)
                return
            try:
                take(answer(flat))
            except Exception:
                with self._table.naming:
                    raise
            self._arguments, self._values = arguments, flat
            begins()

        if len(self._arguments) > 1:
            return values
        return None if self._takes_json else json

    def _answer_one(self, values: Sequence[Any]) -> None:
        scorer = self._scorer or self.scorer
        if self._scores_at_once:
            answer, self._scores = scorer.one(values)
        else:
            answer, self._scores = scorer.answer(values), None
        self._values, self._chunk, self._bounds, self.next = values, None, None, self._last
        self._take(answer)
        self._ended.clear()

    def _answer_many(self, chunks: Iterator[Chunk]) -> None:
        self._ended.clear()
        self.next = self._walked(chunks).__next__
        self.next()

    def _walked(self, chunks: Iterator[Chunk]) -> Iterator[None]:
        """Stand at each row of the chunks in turn, and at last behind them: to resume costs less than to call."""
        scorer, take = self.scorer, self._take
        while True:
            with self._table.naming:
                chunk = next((chunk.scored(scorer) for chunk in chunks if chunk.count), None)
            self._chunk, self._bounds = chunk, None
            if chunk is None:
                break
            for place, answer in enumerate(chunk.answers):
                chunk.place = place
                take(answer)
                yield
        self._ended.append(True)
        yield

    def bounds(self) -> Any:
        """Return the interval of this row, None where there is none; found for its whole chunk when first asked for."""
        chunk = self._chunk
        if self._bounds is None:
            if chunk is None:
                self._bounds = [self.scorer.bounds(self._values, self.scores)]
            else:
                self._bounds = self.scorer.many_bounds(chunk.rows(), chunk.scores)
        return self._bounds[0 if chunk is None else chunk.place]

    def close(self) -> None:
        """Let go of the statement that is under way, and of all that is known of its query."""
        self._at_hand.clear()
        self._ended.clear()
        self._start()

    def rowid(self) -> int:
        """Return the number of the row."""
        self._table.is_at_stored_row = False
        return 1 if self._chunk is None else self._chunk.ids[self._chunk.place]

    def argument(self, place: int) -> Any:
        """Return an argument of the call."""
        return self._arguments[place] if place < len(self._arguments) else None


class Calls(Predictions):
    """Predictions for all values of features IN (...), scored together."""

    def _ask(self, arguments: Sequence[Any]) -> None:
        self._answer_many(self._parsed(_in_order(arguments[0])))

    def _parsed(self, values: Sequence[Any]) -> Iterator[Chunk]:
        """Yield the rows that the values hold, a chunk of values at a time, each with the value it came from."""
        count = 0
        for start in range(0, len(values), CHUNK):
            rows: list[Sequence[Any]] = []
            echoes: list[Any] = []
            for value in values[start : start + CHUNK]:
                found = self._rows_of(value)
                rows += found
                echoes += [value] * len(found)
            yield of_rows(rows, count + 1, echoes)
            count += len(rows)

    def _rows_of(self, value: Any) -> Sequence[Sequence[Any]]:
        if self._takes_json and not is_json(value):
            return [(value,)]
        flat = read_flat(value, len(self._names))
        return read_json(value, self._names)[0] if flat is None else [flat]

    def argument(self, place: int) -> Any:
        """Return the value of IN that this row came from."""
        assert self._chunk is not None
        return None if place else self._chunk.echoes[self._chunk.place]


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Return the values of an IN in an order that is the same each time: apsw gives a set."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


class Source(Predictions):
    """Predictions for a table, a view or a SELECT, read and scored in chunks."""

    def _ask(self, arguments: Sequence[Any]) -> None:
        self._arguments = arguments
        self._answer_many(map(of_relation, verbs.source_chunks(self._predictor, arguments[0])))


def _taker(reader: Predictions, targets: Sequence[int]) -> Callable[[Any], object]:
    """Return what puts an answer at hand: in the target's column, in several, or, without a target, in the reader."""
    if len(targets) == 1:
        return partial(reader._at_hand.__setitem__, targets[0])
    if targets:
        return lambda answer: reader._at_hand.update(zip(targets, answer, strict=True))
    return lambda answer: setattr(reader, "answer", answer)
