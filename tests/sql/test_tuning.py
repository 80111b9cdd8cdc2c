"""tune: trials over folds of the train part, the best of them as a version, and a deployment only beyond noise."""

import json
import time

import numpy as np
import pytest
from asking import command, declare, refusal, rows, value
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

import sqlite_ml_vtab
from sqlite_ml_vtab.predictor import tuning

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

SPACE = {"max_depth": [1, 2, 3], "min_samples_leaf": {"low": 1, "high": 8}}


@pytest.fixture
def rings(db):
    """The predictor p of two numbers, over points whose class is a ring around the middle: depth pays."""
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, algorithm='decision_tree'")
    generator = np.random.RandomState(1)
    for a, b in generator.normal(size=(160, 2)).tolist():
        db.execute("INSERT INTO p VALUES (?, ?, ?)", (a, b, "in" if a * a + b * b < 1.2 else "out"))
    return db


def trials(db, run=1, columns="trial, state, drawn, score"):
    return rows(db, f"SELECT {columns} FROM ml_trials('p', {run})")


def tune_refusal(db, options):
    return refusal(db, "INSERT INTO p(p, options) VALUES ('tune', ?)", (json.dumps(options),))


@pytest.mark.parametrize("search", ["random", "grid", "halving", "optuna"])
def test_each_search_finds_a_version_and_does_so_twice_alike(rings, search):
    options = {"search": search, "trials": 9, "space": SPACE, "folds": 3, "deploy": False}
    assert command(rings, "tune", options) == 1
    assert command(rings, "tune", options) == 2
    assert trials(rings, 1) == trials(rings, 2)
    assert rows(rings, "SELECT count(DISTINCT digest), count(*) FROM ml_versions('p')") == [(1, 2)]
    assert value(rings, "SELECT max(score) FROM ml_trials('p', 1) WHERE state = 'complete'") == value(
        rings, "SELECT score FROM ml_runs('p') WHERE run = 1"
    )


def test_the_first_trial_is_what_was_declared(rings):
    command(rings, "tune", {"hyperparams": {"max_depth": 2}, "trials": 3, "space": {"min_samples_leaf": [3, 5]}})
    first, *others = rows(rings, "SELECT hyperparams, drawn FROM ml_trials('p')")
    assert first == ('{"max_depth": 2}', "{}")
    assert {json.loads(hyperparams)["max_depth"] for hyperparams, _ in others} == {2}


def test_the_version_is_that_of_train_with_the_same_hyperparams(rings):
    command(rings, "tune", {"trials": 5, "space": SPACE, "folds": 3})
    hyperparams = json.loads(value(rings, "SELECT hyperparams FROM ml_versions('p')"))
    command(rings, "train", {"hyperparams": hyperparams})
    assert rows(rings, "SELECT count(DISTINCT digest) FROM ml_versions('p')") == [(1,)]
    assert value(rings, "SELECT version FROM ml_runs('p')") == 1
    assert rows(rings, "SELECT reason FROM ml_deployments('p')") == [("tune: first version",)]


def test_no_trial_sees_the_test_part(db):
    seen = []

    class Watching(DecisionTreeClassifier):
        def fit(self, X, y, **options):
            seen.append({float(x) for x in X[:, 0]})
            return super().fit(X, y, **options)

    sqlite_ml_vtab.load(db, algorithms={"watching": Watching})
    declare(db, columns="a REAL, y TEXT TARGET, algorithm='watching'")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, "low" if i < 20 else "high") for i in range(40)])
    command(db, "tune", {"space": {"max_depth": [1, 2]}, "folds": 2})
    tested = {float(row) - 1 for (row,) in rows(db, "SELECT row FROM p_holdout")}
    assert len(tested) == 10
    assert not any(part & tested for part in seen)


def test_a_grid_has_every_point_once_behind_the_first_trial(rings):
    command(rings, "tune", {"search": "grid", "space": {"max_depth": [1, 2], "min_samples_leaf": [1, 4]}})
    drawn = [json.loads(text) for (text,) in rows(rings, "SELECT drawn FROM ml_trials('p')")]
    assert drawn == [{}, *({"max_depth": d, "min_samples_leaf": m} for d in (1, 2) for m in (1, 4))]


