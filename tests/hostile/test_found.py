"""What fuzzing and reading have found, each kept for ever with its input."""

import apsw
import corpus
import mutants
import numpy as np
import pytest
from asking import POINTS, declare, refusal, value

import sqlite_ml_vtab
from sqlite_ml_vtab.errors import InputError, ModelError
from sqlite_ml_vtab.portable import from_bytes
from sqlite_ml_vtab.portable.inputs import read_json

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


def problem(blob):
    with pytest.raises(ModelError) as caught:
        from_bytes(blob)
    return str(caught.value)


def test_a_curve_over_a_number_is_refused(stored):
    # It made two columns of one: an IndexError, or a ValueError of zip, when it was asked.
    tree = mutants.tree_of(stored["constant"])
    inner = {"family": "constant", "parameters": tree["parameters"], "columns": np.empty(0, dtype="<i4")}
    bent = inner | {"reads": "answer", "curves": [{"a": 1.0, "b": 0.0}]}
    tree["family"], tree["parameters"] = (
        "combined",
        {"link": "identity", "how": "median", "members": [bent], "weights": np.ones(1), "final": []},
    )
    assert problem(mutants.seal(tree)) == "the stored model is damaged: curves."


def test_codes_whose_difference_wraps_around_are_refused(stored):
    # In 32 bits each of these is greater than the one before, by subtraction: an IndexError when it was asked.
    tree = mutants.tree_of(stored["events"])
    width = len(tree["parameters"]["starts"]) - 1
    assert width >= 4
    wrapping = [0, 2**31 - 1, -(2**31), *range(3 - width, 0), 5]
    starts = np.array(wrapping, dtype="<i4")
    assert (np.diff(starts) > 0).all()
    tree["parameters"] |= {"starts": starts, "tables": np.zeros((3, 5))}
    assert problem(mutants.seal(tree)) == "the stored model is damaged: codes of columns."


@pytest.mark.parametrize("span", [[-1e300, 0.0], [0.0, 1e300], [0, 253402300800]])
def test_a_training_range_beyond_the_calendar_is_refused(stored, span):
    # The warning, which writes it as a date, raised OverflowError.
    blob = corpus.changed(stored["bayes"], ("columns", 2, "range"), span)
    assert problem(blob) == "the stored model is damaged: a column's range."


def test_json_too_deep_for_one_of_two_readers_is_one_error():
    # orjson goes 1024 deep, and json, which looks for a name given twice, less: RecursionError.
    text = '{"n": ' + "[" * 1010 + "]" * 1010 + ', "c": ":"}'
    with pytest.raises(InputError, match="is nested too deep. Use json_array"):
        read_json(text, ["n", "c"])


def test_a_name_twice_among_many_is_found_at_once():
    # Every name was counted anew: hours.
    names = ", ".join(f'"a{n}": 1' for n in range(100_000))
    with pytest.raises(InputError, match="feature 'a99999' is given twice"):
        read_json("{" + names + ', "a99999": 2}', ["n"])


DEEP = "reads a source that reads another, and so on, 16 deep: one leads back to itself. Let it read the table behind."


def test_a_view_that_reads_itself_through_a_source_is_one_error(trained):
    # It ended in Python's RecursionError.
    trained.execute("CREATE VIEW v AS SELECT a, b FROM p WHERE source = 'v'")
    for ask in ("SELECT y FROM p WHERE source = 'v'", "SELECT * FROM v"):
        assert refusal(trained, ask) == f"InputError: p: source 'v' {DEEP}"


def test_a_source_that_never_has_the_same_name_twice_is_one_error(trained):
    trained.execute("CREATE VIEW w AS SELECT a, b FROM p WHERE source = 'SELECT * FROM w --' || random()")
    assert refusal(trained, "SELECT y FROM p WHERE source = 'w'").endswith(DEEP)


