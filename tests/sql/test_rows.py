"""Training rows are rows as in any table: put in, looked up, changed and taken out in every way SQL has."""

import apsw
import pytest
from asking import declare, fill, plan, refusal, rows, value

MIXED = "id INTEGER KEY, n REAL, i INTEGER, c TEXT, d DATE, z, w REAL WEIGHT, y TEXT TARGET"


@pytest.fixture
def mixed(db):
    """A predictor with a column of every kind."""
    declare(db, columns=MIXED)
    return db


def all_rows(db, name="p"):
    """Return every stored row with its id."""
    return rows(db, f"SELECT rowid, * FROM {name} ORDER BY rowid")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO p VALUES (1, 2, 'x')", [(1, 1.0, 2.0, "x")]),
        ("INSERT INTO p(y, a) VALUES ('x', 1)", [(1, 1.0, None, "x")]),
        ("INSERT INTO p DEFAULT VALUES", [(1, None, None, None)]),
        ("INSERT INTO p VALUES (1, 2, 'x'), (3, 4, NULL)", [(1, 1.0, 2.0, "x"), (2, 3.0, 4.0, None)]),
        ("INSERT INTO p SELECT 1, 2, 'x' UNION ALL SELECT 3, 4, 'y'", [(1, 1.0, 2.0, "x"), (2, 3.0, 4.0, "y")]),
        ("INSERT INTO p(rowid, a) VALUES (7, 1)", [(7, 1.0, None, None)]),
        ("INSERT INTO p(oid, a) VALUES (-7, 1), (NULL, 2)", [(-7, 1.0, None, None), (1, 2.0, None, None)]),
        ("INSERT INTO p(rowid, a) VALUES ('7', 1)", [(7, 1.0, None, None)]),
        ("REPLACE INTO p VALUES (1, 2, 'x')", [(1, 1.0, 2.0, "x")]),
        ("WITH c(a) AS (SELECT 5) INSERT INTO p(a, y) SELECT a, 'x' FROM c", [(1, 5.0, None, "x")]),
        ("INSERT INTO main.p AS q VALUES (1, 2, 'x')", [(1, 1.0, 2.0, "x")]),
    ],
)
@pytest.mark.parametrize("within", ["", "BEGIN", "SAVEPOINT s"])
def test_a_row_is_inserted_in_every_form(db, statement, expected, within):
    declare(db)
    db.execute(f"{within};{statement}")
    assert all_rows(db) == expected
    assert rows(db, "SELECT * FROM p_rows") == expected
    db.execute("COMMIT" if within else "")
    assert all_rows(db) == expected


@pytest.mark.parametrize("within", ["", "BEGIN"])
def test_executemany_inserts_each_row(db, within):
    declare(db)
    db.execute(within)
    db.executemany("INSERT INTO p VALUES (?, :b, ?3)", [(i, i * 2, "x") for i in range(3)])
    assert all_rows(db) == [(1, 0.0, 0.0, "x"), (2, 1.0, 2.0, "x"), (3, 2.0, 4.0, "x")]


def test_last_insert_rowid_and_changes_are_those_of_the_rows(db):
    declare(db)
    db.execute("INSERT INTO p VALUES (1, 2, 'x'), (3, 4, 'x'), (5, 6, 'x')")
    assert (db.last_insert_rowid(), db.changes()) == (3, 3)
    db.execute("INSERT INTO p(rowid, a) VALUES (9, 1)")
    assert (db.last_insert_rowid(), db.changes()) == (9, 1)
    db.execute("UPDATE p SET a = 0 WHERE rowid < 3")
    assert db.changes() == 2
    db.execute("DELETE FROM p")
    assert db.changes() == 4


def test_returning_gives_what_was_inserted(db):
    declare(db)
    assert rows(db, "INSERT INTO p VALUES (1, 2, 'x'), (3, 4, 'y') RETURNING a, y, b + 1") == [
        (1.0, "x", 3.0),
        (3.0, "y", 5.0),
    ]
    assert all_rows(db) == [(1, 1.0, 2.0, "x"), (2, 3.0, 4.0, "y")]


