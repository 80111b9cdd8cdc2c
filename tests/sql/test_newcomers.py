"""What people who had never seen the program ran into: the shortest table of each, and what it should have done."""

import json

import numpy as np
import pytest
from asking import command, declare, refusal, rows, value

import sqlite_ml_vtab

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

PERIODIC = """
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119)
    INSERT INTO f SELECT date('2015-01-01', i || ' months'), 15 + 10 * cos(2 * pi() * i / 12) + {} FROM n
"""


@pytest.mark.parametrize("noise", ["0", "(i * 7919 % 1000) * 1e-9", "(i * 7919 % 1000) * 1e-6"])
def test_a_clean_periodic_series_goes_on_as_it_was(db, noise):
    db.execute("CREATE VIRTUAL TABLE f USING ml_forecast(at DATE ORDER, v REAL TARGET)")
    db.execute(PERIODIC.format(noise))
    command(db, "train", name="f")
    found = [v for (v,) in rows(db, "SELECT v FROM f(NULL, 24)")]
    assert found == pytest.approx([15 + 10 * np.cos(2 * np.pi * i / 12) for i in range(120, 144)], abs=0.2)


def test_a_forecast_that_a_naive_one_beats_says_so(db):
    db.execute("CREATE VIRTUAL TABLE f USING ml_forecast(at DATE ORDER, v REAL TARGET)")
    db.execute(PERIODIC.format("0"))
    command(db, "train", name="f")
    assert "a naive forecast, the last value or that of a season ago, does better on the test part" in json.loads(
        value(db, "SELECT notes FROM ml_versions('f')")
    )


def test_two_rows_with_a_hole_are_no_cluster_of_their_own(db):
    db.execute("CREATE VIRTUAL TABLE c USING ml_clustering(a REAL, b REAL, clusters=2)")
    generator = np.random.RandomState(0)
    for side in (-3.0, 3.0):
        db.executemany("INSERT INTO c VALUES (?, ?)", (generator.normal(size=(60, 2)) + side).tolist())
    db.execute("INSERT INTO c VALUES (NULL, 3.0), (3.0, NULL)")
    command(db, "train", name="c")
    assert sorted(count for (count,) in rows(db, "SELECT count(*) FROM c GROUP BY cluster")) == [60, 62]


@pytest.mark.parametrize("name", ["ml", "ML"])
def test_a_predictor_cannot_hide_the_functions(trained, name):
    sentence = (
        f"DeclarationError: {name}: a predictor cannot be named 'ml': its shadow tables would hide the functions "
        "ml_versions, ml_metrics and others. Choose another name."
    )
    assert refusal(trained, f"CREATE VIRTUAL TABLE {name} USING ml_regression(a, y TARGET)") == sentence
    assert refusal(trained, f"ALTER TABLE p RENAME TO {name}").endswith(sentence.partition(name)[2].partition(": ")[2])


def test_labels_that_read_alike_are_refused(db):
    declare(db, columns="a REAL, y TARGET, algorithm=gaussian_nb")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, 1 if i % 2 else "1") for i in range(20)])
    assert refusal(db, "INSERT INTO p(p) VALUES ('train')") == (
        "TrainingError: p: the target holds 1 and '1', which read alike. Store one of them, "
        "or declare a type: INTEGER or TEXT."
    )


def test_an_error_is_not_rewarded(db):
    assert refusal(db, """CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, cost='{"x": {"y": -5}}')""") == (
        "DeclarationError: p: option 'cost' takes a JSON object of actual label to predicted label to cost, "
        'which is 0 or more, got \'{"x": {"y": -5}}\'.'
    )


def test_numbers_of_numpy_are_numbers(points):
    assert sqlite_ml_vtab.train(points, "p", algorithm="knn", hyperparams={"n_neighbors": np.int64(3)}) == 1
    with pytest.raises(sqlite_ml_vtab.CommandError, match=r"^the options are values that JSON can hold, got "):
        sqlite_ml_vtab.train(points, "p", hyperparams={"n_neighbors": object()})


def test_weights_of_zero_teach_nothing(db):
    declare(db, columns="a REAL, w REAL WEIGHT, y TARGET, algorithm=ridge")
    db.executemany("INSERT INTO p VALUES (?, 0, ?)", [(i, i % 2) for i in range(20)])
    assert refusal(db, "INSERT INTO p(p) VALUES ('train')") == (
        "TrainingError: p: the WEIGHT of every row of the train part is 0. Store a number above 0 in some of them."
    )


def test_the_same_candidate_twice_is_one(points):
    command(points, "compare", {"algorithms": ["knn", "knn", "dummy"], "folds": 2, "repeats": 1, "deploy": False})
    assert [name for (name,) in rows(points, "SELECT algorithm FROM ml_comparisons('p')")] == ["knn", "dummy"]
