"""The memory that `max_memory` expects of a fit, beside what a process really took.

``python benchmarks/memory.py [algorithm rows]``: each fit in a process of its own, which has fitted a small table
before, so that libraries are loaded; the figure is how far its peak then rose.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import interrupts

import sqlite_ml_vtab

CASES = [
    ("logistic_regression", 100_000),
    ("ridge", 100_000),
    ("hist_gradient_boosting", 100_000),
    ("random_forest", 10_000),
    ("decision_tree", 100_000),
    ("knn", 50_000),
    ("mlp", 50_000),
    ("svc", 5_000),
    ("gaussian_process", 2_000),
    ("kernel_ridge", 4_000),
    ("affinity_propagation", 2_000),
    ("agglomerative", 5_000),
    ("kmeans", 100_000),
]


def peak() -> int:
    """Return the peak of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(algorithm: str, rows: int) -> None:
    """Print what was expected and what came."""
    from sqlite_ml_vtab.learning import memory
    from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

    warnings.simplefilter("ignore")
    entry = ALGORITHMS[algorithm]
    task = next(iter(entry.estimators))
    expected: list[float] = []
    estimate = memory.estimate

    def noted(*args: object) -> memory.Estimate:
        found = estimate(*args)  # type: ignore[arg-type]
        expected.append(found.total)
        return found

    memory.estimate = noted
    small, large = interrupts.opened(task, 300), interrupts.opened(task, rows)
    sqlite_ml_vtab.load(small, max_memory="1 TB")
    interrupts.command(small, algorithm)
    before = peak()
    sqlite_ml_vtab.load(large, max_memory="1 TB")
    interrupts.command(large, algorithm)
    took = peak() - before
    print(
        f"{algorithm:24} {rows:>8,} rows  expected {expected[-1] / 2**20:7.1f} MB  took {took / 2**20:7.1f} MB",
        flush=True,
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        for name, count in CASES:
            subprocess.run([sys.executable, __file__, name, str(count)], check=True)
