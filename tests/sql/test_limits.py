"""Limits: of SQLite, of memory, and of what a process keeps, each with its sentence."""

import threading

import apsw
import numpy as np
import pytest
from asking import POINTS, command, declare, fill, refusal, rows, value
from sklearn.linear_model import LogisticRegression

import sqlite_ml_vtab
from sqlite_ml_vtab.learning import memory
from sqlite_ml_vtab.portable.cache import ScorerCache, weigh
from sqlite_ml_vtab.predictor import SCORERS

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


# SQLite


def test_more_columns_than_there_may_be_are_refused(db):
    columns = ", ".join(f"x{n}" for n in range(1990))
    assert refusal(db, f"CREATE VIRTUAL TABLE p USING ml_classification({columns}, y TARGET)") == (
        "DeclarationError: p: 1991 columns, beside 12 hidden ones, are more than SQLite's limit of 2000. "
        "Declare fewer columns."
    )


def test_as_many_columns_as_there_may_be_are_asked_by_json(db):
    names = [f"x{n}" for n in range(1200)]
    declare(db, columns=f"{', '.join(name + ' REAL' for name in names)}, y TEXT TARGET, algorithm=gaussian_nb")
    db.executemany(f"INSERT INTO p VALUES ({', '.join('?' * 1201)})", [[i] * 1200 + ["ab"[i > 7]] for i in range(16)])
    command(db, "train", {"split": "none"})
    assert value(db, "SELECT ml_predict('p', ?)", (str([1] * 1200),)) == "a"
    arguments = ", ".join(["1"] * 1200)
    assert refusal(db, f"SELECT ml_predict('p', {arguments})") == (
        "SQLError: too many arguments on function ml_predict"
    )


@pytest.mark.parametrize("statement", ["INSERT INTO t VALUES (?, ?, 'x')", "INSERT INTO t SELECT ?, ?, 'x'"])
def test_a_row_that_is_too_long_is_refused_and_nothing_of_its_statement_stays(db, statement):
    db.execute("CREATE VIRTUAL TABLE t USING ml_classification(a TEXT, b TEXT, y TEXT TARGET)")
    db.execute("INSERT INTO t VALUES ('a', 'b', 'x')")
    db.limit(apsw.SQLITE_LIMIT_LENGTH, 1000)
    assert refusal(db, statement, ("a" * 600, "b" * 600)) == TOO_LONG
    # SQLite puts the new row together before it asks us.
    assert refusal(db, "UPDATE t SET a = ?, b = ?", ("a" * 600, "b" * 600)) == "TooBigError: string or blob too big"
    db.limit(apsw.SQLITE_LIMIT_LENGTH, 10**9)
    assert rows(db, "SELECT a, b, y FROM t") == [("a", "b", "x")]


TOO_LONG = (
    "InputError: t: a row is longer than SQLite's limit of 1000 bytes. "
    "Store less in it, or raise the limit: connection.limit(apsw.SQLITE_LIMIT_LENGTH, ...)."
)


# Memory


def trains(db, **options):
    """Return the version that train() makes, or the class and the sentence of its error."""
    try:
        return sqlite_ml_vtab.train(db, "p", **options)
    except sqlite_ml_vtab.Error as error:
        return f"{type(error).__name__}: {error}"


TOO_MUCH = (
    "TrainingError: p: the fit needs about 2.35 KB (875 B for the rows, 384 B for a matrix of 24 x 2, 1.12 KB for "
    "{}), and max_memory allows 1.95 KB. Learn from a sample of the rows (the option sample), {}or allow more."
)
IN_CHUNKS = "in chunks (fit='incremental'), "


@pytest.mark.parametrize("text", ["train", "cross_validate", "tune", "compare"])
def test_a_command_that_would_take_too_much_is_refused_before_it_fits(points, monkeypatch, text):
    monkeypatch.setattr(LogisticRegression, "fit", lambda *args: pytest.fail("it was fitted"))
    statement = "INSERT INTO p(p, options) VALUES (?, '{\"max_memory\": 2000}')"
    assert refusal(points, statement, (text,)) == TOO_MUCH.format("logistic_regression", "")
    assert value(points, "SELECT (SELECT count(*) FROM p_versions) + (SELECT count(*) FROM ml_runs('p'))") == 0


