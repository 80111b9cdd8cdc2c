"""compare: candidates over the same folds, a verdict on each, and a promotion only beyond noise."""

import json
import time

import numpy as np
import pytest
from asking import command, declare, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab.learning.search.comparing import holm, over_folds
from sqlite_ml_vtab.learning.search.folds import FoldScore

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

TREE = '{"algorithm": "decision_tree", "hyperparams": {"max_depth": 1}}'


@pytest.fixture
def rings(db):
    """The predictor p over points whose class is a ring: no line divides them."""
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, algorithm='logistic_regression'")
    for a, b in np.random.RandomState(1).normal(size=(160, 2)).tolist():
        db.execute("INSERT INTO p VALUES (?, ?, ?)", (a, b, "in" if a * a + b * b < 1.2 else "out"))
    return db


def candidates(db, run=1, columns="algorithm, state, verdict"):
    return rows(db, f"SELECT {columns} FROM ml_comparisons('p', {run})")


def compare_refusal(db, options):
    return refusal(db, "INSERT INTO p(p, options) VALUES ('compare', ?)", (json.dumps(options),))


def test_the_better_one_is_deployed_and_the_reason_told(rings):
    command(rings, "train")
    with pytest.warns(match=r"^p: knn is ahead of version 1 \(logistic_regression\) by 0\.\d+ over the folds"):
        run = command(rings, "compare", {"algorithms": ["knn", "dummy"], "repeats": 1})
    assert run == 1
    assert candidates(rings) == [
        ("logistic_regression", "complete", "the deployed version 1"),
        ("knn", "complete", "better beyond noise"),
        ("dummy", "complete", "better, but not beyond noise"),
    ]
    assert rows(rings, "SELECT deployed, algorithm FROM ml_tables") == [(2, "knn")]
    said = value(rings, "SELECT said FROM ml_runs('p')")
    assert said.endswith("; deployed as version 2")
    assert value(rings, "SELECT reason FROM ml_deployments('p') WHERE version = 2").startswith("compare: knn is ahead")
    assert value(rings, "SELECT version FROM ml_runs('p')") == 2


def test_differences_and_p_values_are_those_of_the_folds(rings):
    command(rings, "train")
    command(rings, "compare", {"algorithms": ["knn", "gaussian_nb", "dummy"], "repeats": 1, "deploy": False})
    scores = {
        trial: [
            FoldScore(1, fold, trained, tested, score, 0.0, {}, 0.0, 0.0)
            for fold, trained, tested, score in rows(
                rings, "SELECT fold, rows_trained, rows_tested, score FROM ml_folds('p') WHERE trial = ?", (trial,)
            )
        ]
        for trial in (1, 2, 3, 4)
    }
    first = [fold.score for fold in scores[1]]
    found = [over_folds([fold.score for fold in scores[n]], first, scores[n]) for n in (2, 3, 4)]
    expected = list(zip([one.mean for one in found], holm([one.p_value for one in found])))
    assert rows(rings, "SELECT difference, p_value FROM ml_comparisons('p') WHERE trial > 1") == [
        pytest.approx(pair) for pair in expected
    ]
    assert rows(rings, "SELECT versions FROM ml_tables") == [(1,)]


def test_without_a_version_the_baseline_is_the_rival(rings):
    command(rings, "compare", {"algorithms": ["knn", "gaussian_nb"], "repeats": 1})
    assert rows(rings, "SELECT versions, deployed FROM ml_tables") == [(1, 1)]
    assert value(rings, "SELECT said FROM ml_runs('p')").startswith("gaussian_nb is ahead of the baseline by 0.")


def test_all_is_every_algorithm_of_the_task_that_is_installed(db):
    declare(db, columns="a REAL, b REAL, y REAL TARGET, algorithm='ridge'", task="regression")
    points = np.random.RandomState(2).normal(size=(60, 2)).tolist()
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(a, b, a - b) for a, b in points])
    command(db, "train")
    command(db, "compare", {"folds": 2, "repeats": 1, "deploy": False})
    names = [name for name, *_ in candidates(db)]
    expected = [name for (name,) in rows(db, "SELECT algorithm FROM ml_algorithms('regression')")]
    assert sorted(names) == sorted({*expected, "ridge"} - {"isotonic"})
    failed = dict(rows(db, "SELECT algorithm, verdict FROM ml_comparisons('p') WHERE state = 'failed'"))
    assert {"gamma", "poisson"} <= set(failed)
    assert failed["gamma"].startswith("failed: algorithm 'gamma' cannot be fitted to these rows: ")
    sizes = dict(rows(db, "SELECT algorithm, model_bytes FROM ml_comparisons('p') WHERE state = 'complete'"))
    assert sizes["random_forest"] > sizes["ridge"] > 0
    assert value(db, "SELECT min(fit_seconds) > 0 AND min(predict_seconds) > 0 FROM ml_comparisons('p')") == 1


def test_noise_is_never_promoted(db):
    generator = np.random.RandomState(11)
    for seed in range(3):
        declare(db, columns="a REAL, b REAL, c REAL, y TEXT TARGET, algorithm='decision_tree'")
        for row in generator.normal(size=(120, 3)).tolist():
            db.execute("INSERT INTO p VALUES (?, ?, ?, ?)", (*row, str(generator.randint(2))))
        command(db, "train", {"seed": seed})
        command(db, "compare", {"algorithms": ["knn", "ridge", "gaussian_nb", "svc", "lda", "dummy"], "seed": seed})
        assert value(db, "SELECT deployed FROM ml_tables") == 1
        db.execute("DROP TABLE p")
    declare(db, columns="a REAL, y TEXT TARGET")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, str(generator.randint(2))) for i in range(60)])
    command(db, "compare", {"algorithms": ["knn", "gaussian_nb"]})
    assert value(db, "SELECT versions FROM ml_tables") == 0


