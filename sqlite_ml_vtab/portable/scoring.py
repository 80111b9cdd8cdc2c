"""A model ready to answer: one row at a time, or many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from operator import mul
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.additive import Additive, additive
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.base import MatrixScores, RowScores, by_matrix
from sqlite_ml_vtab.portable.intervals import difficulties, difficulty_of_one, ends, places
from sqlite_ml_vtab.portable.inverse import INVERSES
from sqlite_ml_vtab.portable.links import LINKS, Link
from sqlite_ml_vtab.portable.model import REFIT, JointModel, Label, Model
from sqlite_ml_vtab.portable.row_encoder import RowEncodes, row_encoder
from sqlite_ml_vtab.portable.values import MANY, Column, Floats

Bounds: TypeAlias = tuple[Any, Any]
"""The lower and the upper end of an interval; an end that is not known is None. Of several targets: dicts by name."""

Answer: TypeAlias = tuple[Any, Sequence[float]]
"""The predicted value, and the decision values behind it."""

Listed: TypeAlias = Callable[[], list[Any]]
"""Lists the decision values of many rows."""

RowDecides: TypeAlias = Callable[[Sequence[Any]], Sequence[float]]
"""One row of feature values, in declared order, to its decision values; raises InputError."""


def _greatest(scores: Sequence[float]) -> int:
    return scores.index(max(scores))


def _known(value: float) -> float | None:
    """Return an end of an interval, None where it is not finite."""
    return value if isfinite(value) else None


def turned(features: Sequence[object], rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Return `rows` of values of `features` as columns."""
    return list(zip(*rows, strict=True)) if len(rows) else [()] * len(features)


def read_columns(features: Sequence[tuple[str, str]], raw: Sequence[Sequence[Any]]) -> list[Column]:
    """Return columns of values, each read by its kind; `features` are (name, kind) pairs."""
    return [MANY[kind](name, values) for (name, kind), values in zip(features, raw, strict=True)]


