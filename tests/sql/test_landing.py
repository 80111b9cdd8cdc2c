"""train() from Python: what it fits outside the write lock is stored if its rows are still there, and else is not."""

import subprocess
import sys
import threading

import apsw
import pytest
from asking import command, declare, fill, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab.predictor import training
from sqlite_ml_vtab.vtab import landing

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

CHANGED = "TrainingError: p: the rows changed while the model was fitted. Train again."
NEW_ROW = "INSERT INTO p VALUES (1, 2, 'low')"


def trained(db, name="p", **options):
    """Return the version that train() makes, or the class and the sentence of its error."""
    try:
        return sqlite_ml_vtab.train(db, name, **options)
    except (apsw.Error, sqlite_ml_vtab.Error) as error:
        return f"{type(error).__name__}: {error}"


@pytest.fixture(params=["delete", "wal"])
def pair(request, connect, path):
    """Two connections on a file with the predictor p, filled and not trained, in each journal mode."""
    first, second = connect(path), connect(path)
    first.pragma("journal_mode", request.param)
    declare(first)
    fill(first)
    return first, second


@pytest.fixture
def meanwhile(monkeypatch):
    """Let functions be called one after the other, each when a fit is under way."""
    original, waiting = training.fit, []

    def fit(found, plan):
        if waiting:
            waiting.pop(0)()
        return original(found, plan)

    monkeypatch.setattr(training, "fit", fit)
    return waiting


@pytest.fixture
def read(monkeypatch):
    """The list of what a function has returned each time that the rows were read."""
    original, seen = training.stored_rows, []

    def stored_rows(predictor, split):
        if stored_rows.asks:
            seen.append(stored_rows.asks())
        return original(predictor, split)

    stored_rows.asks = lambda: "read"
    monkeypatch.setattr(training, "stored_rows", stored_rows)
    seen_with = lambda asks: setattr(stored_rows, "asks", asks)  # noqa: E731
    return seen, seen_with


def test_another_connection_may_write_what_it_likes_but_the_rows(pair, meanwhile):
    db, other = pair
    meanwhile += [lambda: other.execute("CREATE TABLE unrelated(x)"), lambda: other.execute(NEW_ROW)]
    assert trained(db) == 1
    assert trained(db) == CHANGED
    assert trained(db) == 2
    assert value(db, "SELECT count(*) FROM p_versions") == 2


def test_another_process_may_write_what_it_likes_but_the_rows(pair, path, meanwhile):
    db, _ = pair
    program = "import sys, apsw, sqlite_ml_vtab as m; db = apsw.Connection(sys.argv[1]); m.load(db); db.execute({!r})"

    def elsewhere(sql):
        return lambda: subprocess.run([sys.executable, "-c", program.format(sql), str(path)], check=True)

    meanwhile += [elsewhere("CREATE TABLE unrelated(x)"), elsewhere("UPDATE p SET a = 99 WHERE rowid = 1")]
    assert trained(db) == 1
    assert trained(db) == CHANGED


def test_rows_that_changed_and_changed_back_are_the_same(pair, meanwhile):
    db, other = pair
    meanwhile += [lambda: other.execute(f"{NEW_ROW}; DELETE FROM p WHERE rowid = 25")]
    assert trained(db) == 1


def test_the_connection_itself_may_not_change_the_rows_either(pair, meanwhile):
    db, _ = pair
    meanwhile += [lambda: db.execute("CREATE TABLE unrelated(x)"), lambda: db.execute(NEW_ROW)]
    assert trained(db) == 1
    assert trained(db) == CHANGED


# How often the rows are read


def test_rows_of_a_file_in_which_nothing_changed_are_read_once(pair, read):
    assert trained(pair[0]) == 1
    assert trained(pair[0]) == 2
    assert read[0] == ["read"] * 2


def test_they_are_read_again_without_the_lock_and_with_it_only_if_the_file_changes_even_then(pair, meanwhile, read):
    db, other = pair
    meanwhile += [lambda: other.execute("CREATE TABLE unrelated(x)")]
    seen, asking = read

    def write():
        try:
            other.execute("INSERT INTO unrelated VALUES (1)")
        except apsw.SQLError:
            return "there is no such table yet"
        except apsw.BusyError:
            return "locked"
        return "written"

    asking(write)
    assert trained(db) == 1
    assert seen == ["there is no such table yet", "written", "locked"]


