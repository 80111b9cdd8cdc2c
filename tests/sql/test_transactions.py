"""Rows, versions and deployments belong to the user's transaction, and come and go with it."""

import contextlib
import threading

import apsw
import pytest
from asking import command, declare, fill, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab import InputError

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

SWAP = "UPDATE p SET y = iif(y IN ('low', 'small'), iif(y = 'low', 'small', 'low'), iif(y = 'high', 'large', 'high'))"
ASK = "SELECT y FROM p(1, 2)"
SCALAR = "SELECT ml_predict('p', 1, 2)"


def versions(db):
    """Return the versions that there are and the one that is deployed."""
    return [number for (number,) in rows(db, "SELECT version FROM p_versions")], value(
        db, "SELECT deployed FROM ml_tables"
    )


def test_rows_are_rolled_back(points):
    points.execute(
        "BEGIN; INSERT INTO p VALUES (1, 2, 'x'); UPDATE p SET a = 0; DELETE FROM p WHERE rowid < 9; ROLLBACK"
    )
    assert rows(points, "SELECT count(*), sum(a) FROM p") == [(24, 276.0)]
    assert points.last_insert_rowid() == 25


def test_a_rolled_back_training_leaves_the_old_model(trained):
    trained.execute(f"BEGIN; {SWAP}")
    assert command(trained, "train", {"deploy": True}) == 2
    assert (value(trained, ASK), value(trained, SCALAR)) == ("small", "small")
    trained.execute("ROLLBACK")
    assert (value(trained, ASK), value(trained, SCALAR)) == ("low", "low")
    assert versions(trained) == ([1], 1)
    for table in ("models", "metrics", "holdout", "deployments"):
        assert value(trained, f"SELECT max(version) FROM p_{table}") == 1


def test_a_number_that_comes_back_after_rollback_is_another_model(trained):
    trained.execute(f"BEGIN; {SWAP}")
    assert command(trained, "train", {"deploy": True}) == 2
    assert value(trained, "SELECT y FROM p(1, 2) WHERE version = 2") == "small"
    trained.execute("ROLLBACK")
    assert refusal(trained, "SELECT y FROM p(1, 2) WHERE version = 2") == "ModelError: p: no version 2. Versions: 1."
    assert command(trained, "train", {"deploy": True, "seed": 9}) == 2
    assert value(trained, "SELECT y FROM p(1, 2) WHERE version = 2") == "low"
    assert (value(trained, ASK), value(trained, SCALAR)) == ("low", "low")


def test_the_first_training_is_rolled_back_to_no_model(points):
    points.execute("BEGIN")
    command(points, "train")
    assert value(points, ASK) == "low"
    points.execute("ROLLBACK")
    sentence = "ModelError: p: no trained model. Run: INSERT INTO p(p) VALUES ('train')."
    assert refusal(points, ASK) == refusal(points, SCALAR) == sentence


def test_savepoints_are_undone_one_by_one(trained):
    trained.execute(f"BEGIN; SAVEPOINT one; {SWAP}")
    command(trained, "train", {"deploy": True})
    trained.execute(f"SAVEPOINT two; {SWAP}; DELETE FROM p WHERE rowid > 20")
    command(trained, "deploy", {"version": 1})
    command(trained, "forget", {"version": 2})
    assert versions(trained) == ([1], 1)
    trained.execute("ROLLBACK TO two")
    assert versions(trained) == ([1, 2], 2)
    assert value(trained, ASK) == "small"
    trained.execute("ROLLBACK TO one")
    assert versions(trained) == ([1], 1)
    assert value(trained, ASK) == "low"
    trained.execute("RELEASE one; COMMIT")
    assert rows(trained, "SELECT count(*), min(y), max(y) FROM p") == [(24, "high", "low")]


def test_a_released_savepoint_stays(trained):
    trained.execute(f"SAVEPOINT one; {SWAP}; SAVEPOINT two")
    command(trained, "train", {"deploy": True})
    trained.execute("RELEASE two; RELEASE one")
    assert value(trained, ASK) == "small"
    assert not trained.in_transaction


UNDONE = {
    "a savepoint": "SAVEPOINT t; ROLLBACK TO t",
    "rows, one of which is refused": "INSERT INTO p SELECT value, 1, 'x' FROM json_each('[4, \"no number\"]')",
    "changes, one of which is refused": "UPDATE p SET a = iif(rowid = 9, 'no number', 7)",
    "rows of another table": "INSERT INTO other VALUES (1), (NULL)",
}


