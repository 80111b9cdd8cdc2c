"""db.interrupt(), Ctrl-C and a timeout end a command that is busy in Python, and leave everything as it was."""

import json
import os
import signal
import threading
from dataclasses import replace

import apsw
import pytest
from asking import command, declare, fill, refusal, rows, value
from sklearn.tree import DecisionTreeClassifier

import sqlite_ml_vtab
from sqlite_ml_vtab.learning import stopping
from sqlite_ml_vtab.learning.search import strategies
from sqlite_ml_vtab.learning.search.folds import FoldScore
from sqlite_ml_vtab.predictor import tuning

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


class Endless(DecisionTreeClassifier):
    """An estimator whose fit does not end by itself where trees are deep, and which swallows every Exception."""

    started = threading.Event()

    def fit(self, X, y):
        if self.max_depth == 1:
            return super().fit(X, y)
        Endless.started.set()
        while True:
            try:
                sum(range(100))
            except Exception:
                return super().fit(X, y)


@pytest.fixture
def endless(points):
    """The predictor p, trained once, where the algorithm `endless` may be named; something interrupts it."""
    Endless.started.clear()
    sqlite_ml_vtab.load(points, algorithms={"endless": Endless})
    command(points, "train")

    def interrupt():
        Endless.started.wait()
        points.interrupt()

    helper = threading.Thread(target=interrupt)
    helper.start()
    yield points
    helper.join()


COMMANDS = {
    "train": {"algorithm": "endless"},
    "cross_validate": {"algorithm": "endless", "folds": 2},
    "tune": {"algorithm": "endless", "space": {"max_depth": [2, 3]}, "folds": 2},
    "compare": {"algorithms": ["knn", "endless"], "folds": 2},
}


@pytest.mark.parametrize("text", COMMANDS)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_command_ends_and_nothing_is_left_of_it(endless, text, in_transaction):
    before = endless.serialize("main")
    if in_transaction:
        endless.execute("BEGIN; INSERT INTO p VALUES (1, 2, 'low')")
    with pytest.raises(apsw.InterruptError):
        command(endless, text, COMMANDS[text])
    # SQLite rolls back the whole transaction around an interrupted write (https://sqlite.org/c3ref/interrupt.html).
    assert not endless.in_transaction
    assert endless.serialize("main") == before
    assert rows(endless, "SELECT y FROM p(1.0, 2.0)") == [("low",)]


def test_the_connection_lives_on(endless):
    with pytest.raises(apsw.InterruptError):
        command(endless, "train", {"algorithm": "endless"})
    assert command(endless, "train", {"algorithm": "knn", "deploy": True}) == 2
    assert value(endless, "SELECT algorithm FROM ml_tables") == "knn"


def test_an_interrupt_before_a_command_does_not_reach_it(db):
    declare(db)
    fill(db)
    db.interrupt()
    assert command(db, "train") == 1


def test_a_command_leaves_no_thread_behind(trained):
    command(trained, "train")
    names = {thread.name for thread in threading.enumerate() if thread.is_alive()}
    for thread in threading.enumerate():
        if thread.name == "sqlite_ml_vtab interrupts":
            thread.join(5)
            assert not thread.is_alive()
    assert "MainThread" in names


# From Python, outside any statement


def test_train_from_python_ends_too(endless):
    before = endless.serialize("main")
    with pytest.raises(apsw.InterruptError):
        sqlite_ml_vtab.train(endless, "p", algorithm="endless")
    assert endless.serialize("main") == before
    assert sqlite_ml_vtab.train(endless, "p", algorithm="knn") == 2


# Ctrl-C


