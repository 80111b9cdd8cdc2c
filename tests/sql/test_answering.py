"""ml_predict remembers what answers from row to row, and never longer than it is true."""

import apsw
import pytest
from asking import command, declare, fill, rows, value

from sqlite_ml_vtab.vtab import functions

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

ALL = "SELECT group_concat(DISTINCT ml_predict('p', a, b)) FROM p_rows"
ONE = "SELECT ml_predict('p', 0, 0)"


@pytest.fixture
def versions(trained):
    """Two versions: the first tells 'low' from 'high', the second always says 'low'."""
    trained.execute("CREATE TABLE other(a)")
    command(
        trained,
        "train",
        {"algorithm": "dummy", "hyperparams": {"strategy": "constant", "constant": 1}, "deploy": False},
    )
    return trained


def answers(db):
    return {said for text in (value(db, ALL),) for said in text.split(",")}


def test_rows_of_one_statement_are_looked_up_once(versions, monkeypatch):
    looked = []
    scorer = functions.verbs.scorer
    monkeypatch.setattr(functions.verbs, "scorer", lambda *args: looked.append(1) or scorer(*args))
    value(versions, "SELECT count(ml_predict('p', a, b)) FROM p_rows")
    assert len(looked) == 1
    value(versions, "SELECT count(ml_predict_proba('p', a, b)) FROM p_rows")
    assert len(looked) == 1


def test_a_deployment_of_this_connection_is_seen_at_once(versions):
    assert answers(versions) == {"low", "high"}
    command(versions, "deploy", {"version": 2})
    assert answers(versions) == {"low"}
    command(versions, "rollback")
    assert answers(versions) == {"low", "high"}


@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT"])
def test_a_deployment_in_a_transaction_ends_with_it(versions, end):
    assert answers(versions) == {"low", "high"}
    versions.execute("BEGIN")
    assert answers(versions) == {"low", "high"}
    command(versions, "deploy", {"version": 2})
    assert answers(versions) == {"low"}
    versions.execute(end)
    assert answers(versions) == ({"low"} if end == "COMMIT" else {"low", "high"})


def test_a_savepoint_takes_a_deployment_back(versions):
    versions.execute("BEGIN; INSERT INTO other VALUES (1); SAVEPOINT s")
    assert answers(versions) == {"low", "high"}
    command(versions, "deploy", {"version": 2})
    assert answers(versions) == {"low"}
    versions.execute("ROLLBACK TO s")
    assert answers(versions) == {"low", "high"}
    versions.execute("COMMIT")
    assert answers(versions) == {"low", "high"}


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("question", [ALL, ONE, "SELECT ml_predict('p', a, b) FROM temp.t"])
def test_another_connection_s_deployment_is_seen_by_the_next_statement(connect, path, mode, question):
    writer = connect(path)
    writer.execute(f"PRAGMA journal_mode = {mode}")
    declare(writer)
    fill(writer)
    command(writer, "train")
    constant = {"algorithm": "dummy", "hyperparams": {"strategy": "constant", "constant": 0}, "deploy": False}
    command(writer, "train", constant)
    reader = connect(path)
    reader.execute("CREATE TEMP TABLE t AS SELECT 0.0 AS a, 0.0 AS b")
    before = rows(reader, question)
    for _ in range(3):
        command(writer, "deploy", {"version": 2})
        after = rows(reader, question)
        assert "low" not in str(after)
        command(writer, "deploy", {"version": 1})
        assert rows(reader, question) == before


def test_a_statement_keeps_to_the_model_it_began_with(connect, path):
    writer, reader = connect(path), connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    declare(writer)
    fill(writer)
    command(writer, "train")
    command(writer, "train", {"algorithm": "dummy", "deploy": False})
    expected = rows(reader, "SELECT ml_predict_proba('p', a, b) FROM p_rows")
    cursor = reader.execute("SELECT ml_predict_proba('p', a, b) FROM p_rows")
    found = [next(cursor)]
    command(writer, "deploy", {"version": 2})
    assert [*found, *cursor] == expected
    assert rows(reader, "SELECT ml_predict_proba('p', a, b) FROM p_rows") != expected


def test_a_dropped_predictor_does_not_answer(versions):
    assert answers(versions) == {"low", "high"}
    versions.execute("CREATE TABLE kept AS SELECT a, b FROM p_rows; DROP TABLE p")
    with pytest.raises(Exception, match=r"^no predictor 'p'"):
        rows(versions, "SELECT ml_predict('p', a, b) FROM kept")


@pytest.mark.parametrize("begin", ["", "BEGIN"])
@pytest.mark.parametrize("question", [ONE, "SELECT y FROM p(0, 0)"])
@pytest.mark.parametrize("suffix", ["models", "deployments"])
def test_a_shadow_table_dropped_by_hand_is_missed_at_once(versions, suffix, question, begin):
    expected = rows(versions, question)
    versions.execute(begin)
    assert rows(versions, question) == expected
    versions.execute(f"DROP TABLE p_{suffix}")
    with pytest.raises(Exception, match=rf"^p: missing shadow tables p_{suffix}\. "):
        rows(versions, question)
    versions.execute("ROLLBACK" if begin else "DROP TABLE p")
    if begin:
        assert rows(versions, question) == expected


def test_errors_name_the_table_however_often_it_was_asked(versions):
    assert answers(versions) == {"low", "high"}
    with pytest.raises(Exception, match=r"^p: column 'a' is NUMBER, got 'x'\. "):
        rows(versions, "SELECT ml_predict('p', iif(a < 5, a, 'x'), b) FROM p_rows")
    with pytest.raises(apsw.SQLError, match="no such column"):
        rows(versions, "SELECT ml_predict('p', a, c) FROM p_rows")
