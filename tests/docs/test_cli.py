"""The command sqlite-ml-vtab, as a process and from within."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import apsw
import pytest
from pages import ROOT

from sqlite_ml_vtab import __version__
from sqlite_ml_vtab.cli import Shell, main
from sqlite_ml_vtab.reference import TOPICS

DECLARE = "CREATE VIRTUAL TABLE p USING ml_classification(a REAL, y TEXT TARGET, algorithm=dummy)"
FILL = "INSERT INTO p VALUES (1, 'x'), (2, 'x'), (3, 'x'), (4, 'y'), (5, 'y'), (6, 'x'), (7, 'x'), (8, 'x')"
TRAIN = "INSERT INTO p(p) VALUES ('train')"


def command(*arguments: str, stdin: str = "", cwd: Path | None = None) -> tuple[int, str, str]:
    """Run the command as a process; return its code, its output and its errors."""
    done = subprocess.run(
        [sys.executable, "-m", "sqlite_ml_vtab", *arguments], input=stdin, capture_output=True, text=True, cwd=cwd
    )
    return done.returncode, done.stdout, done.stderr


def within(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command within this process; return the same."""
    code = main(arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


# As a process


def test_the_demo_tells_its_story_from_first_to_last():
    code, out, err = command("demo")
    assert (code, err) == (0, "")
    assert out.startswith("-- 1. A PREDICTOR IS A TABLE.\n")
    assert "setosa      setosa           50\n" in out
    assert out.endswith("sexing_config\n\n")


def test_sql_on_the_command_line_is_answered_in_aligned_columns(tmp_path: Path):
    file = str(tmp_path / "p.db")
    assert command(file, DECLARE, FILL, TRAIN) == (0, "", "")
    assert command(file, "SELECT a, y FROM p(4.5)") == (0, "  a  y\n---  -\n4.5  x\n", "")


def test_an_error_is_one_sentence_on_stderr_and_exit_code_1():
    sentence = "p: no trained model. Run: INSERT INTO p(p) VALUES ('train').\n"
    assert command("", DECLARE, "SELECT y FROM p(1)", "SELECT 'not reached'") == (1, "", sentence)


def test_the_version_is_shown():
    code, out, err = command("--version")
    assert (code, out.split(" (")[0], err) == (0, f"sqlite-ml-vtab {__version__}", "")
    assert f"SQLite {apsw.sqlite_lib_version()}, " in out


def test_a_reader_that_leaves_early_gets_no_traceback():
    megabyte = "SELECT printf('%.*c', 1000000, 'x')"
    run = [sys.executable, "-m", "sqlite_ml_vtab", "--list", "", *[megabyte] * 20]
    process = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 1)
    process.stderr.close()


def test_a_question_imports_no_scikit_learn(tmp_path: Path):
    file = str(tmp_path / "p.db")
    command(file, DECLARE, FILL, TRAIN)
    asked = (".py import sys; print('sklearn' in sys.modules, 'pandas' in sys.modules)",)
    assert command(file, "SELECT y FROM p(4.5)", *asked) == (0, "y\n-\nx\nFalse False\n", "")


# From within


def test_the_entry_point_is_this_function():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"sqlite-ml-vtab": "sqlite_ml_vtab.cli:main"}


def test_a_note_of_a_training_is_shown_every_time(capsys):
    code, out, err = within(capsys, "", DECLARE, FILL, TRAIN, TRAIN, TRAIN)
    note = 'note: p: not deployed: score 1 is not better than 1 of version 1; force it with {"deploy": true}\n'
    assert (code, out, err) == (0, "", note * 2)


def test_a_script_on_stdin_is_run_and_stops_at_the_first_error():
    script = "SELECT 1 AS a;\nSELECT 2 AS b;\nSELECT * FROM ml_metrics('p');\nSELECT 3 AS c;\n"
    sentence = "no predictor 'p', nor any other. Declare one with CREATE VIRTUAL TABLE.\n"
    assert command("", stdin=script) == (1, "a\n-\n1\n\nb\n-\n2\n", f"At Line 3 : <stdin>\n{sentence}")


def test_a_csv_file_becomes_rows_as_the_tutorial_says(capsys, tmp_path: Path, monkeypatch):
    (tmp_path / "houses.csv").write_text("size,rooms,district,sold,price\n50,2,north,2024-01-02,100\n60,,,,\n")
    monkeypatch.chdir(tmp_path)
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").partition("## Your own table")[2]
    blocks = "".join(re.findall(r"^```\n(.*?)^```$", tutorial, re.M | re.S)).rpartition("INSERT INTO valuation(")[0]
    script = tmp_path / "script.sql"
    script.write_text(blocks + "SELECT * FROM valuation;\n")
    with script.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert within(capsys) == (
            0,
            "size  rooms  district  sold        price\n"
            "----  -----  --------  ----------  -----\n"
            "50.0      2  north     2024-01-02  100.0\n"
            "60.0   NULL  NULL      NULL         NULL\n",
            "",
        )


