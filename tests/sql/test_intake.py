"""Many rows that come with one statement are stored as if each had come alone, and one bad row refuses them all."""

import pytest
from asking import declare, refusal, rows, value

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.store.rows import HELD, PARAMETERS, Rows

WITHIN = {"autocommit": ("", ""), "transaction": ("BEGIN", "COMMIT"), "savepoint": ("SAVEPOINT s", "RELEASE s")}
NUMBERS = "a REAL, b INTEGER, y REAL TARGET"
MIXED = "a REAL, b TEXT, y TEXT TARGET"
AT_ONCE = PARAMETERS // 3
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "


@pytest.fixture(params=WITHIN)
def within(request):
    return WITHIN[request.param]


def fill_from(db, count, columns, name="p"):
    """Insert so many rows, each made of its number i, with one statement."""
    db.execute(f"{COUNT.format(count=count)} INSERT INTO {name} SELECT {columns} FROM n")


@pytest.fixture
def numbers(db):
    declare(db, columns=NUMBERS, task="regression")
    db.execute("CREATE TABLE native(id INTEGER PRIMARY KEY, a REAL, b INTEGER, y REAL)")
    return db


def is_as_native(db):
    mine, native = (rows(db, f"SELECT * FROM {name} ORDER BY id") for name in ("p_rows", "native"))
    return mine == native and len(mine) > 0


@pytest.mark.parametrize("count", [1, 2, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE + 7])
def test_every_row_of_a_statement_arrives_in_its_order(numbers, within, count):
    begin, end = within
    numbers.execute(begin)
    for name in ("p", "native(a, b, y)"):
        fill_from(numbers, count, "i / 7.0, i, -i", name)
        fill_from(numbers, count, "i, i + 0.5, i * 1e300", name)
        assert numbers.last_insert_rowid() == 2 * count
        assert numbers.changes() == count
    numbers.execute(end)
    assert is_as_native(numbers)


@pytest.mark.parametrize("columns", ["NULL, i, 1", "i, NULL, iif(i % 3, 2, NULL)", "iif(i % 5, i, NULL), i, i"])
def test_a_missing_value_among_numbers_is_stored(numbers, within, columns):
    begin, end = within
    numbers.execute(begin)
    fill_from(numbers, 500, columns)
    numbers.execute(end)
    fill_from(numbers, 500, columns, "native(a, b, y)")
    assert is_as_native(numbers)


def test_numbers_whose_sum_is_beyond_all_numbers_are_stored(numbers):
    fill_from(numbers, 5, "1.7e308, i, 1.7e308")
    assert rows(numbers, "SELECT DISTINCT a, y FROM p_rows") == [(1.7e308, 1.7e308)]


BAD = {
    "1e999": "InputError: p: column 'a' is NUMBER, got inf. Use NULL for a missing value.",
    "-1e999": "InputError: p: column 'a' is NUMBER, got -inf. Use NULL for a missing value.",
    "'low'": "InputError: p: column 'a' is NUMBER, got 'low'. Use NULL for a missing value.",
    "x'00'": "InputError: p: column 'a' is NUMBER, got a BLOB of 1 bytes. Store text or a number.",
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("columns", "rest"), [(NUMBERS, "i, 2.5"), (MIXED, "'b' || i % 4, 'y'")])
def test_one_bad_row_among_many_refuses_its_statement_and_no_other(db, within, bad, columns, rest):
    begin, end = within
    declare(db, columns=columns, task="regression" if columns == NUMBERS else "classification")
    fill_from(db, 10, f"i, {rest}")
    db.execute(begin)
    fill_from(db, 10, f"i, {rest}")
    insert = f"INSERT INTO p SELECT iif(i = 399, {bad}, i), {rest} FROM n"
    assert refusal(db, COUNT.format(count=400) + insert) == BAD[bad]
    fill_from(db, 10, f"i, {rest}")
    db.execute(end)
    assert rows(db, "SELECT count(*), max(id), sum(a) FROM p_rows") == [(30, 30, 165.0)]


def test_a_value_for_a_computed_column_is_refused_in_any_row(numbers):
    insert = "INSERT INTO p(a, b, y, warning) SELECT i, i, i, iif(i = 300, 'no', NULL) FROM n"
    sentence = "InputError: p: column 'warning' is computed and cannot be stored. Leave it out."
    assert refusal(numbers, COUNT.format(count=300) + insert) == sentence
    assert value(numbers, "SELECT count(*) FROM p_rows") == 0


