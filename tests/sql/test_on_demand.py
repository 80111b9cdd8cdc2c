"""Shadow tables that most predictors have no use for are made with their first row, and with it undone."""

import apsw
import pytest
from asking import command, declare, fill, refusal, rows, value

from sqlite_ml_vtab import TrainingError
from sqlite_ml_vtab.store import runs
from sqlite_ml_vtab.store.shadows import ON_DEMAND, SHADOW_TABLES

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

LISTINGS = ("ml_runs", "ml_folds", "ml_trials", "ml_comparisons")


def tables(db, name="p", schema="main"):
    """Return the suffixes of the shadow tables that are there."""
    found = rows(db, f"SELECT name FROM {schema}.sqlite_schema WHERE type = 'table' AND name GLOB '{name}_*'")
    return {table.removeprefix(f"{name}_") for (table,) in found}


ALWAYS = set(SHADOW_TABLES) - set(ON_DEMAND)
VALIDATED = ALWAYS | {"runs", "folds"}


def validate(db, name="p"):
    command(db, "cross_validate", {"folds": 2}, name=name)


def test_a_predictor_has_those_that_it_needs(trained):
    assert tables(trained) == ALWAYS
    assert [rows(trained, f"SELECT * FROM {listing}('p')") for listing in LISTINGS] == [[]] * 4
    assert value(trained, "SELECT count(*) FROM ml_versions('p')") == 1
    validate(trained)
    assert tables(trained) == VALIDATED
    command(trained, "forget", {"run": 1})
    assert [rows(trained, f"SELECT * FROM {listing}('p')") for listing in LISTINGS] == [[]] * 4


@pytest.mark.parametrize("undo", ["ROLLBACK", "ROLLBACK TO one; COMMIT"])
def test_a_table_is_undone_with_the_row_that_it_was_made_for(trained, undo):
    trained.execute("BEGIN; SAVEPOINT one")
    validate(trained)
    assert tables(trained) == VALIDATED
    trained.execute(undo)
    assert tables(trained) == ALWAYS
    assert rows(trained, "SELECT * FROM ml_runs('p')") == []
    validate(trained)
    assert value(trained, "SELECT count(*) FROM ml_folds('p')") == 2


def failing(monkeypatch):
    """Let a cross-validation fail when it has stored its run, and is to store the folds."""
    add = runs.add

    def refusing(tables, suffix, found):
        if suffix == "folds":
            raise TrainingError("no folds")
        add(tables, suffix, found)

    monkeypatch.setattr(runs, "add", refusing)


@pytest.mark.parametrize("begin", ["", "BEGIN"])
def test_a_command_that_fails_leaves_no_table(trained, monkeypatch, begin):
    failing(monkeypatch)
    trained.execute(begin)
    with pytest.raises(TrainingError, match="^p: no folds$"):
        validate(trained)
    trained.execute("COMMIT" if begin else "")
    assert tables(trained) == ALWAYS


def test_a_table_that_was_undone_is_not_taken_for_one_that_another_connection_made(connect, path, monkeypatch):
    db, other = connect(path), connect(path)
    declare(db)
    fill(db)
    failing(monkeypatch)
    db.execute("BEGIN; DELETE FROM p WHERE rowid = 1")
    with pytest.raises(TrainingError, match="^p: no folds$"):
        validate(db)
    db.execute("COMMIT")
    # SQLite numbers schemas: this one has the number that the schema with p_runs had.
    other.execute("CREATE TABLE theirs(x); INSERT INTO theirs VALUES ('theirs')")
    with pytest.raises(apsw.SQLError, match="no such table: p_runs"):
        db.execute("SELECT * FROM p_runs")
    assert rows(db, "SELECT * FROM theirs") == [("theirs",)]


def test_it_is_made_while_statements_are_open_here_and_elsewhere(connect, path):
    db, other = connect(path), connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    declare(db)
    fill(db)
    here, there = db.execute("SELECT rowid FROM p"), other.execute("SELECT id FROM p_rows")
    first = next(here), next(there)
    validate(db)
    assert first == ((1,), (1,))
    assert len(list(here)) == len(list(there)) == 23
    assert tables(other) == VALIDATED
    assert value(other, "SELECT count(*) FROM ml_folds('p')") == 2


def test_it_stands_in_the_schema_of_its_predictor_and_goes_with_it(connect):
    db = connect()
    declare(db, "temp.p")
    fill(db)
    validate(db)
    assert (tables(db, schema="temp"), tables(db)) == (VALIDATED, set())
    db.execute("ALTER TABLE p RENAME TO q")
    assert (tables(db, schema="temp"), tables(db, "q", "temp")) == (set(), VALIDATED)
    validate(db, "q")
    db.execute("DROP TABLE q")
    assert tables(db, "q", "temp") == set()


def test_a_table_of_the_users_own_under_such_a_name_is_left_alone(trained):
    trained.execute("CREATE TABLE p_runs(name); INSERT INTO p_runs VALUES ('mine')")
    assert rows(trained, "SELECT * FROM ml_runs('p')") == []
    assert value(trained, "PRAGMA integrity_check") == "ok"
    assert refusal(trained, "INSERT INTO p(p) VALUES ('cross_validate')") == (
        "ModelError: p: a table named 'p_runs' exists already, and this predictor needs the name. Rename that table."
    )
    trained.execute("ALTER TABLE p RENAME TO q")
    trained.execute("DROP TABLE q")
    assert rows(trained, "SELECT * FROM p_runs") == [("mine",)]


def test_the_first_prediction_does_not_read_what_the_schema_has_of_other_predictors(trained, connect):
    fresh = connect(":memory:")
    fresh.deserialize("main", trained.serialize("main"))
    rows(fresh, "SELECT 1 FROM sqlite_schema")
    seen = []
    fresh.authorizer = lambda code, first, *rest: seen.append((code, first)) or apsw.SQLITE_OK
    assert value(fresh, "SELECT y FROM p(1, 2)") == "low"
    fresh.authorizer = None
    assert (apsw.SQLITE_READ, "p_models") in seen
    assert (apsw.SQLITE_READ, "sqlite_master") not in seen
