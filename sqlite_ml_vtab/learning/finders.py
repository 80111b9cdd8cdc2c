"""Estimators without a target, asked in the one way of `Estimator`, and how many clusters they are told to make."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.estimator import Estimator, fit_without_target
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.portable.values import Floats

COUNTS = range(2, 11)
"""The numbers of clusters of which the best is chosen where none is asked for."""

MAX_TRIED = 2_000
"""So many rows are clustered for that choice at most."""


class Detector(Estimator):
    """A detector of anomalies: its number is greater the less a row is like the others."""

    __slots__ = ()

    def answers(self, matrix: Floats) -> np.ndarray[Any, Any]:
        """Return the scores of `matrix` (n, width), shape (n,): those of score_samples, turned round."""
        return -np.asarray(self.asked("score_samples", matrix), dtype=np.float64).reshape(-1)


class Projector(Estimator):
    """A projection: its numbers are the components."""

    __slots__ = ()

    def scores(self, matrix: Floats) -> Floats:
        """Return the components of `matrix` (n, width), shape (n, components)."""
        is_stepwise = hasattr(self.fitted, "reconstruction_err_")
        return _weights_of_parts(self, matrix) if is_stepwise else _transformed(self, matrix)


def _transformed(estimator: Estimator, matrix: Floats) -> Floats:
    return np.asarray(estimator.asked("transform", matrix), dtype=np.float64)


def _weights_of_parts(estimator: Projector, matrix: Floats) -> Floats:
    """Return the weights of an NMF, as a row has them alone.

    Its own transform starts from the mean of all rows it is given and stops by their common progress, so that a row
    has other weights in company. Coordinate descent is therefore followed to the end, where all starts lead; the
    multiplicative steps, which take far too long for that, are asked row by row.
    """
    if estimator.fitted.solver == "cd":
        patient = copy(estimator.fitted).set_params(tol=1e-14, max_iter=20_000)
        return _transformed(Estimator(estimator.name, patient, 0, (), has_probabilities=False), matrix)
    rows = [_transformed(_plain(estimator), matrix[place : place + 1]) for place in range(len(matrix))]
    return np.concatenate([np.empty((0, estimator.fitted.n_components_)), *rows])


def _plain(estimator: Projector) -> Estimator:
    return Estimator(estimator.name, estimator.fitted, 0, (), has_probabilities=False)


def cluster_count(fitted: Any, said: np.ndarray[Any, Any]) -> int:
    """Return how many clusters a fitted estimator can name; `said` is what it named in the training rows."""
    for name in ("cluster_centers_", "means_"):
        if hasattr(fitted, name):
            return len(getattr(fitted, name))
    return int(max(said.max(), *getattr(fitted, "subcluster_labels_", [-1]))) + 1


def count_params(plan: Plan, matrix: Floats) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the hyperparameters with the number of clusters, and the note that says who chose it.

    Raises TrainingError for more clusters than rows.
    """
    param = plan.algorithm.option_params.get("clusters")
    given = dict(plan.hyperparams)
    if param is None or param in given:
        return given, ()
    if given.get("distance_threshold") is not None:
        return given | {param: None}, ()
    if plan.clusters is None:
        count = _best_count(plan, given, param, matrix)
        note = f"clusters is {count}, the best of 2 to {COUNTS[-1]} by silhouette; write clusters=... to have another"
        return given | {param: count}, (note,)
    if plan.clusters > len(matrix):
        raise TrainingError(
            f"clusters is {plan.clusters}, and there {_are(len(matrix))}. Insert more rows, or ask for fewer clusters."
        )
    return given | {param: plan.clusters}, ()


def _are(rows: int) -> str:
    return "is 1 row" if rows == 1 else f"are {rows} rows"


def _best_count(plan: Plan, given: Mapping[str, Any], param: str, matrix: Floats) -> int:
    """Return the number of clusters with the greatest silhouette on a seeded sample; 1 where no two rows differ.

    Rousseeuw 1987, Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.
    """
    from sklearn.metrics import silhouette_score

    if len(matrix) > MAX_TRIED:
        matrix = matrix[np.sort(np.random.RandomState(plan.seed).permutation(len(matrix))[:MAX_TRIED])]
    distinct = len(np.unique(matrix, axis=0))
    best, count = -2.0, min(distinct, 2)
    for tried in COUNTS:
        if tried > min(distinct, len(matrix) - 1):
            break
        fitted, _ = fit_without_target(plan, {**given, param: tried}, matrix, None)
        said = np.asarray(fitted.labels_ if hasattr(fitted, "labels_") else fitted.predict(matrix))
        if 2 <= len(np.unique(said)) < len(said) and (score := float(silhouette_score(matrix, said))) > best:
            best, count = score, tried
    return count
