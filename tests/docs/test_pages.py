"""The README and docs/: every block is run, every result and every generated table is as printed."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import apsw
import pytest
from pages import PAGES, ROOT, Session, rewritten

import sqlite_ml_vtab
from sqlite_ml_vtab.declaration import TASKS, Kind, Role, parse
from sqlite_ml_vtab.declaration.types import ENCODE_WORDS, IMPUTE_WORDS, SCALE_WORDS
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.learning.search.strategies import EXTRAS
from sqlite_ml_vtab.learning.splits import SPLITS
from sqlite_ml_vtab.reference import (
    CLAUSES,
    FOUND_COLUMNS,
    HIDDEN_COLUMNS,
    KINDS,
    ROLES,
    SCALAR_FUNCTIONS,
    SHADOWS,
    TOPICS,
)
from sqlite_ml_vtab.reference import SPLITS as SPLIT_DOCS
from sqlite_ml_vtab.store.shadows import SHADOW_TABLES
from sqlite_ml_vtab.store.sql import CALLED
from sqlite_ml_vtab.vtab.layout import Layout


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_block_of_the_page_prints_what_the_page_says(path: Path):
    session = Session()
    page = path.read_text(encoding="utf-8")
    assert rewritten(page, session) == page
    assert session.close() <= {"ok"}


def test_errors_stand_under_the_heading_of_their_class():
    session = Session()
    rewritten((ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), session)
    session.close()
    assert len(session.raised) > 30
    assert [pair for pair in session.raised if pair[0] != pair[1]] == []


def test_the_errors_page_has_every_class_of_error():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    for error in sqlite_ml_vtab.Error.__subclasses__():
        assert f"\n## {error.__name__}\n" in page


def test_the_reference_has_every_topic():
    page = (ROOT / "docs" / "sql-reference.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^<!-- (\w+) -->$", page.replace("<!-- end -->", ""), re.M)) == sorted(TOPICS)


def test_everything_described_in_words_is_all_that_there_is():
    assert set(ROLES) == set(Role)
    assert set(KINDS) == set(Kind)
    legal = {"IMPUTE": IMPUTE_WORDS, "ENCODE": ENCODE_WORDS, "SCALE": SCALE_WORDS}
    written = [f"{clause}({word}{', value' * (word == 'constant')})" for clause in legal for word in legal[clause]]
    assert list(CLAUSES) == written
    assert set(SPLIT_DOCS) == set(SPLITS)
    assert set(SHADOWS) == set(SHADOW_TABLES)


def test_the_hidden_columns_are_described_in_their_order():
    declaration = parse("classification", "t", ["a", "b", "c TARGET"])
    layout = Layout(declaration, "t", 2000)
    described = [name.replace("<the table's name>", "t").replace("arg2 ... argN", "arg2") for name in HIDDEN_COLUMNS]
    assert described == layout.names[len(layout.visible) :]


def test_the_columns_of_tasks_without_a_target_are_described():
    without = [task for task in TASKS.values() if not task.has_target]
    described = [(task, name.replace("pc1 ... pcN", "pc1")) for name, (task, _) in FOUND_COLUMNS.items()]
    assert described == [(task.name, name) for task in without for name in task.says({"components": 1})]


def test_every_scalar_function_is_described():
    db = apsw.Connection("")
    before = {name for (name,) in db.execute("SELECT name FROM pragma_function_list")}
    sqlite_ml_vtab.load(db)
    after = {name for (name,) in db.execute("SELECT name FROM pragma_function_list")}
    db.close()
    assert after - before == {*SCALAR_FUNCTIONS, CALLED}


def test_every_dependency_has_its_floor_and_its_reason():
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    needed = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"], *chain(*extras.values())]
    told = {f"{name}>={floor}" for name, floor in re.findall(r"^\| ([\w-]+) \| ([\d.]+) \| [\w`]", page, re.M)}
    assert told == set(needed)


def test_every_extra_is_one_that_an_algorithm_a_search_or_a_backend_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {algorithm.extra for algorithm in ALGORITHMS.values()} - {""} | {*EXTRAS.values(), "dask"}
    assert project["optional-dependencies"].keys() == asked


def test_links_between_pages_lead_somewhere():
    broken = []
    for path in [*PAGES, ROOT / "examples" / "README.md"]:
        page = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page):
            to = (path.parent / target).resolve() if target else path
            if not to.exists() or (anchor and anchor not in _anchors(to)):
                broken.append(f"{path.name}: {target}#{anchor}")
    assert broken == []


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