def test_a_row_behind_the_greatest_id_gets_a_free_one(db):
    declare(db)
    db.execute(f"INSERT INTO p(rowid, a) VALUES ({2**63 - 1}, 1)")
    db.execute("INSERT INTO p(a) VALUES (2)")
    db.execute("BEGIN; INSERT INTO p(a) VALUES (3); INSERT INTO p(a) VALUES (4), (5); COMMIT")
    assert rows(db, "SELECT a FROM p ORDER BY a") == [(1.0,), (2.0,), (3.0,), (4.0,), (5.0,)]
    assert value(db, "SELECT count(DISTINCT rowid) FROM p") == 5


@pytest.mark.parametrize("rowid", ["'x'", "1.5", "x'00'"])
def test_a_rowid_is_an_integer(db, rowid):
    declare(db)
    assert refusal(db, f"INSERT INTO p(rowid, a) VALUES ({rowid}, 1)") == "MismatchError: datatype mismatch"
    db.execute("INSERT INTO p(rowid, a) VALUES (5, 1)")
    assert refusal(db, f"UPDATE p SET rowid = {rowid}") == "MismatchError: datatype mismatch"
    assert refusal(db, "UPDATE p SET rowid = NULL") == "MismatchError: datatype mismatch"
    assert all_rows(db) == [(5, 1.0, None, None)]


TAKEN = "ConstraintError: UNIQUE constraint failed: p.rowid"
CONFLICTS = {
    "": (TAKEN, [(1, 10.0), (2, 20.0)]),
    "OR ABORT": (TAKEN, [(1, 10.0), (2, 20.0)]),
    "OR FAIL": (TAKEN, [(1, 10.0), (2, 20.0), (5, 50.0)]),
    "OR IGNORE": (None, [(1, 10.0), (2, 20.0), (5, 50.0), (6, 60.0)]),
    "OR REPLACE": (None, [(1, 99.0), (2, 20.0), (5, 50.0), (6, 60.0)]),
    "OR ROLLBACK": (TAKEN, []),
}
"""What INSERT of the ids 5, 1 and 6 into a table of 1 and 2 leaves; as with any table."""


@pytest.mark.parametrize("clause", CONFLICTS)
@pytest.mark.parametrize("table", ["p", "ordinary"])
def test_a_conflict_clause_is_heeded_by_insert(db, clause, table):
    declare(db)
    sentence, left = CONFLICTS[clause]
    db.execute("CREATE TABLE ordinary(a REAL)")
    db.execute(f"BEGIN; INSERT INTO {table}(rowid, a) VALUES (1, 10), (2, 20)")
    statement = f"INSERT {clause} INTO {table}(rowid, a) VALUES (5, 50), (1, 99), (6, 60)"
    if sentence:
        assert refusal(db, statement) == sentence.replace("p.", f"{table}.")
    else:
        db.execute(statement)
    assert db.in_transaction == (clause != "OR ROLLBACK")
    assert rows(db, f"SELECT rowid, a FROM {table} ORDER BY rowid") == left


@pytest.mark.parametrize("clause", CONFLICTS)
def test_a_conflict_clause_is_heeded_by_insert_outside_a_transaction(db, clause):
    declare(db)
    sentence, left = CONFLICTS[clause]
    db.execute("INSERT INTO p(rowid, a) VALUES (1, 10), (2, 20)")
    statement = f"INSERT {clause} INTO p(rowid, a) VALUES (5, 50), (1, 99), (6, 60)"
    if sentence:
        assert refusal(db, statement) == sentence
    else:
        db.execute(statement)
    assert rows(db, "SELECT rowid, a FROM p ORDER BY rowid") == (left or [(1, 10.0), (2, 20.0)])


@pytest.mark.parametrize("within", ["", "BEGIN"])
def test_a_conflict_within_one_statement_is_met_as_well(db, within):
    declare(db)
    db.execute(within)
    assert refusal(db, "INSERT INTO p(rowid, a) VALUES (5, 1), (5, 2)") == TAKEN
    assert all_rows(db) == []
    db.execute("INSERT OR REPLACE INTO p(rowid, a) VALUES (5, 1), (5, 2)")
    db.execute("INSERT OR IGNORE INTO p(rowid, a) VALUES (6, 1), (6, 2)")
    assert rows(db, "SELECT rowid, a FROM p") == [(5, 2.0), (6, 1.0)]


