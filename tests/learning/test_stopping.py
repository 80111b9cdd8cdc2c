"""Work that is stopped: once, in the right place, and not a moment after it has ended."""

import threading

import pytest

from sqlite_ml_vtab.learning import stopping
from sqlite_ml_vtab.learning.stopping import TimeOver, stoppable, within


def work():
    """Never end."""
    while True:
        sum(range(100))


def test_work_that_ends_in_time_gives_what_it_gives():
    assert within(1000, lambda: 5) == 5
    assert within(None, lambda: 5) == 5


def test_an_error_of_the_work_is_its_own():
    with pytest.raises(ZeroDivisionError):
        within(1000, lambda: 1 / 0)


def test_work_that_does_not_end_is_stopped():
    with pytest.raises(TimeOver):
        within(0.05, work)


def test_inner_work_is_stopped_alone():
    def outer():
        with pytest.raises(TimeOver):
            within(0.05, work)
        return "went on"

    assert within(1000, outer) == "went on"


def test_outer_work_is_stopped_within_inner_work():
    with pytest.raises(KeyError):
        within(0.05, lambda: within(1000, work), lambda: KeyError("outer"))


def test_whoever_stops_first_both_end_as_the_outer_one_does():
    with pytest.raises(KeyError):
        within(0.05, lambda: within(0.05, lambda: within(0.05, work, TimeOver) or work(), TimeOver), lambda: KeyError())


def test_where_inner_time_is_over_the_outer_work_that_is_due_ends_as_its_own():
    due = threading.Event()

    def run():
        due.set()
        raise TimeOver

    with pytest.raises(KeyError):
        stoppable(run, due.is_set, KeyError, "test")
    with pytest.raises(TimeOver):
        stoppable(run, lambda: False, KeyError, "test")


def test_work_that_swallows_everything_is_stopped_again(monkeypatch):
    monkeypatch.setattr(stopping, "AGAIN", 0.02)
    swallowed = []

    def stubborn():
        while len(swallowed) < 3:
            try:
                work()
            except BaseException as error:
                swallowed.append(error)
        work()

    with pytest.raises(TimeOver):
        within(0.02, stubborn)
    assert len(swallowed) == 3


def test_nothing_is_raised_after_the_work_has_ended():
    due = threading.Event()
    for _ in range(300):
        due.clear()

        def run():
            due.set()
            return 1

        try:
            found = stoppable(run, due.is_set, TimeOver, "test")
        except TimeOver:
            found = 1
        assert found == 1
        sum(range(1000))
    assert stopping._WAITING == {}
    assert stopping._DEPTH == {}