@pytest.mark.parametrize("undone", UNDONE)
@pytest.mark.parametrize("before", ["BEGIN; SAVEPOINT s", "SAVEPOINT s", "BEGIN"])
def test_a_row_behind_a_savepoint_outlives_what_is_undone_after_it(points, before, undone):
    points.execute("CREATE TABLE other(a NOT NULL)")
    points.execute(before)
    points.execute("INSERT INTO p VALUES (3, 3, 'x')")
    with contextlib.suppress(InputError, apsw.ConstraintError):
        points.execute(UNDONE[undone])
    points.execute("COMMIT")
    assert rows(points, "SELECT rowid, a, b, y FROM p WHERE rowid > 24") == [(25, 3.0, 3.0, "x")]
    assert rows(points, "SELECT count(*), sum(a) FROM p") == [(25, 279.0)]


def test_a_with_block_that_raises_undoes_all_of_it(trained):
    with pytest.raises(ZeroDivisionError), trained:
        trained.execute(SWAP)
        command(trained, "train", {"deploy": True})
        with trained:
            command(trained, "clear")
        raise ZeroDivisionError
    assert versions(trained) == ([1], 1)
    assert rows(trained, "SELECT count(*), min(y) FROM p") == [(24, "high")]


def test_a_deployment_is_rolled_back(trained):
    command(trained, "train", {"algorithm": "dummy"})
    trained.execute("BEGIN")
    command(trained, "deploy", {"version": 2})
    assert value(trained, "SELECT probability FROM p(1, 2)") == 0.5
    trained.execute("ROLLBACK")
    assert value(trained, "SELECT probability FROM p(1, 2)") > 0.9
    assert refusal(trained, "INSERT INTO p(p) VALUES ('rollback')").startswith(
        "CommandError: p: no version was deployed"
    )


@pytest.mark.parametrize("within", ["", "BEGIN", "SAVEPOINT s"])
def test_a_command_that_fails_leaves_the_transaction_as_it_was(trained, within):
    trained.execute(f"{within}; INSERT INTO p VALUES (1, 2, 'low')")
    for text, options in (
        ("train", {"algorithm": "x"}),
        ("deploy", {"version": 7}),
        ("forget", {"version": 1}),
        ("x", None),
    ):
        with pytest.raises(Exception, match="^p: "):
            command(trained, text, options)
        assert trained.in_transaction == bool(within)
    trained.execute("COMMIT" if within else "")
    assert value(trained, "SELECT count(*) FROM p") == 25
    assert versions(trained) == ([1], 1)


# Two connections


@pytest.fixture
def pair(connect, path):
    """Two connections in WAL on a file with the trained predictor p."""
    first = connect(path)
    first.pragma("journal_mode", "wal")
    declare(first)
    fill(first)
    command(first, "train")
    return first, connect(path)


def test_a_reader_keeps_its_snapshot_while_another_connection_trains(pair):
    writer, reader = pair
    cursor = reader.execute("SELECT y FROM p('[[1, 2], [2, 2], [3, 3]]')")
    seen = [next(cursor)[0]]
    writer.execute(SWAP)
    command(writer, "train", {"deploy": True})
    seen += [label for (label,) in cursor]
    assert seen == ["low"] * 3
    assert (value(reader, ASK), value(reader, SCALAR)) == ("small", "small")


def test_a_read_transaction_keeps_its_model_and_rows(pair):
    writer, reader = pair
    reader.execute("BEGIN")
    assert value(reader, ASK) == "low"
    writer.execute(f"{SWAP}; DELETE FROM p WHERE rowid > 20")
    command(writer, "train", {"deploy": True})
    assert (value(reader, ASK), value(reader, SCALAR)) == ("low", "low")
    assert versions(reader) == ([1], 1)
    assert value(reader, "SELECT count(*) FROM p") == 24
    reader.execute("COMMIT")
    assert (value(reader, ASK), value(reader, SCALAR)) == ("small", "small")
    assert versions(reader) == ([1, 2], 2)


def test_what_is_not_committed_is_seen_by_nobody_else(pair):
    writer, reader = pair
    writer.execute(f"BEGIN; {SWAP}")
    command(writer, "train", {"deploy": True})
    assert value(writer, ASK) == "small"
    assert value(reader, ASK) == "low"
    writer.execute("ROLLBACK")
    assert value(writer, ASK) == value(reader, ASK) == "low"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO p VALUES (1, 2, 'x')",
        "INSERT INTO p SELECT a, b, y FROM p",
        "UPDATE p SET a = 1",
        "DELETE FROM p",
        "INSERT INTO p(p) VALUES ('train')",
        "ALTER TABLE p RENAME TO q",
        "DROP TABLE p",
    ],
)
def test_a_busy_database_leaves_the_statement_undone(pair, statement):
    holder, other = pair
    holder.execute("BEGIN IMMEDIATE; INSERT INTO p VALUES (7, 7, 'held')")
    with pytest.raises(apsw.BusyError):
        other.execute(statement)
    holder.execute("COMMIT")
    assert value(other, "SELECT count(*) FROM p") == 25
    assert versions(other) == ([1], 1)
    other.execute("INSERT INTO p VALUES (8, 8, 'next')")
    assert value(holder, "SELECT count(*) FROM p") == 26