def test_sources_in_each_other_are_read_where_they_end(trained):
    inner = "p_rows"
    for _ in range(3):
        inner = "SELECT a, b FROM p WHERE source = '" + inner.replace("'", "''") + "'"
    assert value(trained, "SELECT count(*) FROM p WHERE source = ?", (inner,)) == 24


def test_content_that_leads_back_is_one_error(trained):
    trained.execute("CREATE VIEW one AS SELECT a, b, y FROM q; CREATE VIEW other AS SELECT a, b, y FROM r")
    declare(trained, "q", f"{POINTS}, content=other")
    declare(trained, "r", f"{POINTS}, content=one")
    sentence = "content is a view that reads the predictor itself. Let it read the table behind."
    for ask in ("SELECT * FROM q", "SELECT * FROM one", "INSERT INTO q(q) VALUES ('train')"):
        assert refusal(trained, ask).endswith(sentence)


def test_a_sign_that_stands_for_eighteen_letters_makes_a_long_text_no_longer():
    # One prediction took eighteen times as long as any other text can.
    from sqlite_ml_vtab.portable.words import MAX_LETTERS, countable

    assert sum(map(len, countable("\ufdfa" * MAX_LETTERS))) <= MAX_LETTERS


def test_a_trigger_that_leads_back_to_its_predictor_is_one_error(trained):
    # Inside a transaction it ended in Python's RecursionError.
    trained.execute("PRAGMA recursive_triggers = ON")
    trained.execute("CREATE TRIGGER again AFTER INSERT ON p_rows BEGIN INSERT INTO p VALUES (new.a, new.b, new.y); END")
    trained.execute("BEGIN")
    assert refusal(trained, "INSERT INTO p VALUES (1, 2, 'low')") == (
        "InputError: p: a trigger or a view leads back to this predictor, again and again. "
        "Let it write, or read, another table."
    )
    if trained.in_transaction:
        trained.execute("ROLLBACK")
    trained.execute("DROP TRIGGER again")
    assert value(trained, "SELECT count(*) FROM p") == 24


def test_an_error_that_is_kept_keeps_no_statement_under_way(tmp_path):
    # The calls that ended with it held a cursor: the connection could not be closed, and the file stayed locked.
    db = apsw.Connection(str(tmp_path / "kept.db"))
    sqlite_ml_vtab.load(db)
    declare(db)
    ids = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 25000)"
    db.execute(f"{ids} INSERT INTO p_rows SELECT id, CASE id WHEN 5 THEN 'text' ELSE id END, 1, 'low' FROM n")
    kept = []
    for ask in ("INSERT INTO p(p) VALUES ('train')", "SELECT y FROM p WHERE source = 'p_rows'"):
        with pytest.raises(sqlite_ml_vtab.Error) as caught:
            list(db.execute(ask))
        kept.append(caught)
    with pytest.raises(sqlite_ml_vtab.InputError) as caught:
        sqlite_ml_vtab.train(db, "p")
    kept.append(caught)
    db.close()


@pytest.mark.parametrize(
    ("written", "shown"), [("'x' || id", "'x24'"), ("id + 0.5", "24.5"), ("x'00'", "a BLOB of 1 bytes")]
)
def test_row_ids_that_are_no_integers_are_one_error(trained, written, shown):
    # A rows table of another make has any: TypeError and ValueError.
    trained.execute(
        "BEGIN; CREATE TABLE other AS SELECT * FROM p_rows; DROP TABLE p_rows; CREATE TABLE p_rows(id, a, b, y)"
    )
    trained.execute(f"INSERT INTO p_rows SELECT {written}, a, b, y FROM other")
    asks = ("INSERT INTO p SELECT a, b, y FROM other", "INSERT INTO p(p) VALUES ('train')", "SELECT rowid FROM p")
    for ask in asks:
        sentence = refusal(trained, ask)
        assert sentence.startswith("ModelError: p: the rows table has the row id ")
        assert sentence.endswith(". Restore the shadow tables from a backup.")
    assert shown in refusal(trained, "SELECT rowid FROM p WHERE a = 23")
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"
    trained.execute("ROLLBACK")
