"""What a training costs beside its floor: taken from `benchmarks/training.py`, which runs each case in a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .timing import Figure
from .world import Settings

PROGRAM = Path(__file__).parent.parent / "training.py"
COLUMNS = {"ratio": ("time", "x floor"), "beyond, matrices": ("memory", "matrices beyond the bare fit")}
"""What is read from that program's table: a column, and the row and unit that it becomes."""


def training(settings: Settings) -> Iterator[Figure]:
    """Run the program on as many rows as the large table has, and read its table."""
    if not PROGRAM.exists():
        return
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(settings.large)], stdout=subprocess.PIPE, text=True, check=True
    )
    yield from read(done.stdout, f"{settings.large:,} rows")


def read(printed: str, variant: str) -> Iterator[Figure]:
    """Return the figures of a printed Markdown table, which names its columns in its first line."""
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    for cells in lines[1:]:
        line = dict(zip(lines[0], cells, strict=True))
        for column, (row, unit) in COLUMNS.items():
            if column in line:
                named = f"{row}: {line['algorithm']}, rows {line['rows']}"
                yield Figure("training", named, variant, unit, (float(line[column].split()[0]),), ())
