"""Text that is not UTF-8: SQLite stores it, as it comes out of other programs' files, and Python cannot read it."""

import pytest
from asking import POINTS, declare, refusal, rows, value

import sqlite_ml_vtab

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

LATIN = "CAST(x'636166e9' AS TEXT)"
SENTENCE = (
    "InputError: p: a text in the database is not UTF-8: 'caf\\xe9'. "
    "Find it with instr(CAST(... AS BLOB), x'636166e9'), and store it as UTF-8."
)


@pytest.mark.parametrize(
    "ask",
    [
        "SELECT * FROM p",
        "SELECT * FROM p WHERE rowid = 99",
        "INSERT INTO p(p) VALUES ('train')",
        "INSERT INTO p(p) VALUES ('compare')",
        "INSERT INTO p(p) VALUES ('rebuild')",
        "SELECT y FROM p WHERE source = 'SELECT y AS a, b FROM p_rows'",
    ],
)
def test_a_stored_row_of_other_text_is_one_error_that_shows_how_to_find_it(trained, ask):
    # They were UnicodeDecodeError, without a word of where.
    trained.execute(f"INSERT INTO p_rows VALUES (99, 1, 2, {LATIN})")
    assert refusal(trained, ask) == SENTENCE
    assert value(trained, "PRAGMA integrity_check") == SENTENCE.removeprefix("InputError: ")
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"
    # What the sentence says finds it.
    trained.execute("UPDATE p_rows SET y = 'low' WHERE instr(CAST(y AS BLOB), x'636166e9')")
    assert value(trained, "SELECT count(*) FROM p") == 25


def test_content_of_other_text_is_the_same_error(connect):
    db = connect()
    db.execute(f"CREATE TABLE s AS SELECT 1.0 AS a, 2.0 AS b, 'x' AS y UNION ALL SELECT 1, 2, {LATIN}")
    declare(db, columns=f"{POINTS}, content=s")
    for ask in ("SELECT * FROM p", "INSERT INTO p(p) VALUES ('train')"):
        assert refusal(db, ask) == SENTENCE
    with pytest.raises(sqlite_ml_vtab.InputError) as caught:
        sqlite_ml_vtab.train(db, "p")
    assert str(caught.value) == SENTENCE.removeprefix("InputError: ")
    db.execute("DELETE FROM s")


@pytest.mark.parametrize(
    ("column", "ask"),
    [
        ("models.digest", "SELECT y FROM p(1, 2)"),
        ("models.digest", "SELECT ml_predict('p', 1, 2)"),
        ("versions.algorithm", "SELECT * FROM ml_versions('p')"),
        ("versions.algorithm", "SELECT * FROM ml_tables"),
        ("versions.options", "INSERT INTO p(p) VALUES ('rebuild')"),
        ("deployments.reason", "INSERT INTO p(p) VALUES ('rollback')"),
        ("metrics.name", "SELECT * FROM ml_metrics('p')"),
    ],
)
def test_a_shadow_table_of_other_text_is_the_same_error(trained, column, ask):
    table, _, name = column.partition(".")
    trained.execute("BEGIN")
    # Many rows of metrics have one name, so that one of them is changed.
    trained.execute(f"UPDATE p_{table} SET {name} = {LATIN} WHERE rowid = (SELECT min(rowid) FROM p_{table})")
    assert refusal(trained, ask) == SENTENCE
    trained.execute("ROLLBACK")
    assert rows(trained, "SELECT y, ml_predict('p', 1, 2) FROM p(1, 2)") == [("low", "low")]
