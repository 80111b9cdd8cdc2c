"""What a hostile schema, and a hostile source, can do: read what the user asked for, and nothing else."""

import itertools

import apsw
import pytest
from asking import command, declare, fill, refusal, rows, value

import sqlite_ml_vtab

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


@pytest.fixture
def hostile(connect, tmp_path):
    """A file that somebody else made, with a view and a trigger for each way in; untrusted."""
    path = tmp_path / "hostile.db"
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train")
    db.execute("CREATE TABLE u(x)")
    for name, body in VIEWS.items():
        db.execute(f"CREATE VIEW {name} AS {body}")
    for place, body in enumerate(TRIGGERS):
        db.execute(f"CREATE TABLE o{place}(x); CREATE TRIGGER r{place} AFTER INSERT ON o{place} BEGIN {body}; END")
    db.close()
    return connect(path, untrusted=True)


VIEWS = {
    "asks": "SELECT y FROM p(1, 2)",
    "scores": "SELECT y FROM p WHERE source = 'p_rows'",
    "joins": "SELECT q.y FROM p_rows AS r JOIN p(r.a, r.b) AS q",
    "copies": "SELECT * FROM p",
    "calls": "SELECT ml_predict('p', 1, 2)",
    "chances": "SELECT ml_predict_proba('p', 1, 2)",
    "lists": "SELECT * FROM ml_tables",
    "versions": "SELECT * FROM ml_versions('p')",
    "algorithms": "SELECT * FROM ml_algorithms",
}
TRIGGERS = (
    "INSERT INTO p(p) VALUES ('train')",
    "INSERT INTO p(p) VALUES ('clear')",
    "INSERT INTO p VALUES (1, 2, 'x')",
    "DELETE FROM p",
    "UPDATE p SET a = 0",
    "INSERT INTO u SELECT y FROM p(1, 2)",
    "INSERT INTO u SELECT ml_predict('p', 1, 2)",
    "INSERT INTO u SELECT name FROM ml_tables",
)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_the_file_cannot_use_a_predictor(hostile, name):
    assert refusal(hostile, f"SELECT * FROM {name}").startswith("SQLError: unsafe use of ")


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_the_file_cannot_use_a_predictor_as_a_source_either(hostile, name):
    assert refusal(hostile, f"SELECT y FROM p WHERE source = '{name}'").startswith(
        f"InputError: p: source '{name}' cannot be read: "
    )


@pytest.mark.parametrize("place", range(len(TRIGGERS)))
def test_a_trigger_of_the_file_cannot_use_a_predictor(hostile, place):
    assert refusal(hostile, f"INSERT INTO o{place} VALUES (1)").startswith("SQLError: unsafe use of ")
    assert value(hostile, "SELECT count(*) FROM p_rows") == 24
    assert value(hostile, "SELECT count(*) FROM p_versions") == 1


def test_a_trigger_on_a_shadow_table_makes_sqlite_refuse_the_file(trained):
    trained.execute("CREATE TRIGGER r AFTER UPDATE ON p_rows BEGIN DELETE FROM p_models; END")
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db, untrusted=True)
    db.deserialize("main", trained.serialize("main"))
    assert refusal(db, "SELECT y FROM p(1, 2)") == (
        "CorruptError: malformed database schema (r) - cannot create triggers on shadow tables"
    )
    db.close()


COLUMNS = (
    "CREATE TABLE u(x, g AS (ml_predict('p', x, 2)))",
    "CREATE TABLE u(x, CHECK (ml_predict('p', x, 2) = 'low'))",
)


@pytest.mark.parametrize("text", COLUMNS)
def test_a_column_of_the_file_cannot_use_a_predictor(trained, text):
    trained.execute("CREATE TABLE u(x); PRAGMA writable_schema = ON")
    trained.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'u'", (text,))
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db, untrusted=True)
    db.deserialize("main", trained.serialize("main"))
    assert "unsafe use of ml_predict()" in refusal(db, "INSERT INTO u(x) VALUES (1)")
    db.close()
    trained.execute(
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE u(x)' WHERE name = 'u'; PRAGMA writable_schema = RESET"
    )


