"""The documentation as programs: every SQL and Python block of a page is run, and what it prints is compared.

``python tests/docs/pages.py`` (make docs) runs them all and writes the results, and the tables of the registries, into
the pages, and what the examples print into examples/expected. A block's result is the ```text block behind it. One
database and one Python namespace serve a page.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import tempfile
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw

import sqlite_ml_vtab
from sqlite_ml_vtab.cli import main as cli
from sqlite_ml_vtab.printing import run, statements
from sqlite_ml_vtab.reference import TOPICS, Topic

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted([*(ROOT / "examples").glob("*.sql"), *(ROOT / "examples").glob("*.py")])

_BLOCK = re.compile(
    r"^```(?P<language>sql|python)\n(?P<code>.*?)^```\n(?P<gap>\s*^```text\n(?P<result>.*?)^```\n)?", re.M | re.S
)
_TABLE = re.compile(r"^<!-- (?P<topic>\w+) -->\n.*?^<!-- end -->$", re.M | re.S)
_HEADING = re.compile(r"^##+ (.+)$", re.M)


class Session:
    """One page being run, with its own database and its own directory."""

    def __init__(self) -> None:
        self._first = apsw.Connection("")
        self.names: dict[str, Any] = {"db": self._first, "__name__": "__main__"}
        self.raised: list[tuple[str, str]] = []
        """The heading over each statement that failed, and the class of its error."""
        sqlite_ml_vtab.load(self._first)

    def run(self, language: str, code: str, heading: str) -> str:
        """Run a block; return what it prints."""
        return self._python(code) if language == "python" else _joined(self._sql(code, heading))

    def _python(self, code: str) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore", sqlite_ml_vtab.PredictorWarning)
            exec(compile(code, "a block of the page", "exec"), self.names)
        return printed.getvalue()

    def _sql(self, code: str, heading: str) -> list[str]:
        results = []
        for statement in statements(code):
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always", sqlite_ml_vtab.PredictorWarning)
                try:
                    result = run(self.names["db"], statement)
                except (sqlite_ml_vtab.Error, apsw.Error) as error:
                    self.raised.append((heading, type(error).__name__))
                    result = f"{error}\n"
            results += [f"note: {note.message}\n" for note in notes]
            results += [result] if result else []
        return results

    def close(self) -> set[str]:
        """Close the databases of the page; return what their integrity checks say."""
        verdicts = set()
        for db in [self._first, *(value for value in self.names.values() if isinstance(value, apsw.Connection))]:
            with suppress(apsw.ConnectionClosedError):
                verdicts.add(str(db.execute("PRAGMA integrity_check").get))
            db.close()
        return verdicts


def _joined(results: list[str]) -> str:
    """Return results one after the other, a table with an empty line around it, sentences without."""
    text, last = "", ""
    for result in results:
        is_apart = bool(text) and (result.count("\n") > 1 or last.count("\n") > 1)
        text, last = text + "\n" * is_apart + result, result
    return text


def rewritten(page: str, session: Session) -> str:
    """Return the text of a page with the results and the tables that it should have."""
    page = _TABLE.sub(lambda match: _with_table(match["topic"]), page)
    with tempfile.TemporaryDirectory() as directory, chdir(directory):
        return _BLOCK.sub(lambda match: _with_result(match, session), page)


def _with_result(match: re.Match[str], session: Session) -> str:
    headings = _HEADING.findall(match.string[: match.start()])
    result = session.run(match["language"], match["code"], headings[-1] if headings else "")
    block = f"```{match['language']}\n{match['code']}```\n"
    return f"{block}\n```text\n{result}```\n" if result else block


def _with_table(name: str) -> str:
    return f"<!-- {name} -->\n{_markdown(TOPICS[name])}<!-- end -->"


def _markdown(topic: Topic) -> str:
    rows = [topic.columns, ["---"] * len(topic.columns), *([_code(first), *rest] for first, *rest in topic.rows())]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in rows)


def _code(text: str) -> str:
    return text if text.startswith("(") else f"`{text}`"


def printed_by(example: Path) -> str:
    """Run an example, a script on the shell's input or a program; return what it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed), example.open(encoding="utf-8") as script:
        if example.suffix == ".py":
            runpy.run_path(str(example), run_name="__main__")
        else:
            with patch("sys.stdin", script):
                cli([""])
    return printed.getvalue()


def expected_of(example: Path) -> Path:
    """Return the file that has what an example prints."""
    return example.parent / "expected" / f"{example.stem}.txt"


def main() -> None:
    """Write every page, and every example's output, anew, and name those that changed."""
    for path in PAGES:
        session = Session()
        _write(path, rewritten(path.read_text(encoding="utf-8"), session))
        session.close()
    for example in EXAMPLES:
        _write(expected_of(example), printed_by(example))


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"rewrote {os.path.relpath(path, ROOT)}")


if __name__ == "__main__":
    main()
