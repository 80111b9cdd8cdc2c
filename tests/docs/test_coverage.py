"""docs/algorithm-coverage.md: every name of other systems, every algorithm, nothing that is not there."""

import re
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from needs import REFITTED
from pages import ROOT

from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, ALIASES, for_task

PAGE = (ROOT / "docs" / "algorithm-coverage.md").read_text(encoding="utf-8")
TASKS = ("classification", "regression")


def _loaded(name):
    spec = spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


names = _loaded("names")


def block(name):
    return re.search(f"<!-- begin: {name} -->\n(.*?)<!-- end: {name} -->", PAGE, re.S)[1]


def test_every_name_of_the_other_systems_is_listed():
    counts = Counter((system, task) for system, task, _, _ in names.pairs())
    assert counts == {
        ("sqlite-ml", "classification"): 13,
        ("sqlite-ml", "regression"): 17,
        ("PostgresML", "classification"): 19,
        ("PostgresML", "regression"): 30,
        ("BigQuery ML", "classification"): 6,
        ("BigQuery ML", "regression"): 6,
    }
    assert len(set(names.pairs())) == sum(counts.values())


@pytest.mark.parametrize(("task", "name", "ours"), [pair[1:] for pair in names.pairs()])
def test_a_name_from_elsewhere_can_be_written_or_is_missing_with_a_reason(task, name, ours):
    if name in names.MISSING:
        assert ours == ""
        assert name not in ALGORITHMS.keys() | ALIASES.keys()
    else:
        assert name in ALGORITHMS.keys() | ALIASES.keys()
        assert task in ALGORITHMS[ours].estimators


def test_every_missing_name_is_one_of_theirs_and_names_what_is_nearest():
    assert set(names.MISSING) == {name for _, _, name, ours in names.pairs() if not ours}
    for reason in names.MISSING.values():
        nearest = reason.partition("nearest: ")[2]
        assert set(re.findall("`(.*?)`", nearest)) <= ALGORITHMS.keys() != set()


def test_the_page_has_the_names_side_by_side():
    assert block("names") == names.table()


def test_the_page_has_a_line_for_every_algorithm_and_task():
    found = re.findall(r"^\| (\w+) \| `(\w+)` \| (\w+) \| (\S+) \|", block("coverage"), re.M)
    expected = [(task, name) for task in TASKS for name in sorted(for_task(task, ALGORITHMS))]
    assert [line[:2] for line in found] == expected
    for task, name, family, error in found:
        assert family == ("none" if (name, task) in REFITTED else ALGORITHMS[name].family)
        assert float(error) <= ALGORITHMS[name].tolerance