def test_the_limit_is_declared_given_to_a_command_or_set_by_the_program(connect):
    declared = connect()
    declare(declared, columns=f"{POINTS}, max_memory='2000'")
    fill(declared)
    assert trains(declared) == TOO_MUCH.format("logistic_regression", "")
    assert trains(declared, max_memory="1 MB") == 1
    assert "max_memory" not in value(declared, "SELECT options FROM p_versions")
    hosted = connect(max_memory="2000 b")
    declare(hosted)
    fill(hosted)
    assert trains(hosted) == TOO_MUCH.format("logistic_regression", "")
    assert trains(hosted, max_memory="1 TB") == TOO_MUCH.format("logistic_regression", "")
    assert trains(hosted, algorithm="sgd") == TOO_MUCH.format("sgd", IN_CHUNKS)
    assert trains(hosted, algorithm="sgd", fit="incremental") == 1
    sqlite_ml_vtab.load(hosted)
    assert trains(hosted) == 2


def test_rows_that_are_too_many_are_not_even_read(points, monkeypatch):
    monkeypatch.setattr("sqlite_ml_vtab.predictor.training.collect", lambda *args: pytest.fail("they were read"))
    assert trains(points, max_memory="0.5 KB") == (
        "TrainingError: p: 24 rows of 3 columns need 576 B at least, and max_memory allows 512 B. "
        "Learn in chunks with fit='incremental', from a view of fewer rows, or allow more."
    )


def test_a_column_of_many_categories_is_named(db):
    declare(db, columns="city TEXT ENCODE(onehot), y TEXT TARGET, algorithm=ridge")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(f"c{i % 400}", "ab"[i % 2]) for i in range(800)])
    assert trains(db, max_memory="5 MB").endswith(
        "2.44 MB for a matrix of 800 x 400, 7.32 MB for ridge), and max_memory allows 5 MB. Learn from a sample of "
        "the rows (the option sample), give column 'city' fewer categories, or another ENCODE, or allow more."
    )


@pytest.mark.parametrize("task", ["clustering", "projection", "anomaly"])
def test_tasks_without_a_target_are_limited_too(db, task):
    declare(db, columns="a REAL, b REAL", task=task)
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, i % 3) for i in range(40)])
    assert " and max_memory allows 1.95 KB." in trains(db, max_memory=2000)
    assert trains(db, max_memory="1 GB") == 1


@pytest.mark.parametrize("wrong", ["2 XB", "GB", "", "-1", "1.2.3 MB", "1e3", "nan"])
def test_a_memory_that_is_none_is_refused_wherever_it_is_written(connect, wrong):
    sentence = f"a number of bytes, or text such as '2 GB', got '{wrong}'."
    db = connect()
    assert refusal(db, f"CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, max_memory='{wrong}')") == (
        f"DeclarationError: p: option 'max_memory' takes {sentence}"
    )
    declare(db)
    fill(db)
    assert trains(db, max_memory=wrong) == f"CommandError: p: option 'max_memory' takes {sentence}"
    with pytest.raises(sqlite_ml_vtab.CommandError) as caught:
        sqlite_ml_vtab.load(db, max_memory=wrong)
    assert str(caught.value) == f"max_memory is {sentence}"


@pytest.mark.parametrize(
    ("written", "size"), [("2 GB", 2**31), ("1.5kb", 1536), (7, 7), ("7", 7), ("64 MB", 2**26), ("1TB", 2**40)]
)
def test_memory_is_written_in_bytes_or_with_a_unit(written, size):
    from sqlite_ml_vtab.declaration import check_option

    assert check_option("max_memory", written) == size


def test_every_algorithm_that_compares_rows_in_pairs_grows_with_their_square():
    from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

    assert memory.SQUARES.keys() | memory.CACHED | memory.FORESTS | memory.FOLDED.keys() <= ALGORITHMS.keys()


# The cache of models


@pytest.fixture
def cache():
    """Let a test set the size of the process's cache; it is put back."""
    before = SCORERS.limit
    SCORERS._scorers.clear()
    yield SCORERS
    SCORERS.settle(before)