@pytest.mark.parametrize(
    ("clause", "left"),
    [
        ("", [(1, 1.0), (2, 2.0), (3, 3.0)]),
        ("OR IGNORE", [(1, 1.0), (2, 2.0), (3, 3.0)]),
        ("OR REPLACE", [(1, 1.0), (3, 2.0)]),
        ("OR FAIL", [(1, 1.0), (2, 2.0), (3, 3.0)]),
        ("OR ROLLBACK", []),
    ],
)
def test_a_conflict_clause_is_heeded_by_update(db, clause, left):
    declare(db)
    db.execute("BEGIN; INSERT INTO p(a) VALUES (1), (2), (3)")
    statement = f"UPDATE {clause} p SET rowid = 3 WHERE rowid = 2"
    if clause in ("OR IGNORE", "OR REPLACE"):
        db.execute(statement)
    else:
        assert refusal(db, statement) == TAKEN
    assert rows(db, "SELECT rowid, a FROM p ORDER BY rowid") == left


def test_a_failed_insert_leaves_the_next_statement_alone(db):
    declare(db)
    db.execute("BEGIN; INSERT INTO p(rowid, a) VALUES (50, 1)")
    assert refusal(db, "INSERT INTO p(rowid, a) VALUES (50, 2)") == TAKEN
    db.execute("DELETE FROM p WHERE rowid = 50; INSERT INTO p(a) VALUES (7)")
    assert rows(db, "SELECT id, a FROM p_rows") == [(1, 7.0)]
    db.execute("COMMIT")
    assert rows(db, "SELECT id, a FROM p_rows") == [(1, 7.0)]


def test_a_unique_index_of_the_user_is_not_replaced_by(db):
    declare(db)
    db.execute("INSERT INTO p VALUES (1, 1, 'x'); CREATE UNIQUE INDEX mine ON p_rows(a)")
    assert refusal(db, "INSERT INTO p VALUES (2, 1, 'x'), (1, 2, 'y')") == (
        "ConstraintError: UNIQUE constraint failed: p_rows.a"
    )
    assert all_rows(db) == [(1, 1.0, 1.0, "x")]


@pytest.mark.parametrize("clause", ["DO NOTHING", "(a) DO UPDATE SET b = 1"])
def test_upsert_is_refused(db, clause):
    declare(db)
    assert refusal(db, f"INSERT INTO p VALUES (1, 2, 'x') ON CONFLICT {clause}") == (
        'SQLError: UPSERT not implemented for virtual table "p"'
    )


def test_rows_are_updated(db):
    declare(db)
    fill(db, count=4)
    db.execute("UPDATE p SET b = a * 10, y = NULL WHERE a > 1")
    db.execute("UPDATE p SET rowid = rowid + 100 WHERE a = 0")
    assert all_rows(db) == [
        (2, 1.0, 2.0, "low"),
        (3, 2.0, 20.0, None),
        (4, 3.0, 30.0, None),
        (101, 0.0, 0.0, "low"),
    ]


def test_rows_are_updated_from_another_table(db):
    declare(db)
    fill(db, count=4)
    db.execute("CREATE TABLE o(a, y); INSERT INTO o VALUES (1, 'one'), (3, 'three')")
    db.execute("UPDATE p SET y = o.y FROM o WHERE o.a = p.a")
    assert rows(db, "SELECT a, y FROM p") == [(0.0, "low"), (1.0, "one"), (2.0, "high"), (3.0, "three")]


def test_all_rowids_can_be_shifted_at_once(db):
    declare(db)
    fill(db, count=4)
    db.execute("UPDATE p SET rowid = -rowid")
    assert rows(db, "SELECT rowid, a FROM p") == [(-4, 3.0), (-3, 2.0), (-2, 1.0), (-1, 0.0)]


def test_rows_are_deleted(db):
    declare(db)
    fill(db, count=6)
    db.execute("DELETE FROM p WHERE a = 2; DELETE FROM p WHERE rowid IN (1, 5)")
    assert rows(db, "SELECT rowid FROM p") == [(2,), (4,), (6,)]
    db.execute("DELETE FROM p")
    assert rows(db, "SELECT count(*) FROM p") == [(0,)]


