"""Versions: deploy, rollback, forget, clear, rebuild, and the sentence of every misuse."""

import re

import pytest
from asking import command, declare, fill, refusal, rows, value

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


@pytest.fixture
def versions(points):
    """The predictor p with three versions: logistic regression, the dummy, the tree; the first is deployed."""
    command(points, "train")
    command(points, "train", {"algorithm": "dummy"})
    command(points, "train", {"algorithm": "decision_tree"})
    return points


def deployed(db):
    """Return the version that answers."""
    return value(db, "SELECT deployed FROM ml_tables")


def test_a_version_is_deployed_by_number(versions):
    assert command(versions, "deploy", {"version": 2}) == 2
    assert deployed(versions) == 2
    assert value(versions, "SELECT probability FROM p(1, 2)") == 0.5
    assert rows(versions, "SELECT version, reason FROM p_deployments ORDER BY id DESC LIMIT 1") == [(2, "deploy")]


def test_the_best_and_the_latest_are_deployed(versions):
    versions.execute(
        "UPDATE p_versions SET score = 0.1 WHERE version = 3; UPDATE p_versions SET score = 0.9 WHERE version = 2"
    )
    versions.execute("UPDATE p_versions SET score = 0.8 WHERE version = 1")
    assert command(versions, "deploy", {"strategy": "best"}) == 2
    assert command(versions, "deploy", {"strategy": "latest"}) == 3
    assert rows(versions, "SELECT version, reason FROM p_deployments WHERE id > 1") == [
        (2, "deploy: best"),
        (3, "deploy: latest"),
    ]


def test_rollback_goes_back_step_by_step(versions):
    for number in (2, 3):
        command(versions, "deploy", {"version": number})
    assert [command(versions, "rollback"), command(versions, "rollback")] == [2, 1]
    assert refusal(versions, "INSERT INTO p(p) VALUES ('rollback')") == (
        'CommandError: p: no version was deployed before. Deploy one by its number: {"version": 1}.'
    )
    command(versions, "deploy", {"version": 3})
    assert command(versions, "rollback") == 1


def test_rollback_passes_over_forgotten_versions(versions):
    for number in (2, 3):
        command(versions, "deploy", {"version": number})
    command(versions, "forget", {"version": 2})
    assert command(versions, "rollback") == 1
    command(versions, "deploy", {"version": 3})
    assert command(versions, "rollback") == 1


def test_rollback_goes_on_when_the_version_it_left_is_forgotten(versions):
    for number in (2, 3):
        command(versions, "deploy", {"version": number})
    assert command(versions, "rollback") == 2
    command(versions, "forget", {"version": 3})
    assert command(versions, "rollback") == 1


def test_rollback_never_deploys_the_version_that_is_deployed(versions):
    for number in (2, 1, 1):
        command(versions, "deploy", {"version": number})
    command(versions, "forget", {"version": 2})
    assert refusal(versions, "INSERT INTO p(p) VALUES ('rollback')") == (
        'CommandError: p: no version was deployed before. Deploy one by its number: {"version": 1}.'
    )


def test_a_forgotten_version_is_gone_with_all_that_belongs_to_it(versions):
    assert command(versions, "forget", {"version": 2}) == 1
    for table in ("versions", "models", "metrics", "holdout"):
        assert rows(versions, f"SELECT DISTINCT version FROM p_{table} ORDER BY version") == [(1,), (3,)]
    assert (
        refusal(versions, "SELECT * FROM p(1, 2) WHERE version = 2") == "ModelError: p: no version 2. Versions: 1, 3."
    )


@pytest.mark.parametrize(
    ("keep", "left"), [(0, [1]), (1, [1, 3]), (2, [1, 2, 3]), (3, [1, 2, 3]), (4, [1, 2, 3]), (5, [1, 2, 3]), (99, [1, 2, 3])]
)  # fmt: skip
def test_forget_keeps_the_newest_and_the_deployed(versions, keep, left):
    assert command(versions, "forget", {"keep": keep}) == 3 - len(left)
    assert rows(versions, "SELECT version FROM p_versions") == [(number,) for number in left]


def test_forget_keeps_all_when_more_are_to_be_kept_than_there_are(versions):
    command(versions, "deploy", {"version": 3})
    assert command(versions, "forget", {"keep": 5}) == 0
    assert value(versions, "SELECT count(*) FROM p_versions") == 3


def test_numbers_of_forgotten_versions_do_not_come_back(versions):
    command(versions, "deploy", {"version": 3})
    command(versions, "deploy", {"version": 1})
    command(versions, "forget", {"version": 3})
    assert command(versions, "train") == 4


def test_clear_deletes_the_rows_and_leaves_the_versions(versions):
    assert command(versions, "clear") == 24
    assert value(versions, "SELECT count(*) FROM p") == 0
    assert value(versions, "SELECT y FROM p(1, 2)") == "low"
    assert command(versions, "clear") == 0


