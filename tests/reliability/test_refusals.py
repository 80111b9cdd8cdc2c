"""Where nothing can be written, every change is refused with a sentence, and the predictor answers on."""

import apsw
import pytest

import sqlite_ml_vtab
from campaigns.faults.changes import CHANGES, Change, prepare, run
from campaigns.faults.states import differences, state
from campaigns.faults.vfs import NAME, Faulty, FaultyFile

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

READ_ONLY = "ReadOnlyError: attempt to write a readonly database"


class NoNewFiles(Faulty):
    """The disk of somebody who may not write to the folder: nothing can stand beside the database."""

    def xOpen(self, name, flags):
        if flags[0] & (apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL):
            raise apsw.CantOpenError("no new files")
        return FaultyFile(self.disk, name, flags)


def read_only_file(path):
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def query_only(path):
    db = apsw.Connection(str(path))
    db.execute("PRAGMA query_only = 1")
    return db


def full(path):
    db = apsw.Connection(str(path))
    db.execute("PRAGMA max_page_count = 1")
    return db


def refusals(path, journal, opening):
    """Try every change; return its sentences, and what then differs from before."""
    prepare(path, Change(""), journal, 4096)
    db = opening(path)
    sqlite_ml_vtab.load(db)
    before = state(db)
    sentences = {}
    for name, change in CHANGES.items():
        try:
            run(db, change.sql)
        except (apsw.Error, sqlite_ml_vtab.Error) as error:
            sentences[name] = f"{type(error).__name__}: {error}"
        if db.in_transaction:
            db.execute("ROLLBACK")
        assert differences(state(db), before) == []
    db.close()
    return sentences


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("opening", [read_only_file, query_only])
def test_a_file_that_may_only_be_read_refuses_every_change(tmp_path, journal, opening):
    assert refusals(tmp_path / "x.db", journal, opening) == dict.fromkeys(CHANGES, READ_ONLY)


def test_a_folder_that_may_only_be_read_refuses_every_change(tmp_path):
    # SQLite has it for as long as Python does.
    disk = NoNewFiles()
    sentences = refusals(tmp_path / "x.db", "delete", lambda path: apsw.Connection(str(path), vfs=NAME))
    assert disk.disk.operations
    assert sentences == dict.fromkeys(CHANGES, "CantOpenError: no new files")


def test_a_full_database_refuses_what_needs_room(tmp_path):
    path = tmp_path / "x.db"
    prepare(path, Change(""), "delete", 512)
    db = full(path)
    sqlite_ml_vtab.load(db)
    before = state(db)
    for name in ("create", "insert many", "train", "tune"):
        with pytest.raises(apsw.FullError, match="^database or disk is full$"):
            run(db, CHANGES[name].sql)
        assert differences(state(db), before) == []
    db.close()
