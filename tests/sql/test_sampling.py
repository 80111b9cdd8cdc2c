"""sample = ...: the model is fitted on a seeded sample, and tested on the whole test part."""

import json

import pytest
from asking import command, declare, refusal, rows, value

from sqlite_ml_vtab.learning import training


@pytest.fixture
def many(db):
    """A predictor of 400 points of three classes, one of them rare."""
    declare(db, columns="a REAL, y TEXT TARGET, algorithm='knn'")
    points = [(i % 97, "rare" if i % 100 == 0 else "low" if i % 4 else "high") for i in range(400)]
    db.executemany("INSERT INTO p VALUES (?, ?)", points)
    return db


SIZES = "SELECT rows_trained, rows_tested FROM p_versions WHERE version = ?"


@pytest.mark.parametrize(("sample", "trained"), [(60, 60), (0.1, 30), (0.5, 150), (300, 300), (9999, 300), (1, 3)])
def test_so_many_rows_are_fitted_and_all_of_the_test_part_is_tested(many, sample, trained):
    number = command(many, "train", {"sample": sample})
    assert rows(many, SIZES, (number,)) == [(trained, 100)]
    assert value(many, "SELECT sum(value) FROM p_metrics WHERE name LIKE 'support[%'") == 100
    notes = json.loads(value(many, "SELECT notes FROM p_versions"))
    assert notes == ([] if trained == 300 else [f"fitted on a sample of {trained} of 300 rows"])


def test_it_may_be_declared_and_is_recorded(db):
    declare(db, columns="a REAL, y REAL TARGET, algorithm='linear_regression', sample=20", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, 2 * i) for i in range(100)])
    command(db, "train")
    assert rows(db, SIZES, (1,)) == [(20, 25)]
    assert json.loads(value(db, "SELECT options FROM p_versions"))["sample"] == 20


def test_the_same_seed_samples_the_same_rows_and_another_seed_others(many):
    for _ in range(2):
        command(many, "train", {"sample": 50, "deploy": False})
    command(many, "train", {"sample": 50, "seed": 1, "deploy": False})
    digests = [digest for (digest,) in rows(many, "SELECT digest FROM p_models ORDER BY version")]
    assert digests[0] == digests[1] != digests[2]
    assert command(many, "rebuild", {"version": 2}) == 2


def test_a_stratified_sample_keeps_the_shares_and_every_class(many, monkeypatch):
    taught = []
    fit = training.fit_estimator

    def watched(plan, encoded, answers, weights):
        taught.append((len(encoded.matrix), sorted(answers.tolist())))
        return fit(plan, encoded, answers, weights)

    monkeypatch.setattr(training, "fit_estimator", watched)
    command(many, "train", {"sample": 60, "deploy": True})
    command(many, "train", {"sample": 4, "deploy": True})
    [(encoded, answers), (_, few)] = taught
    # Of 400 rows 4 are rare, 96 high and 300 low.
    assert encoded == 60
    assert [answers.count(code) for code in range(3)] == [14, 45, 1]
    assert set(few) == {0, 1, 2}


def test_a_sample_of_a_time_ordered_table_is_of_the_earlier_rows(db):
    declare(db, columns="at DATE ORDER, a REAL, y REAL TARGET, algorithm='dummy', sample=10", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(f"2024-01-{d:02}", d, 100 * (d > 20)) for d in range(1, 29)])
    command(db, "train", {"test_size": 8})
    assert rows(db, "SELECT DISTINCT truth, prediction FROM p_holdout") == [(100, 0)]


@pytest.mark.parametrize("written", ["0", "-5", "1.5"])
def test_a_sample_that_cannot_be_taken_is_refused(db, written):
    said = refusal(db, f"CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, sample={written})")
    assert said.startswith(
        "DeclarationError: p: option 'sample' takes a fraction between 0 and 1 or a count of rows, got '"
    )