SOURCES = [
    "SELECT 1 AS a, 2 AS b; DELETE FROM p_rows",
    "SELECT 1 AS a, 2 AS b); DELETE FROM p_rows; --",
    "p_rows; DELETE FROM p_rows",
    "p_rows) AS src; DELETE FROM p_rows; --",
    'main"."p_rows',
    "DELETE FROM p_rows RETURNING a, b",
    "INSERT INTO p_rows VALUES (99, 1, 2, 'low') RETURNING a, b",
    "UPDATE p_rows SET a = 0 RETURNING a, b",
    "WITH x AS (SELECT 1) DELETE FROM p_rows RETURNING a, b",
    "WITH x AS (SELECT 1) INSERT INTO p_rows SELECT 99, 1, 2, 'low' RETURNING a, b",
    "REPLACE INTO p_rows VALUES (1, 1, 2, 'low') RETURNING a, b",
    "SELECT a, b FROM (DELETE FROM p_rows RETURNING a, b)",
    "CREATE TABLE stolen AS SELECT 1 AS a, 2 AS b",
    "DROP TABLE p_rows",
    "ATTACH 'stolen.db' AS stolen",
    "DETACH main",
    "VACUUM INTO 'stolen.db'",
    "PRAGMA user_version = 5",
    "PRAGMA journal_mode = OFF",
    "SELECT 1 AS a, 2 AS b FROM pragma_writable_schema(1)",
    "SELECT writefile('stolen.txt', 'x') AS a, 2 AS b",
    "SELECT edit('x') AS a, 2 AS b",
    "SELECT 1 AS a, 2 AS b FROM fsdir('/')",
    "SELECT 1 AS a, 2 AS b FROM zipfile('/etc/passwd')",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "EXPLAIN SELECT 1 AS a, 2 AS b",
    "REINDEX",
    "ANALYZE",
    "file:/etc/passwd",
    "/etc/passwd",
    "../../etc/passwd",
    "https://example.org/x.csv",
    "",
    " ",
    ";",
    "--",
    "/*",
    "SELECT",
    "SELECT 1 AS a, 2 AS b UNION",
    "SELECT (1 AS a, 2 AS b",
    "\x00",
    "SELECT 1 AS a, 2 AS b\x00; DELETE FROM p_rows",
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["trained", "hostile"])
def test_a_source_that_is_more_than_one_select_is_refused_and_runs_nothing(
    request, tmp_path, monkeypatch, name, source
):
    db = request.getfixturevalue(name)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    seen = []
    db.authorizer = lambda code, *_: seen.append(code) or apsw.SQLITE_OK
    assert refusal(db, "SELECT y FROM p WHERE source = ?", (source,)).startswith("InputError: p: source ")
    db.authorizer = None
    assert {*seen} <= {
        apsw.SQLITE_SELECT,
        apsw.SQLITE_READ,
        apsw.SQLITE_FUNCTION,
        apsw.SQLITE_PRAGMA,
        apsw.SQLITE_RECURSIVE,
    }
    assert value(db, "SELECT count(*) FROM p_rows") == 24
    assert value(db, "PRAGMA user_version") == 0
    assert sorted(tmp_path.iterdir()) == before


REACHING = [
    "SELECT load_extension('/lib/libm.so.6') AS a, 2 AS b",
    "SELECT fts3_tokenizer('simple', x'0000000000000000') AS a, 2 AS b",
    "SELECT 1 AS a, 2 AS b FROM pragma_journal_mode('OFF')",
]
"""A SELECT can call the functions that the connection has; SQLite itself refuses these."""


@pytest.mark.parametrize("source", REACHING)
def test_a_function_that_reaches_out_is_refused_by_sqlite(trained, source):
    assert refusal(trained, "SELECT y FROM p WHERE source = ?", (source,)).startswith("SQLError: ")


ENDLESS = "WITH RECURSIVE c(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM c) SELECT a, 1 AS b FROM c"
SILENT = "WITH RECURSIVE c(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM c) SELECT a, 1 AS b FROM c WHERE a < 0"


def test_a_source_that_never_ends_is_read_as_far_as_it_is_asked_for(trained):
    assert rows(trained, "SELECT rowid, y FROM p WHERE source = ? LIMIT 2", (ENDLESS,)) == [(1, "low"), (2, "low")]


@pytest.mark.parametrize("source", [ENDLESS, SILENT])
def test_a_source_that_never_ends_is_interrupted_as_any_statement_is(trained, source):
    calls = itertools.count()
    trained.set_progress_handler(lambda: next(calls) >= 100, 1000)
    with pytest.raises(apsw.InterruptError):
        rows(trained, "SELECT count(y) FROM p WHERE source = ?", (source,))
    trained.set_progress_handler(None)
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


def test_a_view_that_never_ends_is_neither_counted_nor_read_by_looking_around(trained):
    trained.execute(f"CREATE VIEW endless AS {ENDLESS}")
    declare(trained, "q", "a REAL, b REAL, y TEXT TARGET, content=endless")
    assert value(trained, "SELECT rows FROM ml_tables WHERE name = 'q'") is None
    assert value(trained, "PRAGMA integrity_check") == "ok"
    assert value(trained, "SELECT count(*) FROM pragma_table_list WHERE name = 'q'") == 1