@pytest.mark.parametrize(("relation", "times"), [("t", 1), ("v", 2), ("other.o", 1)])
def test_rows_of_a_table_elsewhere_are_told_by_its_file_and_those_of_a_view_are_read_again(
    connect, path, tmp_path, read, meanwhile, relation, times
):
    db = connect(path)
    db.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    for table in ("t", "other.o"):
        db.execute(f"CREATE TABLE {table}(a REAL, b REAL, y TEXT)")
        fill(db, table)
    db.execute("CREATE VIEW v AS SELECT * FROM t")
    declare(db, columns=f"a REAL, b REAL, y TEXT TARGET, algorithm=dummy, content='{relation}'")
    assert trained(db) == 1
    assert read[0] == ["read"] * times
    table = "t" if relation == "v" else relation
    meanwhile += [lambda: db.execute(f"DELETE FROM {table} WHERE a = 1")]
    assert trained(db) == CHANGED


def test_a_table_that_comes_to_stand_before_the_one_that_was_read_is_another(connect, path, meanwhile):
    db = connect(path)
    db.execute("ATTACH '' AS other; CREATE TABLE other.t(a REAL, b REAL, y TEXT)")
    fill(db, "other.t")
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, algorithm=dummy, content=t")
    meanwhile += [lambda: db.execute("CREATE TEMP TABLE t AS SELECT * FROM other.t LIMIT 12")]
    assert trained(db) == CHANGED


@pytest.mark.parametrize("warm", [False, True])
def test_a_fit_in_chunks_is_told_in_the_same_way(pair, monkeypatch, warm):
    db, other = pair
    options = {"algorithm": "sgd", "fit": "incremental"}
    if warm:
        assert trained(db, **options) == 1
        db.execute("INSERT INTO p SELECT a, b, y FROM p")
        options["warm"] = True
    original, waiting = (
        landing.Landing.check,
        ["DELETE FROM p WHERE a < 6", "UPDATE p SET b = 7", "CREATE TABLE unrelated(x)"],
    )

    def check(self):
        other.execute(waiting.pop())
        return original(self)

    monkeypatch.setattr(landing.Landing, "check", check)
    number = trained(db, **options)
    assert number == 1 + warm
    assert trained(db, fit="incremental", algorithm="sgd") == CHANGED
    assert trained(db, fit="incremental", algorithm="sgd") == CHANGED
    assert value(db, "SELECT count(*) FROM p_versions") == number


# Refitting


def test_rows_that_changed_are_fitted_once_more_where_that_is_asked_for(pair, meanwhile):
    db, other = pair
    meanwhile += [lambda: other.execute(NEW_ROW)]
    assert trained(db, if_changed="refit") == 1
    assert rows(db, "SELECT rows_trained + rows_tested FROM p_versions") == [(25,)]


def test_rows_that_never_rest_are_not_fitted_for_ever(pair, meanwhile):
    db, other = pair
    meanwhile += [lambda: other.execute(NEW_ROW)] * 2
    assert trained(db, if_changed="refit") == (
        "TrainingError: p: the rows changed while the model was fitted, and again while it was refitted. "
        "Hold the lock meanwhile: INSERT INTO p(p) VALUES ('train')."
    )
    assert rows(db, "SELECT * FROM p_versions") == []
    assert trained(db, if_changed="refit") == 1


def test_another_error_is_not_refitted(pair, meanwhile):
    db, other = pair
    meanwhile += [lambda: other.execute("DROP TABLE p")]
    assert trained(db, if_changed="refit").startswith("TrainingError: p: it was dropped or renamed")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"if_changed": "ignore"}, "if_changed is 'refuse' or 'refit', got 'ignore'."),
        ({"if_changed": None}, "if_changed is 'refuse' or 'refit', got NULL."),
        ({"wait": -1}, "wait is a number of seconds, 0 or more, got -1."),
        ({"wait": "1"}, "wait is a number of seconds, 0 or more, got '1'."),
        ({"wait": 10**5000}, "wait is a number of seconds, 0 or more, got an integer of 16610 bits."),
        ({"wait": float("inf")}, "wait is a number of seconds, 0 or more, got inf."),
        ({"timeout": 0}, "p: option 'timeout' takes a number of seconds above 0, got 0."),
    ],
)
def test_settings_that_cannot_be_are_refused_before_the_fit(points, meanwhile, settings, sentence):
    meanwhile += [lambda: pytest.fail("it was fitted")]
    assert trained(points, **settings) == f"CommandError: {sentence}"


# Two at once, and busy databases


def test_two_trainers_get_a_number_each(pair, meanwhile):
    db, other = pair
    meanwhile += [lambda: seen.append(trained(other, seed=1))]
    seen = []
    seen.append(trained(db, seed=2))
    assert seen == [1, 2]
    assert rows(db, "SELECT version, seed FROM p_versions") == [(1, 1), (2, 2)]


