"""Files that earlier formats left: each is opened, answers as it did, and goes on. campaigns/skew/fixtures.py writes them."""

import gzip
import json
from pathlib import Path

import apsw
import pytest
from asking import command, declare, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor
from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.portable import codec
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.store import shadows

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

FIXTURES = Path(__file__).parents[1] / "fixtures"
FILES = sorted(path.name.removesuffix(".db.gz") for path in FIXTURES.glob("*.db.gz"))
STORED = {name: json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8")) for name in FILES}
each = pytest.mark.parametrize(("name", "table"), [(name, table) for name in FILES for table in STORED[name]])


def near(found, expected):
    """Return whether two answers are the same, numbers to nine digits."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(near, found, expected))
    if isinstance(expected, dict):
        found = json.loads(found)
        return list(found) == list(expected) and all(near(found[key], expected[key]) for key in expected)
    return found == (pytest.approx(expected, 1e-9, 1e-9) if isinstance(expected, float) else expected)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files, unpacked, by name."""
    directory = tmp_path_factory.mktemp("old")
    for name in FILES:
        (directory / name).write_bytes(gzip.decompress((FIXTURES / f"{name}.db.gz").read_bytes()))
    return directory


def reopened(files, name, flags=apsw.SQLITE_OPEN_READONLY):
    predictor.SCORERS._scorers.clear()
    db = apsw.Connection(str(files / name), flags=flags)
    sqlite_ml_vtab.load(db)
    return db


def test_there_is_a_file_of_every_format():
    assert [name for name in FILES if name == f"format-{shadows.FORMAT}-{codec.FORMAT}"] != []
    tables = {int(name.split("-")[1]) for name in FILES}
    models = {int(name.split("-")[2]) for name in FILES}
    assert (tables, models) == (set(range(1, shadows.FORMAT + 1)), set(range(1, codec.FORMAT + 1)))


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_every_family_and_every_task(name):
    scorers = {stored["scorer"].partition(":")[2].strip() for stored in STORED[name].values()}
    assert scorers >= set(FAMILIES)
    assert {stored["scorer"].partition(":")[0] for stored in STORED[name].values()} == {"portable", "refit", "listed"}
    assert {table.rpartition("_")[2] for table in STORED[name]} == set(TASKS)


@pytest.mark.parametrize("name", FILES)
def test_an_old_file_is_sound(files, name):
    db = reopened(files, name)
    assert value(db, "PRAGMA integrity_check") == "ok"
    assert {table for (table,) in rows(db, "SELECT name FROM ml_tables")} == set(STORED[name])
    db.close()


@each
def test_an_old_file_that_is_only_read_answers_as_it_did(files, name, table):
    db = reopened(files, name)
    stored = STORED[name][table]
    assert near([list(row) for row in rows(db, stored["question"])], stored["answers"])
    db.close()


@pytest.mark.parametrize("name", FILES)
def test_an_old_file_goes_on(files, name, tmp_path):
    path = tmp_path / "copy.db"
    path.write_bytes((files / name).read_bytes())
    db = apsw.Connection(str(path))
    sqlite_ml_vtab.load(db)
    table = "logistic_regression_classification"
    digest = value(db, f"SELECT digest FROM {table}_models")
    command(db, "rebuild", name=table)
    assert value(db, f"SELECT digest FROM {table}_models") == digest
    db.execute(f"INSERT INTO {table} SELECT n, m, c, d, k FROM asked LIMIT 2")
    assert command(db, "train", {"deploy": True}, name=table) == 2
    assert value(db, f"SELECT rows_trained + rows_tested FROM ml_versions('{table}') WHERE version = 2") == 62
    db.execute(f"ALTER TABLE {table} RENAME TO renamed")
    assert near(
        [list(row) for row in rows(db, STORED[name][table]["question"].replace(table, "renamed") + " AND version = 1")],
        STORED[name][table]["answers"],
    )
    db.execute("DROP TABLE renamed")
    assert value(db, "PRAGMA integrity_check") == "ok"
    db.close()


def test_a_model_of_a_later_format_is_refused_with_the_command_that_mends_it(trained):
    blob = bytearray(value(trained, "SELECT model FROM p_models"))
    blob[8] = codec.FORMAT + 1
    body = bytes(blob[:-32])
    blob = body + bytes.fromhex(codec.digest(body))
    trained.execute("UPDATE p_models SET model = ?, digest = ?", (blob, codec.digest(blob)))
    predictor.SCORERS._scorers.clear()
    sentence = (
        f"p: version 1: the stored model has format {codec.FORMAT + 1}, and this release reads format {codec.FORMAT}. "
        "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 1}')."
    )
    assert refusal(trained, "SELECT y FROM p(1, 2)") == f"ModelError: {sentence}"
    assert value(trained, "PRAGMA integrity_check") == sentence
    trained.execute(sentence.partition("Run: ")[2].removesuffix("."))
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


# A rebuild by other libraries


SKLEARN = "UPDATE p_versions SET environment = json_set(environment, '$.scikit-learn', '1.0')"
NOTES = "SELECT notes FROM p_versions WHERE version = 1"


def test_a_rebuild_to_the_same_bytes_says_nothing(trained):
    trained.execute(SKLEARN)
    before = value(trained, NOTES)
    command(trained, "rebuild")
    assert value(trained, NOTES) == before


def test_a_rebuild_by_other_libraries_of_a_model_that_is_lost_is_noted(trained):
    trained.execute(SKLEARN)
    trained.execute("DELETE FROM p_models")
    with pytest.warns(sqlite_ml_vtab.PredictorWarning, match="rebuilt to other bytes under scikit-learn 1."):
        command(trained, "rebuild")
    note = json.loads(value(trained, NOTES))[-1]
    assert note.startswith("rebuilt to other bytes under scikit-learn 1.")
    assert note.endswith(": the stored rows that could be compared are answered the same to nine digits")
    trained.execute("DELETE FROM p_models; DELETE FROM p_holdout")
    command(trained, "rebuild")
    assert json.loads(value(trained, NOTES))[-1].endswith(": nothing was left to compare its answers with")


def test_a_hold_out_row_without_a_number_is_compared_as_such(db):
    declare(db, columns="a REAL, y REAL TARGET, algorithm=radius_neighbors", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(place**5, place) for place in range(40)])
    command(db, "train", {"hyperparams": {"radius": 0.01}})
    assert value(db, "SELECT count(*) FROM p_holdout WHERE prediction IS NULL") > 0
    db.execute("DELETE FROM p_models")
    assert command(db, "rebuild") == 1


