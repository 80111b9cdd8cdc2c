"""cross_validate: a row for each fold, the same numbers as scikit-learn's, and no version."""

import json

import numpy as np
import pytest
from asking import command, declare, fill, refusal, rows, value
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

IRIS = "sl REAL, sw REAL, pl REAL, pw REAL, class TEXT TARGET, algorithm='logistic_regression'"


def flowers(db):
    """Declare p over iris and fill it; return its matrix and its classes."""
    declare(db, columns=IRIS)
    db.execute("INSERT INTO p SELECT * FROM iris")
    found = rows(db, "SELECT * FROM iris")
    return np.array([row[:4] for row in found]), np.array([row[4] for row in found])


def scores(db, run=1):
    return [score for (score,) in rows(db, "SELECT score FROM ml_folds('p', ?)", (run,))]


def validate_refusal(db, options):
    return refusal(db, "INSERT INTO p(p, options) VALUES ('cross_validate', ?)", (json.dumps(options),))


def test_its_folds_are_those_of_scikit_learn(iris):
    X, y = flowers(iris)
    assert command(iris, "cross_validate", {"folds": 4, "seed": 3}) == 1
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=3))
    expected = [
        accuracy_score(y[test], pipeline.fit(X[train], y[train]).predict(X[test]))
        for train, test in StratifiedKFold(4, shuffle=True, random_state=3).split(X, y)
    ]
    assert scores(iris) == pytest.approx(expected, abs=1e-12)
    score, spread = rows(iris, "SELECT score, spread FROM ml_runs('p')")[0]
    assert (score, spread) == pytest.approx((np.mean(expected), np.std(expected, ddof=1)))


def test_it_makes_no_version_and_says_what_it_found(iris):
    flowers(iris)
    with pytest.warns(
        match=r"^p: logistic_regression: accuracy 0\.\d+ ± 0\.\d+ over 5 folds; the baseline has 0\.3333$"
    ):
        command(iris, "cross_validate")
    assert rows(iris, "SELECT * FROM ml_versions('p')") == []
    assert value(iris, "SELECT said LIKE 'logistic_regression: accuracy%' AND version IS NULL FROM ml_runs('p')")


def test_a_fold_tells_its_rows_its_metrics_and_the_baseline(iris):
    flowers(iris)
    command(iris, "cross_validate", {"folds": 3})
    found = rows(iris, "SELECT trial, repeat, fold, rows_trained, rows_tested, baseline FROM ml_folds('p')")
    assert found == [(1, 1, fold, 100, 50, 0.32) for fold in (1, 2, 3)]
    metrics = json.loads(value(iris, "SELECT metrics FROM ml_folds('p') LIMIT 1"))
    assert set(metrics) == {"accuracy", "precision", "recall", "f1_score", "log_loss", "roc_auc"}


def test_repeats_divide_the_rows_anew_and_the_first_stays(iris):
    flowers(iris)
    command(iris, "cross_validate", {"folds": 3})
    command(iris, "cross_validate", {"folds": 3, "repeats": 3})
    assert scores(iris, 2)[:3] == scores(iris, 1)
    assert rows(iris, "SELECT DISTINCT repeat FROM ml_folds('p', 2)") == [(1,), (2,), (3,)]
    assert len(set(map(tuple, np.reshape(scores(iris, 2), (3, 3)).tolist()))) > 1


def test_regression_is_divided_at_random(db):
    declare(db, columns="x REAL, y REAL TARGET, algorithm='linear_regression'", task="regression")
    points = [(float(i), float((i * 7) % 11)) for i in range(40)]
    db.executemany("INSERT INTO p VALUES (?, ?)", points)
    command(db, "cross_validate", {"folds": 4})
    X, y = np.array(points)[:, :1], np.array(points)[:, 1]
    expected = [
        r2_score(y[test], LinearRegression().fit(X[train], y[train]).predict(X[test]))
        for train, test in KFold(4, shuffle=True, random_state=0).split(X)
    ]
    assert scores(db) == pytest.approx(expected)


def test_time_is_never_learned_from_behind(db):
    declare(db, columns="x REAL, t DATE ORDER, y REAL TARGET, algorithm='linear_regression'", task="regression")
    points = [(float(i), f"2024-01-{i:02}", float((i * 7) % 11)) for i in range(1, 25)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", reversed(points))
    command(db, "cross_validate", {"folds": 3})
    X, y = np.array([[x] for x, _, _ in points]), np.array([y for *_, y in points])
    expected = [
        r2_score(y[test], LinearRegression().fit(X[train], y[train]).predict(X[test]))
        for train, test in TimeSeriesSplit(3).split(X)
    ]
    assert scores(db) == pytest.approx(expected)
    assert validate_refusal(db, {"folds": 3, "repeats": 2}) == (
        'TrainingError: p: folds in time order cannot be drawn again. Leave out "repeats", or use another split.'
    )


def test_groups_stay_whole(db):
    declare(db, columns="a REAL, b REAL, g TEXT GROUP, y TEXT TARGET, algorithm='decision_tree'")
    points = [(float(i), float((i * 7) % 5), f"g{i % 6}", "low" if i < 15 else "high") for i in range(30)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?, ?)", points)
    command(db, "cross_validate", {"folds": 3})
    groups = [int(g[1:]) for _, _, g, _ in points]
    sizes = [(len(train), len(test)) for train, test in GroupKFold(3).split(points, groups=groups)]
    assert rows(db, "SELECT rows_trained, rows_tested FROM ml_folds('p')") == sizes
    assert validate_refusal(db, {"folds": 7}) == (
        'TrainingError: p: 7 folds need 7 groups, got 6. Insert more. Use {"folds": 6}.'
    )


def test_what_a_split_column_holds_out_stays_held_out(db):
    declare(db, columns="a REAL, s TEXT SPLIT, y TEXT TARGET, algorithm='decision_tree'")
    points = [(float(i), "test" if i % 4 == 0 else "train", "low" if i < 20 else "high") for i in range(40)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", points)
    command(db, "cross_validate", {"folds": 3})
    assert value(db, "SELECT sum(rows_tested) FROM ml_folds('p')") == 30


def test_several_targets_have_the_mean_score(db):
    declare(db, columns="x REAL, y REAL TARGET, z REAL TARGET, algorithm='linear_regression'", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, 2 * i, (i * 7) % 5) for i in range(30)])
    command(db, "cross_validate", {"folds": 3})
    assert all(-1 < score < 0.6 for score in scores(db))