def test_trainers_in_threads_that_land_at_once_get_a_number_each(pair, path, monkeypatch):
    together, original = threading.Barrier(3), training.fit

    def fit(found, plan):
        together.wait()
        return original(found, plan)

    def train(seed):
        db = apsw.Connection(str(path))
        sqlite_ml_vtab.load(db)
        seen.append((trained(db, seed=seed, wait=60), seed))
        db.close()

    monkeypatch.setattr(training, "fit", fit)
    seen = []
    threads = [threading.Thread(target=train, args=(seed,)) for seed in (5, 6, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, _ in seen) == [1, 2, 3]
    assert rows(pair[0], "SELECT version, seed FROM p_versions") == sorted(seen)


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_fit_waits_for_another_connection_that_writes_or_keeps_readers_off(pair, meanwhile, monkeypatch, lock):
    db, other = pair
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr(landing.time, "sleep", sleep)
    meanwhile.append(lambda: other.execute(f"BEGIN {lock}"))
    assert trained(db) == 1
    assert len(waits) == 3


def test_a_fit_that_has_waited_long_enough_is_not_stored(pair, monkeypatch):
    db, other = pair
    now = iter(range(100))
    monkeypatch.setattr(landing.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(landing.time, "sleep", waits := [].append)
    other.execute("BEGIN IMMEDIATE")
    assert trained(db, wait=5) == "BusyError: database is locked"
    assert len(waits.__self__) == 4
    other.execute("ROLLBACK")
    assert rows(db, "SELECT * FROM p_versions") == []
    assert trained(db, wait=0) == 1


def test_a_fit_that_waits_can_be_interrupted(pair, monkeypatch):
    db, other = pair
    monkeypatch.setattr(landing.time, "sleep", lambda seconds: db.interrupt())
    other.execute("BEGIN IMMEDIATE")
    assert trained(db, wait=1000) == "InterruptError: interrupted"
    other.execute("ROLLBACK")
    assert trained(db) == 1


# In a transaction of the user


def test_in_a_transaction_it_belongs_to_it_and_sees_what_it_wrote(pair):
    db, _ = pair
    db.execute(f"BEGIN; {NEW_ROW}")
    assert trained(db) == 1
    assert rows(db, "SELECT rows_trained + rows_tested FROM p_versions") == [(25,)]
    assert db.in_transaction
    db.execute("ROLLBACK")
    assert rows(db, "SELECT * FROM p_versions") == []


def test_in_a_transaction_changes_that_are_not_committed_are_found_too(pair, meanwhile):
    db, _ = pair
    db.execute("BEGIN")
    meanwhile += [lambda: db.execute(NEW_ROW)]
    assert trained(db) == CHANGED
    db.execute("COMMIT")
    assert value(db, "SELECT count(*) FROM p") == 25


def test_in_a_transaction_nothing_is_waited_for(pair, meanwhile, monkeypatch):
    db, other = pair
    monkeypatch.setattr(landing.time, "sleep", lambda seconds: pytest.fail("it waited"))
    meanwhile += [lambda: other.execute("BEGIN IMMEDIATE")]
    db.execute("BEGIN")
    assert trained(db) == "BusyError: database is locked"
    other.execute("ROLLBACK")


# A predictor that is another one meanwhile


@pytest.mark.parametrize("statement", ["DROP TABLE p", "ALTER TABLE p RENAME TO q"])
@pytest.mark.parametrize("who", [0, 1])
def test_a_predictor_that_is_gone_is_said_to_be(pair, meanwhile, statement, who):
    meanwhile += [lambda: pair[who].execute(statement)]
    assert trained(pair[0]) == (
        "TrainingError: p: it was dropped or renamed while the model was fitted, and nothing is stored. "
        "Train it by its present name."
    )


@pytest.mark.parametrize("who", [0, 1])
def test_a_predictor_that_was_declared_anew_is_another_even_with_the_same_rows(pair, meanwhile, who):
    def again():
        pair[who].execute("DROP TABLE p")
        declare(pair[who], columns="a REAL, b REAL, y TEXT TARGET, algorithm='knn'")
        fill(pair[who])

    meanwhile += [again]
    assert trained(pair[0]) == (
        "TrainingError: p: the predictor was declared anew while the model was fitted. Train again."
    )
    assert trained(pair[0]) == 1
    assert value(pair[0], "SELECT algorithm FROM ml_tables") == "knn"


def test_readers_see_the_old_model_until_the_new_one_is_stored(pair, meanwhile):
    db, other = pair
    command(db, "train")
    seen = []
    meanwhile += [lambda: seen.append(value(other, "SELECT deployed FROM ml_tables"))]
    assert trained(db, deploy=True) == 2
    seen.append(value(other, "SELECT deployed FROM ml_tables"))
    assert seen == [1, 2]