def test_a_snapshot_that_is_too_old_to_write_leaves_the_statement_undone(pair):
    writer, other = pair
    other.execute("BEGIN")
    assert value(other, ASK) == "low"
    writer.execute("INSERT INTO p VALUES (7, 7, 'new')")
    with pytest.raises(apsw.BusyError):
        other.execute("INSERT INTO p SELECT a, b, y FROM p")
    other.execute("ROLLBACK; INSERT INTO p VALUES (8, 8, 'next')")
    assert value(other, "SELECT count(*) FROM p") == 26


def test_a_commit_that_is_busy_can_be_repeated(connect, path):
    writer, reader = connect(path), connect(path)
    declare(writer)
    fill(writer)
    reader.execute("BEGIN")
    assert value(reader, "SELECT count(*) FROM p") == 24
    writer.execute("BEGIN; INSERT INTO p SELECT a, b, y FROM p")
    with pytest.raises(apsw.BusyError):
        writer.execute("COMMIT")
    assert writer.in_transaction
    reader.execute("COMMIT")
    writer.execute("COMMIT")
    assert value(reader, "SELECT count(*) FROM p") == 48


def test_a_predictor_that_another_connection_changes_is_met_as_it_is(pair):
    first, second = pair
    assert value(second, SCALAR) == "low"
    first.execute("DROP TABLE p")
    assert (
        refusal(second, SCALAR)
        == "CommandError: no predictor 'p', nor any other. Declare one with CREATE VIRTUAL TABLE."
    )
    assert refusal(second, ASK) == "SQLError: no such table: p"
    declare(first, columns="c TEXT, y TEXT TARGET, algorithm=decision_tree, split=none")
    first.execute("INSERT INTO p VALUES ('a', 'A'), ('b', 'B')")
    command(first, "train")
    assert value(second, "SELECT ml_predict('p', 'a')") == "A"
    assert value(second, "SELECT y FROM p('b')") == "B"
    first.execute("ALTER TABLE p RENAME TO q")
    assert value(second, "SELECT ml_predict('q', 'a')") == "A"
    assert refusal(second, "SELECT ml_predict('p', 'a')") == "CommandError: no predictor 'p'. Predictors: q."


def test_another_connection_replaces_a_predictor_by_one_of_other_columns(pair):
    first, second = pair
    assert value(second, SCALAR) == "low"
    with first:
        first.execute("DROP TABLE p")
        declare(first, columns="b REAL, a REAL, y TEXT TARGET, algorithm=decision_tree, split=none")
        first.execute("INSERT INTO p VALUES (1, 2, 'one-two'), (2, 1, 'two-one')")
        command(first, "train")
    assert value(second, SCALAR) == "one-two"


def test_a_rolled_back_creation_is_unknown_to_the_scalar_functions(db):
    db.execute("BEGIN")
    declare(db)
    fill(db)
    command(db, "train")
    assert value(db, SCALAR) == "low"
    db.execute("ROLLBACK")
    assert (
        refusal(db, SCALAR) == "CommandError: no predictor 'p', nor any other. Declare one with CREATE VIRTUAL TABLE."
    )
    declare(db)
    assert refusal(db, SCALAR) == "ModelError: p: no trained model. Run: INSERT INTO p(p) VALUES ('train')."


def test_readers_in_threads_never_mix_two_models(pair, path):
    writer, _ = pair
    done = threading.Event()
    seen, failures = [], []

    def read():
        db = apsw.Connection(str(path))
        sqlite_ml_vtab.load(db)
        try:
            while not done.is_set():
                seen.append([label for (label,) in rows(db, "SELECT y FROM p('[[1, 2], [2, 2], [20, 2]]')")])
                [(called, scalar)] = rows(db, "SELECT y, ml_predict('p', 1, 2) FROM p(1, 2)")
                assert called == scalar
        except Exception as error:
            failures.append(error)
        db.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(12):
        with writer:
            writer.execute(SWAP)
            command(writer, "train", {"deploy": True, "algorithm": "decision_tree"})
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert {tuple(labels) for labels in seen} <= {("low", "low", "high"), ("small", "small", "large")}