def test_random_trials_never_repeat_and_end_with_the_space(rings):
    command(rings, "tune", {"space": {"max_depth": [1, 2, 3]}, "trials": 20, "folds": 2})
    assert sorted(drawn for _, _, drawn, _ in trials(rings)) == [
        *('{"max_depth": 1}', '{"max_depth": 2}', '{"max_depth": 3}', "{}")
    ]


def test_halving_measures_the_better_third_on_all_rows(db):
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, algorithm='decision_tree'")
    points = np.random.RandomState(0).normal(size=(1300, 2)).tolist()
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(a, b, "x" if a * b > 0 else "y") for a, b in points])
    command(db, "tune", {"search": "halving", "trials": 9, "folds": 2})
    states = [state for _, state, *_ in trials(db)]
    assert states[0] == "complete"
    assert (states.count("complete"), states.count("pruned")) in {(1, 8), (2, 7), (3, 6)}
    fitted = dict(rows(db, "SELECT trial, max(rows_trained) FROM ml_folds('p') GROUP BY trial"))
    assert {fitted[n] for n, (_, state, *_) in enumerate(trials(db), 1) if state == "complete"} == {488}
    assert {fitted[n] for n, (_, state, *_) in enumerate(trials(db), 1) if state == "pruned"} == {100, 163}


def test_optuna_gives_up_trials_behind_the_median(rings):
    space = {"max_depth": {"low": 1, "high": 8}, "min_samples_leaf": {"low": 1, "high": 60}}
    command(rings, "tune", {"search": "optuna", "trials": 14, "space": space})
    found = dict(rows(rings, "SELECT state, count(*) FROM ml_trials('p') GROUP BY state"))
    assert found["pruned"] > 0
    assert found["complete"] >= 6
    measured = rows(
        rings,
        "SELECT t.state, count(*) FROM ml_trials('p') AS t JOIN ml_folds('p') AS f USING (trial) GROUP BY t.trial",
    )
    assert all(count == 5 if state == "complete" else count < 5 for state, count in measured)


@pytest.mark.parametrize("search", ["random", "grid", "optuna"])
def test_a_resumed_run_goes_on_as_if_it_had_never_ended(rings, search):
    options = {"search": search, "space": {"max_depth": [1, 2, None], "min_samples_leaf": [1, 3, 9]}, "folds": 3}
    command(rings, "tune", {**options, "trials": 4, "deploy": False})
    command(rings, "tune", {"resume": 1, "trials": 4, "deploy": False})
    command(rings, "tune", {**options, "trials": 8, "deploy": False})
    assert [run for (run,) in rows(rings, "SELECT run FROM ml_runs('p')")] == [1, 2, 3]
    assert trials(rings, 2)[:4] == trials(rings, 1)
    assert trials(rings, 2) == trials(rings, 3)
    assert len(trials(rings, 2)) == 8


def test_a_run_over_other_rows_cannot_be_resumed(rings):
    command(rings, "tune", {"trials": 2, "folds": 2})
    rings.execute("DELETE FROM p WHERE rowid = 1")
    assert tune_refusal(rings, {"resume": 1}) == (
        'CommandError: p: the rows have changed since run 1. Run tune anew, without "resume".'
    )
    assert tune_refusal(rings, {"resume": 9}) == "CommandError: p: no run 9 of tune. Runs: 1."
    assert tune_refusal(rings, {"resume": 1, "folds": 3}) == (
        "CommandError: p: option 'folds' cannot change in a run that is resumed. Leave it out."
    )


def test_a_trial_that_fails_is_kept_with_its_error_and_the_others_go_on(db):
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, algorithm='knn'")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, i % 3, "low" if i < 16 else "high") for i in range(32)])
    command(db, "tune", {"search": "grid", "space": {"n_neighbors": [2, 500]}, "folds": 3})
    assert rows(db, "SELECT trial, state, error FROM ml_trials('p')") == [
        (1, "complete", None),
        (2, "complete", None),
        (
            3,
            "failed",
            "algorithm 'knn' cannot be fitted to these rows: "
            "Expected n_neighbors <= n_samples_fit, but n_neighbors = 500, n_samples_fit = 16, n_samples = 1",
        ),
    ]
    assert value(db, "SELECT said LIKE '%; 1 trial failed' FROM ml_runs('p')")


