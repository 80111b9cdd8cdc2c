"""What each column of a prediction says, where it is not at hand: a small function of the reader, by column number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.portable import PatternScorer
from sqlite_ml_vtab.vtab.layout import Layout

if TYPE_CHECKING:
    from sqlite_ml_vtab.vtab.predictions import Predictions

Getters: TypeAlias = dict[int, Callable[["Predictions"], Any]]
"""By column number."""


def getters(layout: Layout, *, asks_source: bool) -> Getters:
    """Return the functions of a predictor's columns, for calls or for `source`."""
    found: Getters = dict.fromkeys(range(len(layout.names)), _nothing)
    found |= {number: partial(_value, place) for place, number in enumerate(layout.features)}
    if asks_source:
        found[layout.number("source")] = partial(_argument, 0)
    else:
        first = len(layout.visible)
        found |= {first + place: partial(_argument, place) for place in range(len(layout.arguments))}
    found[layout.number("version")] = _version
    if TASKS[layout.declaration.task].has_target:
        return found | {layout.number(name): SAYS[name] for name in layout.declaration.says}
    return found | {layout.number(name): partial(_found, name) for name in layout.declaration.says}


def _nothing(reader: Predictions) -> None:
    return None


def _value(place: int, reader: Predictions) -> Any:
    """Return an echoed input as SQLite can hold it: JSON has booleans and integers of more than 64 bits."""
    value = reader.values[place]
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else float(value)
    return value


def _argument(place: int, reader: Predictions) -> Any:
    return reader.argument(place)


def _version(reader: Predictions) -> Any:
    return reader.version


def _bound(place: int, reader: Predictions) -> Any:
    bounds = reader.bounds()
    end = None if bounds is None else bounds[place]
    return _json(end) if isinstance(end, dict) else end


SAYS: dict[str, Callable[[Predictions], Any]] = {
    "probability": lambda reader: reader.scorer.probability(reader.scores),
    "probabilities": lambda reader: _json(reader.scorer.by_class(reader.scores)),
    "lower": partial(_bound, 0),
    "upper": partial(_bound, 1),
    "warning": lambda reader: reader.scorer.warning(reader.values),
    "probable": lambda reader: _json(reader.scorer.probable(reader.scores)),
}
"""The hidden columns that a prediction fills, where there is a target."""


def _found(name: str, reader: Predictions) -> Any:
    """Return what a model of a task without a target says in the column `name`."""
    if name == "warning":
        return reader.scorer.warning(reader.values)
    assert isinstance(reader.scorer, PatternScorer)
    return reader.scorer.hidden(name, reader.values, reader.answer, reader.scores)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