def test_rows_are_filtered_sorted_grouped_and_joined(db):
    declare(db)
    fill(db, count=6)
    assert rows(db, "SELECT a FROM p WHERE y = 'low' AND b > 1 ORDER BY b DESC, a") == [(2.0,), (1.0,)]
    assert rows(db, "SELECT y, count(*), sum(a) FROM p GROUP BY y HAVING sum(a) > 1") == [
        ("high", 3, 12.0),
        ("low", 3, 3.0),
    ]
    assert rows(db, "SELECT DISTINCT y FROM p ORDER BY y LIMIT 1 OFFSET 1") == [("low",)]
    assert rows(db, "SELECT x.a FROM p AS x JOIN p AS z ON z.rowid = x.rowid + 1 WHERE z.y = 'high'") == [
        (2.0,),
        (3.0,),
        (4.0,),
    ]
    assert rows(db, "SELECT max(a) FROM p WHERE y IS NULL") == [(None,)]


@pytest.mark.parametrize("condition", ["rowid = 3", "rowid IN (3)", "rowid = '3'", "oid = 3.0", "rowid = ?"])
def test_a_rowid_is_looked_up_without_a_scan(points, condition):
    params = (3,) if "?" in condition else ()
    assert rows(points, f"SELECT rowid, a FROM p WHERE {condition}", params) == [(3, 2.0)]
    assert plan(points, f"SELECT * FROM p WHERE {condition}", params) == ["SCAN p VIRTUAL TABLE INDEX 1:row"]


@pytest.mark.parametrize("condition", ["rowid = 'x'", "rowid = 3.5", "rowid = NULL", "rowid = 99", "rowid = x'03'"])
def test_a_rowid_that_is_not_there_finds_nothing(points, condition):
    assert rows(points, f"SELECT * FROM p WHERE {condition}") == []


def test_a_join_on_the_rowid_looks_each_up(points):
    sql = "SELECT x.column1, p.a FROM (VALUES (3), (5), (99)) AS x LEFT JOIN p ON p.rowid = x.column1"
    assert rows(points, sql) == [(3, 2.0), (5, 4.0), (99, None)]
    assert plan(points, sql)[-1] == "SCAN p VIRTUAL TABLE INDEX 1:row LEFT-JOIN"


def test_stored_rows_say_nothing_in_the_hidden_columns(trained):
    hidden = "features, arg2, probability, probabilities, lower, upper, warning, probable, version, source, p, options"
    assert rows(trained, f"SELECT {hidden} FROM p WHERE rowid = 1") == [(None,) * 12]


def test_a_row_without_a_target_is_kept(db):
    declare(db)
    fill(db)
    db.execute("INSERT INTO p VALUES (50, 50, NULL)")
    db.execute("INSERT INTO p(p) VALUES ('train')")
    assert rows(db, "SELECT * FROM p WHERE y IS NULL") == [(50.0, 50.0, None)]
    assert rows(db, "SELECT rows_trained + rows_tested FROM ml_versions('p')") == [(24,)]


def test_values_keep_the_types_of_their_columns(mixed):
    mixed.execute("INSERT INTO p VALUES (1, 2, 3.0, 4, '2024-05-31', 'x', 1, 5)")
    mixed.execute("INSERT INTO p VALUES (x'ff', 2.5, 3, 'ü', 2460461.5, 6.5, NULL, 'z')")
    assert all_rows(mixed) == [
        (1, 1, 2.0, 3, "4", "2024-05-31", "x", 1.0, "5"),
        (2, b"\xff", 2.5, 3, "ü", 2460461.5, 6.5, None, "z"),
    ]