GIVEN = {
    "behind": "iif(i = 5, 1000, NULL)",
    "before": "iif(i = 5, -1000, NULL)",
    "every other": "iif(i % 2, 10 * i, NULL)",
    "in the first row": "iif(i = 1, 7, NULL)",
    "in the last row": "iif(i = 400, 9000, NULL)",
}


@pytest.mark.parametrize("given", GIVEN)
def test_ids_that_are_given_mix_with_ids_that_are_not(numbers, within, given):
    begin, end = within
    fill_from(numbers, 3, "i, i, i")
    fill_from(numbers, 3, "i, i, i", "native(a, b, y)")
    numbers.execute(begin)
    for name, key in (("p", "rowid"), ("native", "id")):
        insert = f"INSERT INTO {name}({key}, a, b, y) SELECT {GIVEN[given]}, i, i, i FROM n"
        numbers.execute(COUNT.format(count=400) + insert)
    numbers.execute(end)
    assert is_as_native(numbers)


@pytest.mark.parametrize("conflict", ["OR REPLACE", "OR IGNORE"])
@pytest.mark.parametrize("taken", [2, 3, 100, 198])
def test_an_id_that_a_row_of_the_same_statement_got_is_taken(numbers, within, conflict, taken):
    begin, end = within
    fill_from(numbers, 3, "i, i, i")
    fill_from(numbers, 3, "i, i, i", "native(a, b, y)")
    numbers.execute(begin)
    for name, key in (("p", "rowid"), ("native", "id")):
        given = f"iif(i = 200, {taken}, NULL)"
        insert = f"INSERT {conflict} INTO {name}({key}, a, b, y) SELECT {given}, i, i, i FROM n"
        numbers.execute(COUNT.format(count=400) + insert)
    numbers.execute(end)
    assert is_as_native(numbers)


def test_an_id_that_a_row_of_the_same_statement_got_cannot_be_given_again(numbers, within):
    begin, end = within
    numbers.execute(begin)
    insert = "INSERT INTO p(rowid, a, b, y) SELECT iif(i = 200, 100, NULL), i, i, i FROM n"
    assert refusal(numbers, COUNT.format(count=400) + insert) == "ConstraintError: UNIQUE constraint failed: p.rowid"
    numbers.execute(end)
    assert value(numbers, "SELECT count(*) FROM p_rows") == 0


def test_more_rows_than_are_held_back_go_through(numbers, within):
    begin, end = within
    numbers.execute(begin)
    fill_from(numbers, HELD + 2 * AT_ONCE + 1, "i, i, i")
    numbers.execute(end)
    count = HELD + 2 * AT_ONCE + 1
    assert rows(numbers, "SELECT count(*), min(id), max(id), sum(id = b) FROM p_rows") == [(count, 1, count, count)]


def test_rows_before_the_greatest_id_are_numbered_and_the_one_behind_it_is_not_lost(numbers, within):
    begin, end = within
    numbers.execute(f"INSERT INTO p(rowid, a, b, y) VALUES ({2**63 - 3}, 0, 0, 0)")
    numbers.execute(begin)
    fill_from(numbers, 3, "i, i, i")
    numbers.execute(end)
    assert rows(numbers, "SELECT b FROM p_rows ORDER BY id DESC LIMIT 3") == [(2,), (1,), (0,)]
    assert value(numbers, "SELECT count(*) FROM p_rows WHERE b = 3") == 1


def test_an_error_of_a_row_that_is_added_quickly_names_the_predictor(numbers, monkeypatch):
    def gone(rows, witness):
        raise ModelError("the witness is gone.")

    def unchanging(number):
        # Afterwards SQLite knows of no change, and the next row asks whether those before it still stand.
        numbers.execute("DELETE FROM other")
        return number

    numbers.create_scalar_function("unchanging", unchanging)
    numbers.execute("CREATE TABLE other(x); BEGIN")
    monkeypatch.setattr(Rows, "_stands", gone)
    many = f"{COUNT.format(count=3)} INSERT INTO p SELECT unchanging(i), i, i FROM n"
    assert refusal(numbers, many) == "ModelError: p: the witness is gone."
    monkeypatch.undo()
    numbers.execute("COMMIT")
    assert rows(numbers, "SELECT * FROM p") == []
