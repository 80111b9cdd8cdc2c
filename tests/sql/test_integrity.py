"""PRAGMA integrity_check: what it finds, and that the very statement it names mends it."""

import json
from hashlib import sha256

import apsw
import numpy as np
import pytest
from asking import command, declare, fill, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor
from sqlite_ml_vtab.portable.codec import decode, encode
from sqlite_ml_vtab.store.shadows import ON_DEMAND, SHADOW_TABLES

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

REPAIR = "INSERT INTO p(p) VALUES ('repair')"
REBUILD = "INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 1}')"
ASK = "SELECT y FROM p(1, 2)"


@pytest.fixture(scope="module")
def snapshot():
    """The bytes of a database with the predictor p: two versions, a run of every kind, and every shadow table."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    declare(db)
    fill(db)
    command(db, "train")
    command(db, "cross_validate", {"folds": 2})
    command(db, "tune", {"folds": 2, "trials": 1, "algorithm": "ridge", "deploy": False})
    command(db, "compare", {"folds": 2, "algorithms": ["dummy"], "deploy": False})
    for suffix in ("states", "parts"):
        db.execute(f"CREATE TABLE p_{suffix}({SHADOW_TABLES[suffix]})")
    found = db.serialize("main")
    db.close()
    return found


@pytest.fixture
def searched(connect, snapshot):
    """The snapshot, opened; no model is in any cache."""
    db = connect(":memory:")
    db.deserialize("main", snapshot)
    predictor.SCORERS._scorers.clear()
    return db


def check(db, how="integrity"):
    """Return what is wrong."""
    return value(db, f"PRAGMA {how}_check")


def mending(text):
    """Return the statements that a text of integrity_check says to run."""
    return text.partition("Run: ")[2].removesuffix(".")


DAMAGED = {
    "UPDATE p_models SET model = x'00' WHERE version = 1": f"the model of version 1 is damaged. Run: {REBUILD}.",
    "DELETE FROM p_models WHERE version = 1": f"the model of version 1 is damaged. Run: {REBUILD}.",
    "UPDATE p_deployments SET version = 9": (
        "version 9 is deployed and does not exist. "
        "Run: INSERT INTO p(p, options) VALUES ('deploy', '{\"strategy\": \"latest\"}')."
    ),
    "DELETE FROM p_versions": f"version 1 is deployed and does not exist. Run: {REPAIR}.",
    "INSERT INTO p_models VALUES (7, 'x', x'00')": f"p_models has rows of version 7, which has no record. Run: {REPAIR}.",
    "INSERT INTO p_metrics VALUES (7, 'f1', 1)": f"p_metrics has rows of version 7, which has no record. Run: {REPAIR}.",
    "INSERT INTO p_states VALUES (7, 'x', x'00')": f"p_states has rows of version 7, which has no record. Run: {REPAIR}.",
    "INSERT INTO p_parts VALUES (7, 'models', 1, x'00')": (
        f"p_parts has rows of version 7, which has no record. Run: {REPAIR}."
    ),
    "INSERT INTO p_parts VALUES (1, 'states', 1, x'00')": (
        f"p_parts has rows of version 1, which has no record. Run: {REPAIR}."
    ),
    "INSERT INTO p_parts VALUES (1, 'models', 1, x'00')": f"the model of version 1 is damaged. Run: {REBUILD}.",
    "UPDATE p_holdout SET version = version - 8": f"p_holdout has rows of version -7, which has no record. Run: {REPAIR}.",
    "DELETE FROM p_runs WHERE run = 1": f"p_folds has rows of run 1, which has no record. Run: {REPAIR}.",
    "UPDATE p_trials SET run = 9": f"p_trials has rows of run 9, which has no record. Run: {REPAIR}.",
    "UPDATE p_comparisons SET run = 9": f"p_comparisons has rows of run 9, which has no record. Run: {REPAIR}.",
    "UPDATE p_config SET value = 99 WHERE key = 'format'": (
        f"the shadow tables say that they have format 99, and are as those of format 1. Run: {REPAIR}."
    ),
    "DELETE FROM p_config": (
        f"the shadow tables say that they have format NULL, and are as those of format 1. Run: {REPAIR}."
    ),
    "UPDATE p_rows SET a = 'text' WHERE id = 5": (
        "row 5: column 'a' is NUMBER, got 'text'. Use NULL for a missing value. "
        "Run: UPDATE p SET a = NULL WHERE rowid = 5."
    ),
    "UPDATE p_rows SET a = x'00', b = 9e999 WHERE id = 24": (
        "row 24: column 'a' is NUMBER, got a BLOB of 1 bytes. Store text or a number. "
        "Run: UPDATE p SET a = NULL, b = NULL WHERE rowid = 24."
    ),
    "UPDATE p_rows SET b = -9e999 WHERE id = 1": (
        "row 1: column 'b' is NUMBER, got -inf. Use NULL for a missing value. "
        "Run: UPDATE p SET b = NULL WHERE rowid = 1."
    ),
    "UPDATE p_rows SET y = x'00' WHERE id = 1": (
        "row 1: column 'y' is CATEGORY, got a BLOB of 1 bytes. Store text or a number. "
        "Run: UPDATE p SET y = NULL WHERE rowid = 1."
    ),
    "DROP TABLE p_holdout; CREATE VIEW p_holdout AS SELECT 1 AS version": (
        f"p_holdout is a view and must be a table. Run: DROP VIEW p_holdout; {REPAIR}."
    ),
    "DROP TABLE p_states; CREATE VIRTUAL TABLE p_states USING fts5(version, model_digest, state)": (
        f"p_states is a virtual table and must be a table. Run: DROP TABLE p_states; {REPAIR}."
    ),
}


@pytest.mark.parametrize("statement", DAMAGED)
def test_what_is_wrong_is_told_and_mended_by_the_statement_that_the_text_names(searched, statement):
    searched.execute(statement)
    text = check(searched)
    assert text == f"p: {DAMAGED[statement]}"
    searched.execute(mending(text))
    assert check(searched) == "ok"
    assert rows(searched, ASK) == [("low",)] if value(searched, "SELECT count(*) FROM p_versions") else True


@pytest.mark.parametrize("statement", DAMAGED)
def test_it_is_mended_within_a_transaction_and_undone_with_it(searched, statement):
    before = {suffix: rows(searched, f"SELECT * FROM p_{suffix}") for suffix in SHADOW_TABLES}
    searched.execute("BEGIN")
    searched.execute(statement)
    searched.execute(mending(check(searched)))
    assert check(searched) == "ok"
    searched.execute("ROLLBACK")
    assert {suffix: rows(searched, f"SELECT * FROM p_{suffix}") for suffix in SHADOW_TABLES} == before


def test_quick_check_reads_neither_models_nor_rows(searched):
    searched.execute("BEGIN; UPDATE p_models SET model = x'00' WHERE version = 1; UPDATE p_rows SET a = 'text'")
    assert check(searched, "quick") == "ok"
    searched.execute("INSERT INTO p_metrics VALUES (7, 'f1', 1)")
    assert check(searched, "quick") == f"p: p_metrics has rows of version 7, which has no record. Run: {REPAIR}."
    searched.execute("ROLLBACK")


@pytest.mark.parametrize("suffix", [suffix for suffix in SHADOW_TABLES if suffix not in ON_DEMAND])
@pytest.mark.parametrize("begin", ["", "BEGIN"])
def test_a_missing_shadow_table_is_made_anew_by_repair(searched, suffix, begin):
    searched.execute(f"{begin}; DROP TABLE p_{suffix}")
    text = check(searched)
    assert text == (
        f"p: missing shadow tables p_{suffix}. Restore them from a backup, or make them anew, empty: {REPAIR}."
    )
    searched.execute(text.partition("empty: ")[2].removesuffix("."))
    for _ in range(2 * (suffix == "models")):
        searched.execute(mending(check(searched)))
    assert check(searched) == "ok"
    if begin:
        searched.execute("COMMIT")
    if suffix == "deployments":
        command(searched, "deploy", {"version": 1})
    assert suffix == "versions" or value(searched, ASK) == "low"
    assert value(searched, "SELECT count(*) FROM p") == (0 if suffix == "rows" else 24)


@pytest.mark.parametrize("suffix", ON_DEMAND)
def test_a_shadow_table_that_is_made_on_demand_need_not_be_there(searched, suffix):
    searched.execute(f"DROP TABLE p_{suffix}")
    for _ in range(2 * (suffix == "runs")):  # the folds, trials and candidates of no run
        searched.execute(mending(check(searched)) or "SELECT 1")
    assert check(searched) == "ok"
    assert value(searched, ASK) == "low"
    command(searched, "compare", {"folds": 2, "algorithms": ["ridge"]})
    assert check(searched) == "ok"


def test_all_shadow_tables_are_made_anew(searched):
    searched.execute(";".join(f"DROP TABLE p_{suffix}" for suffix in SHADOW_TABLES))
    assert command(searched, "repair") == len(SHADOW_TABLES) - len(ON_DEMAND) + 2  # and two entries of config
    assert check(searched) == "ok"
    fill(searched)
    assert command(searched, "train") == 1


def test_repair_changes_nothing_where_nothing_is_wrong(searched):
    before = {suffix: rows(searched, f"SELECT * FROM p_{suffix}") for suffix in SHADOW_TABLES}
    assert command(searched, "repair") == 0
    assert {suffix: rows(searched, f"SELECT * FROM p_{suffix}") for suffix in SHADOW_TABLES} == before
    assert refusal(searched, "INSERT INTO p(p, options) VALUES ('repair', '{\"all\": 1}')") == (
        "CommandError: p: command 'repair' has no option 'all'. It takes none."
    )


def test_tables_of_another_layout_are_refused_whatever_is_asked(connect, path):
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train")
    db.execute("ALTER TABLE p_models RENAME COLUMN digest TO hash")
    db.execute("UPDATE p_config SET value = 2 WHERE key = 'format'")
    db.execute("UPDATE p_config SET value = '7.0' WHERE key = 'created_with'")
    db.close()
    db = apsw.Connection(str(path))
    sqlite_ml_vtab.load(db)
    said = "p: the shadow tables have format 2, and this release reads format 1. Use the release that made them: '7.0'."
    assert check(db) == said
    assert check(db, "quick") == said
    for ask in (
        *(ASK, "SELECT ml_predict('p', 1, 2)", "SELECT * FROM p", "INSERT INTO p VALUES (1, 2, 'low')"),
        *("DELETE FROM p WHERE rowid = 1", "UPDATE p SET a = 1 WHERE rowid = 1"),
        *("INSERT INTO p(p) VALUES ('train')", REPAIR, REBUILD, "ALTER TABLE p RENAME TO q"),
    ):
        assert refusal(db, ask) == f"ModelError: {said}", ask
    assert value(db, "SELECT count(*) FROM p_rows") == 24
    db.execute("DROP TABLE p")
    assert rows(db, "SELECT name FROM sqlite_schema") == [("sqlite_sequence",)]
    db.close()


def test_a_forecast_of_another_layout_is_refused(db):
    declare(db, "f", "at DATE ORDER, v REAL TARGET, seen KEY", "forecast")
    db.execute("ALTER TABLE f_models RENAME COLUMN digest TO hash; UPDATE f_config SET value = 2 WHERE key = 'format'")
    said = "ModelError: f: the shadow tables have format 2, and this release reads format 1."
    for ask in ("SELECT * FROM f", "SELECT * FROM f(NULL, 3)", "INSERT INTO f VALUES ('2020-01-01', 1, NULL)"):
        assert refusal(db, ask).startswith(said)
    db.execute("DROP TABLE f")


# Models that are what their digest says, and are not to be believed


def exchanged(db, change):
    """Put another model in the place of version 1: its tree after `change`, with a digest that matches."""
    tree = decode(value(db, "SELECT model FROM p_models"))
    change(tree)
    blob = encode(tree)
    db.execute("UPDATE p_models SET model = ?, digest = ?", (blob, sha256(blob).hexdigest()))
    predictor.SCORERS._scorers.clear()


def test_a_model_that_answers_its_golden_rows_otherwise_is_rebuilt(trained):
    before = value(trained, "SELECT digest FROM p_models")
    exchanged(trained, lambda tree: tree["parameters"].update(coef=tree["parameters"]["coef"] * (1 + 1e-6)))
    text = check(trained)
    assert text == f"p: version 1 answers its golden rows otherwise than it did when it was stored. Run: {REBUILD}."
    assert check(trained, "quick") == "ok"
    trained.execute(mending(text))
    assert check(trained) == "ok"
    assert value(trained, "SELECT digest FROM p_models") == before


def test_golden_rows_that_were_changed_are_found_and_the_version_is_replaced(trained):
    exchanged(trained, lambda tree: tree["golden"]["scores"][0].reverse())
    text = check(trained)
    assert text == f"p: version 1 answers its golden rows otherwise than it did when it was stored. Run: {REBUILD}."
    sentence = refusal(trained, mending(text))
    assert sentence == (
        "TrainingError: p: version 1, fitted again, answers its golden rows otherwise; the libraries have changed. "
        "Train a new version: INSERT INTO p(p) VALUES ('train')."
    )
    command(trained, "train", {"deploy": True})
    command(trained, "forget", {"version": 1})
    assert check(trained) == "ok"


def test_a_model_of_other_columns_is_found(trained):
    exchanged(trained, lambda tree: tree["columns"][0].update(name="z"))
    text = check(trained)
    assert text == f"p: the model of version 1 was trained for other columns. Run: {REBUILD}."
    trained.execute(mending(text))


def test_a_model_that_cannot_be_evaluated_is_found(trained):
    exchanged(trained, lambda tree: tree["parameters"].update(coef=np.full((2, 2), np.nan)))
    text = check(trained)
    assert text == f"p: version 1: the stored model is damaged: coef is not finite. Run: {REBUILD}."
    trained.execute(mending(text))


def test_a_model_without_a_portable_form_is_not_fitted_to_check_it(trained):
    command(trained, "train", {"algorithm": "gaussian_process", "deploy": True})
    trained.execute("UPDATE p SET a = a + 1 WHERE rowid = 1")
    predictor.SCORERS._scorers.clear()
    assert check(trained) == "ok"


def test_models_of_an_untrusted_file_are_not_decoded(trained, connect, monkeypatch):
    copy = connect(":memory:", untrusted=True)
    copy.deserialize("main", trained.serialize("main"))
    monkeypatch.setattr("sqlite_ml_vtab.predictor.integrity.from_bytes", None)
    assert check(copy) == "ok"


def test_rows_of_external_content_are_not_looked_at(db):
    db.execute("CREATE TABLE x(a, b, y); INSERT INTO x VALUES ('text', x'00', 1)")
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, content=x")
    assert check(db) == "ok"


@pytest.mark.parametrize("columns", ["a DATE, y TARGET", "a TEXT WORDS, y TARGET", "a, y TARGET, k KEY"])
def test_rows_that_were_inserted_are_sound(db, columns):
    declare(db, columns=columns)
    for found in ("'2024-05-31'", "2460000.5", "1700000000", "NULL", "''", "1.5", "'x'"):
        try:
            db.execute(f"INSERT INTO p(a, y) VALUES ({found}, {found})")
        except sqlite_ml_vtab.InputError:
            continue
    assert value(db, "SELECT count(*) FROM p") > 3
    assert check(db) == "ok"


def test_the_repair_of_an_untrusted_file_goes_through_its_guard(trained, connect):
    trained.execute(
        "INSERT INTO p_metrics VALUES (7, 'f1', 1); DROP TABLE p_holdout; UPDATE p_rows SET a = 'x' WHERE id < 3"
    )
    copy = connect(":memory:", untrusted=True)
    copy.deserialize("main", trained.serialize("main"))
    command(trained, "repair")
    trained.execute("UPDATE p SET a = NULL WHERE rowid < 3")
    assert refusal(copy, "DELETE FROM p_metrics") == "SQLError: table p_metrics may not be modified"
    command(copy, "repair")
    for rowid in (1, 2):
        text = check(copy)
        assert text.endswith(f"Run: UPDATE p SET a = NULL WHERE rowid = {rowid}.")
        copy.execute(mending(text))
    assert json.loads(value(copy, "SELECT json_group_array(a) FROM p WHERE a IS NULL")) == [None, None]
