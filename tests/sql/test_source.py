"""source = '...': a table, a view or a SELECT, scored in chunks with the ids of its rows."""

import pytest
from asking import command, refusal, rows, value

SAID = "SELECT rowid, a, b, y FROM p WHERE source = ?"


@pytest.fixture
def asked(trained):
    """The trained predictor p, and the table x of rows 10, 20 and 30, its columns in another order."""
    trained.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, B, other, A)")
    trained.execute("INSERT INTO x VALUES (10, 2, 'o', 1), (20, NULL, 'o', 20), (30, 3, 'o', NULL)")
    return trained


ANSWERS = [(10, 1, 2, "low"), (20, 20, None, "high")]


@pytest.mark.parametrize(
    "text", ["x", "X", " x ", "x;", '"x"', "[x]", "`x`", "main.x", '"main"."X"', "main . x", "/* the */ x -- table"]
)
def test_a_table_is_named_in_every_way(asked, text):
    assert rows(asked, SAID, (text,))[:2] == ANSWERS


def test_a_view_and_a_select_are_counted_from_one(asked):
    asked.execute("CREATE VIEW v AS SELECT * FROM x ORDER BY id; CREATE TEMP VIEW w AS SELECT * FROM x ORDER BY id")
    expected = [(number, *answer[1:]) for number, answer in enumerate(ANSWERS, 1)]
    for text in (
        *(
            "v",
            "w",
            "temp.w",
            "SELECT * FROM x ORDER BY id",
            "select a, b from x order by id;",
            "SELECT * FROM v -- end",
        ),
        "WITH c AS (SELECT * FROM x), d AS (SELECT * FROM c) SELECT * FROM d ORDER BY id",
        "SELECT 1 AS a, 2 AS b UNION ALL SELECT 20, NULL",
        "SELECT * FROM (VALUES (1, 2), (20, NULL)) AS q JOIN (SELECT NULL AS a, NULL AS b) WHERE 0 "
        "UNION ALL SELECT a, b, a, b FROM x",
        "SELECT ';)' AS c, a, b FROM x /* ) ; */ ORDER BY id",
    ):
        if "JOIN" not in text:
            assert rows(asked, SAID, (text,))[:2] == expected, text


def test_rows_without_an_id_of_their_own_are_counted(asked):
    asked.execute(
        "CREATE TABLE w(k TEXT PRIMARY KEY, a, b) WITHOUT ROWID; INSERT INTO w VALUES ('z', 20, 1), ('a', 1, 2)"
    )
    assert rows(asked, SAID, ("w",)) == [(1, 1, 2, "low"), (2, 20, 1, "high")]


@pytest.mark.parametrize("names", ["rowid", "rowid, _rowid_", "rowid, oid", "rowid, _rowid_, oid"])
def test_a_column_named_as_the_row_id_is_not_taken_for_it(asked, names):
    asked.execute(f"CREATE TABLE w(a, b, {names})")
    asked.execute("INSERT INTO w(a, b, rowid) VALUES (1, 2, 'text'), (20, 1, NULL)")
    assert rows(asked, SAID, ("w",)) == [(1, 1, 2, "low"), (2, 20, 1, "high")]


def test_names_of_tables_may_be_odd(asked):
    for name in ("select", "it's", 'a "b"', "main.x y", "ü 表", "x; DROP TABLE x", "1", "a--b"):
        quoted = '"' + name.replace('"', '""') + '"'
        asked.execute(f"CREATE TABLE {quoted}(a, b); INSERT INTO {quoted} VALUES (1, 2)")
        assert rows(asked, SAID, (name,)) == [(1, 1, 2, "low")], name
        assert rows(asked, SAID, (quoted,)) == [(1, 1, 2, "low")], name


def test_an_attached_table_is_named_by_its_schema(asked):
    asked.execute("""
        ATTACH '' AS "aux db";
        CREATE TABLE "aux db".far(a, b); INSERT INTO "aux db".far VALUES (1, 2);
        CREATE TEMP TABLE x(a, b); INSERT INTO temp.x VALUES (20, 1)""")
    for text in ("far", '"aux db".far', '"aux db"."far"', 'SELECT * FROM "aux db".far'):
        assert rows(asked, SAID, (text,)) == [(1, 1, 2, "low")], text
    assert rows(asked, SAID, ("x",)) == [(1, 20, 1, "high")]
    assert rows(asked, SAID, ("main.x",))[:2] == ANSWERS


