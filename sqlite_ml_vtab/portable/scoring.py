"""A model ready to answer: one row at a time, or many at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.base import RowScores
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.model import REFIT, Label, Model
from sqlite_ml_vtab.portable.values import MANY, Column, Floats

MatrixScores: TypeAlias = Callable[[Floats], Floats]
"""A matrix (n, width) to decision values (n, outputs)."""

Answer: TypeAlias = tuple[Any, Sequence[float]]
"""The predicted value, and the decision values behind it."""


def _row_of(scores: MatrixScores) -> RowScores:
    """Return the one-row form of `scores`."""

    def one(row: list[float]) -> list[float]:
        found: list[float] = scores(np.array([row]))[0].tolist()
        return found

    return one


def _greatest(scores: Sequence[float]) -> int:
    return max(range(len(scores)), key=scores.__getitem__)


class Scorer:
    """Answers for one model. Holds no connection; safe to share between threads."""

    def __init__(self, model: Model, refitted: MatrixScores | None = None) -> None:
        """Make `model` ready; a model of the family REFIT needs `refitted`, its estimator's decision values."""
        self.model = model
        self.labels: tuple[Label, ...] = model.labels
        self.names = [name for name, _ in model.features]
        self._encode = model.encoder.row()
        self._link = LINKS[model.parameters["link"]]
        self.has_probabilities = bool(model.labels) and model.parameters["link"] != "none"
        if model.family == REFIT:
            if refitted is None:
                raise ValueError("a model without a portable form needs its refitted estimator")
            self._matrix_scores: MatrixScores = refitted
            self._row_scores: RowScores = _row_of(refitted)
        else:
            family = FAMILIES[model.family]
            self._matrix_scores = partial(family.scores, model.parameters)
            self._row_scores = family.row(model.parameters)

    def one(self, values: Sequence[Any]) -> Answer:
        """Return the answer for one row of feature values, in declared order.

        Raises InputError that names the column and the value.
        """
        scores = self._row_scores(self._encode(values))
        if self.labels:
            return self.labels[_greatest(scores)], scores
        return self._link.one(scores)[0], scores

    def many(self, rows: Sequence[Sequence[Any]]) -> tuple[list[Any], Floats]:
        """Return the predicted values of `rows`, and their decision values of shape (n, outputs)."""
        features = self.model.features
        raw = zip(*rows, strict=True) if len(rows) else [()] * len(features)
        columns = [MANY[kind](name, values) for (name, kind), values in zip(features, raw, strict=True)]
        scores = self.scores(columns)
        return self.values(scores), scores

    def scores(self, columns: Sequence[Column]) -> Floats:
        """Return the decision values, shape (n, outputs), of feature columns that are read already."""
        with np.errstate(all="ignore"):
            return self._matrix_scores(self.model.encoder.matrix(columns))

    def values(self, scores: Floats) -> list[Any]:
        """Return the predicted values for decision values of shape (n, outputs)."""
        if self.labels:
            places = scores.argmax(axis=1)
            # Numbers so large that they overflow to NaN: numpy's argmax then differs from the one-row path.
            for row in np.flatnonzero(np.isnan(scores).any(axis=1)).tolist():
                places[row] = _greatest(scores[row].tolist())
            return [self.labels[place] for place in places.tolist()]
        predicted: list[float] = self._linked(scores)[:, 0].tolist()
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

    def bounds(self, value: float) -> tuple[float, float] | None:
        """Return the interval around a predicted number, None for labels and where there was no hold-out."""
        width = self.model.interval
        return None if self.labels or math.isnan(width) else (value - width, value + width)

    def warning(self, values: Sequence[Any]) -> str | None:
        """Return why to distrust the prediction for these values, None where nothing speaks against it."""
        return "; ".join(self.model.encoder.warnings(values)) or None