@pytest.mark.parametrize(
    ("column", "given", "sentence"),
    [
        ("n", "'n/a'", "column 'n' is NUMBER, got 'n/a'. Use NULL for a missing value."),
        ("n", "''", "column 'n' is NUMBER, got ''. Use NULL for a missing value."),
        (
            "i",
            "'12'",
            "column 'i' is NUMBER, got '12'. Write it as a number, CAST(... AS REAL), or declare the column without a type.",
        ),
        ("n", "9e999", "column 'n' is NUMBER, got inf. Use NULL for a missing value."),
        ("n", "x'0102'", "column 'n' is NUMBER, got a BLOB of 2 bytes. Store text or a number."),
        ("c", "x'0102'", "column 'c' is CATEGORY, got a BLOB of 2 bytes. Store text or a number."),
        ("c", "-9e999", "column 'c' takes no infinity, got -inf. Store NULL for a missing value."),
        ("z", "x'0102'", "column 'z' is ANY, got a BLOB of 2 bytes. Store text or a number."),
        ("z", "9e999", "column 'z' takes no infinity, got inf. Store NULL for a missing value."),
        ("w", "'heavy'", "column 'w' is NUMBER, got 'heavy'. Use NULL for a missing value."),
        ("y", "x'01'", "column 'y' is CATEGORY, got a BLOB of 1 bytes. Store text or a number."),
        (
            "d",
            "'31.5.2024'",
            "column 'd' is DATE, got '31.5.2024'. Write ISO 8601 text such as '2024-05-31' or '2024-05-31 12:30:00', "
            "a julian day or a unix time, of the years 1 to 9999.",
        ),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_refused(mixed, column, given, sentence):
    mixed.execute("INSERT INTO p(id) VALUES (1)")
    before = all_rows(mixed)
    assert refusal(mixed, f"INSERT INTO p({column}) VALUES (NULL), ({given})") == f"InputError: p: {sentence}"
    assert refusal(mixed, f"UPDATE p SET {column} = {given}") == f"InputError: p: {sentence}"
    assert all_rows(mixed) == before


@pytest.mark.parametrize("within", ["", "BEGIN"])
def test_a_statement_whose_third_row_is_refused_is_undone_whole(db, within):
    declare(db)
    fill(db, count=2)
    db.execute(f"{within}; INSERT INTO p VALUES (8, 8, 'kept')")
    refusal(db, "INSERT INTO p VALUES (1, 1, 'x'), (2, 2, 'x'), ('bad', 3, 'x')")
    db.execute("INSERT INTO p VALUES (9, 9, 'next')")
    assert rows(db, "SELECT a FROM p_rows") == [(0.0,), (1.0,), (8.0,), (9.0,)]
    assert rows(db, "SELECT a FROM p") == [(0.0,), (1.0,), (8.0,), (9.0,)]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("features", "column 'features' is computed and cannot be stored. Leave it out."),
        ("arg2", "column 'arg2' is computed and cannot be stored. Leave it out."),
        ("probability", "column 'probability' is computed and cannot be stored. Leave it out."),
        ("version", "column 'version' is computed and cannot be stored. Leave it out."),
        ("options", "options belong to a command. Write: INSERT INTO p(p, options) VALUES ('train', '{}')."),
    ],
)
def test_a_hidden_column_takes_no_value(points, column, sentence):
    assert refusal(points, f"INSERT INTO p(a, {column}) VALUES (1, '1')") == f"InputError: p: {sentence}"
    assert refusal(points, f"UPDATE p SET {column} = 0") == f"InputError: p: {sentence}"
    assert value(points, "SELECT count(*) FROM p") == 24


@pytest.mark.parametrize("where", ["features = '[1, 2]'", "features IN ('[1, 2]', '[3, 4]')", "source = 'p_rows'"])
def test_a_prediction_is_neither_deleted_nor_changed(trained, where):
    named = "Name stored rows by their columns or their rowid."
    assert refusal(trained, f"DELETE FROM p WHERE {where}") == f"InputError: p: a prediction cannot be deleted. {named}"
    assert refusal(trained, f"UPDATE p SET y = 'x' WHERE {where}") == (
        f"InputError: p: a prediction cannot be changed. {named}"
    )
    assert value(trained, "SELECT count(*) FROM p WHERE y <> 'x'") == 24


def test_rows_are_deleted_and_changed_by_what_is_predicted_of_them(trained):
    trained.execute("UPDATE p SET y = (SELECT s.y FROM p(p.a, p.b) AS s) WHERE rowid > 20")
    trained.execute("DELETE FROM p WHERE y <> (SELECT s.y FROM p AS s WHERE features = json_array(p.a, p.b))")
    trained.execute("DELETE FROM p WHERE rowid IN (SELECT rowid + 1 FROM p WHERE source = 'SELECT 0 AS a, 0 AS b')")
    assert 20 <= value(trained, "SELECT count(*) FROM p") <= 23
    assert rows(trained, "SELECT rowid FROM p WHERE rowid = 2") == []


