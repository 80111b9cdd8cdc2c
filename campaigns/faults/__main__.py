"""make faults SIZE= SEED=: every campaign of this folder, in proportion to SIZE; 4000 is what a release takes."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from campaigns.faults import disk, killing, leaks, sequences
from campaigns.faults.reports import Report, quick_folder

CAMPAIGNS: dict[str, Callable[[Path, int, int], list[Report]]] = {
    "disk": lambda folder, size, seed: [disk.campaign(folder, size, seed)],
    "kills": lambda folder, size, seed: [killing.campaign(folder, size // 20, seed)],
    "sequences": lambda folder, size, seed: [sequences.campaign(size // 2, seed)],
    "leaks": lambda folder, size, seed: leaks.campaign(folder, size * 5 // 2, size // 4, seed),
}
"""(folder, size, seed) to reports. 4000: as many faults, 200 kills a journal, 2,000 sequences, 10,000 cycles."""


def main() -> int:
    """Run what is asked for; return 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="campaigns.faults", description=__doc__)
    parser.add_argument("--size", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("campaigns", nargs="*", default=list(CAMPAIGNS), help=", ".join(CAMPAIGNS))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = 0
    for report in _reports(asked.campaigns, asked.size, asked.seed):
        print("\n".join(report.lines()), flush=True)
        failed += len(report.failures)
    return min(failed, 1)


def _reports(names: list[str], size: int, seed: int) -> Iterator[Report]:
    for name in names:
        with quick_folder() as folder:
            yield from CAMPAIGNS[name](folder, size, seed)


if __name__ == "__main__":
    sys.exit(main())