def test_the_own_rows_and_another_prediction_are_a_source(asked):
    stored = value(asked, "SELECT count(*) FROM p")
    for text in ("p", "p_rows", "SELECT a, b FROM p", "SELECT * FROM p WHERE source = 'p'"):
        assert value(asked, "SELECT count(*) FROM p WHERE source = ?", (text,)) == stored


def test_an_empty_source_is_no_row(asked):
    asked.execute("DELETE FROM x")
    assert rows(asked, SAID, ("x",)) == []
    assert rows(asked, SAID, ("SELECT 1 AS a, 2 AS b WHERE 0",)) == []


def test_a_long_source_is_scored_whole(asked):
    numbers = (
        "WITH RECURSIVE n(a) AS (SELECT 0 UNION ALL SELECT a + 1 FROM n WHERE a < 9999) SELECT a, a % 5 AS b FROM n"
    )
    sql = "SELECT count(*), min(rowid), max(rowid), sum(a), count(DISTINCT y) FROM p WHERE source = ?"
    assert rows(asked, sql, (numbers,)) == [(10000, 1, 10000, 49995000, 2)]


def test_a_source_is_read_no_further_than_asked(asked):
    endless = "WITH RECURSIVE n(a) AS (SELECT 0 UNION ALL SELECT a + 1 FROM n) SELECT a, a AS b FROM n"
    assert rows(asked, "SELECT rowid FROM p WHERE source = ? LIMIT 3", (endless,)) == [(1,), (2,), (3,)]


def test_several_sources_are_asked_one_after_another(asked):
    sql = "SELECT source, rowid FROM p WHERE source IN ('x', 'SELECT 1 AS a, 2 AS b') ORDER BY source, rowid"
    assert rows(asked, sql) == [("SELECT 1 AS a, 2 AS b", 1), ("x", 10), ("x", 20), ("x", 30)]


def test_a_source_is_named_by_a_row_of_a_join(asked):
    asked.execute("CREATE TABLE sources(name); INSERT INTO sources VALUES ('x'), ('p_rows')")
    sql = "SELECT name, count(*) FROM sources JOIN p ON p.source = sources.name GROUP BY name"
    assert rows(asked, sql) == [("p_rows", 24), ("x", 3)]


def test_a_source_joins_back_on_its_ids(asked):
    sql = "SELECT x.other, p.y FROM p JOIN x ON x.id = p.rowid WHERE p.source = 'x' AND x.A = 20"
    assert rows(asked, sql) == [("o", "high")]


def test_a_generated_column_is_read(asked):
    asked.execute("CREATE TABLE g(k, a AS (k * 20), b); INSERT INTO g(k, b) VALUES (1, 1)")
    assert rows(asked, SAID, ("g",)) == [(1, 20, 1, "high")]


NO_SELECT = "is not a table, a view or a SELECT here. Name one of them."
SENTENCES = {
    "nope": NO_SELECT,
    "main.nope": NO_SELECT,
    "nope.x": NO_SELECT,
    ";": NO_SELECT,
    "-- nothing": NO_SELECT,
    "x AS y": NO_SELECT,
    "x, x": NO_SELECT,
    "(SELECT 1 AS a, 2 AS b)": NO_SELECT,
    "json_each('[1]')": NO_SELECT,
    "DELETE FROM x": NO_SELECT,
    "DELETE FROM x RETURNING a, b": NO_SELECT,
    "INSERT INTO x VALUES (1, 2, 3, 4)": NO_SELECT,
    "PRAGMA user_version": NO_SELECT,
    "PRAGMA user_version = 7": NO_SELECT,
    "EXPLAIN SELECT 1": NO_SELECT,
    "ATTACH ':memory:' AS z": NO_SELECT,
    "BEGIN": NO_SELECT,
    "SELECT 1 AS a, 2 AS b; DELETE FROM x": "is more than one SELECT. Write a single one.",
    "SELECT 1 AS a, 2 AS b; SELECT 3 AS a, 4 AS b": "is more than one SELECT. Write a single one.",
    "SELECT * FROM x) AS q, (SELECT 1": "is more than one SELECT. Write a single one.",
    "SELECT a FROM x": "has no column 'b'. Columns: a.",
    "VALUES (1, 2)": "has no column 'a'. Columns: column1, column2.",
    "SELECT a, b AS bb FROM x": "has no column 'b'. Did you mean 'bb'? Columns: a, bb.",
    "SELECT * FROM nope": "cannot be read: no such table: nope. Correct it.",
    "SELECT a, b FROM x WHERE": 'cannot be read: near ")": syntax error. Correct it.',
    "SELECT a, b FROM x ORDER": 'cannot be read: near ")": syntax error. Correct it.',
    "WITH c AS (SELECT 1) DELETE FROM x": 'cannot be read: near "DELETE": syntax error. Correct it.',
    "SELECT 'a, b FROM x": 'cannot be read: a quote is never closed, at "\'a, b FROM x". Close it.',
    "SELECT a, b FROM x\0": "cannot be read: the text holds a NUL character. Take it out.",
}


