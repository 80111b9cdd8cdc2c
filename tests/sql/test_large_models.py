"""Models longer than a row may be: they stand in parts, and are whole or refused."""

import io
import json

import apsw
import apsw.shell
import pytest
from asking import command, declare, fill, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor
from sqlite_ml_vtab.store import parts

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

FOREST = {"algorithm": "random_forest", "hyperparams": {"n_estimators": 60}, "deploy": True}
REBUILD = "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 1}')."
SHORT = 2_000
PARTS = "SELECT of, count(*), min(part), max(part), max(length(bytes)) FROM p_parts GROUP BY of"
ASK = "SELECT p.y, p.probability FROM p('[[1, 2], [11.5, 3], [20, 2]]') AS p"


@pytest.fixture
def long(connect, path):
    """A file with a forest of some ten thousand bytes, written where a row may have 2,000."""
    db = connect(path)
    db.limit(apsw.SQLITE_LIMIT_LENGTH, SHORT)
    declare(db)
    fill(db)
    command(db, "train", FOREST)
    yield db
    db.limit(apsw.SQLITE_LIMIT_LENGTH, 10**9)


def forgotten(connect, path):
    """Open the file anew, with nothing in the caches."""
    predictor.SCORERS._scorers.clear()
    return connect(path)


def test_a_model_longer_than_a_row_may_be_stands_in_parts(long, connect, path):
    answers = rows(long, ASK)
    [(of, count, first, last, longest)] = rows(long, PARTS)
    assert (of, first, last, longest) == ("models", 1, count, SHORT - parts.BESIDE)
    assert count > 4
    again = forgotten(connect, path)
    assert rows(again, ASK) == answers
    whole = value(again, "SELECT sum(length(bytes)) FROM p_parts") + value(again, "SELECT length(model) FROM p_models")
    assert rows(again, "SELECT model_bytes, digest FROM ml_versions('p')") == [
        (whole, value(again, "SELECT digest FROM p_models"))
    ]


def test_the_same_model_has_the_same_digest_in_one_part_and_in_many(long):
    long.limit(apsw.SQLITE_LIMIT_LENGTH, 10**9)
    command(long, "train", FOREST)
    assert value(long, "SELECT count(DISTINCT digest) FROM p_models") == 1
    assert rows(long, "SELECT DISTINCT version FROM p_parts") == [(1,)]
    command(long, "rebuild", {"version": 1})
    assert value(long, "SELECT count(*) FROM p_parts") == 0


def test_the_parts_that_a_release_makes_are_no_longer_than_it_says(connect, path, monkeypatch):
    monkeypatch.setattr(parts, "PART", 1_000)
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train", FOREST)
    assert (
        value(db, "SELECT max(length(bytes)) FROM p_parts") == value(db, "SELECT length(model) FROM p_models") == 1000
    )
    assert rows(forgotten(connect, path), "SELECT y FROM p(1, 2)") == [("low",)]


TAMPERED = [
    "DELETE FROM p_parts",
    "DELETE FROM p_parts WHERE part = 1",
    "DELETE FROM p_parts WHERE part = (SELECT max(part) FROM p_parts)",
    "UPDATE p_parts SET part = part + 100 WHERE part = 1",
    "UPDATE p_parts SET bytes = zeroblob(length(bytes)) WHERE part = 4",
    "UPDATE p_parts SET bytes = (SELECT bytes FROM p_parts WHERE part = 2) WHERE part = 3",
    "UPDATE p_parts SET bytes = 'text' WHERE part = 4",
    "UPDATE p_parts SET bytes = 5",
    "UPDATE p_parts SET of = 'states'",
    "INSERT INTO p_parts VALUES (1, 'models', 0, x'00')",
    "INSERT INTO p_parts SELECT 1, 'models', 1000 + part, bytes FROM p_parts",
    "UPDATE p_models SET model = x''",
]


@pytest.mark.parametrize("statement", TAMPERED)
def test_a_model_of_which_a_part_is_not_as_it_was_is_refused_and_rebuilt(long, connect, path, statement):
    answers = rows(long, ASK)
    long.execute(statement)
    db = forgotten(connect, path)
    sentence = refusal(db, ASK)
    assert sentence.startswith("ModelError: p: the model of version 1 ")
    assert sentence.endswith(REBUILD)
    db.execute("INSERT INTO p(p) VALUES ('repair')")
    assert value(db, "PRAGMA integrity_check") == f"p: the model of version 1 is damaged. {REBUILD}"
    db.execute(REBUILD.removeprefix("Run: ").removesuffix("."))
    assert rows(db, ASK) == answers
    assert value(db, "PRAGMA integrity_check") == "ok"


def test_a_row_longer_than_this_connection_reads_is_refused_and_rebuilt_in_parts(connect, path):
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train", FOREST)
    answers = rows(db, ASK)
    other = forgotten(connect, path)
    other.limit(apsw.SQLITE_LIMIT_LENGTH, SHORT)
    sentence = refusal(other, ASK)
    assert sentence == f"ModelError: p: the model of version 1 is no BLOB of allowed size. {REBUILD}"
    assert value(other, "PRAGMA integrity_check") == f"p: the model of version 1 is damaged. {REBUILD}"
    command(other, "rebuild")
    assert rows(other, ASK) == answers