def test_a_trigger_on_another_table_inserts_rows(db):
    declare(db)
    db.execute("""
        CREATE TABLE o(a, b, y);
        CREATE TRIGGER t AFTER INSERT ON o BEGIN
          INSERT INTO p VALUES (new.a, new.b, new.y);
          INSERT INTO p SELECT a + 100, b, y FROM p WHERE a = new.a;
        END""")
    db.execute("INSERT INTO o VALUES (1, 2, 'x'), (3, 4, 'y')")
    db.execute("BEGIN; INSERT INTO o VALUES (5, 6, 'z'); COMMIT")
    assert rows(db, "SELECT rowid, a FROM p") == [(1, 1.0), (2, 101.0), (3, 3.0), (4, 103.0), (5, 5.0), (6, 105.0)]


def test_a_recursive_trigger_inserts_until_it_stops(db):
    declare(db)
    db.execute("""
        PRAGMA recursive_triggers = ON;
        CREATE TABLE o(n);
        CREATE TRIGGER t AFTER INSERT ON o WHEN new.n > 0 BEGIN
          INSERT INTO p(a) VALUES (new.n);
          INSERT INTO o VALUES (new.n - 1);
        END;
        INSERT INTO o VALUES (4)""")
    assert rows(db, "SELECT rowid, a FROM p") == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]


def test_a_trigger_on_the_predictor_is_refused(db):
    declare(db)
    assert refusal(db, "CREATE TRIGGER t AFTER INSERT ON p BEGIN SELECT 1; END") == (
        "SQLError: cannot create triggers on virtual tables"
    )


def test_a_view_over_the_rows_is_read(points):
    points.execute("CREATE VIEW v AS SELECT y, avg(a) AS mean FROM p GROUP BY y")
    assert rows(points, "SELECT * FROM v") == [("high", 17.5), ("low", 5.5)]


def test_an_open_cursor_survives_what_is_inserted_meanwhile(points):
    cursor = points.execute("SELECT rowid FROM p")
    seen = [next(cursor)[0]]
    points.execute("INSERT INTO p VALUES (1, 2, 'x'); DELETE FROM p WHERE rowid = 10")
    seen += [rowid for (rowid,) in cursor]
    assert seen == [*range(1, 10), *range(11, 26)]


def test_a_large_first_filling_is_stored_whole(db):
    declare(db)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100003) SELECT i, i, 'x' FROM n"
    db.execute(f"INSERT INTO p {numbers}")
    assert rows(db, "SELECT count(*), min(id), max(id), sum(a) FROM p_rows") == [(100003, 1, 100003, 5000350006.0)]
    assert db.changes() == 100003


def test_the_tables_of_a_predictor_are_plain_tables(points):
    points.execute("DELETE FROM p_rows WHERE id > 2; UPDATE p_rows SET y = 'changed' WHERE id = 1")
    assert all_rows(points) == [(1, 0.0, 0.0, "changed"), (2, 1.0, 2.0, "low")]


def test_an_interrupted_insert_is_undone(points):
    points.set_progress_handler(lambda: True, 20000)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i, 'x' FROM n"
    assert refusal(points, f"INSERT INTO p {endless}") == "InterruptError: interrupted"
    points.set_progress_handler(None)
    assert value(points, "SELECT count(*) FROM p_rows") == 24
    assert isinstance(points, apsw.Connection)


def test_a_number_in_a_text_column_is_the_same_category_stored_and_asked(db):
    db.execute(
        "CREATE VIRTUAL TABLE p USING ml_classification(code TEXT, y TARGET, split=none, algorithm=decision_tree)"
    )
    db.execute("INSERT INTO p VALUES (0.1 + 0.2, 'a'), (1.0 / 3, 'b'), (7, 'c'), (2.5, 'd')")
    db.execute("INSERT INTO p(p) VALUES ('train')")
    asked = "SELECT y, warning FROM p WHERE features IN (json_array(0.1 + 0.2), json_array(1.0 / 3), '[7]', '[2.5]')"
    assert sorted(rows(db, asked)) == [("a", None), ("b", None), ("c", None), ("d", None)]
