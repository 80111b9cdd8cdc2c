"""Every sentence can be printed and read, whatever the value that it shows; and every refusal is an error of ours."""

import pytest
from asking import command, declare, fill, refusal, value

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

HUGE = 10**30


@pytest.fixture
def trained(connect):
    """A database with a trained predictor."""
    db = connect()
    declare(db)
    fill(db)
    command(db, "train")
    return db


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
