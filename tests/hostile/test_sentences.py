"""Every sentence can be printed and read, whatever the value that it shows; and every refusal is an error of ours."""

import apsw
import pytest
from asking import command, refusal, value

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.stopping import in_time

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

HUGE = 10**30


def refused(db, text, options):
    return refusal(db, "INSERT INTO p(p, options) VALUES (?, ?)", (text, options))


@pytest.mark.parametrize("text", ["deploy", "forget", "rebuild"])
def test_a_version_beyond_the_integers_of_sqlite_does_not_exist(trained, text):
    # It was an OverflowError.
    sentence = refused(trained, text, f'{{"version": {HUGE}}}')
    assert sentence == f"ModelError: p: no version {HUGE}. Versions: 1."
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


def test_a_timeout_beyond_the_floats_is_refused(trained):
    sentence = refused(trained, "train", f'{{"timeout": {10**400}}}')
    assert sentence.startswith("CommandError: p: option 'timeout' takes a number of seconds above 0, got 1000000000")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("deploy", '{"version": "\\ud800"}'),
        ("deploy", '{"strategy": ["\\ud800"]}'),
        ("train", '{"split": "\\ud800"}'),
        ("train", '{"timeout": {"\\ud800": 1}}'),
        ("train", '{"algorithm": "random_forest", "hyperparams": {"criterion": "\\ud800"}}'),
        ("compare", '{"algorithms": ["\\ud800"]}'),
    ],
)
def test_half_a_surrogate_in_a_sentence_can_be_printed(trained, text, options):
    # JSON can write it, and no stream can: print(error) was an error of its own.
    sentence = refused(trained, text, options)
    assert sentence.startswith("CommandError: p: ")
    assert "\\ud800" in sentence
    assert sentence.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("train", f'{{"deploy": {"9" * 4000}}}'),
        ("train", f'{{"warm": {"9" * 4000}}}'),
        ("tune", f'{{"trials": {"9" * 4000}}}'),
        ("compare", f'{{"algorithms": "{"x" * 10**6}"}}'),
        ("forget", f'{{"run": {"9" * 4000}}}'),
        ("train", f'{{"algorithm": "{"x" * 10**6}"}}'),
    ],
)
def test_a_long_value_leaves_what_is_wrong_and_what_to_do_in_sight(trained, text, options):
    sentence = refused(trained, text, options)
    assert sentence.startswith("CommandError: p: ")
    assert len(sentence) < 1600
    assert sentence.endswith(".")


def test_a_long_declaration_is_shown_in_part(connect):
    sentence = refusal(connect(), f"CREATE VIRTUAL TABLE p USING ml_regression(a {'REAL ' * 10_000}, y TARGET)")
    assert sentence.startswith("DeclarationError: p: column 'a': REAL REAL ")
    assert sentence.endswith("Is a comma missing between two columns?")
    assert len(sentence) < 1600


@pytest.mark.parametrize(
    ("algorithm", "hyperparams"),
    [
        ("mlp", '{"hidden_layer_sizes": [1000000000000]}'),
        ("bagging", '{"n_estimators": 1000000000000}'),
        ("decision_tree", '{"max_leaf_nodes": 1000000000000}'),
    ],
)
def test_hyperparams_that_ask_for_all_memory_are_refused_by_the_fit(trained, algorithm, hyperparams):
    # They were MemoryError.
    sentence = refused(trained, "train", f'{{"algorithm": "{algorithm}", "hyperparams": {hyperparams}}}')
    assert sentence.startswith(f"TrainingError: p: algorithm '{algorithm}' asks for more memory than there is: ")
    assert sentence.endswith(". Write smaller hyperparams, or learn from fewer rows.")
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


def test_an_estimator_of_an_odd_shape_is_fitted_again_where_it_answers(trained):
    # The portable form of one prior for two classes was an IndexError.
    command(trained, "train", {"algorithm": "qda", "hyperparams": {"priors": [1]}, "deploy": True})
    scorer = value(trained, "SELECT scorer FROM ml_versions('p') WHERE version = 2")
    assert scorer.startswith("refit: the fitted estimator is not as it should be: ")
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


def test_a_stop_that_a_library_makes_an_error_of_its_own_is_told_as_a_stop():
    # A timeout within hist_gradient_boosting was "not a valid PEP 3118 buffer format string".
    def run():
        try:
            while True:
                pass
        except BaseException:
            raise ValueError("not a valid buffer") from None

    with pytest.raises(TrainingError, match=r"^train did not end within its timeout of 0.01 s"):
        in_time("train", 0.01, run)


def test_a_low_limit_of_statements_is_not_told_as_one_of_rows(trained):
    # "A row is longer than SQLite's limit of 1000000000 bytes."
    before = trained.limit(apsw.SQLITE_LIMIT_SQL_LENGTH)
    trained.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, 60)
    sentence = refusal(trained, "INSERT INTO p(p) VALUES ('train')")
    trained.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, before)
    assert sentence == (
        "InputError: p: a statement may have 60 bytes on this connection, and a predictor's own are longer. "
        "Raise the limit: connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, ...)."
    )