class Scorer:
    """Answers for one model. Holds no connection; safe to share between threads."""

    def __init__(self, model: Model, refitted: MatrixScores | None = None) -> None:
        """Make `model` ready; a model of the family REFIT needs `refitted`, its estimator's decision values."""
        self.model = model
        self.labels: tuple[Label, ...] = model.labels
        self.names = [name for name, _ in model.features]
        self._encode = row_encoder(model.encoder)
        self._link = LINKS[model.parameters["link"]]
        self._inverse = INVERSES[model.inverse[0]].many if model.inverse[0] != "none" else None
        self._difficulty = difficulty_of_one(model.conformal)
        self.place = _chooser(model, self._link)
        """The decision values of one row to the place of the predicted class in the labels."""
        self.has_probabilities = bool(model.labels) and model.parameters["link"] != "none"
        row_scores, self._matrix_scores = _ready(model, refitted)
        self._additive = additive(model.encoder, model.parameters) if model.family == "linear" else None
        self._decide = _composed(self._encode, row_scores) if self._additive is None else self._additive.row
        self._said = _said(model, self.place, self._link)
        self.answer: Callable[[Sequence[Any]], Any] = _answer(
            model, (self._encode, row_scores), self._said, self._additive
        )
        """One row of feature values, in declared order, to the predicted value; raises InputError."""

    def one(self, values: Sequence[Any]) -> Answer:
        """Return the answer for one row of feature values, in declared order.

        Raises InputError that names the column and the value.
        """
        scores = self._decide(values)
        return self._said(scores), scores

    def many(self, rows: Sequence[Sequence[Any]]) -> tuple[list[Any], list[list[float]]]:
        """Return the predicted values of `rows`, and their decision values."""
        values, listed = self.of_columns(turned(self.names, rows))
        return values, listed()

    def of_columns(self, raw: Sequence[Sequence[Any]]) -> tuple[list[Any], Listed]:
        """Return the same for rows that come as columns, one for each feature; decision values only when asked for."""
        scores = self.scores(read_columns(self.model.features, raw))
        return self.values(scores), scores.tolist

    def scores(self, columns: Sequence[Column]) -> Floats:
        """Return the decision values, shape (n, outputs), of feature columns that are read already."""
        with np.errstate(all="ignore"):
            if self._additive is not None:
                return self._additive.many(columns)
            return self._matrix_scores(self.model.encoder.matrix(columns))

    def values(self, scores: Floats) -> list[Any]:
        """Return the predicted values for decision values of shape (n, outputs)."""
        if self.model.costs.size:
            return [self.labels[self.place(row)] for row in scores.tolist()]
        if self.labels:
            places = scores.argmax(axis=1)
            # Numbers so large that they overflow to NaN: numpy's argmax then differs from the one-row path.
            for row in np.flatnonzero(np.isnan(scores).any(axis=1)).tolist():
                places[row] = _greatest(scores[row].tolist())
            return [self.labels[place] for place in places.tolist()]
        numbers = self._linked(scores)[:, 0]
        if self._inverse is not None:
            with np.errstate(all="ignore"):
                numbers = self._inverse(numbers, *self.model.inverse[1])
        predicted: list[float] = numbers.tolist()
        return predicted

    def probabilities(self, scores: Floats) -> Floats | None:
        """Return probabilities of shape (n, classes), None where the model has none."""
        return self._linked(scores) if self.has_probabilities else None

    def _linked(self, scores: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return self._link.many(scores)

    def distribution(self, scores: Sequence[float]) -> Sequence[float] | None:
        """Return the probabilities of one row's decision values, None where the model has none."""
        return self._link.one(scores) if self.has_probabilities else None

    def probability(self, scores: Sequence[float]) -> float | None:
        """Return the probability of the predicted class, None where the model has none."""
        chances = self.distribution(scores)
        return None if chances is None else chances[self.place(scores)]

    def by_class(self, scores: Sequence[Any]) -> dict[str, Any] | None:
        """Return the probability of each class by its name, None where the model has none."""
        chances = self.distribution(scores)
        return None if chances is None else dict(zip(map(str, self.labels), chances, strict=True))

    def bounds(self, values: Sequence[Any], scores: Sequence[float]) -> Bounds | None:
        """Return the interval around the number of one row, None for labels and where there was no hold-out."""
        conformal = self.model.conformal
        if conformal is None or self.labels:
            return None
        centre, width = self._link.one(scores)[0], conformal.limit
        if self._difficulty is not None:
            width *= self._difficulty([*self._encode(values), centre])[0]
        if self._inverse is None:
            return _known(centre - width), _known(centre + width)
        lower, upper = ends(np.array([centre]), np.array([width]), self.model.inverse)
        return _known(float(lower[0])), _known(float(upper[0]))

    def many_bounds(self, rows: Sequence[Sequence[Any]], scores: Sequence[Sequence[float]]) -> list[Bounds | None]:
        """Return the same of many rows with their decision values."""
        conformal = self.model.conformal
        if conformal is None or self.labels or not rows:
            return [None] * len(rows)
        with np.errstate(all="ignore"):
            centres = self._linked(np.array(scores))[:, 0]
            widths = np.full(len(rows), conformal.limit, dtype=np.float64)
            if conformal.difficulty is not None:
                matrix = self.model.encoder.matrix(read_columns(self.model.features, turned(self.names, rows)))
                widths *= difficulties(conformal.difficulty, matrix, centres)
            lower, upper = ends(centres, widths, self.model.inverse)
        return list(zip(map(_known, lower.tolist()), map(_known, upper.tolist()), strict=True))

    def probable(self, scores: Sequence[Any]) -> Any:
        """Return the labels that the truth is among, the likeliest first; None of numbers and without a hold-out."""
        conformal = self.model.conformal
        if conformal is None or not self.labels:
            return None
        chances = self.distribution(scores)
        if chances is None:
            found = places(scores, max(scores) - conformal.limit, self.place(scores))
        else:
            found = places(chances, conformal.limit, self.place(scores))
        return [self.labels[place] for place in found]

    def warning(self, values: Sequence[Any]) -> str | None:
        """Return why to distrust the prediction for these values, None where nothing speaks against it."""
        return "; ".join(self.model.encoder.warnings(values)) or None


def _ready(model: Model, refitted: MatrixScores | None) -> tuple[RowScores, MatrixScores]:
    """Return what scores a row of the matrix, and what scores many."""
    if model.family != REFIT:
        return FAMILIES[model.family].ready(model.parameters)
    if refitted is None:
        raise ValueError("a model without a portable form needs its refitted estimator")
    return by_matrix(lambda _, matrix: refitted(matrix))(model.parameters), refitted


def _composed(encode: Callable[[Sequence[Any]], list[float]], row_scores: RowScores) -> RowDecides:
    return lambda values: row_scores(encode(values))


def _chooser(model: Model, link: Link) -> Callable[[Sequence[float]], int]:
    """Return how a class is chosen by its decision values: the likeliest, or the one that costs least."""
    if not model.costs.size:
        return _greatest
    costs = list(zip(*model.costs.tolist(), strict=True))

    def cheapest(scores: Sequence[float]) -> int:
        chances = link.one(scores)
        expected = [sum(map(mul, chances, column)) for column in costs]
        return min(range(len(expected)), key=expected.__getitem__)

    return cheapest


def _said(model: Model, place: Callable[[Sequence[float]], int], link: Link) -> Callable[[Sequence[float]], Any]:
    """Return the function from the decision values of one row to the predicted value."""
    labels, (name, parameters) = model.labels, model.inverse
    if labels:
        return lambda scores: labels[place(scores)]
    if name == "none":
        return lambda scores: link.one(scores)[0]

    def in_its_unit(scores: Sequence[float]) -> Any:
        with np.errstate(all="ignore"):
            return INVERSES[name].many(link.many(np.array([scores]))[:, 0], *parameters).tolist()[0]

    return in_its_unit


def _answer(
    model: Model,
    parts: tuple[RowEncodes, RowScores],
    said: Callable[[Sequence[float]], Any],
    folded: Additive | None,
) -> Callable[[Sequence[Any]], Any]:
    """Return the shortest way from one row of feature values to the predicted value."""
    if folded is not None:
        return _folded_answer(model, folded, said)
    encode, row_scores = parts
    is_as_scored = model.inverse[0] == "none" and model.parameters["link"] in ("identity", "none")
    if model.costs.size or not (model.labels or is_as_scored):
        return lambda values: said(row_scores(encode(values)))
    labels = model.labels
    if not labels:
        return lambda values: row_scores(encode(values))[0]
    if len(labels) != 2:

        def likeliest(values: Sequence[Any]) -> Any:
            scores = row_scores(encode(values))
            return labels[scores.index(max(scores))]

        return likeliest
    first, second = labels

    def likelier(values: Sequence[Any]) -> Any:
        low, high = row_scores(encode(values))
        return second if high > low else first

    return likelier


def _folded_answer(
    model: Model, folded: Additive, said: Callable[[Sequence[float]], Any]
) -> Callable[[Sequence[Any]], Any]:
    single = None if model.costs.size else folded.single
    if single is None:
        decide = folded.row
        return lambda values: said(decide(values))
    if model.labels:
        first, second = model.labels
        return lambda values: second if single(values) > 0.0 else first
    if model.inverse[0] == "none" and model.parameters["link"] == "identity":
        return single
    return lambda values: said((single(values),))


class JointScorer:
    """Answers for several targets at once: the answer is a tuple, and so are the decision values."""

    def __init__(self, model: JointModel, refitted: Sequence[MatrixScores | None]) -> None:
        """Make `model` ready; `refitted` has an entry for each target, None where it has a portable form."""
        self.model = model
        self.names = [name for name, _ in model.features]
        self.targets = model.targets
        self.scorers = [Scorer(one, scores) for one, scores in zip(model.models, refitted, strict=True)]

    def one(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], list[Sequence[float]]]:
        """Return the answers for one row of feature values, in declared order."""
        answers = [scorer.one(values) for scorer in self.scorers]
        return tuple(answer for answer, _ in answers), [scores for _, scores in answers]

    def answer(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the answers alone."""
        return tuple(scorer.answer(values) for scorer in self.scorers)

    def many(self, rows: Sequence[Sequence[Any]]) -> tuple[list[tuple[Any, ...]], list[Any]]:
        """Return the answers of `rows`, and their decision values, each a tuple over the targets."""
        values, listed = self.of_columns(turned(self.names, rows))
        return values, listed()

    def of_columns(self, raw: Sequence[Sequence[Any]]) -> tuple[list[tuple[Any, ...]], Listed]:
        """Return the same for rows that come as columns, one for each feature; decision values only when asked for."""
        columns = read_columns(self.model.features, raw)
        scores = [scorer.scores(columns) for scorer in self.scorers]
        answers = [scorer.values(found) for scorer, found in zip(self.scorers, scores, strict=True)]
        return list(zip(*answers, strict=True)), lambda: list(zip(*(found.tolist() for found in scores), strict=True))

    def probability(self, scores: Any) -> None:
        """Return None: of several targets, each has one of its own (see `by_class`)."""

    def by_class(self, scores: Sequence[Any]) -> dict[str, Any] | None:
        """Return, by target, the probability of each class; None where the models have none."""
        chances = [scorer.by_class(found) for scorer, found in zip(self.scorers, scores, strict=True)]
        return None if None in chances else dict(zip(self.targets, chances, strict=True))

    def bounds(self, values: Sequence[Any], scores: Sequence[Any]) -> Bounds | None:
        """Return the interval of each target, by name; None for labels and where there was no hold-out."""
        found = [scorer.bounds(values, its) for scorer, its in zip(self.scorers, scores, strict=True)]
        return self._by_target(found)

    def many_bounds(self, rows: Sequence[Sequence[Any]], scores: Sequence[Any]) -> list[Bounds | None]:
        """Return the same of many rows with their decision values."""
        if not rows:
            return []
        by_target = [
            scorer.many_bounds(rows, its) for scorer, its in zip(self.scorers, zip(*scores, strict=True), strict=True)
        ]
        return [self._by_target(found) for found in zip(*by_target, strict=True)]

    def _by_target(self, found: Sequence[Bounds | None]) -> Bounds | None:
        sides = [bounds for bounds in found if bounds is not None]
        if len(sides) < len(found):
            return None
        lower, upper = (dict(zip(self.targets, side, strict=True)) for side in zip(*sides, strict=True))
        return lower, upper

    def probable(self, scores: Sequence[Any]) -> dict[str, Any] | None:
        """Return, by target, the labels that the truth is among; None of numbers and without a hold-out."""
        found = [scorer.probable(its) for scorer, its in zip(self.scorers, scores, strict=True)]
        return None if None in found else dict(zip(self.targets, found, strict=True))

    def warning(self, values: Sequence[Any]) -> str | None:
        """Return why to distrust the prediction for these values, None where nothing speaks against it."""
        return self.scorers[0].warning(values)
