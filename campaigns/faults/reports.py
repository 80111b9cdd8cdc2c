"""What a campaign found, and how it is told."""

from __future__ import annotations

import resource
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time


@dataclass(slots=True)
class Report:
    """The figures of one campaign."""

    name: str
    tried: Counter[str] = field(default_factory=Counter)
    """How many of each kind."""
    failures: list[str] = field(default_factory=list)
    """Each with what it takes to run it again."""
    seconds: float = 0
    """By the clock on the wall."""
    cpu: float = 0
    """Of the processor, children included."""

    def lines(self) -> Iterator[str]:
        """Yield what is printed."""
        yield f"{self.name}: {sum(self.tried.values())} tried, {len(self.failures)} failures, " + (
            f"{self.seconds:.0f} s, {self.cpu:.0f} s of CPU"
        )
        for kind, count in sorted(self.tried.items()):
            yield f"  {count:7} {kind}"
        yield from (f"  FAILURE {failure}" for failure in self.failures[:50])


@contextmanager
def timed(report: Report) -> Iterator[Report]:
    """Note in `report` how long the block takes."""
    began, before = perf_counter(), _cpu()
    try:
        yield report
    finally:
        report.seconds += perf_counter() - began
        report.cpu += _cpu() - before


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Make a folder in memory, if there is such a place: a disk waits at each fsync, and that is not what is tested."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
