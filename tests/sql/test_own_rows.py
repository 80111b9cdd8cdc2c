"""A statement that fills a predictor from its own rows ends, and meets the rows that stood there before it."""

import pytest
from asking import declare, rows, value

WITHIN = {
    "autocommit": ("", ""),
    "transaction": ("BEGIN", "COMMIT"),
    "after another insert": ("BEGIN; INSERT INTO q VALUES (1, 2, 'x')", "COMMIT"),
    "savepoint": ("SAVEPOINT s", "RELEASE s"),
    "nested savepoints": ("BEGIN; SAVEPOINT s; SAVEPOINT t", "COMMIT"),
}
FORMS = {
    "the predictor": "INSERT INTO p SELECT a, b, y FROM p",
    "its rows table": "INSERT INTO p SELECT a, b, y FROM p_rows",
    "from the end": "INSERT INTO p SELECT a, b, y FROM p_rows ORDER BY id DESC",
    "a view": "INSERT INTO p SELECT * FROM v",
    "a subquery": "INSERT INTO p SELECT * FROM (SELECT a, b, y FROM p_rows WHERE id > 0)",
    "with ids": "INSERT INTO p(rowid, a, b, y) SELECT id + 1000, a, b, y FROM p_rows",
}


@pytest.fixture
def own(db):
    """Two empty predictors, and a view of the rows of the first."""
    declare(db)
    declare(db, "q")
    db.execute("CREATE VIEW v AS SELECT a, b, y FROM p_rows")
    return db


def insert(db, count):
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, i, "x") for i in range(count)])


@pytest.mark.parametrize("within", WITHIN)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_rows_are_doubled(own, within, form, count):
    begin, end = WITHIN[within]
    insert(own, count)
    own.execute(f"{begin};{FORMS[form]}")
    assert value(own, "SELECT count(*) FROM p_rows") == 2 * count
    own.execute(end)
    assert rows(own, "SELECT a, count(*) FROM p_rows GROUP BY a") == [(float(i), 2) for i in range(count)]


@pytest.mark.parametrize("within", WITHIN)
def test_rows_are_doubled_again_and_again(own, within):
    begin, end = WITHIN[within]
    insert(own, 3)
    own.execute(begin)
    for _ in range(4):
        own.execute("INSERT INTO p SELECT a, b, y FROM p_rows")
    own.execute(end)
    assert rows(own, "SELECT count(*), max(id) FROM p_rows") == [(48, 48)]


@pytest.mark.parametrize("within", WITHIN)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_join_multiplies_rows(own, within, count):
    begin, end = WITHIN[within]
    insert(own, count)
    own.execute(f"{begin}; INSERT INTO p SELECT r.a, r.b, k.value FROM p_rows AS r, json_each('[1,2,3]') AS k; {end}")
    assert value(own, "SELECT count(*) FROM p_rows") == 4 * count


@pytest.mark.parametrize("within", ["autocommit", "transaction", "savepoint"])
@pytest.mark.parametrize("count", [0, 2, 5])
def test_new_rows_beside_the_own_are_not_met(own, within, count):
    begin, end = WITHIN[within]
    insert(own, count)
    own.execute(
        f"{begin}; INSERT INTO p SELECT * FROM (VALUES (7, 7, 'n'), (8, 8, 'n')) UNION ALL SELECT * FROM v;{end}"
    )
    assert value(own, "SELECT count(*) FROM p_rows") == 2 * count + 2


def test_rows_that_are_there_already_are_left_out(own):
    insert(own, 3)
    own.execute("""
        INSERT INTO p SELECT column1, column2, 'new' FROM (VALUES (1, 1), (5, 5), (6, 6))
        WHERE NOT EXISTS (SELECT 1 FROM p_rows WHERE a = column1)""")
    assert rows(own, "SELECT a FROM p WHERE y = 'new'") == [(5.0,), (6.0,)]


@pytest.mark.parametrize("within", WITHIN)
def test_own_rows_replace_themselves(own, within):
    begin, end = WITHIN[within]
    insert(own, 4)
    own.execute(f"{begin}; INSERT OR REPLACE INTO p(rowid, a, b, y) SELECT id, a + 10, b, y FROM p_rows; {end}")
    assert rows(own, "SELECT rowid, a FROM p") == [(1, 10.0), (2, 11.0), (3, 12.0), (4, 13.0)]


def test_own_rows_that_stand_already_are_ignored(own):
    insert(own, 4)
    own.execute("INSERT OR IGNORE INTO p(rowid, a) SELECT CASE WHEN id % 2 THEN id END, a + 10 FROM p_rows")
    assert rows(own, "SELECT rowid, a FROM p") == [(1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0), (5, 11.0), (6, 13.0)]


def test_rows_go_from_one_predictor_to_another_and_back(own):
    insert(own, 3)
    own.execute("BEGIN; INSERT INTO q SELECT a, b, y FROM p; INSERT INTO p SELECT a, b, y FROM q_rows; COMMIT")
    assert (value(own, "SELECT count(*) FROM p"), value(own, "SELECT count(*) FROM q")) == (6, 3)


def test_a_row_of_a_single_row_statement_is_seen_at_once(own):
    own.execute("BEGIN")
    for count in range(1, 5):
        own.execute("INSERT INTO p VALUES (1, 2, 'x')")
        assert value(own, "SELECT count(*) FROM p_rows") == count


def test_a_scalar_subquery_on_the_own_rows_is_a_single_row(own):
    own.execute("BEGIN")
    for count in range(3):
        own.execute("INSERT INTO p VALUES ((SELECT count(*) FROM p_rows), 0, 'x')")
        assert value(own, "SELECT max(a) FROM p_rows") == count


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("failing", [1, 2, 3, 4])
@pytest.mark.parametrize("before", ["", "UPDATE p SET a = a WHERE a > 99"])
def test_rows_of_a_statement_that_a_function_ends_do_not_come_back(own, count, failing, before):
    def explode(number):
        if number == failing:
            raise ZeroDivisionError
        return number

    own.create_scalar_function("explode", explode, 1)
    insert(own, count)
    own.execute(f"BEGIN; {before}")
    with pytest.raises(ZeroDivisionError):
        own.execute("INSERT INTO p SELECT value, 0, 'undone' FROM json_each('[1,2,3,4]') WHERE explode(value)")
    own.execute("INSERT INTO p VALUES (9, 9, 'kept')")
    assert value(own, "SELECT count(*) FROM p") == count + 1
    own.execute("COMMIT")
    assert rows(own, "SELECT y, count(*) FROM p_rows WHERE y <> 'x' GROUP BY y") == [("kept", 1)]
    assert rows(own, "SELECT key FROM p_config ORDER BY key") == [("created_with",), ("format",)]


def test_a_trigger_inserts_for_each_row_of_a_statement(own):
    own.execute("CREATE TABLE o(a); CREATE TRIGGER t AFTER INSERT ON o BEGIN INSERT INTO p(a) VALUES (new.a); END")
    insert(own, 1)
    own.execute("BEGIN; UPDATE p SET a = a WHERE a > 99; INSERT INTO o VALUES (5), (6), (7)")
    assert rows(own, "SELECT a FROM p_rows") == [(0.0,), (5.0,), (6.0,), (7.0,)]
    own.execute("INSERT INTO o SELECT a + 10 FROM p_rows; COMMIT")
    assert rows(own, "SELECT a FROM p_rows WHERE id > 4") == [(10.0,), (15.0,), (16.0,), (17.0,)]
