"""Every column of every shadow table, changed in every way: an error or a text of integrity_check, never another's answer.

tests/sql/test_tampering.py has the sentences; here the registry of shadow tables is walked, whatever it holds.
"""

import apsw
import pytest
from asking import command, declare, fill, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor
from sqlite_ml_vtab.store.shadows import ON_DEMAND, SHADOW_TABLES

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

CHANGES = {
    "NULL": "NULL",
    "text": "'text'",
    "a number": "7",
    "a BLOB": "x'00ff'",
    "the largest number": "9223372036854775807",
    "infinity": "-9e999",
    "long text": "printf('%.*c', 200000, 'x')",
    "JSON, 10^5 deep": "replace(printf('%.*c', 100000, 'x'), 'x', '[')",
    "another model": "(SELECT model FROM q_models)",
    "another digest": "(SELECT digest FROM q_models)",
    "another row's value": "(SELECT other.{column} FROM {table} AS other WHERE other.rowid <> {table}.rowid LIMIT 1)",
    "an SQL injection": "'x''); DROP TABLE q_rows; --'",
    "a table's name": "'q'",
}
"""What stands in a column instead, as SQL; rows that are deleted are a test of their own."""

ASKS = (
    "SELECT y FROM p(1, 2)",
    "SELECT ml_predict('p', 1, 2)",
    "SELECT y FROM p WHERE source = 'SELECT 1 AS a, 2 AS b'",
)
READS = (
    *("SELECT * FROM p", "SELECT * FROM ml_tables", "SELECT * FROM ml_versions('p')", "SELECT * FROM ml_metrics('p')"),
    *("SELECT * FROM ml_deployments('p')", "SELECT * FROM ml_runs('p')", "SELECT * FROM ml_folds('p')"),
    *("SELECT * FROM ml_trials('p')", "SELECT * FROM ml_comparisons('p')", "PRAGMA quick_check"),
)
WRITES = (
    *("INSERT INTO p VALUES (1, 2, 'low')", "INSERT INTO p(p) VALUES ('rollback')"),
    "INSERT INTO p(p, options) VALUES ('deploy', '{\"strategy\": \"best\"}')",
    "INSERT INTO p(p, options) VALUES ('forget', '{\"keep\": 1}')",
)

FILLED = """
    INSERT INTO p_runs VALUES (1, 'tune', '{}', 'x', '2024-01-01', 1, 0.5, 0.1, 1, 'x'), (2, 'tune', '{}', 'y', 'z', 2, 1, 1, 2, '');
    INSERT INTO p_folds VALUES (1, 0, 0, 0, 9, 3, 0.5, 0.4, 1, 1, '{}'), (1, 0, 0, 1, 9, 3, 0.6, 0.4, 1, 1, '{}');
    INSERT INTO p_trials VALUES (1, 0, 'done', 'knn', '{}', '{}', 0.5, 0.1, 1, NULL), (1, 1, 'done', 'knn', '{}', '{}', 0, 0, 1, '');
    INSERT INTO p_comparisons VALUES (1, 0, 'knn', '{}', 'done', 1, 1, 0, 1, 1, 1, 9, 'x'), (1, 1, 'knn', '{}', 'x', 1, 1, 0, 1, 1, 1, 9, '');
    INSERT INTO p_states VALUES (1, 'x', x'00'), (2, 'y', x'01')"""


