"""db.interrupt() ends a command that is busy in Python, and leaves everything as it was."""

import threading

import apsw
import pytest
from asking import command, declare, fill, rows, value
from sklearn.tree import DecisionTreeClassifier

import sqlite_ml_vtab

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


class Endless(DecisionTreeClassifier):
    """An estimator whose fit does not end by itself, and which swallows every Exception."""

    started = threading.Event()

    def fit(self, X, y):
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
    "tune": {"algorithm": "endless", "space": {"max_depth": [1, 2]}, "folds": 2},
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