def test_hyperparams_make_two_candidates_of_one_algorithm(rings):
    command(rings, "train")
    algorithms = [{"algorithm": "knn", "hyperparams": {"n_neighbors": n}} for n in (1, 9)]
    command(rings, "compare", {"algorithms": [*algorithms, "logistic_regression"], "deploy": False})
    assert rows(rings, "SELECT algorithm, hyperparams FROM ml_comparisons('p')") == [
        ("logistic_regression", "{}"),
        ("knn", '{"n_neighbors": 1}'),
        ("knn", '{"n_neighbors": 9}'),
    ]


def test_names_of_other_systems_are_understood(rings):
    command(rings, "compare", {"algorithms": ["k_nearest_neighbors", "naive_bayes"], "deploy": False})
    assert [name for name, *_ in candidates(rings)] == ["knn", "gaussian_nb"]


def test_a_timeout_leaves_out_candidates_and_says_so(rings, monkeypatch):
    now = [1000.0]

    def passing():
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(time, "time", passing)
    command(rings, "train")
    algorithms = ["knn", "gaussian_nb", "lda", "qda", "svc"]
    command(rings, "compare", {"algorithms": algorithms, "timeout": 30, "folds": 2, "repeats": 2, "deploy": False})
    states = [state for _, state, _ in candidates(rings)]
    assert states[0] == "complete"
    assert states[-1] == "stopped"
    assert len(states) == 6
    assert candidates(rings)[-1] == ("svc", "stopped", "the time was over before it was measured")


def test_where_none_comes_through_the_first_reason_is_told(db):
    declare(db, columns="a REAL, y REAL TARGET, algorithm='ridge'", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, -i) for i in range(20)])
    assert compare_refusal(db, {"algorithms": ["gamma", "poisson"]}).startswith(
        "TrainingError: p: no candidate came through; the first one says: algorithm 'gamma' cannot be fitted"
    )
    assert rows(db, "SELECT * FROM ml_runs('p')") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"algorithms": ["knn"]},
            "CommandError: p: compare needs two candidates, and there is one. "
            'Write {"algorithms": ["knn", "ridge"]}, or "all".',
        ),
        (
            {"algorithms": "some"},
            'CommandError: p: option \'algorithms\' takes "all" or a list of algorithms, got "some". '
            'Write ["knn", {"algorithm": "ridge", "hyperparams": {"alpha": 10}}].',
        ),
        (
            {"algorithms": ["knn", 3]},
            "CommandError: p: option 'algorithms' lists algorithms, got 3. "
            'Write "knn" or {"algorithm": "knn", "hyperparams": {...}}.',
        ),
        (
            {"algorithms": ["knn", "forest"]},
            "CommandError: p: unknown algorithm 'forest'. "
            "Nearest algorithms: random_forest, xgboost, xgboost_random_forest.",
        ),
        (
            {"algorithms": ["knn", {"algorithm": "svc", "hyperparams": {"c": 1}}]},
            "CommandError: p: algorithm 'svc' has no hyperparameter 'c'. Nearest hyperparameters: C, coef0, cache_size.",
        ),
        ({"folds": 0}, "CommandError: p: option 'folds' takes a whole number from 2 to 1000, got 0."),
        ({"timeout": -1}, "CommandError: p: option 'timeout' takes a number of seconds above 0, got -1."),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_fit(rings, options, sentence):
    assert compare_refusal(rings, options) == sentence


def test_a_deployed_version_of_an_algorithm_that_is_gone_is_no_rival(connect, path):
    from sklearn.tree import DecisionTreeClassifier

    class Own(DecisionTreeClassifier):
        pass

    db = connect(path, algorithms={"own": Own})
    declare(db, columns="a REAL, y TEXT TARGET, algorithm='own'")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, "low" if i < 20 else "high") for i in range(40)])
    command(db, "train")
    db.close()
    db = connect(path)
    sqlite_ml_vtab.load(db)
    command(db, "compare", {"algorithm": "knn", "algorithms": ["knn", "gaussian_nb"], "repeats": 1})
    assert value(db, "SELECT said FROM ml_runs('p')") == (
        "version 1 is deployed and cannot be fitted again to compare, so nothing is promoted; deploy another version first"
    )
    assert value(db, "SELECT deployed FROM ml_tables") == 1


def test_rows_without_an_answer_count_for_nothing(db):
    declare(db, columns="a REAL, y REAL TARGET, algorithm='ridge'", task="regression")
    generator = np.random.RandomState(3)
    db.executemany(
        "INSERT INTO p VALUES (?, ?)", [(x, float(generator.normal())) for x in generator.normal(size=80).tolist()]
    )
    command(db, "train")
    near = {"algorithm": "radius_neighbors", "hyperparams": {"radius": 0.05}}
    command(db, "compare", {"algorithms": [near, "dummy"], "repeats": 1})
    assert "nan" not in value(db, "SELECT said FROM ml_runs('p')")
    assert value(db, "SELECT deployed FROM ml_tables") == 1


def test_a_promotion_cannot_be_forced(rings):
    assert compare_refusal(rings, {"deploy": True}) == (
        "CommandError: p: compare deploys what is better beyond noise, and 'deploy' can only be false. Leave it out."
    )
