"""Short slices of the campaigns of `make faults` and `make stress`: the same code, with small sizes."""

import gc
import math

import pytest

from campaigns.faults import changes, disk, killing, leaks, sequences
from campaigns.faults.states import opened
from campaigns.stress import crowd

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning"),
    # What a VFS raises where SQLite has nobody to tell: on closing, and on cleaning up.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_disk_that_fails_leaves_the_old_state_or_the_new_one(tmp_path):
    report = disk.campaign(tmp_path, 40, 0, ["rename", "transaction"])
    assert report.failures == []
    assert report.tried.total() == 40


def test_a_change_of_two_transactions_is_found_out(tmp_path, monkeypatch):
    two = changes.Change("INSERT INTO p VALUES (1, 1, 'new'); INSERT INTO p VALUES (2, 2, 'new')")
    monkeypatch.setitem(changes.CHANGES, "two", two)
    report = disk.campaign(tmp_path, 24, 0, ["two"])
    assert report.failures != []
    assert {failure.rpartition("; ")[2] for failure in report.failures} == {
        "differs from before in ['p_rows'], from after in ['p_rows']"
    }


def test_a_process_that_is_killed_leaves_the_old_state_or_the_new_one(tmp_path):
    report = killing.campaign(tmp_path, 4, 0, ["insert many", "train"])
    assert report.failures == []
    assert (report.tried["delete: killed"], report.tried["wal: killed"]) == (4, 4)


def test_random_sequences_agree_with_a_model_in_memory():
    report = sequences.campaign(10, 0, 30)
    assert report.failures == []
    assert report.tried.total() > 100


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_trainer_a_writer_and_four_readers_see_whole_versions(tmp_path, journal):
    report = crowd.campaign(tmp_path, "threads", journal, math.inf, 0, rounds=6)
    assert report.failures == []
    assert report.tried.total() == 36


def test_predictors_that_come_and_go_leave_no_object_behind(db):
    for _ in range(5):
        leaks.cycle(db)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        leaks.cycle(db)
    gc.collect()
    assert len(gc.get_objects()) - before < 20


def test_connections_that_come_and_go_leave_no_object_behind_and_give_back_their_slots(tmp_path):
    path = tmp_path / "kept.db"
    db = opened(path)
    changes.run(db, leaks.CYCLE.format(3).replace("DROP TABLE p;", ""))
    db.close()
    for _ in range(5):
        leaks.connection(path)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        leaks.connection(path)
    gc.collect()
    assert len(gc.get_objects()) - before < 50
