"""Results as text that a person reads."""

import apsw

from sqlite_ml_vtab.printing import run, statements, table


def test_text_stands_to_the_left_and_numbers_to_the_right():
    assert table(["name", "n"], [("a", 1), ("bcdef", 100)]) == "name     n\n-----  ---\na        1\nbcdef  100\n"


def test_null_and_blobs_are_named():
    assert table(["a", "b"], [(None, b"123")]) == "a     b\n----  ---------------\nNULL  BLOB of 3 bytes\n"


def test_a_column_of_null_and_numbers_is_one_of_numbers():
    assert table(["n"], [(None,), (7,)]) == "   n\n----\nNULL\n   7\n"


def test_a_wide_text_is_wrapped_at_words():
    text = "one two three four five six seven eight nine ten"
    assert table(["n", "words"], [(1, text)], 32) == (
        "n  words\n-  -----------------------------\n1  one two three four five six\n   seven eight nine ten\n"
    )


def test_values_stand_one_a_line_where_columns_would_be_too_narrow():
    assert table(["first", "b"], [("x" * 20, "y" * 20), ("z", None)], 30) == (
        "first  xxxxxxxxxxxxxxxxxxxx\nb      yyyyyyyyyyyyyyyyyyyy\n\nfirst  z\nb      NULL\n"
    )


def test_numbers_are_never_wrapped():
    assert table(["a", "b"], [(10**30, 10**30)], 40) == f"a  {10**30}\nb  {10**30}\n"


def test_lines_of_a_value_stand_under_each_other():
    assert table(["sql", "n"], [("CREATE\nTABLE", 1)]) == "sql     n\n------  -\nCREATE  1\nTABLE\n"


def test_wide_characters_keep_the_columns_straight():
    assert table(["a", "b"], [("日本", "x"), ("abc", "y")]) == "a     b\n----  -\n日本  x\nabc   y\n"


def test_what_a_terminal_would_obey_is_replaced():
    assert table(["a"], [("\x1b[2Jgone",)]) == "a\n--------\n\N{REPLACEMENT CHARACTER}[2Jgone\n"


def test_a_very_long_text_is_cut():
    assert table(["a"], [("x" * 10_000,)], 3000).count("x") == 1999


def test_run_returns_nothing_for_a_statement_without_rows():
    db = apsw.Connection("")
    assert run(db, "CREATE TABLE t(a)") == ""
    assert run(db, "SELECT * FROM t") == ""
    assert run(db, "SELECT 1 AS a") == "a\n-\n1\n"
    db.close()


def test_statements_are_told_apart_with_their_comments():
    script = "-- one\nSELECT ';';\n\nSELECT\n  2;  -- two\n-- the end\n"
    assert list(statements(script)) == ["-- one\nSELECT ';';", "SELECT\n  2;  -- two"]


def test_a_last_statement_needs_no_semicolon():
    assert list(statements("SELECT 1;\nSELECT 2\n")) == ["SELECT 1;", "SELECT 2"]
