"""METRICS: how a version is measured on its test part, by the definitions of sklearn.metrics."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.portable.values import Floats

MAIN = {name: task.main for name, task in TASKS.items()}
"""By task, the metric by which versions are compared; greater is better. '' where none can tell."""


@dataclass(frozen=True, slots=True)
class Realised:
    """What intervals, or sets of labels, held of rows that did not set them."""

    coverage: float
    """The share of truths inside."""
    size: float
    """The mean width of the intervals, or the mean number of labels in the sets."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The test part, answered."""

    truth: np.ndarray[Any, Any]
    """Shape (n,): classes as places in the labels (-1 for one that training did not see), or numbers.

    Of a clustering or a projection the matrix, shape (n, width); of anomalies the threshold.
    """
    predicted: np.ndarray[Any, Any]
    """Shape (n,): the same of the predictions, or clusters, -1 for noise.

    Of a projection the matrix that it rebuilds, of anomalies 1 for each.
    """
    probabilities: Floats | None
    """Shape (n, classes), None where the algorithm has none."""
    realised: Realised | None = None
    """How the intervals or the sets did, None where too few rows were tested to say."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    task: str
    measure: Callable[[Measured], float | None]
    """None where it is not defined for this test part."""
    doc: str


def evaluate(task: str, measured: Measured, only: str = "") -> dict[str, float]:
    """Return every metric of `task` that is defined for the test part, by name, or the one called `only`."""
    answered = np.isfinite(np.asarray(measured.predicted, dtype=np.float64))
    if not answered.all():
        measured = Measured(measured.truth[answered], measured.predicted[answered], None, measured.realised)
    if not len(measured.truth):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = {name: metric for name, metric in METRICS.items() if metric.task == task and only in ("", name)}
        values = {name: metric.measure(measured) for name, metric in wanted.items()}
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def per_class(measured: Measured, labels: Sequence[Any]) -> dict[str, float]:
    """Return precision, recall, F1 and the number of test rows of each class, as ``recall[setosa]``; {} for numbers."""
    from sklearn.metrics import precision_recall_fscore_support

    if not labels or not len(measured.truth):
        return {}
    truth, predicted, counts = _pairs(measured)
    found = precision_recall_fscore_support(
        truth, predicted, labels=np.arange(len(labels)), sample_weight=counts, zero_division=0
    )
    return {
        f"{name}[{label}]": float(value)
        for name, values in zip(("precision", "recall", "f1_score", "support"), found, strict=True)
        for label, value in zip(labels, values, strict=True)
    }


def _of(name: str, **options: Any) -> Callable[[Measured], float]:
    """Return the metric of sklearn.metrics called `name`, over truth and predictions."""

    def measure(measured: Measured) -> float:
        import sklearn.metrics

        return float(getattr(sklearn.metrics, name)(measured.truth, measured.predicted, **options))

    return measure


def _of_classes(name: str, **options: Any) -> Callable[[Measured], float]:
    """Return the same over classes: of each pair of a class and its prediction, how often it occurs says all."""

    def measure(measured: Measured) -> float:
        import sklearn.metrics

        truth, predicted, counts = _pairs(measured)
        return float(getattr(sklearn.metrics, name)(truth, predicted, sample_weight=counts, **options))

    return measure


def _pairs(measured: Measured) -> tuple[Any, Any, Any]:
    """Return the pairs of a class and its prediction that occur, and how often each does."""
    truth, predicted = measured.truth.astype(np.int64), measured.predicted.astype(np.int64)
    # An unseen class is -1, so that all are moved up by one.
    size = int(max(truth.max(), predicted.max())) + 2
    counts = np.bincount((truth + 1) * size + predicted + 1)
    places = np.flatnonzero(counts)
    return places // size - 1, places % size - 1, counts[places]


def _log_loss(measured: Measured) -> float | None:
    from sklearn.metrics import log_loss

    if measured.probabilities is None or (measured.truth < 0).any():
        return None
    classes = np.arange(measured.probabilities.shape[1])
    return float(log_loss(measured.truth, measured.probabilities, labels=classes))


def _roc_auc(measured: Measured) -> float | None:
    """Return the area under the ROC curve, for several classes one against the rest, weighted by class."""
    from sklearn.metrics import roc_auc_score

    chances = measured.probabilities
    if chances is None or not np.array_equal(np.unique(measured.truth), np.arange(chances.shape[1])):
        return None
    if chances.shape[1] == 2:
        return float(roc_auc_score(measured.truth, chances[:, 1]))
    return float(roc_auc_score(measured.truth, chances, multi_class="ovr", average="weighted"))


def _coverage(measured: Measured) -> float | None:
    return None if measured.realised is None else measured.realised.coverage


def _size(measured: Measured) -> float | None:
    return None if measured.realised is None else measured.realised.size


def _of_clusters(name: str) -> Callable[[Measured], float | None]:
    """Return the metric of sklearn.metrics called `name`, over the matrix and its clusters; noise is one of them."""
    measure = _of(name)
    return lambda measured: measure(measured) if _is_divided(measured.predicted) else None


def _is_divided(clusters: np.ndarray[Any, Any]) -> bool:
    """Return whether there are several clusters, and one of several rows."""
    return 2 <= len(np.unique(clusters)) < len(clusters)


def _explained(measured: Measured) -> float | None:
    total = float(((measured.truth - measured.truth.mean(axis=0)) ** 2).sum())
    return 1.0 - float(((measured.truth - measured.predicted) ** 2).sum()) / total if total else None


_WEIGHTED = {"average": "weighted", "zero_division": 0}

METRICS: dict[str, Metric] = {
    "accuracy": Metric("classification", _of_classes("accuracy_score"), "Share of rows predicted right."),
    "precision": Metric(
        "classification",
        _of_classes("precision_score", **_WEIGHTED),
        "Share of a predicted class that is right, weighted.",
    ),
    "recall": Metric(
        "classification", _of_classes("recall_score", **_WEIGHTED), "Share of a class that is found, weighted."
    ),
    "f1_score": Metric(
        "classification", _of_classes("f1_score", **_WEIGHTED), "Harmonic mean of precision and recall."
    ),
    "log_loss": Metric("classification", _log_loss, "Mean negative log of the probability given to the truth."),
    "roc_auc": Metric("classification", _roc_auc, "Chance that a row of a class ranks above one of another."),
    "set_coverage": Metric("classification", _coverage, "Share of rows whose class is among the `probable` labels."),
    "set_size": Metric("classification", _size, "Mean number of `probable` labels."),
    "r2_score": Metric("regression", _of("r2_score"), "Share of the variance that is explained."),
    "mean_absolute_error": Metric("regression", _of("mean_absolute_error"), "Mean distance to the truth."),
    "mean_squared_error": Metric("regression", _of("mean_squared_error"), "Mean squared distance to the truth."),
    "root_mean_squared_error": Metric(
        "regression", _of("root_mean_squared_error"), "Root of the mean squared distance."
    ),
    "median_absolute_error": Metric("regression", _of("median_absolute_error"), "Median distance to the truth."),
    "explained_variance": Metric(
        "regression", _of("explained_variance_score"), "As r2_score, but blind to a constant error."
    ),
    "interval_coverage": Metric("regression", _coverage, "Share of truths between `lower` and `upper`."),
    "interval_width": Metric("regression", _size, "Mean distance from `lower` to `upper`."),
    "silhouette": Metric(
        "clustering", _of_clusters("silhouette_score"), "How much nearer rows are to their own cluster, from -1 to 1."
    ),
    "davies_bouldin": Metric(
        "clustering", _of_clusters("davies_bouldin_score"), "How wide clusters are for their distance; less is better."
    ),
    "calinski_harabasz": Metric(
        "clustering", _of_clusters("calinski_harabasz_score"), "Spread between clusters over the spread within them."
    ),
    "clusters": Metric(
        "clustering", lambda measured: len(set(measured.predicted.tolist()) - {-1}), "How many clusters were found."
    ),
    "noise": Metric(
        "clustering", lambda measured: float((measured.predicted == -1).mean()), "Share of rows in no cluster (-1)."
    ),
    "anomaly_share": Metric(
        "anomaly", lambda measured: float(measured.predicted.mean()), "Share of the training rows that are anomalies."
    ),
    "threshold": Metric(
        "anomaly", lambda measured: float(measured.truth[0]), "The anomaly_score above which a row is an anomaly."
    ),
    "explained_variance_ratio": Metric(
        "projection",
        _explained,
        "Share of the variance that the components keep; of each of them as explained_variance_ratio[pc1] ...",
    ),
    "reconstruction_error": Metric(
        "projection",
        lambda measured: float(np.sqrt(((measured.truth - measured.predicted) ** 2).mean())),
        "Root of the mean squared distance between a value and the one rebuilt from the components.",
    ),
}