@pytest.mark.parametrize(
    "change", ["prediction = 'low'", "probability = probability + 1e-6", "probability = NULL", "row = row + 100"]
)
def test_a_rebuild_that_predicts_hold_out_rows_otherwise_is_refused(trained, change):
    trained.execute(f"DELETE FROM p_models; UPDATE p_holdout SET {change}")
    assert refusal(trained, "INSERT INTO p(p) VALUES ('rebuild')") == (
        "TrainingError: p: version 1, fitted again, predicts its hold-out rows otherwise; the libraries have changed. "
        "Train a new version: INSERT INTO p(p) VALUES ('train')."
    )
    trained.execute("DELETE FROM p_holdout")
    command(trained, "rebuild")


def test_a_rebuild_of_a_sound_model_to_other_numbers_is_refused_where_golden_rows_do_not_tell(trained):
    command(trained, "train", {"algorithm": "decision_tree", "deploy": True})
    blob = value(trained, "SELECT model FROM p_models WHERE version = 2")
    tree = codec.decode(blob)
    parameters = tree["parameters"]
    parameters["threshold"] = parameters["threshold"] + 1e-6 * (parameters["left"] > 0)
    other = codec.encode(tree)
    trained.execute("UPDATE p_models SET model = ?, digest = ? WHERE version = 2", (other, codec.digest(other)))
    assert value(trained, "PRAGMA integrity_check") == "ok"
    assert refusal(trained, "INSERT INTO p(p) VALUES ('rebuild')") == (
        "TrainingError: p: version 2, fitted again, is of other numbers than the stored model, which answers on; "
        "the libraries have changed. "
        "Train a new version: INSERT INTO p(p) VALUES ('train')."
    )
