"""A predictor is plain tables: every way of copying a database copies it whole."""

import io

import apsw
import apsw.shell
import pytest
from asking import POINTS, command, declare, fill, rows, value

import sqlite_ml_vtab


def assert_whole(db, name="p"):
    """Assert that the copy has the rows, predicts, trains to the same digest, and rebuilds."""
    assert rows(db, f"SELECT count(*), sum(a) FROM {name}") == [(24, 276.0)]
    assert rows(db, f"SELECT y FROM {name}('[[1, 2], [20, 2]]')") == [("low",), ("high",)]
    assert value(db, "PRAGMA integrity_check") == "ok"
    before = value(db, f"SELECT digest FROM {name}_models WHERE version = 1")
    command(db, "rebuild", name=name)
    command(db, "train", {"deploy": True}, name=name)
    assert rows(db, f"SELECT DISTINCT digest FROM {name}_models") == [(before,)]


def test_vacuum_keeps_it(trained):
    trained.execute("DELETE FROM p WHERE rowid = 3; INSERT INTO p(rowid, a, b, y) VALUES (3, 2, 4, 'low'); VACUUM")
    assert_whole(trained)


def test_vacuum_into_copies_it(trained, connect, path):
    trained.execute("VACUUM INTO ?", (str(path),))
    assert_whole(connect(path))


@pytest.mark.parametrize("pages", [1, -1])
def test_a_backup_copies_it(trained, connect, pages):
    copy = connect()
    with copy.backup("main", trained, "main") as backup:
        while not backup.done:
            backup.step(pages)
    assert_whole(copy)


def test_a_backup_over_a_predictor_of_the_same_name_replaces_it(trained, connect):
    copy = connect()
    declare(copy, columns="z, y TARGET, algorithm=dummy")
    copy.execute("INSERT INTO p VALUES (1, 'x'), (2, 'x'), (3, 'x'), (4, 'z'), (5, 'z')")
    command(copy, "train")
    assert value(copy, "SELECT ml_predict('p', 1)") == "x"
    with copy.backup("main", trained, "main") as backup:
        backup.step()
    assert value(copy, "SELECT ml_predict('p', 1, 2)") == "low"
    assert_whole(copy)


def test_serialize_copies_it(trained, connect):
    copy = connect(":memory:")
    copy.deserialize("main", trained.serialize("main"))
    assert_whole(copy)


def test_a_dump_copies_it(trained, connect):
    text = io.StringIO()
    apsw.shell.Shell(db=trained, stdout=text).process_command(".dump")
    copy = connect()
    copy.execute(text.getvalue())
    assert_whole(copy)


def test_attach_and_create_copies_the_rows(trained, path):
    trained.execute("ATTACH ? AS aux", (str(path),))
    declare(trained, "aux.p", POINTS)
    trained.execute("INSERT INTO aux.p SELECT * FROM main.p")
    command(trained, "train", name="aux.p")
    assert_whole(trained, "aux.p")
    assert rows(trained, "SELECT DISTINCT digest FROM main.p_models UNION SELECT digest FROM aux.p_models") == rows(
        trained, "SELECT digest FROM p_models LIMIT 1"
    )


def test_another_page_size_and_encoding_change_nothing(connect, path):
    for number, pragma in enumerate(
        ("page_size = 512", "page_size = 65536", "encoding = 'UTF-16le'", "auto_vacuum = FULL")
    ):
        db = connect(path.with_name(f"{number}.db"))
        db.execute(f"PRAGMA {pragma}")
        declare(db)
        fill(db)
        command(db, "train")
        assert_whole(db)


def test_the_tables_are_read_without_this_package(trained, path):
    trained.execute("VACUUM INTO ?", (str(path),))
    db = apsw.Connection(str(path))
    assert rows(db, "SELECT id, a, y FROM p_rows WHERE id < 3") == [(1, 0.0, "low"), (2, 1.0, "low")]
    assert rows(db, "SELECT version, reason FROM p_deployments") == [(1, "train: first version")]
    assert value(db, "SELECT value FROM p_metrics WHERE name = 'accuracy'") == 5 / 6
    assert rows(db, "SELECT key, value FROM p_config ORDER BY key") == [
        ("created_with", sqlite_ml_vtab.__version__),
        ("format", 1),
    ]
    db.close()


def test_a_copied_file_rolls_back_a_hot_journal(connect, path):
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train")
    db.execute("BEGIN; DELETE FROM p; ROLLBACK")
    assert_whole(db)
