"""examples/: each script and program prints what stands in examples/expected."""

import re
from pathlib import Path

import pytest
from pages import EXAMPLES, ROOT, expected_of, printed_by


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_example_prints_what_is_expected(path: Path):
    assert printed_by(path) == expected_of(path).read_text(encoding="utf-8")


def test_every_example_is_listed_and_every_output_has_its_example():
    listed = re.findall(r"^\| \[([\w.]+)\]", (ROOT / "examples" / "README.md").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == [path.name for path in EXAMPLES]
    assert set((ROOT / "examples" / "expected").iterdir()) == set(map(expected_of, EXAMPLES))