@pytest.fixture
def pressed(points):
    """The predictor p, trained once; somebody presses Ctrl-C when the algorithm `endless` is under way."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    Endless.started.clear()
    sqlite_ml_vtab.load(points, algorithms={"endless": Endless})
    command(points, "train")

    def press():
        Endless.started.wait()
        os.kill(os.getpid(), signal.SIGINT)

    helper = threading.Thread(target=press)
    helper.start()
    yield points
    helper.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("text", COMMANDS)
def test_ctrl_c_ends_a_command_and_nothing_is_left_of_it(pressed, text):
    before = pressed.serialize("main")
    with pytest.raises(KeyboardInterrupt):
        command(pressed, text, COMMANDS[text])
    assert pressed.serialize("main") == before
    assert rows(pressed, "SELECT y FROM p(1.0, 2.0)") == [("low",)]
    assert command(pressed, "train", {"algorithm": "knn", "deploy": True}) == 2


def test_ctrl_c_undoes_the_statement_alone(pressed):
    pressed.execute("BEGIN; INSERT INTO p VALUES (1, 2, 'low')")
    with pytest.raises(KeyboardInterrupt):
        command(pressed, "train", {"algorithm": "endless"})
    assert pressed.in_transaction
    pressed.execute("COMMIT")
    assert rows(pressed, "SELECT count(*), (SELECT count(*) FROM p_versions) FROM p") == [(25, 1)]


def test_ctrl_c_ends_train_from_python(pressed):
    with pytest.raises(KeyboardInterrupt):
        sqlite_ml_vtab.train(pressed, "p", algorithm="endless")
    assert value(pressed, "SELECT count(*) FROM p_versions") == 1


# Timeouts


@pytest.fixture
def hurried(points):
    """The predictor p, trained once, where the algorithm `endless` may be named."""
    sqlite_ml_vtab.load(points, algorithms={"endless": Endless})
    command(points, "train")
    return points


def late(name, allowed="its timeout of 0.2 s"):
    """Return what is said of a command whose time is over."""
    return (
        f"TrainingError: p: {name} did not end within {allowed}; nothing is stored. "
        "Allow more time, or learn from fewer rows."
    )


@pytest.mark.parametrize("text", ["train", "cross_validate"])
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_command_ends_with_its_timeout(hurried, text, in_transaction):
    if in_transaction:
        hurried.execute("BEGIN; INSERT INTO p VALUES (1, 2, 'low')")
    options = json.dumps({**COMMANDS[text], "timeout": 0.2})
    assert refusal(hurried, "INSERT INTO p(p, options) VALUES (?, ?)", (text, options)) == late(text)
    # An error undoes its statement alone, where an interrupt ends the transaction.
    assert hurried.in_transaction == in_transaction
    assert value(hurried, "SELECT count(*) FROM p") == 24 + in_transaction
    assert value(hurried, "SELECT (SELECT count(*) FROM p_versions) + (SELECT count(*) FROM ml_runs('p'))") == 1
    assert command(hurried, "train", {"algorithm": "knn", "deploy": True, "timeout": 1000}) == 2


def test_a_rebuild_ends_with_its_timeout(hurried, monkeypatch):
    command(hurried, "train", {"algorithm": "endless", "hyperparams": {"max_depth": 1}, "deploy": True})
    before = rows(hurried, "SELECT * FROM p_models")
    monkeypatch.setattr(Endless, "fit", spin)
    sentence = late("rebuild")
    assert refusal(hurried, "INSERT INTO p(p, options) VALUES ('rebuild', '{\"timeout\": 0.2}')") == sentence
    assert rows(hurried, "SELECT * FROM p_models") == before


def spin(self, X, y):
    """Fit for ever."""
    while True:
        sum(range(100))


def test_train_from_python_ends_with_its_timeout(hurried):
    with pytest.raises(sqlite_ml_vtab.TrainingError) as caught:
        sqlite_ml_vtab.train(hurried, "p", algorithm="endless", timeout=0.2)
    assert f"TrainingError: {caught.value}" == late("train")
    assert value(hurried, "SELECT count(*) FROM p_versions") == 1


@pytest.fixture
def without_endless(monkeypatch):
    """Let the time of a fold be over at once where deep trees of `endless` are fitted in it, and nowhere else."""

    def within(seconds, fit):
        if fit.args[1].name == "endless" and fit.args[1].hyperparams.get("max_depth") != 1:
            return stopping.within(0.05, fit)
        return fit()

    monkeypatch.setattr(strategies, "within", within)


def test_a_timeout_in_a_fold_ends_the_fold_and_what_is_done_counts(hurried, without_endless):
    space = {"max_depth": [2]}
    options = {"algorithm": "endless", "hyperparams": {"max_depth": 1}, "space": space, "folds": 2, "search": "grid"}
    command(hurried, "tune", {**options, "timeout": 1000, "deploy": True})
    assert rows(hurried, "SELECT state, drawn FROM ml_trials('p', 1)") == [
        ("complete", "{}"),
        ("stopped", '{"max_depth": 2}'),
    ]
    assert rows(hurried, "SELECT version, deployed FROM ml_versions('p')") == [(1, 0), (2, 1)]


def test_a_timeout_in_a_candidate_leaves_it_out(hurried, without_endless):
    command(hurried, "compare", {"algorithms": ["endless"], "folds": 2, "timeout": 1000, "deploy": False})
    assert rows(hurried, "SELECT algorithm, state, verdict FROM ml_comparisons('p', 1)") == [
        ("logistic_regression", "complete", "the deployed version 1"),
        ("endless", "stopped", "the time was over before it was measured"),
    ]


def test_a_search_leaves_time_for_the_fit_of_the_best():
    fold = FoldScore(1, 1, 50, 25, 0.9, 0.5, {}, fit_seconds=2.0, predict_seconds=1.0)
    trial = strategies.Trial(1, {}, None, strategies.COMPLETE, (fold, replace(fold, number=2)))
    assert strategies.search_ends(100.0, [], 75, 2) == 100.0
    assert strategies.search_ends(None, [trial], 75, 2) is None
    # 3 s for 50 rows are 4.5 s for 75, and half of that again; twice where the deployed version is fitted too.
    assert strategies.search_ends(100.0, [trial], 75, 1) == 100 - 6.75
    assert strategies.search_ends(100.0, [trial], 75, 2) == 100 - 13.5


def test_a_search_in_which_nothing_ends_is_over_with_its_timeout(hurried):
    options = json.dumps({**COMMANDS["tune"], "timeout": 0.2})
    assert refusal(hurried, "INSERT INTO p(p, options) VALUES ('tune', ?)", (options,)) == (
        "TrainingError: p: no trial ended within 0.2 s. Allow more time, or fewer folds."
    )


def test_a_winner_that_does_not_end_is_not_waited_for(hurried, monkeypatch):
    real = stopping.time.monotonic

    def fit(found, plan):
        monkeypatch.setattr(stopping.time, "monotonic", lambda: real() + 2000)
        spin(None, None, None)

    monkeypatch.setattr(tuning, "fit", fit)
    options = {"algorithm": "dummy", "space": {"strategy": ["prior"]}, "trials": 1, "timeout": 1000, "folds": 2}
    assert refusal(hurried, "INSERT INTO p(p, options) VALUES ('tune', ?)", (json.dumps(options),)) == late(
        "tune", "2 times its timeout of 1000 s"
    )
    assert value(hurried, "SELECT count(*) FROM p_versions") == 1


@pytest.mark.parametrize("text", ["train", "cross_validate", "tune", "compare", "rebuild"])
@pytest.mark.parametrize("wrong", [0, -1, "1", True])
def test_a_timeout_that_is_none_is_refused(hurried, text, wrong):
    assert (
        refusal(hurried, "INSERT INTO p(p, options) VALUES (?, ?)", (text, json.dumps({"timeout": wrong})))
        == f"CommandError: p: option 'timeout' takes a number of seconds above 0, got {json.dumps(wrong)}."
    )


def test_an_interrupt_ends_a_search_that_has_a_timeout(endless):
    with pytest.raises(apsw.InterruptError):
        command(endless, "tune", {**COMMANDS["tune"], "timeout": 1000})
