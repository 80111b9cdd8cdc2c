"""docs/speed.md: a table for every section and rival, a line for every target; and how figures are judged and drawn."""

import re
import sys
from xml.etree import ElementTree

import pytest
from pages import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from speed.page import cells, shown, summary
from speed.targets import TARGETS, target_of
from speed.timing import Cost, Figure, in_turns, ratio, spread
from speed.training import read

PAGE = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
SECTIONS = sorted({target.section for target in TARGETS} | {"queries", "threads"})


def figure(section, row, *cpu):
    return Figure(section, row, "8 features", "x", cpu, cpu)


def table(section):
    return re.search(f"<!-- begin: {section} -->\n(.*?)<!-- end: {section} -->", PAGE, re.S)[1]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_has_a_table_for_the_section(section):
    assert table(section).startswith("| what | on |")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.section}: {target.row}")
def test_the_page_has_a_line_for_the_target(target):
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(target.section).splitlines()[2:]]
    judged = [cells for cells in lines if cells[0] == target.row or cells[0].startswith(f"{target.row}:")]
    assert judged != []
    assert {cells[5] for cells in judged} == {str(target)}
    assert {cells[6] for cells in judged} <= {"met", "not met"}


def test_the_readme_shows_what_the_page_says():
    assert f"<!-- begin: speed -->\n{shown()}<!-- end: speed -->" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_works_take_turns_and_the_first_turn_is_not_counted():
    done = []
    works = {
        "ours": (lambda: done.append("before"), lambda: done.append("ours")),
        "floor": lambda: done.append("floor"),
    }
    costs = in_turns(works, 2)
    assert done == ["before", "ours", "floor"] * 3
    assert {name: len(found) for name, found in costs.items()} == {"ours": 2, "floor": 2}


def test_a_ratio_is_taken_turn_by_turn():
    ours, floor = [Cost(2.0, 9.0), Cost(9.0, 3.0)], [Cost(1.0, 3.0), Cost(3.0, 3.0)]
    found = ratio("scoring", "join: ridge", "8 features", "x floor", (ours, floor))
    assert (found.cpu, found.wall) == ((2.0, 3.0), (3.0, 1.0))


def test_the_median_by_the_clock_of_the_processor_is_held_against_the_target():
    found = Figure("scoring", "join: ridge", "8 features", "x floor", (1.0, 1.9, 9.0), (3.0, 3.0, 3.0))
    assert cells(found) == ["join: ridge", "8 features", "1.9 (1 to 9)", "3 (3 to 3)", "x floor", "≤ 2", "met"]


def test_a_target_that_must_be_reached_is_not_met_below_it():
    found = figure("sqlite-ml", "knn", 49.0)
    assert (str(target_of(found)), target_of(found).holds(found)) == ("≥ 50", False)


def test_a_row_without_a_target_is_only_reported():
    assert target_of(figure("queries", "through a view: ridge", 1.0)) is None


def test_the_summary_counts_the_targets_and_names_those_not_met():
    figures = [figure("one", "linear", 14.0), figure("one", "forest of 100", 41.0), figure("threads", "join: x", 1.0)]
    said = summary(figures)
    assert said.splitlines()[1] == "1 of 2 targets met"
    assert [line.split()[:4] for line in said.splitlines()[2:]] == [["one", "forest", "of", "100"]]


def test_numbers_have_three_digits_that_matter():
    assert spread([0.12345, 1234.5, 12.345]) == "12.3 (0.123 to 1,234)"


def test_the_table_of_trainings_is_read_by_the_names_of_its_columns():
    printed = "100 rows\n\n| algorithm | rows | ratio | beyond, matrices |\n|---|---|---|---|\n| knn | stored | 1.20 | 0.5 |\n"
    found = [(item.row, item.judged, str(target_of(item))) for item in read(printed, "100 rows")]
    assert found == [("time: knn, rows stored", 1.2, "≤ 1.15"), ("memory: knn, rows stored", 0.5, "≤ 2")]


def test_the_picture_has_a_line_for_each_form():
    picture = ElementTree.parse(ROOT / "docs" / "growth.svg").getroot()
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 3