# What a user may have set on the connection


def test_tracers_do_not_disturb(points):
    seen = []
    points.set_row_trace(lambda cursor, row: ("traced",) * len(row))
    points.set_exec_trace(lambda cursor, sql, bindings: seen.append(sql) or True)
    command(points, "train")
    traced = list(points.execute("SELECT y FROM p(1, 2) UNION ALL SELECT count(*) FROM ml_versions('p')"))
    points.set_row_trace(None)
    points.set_exec_trace(None)
    assert traced == [("traced",), ("traced",)]
    assert [sql for sql in seen if "p_" in sql] == []
    assert value(points, ASK) == "low"


def test_a_row_tracer_that_drops_rows_does_not_disturb(points):
    points.set_row_trace(lambda cursor, row: None)
    points.execute("INSERT INTO p SELECT a, b, y FROM p_rows")
    command(points, "train")
    points.set_row_trace(None)
    assert (value(points, "SELECT count(*) FROM p"), value(points, ASK)) == (48, "low")


def test_a_cursor_factory_does_not_disturb(points):
    class Strange(apsw.Cursor):
        def execute(self, *args, **kwargs):
            raise AssertionError("ours must not pass here")

    points.cursor_factory = Strange
    plain = apsw.Cursor(points)
    plain.execute("INSERT INTO p SELECT a, b, y FROM p; INSERT INTO p(p) VALUES ('train')")
    assert list(plain.execute("SELECT y FROM p(1, 2) UNION ALL SELECT ml_predict('p', 20, 2)")) == [("low",), ("high",)]
    plain.execute("ALTER TABLE p RENAME TO q; DROP TABLE q")
    points.cursor_factory = apsw.Cursor


def test_an_authorizer_sees_our_own_tables_alone(points):
    touched = set()

    def authorizer(operation, one, two, database, trigger):
        if operation in (apsw.SQLITE_READ, apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE):
            touched.add(one)
        return apsw.SQLITE_OK

    points.set_authorizer(authorizer)
    command(points, "train")
    rows(points, "SELECT * FROM p(1, 2)")
    points.set_authorizer(None)
    assert {name for name in touched if not name.startswith("p_")} <= {"p", "sqlite_sequence", "sqlite_master", ""}


def test_a_commit_hook_that_refuses_undoes_the_training(trained):
    trained.set_commit_hook(lambda: True)
    with pytest.raises(apsw.ConstraintError):
        command(trained, "train", {"deploy": True})
    trained.set_commit_hook(None)
    assert versions(trained) == ([1], 1)


def test_changes_are_recorded_by_a_session(trained):
    session = apsw.Session(trained, "main")
    session.attach()
    trained.execute("INSERT INTO p VALUES (7, 7, 'low'); DELETE FROM p WHERE rowid = 1")
    tables = {change.name for change in apsw.Changeset.iter(session.changeset())}
    session.close()
    assert tables == {"p_rows"}


READ_ONLY = {
    "INSERT INTO p VALUES (1, 2, 'x')": "attempt to write a readonly database",
    "DELETE FROM p": "attempt to write a readonly database",
    "INSERT INTO p(p) VALUES ('train')": "attempt to write a readonly database",
    "INSERT INTO p(p) VALUES ('clear')": "attempt to write a readonly database",
    "DROP TABLE p": "attempt to write a readonly database",
}


@pytest.mark.parametrize("statement", READ_ONLY)
def test_query_only_refuses_to_write_and_goes_on_predicting(trained, statement):
    trained.execute("PRAGMA query_only = ON")
    assert refusal(trained, statement) == f"ReadOnlyError: {READ_ONLY[statement]}"
    assert (value(trained, ASK), value(trained, SCALAR)) == ("low", "low")
    trained.execute("PRAGMA query_only = OFF")


def test_a_read_only_database_refuses_to_write_and_goes_on_predicting(connect, path):
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train")
    db.close()
    frozen = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    sqlite_ml_vtab.load(frozen)
    for statement, sentence in READ_ONLY.items():
        assert refusal(frozen, statement) == f"ReadOnlyError: {sentence}"
    assert (value(frozen, ASK), value(frozen, SCALAR)) == ("low", "low")
    assert value(frozen, "SELECT count(*) FROM p WHERE source = 'p_rows'") == 24
    assert rows(frozen, "SELECT version FROM ml_versions('p')") == [(1,)]
    assert value(frozen, "PRAGMA integrity_check") == "ok"
    frozen.close()