@pytest.mark.parametrize("text", SENTENCES)
def test_a_source_that_cannot_be_is_refused(asked, text):
    before = rows(asked, "SELECT * FROM x")
    shown = "'" + text.replace("'", "''") + "'"
    assert refusal(asked, SAID, (text,)) == f"InputError: p: source {shown} {SENTENCES[text]}"
    assert rows(asked, "SELECT * FROM x") == before
    assert value(asked, "PRAGMA user_version") == 0


@pytest.mark.parametrize(
    ("text", "shown"), [(None, "NULL"), (5, "5"), ("", "''"), (" ", "' '"), (b"x", "a BLOB of 1 bytes")]
)
def test_a_source_is_text(asked, text, shown):
    assert refusal(asked, SAID, (text,)) == (
        f"InputError: p: source is a table, a view or a SELECT, got {shown}. Write source = 'table'."
    )


def test_a_source_takes_no_parameters(asked):
    assert refusal(asked, SAID, ("SELECT ?1 AS a, 2 AS b",)).startswith(
        "InputError: p: source 'SELECT ?1 AS a, 2 AS b' cannot"
    )


def test_an_error_in_the_middle_of_a_source_reaches_the_caller(asked):
    asked.execute("INSERT INTO x VALUES (40, 'text', 'o', 1)")
    assert (
        refusal(asked, SAID, ("x",)) == "InputError: p: column 'b' is NUMBER, got 'text'. Use NULL for a missing value."
    )
    overflow = "SELECT a, abs(CASE a WHEN 20 THEN -9223372036854775808 ELSE 1 END) AS b FROM x"
    assert refusal(asked, SAID, (overflow,)) == "SQLError: integer overflow"


def test_a_source_of_an_untrusted_statement_runs_nothing_unsafe(connect):
    db = connect(untrusted=True)
    db.execute("CREATE VIRTUAL TABLE p USING ml_classification(a, b, y TARGET, algorithm=dummy, split=none)")
    db.execute("INSERT INTO p VALUES (1, 2, 'x'), (3, 4, 'y')")
    command(db, "train")
    db.execute("CREATE VIEW v AS SELECT 1 AS a, 2 AS b FROM p; CREATE VIEW w AS SELECT a, b FROM p_rows")
    assert value(db, "SELECT count(*) FROM p WHERE source = 'w'") == 2
    assert refusal(db, "SELECT * FROM p WHERE source = 'v'") == (
        "InputError: p: source 'v' cannot be read: unsafe use of virtual table \"p\". Correct it."
    )


@pytest.mark.parametrize("text", ["x", "SELECT a, b FROM x"])
@pytest.mark.parametrize("size", [1, 300, 1000])
def test_a_relation_is_read_in_columns_of_a_chunk_each(db, text, size, monkeypatch):
    from sqlite_ml_vtab.store import relation

    monkeypatch.setattr(relation, "CHUNK", size)
    db.execute("CREATE TABLE x(a, b)")
    db.execute(
        "WITH n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 700) INSERT INTO x SELECT v, 'b' || v FROM n"
    )
    found = relation.resolve(db, text)
    chunks = list(relation.read(db, found, ["b", "A"]))
    expected = [(n, f"b{n}", n) for n in range(1, 701)]
    assert [row for ids, columns in chunks for row in zip(ids, *columns)] == expected
    assert [len(ids) for ids, _ in chunks] == [size] * (700 // size) + [700 % size] * bool(700 % size)
