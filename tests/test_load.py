"""load(): loading again changes the settings of all that is loaded, and the task of a host's class is its own."""

import apsw
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVR, LinearSVC

import sqlite_ml_vtab

DECLARE = "CREATE VIRTUAL TABLE p USING ml_classification(a REAL, y TEXT TARGET, algorithm=dummy)"


@pytest.fixture
def db():
    connection = apsw.Connection("")
    sqlite_ml_vtab.load(connection)
    yield connection
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    connection.close()


@pytest.mark.parametrize(
    ("estimator", "task"), [(GaussianNB, "classification"), (LinearSVC, "classification"), (SVR, "regression")]
)
def test_a_class_of_the_host_is_for_the_task_that_scikit_learn_says(db, estimator, task):
    sqlite_ml_vtab.load(db, algorithms={"mine": estimator})
    assert db.execute("SELECT task FROM ml_algorithms WHERE algorithm = 'mine'").fetchall() == [(task,)]


def test_algorithms_added_by_a_second_loading_serve_the_tables_that_are_connected(db):
    db.execute(DECLARE)
    db.execute("INSERT INTO p VALUES (1, 'x'), (2, 'x'), (3, 'x'), (4, 'y'), (5, 'y'), (6, 'y'), (7, 'y'), (8, 'x')")
    sqlite_ml_vtab.load(db, algorithms={"mine": GaussianNB})
    db.execute("""INSERT INTO p(p, options) VALUES ('train', '{"algorithm": "mine"}')""")
    assert db.execute("SELECT algorithm FROM ml_versions('p')").get == "mine"


def test_a_second_loading_as_untrusted_protects_as_the_first_would(db):
    db.execute(DECLARE)
    db.execute("CREATE VIEW sly AS SELECT ml_predict('p', 1)")
    sqlite_ml_vtab.load(db, untrusted=True)
    with pytest.raises(apsw.SQLError, match=r"^table p_rows may not be modified$"):
        db.execute("INSERT INTO p_rows VALUES (1, 1, 'x')")
    with pytest.raises(apsw.SQLError, match=r"^unsafe use of ml_predict\(\)$"):
        db.execute("SELECT * FROM sly")