def test_a_syntax_error_is_pointed_at(capsys):
    assert within(capsys, "", "SELEC 1") == (
        1,
        "",
        'near "SELEC": syntax error\n   SELEC 1\n   ^--- error here\n',
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--threads", "some", "", "SELECT 1"], "--threads takes a whole number, got some."),
        (["--threads"], "--threads takes a whole number, got nothing."),
        (["--threads", "0", "", "SELECT 1"], "threads is a whole number of 1 or more, got 0."),
        (["--fast", "", "SELECT 1"], "unknown option --fast. Run: sqlite-ml-vtab --help."),
        (["/no/such/directory/x.db", "SELECT 1"], "unable to open database file"),
        (
            ["", ".ml split"],
            "unknown topic 'split'. Nearest topics: splits, algorithms, scalars.",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, sentence, capsys):
    assert within(capsys, *arguments) == (1, "", sentence + "\n")


def test_another_output_mode_may_be_chosen(capsys):
    assert within(capsys, "--csv", "--header", "", "SELECT 1 AS a, 'x' AS b") == (0, "a,b\n1,x\n", "")


def test_help_is_shown(capsys):
    code, out, err = within(capsys, "--help")
    assert (code, out.startswith("Usage: sqlite-ml-vtab [OPTIONS] [FILE] [SQL ...]\n"), err) == (0, True, "")


def test_the_shells_help_ends_with_what_is_added(capsys):
    code, out, err = within(capsys, "", ".help")
    assert (code, out) == (0, "")
    assert ".ml ?TOPIC? " in err
    assert "\n\nMachine learning: a predictor is a table.\n" in err


def test_ml_shows_the_statements_to_begin_with(capsys):
    code, out, err = within(capsys, "", ".ml")
    assert (code, err) == (0, "")
    assert "CREATE VIRTUAL TABLE p USING ml_classification(a REAL, b TEXT, label TEXT TARGET);" in out
    assert "other commands: cross_validate, tune, compare, deploy, rollback" in out


@pytest.mark.parametrize("name", TOPICS)
def test_ml_shows_every_topic(name, capsys):
    code, out, err = within(capsys, "", f".ml {name}")
    assert (code, err) == (0, "")
    assert out.startswith(f"{TOPICS[name].doc}\n\n{TOPICS[name].columns[0]}")


def test_predictors_are_listed(capsys):
    code, out, err = within(capsys, "", DECLARE, ".predictors")
    assert (code, err) == (0, "")
    assert out == (
        "schema  name  task            rows  versions  deployed  algorithm  score\n"
        "------  ----  --------------  ----  --------  --------  ---------  -----\n"
        "main    p     classification     0         0  NULL      NULL       NULL\n"
    )


def test_every_connection_that_the_shell_opens_is_loaded(capsys, tmp_path: Path):
    file = tmp_path / "second.db"
    code, out, err = within(capsys, "", "SELECT count(*) AS n FROM ml_tables", f".open {file}", DECLARE, ".predictors")
    assert (code, out.count("classification"), err) == (0, 1, "")


def test_the_shell_leaves_no_hook_behind(capsys):
    before = list(apsw.connection_hooks)
    within(capsys, "", "SELECT 1")
    assert apsw.connection_hooks == before


def test_a_file_from_someone_else_can_be_opened_as_such(capsys):
    writing = "INSERT INTO p_rows VALUES (1, 1, 'x')"
    assert within(capsys, "--untrusted", "", DECLARE, writing) == (1, "", "table p_rows may not be modified\n")


def test_threads_are_handed_on(monkeypatch):
    shell = Shell()
    shell.process_args(["--threads", "3"])
    assert shell.threads == 3


def test_a_search_shows_a_line_on_the_terminal_and_takes_it_away(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    declare = "CREATE VIRTUAL TABLE p USING ml_classification(a REAL, y TEXT TARGET, algorithm=knn)"
    fill = (
        "WITH c(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM c WHERE a < 20) "
        "INSERT INTO p SELECT a, iif(a < 10, 'low', 'high') FROM c"
    )
    validate = "INSERT INTO p(p, options) VALUES ('cross_validate', '{\"folds\": 2}')"
    code, _, err = within(capsys, "", declare, fill, validate)
    assert code == 0, err
    assert "\rp: cross_validate [##########..........] 1/2, best " in err
    assert "\rp: cross_validate [####################] 2/2, best " in err
    assert "\r\x1b[Knote: p: " in err