def test_rebuild_gives_the_same_digest(versions):
    before = rows(versions, "SELECT version, digest, model FROM p_models")
    versions.execute("UPDATE p_models SET model = x'00', digest = 'lost'")
    for number in (1, 2, 3):
        assert command(versions, "rebuild", {"version": number}) == number
    assert rows(versions, "SELECT version, digest, model FROM p_models") == before


def test_rebuild_takes_the_deployed_version_and_puts_back_a_lost_model(versions):
    versions.execute("DELETE FROM p_models WHERE version = 1")
    assert command(versions, "rebuild") == 1
    assert value(versions, "SELECT y FROM p(1, 2)") == "low"


def test_a_damaged_version_whose_rows_have_changed_is_mended_as_the_sentences_say(versions):
    versions.execute("UPDATE p SET a = a + 1 WHERE rowid = 1; UPDATE p_models SET model = x'00' WHERE version = 1")
    assert "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 1}')." in value(
        versions, "PRAGMA integrity_check"
    )
    said = refusal(versions, """INSERT INTO p(p, options) VALUES ('rebuild', '{"version": 1}')""")
    train_anew, forget_it = re.findall(r"INSERT INTO .*?\)(?=[;.])", said)
    versions.execute(train_anew)
    command(versions, "deploy", {"strategy": "latest"})
    versions.execute(forget_it)
    assert value(versions, "PRAGMA integrity_check") == "ok"
    assert value(versions, "SELECT y FROM p(1, 2)") == "low"


def test_rebuild_refuses_rows_that_have_changed(versions):
    before = rows(versions, "SELECT * FROM p_models")
    versions.execute("UPDATE p SET a = a + 1 WHERE rowid = 1")
    assert refusal(versions, "INSERT INTO p(p) VALUES ('rebuild')") == (
        "TrainingError: p: the rows of version 1 have changed since it was trained. "
        "Train a new version: INSERT INTO p(p) VALUES ('train'); once that is deployed, forget this one: "
        """INSERT INTO p(p, options) VALUES ('forget', '{"version": 1}')."""
    )
    assert rows(versions, "SELECT * FROM p_models") == before
    versions.execute("UPDATE p SET a = a - 1 WHERE rowid = 1")
    assert command(versions, "rebuild") == 1


def test_rebuild_refuses_a_model_that_would_answer_otherwise(versions):
    versions.execute(
        "UPDATE p_models SET (digest, model) = (SELECT digest, model FROM p_models WHERE version = 3) WHERE version = 1"
    )
    assert refusal(versions, "INSERT INTO p(p) VALUES ('rebuild')") == (
        "TrainingError: p: version 1, fitted again, answers its golden rows otherwise; the libraries have changed. "
        "Train a new version: INSERT INTO p(p) VALUES ('train')."
    )
    versions.execute("DELETE FROM p_models WHERE version = 1")
    command(versions, "rebuild")


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("deploy", None, 'deploy needs a version or a strategy. Write {"version": 1} or {"strategy": "best"}.'),
        (
            "deploy",
            '{"version": 1, "strategy": "best"}',
            'deploy needs a version or a strategy. Write {"version": 1} or {"strategy": "best"}.',
        ),
        ("deploy", '{"version": "1"}', "option 'version' takes a whole number, got \"1\"."),
        ("deploy", '{"version": 1.0}', "option 'version' takes a whole number, got 1.0."),
        ("deploy", '{"version": true}', "option 'version' takes a whole number, got true."),
        ("deploy", '{"strategy": "worst"}', "option 'strategy' takes \"best\" or \"latest\", got \"worst\"."),
        ("deploy", '{"nummer": 1}', "command 'deploy' has no option 'nummer'. Options: strategy, version."),
        ("rollback", '{"version": 1}', "command 'rollback' has no option 'version'. It takes none."),
        ("forget", "{}", 'forget needs a version, a number to keep or a run. Write {"version": 1}, {"keep": 3} or {"run": 1}.'),
        ("forget", '{"version": 1}', "version 1 is deployed. Deploy another version first."),
        ("forget", '{"keep": -1}', "option 'keep' takes a whole number of 0 or more, got -1."),
        ("clear", '{"all": 1}', "command 'clear' has no option 'all'. It takes none."),
        ("rebuild", '{"versoin": 1}', "command 'rebuild' has no option 'versoin'. Did you mean 'version'? Options: timeout, version."),
        ("train", "[]", "the options of 'train' are a JSON object, got '[]'. Write '{...}'."),
        ("train", "{", "the options of 'train' are a JSON object, got '{'. Write '{...}'."),
        ("train", "", "the options of 'train' are a JSON object, got ''. Write '{...}'."),
        ("train", 5, "the options of 'train' are a JSON object, got 5. Write '{...}'."),
        ("train", b"{}", "the options of 'train' are a JSON object, got a BLOB of 2 bytes. Write '{...}'."),
        ("train", "[" * 50_000, f"the options of 'train' are a JSON object, got '{'[' * 59}…'. Write '{{...}}'."),
        (
            "trian",
            None,
            "unknown command 'trian'. Did you mean 'train'? Commands: clear, compare, cross_validate, deploy, forget, rebuild, repair, rollback, train, tune.",
        ),
        ("", None, "unknown command ''. Commands: clear, compare, cross_validate, deploy, forget, rebuild, repair, rollback, train, tune."),
        (7, None, "unknown command 7. Commands: clear, compare, cross_validate, deploy, forget, rebuild, repair, rollback, train, tune."),
        (
            b"train",
            None,
            "unknown command a BLOB of 5 bytes. Did you mean 'train'? Commands: clear, compare, cross_validate, deploy, forget, rebuild, repair, rollback, train, tune.",
        ),
    ],
)  # fmt: skip
def test_a_misuse_of_a_command_is_refused(versions, text, options, sentence):
    before = [rows(versions, f"SELECT * FROM p_{table}") for table in ("versions", "models", "deployments", "rows")]
    assert (
        refusal(versions, "INSERT INTO p(p, options) VALUES (?, ?)", (text, options)) == f"CommandError: p: {sentence}"
    )
    after = [rows(versions, f"SELECT * FROM p_{table}") for table in ("versions", "models", "deployments", "rows")]
    assert after == before


