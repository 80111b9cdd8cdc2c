"""Shadow tables that somebody changed: an error that says what to run, or a text of integrity_check; never a wrong answer."""

import itertools
from hashlib import sha256

import apsw
import pytest
from asking import command, declare, fill, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

REBUILD = "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 1}')."
ASK = "SELECT y FROM p(1, 2)"


@pytest.fixture(scope="module")
def snapshot():
    """The bytes of a database with the predictors p, of two versions, and q, of other columns."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    declare(db)
    fill(db)
    command(db, "train")
    command(db, "train", {"algorithm": "decision_tree"})
    declare(db, "q", "c TEXT, y TEXT TARGET, algorithm=decision_tree, split=none")
    db.execute("INSERT INTO q VALUES ('a', 'A'), ('b', 'B')")
    command(db, "train", name="q")
    return db.serialize("main")


@pytest.fixture
def tampered(snapshot):
    """Open the snapshot as a new database whose models no cache knows; it is closed without a check."""
    opened = []

    def tampered(statements=""):
        predictor.SCORERS._scorers.clear()
        db = apsw.Connection(":memory:")
        opened.append(db)
        sqlite_ml_vtab.load(db)
        db.deserialize("main", snapshot)
        db.execute(statements)
        return db

    yield tampered
    for db in opened:
        db.close()


MODELS = {
    "UPDATE p_models SET model = x'00' WHERE version = 1": "the model of version 1 does not match its digest. ",
    "UPDATE p_models SET model = zeroblob(length(model))": "the model of version 1 does not match its digest. ",
    "UPDATE p_models SET model = substr(model, 1, 100)": "the model of version 1 does not match its digest. ",
    "UPDATE p_models SET digest = 'x'": "the model of version 1 does not match its digest. ",
    "UPDATE p_models SET digest = digest || ' '": "the model of version 1 does not match its digest. ",
    "UPDATE p_models SET digest = x'00'": "the model of version 1 is gone. ",
    "UPDATE p_models SET model = 'text'": "the model of version 1 is no BLOB of allowed size. ",
    "UPDATE p_models SET model = 5": "the model of version 1 is no BLOB of allowed size. ",
    "DELETE FROM p_models": "the model of version 1 is gone. ",
    "DELETE FROM p_models WHERE version = 1": "the model of version 1 is gone. ",
    "UPDATE p_models SET model = x'', digest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'": (
        "version 1: the stored model is damaged: it does not begin as a model does. "
    ),
    "UPDATE p_models SET (model, digest) = (SELECT model, digest FROM q_models)": (
        "the model of version 1 was trained for other columns. "
    ),
}


@pytest.mark.parametrize("statement", MODELS)
def test_a_model_that_cannot_be_believed_is_refused_and_rebuilt(tampered, statement):
    db = tampered(statement)
    sentence = f"ModelError: p: {MODELS[statement]}{REBUILD}"
    for ask in (
        ASK,
        "SELECT ml_predict('p', 1, 2)",
        "SELECT y FROM p(1, 2) WHERE version = 1",
        "SELECT y FROM p WHERE source = 'p_rows'",
    ):
        assert refusal(db, ask) == sentence
    db.execute(sentence.partition("Run: ")[2].removesuffix("."))
    assert value(db, ASK) == "low"


@pytest.mark.parametrize(
    "statement", [statement for statement in MODELS if "SELECT" not in statement and "e3b0" not in statement]
)
def test_a_model_that_cannot_be_believed_is_told_by_integrity_check(tampered, statement):
    db = tampered(statement)
    assert value(db, "PRAGMA integrity_check") == f"p: the model of version 1 is damaged. {REBUILD}"
    assert value(db, "PRAGMA quick_check") == "ok"


def test_models_of_two_versions_that_were_swapped_are_refused_by_their_rows(tampered):
    db = tampered("UPDATE p_models SET version = 3 - version + 10; UPDATE p_models SET version = version - 10")
    assert refusal(db, "INSERT INTO p(p) VALUES ('rebuild')").startswith(
        "TrainingError: p: version 1, fitted again, answers"
    )


def test_the_model_of_a_predictor_of_the_same_columns_is_its_answer(tampered):
    db = tampered()
    declare(db, "twin", "a REAL, b REAL, y TEXT TARGET, algorithm=dummy, split=none")
    db.execute("INSERT INTO twin VALUES (1, 2, 'twin'), (3, 4, 'twin'), (5, 6, 'z')")
    command(db, "train", name="twin")
    db.execute("UPDATE p_models SET (model, digest) = (SELECT model, digest FROM twin_models)")
    assert value(db, ASK) == "twin"
    assert refusal(db, "INSERT INTO p(p) VALUES ('rebuild')").startswith(
        "TrainingError: p: version 1, fitted again, answers"
    )


TOUCH = [
    "SELECT * FROM p",
    ASK,
    "SELECT ml_predict('p', 1, 2)",
    "INSERT INTO p VALUES (1, 2, 'low')",
    "SELECT * FROM ml_versions('p')",
    "SELECT * FROM ml_metrics('p')",
    "SELECT * FROM ml_deployments('p')",
    "INSERT INTO p(p, options) VALUES ('train', '{\"algorithm\": \"dummy\"}')",
    "BEGIN; INSERT INTO p VALUES (1, 2, 'low'), (3, 4, 'low')",
]
"""Statements that together touch every shadow table."""


@pytest.mark.parametrize("suffix", ["rows", "versions", "models", "metrics", "holdout", "deployments", "config"])
def test_a_missing_shadow_table_is_named(tampered, suffix):
    db = tampered(f"DROP TABLE p_{suffix}")
    sentence = (
        f"p: missing shadow tables p_{suffix}. Restore them from a backup, or make them anew, empty: "
        "INSERT INTO p(p) VALUES ('repair')."
    )
    assert value(db, "PRAGMA integrity_check") == sentence
    assert value(db, "PRAGMA quick_check") == sentence
    met = 0
    for ask in TOUCH:
        try:
            rows(db, ask)
        except sqlite_ml_vtab.ModelError as error:
            assert str(error) == sentence
            met += 1
    assert met >= 1
    if db.in_transaction:
        db.execute("ROLLBACK")
    assert rows(db, "SELECT name, rows FROM ml_tables") == [("p", None), ("q", 2)]
    db.execute("DROP TABLE p")
    assert rows(db, "SELECT name FROM sqlite_schema WHERE name LIKE 'p\\_%' ESCAPE '\\'") == []


def test_a_shadow_table_of_other_columns_is_told(tampered):
    db = tampered("ALTER TABLE p_models RENAME COLUMN digest TO hash")
    assert value(db, "PRAGMA integrity_check") == (
        "p: no such column: digest. Restore the shadow tables from a backup."
    )
    assert refusal(db, ASK).startswith("SQLError: no such column: ")


def test_a_deployment_of_a_version_that_is_not_there_is_refused(tampered):
    db = tampered("UPDATE p_deployments SET version = 9")
    sentence = "version 9 is deployed and does not exist. Run: INSERT INTO p(p, options) VALUES ('deploy', '{\"strategy\": \"latest\"}')."
    assert value(db, "PRAGMA integrity_check") == f"p: {sentence}"
    assert refusal(db, ASK) == f"ModelError: p: {sentence}"
    db.execute(sentence.partition("Run: ")[2].removesuffix("."))
    assert value(db, ASK) == "low"
    assert command(db, "train") == 10


@pytest.mark.parametrize(
    "options", ["garbage", "", "[]", "null", "5", "[" * 100_000, None, b"\x00", '{"algorithm": 5}', '{"x": 1}']
)
def test_options_that_cannot_be_read_keep_a_version_from_being_rebuilt_and_no_more(tampered, options):
    db = tampered("DROP TABLE p_metrics; CREATE TABLE p_metrics(version, name, value)")
    db.execute("ALTER TABLE p_versions RENAME TO old; CREATE TABLE p_versions AS SELECT * FROM old; DROP TABLE old")
    db.execute("UPDATE p_versions SET options = ?", (options,))
    assert value(db, ASK) == "low"
    sentence = refusal(db, "INSERT INTO p(p) VALUES ('rebuild')")
    if options in ('{"algorithm": 5}', '{"x": 1}'):
        assert sentence.startswith("CommandError: p: ")
    else:
        assert sentence == (
            "ModelError: p: the options of version 1 cannot be read. Train a new version: INSERT INTO p(p) VALUES ('train')."
        )


def test_rows_that_break_their_column_are_refused_by_training(tampered):
    db = tampered("UPDATE p_rows SET a = 'text' WHERE id = 5")
    assert refusal(db, "INSERT INTO p(p) VALUES ('train')") == (
        "InputError: p: column 'a' is NUMBER, got 'text'. Use NULL for a missing value."
    )


def test_schema_text_that_was_tampered_with_makes_no_table(tampered):
    db = tampered()
    for text in (
        "ml_classification(a)",
        "ml_classification(a, y TARGET, algorithm=x y)",
        "ml_none(a)",
    ):
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'p'", (f"CREATE VIRTUAL TABLE p USING {text}",))
        db.execute("PRAGMA writable_schema = RESET")
        with pytest.raises((sqlite_ml_vtab.Error, apsw.SQLError, apsw.CorruptError)):
            rows(db, ASK)
        with pytest.raises((sqlite_ml_vtab.Error, apsw.SQLError, apsw.CorruptError)):
            rows(db, "SELECT ml_predict('p', 1, 2)")
        assert value(db, "SELECT ml_predict('q', 'a')") == "A"


def test_other_columns_in_the_schema_text_are_refused_by_the_model(tampered):
    db = tampered("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'a REAL', 'z REAL') WHERE name = 'p'")
    db.execute("PRAGMA writable_schema = RESET")
    assert refusal(db, ASK) == f"ModelError: p: the model of version 1 was trained for other columns. {REBUILD}"


VALUES = [None, -1, 0, 99, 2**62, 1.5, "text", "", b"\x00\xff", "x" * 10_000, "[]", "{}"]
COLUMNS = {
    "versions": "version algorithm hyperparams options seed rows_trained rows_tested score seconds created_at environment scorer "
    "notes rows_digest",
    "models": "version digest model",
    "metrics": "version name value",
    "holdout": "version row truth prediction probability",
    "deployments": "id version reason deployed_at",
    "config": "key value",
}
USES = [
    *(ASK, "SELECT ml_predict('p', 1, 2)", "SELECT y FROM p WHERE source = 'SELECT 1 AS a, 2 AS b'"),
    *("SELECT * FROM ml_tables", "SELECT * FROM ml_versions('p')", "SELECT * FROM ml_metrics('p')"),
    *("SELECT * FROM ml_deployments('p')", "PRAGMA integrity_check", "SELECT * FROM p"),
    *(
        "INSERT INTO p VALUES (1, 2, 'low')",
        "INSERT INTO p(p) VALUES ('rollback')",
        "INSERT INTO p(p) VALUES ('rebuild')",
    ),
    "INSERT INTO p(p, options) VALUES ('deploy', '{\"strategy\": \"best\"}')",
    "INSERT INTO p(p, options) VALUES ('forget', '{\"keep\": 1}')",
    "INSERT INTO p(p, options) VALUES ('train', '{\"algorithm\": \"dummy\"}')",
]


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table in COLUMNS for column in COLUMNS[table].split()]
)
def test_no_value_of_any_column_gives_a_wrong_answer_or_a_strange_error(tampered, table, column):
    for changed in VALUES:
        db = tampered()
        try:
            db.execute(f"UPDATE OR REPLACE p_{table} SET {column} = ?", (changed,))
        except (apsw.ConstraintError, apsw.MismatchError):
            continue
        for use in USES:
            with db_undone(db):
                try:
                    found = rows(db, use)
                except (sqlite_ml_vtab.Error, apsw.ConstraintError):
                    continue
                assert not use.startswith("SELECT y") or found == [("low",)], (changed, use)
                assert not use.startswith("SELECT ml_p") or found == [("low",)], (changed, use)


class db_undone:
    """A savepoint that is always rolled back."""

    def __init__(self, db):
        self.db = db

    def __enter__(self):
        self.db.execute("SAVEPOINT tampering")

    def __exit__(self, *args):
        if self.db.in_transaction:
            self.db.execute("ROLLBACK TO tampering; RELEASE tampering")


def test_blobs_of_other_formats_are_refused(tampered):
    blobs = [
        b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
        b"PK\x03\x04",
        b"\x08\x07ONNX",
        b"SQLMLVT\x00" * 9,
        b"{}",
        bytes(1000),
    ]
    for blob in blobs:
        db = tampered()
        db.execute("UPDATE p_models SET model = ?, digest = ? WHERE version = 1", (blob, sha256(blob).hexdigest()))
        sentence = refusal(db, ASK)
        assert sentence.startswith("ModelError: p: version 1: the stored model ")
        assert sentence.endswith(REBUILD)


def test_two_reads_of_a_tampered_model_give_the_same_error(tampered):
    db = tampered("UPDATE p_models SET model = x'00'")
    first, second = itertools.repeat(refusal(db, ASK), 2)
    assert first == second == refusal(db, ASK)
