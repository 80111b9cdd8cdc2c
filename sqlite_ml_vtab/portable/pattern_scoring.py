"""A model without a target ready to answer: for new rows, and for the rows that it was trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable.families.base import MatrixScores
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.model import LISTED, JointModel, Model
from sqlite_ml_vtab.portable.pattern import Pattern, row_digest
from sqlite_ml_vtab.portable.row_encoder import row_encoder
from sqlite_ml_vtab.portable.scoring import Answer, JointScorer, Listed, Scorer, turned
from sqlite_ml_vtab.portable.values import ONE


class PatternScorer:
    """Answers for a task without a target: for one row or many, and for the rows that were trained on."""

    def __init__(self, model: Model, refitted: MatrixScores | None = None) -> None:
        """Make `model` ready; one of the family REFIT needs `refitted`, its estimator's decision values."""
        assert model.pattern is not None
        self.model = model
        self.names = [name for name, _ in model.features]
        self._pattern: Pattern = model.pattern
        self._scorer = None if model.family == LISTED else Scorer(model, refitted)
        self._link = LINKS[model.parameters["link"]]
        self._encode = row_encoder(model.encoder)

    @property
    def scorer(self) -> Scorer:
        """What scores rows that were not trained on.

        Raises ModelError where the algorithm has nothing to say of them.
        """
        if self._scorer is None:
            raise ModelError(
                "the algorithm of this version cannot place new rows; it gives the clusters of the rows it was "
                "trained on: SELECT rowid, cluster FROM the table, without features. "
                "Train kmeans, birch or gaussian_mixture to place new ones."
            )
        return self._scorer

    def one(self, values: Sequence[Any]) -> Answer:
        """Return the answer for one row of feature values: a cluster, 0 or 1 for an anomaly, or the components.

        Raises InputError that names the column and the value.
        """
        said, scores = self.scorer.one(values)
        return self._answer(said, scores), scores

    def answer(self, values: Sequence[Any]) -> Any:
        """Return the answer alone."""
        return self.one(values)[0]

    def many(self, rows: Sequence[Sequence[Any]]) -> tuple[list[Any], list[list[float]]]:
        """Return the answers for `rows`, and their decision values."""
        answers, listed = self.of_columns(turned(self.names, rows))
        return answers, listed()

    def of_columns(self, raw: Sequence[Sequence[Any]]) -> tuple[list[Any], Listed]:
        """Return the same for rows that come as columns, one for each feature."""
        said, listed = self.scorer.of_columns(raw)
        scores = listed()
        return [self._answer(one, its) for one, its in zip(said, scores, strict=True)], lambda: scores

    def stored(self, rowid: int, values: Sequence[Any]) -> tuple[Any, Sequence[float] | None]:
        """Return the answer for a stored row; as it was when it was trained on, where the model keeps that.

        Of a row that a model without a way to place it does not know, or that has changed, the answer is None.
        """
        place = self._pattern.place(rowid)
        if place is None or self._has_changed(place, values):
            return (None, None) if self._scorer is None else self.one(values)
        kept = float(self._pattern.values[place])
        return (int(kept), None) if self.model.task == "clustering" else (self._answer(kept, ()), (kept,))

    def _has_changed(self, place: int, values: Sequence[Any]) -> bool:
        """Return whether the row whose id stands at `place` has other features than when it was trained on."""
        read = [ONE[kind](name, value) for (name, kind), value in zip(self.model.features, values, strict=True)]
        return bool(self._pattern.digests[place] != row_digest(read))

    def _answer(self, said: Any, scores: Sequence[float]) -> Any:
        if self.model.task == "anomaly":
            # What overflows to NaN is unlike anything, as scikit-learn has it.
            return 1 - int(said <= self._pattern.threshold)
        return said if self.model.task == "clustering" else tuple(scores)

    def hidden(self, name: str, values: Sequence[Any], answer: Any, scores: Sequence[float] | None) -> Any:
        """Return what stands in the hidden column `name`, for an answer and its decision values."""
        if answer is None or name in ("cluster", "is_anomaly"):
            return answer
        if name == "distance":
            return self.distance(values, answer, scores)
        return self._link.one(scores or ())[0] if name == "anomaly_score" else answer[int(name[2:]) - 1]

    def distance(self, values: Sequence[Any], cluster: int, scores: Sequence[float] | None) -> float | None:
        """Return the distance to the nearest centre of the row's cluster, in the units that the model computes with.

        None where clusters have no centre.
        """
        parameters = self.model.parameters
        if scores is not None and self.model.family == "centres":
            return math.sqrt(-scores[cluster])
        return math.dist(self._encode(values), parameters["means"][cluster]) if "means" in parameters else None

    def probability(self, scores: Any) -> None:
        """Return None: there is no class to be right about."""

    def by_class(self, scores: Sequence[Any]) -> dict[str, Any] | None:
        """Return the probability of each cluster by its number, None where the model has none."""
        return self.scorer.by_class(scores)

    def bounds(self, values: Sequence[Any], scores: Any) -> None:
        """Return None: there is no truth to lie between bounds."""

    def many_bounds(self, rows: Sequence[Sequence[Any]], scores: Any) -> list[None]:
        """Return None for each row."""
        return [None] * len(rows)

    def probable(self, scores: Any) -> None:
        """Return None: there is no true label to be among others."""

    def warning(self, values: Sequence[Any]) -> str | None:
        """Return why to distrust the answer for these values, None where nothing speaks against it."""
        return "; ".join(self.model.encoder.warnings(values)) or None

    def stored_warning(self, rowid: int, values: Sequence[Any]) -> str | None:
        """Return the same of a stored row; also that its id was another's, or its values were others, in training."""
        found, place = self.model.encoder.warnings(values), self._pattern.place(rowid)
        if place is not None and self._has_changed(place, values):
            answered = "has no cluster" if self._scorer is None else "is answered as a new one"
            found.append(f"the row is not as it was trained on, and {answered}")
        return "; ".join(found) or None


AnyScorer: TypeAlias = Scorer | JointScorer | PatternScorer


def scorer_of(model: Model | JointModel, refitted: Sequence[MatrixScores | None]) -> AnyScorer:
    """Return what answers for `model`; `refitted` has an entry for each target."""
    if isinstance(model, JointModel):
        return JointScorer(model, refitted)
    return Scorer(model, refitted[0]) if model.pattern is None else PatternScorer(model, refitted[0])
