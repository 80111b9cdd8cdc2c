"""The command ``sqlite-ml-vtab``: the APSW shell with everything loaded, and the demo.

Results go to stdout; errors, one sentence each, and notes of a training go to stderr.
"""

# apsw.shell has no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from itertools import takewhile
from textwrap import fill
from typing import Any, TextIO

import apsw
import apsw.shell

from sqlite_ml_vtab import Error, PredictorWarning, __version__, load
from sqlite_ml_vtab.commands import COMMANDS
from sqlite_ml_vtab.errors import choices
from sqlite_ml_vtab.predictor import Progress
from sqlite_ml_vtab.printing import WIDTH, run, statements, table
from sqlite_ml_vtab.reference import TOPICS

USAGE = """\
Usage: sqlite-ml-vtab [OPTIONS] [FILE] [SQL ...]
       sqlite-ml-vtab demo

Without SQL, statements are read from the terminal, or from a pipe:
sqlite-ml-vtab FILE < script.sql. FILE is made if it does not exist; without it,
or with "", the database is in memory.

OPTIONS:
   --threads N      let a training use N threads (1)
   --untrusted      for a FILE from someone else: its views and triggers cannot
                    use a predictor, nor can SQL write its shadow tables
   --csv --json --jsonl --line --list --column ...
                    print results so instead of in aligned columns
   --header         name the columns, where the output mode does not
   --bail           stop at the first error (so it is anyway where SQL comes
                    from the command line or a pipe)
   --init SCRIPT    run a script first
   --version        show the versions of everything
   --help           show this
"""

HELP = """\
Machine learning: a predictor is a table.
  CREATE VIRTUAL TABLE p USING ml_classification(a REAL, b TEXT, label TEXT TARGET);
                       declare one; ml_regression predicts numbers, ml_forecast
                       what comes next; without a TARGET there are
                       ml_clustering, ml_anomaly and ml_projection
  INSERT INTO p SELECT a, b, label FROM source;
                       give it rows to learn from
  INSERT INTO p(p) VALUES ('train');
                       learn; other commands: {commands}
  SELECT label, probability FROM p(1.5, 'red');
                       predict one row, from values or from JSON
  SELECT t.*, p.label FROM t JOIN p(t.a, t.b);
                       predict for every row of a table
.predictors            lists what is declared and how well it does
.ml TOPIC              shows one of:
{topics}
""".format(
    commands=", ".join(name for name in COMMANDS if name != "train"),
    topics=fill(", ".join(TOPICS), 78, initial_indent=" " * 23, subsequent_indent=" " * 23),
)


class Bar:
    """A line on the terminal, on stderr, that says how far a search has come."""

    WIDTH = 20

    def __init__(self) -> None:
        """Show nothing yet."""
        self._is_shown = False

    def show(self, progress: Progress) -> None:
        """Write the line anew."""
        share = "" if progress.total is None else f"/{progress.total}"
        full = 0 if progress.total is None else self.WIDTH * progress.done // max(progress.done, progress.total)
        bar = "" if progress.total is None else f" [{'#' * full}{'.' * (self.WIDTH - full)}]"
        best = "" if progress.best is None else f", best {progress.best:.4g}"
        minutes, seconds = divmod(int(progress.seconds), 60)
        line = f"{progress.table}: {progress.command}{bar} {progress.done}{share}{best}, {minutes:02}:{seconds:02}"
        self._write(f"\r{line}\x1b[K")
        self._is_shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            self._write("\r\x1b[K")
        self._is_shown = False

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


BAR = Bar()
"""The one of the process: notes clear it before they are written."""


