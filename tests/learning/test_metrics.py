"""Each metric is scikit-learn's, and one that is not defined is left out."""

import numpy as np
import pytest
import sklearn.metrics as reference

from sqlite_ml_vtab.learning.metrics import MAIN, METRICS, Measured, Realised, evaluate

WEIGHTED = {"average": "weighted", "zero_division": 0}


def classes(count):
    random = np.random.RandomState(0)
    truth = random.randint(count, size=60)
    chances = random.dirichlet(np.ones(count), size=60) + np.eye(count)[truth] / 3
    chances /= chances.sum(axis=1, keepdims=True)
    return Measured(truth, chances.argmax(axis=1), chances, Realised(0.875, 1.5))


def numbers():
    random = np.random.RandomState(0)
    truth = random.normal(size=60)
    return Measured(truth, truth + random.normal(size=60) / 3, None, Realised(0.875, 1.5))


def area(measured):
    if measured.probabilities.shape[1] == 2:
        return reference.roc_auc_score(measured.truth, measured.probabilities[:, 1])
    return reference.roc_auc_score(measured.truth, measured.probabilities, multi_class="ovr", average="weighted")


def clusters(lowest):
    """Return points and their clusters from `lowest` on; -1 is noise."""
    random = np.random.RandomState(0)
    named = np.arange(60) % 3
    return Measured(random.normal(size=(60, 2)) + 4 * named[:, None], named + lowest, None)


def rebuilt():
    random = np.random.RandomState(0)
    matrix = random.normal(size=(60, 3))
    return Measured(matrix, matrix + random.normal(size=(60, 3)) / 5, None)


EXPECTED = {
    "accuracy": lambda m: reference.accuracy_score(m.truth, m.predicted),
    "precision": lambda m: reference.precision_score(m.truth, m.predicted, **WEIGHTED),
    "recall": lambda m: reference.recall_score(m.truth, m.predicted, **WEIGHTED),
    "f1_score": lambda m: reference.f1_score(m.truth, m.predicted, **WEIGHTED),
    "log_loss": lambda m: reference.log_loss(m.truth, m.probabilities),
    "roc_auc": area,
    "r2_score": lambda m: reference.r2_score(m.truth, m.predicted),
    "mean_absolute_error": lambda m: np.abs(m.truth - m.predicted).mean(),
    "mean_squared_error": lambda m: ((m.truth - m.predicted) ** 2).mean(),
    "root_mean_squared_error": lambda m: ((m.truth - m.predicted) ** 2).mean() ** 0.5,
    "median_absolute_error": lambda m: np.median(np.abs(m.truth - m.predicted)),
    "explained_variance": lambda m: 1 - np.var(m.truth - m.predicted) / np.var(m.truth),
    "set_coverage": lambda m: 0.875,
    "set_size": lambda m: 1.5,
    "interval_coverage": lambda m: 0.875,
    "interval_width": lambda m: 1.5,
    "silhouette": lambda m: reference.silhouette_score(m.truth, m.predicted),
    "davies_bouldin": lambda m: reference.davies_bouldin_score(m.truth, m.predicted),
    "calinski_harabasz": lambda m: reference.calinski_harabasz_score(m.truth, m.predicted),
    "clusters": lambda m: len(set(m.predicted.tolist()) & {0, 1, 2}),
    "noise": lambda m: np.mean(m.predicted < 0),
    "anomaly_share": lambda m: 0.25,
    "threshold": lambda m: 0.5,
    "explained_variance_ratio": lambda m: reference.r2_score(m.truth, m.predicted, multioutput="variance_weighted"),
    "reconstruction_error": lambda m: reference.mean_squared_error(m.truth, m.predicted) ** 0.5,
}
PARTS = {
    "classification": [classes(2), classes(3)],
    "regression": [numbers()],
    "clustering": [clusters(0), clusters(-1)],
    "anomaly": [Measured(np.full(8, 0.5), np.arange(8) > 5, None)],
    "projection": [rebuilt()],
}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_the_one_of_scikit_learn(name):
    for measured in PARTS[METRICS[name].task]:
        found = evaluate(METRICS[name].task, measured)[name]
        assert found == pytest.approx(EXPECTED[name](measured), rel=1e-12)


@pytest.mark.parametrize("task", PARTS)
def test_every_metric_of_the_task_is_measured_where_it_is_defined(task):
    expected = {name for name, metric in METRICS.items() if metric.task == task}
    assert evaluate(task, PARTS[task][0]).keys() == expected
    assert MAIN[task] in expected or task == "anomaly"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_described(name):
    assert METRICS[name].doc.endswith(".")


@pytest.mark.parametrize("task", MAIN)
def test_nothing_is_measured_where_nothing_was_tested(task):
    assert evaluate(task, Measured(np.empty(0), np.empty(0), None)) == {}


def test_without_probabilities_there_is_no_log_loss_and_no_roc_curve():
    measured = classes(2)
    found = evaluate("classification", Measured(measured.truth, measured.predicted, None))
    assert found.keys() == {"accuracy", "precision", "recall", "f1_score"}


def test_a_class_that_is_not_tested_has_no_roc_curve():
    measured = classes(3)
    kept = measured.truth < 2
    found = evaluate(
        "classification", Measured(measured.truth[kept], measured.predicted[kept], measured.probabilities[kept])
    )
    assert "roc_auc" not in found
    assert found["log_loss"] == pytest.approx(
        reference.log_loss(measured.truth[kept], measured.probabilities[kept], labels=[0, 1, 2])
    )


def test_a_class_that_was_not_trained_on_counts_as_wrong():
    measured = classes(2)
    truth = np.where(np.arange(60) < 6, -1, measured.predicted)
    found = evaluate("classification", Measured(truth, measured.predicted, measured.probabilities))
    assert found["accuracy"] == 0.9
    assert found.keys() == {"accuracy", "precision", "recall", "f1_score"}


def test_rows_without_an_answer_leave_what_intervals_did_as_it_is():
    measured = numbers()
    measured.predicted[:5] = np.nan
    found = evaluate("regression", measured)
    assert (found["interval_coverage"], found["interval_width"]) == (0.875, 1.5)


def test_one_tested_row_has_no_share_of_a_variance():
    found = evaluate("regression", Measured(np.array([1.0]), np.array([2.0]), None))
    assert "r2_score" not in found
    assert found["mean_absolute_error"] == 1.0


def test_a_perfect_answer_is_measured_as_such():
    truth = np.array([0, 1, 0, 1])
    found = evaluate("classification", Measured(truth, truth, np.eye(2)[truth]))
    assert {name: found[name] for name in ("accuracy", "f1_score", "roc_auc")} == {
        "accuracy": 1.0,
        "f1_score": 1.0,
        "roc_auc": 1.0,
    }


@pytest.mark.parametrize("named", [np.zeros(6, dtype=int), np.arange(6)])
def test_one_cluster_and_a_cluster_for_each_row_have_no_silhouette(named):
    found = evaluate("clustering", Measured(np.eye(6), named, None))
    assert found == {"clusters": len(set(named.tolist())), "noise": 0.0}


def test_columns_that_do_not_vary_have_no_share_of_variance():
    assert evaluate("projection", Measured(np.ones((4, 2)), np.ones((4, 2)), None)) == {"reconstruction_error": 0.0}