@pytest.fixture(scope="module")
def tampered():
    """A database with p, of two versions and with a row in each shadow table, and q, which answers otherwise."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    declare(db)
    fill(db)
    command(db, "train")
    command(db, "train", {"algorithm": "decision_tree"})
    declare(db, "q", "a REAL, b REAL, y TEXT TARGET, z TEXT TARGET, algorithm=dummy, split=none")
    db.execute("INSERT INTO q VALUES (1, 2, 'other', 'x'), (3, 4, 'else', 'z')")
    command(db, "train", name="q")
    for suffix in ON_DEMAND:
        db.execute(f"CREATE TABLE p_{suffix}({SHADOW_TABLES[suffix]})")
    db.execute(FILLED)
    yield db
    db.execute("DELETE FROM p_states")
    assert value(db, "PRAGMA integrity_check") == "ok"
    db.close()


def tried(db, change):
    """Make a change, use the predictor in every way, and undo it; return whether SQLite let the change be made."""
    db.execute("SAVEPOINT tampering")
    predictor.SCORERS._scorers.clear()
    try:
        db.execute(change)
        for ask in ASKS:
            found = answered(db, ask)
            assert found in ([("low",)], "refused"), (change, ask, found)
        for use in (*READS, *WRITES):
            answered(db, use)
        assert value(db, "PRAGMA integrity_check").startswith(
            ("ok", "p: ", "NULL value in", "NUMERIC value in", "TEXT")
        )
        assert value(db, "SELECT count(*) FROM q_rows") == 2
    except (apsw.ConstraintError, apsw.MismatchError):
        return False
    finally:
        undo(db, "tampering")
    return True


def answered(db, ask):
    db.execute("SAVEPOINT asking")
    try:
        return rows(db, ask)
    except (sqlite_ml_vtab.Error, apsw.ConstraintError, apsw.FullError):
        return "refused"
    finally:
        undo(db, "asking")


def undo(db, savepoint):
    # Behind the largest row id SQLite says that the database is full, and rolls back everything by itself.
    if db.in_transaction:
        db.execute(f"ROLLBACK TO {savepoint}; RELEASE {savepoint}")


@pytest.mark.parametrize("suffix", SHADOW_TABLES)
def test_every_column_of_a_shadow_table_is_changed_in_every_way(tampered, suffix):
    table = f"p_{suffix}"
    columns = [row[1] for row in rows(tampered, f"PRAGMA table_info({table})")]
    made = 0
    for column in columns:
        for change in CHANGES.values():
            expression = change.format(column=column, table=table)
            made += tried(tampered, f"UPDATE OR REPLACE {table} SET {column} = {expression}")
    assert made > 2 * len(columns)


@pytest.mark.parametrize("suffix", SHADOW_TABLES)
def test_rows_of_a_shadow_table_are_deleted_and_doubled(tampered, suffix):
    for change in ("DELETE FROM p_{0}", "DELETE FROM p_{0} WHERE rowid = 1", "DELETE FROM p_{0} WHERE rowid > 1"):
        assert tried(tampered, change.format(suffix))


BOTH = "SELECT model, digest FROM p_models AS o WHERE o.version <> p_models.version"


def test_models_that_change_places_with_their_digests_are_the_versions_own_again(tampered):
    # Both were trained for these very columns, on these very rows: `rebuild` tells them apart, by the golden rows.
    assert tried(tampered, f"UPDATE p_models SET (model, digest) = ({BOTH})")


def test_a_model_of_other_targets_is_refused_with_its_true_digest(tampered):
    tampered.execute("SAVEPOINT s; UPDATE p_models SET (model, digest) = (SELECT model, digest FROM q_models)")
    for ask in ASKS:
        with pytest.raises(sqlite_ml_vtab.ModelError, match="the model of version 1 was trained for other columns"):
            rows(tampered, ask)
    tampered.execute("ROLLBACK TO s; RELEASE s")


SCHEMAS = {
    "ml_classification(a REAL, b REAL, y TEXT TARGET, z REAL)": "trained for other columns",
    "ml_classification(b REAL, a REAL, y TEXT TARGET)": "trained for other columns",
    "ml_classification(a TEXT, b REAL, y TEXT TARGET)": "trained for other columns",
    "ml_classification(a DATE, b REAL, y TEXT TARGET)": "trained for other columns",
    "ml_regression(a REAL, b REAL, y REAL TARGET)": "trained for other columns",
    "ml_classification(a REAL, b REAL, y TEXT TARGET, x TEXT TARGET)": "trained for other columns",
    "ml_clustering(a REAL, b REAL)": "trained for other columns",
    "ml_anomaly(a REAL, b REAL)": "trained for other columns",
    "ml_projection(a REAL, b REAL)": "trained for other columns",
}


@pytest.mark.parametrize("text", SCHEMAS)
def test_a_schema_that_declares_something_else_is_refused_by_the_model(tampered, text):
    db = apsw.Connection(":memory:")
    sqlite_ml_vtab.load(db)
    db.deserialize("main", tampered.serialize("main"))
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'p'", (f"CREATE VIRTUAL TABLE p USING {text}",))
    db.execute("PRAGMA writable_schema = RESET")
    features = text.count(",") - text.count("TARGET") + 1
    values = ", ".join(["1"] * features)
    with pytest.raises(sqlite_ml_vtab.ModelError, match=SCHEMAS[text]):
        rows(db, f"SELECT * FROM p({values})")
    db.close()
