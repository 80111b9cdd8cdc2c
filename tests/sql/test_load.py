"""load() and train() from Python: settings, slots, dropped connections, algorithms of the host program."""

import gc
import weakref

import apsw
import numpy as np
import pytest
from asking import POINTS, command, declare, fill, refusal, rows, value
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import BayesianRidge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor
from sqlite_ml_vtab.predictor import training

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


def sentence_of(function, *args, **kwargs):
    """Return the class and the sentence of the error that a call ends with."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        function(*args, **kwargs)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_loading_twice_is_harmless(trained):
    sqlite_ml_vtab.load(trained)
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"
    command(trained, "train")


def test_loading_again_changes_the_settings_of_tables_that_are_connected(trained):
    sqlite_ml_vtab.load(trained, algorithms={"mine": LinearSVC}, threads=2)
    command(trained, "train", {"algorithm": "mine", "deploy": True})
    assert value(trained, "SELECT algorithm FROM ml_tables") == "mine"
    sqlite_ml_vtab.load(trained)
    assert refusal(trained, "INSERT INTO p(p, options) VALUES ('train', '{\"algorithm\": \"mine\"}')").startswith(
        "CommandError: p: unknown algorithm 'mine'."
    )


def test_load_is_a_connection_hook(path):
    apsw.connection_hooks.append(sqlite_ml_vtab.load)
    try:
        db = apsw.Connection(str(path))
    finally:
        apsw.connection_hooks.remove(sqlite_ml_vtab.load)
    assert rows(db, "SELECT * FROM ml_tables") == []
    sqlite_ml_vtab.load(db)
    db.close()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"threads": 0}, "threads is a whole number of 1 or more, got 0."),
        ({"threads": "2"}, "threads is a whole number of 1 or more, got '2'."),
        ({"max_model_bytes": 0}, "max_model_bytes is a whole number of 1 or more, got 0."),
        ({"algorithms": {"knn": LinearSVC}}, "algorithm 'knn' exists already. Give yours another name."),
        ({"algorithms": {"x": 5}}, "algorithm 'x' is an estimator class, got 5. Pass the class itself."),
        (
            {"algorithms": {"x": LinearSVC()}},
            "algorithm 'x' is an estimator class, got LinearSVC(). Pass the class itself.",
        ),
        (
            {"algorithms": {"Mine": LinearSVC}},
            "an algorithm is named by lower-case text, got 'Mine'. Give it another name.",
        ),
        ({"algorithms": {5: LinearSVC}}, "an algorithm is named by lower-case text, got 5. Give it another name."),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    db = apsw.Connection("")
    assert sentence_of(sqlite_ml_vtab.load, db, **settings) == f"CommandError: {sentence}"
    db.close()


def test_without_load_a_predictor_is_no_module(trained, path):
    trained.execute("VACUUM INTO ?", (str(path),))
    db = apsw.Connection(str(path))
    assert refusal(db, "SELECT * FROM p") == "SQLError: no such module: ml_classification"
    assert value(db, "SELECT count(*) FROM p_rows") == 24
    db.close()


# Slots and dropped connections


def test_all_goes_on_without_protection_when_the_slots_are_used_up(connect):
    crowd = [connect() for _ in range(40)]
    for db in crowd:
        declare(db)
    assert {value(db, "SELECT protected FROM ml_tables") for db in crowd} == {0, 1}
    last = crowd[-1]
    assert value(last, "SELECT protected FROM ml_tables") == 0
    fill(last)
    command(last, "train")
    assert value(last, "SELECT y FROM p(1, 2)") == "low"
    last.execute("ALTER TABLE p RENAME TO q; DROP TABLE q")


def test_connections_that_are_dropped_give_their_slots_back():
    gc.collect()
    for number in range(40):
        db = apsw.Connection("")
        sqlite_ml_vtab.load(db)
        declare(db)
        assert value(db, "SELECT protected FROM ml_tables") == 1, number
        del db
        if number % 10 == 9:
            gc.collect()


USES = {
    "nothing": lambda db: None,
    "rows": lambda db: rows(db, "SELECT * FROM p"),
    "a prediction": lambda db: rows(db, "SELECT y, ml_predict('p', 1, 2) FROM p(1, 2)"),
    "a source": lambda db: rows(db, "SELECT y FROM p WHERE source = 'p_rows' LIMIT 1"),
    "an insert": lambda db: db.execute("INSERT INTO p VALUES (1, 2, 'low')"),
    "an open transaction": lambda db: db.execute(
        "BEGIN; INSERT INTO p VALUES (1, 2, 'low'); INSERT INTO p SELECT * FROM p"
    ),
    "a command": lambda db: command(db, "train"),
    "a command in an open transaction": lambda db: db.execute("BEGIN; INSERT INTO p(p) VALUES ('train')"),
    "train from Python": lambda db: sqlite_ml_vtab.train(db, "p"),
    "an error": lambda db: refusal(db, "SELECT * FROM p(1)"),
    "an abandoned query": lambda db: next(db.execute("SELECT y FROM p WHERE source = 'p_rows'")),
}


@pytest.mark.parametrize("use", USES)
def test_a_dropped_connection_is_closed(connect, path, use):
    other = connect(path)
    declare(other)
    fill(other)
    command(other, "train")
    db = apsw.Connection(str(path))
    sqlite_ml_vtab.load(db)
    USES[use](db)
    gone = weakref.ref(db)
    del db
    gc.collect()
    assert gone() is None
    other.execute("INSERT INTO p VALUES (1, 2, 'low')")


@pytest.mark.parametrize("use", ["rows", "a prediction", "a source", "a command", "an error"])
def test_a_connection_closes_at_once_after_use(trained, use):
    USES[use](trained)
    trained.close()


# untrusted=True


@pytest.fixture
def untrusted(connect, path):
    """A file that was made elsewhere, with views and triggers that use its predictor, opened as untrusted."""
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train")
    db.execute("""
        CREATE TABLE o(x);
        CREATE VIEW asked AS SELECT * FROM p(1, 2);
        CREATE VIEW scalar AS SELECT ml_predict('p', 1, 2);
        CREATE VIEW listed AS SELECT * FROM ml_tables;
        CREATE TRIGGER t AFTER INSERT ON o BEGIN INSERT INTO p(p) VALUES ('clear'); END""")
    db.close()
    return connect(path, untrusted=True)


UNSAFE = {
    "SELECT * FROM asked": 'unsafe use of virtual table "p"',
    "SELECT * FROM scalar": "unsafe use of ml_predict()",
    "SELECT * FROM listed": 'unsafe use of virtual table "ml_tables"',
    "INSERT INTO o VALUES (1)": 'unsafe use of virtual table "p"',
    "DELETE FROM p_rows": "table p_rows may not be modified",
    "UPDATE p_models SET model = x'00'": "table p_models may not be modified",
    "DROP TABLE p_versions": "table p_versions may not be dropped",
}


@pytest.mark.parametrize("statement", UNSAFE)
def test_an_untrusted_file_cannot_use_its_predictor_on_its_own(untrusted, statement):
    assert refusal(untrusted, statement) == f"SQLError: {UNSAFE[statement]}"


@pytest.mark.parametrize("statement", UNSAFE)
def test_untrusted_may_be_said_late_and_stays_said(trained, statement):
    trained.execute("""
        CREATE TABLE o(x);
        CREATE VIEW asked AS SELECT * FROM p(1, 2);
        CREATE VIEW scalar AS SELECT ml_predict('p', 1, 2);
        CREATE VIEW listed AS SELECT * FROM ml_tables;
        CREATE TRIGGER t AFTER INSERT ON o BEGIN INSERT INTO p(p) VALUES ('clear'); END""")
    sqlite_ml_vtab.load(trained, untrusted=True)
    sqlite_ml_vtab.load(trained)
    assert refusal(trained, statement) == f"SQLError: {UNSAFE[statement]}"


def test_the_user_works_with_an_untrusted_file(untrusted):
    assert rows(untrusted, "SELECT y, ml_predict('p', 1, 2) FROM p(1, 2)") == [("low", "low")]
    assert value(untrusted, "SELECT count(*) FROM p WHERE source = 'p_rows'") == 24
    untrusted.execute("INSERT INTO p VALUES (1, 2, 'low'); UPDATE p SET a = 3 WHERE rowid = 25; BEGIN")
    untrusted.execute("INSERT INTO p SELECT a, b, y FROM p_rows; DELETE FROM p WHERE rowid > 24; COMMIT")
    assert command(untrusted, "train", {"deploy": True}) == 2
    untrusted.execute("BEGIN")
    assert command(untrusted, "train", {"deploy": True}) == 3
    untrusted.execute("COMMIT")
    assert sqlite_ml_vtab.train(untrusted, "p", deploy=True) == 4
    assert command(untrusted, "rebuild") == 4
    assert command(untrusted, "rollback") == 3
    assert command(untrusted, "forget", {"keep": 1}) == 2
    untrusted.execute("DROP VIEW asked; DROP VIEW scalar; DROP VIEW listed; DROP TABLE o")
    untrusted.execute("ALTER TABLE p RENAME TO q; DROP TABLE q")


# train from Python


def test_train_stores_and_deploys(points):
    assert sqlite_ml_vtab.train(points, "p") == 1
    assert (
        sqlite_ml_vtab.train(points, "main.p", deploy=True, algorithm="knn", seed=5, hyperparams={"n_neighbors": 2})
        == 2
    )
    assert sqlite_ml_vtab.train(points, '"P"', deploy=False) == 3
    assert rows(points, "SELECT version, algorithm, seed, deployed FROM ml_versions('p')") == [
        (1, "logistic_regression", 0, 0),
        (2, "knn", 5, 1),
        (3, "logistic_regression", 0, 0),
    ]
    assert not points.in_transaction


def test_train_and_the_command_give_the_same_digest(points):
    command(points, "train")
    sqlite_ml_vtab.train(points, "p")
    assert value(points, "SELECT count(DISTINCT digest) FROM p_models") == 1


def test_train_lets_others_write_and_refuses_rows_that_changed(connect, path, monkeypatch):
    db, other = connect(path), connect(path)
    declare(db)
    fill(db)
    original = training.fit
    statements = ["CREATE TABLE unrelated(x)", "INSERT INTO p VALUES (1, 2, 'low')"]

    def fit(rows, plan):
        other.execute(statements.pop(0))
        return original(rows, plan)

    monkeypatch.setattr(training, "fit", fit)
    assert sqlite_ml_vtab.train(db, "p", seed=7) == 1
    assert value(db, "SELECT seed FROM p_versions") == 7
    assert sentence_of(sqlite_ml_vtab.train, db, "p") == (
        "TrainingError: p: the rows changed while the model was fitted. Train again."
    )
    assert rows(db, "SELECT version FROM p_versions") == [(1,)]


def test_train_belongs_to_the_transaction_it_is_called_in(points):
    points.execute("BEGIN")
    assert sqlite_ml_vtab.train(points, "p") == 1
    points.execute("ROLLBACK")
    assert rows(points, "SELECT * FROM p_versions") == []


@pytest.mark.parametrize(
    ("args", "options", "sentence"),
    [
        (("q",), {}, "CommandError: no predictor 'q'. Predictors: p."),
        ((5,), {}, "CommandError: a predictor is named by text, got 5. Write its name in quotes."),
        (("p",), {"deploy": "yes"}, "CommandError: deploy is True, False or None, got 'yes'."),
        (("p",), {"algoritm": "knn"}, "CommandError: p: unknown option 'algoritm'. Nearest options: "
         "algorithm, calibrate, split."),
        (("p",), {"test_size": 24}, "TrainingError: p: test_size=24 leaves too little to train on, of 24 rows. "
         "Use a fraction such as 0.25."),
    ],
)  # fmt: skip
def test_train_refuses_as_the_command_does(points, args, options, sentence):
    assert sentence_of(sqlite_ml_vtab.train, points, *args, **options) == sentence


def test_train_needs_load():
    db = apsw.Connection("")
    assert sentence_of(sqlite_ml_vtab.train, db, "p") == (
        "CommandError: the connection is not loaded. Call sqlite_ml_vtab.load(connection) first."
    )
    db.close()


def test_train_on_a_busy_database_stores_nothing(connect, path):
    db, other = connect(path), connect(path)
    declare(db)
    fill(db)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(apsw.BusyError):
        sqlite_ml_vtab.train(db, "p", wait=0)
    other.execute("ROLLBACK")
    assert rows(db, "SELECT * FROM p_versions") == []
    assert sqlite_ml_vtab.train(db, "p") == 1


# Algorithms of the host program


@pytest.fixture
def hosted(connect):
    """A database whose program brings two algorithms."""
    db = connect(algorithms={"host_svc": LinearSVC, "near": KNeighborsClassifier, "bayes_ridge": BayesianRidge})
    declare(db, columns=POINTS.replace("logistic_regression", "host_svc"))
    fill(db)
    return db


def test_an_algorithm_of_the_host_is_one_like_the_others(hosted):
    assert command(hosted, "train", {"hyperparams": {"C": 0.5}}) == 1
    assert value(hosted, "SELECT scorer FROM p_versions") == "refit: the algorithm has no portable form"
    asked = [(1, 2, "low"), (20, 2, "high")]
    for a, b, label in asked:
        assert rows(hosted, "SELECT y, probability FROM p(?, ?)", (a, b)) == [(label, None)]
        assert value(hosted, "SELECT ml_predict('p', ?, ?)", (a, b)) == label
    assert rows(hosted, "SELECT y FROM p('[[1, 2], [20, 2]]')") == [("low",), ("high",)]
    assert value(hosted, "SELECT family IS NULL FROM ml_algorithms WHERE algorithm = 'host_svc'") == 1
    assert rows(hosted, "SELECT task FROM ml_algorithms WHERE algorithm = 'bayes_ridge'") == [("regression",)]
    assert "has no hyperparameter 'max_itre'. Did you mean 'max_iter'?" in refusal(
        hosted, "INSERT INTO p(p, options) VALUES ('train', '{\"hyperparams\": {\"max_itre\": 1}}')"
    )


class Beyond(ClassifierMixin, BaseEstimator):
    """Tells rows apart beyond a limit, which no training row reaches."""

    def __init__(self, limit=100):
        self.limit = limit

    def fit(self, rows, answers):
        self.classes_ = np.unique(answers)
        return self

    def predict(self, rows):
        return (rows[:, 0] > self.limit).astype(int)


def test_two_refitted_versions_that_look_alike_are_told_apart(connect):
    db = connect(algorithms={"beyond": Beyond})
    declare(db, columns=POINTS.replace("logistic_regression", "beyond"))
    fill(db)
    command(db, "train")
    command(db, "train", {"hyperparams": {"limit": 200}})
    assert value(db, "SELECT count(DISTINCT digest) FROM p_models") == 1
    answers = [value(db, "SELECT y FROM p(150, 0) WHERE version = ?", (number,)) for number in (1, 2)]
    assert answers == ["low", "high"]


def test_one_name_for_two_classes_is_two_algorithms(connect, path):
    class Stubborn(KNeighborsClassifier):
        def predict_proba(self, rows):
            return super().predict_proba(rows)[:, ::-1]

    first = connect(path, algorithms={"mine": KNeighborsClassifier})
    declare(first, columns=POINTS.replace("logistic_regression", "mine"))
    fill(first)
    command(first, "train")
    assert value(first, "SELECT y FROM p(1, 2)") == "low"
    second = connect(path, algorithms={"mine": Stubborn})
    assert refusal(second, "SELECT y FROM p(1, 2)") == (
        "ModelError: p: version 1, fitted again, answers otherwise than it did. "
        "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 1}')."
    )
    assert value(first, "SELECT y FROM p(1, 2)") == "low"


def test_a_model_without_a_portable_form_is_refitted_when_it_is_first_asked(connect, path):
    settings = {"algorithms": {"forest": RandomForestClassifier}}
    db = connect(path, **settings)
    declare(db, columns=POINTS.replace("logistic_regression", "forest"))
    fill(db)
    command(db, "train", {"hyperparams": {"n_estimators": 5}})
    chances = rows(db, "SELECT q.probabilities FROM p AS x JOIN p(x.a, x.b) AS q")
    predictor.SCORERS._scorers.clear()
    assert rows(connect(path, **settings), "SELECT q.probabilities FROM p AS x JOIN p(x.a, x.b) AS q") == chances


def test_a_model_without_a_portable_form_is_refused_where_it_cannot_be_refitted(hosted, connect, path):
    command(hosted, "train")
    hosted.execute("VACUUM INTO ?", (str(path),))
    predictor.SCORERS._scorers.clear()
    assert refusal(connect(path), "SELECT * FROM p(1, 2)") == (
        "ModelError: p: version 1 was fitted by the algorithm 'host_svc', which is not loaded here. "
        "Pass it to sqlite_ml_vtab.load(connection, algorithms={...})."
    )
    assert refusal(connect(path, algorithms={"host_svc": LinearSVC}, untrusted=True), "SELECT * FROM p(1, 2)") == (
        "ModelError: p: version 1 has no portable form, and fitting it again was ruled out by untrusted=True. "
        "Train with an algorithm that has one; ml_algorithms lists them."
    )
    db = connect(path, algorithms={"host_svc": LinearSVC})
    db.execute("UPDATE p SET a = a + 1 WHERE rowid = 1")
    assert refusal(db, "SELECT * FROM p(1, 2)") == (
        "TrainingError: p: the rows of version 1 have changed since it was trained. "
        "Train a new version: INSERT INTO p(p) VALUES ('train'); once that is deployed, forget this one: "
        """INSERT INTO p(p, options) VALUES ('forget', '{"version": 1}')."""
    )
    db.execute("UPDATE p SET a = a - 1 WHERE rowid = 1")
    assert value(db, "SELECT y FROM p(1, 2)") == "low"