class Shell(apsw.shell.Shell):
    """The APSW shell with this package loaded on every connection that it opens."""

    def __init__(self) -> None:
        """Make a shell on the streams of the process."""
        self.threads = 1
        self.untrusted = False
        self._has_written = False
        super().__init__()
        self.output = self.output_aligned

    def equip(self, db: apsw.Connection) -> None:
        """Load everything on `db`, as the options say."""
        progress = BAR.show if sys.stderr.isatty() else None
        load(db, threads=self.threads, untrusted=self.untrusted, progress=progress)

    def process_sql(self, *args: Any, **options: Any) -> None:
        """Run statements, and leave no progress behind."""
        try:
            super().process_sql(*args, **options)
        finally:
            BAR.clear()

    def process_unknown_args(self, args: list[str]) -> list[str]:
        """Take the options that the APSW shell does not have."""
        if args[0] == "threads":
            if len(args) < 2 or not args[1].isdecimal():
                raise self.Error(f"--threads takes a whole number, got {args[1] if len(args) > 1 else 'nothing'}.")
            self.threads = int(args[1])
            return args[2:]
        if args[0] == "untrusted":
            self.untrusted = True
            return args[1:]
        raise self.Error(f"unknown option --{args[0]}. Run: sqlite-ml-vtab --help.")

    def usage(self) -> str:
        """Return the text of --help."""
        return USAGE

    def output_aligned(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Aligned columns, or one value a line where the columns would be too narrow to read."""
        width = self._terminal_width(40) if self.interactive else WIDTH
        apart = "\n" if self._has_written and not self.interactive else ""
        self.stdout.write(apart + table(names, rows, width))
        self._has_written = True

    output_aligned.all_at_once = True  # type: ignore[attr-defined]

    def command_help(self, cmd: list[str]) -> None:
        """Show the help of the APSW shell, then what this package adds."""
        super().command_help(cmd)
        if not cmd:
            self.write(self.stderr, HELP + "\n")

    command_help.__doc__ = apsw.shell.Shell.command_help.__doc__

    def command_ml(self, cmd: list[str]) -> None:
        """ml ?TOPIC?: Shows how to learn and predict in SQL, or a table of one topic.

        Without a TOPIC it shows the statements to begin with, and the topics.
        """  # noqa: D403 - the shell reads the command's name there
        if not cmd:
            self.write(self.stdout, HELP)
            return
        name = cmd[0].lower()
        if name not in TOPICS:
            raise self.Error(f"unknown topic {cmd[0]!r}. {choices(name, TOPICS, 'Topics')}")
        topic = TOPICS[name]
        self.write(self.stdout, f"{topic.doc}\n\n")
        self.output_aligned(topic.columns, list(topic.rows()))

    def command_predictors(self, cmd: list[str]) -> None:
        """predictors: Lists all predictors, and the version that answers for each."""
        self.process_sql(
            "SELECT schema, name, task, rows, versions, deployed, algorithm, round(score, 4) AS score FROM ml_tables",
            internal=True,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (those of the process by default); return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with _notes():
            return _run(given)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Error, apsw.Error, apsw.shell.Shell.Error, OSError) as error:
        if not getattr(error, "_handle_exception_saw_this", False):
            print(error, file=sys.stderr)
        return 1


def _run(given: list[str]) -> int:
    asked = {option.lstrip("-") for option in takewhile(lambda word: word.startswith("-"), given)}
    if "help" in asked or "h" in asked:
        print(USAGE, end="")
    elif "version" in asked:
        print(versions())
    elif given == ["demo"]:
        demo(sys.stdout)
    else:
        _shell(given)
    return 0


def _shell(given: list[str]) -> None:
    shell = Shell()
    with _hooked(shell.equip):
        try:
            _, _, commands = shell.process_args(given)
            if not commands:
                # A script that went on after an error would work on half of what it expects.
                shell.bail = shell.bail or not shell.interactive
                shell.cmdloop(intro=f'{versions()}\nEnter ".help" for instructions, ".ml" for machine learning.\n')
        finally:
            shell.db = None, None


def versions() -> str:
    """Return this package's version, and those of what it stands on."""
    from importlib.metadata import version

    below = f"SQLite {apsw.sqlite_lib_version()}, APSW {apsw.apsw_version()}, scikit-learn {version('scikit-learn')}"
    return f"sqlite-ml-vtab {__version__} ({below})"


def demo(out: TextIO) -> None:
    """Run the statements of demo.sql, and write each with its result."""
    script = (resources.files("sqlite_ml_vtab") / "data" / "demo.sql").read_text(encoding="utf-8")
    db = apsw.Connection("")
    load(db)
    for statement in statements(script):
        out.write(f"{statement}\n\n")
        out.flush()
        result = run(db, statement)
        if result:
            out.write(f"{result}\n")
    db.close()


@contextmanager
def _hooked(hook: Callable[[apsw.Connection], None]) -> Iterator[None]:
    """Call `hook` with every connection that is opened."""
    apsw.connection_hooks.append(hook)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(hook)


@contextmanager
def _notes() -> Iterator[None]:
    """Show what a training has to say as a line on stderr, every time, instead of as a Python warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", PredictorWarning)
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, PredictorWarning):
                BAR.clear()
                print(f"note: {message}", file=sys.stderr)
            else:
                show(message, category, *rest, **more)

        warnings.showwarning = note
        yield