def test_options_of_train_hold_for_the_run(points):
    command(points, "cross_validate", {"algorithm": "knn", "hyperparams": {"n_neighbors": 1}, "folds": 2})
    options = json.loads(value(points, "SELECT options FROM ml_runs('p')"))
    assert options == {
        "algorithm": "knn",
        "hyperparams": {"n_neighbors": 1},
        "test_size": 0.25,
        "split": "stratified",
        "seed": 0,
        "confidence": 0.9,
        "fit": "whole",
        "folds": 2,
        "repeats": 1,
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"folds": 1}, "CommandError: p: option 'folds' takes a whole number from 2 to 1000, got 1."),
        ({"folds": "5"}, "CommandError: p: option 'folds' takes a whole number from 2 to 1000, got \"5\"."),
        ({"folds": True}, "CommandError: p: option 'folds' takes a whole number from 2 to 1000, got true."),
        ({"repeats": 0}, "CommandError: p: option 'repeats' takes a whole number from 1 to 1000, got 0."),
        ({"folds": 100}, 'TrainingError: p: 100 folds need 100 rows, got 24. Insert more. Use {"folds": 24}.'),
        (
            {"algorithm": "forest"},
            "CommandError: p: unknown algorithm 'forest'. "
            "Nearest algorithms: random_forest, xgboost, xgboost_random_forest.",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_fit(points, options, sentence):
    assert validate_refusal(points, options) == sentence
    assert rows(points, "SELECT * FROM ml_runs('p')") == []


def test_an_empty_table_has_nothing_to_validate(db):
    declare(db)
    assert validate_refusal(db, {}) == (
        "TrainingError: p: no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ..."
    )


def test_a_run_can_be_rolled_back_and_forgotten(points):
    points.execute("BEGIN")
    command(points, "cross_validate", {"folds": 2})
    points.execute("ROLLBACK")
    assert rows(points, "SELECT * FROM ml_runs('p')") == rows(points, "SELECT * FROM ml_folds('p')") == []
    command(points, "cross_validate", {"folds": 2})
    command(points, "cross_validate", {"folds": 3})
    assert command(points, "forget", {"run": 1}) == 1
    assert rows(points, "SELECT run FROM ml_runs('p')") == [(2,)]
    assert rows(points, "SELECT DISTINCT run FROM ml_folds('p')") == [(2,)]
    sentence = refusal(points, "INSERT INTO p(p, options) VALUES ('forget', '{\"run\": 1}')")
    assert sentence == "CommandError: p: no run 1. Runs: 2."


def test_the_spread_of_a_hundred_rows_is_told_honestly(db):
    declare(db, columns="a REAL, y TEXT TARGET, algorithm='dummy'")
    fill_rows = [(i, "low" if i % 3 else "high") for i in range(30)]
    db.executemany("INSERT INTO p VALUES (?, ?)", fill_rows)
    command(db, "cross_validate", {"folds": 5})
    assert rows(db, "SELECT round(score, 4), round(spread, 4) FROM ml_runs('p')") == [(0.6667, 0.0)]
    assert rows(db, "SELECT DISTINCT score = baseline FROM ml_folds('p')") == [(1,)]


def test_rows_that_are_inserted_in_the_same_transaction_count(db):
    declare(db)
    db.execute("BEGIN")
    fill(db)
    command(db, "cross_validate", {"folds": 2})
    db.execute("COMMIT")
    assert value(db, "SELECT sum(rows_tested) FROM ml_folds('p')") == 24


@pytest.mark.parametrize("split", ["none", "last"])
def test_an_order_column_keeps_the_future_out_of_every_fold(db, split):
    declare(db, columns="x REAL, t DATE ORDER, y REAL TARGET, algorithm='linear_regression'", task="regression")
    points = [(float(i), f"2024-01-{i:02}", float((i * 7) % 11)) for i in range(1, 25)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", reversed(points))
    command(db, "cross_validate", {"folds": 3, "split": split})
    assert rows(db, "SELECT rows_trained, rows_tested FROM ml_folds('p')") == [(6, 6), (12, 6), (18, 6)]


def test_folds_fit_the_sample_that_train_would_fit(points):
    command(points, "cross_validate", {"folds": 3, "sample": 0.5})
    assert rows(points, "SELECT DISTINCT rows_trained FROM ml_folds('p')") == [(8,)]
    assert value(points, "SELECT sum(rows_tested) FROM ml_folds('p')") == 24


def test_a_class_of_a_single_row_teaches_in_every_fold(db):
    declare(db)
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, i % 3, "rare" if i == 7 else "low") for i in range(30)])
    command(db, "cross_validate", {"folds": 3})
    assert rows(db, "SELECT rows_trained, rows_tested FROM ml_folds('p')") == [(20, 10), (20, 10), (21, 9)]