def test_where_all_fail_the_first_reason_is_told_and_nothing_is_left(db):
    class Broken(DecisionTreeClassifier):
        def fit(self, X, y):
            raise KeyError("no luck")

    sqlite_ml_vtab.load(db, algorithms={"broken": Broken})
    declare(db, columns="a REAL, y TEXT TARGET, algorithm='broken'")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, "low" if i < 8 else "high") for i in range(16)])
    assert tune_refusal(db, {"space": {"max_depth": [1, 2]}, "folds": 2}) == (
        "TrainingError: p: no trial came through; the first one says: "
        "algorithm 'broken' cannot be fitted to these rows: 'no luck'"
    )
    assert rows(db, "SELECT * FROM ml_runs('p')") == rows(db, "SELECT * FROM ml_trials('p')") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"search": "rondom"},
            "CommandError: p: unknown search 'rondom'. Did you mean 'random'? Searches: grid, halving, optuna, random.",
        ),
        ({"trials": 0}, "CommandError: p: option 'trials' takes a whole number from 1 to 1000000, got 0."),
        ({"timeout": 0}, "CommandError: p: option 'timeout' takes a number of seconds above 0, got 0."),
        ({"timeout": "1"}, "CommandError: p: option 'timeout' takes a number of seconds above 0, got \"1\"."),
        (
            {"space": {"max_depth": [0]}},
            "CommandError: p: hyperparameter 'max_depth' of 'decision_tree' must be "
            "an int in the range [1, inf) or None, got 0. Write another value.",
        ),
        (
            {"space": [1]},
            "CommandError: p: option 'space' takes a JSON object of hyperparameter to a list or a range, got [1]. "
            'Write {"C": {"low": 0.01, "high": 100, "log": true}}.',
        ),
        ({"deploy": 1}, "CommandError: p: option 'deploy' takes true or false, got 1."),
        ({"folds": 1000}, 'TrainingError: p: 1000 folds need 1000 rows, got 120. Insert more. Use {"folds": 120}.'),
        (
            {"search": "halving", "resume": 4},
            "CommandError: p: option 'search' cannot change in a run that is resumed. Leave it out.",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_fit(rings, options, sentence):
    assert tune_refusal(rings, options) == sentence
    assert rows(rings, "SELECT * FROM ml_runs('p')") == []


def test_an_algorithm_of_the_host_needs_a_space(db):
    class Own(DecisionTreeClassifier):
        pass

    sqlite_ml_vtab.load(db, algorithms={"own": Own})
    declare(db, columns="a REAL, y TEXT TARGET, algorithm='own'")
    assert tune_refusal(db, {}) == (
        "CommandError: p: algorithm 'own' has no default space. "
        'Write one: {"space": {"C": {"low": 0.01, "high": 100, "log": true}}}.'
    )


def test_optuna_that_is_not_installed_is_named(rings, monkeypatch):
    monkeypatch.setattr(tuning, "find_spec", lambda name: None)
    assert tune_refusal(rings, {"search": "optuna"}) == (
        "CommandError: p: search 'optuna' needs a package that is not installed. "
        "Run: pip install 'sqlite-ml-vtab[optuna]'."
    )


# Time


@pytest.fixture
def clock(monkeypatch):
    """A clock of its own for searches: each fit of a forest of n trees takes n seconds."""
    now = [1000.0]
    fit = RandomForestClassifier.fit

    def slow(self, *args, **options):
        now[0] += self.n_estimators
        return fit(self, *args, **options)

    monkeypatch.setattr(RandomForestClassifier, "fit", slow)
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.mark.parametrize("search", ["random", "grid", "optuna"])
def test_a_timeout_is_kept_within_one_fit(rings, clock, search):
    space = {"n_estimators": [2, 3], "max_depth": [1, 2, 3]}
    run = {"algorithm": "random_forest", "hyperparams": {"n_estimators": 2}, "search": search, "space": space}
    began = clock[0]
    command(rings, "tune", {**run, "folds": 2, "timeout": 9})
    last_trial_fit, final_fit = 3, 3
    assert began + 9 <= clock[0] <= began + 9 + last_trial_fit + final_fit
    states = [state for _, state, *_ in trials(rings)]
    assert states[0] == "complete"
    assert set(states[1:]) <= {"complete", "pruned", "stopped"}
    assert len(states) < 7


def test_a_timeout_before_the_first_trial_ends_is_told(rings, clock):
    run = {"algorithm": "random_forest", "hyperparams": {"n_estimators": 5}, "timeout": 6, "folds": 3}
    assert tune_refusal(rings, run) == ("TrainingError: p: no trial ended within 6 s. Allow more time, or fewer folds.")
    assert rows(rings, "SELECT * FROM ml_runs('p')") == []


# Deployment


def test_what_is_better_on_the_test_part_is_deployed(rings):
    command(rings, "train", {"hyperparams": {"max_depth": 1}})
    command(rings, "tune", {"space": {"max_depth": [1, 6]}, "hyperparams": {"max_depth": 1}})
    assert value(rings, "SELECT deployed FROM ml_tables") == 2
    reason = value(rings, "SELECT reason FROM ml_deployments('p') WHERE version = 2")
    assert reason.startswith("tune: accuracy ")
    assert 0 < float(reason.rpartition("p = ")[2]) < 0.05


def test_what_is_not_better_is_stored_and_not_deployed(rings):
    command(rings, "train", {"hyperparams": {"max_depth": 6}})
    with pytest.warns(
        match=r'not deployed: it has accuracy .* of version 1 on the test part; force it with \{"deploy": true\}$'
    ):
        command(rings, "tune", {"space": {"max_depth": [1, 2]}, "hyperparams": {"max_depth": 6}})
    assert rows(rings, "SELECT versions, deployed FROM ml_tables") == [(2, 1)]
    command(rings, "tune", {"space": {"max_depth": [1, 2]}, "hyperparams": {"max_depth": 6}, "deploy": True})
    assert rows(rings, "SELECT versions, deployed FROM ml_tables") == [(3, 3)]


def test_noise_is_never_deployed(db):
    generator = np.random.RandomState(7)
    for seed in range(4):
        declare(db, columns="a REAL, b REAL, c REAL, y TEXT TARGET, algorithm='decision_tree'")
        for row in generator.normal(size=(120, 3)).tolist():
            db.execute("INSERT INTO p VALUES (?, ?, ?, ?)", (*row, str(generator.randint(2))))
        command(db, "train", {"seed": seed})
        command(db, "tune", {"seed": seed, "trials": 10, "folds": 3})
        assert value(db, "SELECT deployed FROM ml_tables") == 1
        db.execute("DROP TABLE p")


def test_without_a_test_part_nothing_is_promoted(rings):
    command(rings, "train", {"split": "none", "hyperparams": {"max_depth": 1}})
    command(rings, "tune", {"split": "none", "space": {"max_depth": [6]}})
    assert value(rings, "SELECT deployed FROM ml_tables") == 1
    assert "nothing tells whether it is better" in value(rings, "SELECT said FROM ml_runs('p')")


def test_a_rolled_back_run_leaves_nothing(rings):
    rings.execute("BEGIN")
    command(rings, "tune", {"trials": 2, "folds": 2})
    assert value(rings, "SELECT count(*) FROM ml_trials('p')") == 2
    rings.execute("ROLLBACK")
    for table in ("ml_runs", "ml_trials", "ml_folds", "ml_versions"):
        assert rows(rings, f"SELECT * FROM {table}('p')") == []


def test_several_targets_are_tuned_together(db):
    declare(db, columns="x REAL, y REAL TARGET, z REAL TARGET, algorithm='ridge'", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, 2 * i, (i * 7) % 5) for i in range(40)])
    command(db, "train", {"hyperparams": {"alpha": 1e4}})
    command(db, "tune", {"space": {"alpha": [1e-4, 1e4]}, "hyperparams": {"alpha": 1e4}, "folds": 3})
    assert json.loads(value(db, "SELECT hyperparams FROM ml_versions('p') WHERE version = 2")) == {"alpha": 0.0001}