def test_the_models_that_a_process_keeps_are_bounded_by_what_load_says(trained, cache):
    for seed in range(1, 6):
        command(trained, "train", {"seed": seed, "algorithm": "decision_tree"})
    ask = "SELECT (SELECT y FROM p(1, 2) WHERE version = v.version) FROM p_versions AS v"
    rows(trained, ask)
    assert len(cache._scorers) == 6
    one = cache.bytes // 6
    sqlite_ml_vtab.load(trained, cache_bytes=3 * one)
    assert 1 <= len(cache._scorers) <= 3
    assert rows(trained, ask) == [("low",)] * 6
    assert cache.bytes <= 3 * one
    sqlite_ml_vtab.load(trained)
    assert cache.limit == 3 * one
    sqlite_ml_vtab.load(trained, cache_bytes=1)
    assert len(cache._scorers) == 1
    assert rows(trained, ask) == [("low",)] * 6


@pytest.mark.parametrize("wrong", [0, -1, "1 GB", 1.5, True])
def test_a_size_that_is_none_is_refused(db, wrong):
    with pytest.raises(sqlite_ml_vtab.CommandError, match=r"^cache_bytes is a whole number of 1 or more, got "):
        sqlite_ml_vtab.load(db, cache_bytes=wrong)


class Grows:
    """Stands for a scorer that takes more memory after its first use."""

    def __init__(self, size):
        self.held = np.zeros(size, dtype=np.uint8)


def test_what_a_scorer_has_grown_to_counts():
    cache = ScorerCache(100_000)
    first, second = Grows(10_000), Grows(10_000)
    cache.put("first", first, 10)
    cache.put("second", second, 10)
    assert 20_000 < cache.bytes < 22_000
    second.held = np.zeros(95_000, dtype=np.uint8)
    assert cache.get("second") is second
    assert cache.get("first") is None
    assert 95_000 < cache.bytes < 97_000


def test_the_model_that_is_used_is_kept_however_large():
    cache = ScorerCache(10)
    cache.put("large", scorer := Grows(10_000), 10)
    assert cache.get("large") is scorer


def test_a_compiled_forest_weighs_more_than_its_bytes(trained, cache, monkeypatch):
    monkeypatch.setattr("sqlite_ml_vtab.portable.families.tree_evaluator.PATIENCE", 1)
    command(trained, "train", {"algorithm": "random_forest", "deploy": True})
    blob = len(value(trained, "SELECT model FROM p_models WHERE version = 2"))
    [scorer] = [kept.scorer for name, kept in cache._scorers.items() if kept.least == blob]
    before = weigh(scorer)
    assert before >= blob
    rows(trained, "SELECT y FROM p('[[1, 2], [3, 4]]')")
    assert weigh(scorer) > before + blob


def test_what_is_shared_is_weighed_once_and_a_long_list_by_a_sample():
    array = np.zeros(1000)
    assert weigh([array, array, array[:10]]) < 8500
    numbers = [float(n) for n in range(100_000)]
    assert abs(weigh(numbers) - 100_000 * 32) < 50_000
    pairs = [[float(n), n + 1000] for n in range(10_000)]
    assert abs(weigh(pairs) - 10_000 * (8 + 72 + 24 + 28)) < 100_000


def test_threads_share_the_cache_and_leave_it_bounded():
    cache, failures = ScorerCache(50_000), []

    def use(seed):
        try:
            drawn = np.random.RandomState(seed)
            for number in drawn.randint(0, 20, size=300).tolist():
                found = cache.get(str(number))
                if found is None:
                    cache.put(str(number), Grows(1000 * number), 10)
                else:
                    assert found.held.nbytes == 1000 * number
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert cache.bytes <= 50_000


def test_a_name_that_answered_keeps_no_model_that_the_cache_let_go(trained, cache):
    assert value(trained, "SELECT ml_predict('p', 1, 2)") == "low"
    cache._scorers.clear()
    assert rows(trained, "SELECT ml_predict('p', a, b) FROM p_rows LIMIT 2") == [("low",), ("low",)]
