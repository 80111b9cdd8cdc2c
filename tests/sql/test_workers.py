"""Progress, and fits on what joblib reaches: the same results as in one process."""

import pytest
from asking import command, declare, refusal, rows, value

import sqlite_ml_vtab

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

RUNS = {
    "cross_validate": {"folds": 3},
    "tune": {"trials": 3, "folds": 2},
    "compare": {"algorithms": ["knn", "gaussian_nb"], "folds": 2, "repeats": 1},
}


def filled(connect, **settings):
    db = connect(**settings)
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, algorithm='decision_tree'")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, (i * 7) % 5, "low" if i < 20 else "high") for i in range(40)])
    return db


def evidence(db):
    """Return all that the runs found, but for times."""
    for text, options in RUNS.items():
        command(db, text, options)
    return [
        rows(db, "SELECT run, command, score, spread, version, said FROM ml_runs('p')"),
        rows(db, "SELECT run, trial, repeat, fold, score, metrics FROM ml_folds('p')"),
        rows(db, "SELECT run, trial, state, hyperparams, score FROM ml_trials('p')"),
        rows(db, "SELECT run, trial, difference, p_value, model_bytes, verdict FROM ml_comparisons('p')"),
        rows(db, "SELECT version, digest, score FROM ml_versions('p')"),
    ]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_backend_finds_what_one_process_finds(connect, backend):
    assert evidence(filled(connect, backend=backend, jobs=2)) == evidence(filled(connect))


def test_dask_finds_what_one_process_finds(connect):
    from distributed import Client

    with Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None):
        found = evidence(filled(connect, backend="dask"))
    assert found == evidence(filled(connect))


def test_progress_is_told_after_each_step(connect):
    told = []
    db = filled(connect, progress=told.append)
    for text, options in RUNS.items():
        command(db, text, options)
    steps = [(one.table, one.command, one.done, one.total) for one in told]
    assert steps == [("p", name, done, 3) for name in RUNS for done in (1, 2, 3)]
    bests = [one.best for one in told if one.command == "tune"]
    assert bests == sorted(bests)
    assert all(one.seconds >= 0 for one in told)


def test_a_progress_function_that_raises_ends_the_command_and_undoes_it(connect):
    class Enough(Exception):
        pass

    def progress(one):
        if one.done == 2:
            raise Enough

    db = filled(connect, progress=progress)
    for text, options in RUNS.items():
        with pytest.raises(Enough):
            command(db, text, options)
    assert rows(db, "SELECT * FROM ml_runs('p')") == rows(db, "SELECT * FROM ml_versions('p')") == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"progress": 3}, "progress is a function of one argument, got 3."),
        ({"jobs": 0}, "jobs is a whole number but 0, -1 for every core, got 0."),
        ({"jobs": "2"}, "jobs is a whole number but 0, -1 for every core, got '2'."),
        ({"backend": 2}, "backend is the name of a backend of joblib, such as 'loky', got 2."),
        (
            {"backend": "lokky"},
            "unknown backend 'lokky'. Did you mean 'loky'? Backends: dask, loky, multiprocessing, ray, spark, threading.",
        ),
    ],
)
def test_settings_are_checked(db, settings, sentence):
    with pytest.raises(sqlite_ml_vtab.CommandError) as caught:
        sqlite_ml_vtab.load(db, **settings)
    assert str(caught.value) == sentence


def test_a_backend_that_is_not_there_is_named(connect):
    db = filled(connect, backend="ray")
    sentence = refusal(db, "INSERT INTO p(p) VALUES ('cross_validate')")
    assert sentence == (
        "CommandError: p: the backend 'ray' is not registered with joblib. "
        "Import what brings it and start its client first, or leave backend out."
    )
    assert value(db, "SELECT count(*) FROM ml_runs('p')") == 0