# What a resumed run believes of the file


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE p_runs SET options = 'x'",
        "UPDATE p_runs SET options = '[]'",
        "UPDATE p_runs SET options = x'00'",
        "UPDATE p_runs SET options = replace(hex(zeroblob(50000)), '00', '[')",
        "UPDATE p_trials SET drawn = 'x'",
        "UPDATE p_trials SET drawn = '[]' WHERE trial = 2",
        "UPDATE p_trials SET drawn = '{\"bogus\": 1}' WHERE trial = 2",
        "UPDATE p_trials SET drawn = '{\"n_jobs\": 8}' WHERE trial = 2",
        "UPDATE p_trials SET seconds = 'long'",
        "UPDATE p_trials SET state = 'well'",
        "UPDATE p_trials SET trial = 7 WHERE trial = 2",
        "UPDATE p_folds SET metrics = 'x'",
        'UPDATE p_folds SET metrics = \'{"accuracy": "1"}\'',
        "UPDATE p_folds SET score = 'high'",
        "UPDATE p_folds SET fit_seconds = x'00'",
        "UPDATE p_folds SET rows_trained = 0",
        "UPDATE p_folds SET rows_tested = 'all'",
    ],
)
def test_a_run_that_was_tampered_with_is_not_gone_on_with(rings, tampering):
    command(rings, "tune", {"algorithm": "random_forest", "hyperparams": {"n_estimators": 2}, "trials": 2, "folds": 2})
    rings.execute(tampering)
    said = tune_refusal(rings, {"resume": 1, "trials": 1})
    assert said.startswith("ModelError: p: the ")
    assert said.endswith('of run 1 cannot be read. Run tune anew, without "resume".')