def test_a_model_in_more_parts_than_are_put_together_is_refused(long, connect, path, monkeypatch):
    monkeypatch.setattr(parts, "MOST_PARTS", 3)
    assert refusal(forgotten(connect, path), ASK) == (
        f"ModelError: p: the model of version 1 is no BLOB of allowed size. {REBUILD}"
    )
    monkeypatch.undo()


def test_parts_go_with_their_version(long):
    command(long, "train", {"algorithm": "dummy", "deploy": True})
    assert value(long, "SELECT count(*) FROM p_parts") > 4
    command(long, "forget", {"version": 1})
    assert value(long, "SELECT count(*) FROM p_parts") == 0


def test_parts_are_undone_with_their_transaction(long):
    before = rows(long, "SELECT * FROM p_parts")
    long.execute("BEGIN")
    command(long, "train", FOREST | {"seed": 1})
    assert len(rows(long, "SELECT * FROM p_parts")) > len(before)
    long.execute("SAVEPOINT s; DELETE FROM p_parts; ROLLBACK TO s")
    long.execute("ROLLBACK")
    assert rows(long, "SELECT * FROM p_parts") == before


def test_a_version_is_stored_wholly_or_not_at_all(long, monkeypatch):
    before = rows(long, "SELECT version FROM p_models UNION ALL SELECT version FROM p_parts")
    monkeypatch.setattr(parts, "BESIDE", -1)
    long.execute("BEGIN")
    assert refusal(long, "INSERT INTO p(p, options) VALUES ('train', ?)", (json.dumps(FOREST),)) == (
        "InputError: p: a row is longer than SQLite's limit of 2000 bytes. "
        "Store less in it, or raise the limit: connection.limit(apsw.SQLITE_LIMIT_LENGTH, ...)."
    )
    long.execute("COMMIT")
    assert rows(long, "SELECT version FROM p_models UNION ALL SELECT version FROM p_parts") == before
    assert rows(long, "SELECT version FROM p_versions") == [(1,)]


def test_a_dump_and_a_renaming_keep_the_parts(long, connect):
    answers = rows(long, ASK)
    long.limit(apsw.SQLITE_LIMIT_LENGTH, 10**9)
    text = io.StringIO()
    apsw.shell.Shell(db=long, stdout=text).process_command(".dump")
    copy = connect()
    copy.execute(text.getvalue())
    predictor.SCORERS._scorers.clear()
    copy.execute("ALTER TABLE p RENAME TO q")
    assert rows(copy, ASK.replace("FROM p(", "FROM q(")) == answers
    copy.execute("ALTER TABLE q RENAME TO p")
    assert rows(copy, PARTS) == rows(long, PARTS)


def test_a_state_longer_than_a_part_stands_in_several(db, monkeypatch):
    monkeypatch.setattr(parts, "PART", 100)
    declare(db, columns="c TEXT, d TEXT, e TEXT, y TEXT TARGET, algorithm=gaussian_nb, fit=incremental, split=none")
    texts = [(f"c{i % 200}", f"d{i % 190}", f"e{i % 180}", "ab"[i % 200 > 100]) for i in range(1000)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?, ?)", texts)
    command(db, "train")
    assert {of for of, *_ in rows(db, PARTS)} == {"models", "states"}
    db.executemany("INSERT INTO p VALUES (?, ?, ?, ?)", texts[:100])
    command(db, "train", {"warm": True})
    before = rows(db, "SELECT version, digest FROM p_models")
    command(db, "rebuild", {"version": 2})
    assert rows(db, "SELECT version, digest FROM p_models") == before
    assert value(db, "PRAGMA integrity_check") == "ok"
    db.execute("DELETE FROM p_parts WHERE of = 'states' AND version = 2 AND part = 1")
    text = value(db, "PRAGMA integrity_check")
    assert text == (
        "p: the state of version 2 is damaged or of another model. "
        "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 2}')."
    )
    db.execute(text.partition("Run: ")[2].removesuffix("."))


def test_a_model_that_could_not_be_read_again_is_not_stored(connect, path):
    db = connect(path, max_model_bytes=2_000)
    declare(db)
    fill(db)
    command(db, "train")
    sentence = refusal(db, "INSERT INTO p(p, options) VALUES ('train', ?)", (json.dumps(FOREST),))
    assert sentence.startswith("ModelError: p: the model has ")
    assert sentence.endswith(
        " bytes, more than the 2000 that this program reads. "
        "Choose hyperparameters of a smaller one, or load(connection, max_model_bytes=...) with more."
    )
    assert rows(db, "SELECT version FROM p_versions") == [(1,)]


def test_a_model_larger_than_the_program_reads_is_told_by_integrity_check(long):
    predictor.SCORERS._scorers.clear()
    sqlite_ml_vtab.load(long, max_model_bytes=5_000)
    size = value(long, "SELECT model_bytes FROM ml_versions('p')")
    assert value(long, "PRAGMA integrity_check") == (
        f"p: the model of version 1 has {size} bytes, more than the 5000 that this program reads. "
        "Call load(connection, max_model_bytes=...) with more."
    )
    sqlite_ml_vtab.load(long)