@pytest.mark.parametrize("text", ["deploy", "forget", "rebuild"])
def test_a_version_that_is_not_there_is_refused(versions, text):
    sentence = refusal(versions, "INSERT INTO p(p, options) VALUES (?, '{\"version\": 9}')", (text,))
    assert sentence == "ModelError: p: no version 9. Versions: 1, 2, 3."


@pytest.mark.parametrize(
    ("text", "options"),
    [("deploy", '{"strategy": "latest"}'), ("deploy", '{"strategy": "best"}'), ("rebuild", None), ("deploy", '{"version": 1}')],
)  # fmt: skip
def test_a_command_on_versions_says_to_train_where_there_is_none(points, text, options):
    assert refusal(points, "INSERT INTO p(p, options) VALUES (?, ?)", (text, options)) == (
        "ModelError: p: no trained model. Run: INSERT INTO p(p) VALUES ('train')."
    )


def test_no_version_is_the_best_where_none_was_tested(points):
    command(points, "train", {"split": "none"})
    assert refusal(points, "INSERT INTO p(p, options) VALUES ('deploy', '{\"strategy\": \"best\"}')") == (
        'CommandError: p: no version was tested, so none is the best. Name one: {"version": 1}.'
    )


def test_forget_on_nothing_forgets_nothing(points):
    assert command(points, "forget", {"keep": 0}) == 0


@pytest.mark.parametrize(("name", "given"), [("a", "0"), ("y", "''"), ("probability", "0.5"), ("rowid", "7")])
def test_a_command_takes_no_other_value(points, name, given):
    assert refusal(points, f"INSERT INTO p(p, {name}) VALUES ('train', {given})") == (
        f"InputError: p: a command takes no value for {name!r}. Write: INSERT INTO p(p) VALUES ('train')."
    )


def test_a_command_is_inserted_not_set(trained):
    assert refusal(trained, "UPDATE p SET p = 'clear' WHERE rowid = 1") == (
        "InputError: p: a command is inserted. Write: INSERT INTO p(p) VALUES ('train')."
    )
    assert value(trained, "SELECT count(*) FROM p") == 24


def test_a_command_is_written_in_any_case(points):
    assert command(points, " Train ") == 1


def test_commands_of_a_renamed_table_go_by_its_new_name(trained):
    trained.execute("ALTER TABLE p RENAME TO q")
    assert refusal(trained, "INSERT INTO q(p) VALUES ('train')") == "SQLError: table q has no column named p"
    assert command(trained, "train", name="q") == 2


def test_a_version_answers_by_its_number_whatever_is_deployed(versions):
    declare(versions, "other")
    fill(versions, "other")
    chances = [value(versions, "SELECT probability FROM p(1, 2) WHERE version = ?", (n,)) for n in (1, 2, 3)]
    assert chances[1:] == [0.5, 1.0]
    assert 0.9 < chances[0] < 1.0
    assert rows(versions, "SELECT version, y FROM p(20, 2) WHERE version IN (1, 2, 3)") == [
        (1, "high"),
        (2, "high"),
        (3, "high"),
    ]


@pytest.mark.parametrize(
    ("number", "shown"), [("4", "4"), ("NULL", "NULL"), ("'1'", "'1'"), ("1.5", "1.5"), ("-1", "-1"), ("x'01'", "a BLOB of 1 bytes")]
)  # fmt: skip
def test_a_version_to_predict_with_that_is_not_there_is_refused(versions, number, shown):
    sentence = f"ModelError: p: no version {shown}. Versions: 1, 2, 3."
    assert refusal(versions, f"SELECT * FROM p(1, 2) WHERE version = {number}") == sentence


def test_many_versions_are_listed_from_the_newest(points):
    for _ in range(14):
        command(points, "train", {"algorithm": "dummy"})
    assert refusal(points, "SELECT * FROM p(1, 2) WHERE version = 99") == (
        "ModelError: p: no version 99. Versions: ..., 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14."
    )
