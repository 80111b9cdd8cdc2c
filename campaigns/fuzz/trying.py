"""One blob: it is refused by the one error, or it answers, and nothing else happens."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import InputError, ModelError
from sqlite_ml_vtab.portable import REFIT, JointScorer, PatternScorer, from_bytes, members, scorer_of
from sqlite_ml_vtab.portable.families import tree_evaluator
from sqlite_ml_vtab.portable.forecasts import Forecaster, Walk
from sqlite_ml_vtab.portable.scoring import read_columns, turned

VALUES: dict[str, Sequence[Any]] = {
    "NUMBER": (0.5, None, -3, 1e308, 0, -1e300, 2**53, -0.0, 5e-324),
    "CATEGORY": ("r", None, "unseen", 5, "", -0.5),
    "DATE": ("2015-03-12", None, 1717158600, 2460000.5, "0001-01-01", "9999-12-31 23:59:59", "1969-12-31T23:00"),
    "WORDS": ("a high day", None, "", "low low low", "\u0628\u0646 \u4e2d\u6587", 5),
}
"""What is asked of each kind."""

ROWS = 9
"""So many rows, and all of them at once."""


class Events:
    """What Python's audit hook (PEP 578) sees between `on` and `off`; nothing may be there."""

    def __init__(self) -> None:
        """Put the hook in, which cannot be taken out again."""
        self.seen: list[str] = []
        self._is_on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self._is_on and event not in QUIET:
            self.seen.append(f"{event} {args!r:.100}")

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """Yield what happens within."""
        self.seen = []
        self._is_on = True
        try:
            yield self.seen
        finally:
            self._is_on = False


QUIET = ("sys._getframe", "object.__getattr__", "array.__new__", "builtins.id")
"""Events that reach nothing: all others count."""


def ask(blob: bytes) -> str:
    """Return 'refused', 'accepted' or 'refit'; raise whatever is not the one error of its place."""
    try:
        model = from_bytes(blob)
    except ModelError:
        return "refused"
    if model.family == REFIT:
        return "refit"
    scorer = scorer_of(model, [None] * len(members(model)))
    if isinstance(scorer, Forecaster):
        _ask_forecaster(scorer)
    else:
        _ask_scorer(scorer, model.features)
    return "accepted"


def _ask_scorer(scorer: Any, features: Sequence[tuple[str, str]]) -> None:
    rows = [
        [VALUES[kind][(place + number) % len(VALUES[kind])] for place, (_, kind) in enumerate(features)]
        for number in range(ROWS)
    ]
    rows.append([None] * len(features))
    for row in rows:
        _answered(lambda row=row: _about(scorer, row, *scorer.one(row)))
        _answered(lambda row=row: scorer.answer(row))
    _answered(lambda: _about_many(scorer, rows))
    _answered(lambda: scorer.many([]))


def _answered(question: Callable[[], object]) -> None:
    with suppress(InputError, ModelError):
        question()


def _about(scorer: Any, row: Sequence[Any], answer: Any, scores: Any) -> None:
    if isinstance(scorer, PatternScorer):
        for name in ("cluster", "distance") if scorer.model.task == "clustering" else ():
            scorer.hidden(name, row, answer, scores)
        for name in ("is_anomaly", "anomaly_score") if scorer.model.task == "anomaly" else ():
            scorer.hidden(name, row, answer, scores)
        scorer.stored(3, row)
        scorer.stored_warning(3, row)
    else:
        scorer.bounds(row, scores)
        scorer.probable(scores)
        if not isinstance(scorer, JointScorer):
            scorer.probability(scores)
    scorer.by_class(scores)
    scorer.warning(row)


def _about_many(scorer: Any, rows: Sequence[Sequence[Any]]) -> None:
    answers, scores = scorer.many(rows)
    assert len(answers) == len(scores) == len(rows)
    scorer.many_bounds(rows, scores)


def _ask_forecaster(forecaster: Forecaster) -> None:
    model = forecaster.model
    random = np.random.RandomState(0)
    histories = [np.where(random.random_sample(40) < 0.1, np.nan, random.normal(size=40)), np.array([1e308, -1e308])]
    count = 5
    kinds = model.declared
    rows = [[VALUES[kind][n % len(VALUES[kind])] for _, kind in kinds] for n in range(2 * count)]
    columns = [column.reshape(2, count) for column in read_columns(kinds, turned(kinds, rows))] if kinds else []
    start = int(model.step.next(0.0))
    times = np.array([model.step.times(first + np.arange(count)) for first in (start, start + 40)])
    keys = [("a",) * len(model.groups), (None,) * len(model.groups)]
    scales = np.array([forecaster.scale(history) for history in histories])
    _answered(lambda: forecaster.forecast(Walk(histories, keys, times, columns, scales)))
    for ahead in (1, model.horizon, 20_000):
        forecaster.width(ahead)
        forecaster.warning(histories[0], keys[0], ahead)


@contextmanager
def compiled_at_once() -> Iterator[None]:
    """Let ensembles of trees be compiled for the first row already."""
    patience = tree_evaluator.PATIENCE
    tree_evaluator.PATIENCE = 0
    try:
        yield
    finally:
        tree_evaluator.PATIENCE = patience


def signature(error: BaseException) -> str:
    """Return what tells one failure from another: the error, and where in the package it arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "sqlite_ml_vtab" in f.filename]
    where = f"{frames[-1].filename.rpartition('sqlite_ml_vtab/')[2]}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {where}: {str(error)[:120]}"
