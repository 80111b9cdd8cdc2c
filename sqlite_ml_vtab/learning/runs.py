"""What a training run is asked for, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlite_ml_vtab.learning.algorithms import Algorithm
from sqlite_ml_vtab.learning.metrics import MAIN
from sqlite_ml_vtab.portable import JointModel, MatrixScores, StoredModel


@dataclass(frozen=True, slots=True)
class Plan:
    """What one training run was asked for, every default filled in."""

    task: str
    name: str
    """The algorithm's name."""
    algorithm: Algorithm
    hyperparams: Mapping[str, Any]
    """As the user wrote them."""
    test_size: float | int
    split: str
    seed: int
    class_weight: str | Mapping[str, float] | None
    threads: int
    threshold: float | Mapping[str, float] | None = None
    cost: Mapping[str, Mapping[str, float]] | None = None
    calibrate: str | None = None
    target_transform: str | None = None
    confidence: float = 0.9
    """The share of truths that intervals, or sets of labels, shall hold."""
    sample: float | int | None = None
    """A share of the train part to fit on, or a count of rows; None for all."""
    fit: str | None = None
    """``incremental`` for one pass in chunks; None or ``whole`` for all rows in memory."""
    clusters: int | None = None
    contamination: str | float | None = None
    components: int | None = None
    algorithms: Mapping[str, Algorithm] = field(default_factory=dict)
    """All algorithms, for those that are made of others."""
    max_memory: int | None = None
    """So many bytes may the fit be expected to take; None for no limit."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a run."""

    model: StoredModel
    refitted: tuple[MatrixScores | None, ...]
    """For each target the estimator's own decision values, where the model has no portable form."""
    scorer: str
    """What will predict: ``portable: <family>``, or ``refit: <why>``."""
    metrics: Mapping[str, float]
    """By name; empty where nothing was tested."""
    baseline: float | None
    """The main metric of predicting the same for every row: the commonest class, or the mean; None without a target."""
    holdout: tuple[tuple[int, Any, Any, float | None], ...]
    """(row id, truth, prediction, probability of the prediction) of a sample of the test part.

    Of several targets, truth and prediction are JSON objects by name.
    """
    rows_trained: int
    rows_tested: int
    seconds: float
    notes: tuple[str, ...]

    @property
    def score(self) -> float | None:
        """The main metric, None where nothing was tested."""
        return self.metrics.get(MAIN[self.model.task])


def joined(fits: Mapping[str, Fitted]) -> Fitted:
    """Return the fits of several targets, by name, as one: each metric their mean, and each target's own beside it."""
    found = list(fits.values())
    return Fitted(
        model=JointModel(tuple(fits), tuple(fit.model for fit in found)),  # type: ignore[misc]
        refitted=tuple(scores for fit in found for scores in fit.refitted),
        scorer=next((fit.scorer for fit in found if fit.scorer.startswith("refit")), found[0].scorer),
        metrics=_joined_metrics(fits),
        baseline=_mean([fit.baseline for fit in found]),
        holdout=_joined_holdout(fits),
        rows_trained=found[0].rows_trained,
        rows_tested=found[0].rows_tested,
        seconds=max(fit.seconds for fit in found),
        notes=tuple(dict.fromkeys(f"{name}: {note}" for name, fit in fits.items() for note in fit.notes)),
    )


def _joined_metrics(fits: Mapping[str, Fitted]) -> dict[str, float]:
    whole = dict.fromkeys(name for fit in fits.values() for name in fit.metrics if "[" not in name)
    means = {name: _mean([fit.metrics.get(name) for fit in fits.values()]) for name in whole}
    own = {
        f"{name}[{target}]": value
        for target, fit in fits.items()
        for name, value in fit.metrics.items()
        if name in whole
    }
    return {name: mean for name, mean in means.items() if mean is not None} | own


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) and known else None


def _joined_holdout(fits: Mapping[str, Fitted]) -> tuple[tuple[int, Any, Any, float | None], ...]:
    rows = zip(*(fit.holdout for fit in fits.values()), strict=True)
    return tuple(
        (row[0][0], *(json.dumps(dict(zip(fits, side, strict=True)), ensure_ascii=False) for side in _sides(row)), None)
        for row in rows
    )


def _sides(row: Sequence[tuple[int, Any, Any, float | None]]) -> tuple[list[Any], list[Any]]:
    return [truth for _, truth, _, _ in row], [said for _, _, said, _ in row]