def test_the_hyperparams_of_a_stored_trial_are_not_believed(rings):
    command(rings, "tune", {"space": SPACE, "trials": 2, "folds": 2})
    rings.execute('UPDATE p_trials SET hyperparams = \'{"n_jobs": 8, "verbose": 3}\'; UPDATE p_folds SET score = 1.0')
    command(rings, "tune", {"resume": 1, "trials": 1})
    assert "n_jobs" not in value(rings, "SELECT group_concat(hyperparams) FROM ml_versions('p')")


@pytest.mark.parametrize("table", ["runs", "versions"])
def test_a_number_behind_the_last_one_is_refused(rings, table):
    command(rings, "tune", {"trials": 1, "folds": 2})
    rings.execute(f"UPDATE p_{table} SET {table[:-1]} = 9223372036854775807")
    assert tune_refusal(rings, {"trials": 1, "folds": 2}) == (
        f"ModelError: p: the number of the last {table[:-1]} is damaged. Restore the shadow tables from a backup."
    )
    rings.execute(f"UPDATE p_{table} SET {table[:-1]} = 1")


@pytest.mark.parametrize("options", ["[]", "5", "null", '"abc"', "x", "{"])
def test_a_deployed_version_that_cannot_be_read_is_not_compared_with(rings, options):
    command(rings, "train", {"hyperparams": {"max_depth": 1}})
    rings.execute("UPDATE p_versions SET options = ?", (options,))
    command(rings, "tune", {"space": {"max_depth": [6]}})
    assert value(rings, "SELECT said FROM ml_runs('p') WHERE run = 1").endswith(
        'not deployed: version 1 cannot be fitted again to compare; force it with {"deploy": true}'
    )
    command(rings, "compare", {"algorithms": ["knn", "dummy"], "repeats": 1})
    assert value(rings, "SELECT said FROM ml_runs('p') WHERE run = 2").startswith(
        "version 1 is deployed and cannot be fitted again to compare, so nothing is promoted"
    )
    assert value(rings, "SELECT deployed FROM ml_tables") == 1


def test_a_trial_that_was_cut_short_is_measured_when_the_run_goes_on(rings, clock):
    space = {"n_estimators": [2, 3], "max_depth": [1, 2]}
    run = {
        "algorithm": "random_forest",
        "hyperparams": {"n_estimators": 2},
        "search": "grid",
        "space": space,
        "folds": 2,
    }
    command(rings, "tune", {**run, "timeout": 9})
    assert [state for _, state, *_ in trials(rings)][-1] == "stopped"
    command(rings, "tune", {"resume": 1, "timeout": 1000})
    assert [state for _, state, *_ in trials(rings, 2)] == ["complete"] * 5


def test_trials_are_drawn_as_they_are_measured(rings, clock):
    run = {"algorithm": "random_forest", "hyperparams": {"n_estimators": 2}, "folds": 2, "timeout": 20}
    command(rings, "tune", {**run, "trials": 1_000_000, "space": {"max_depth": {"low": 1, "high": 1_000_000}}})
    assert len(trials(rings)) < 10


def test_a_table_that_is_learned_in_chunks_is_searched_whole(rings):
    rings.execute(
        "CREATE VIRTUAL TABLE q USING ml_classification(a REAL, b REAL, y TEXT TARGET, algorithm=sgd, fit=incremental);"
        "INSERT INTO q SELECT * FROM p"
    )
    command(rings, "tune", {"algorithm": "decision_tree", "space": SPACE, "trials": 2, "folds": 2}, name="q")
    assert json.loads(value(rings, "SELECT options FROM ml_versions('q')"))["fit"] == "whole"
