"""make stress SECONDS= SEED=: a trainer, a writer and four readers at once, in threads and in processes."""

from __future__ import annotations

import argparse
import sys
import warnings

from campaigns.faults.reports import quick_folder
from campaigns.stress.crowd import campaign


def main() -> int:
    """Run all four settings for equal parts of the time; return 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="campaigns.stress", description=__doc__)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = 0
    for workers in ("threads", "processes"):
        for journal in ("wal", "delete"):
            with quick_folder() as folder:
                report = campaign(folder, workers, journal, asked.seconds / 4, asked.seed)
            print("\n".join(report.lines()), flush=True)
            failed += len(report.failures)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
