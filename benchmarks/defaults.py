"""What is a good model at the first try? Every algorithm as it stands, on small and messy tables.

    python benchmarks/defaults.py              every algorithm beside pipelines built by hand
    python benchmarks/defaults.py settings     every algorithm beside itself as scikit-learn sets it
    python benchmarks/defaults.py encoding     the default algorithm, and a linear one, with features encoded otherwise
    python benchmarks/defaults.py few          every algorithm on 20 and on 60 training rows

The same rows, splits and metrics serve all. Tables of packages that are not installed are left out and named.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pandas as pd
from measuring import ALGORITHMS, DEFAULT_ALGORITHM, Contender, for_task, measure, training_rows
from rivals import RIVALS
from tables import TABLES

SEEDS = 3
WORKERS = 2
WORST_R2 = -1.0
"""A lower r2_score counts as this in means: below it, how bad is noise."""

METRICS = {"classification": ("accuracy", "log_loss", "roc_auc"), "regression": ("r2_score",)}
LOWER_IS_BETTER = {"log_loss"}

Labelled = tuple[str, Contender]


def algorithms(task: str) -> list[Labelled]:
    """Return every algorithm at its defaults, and every rival."""
    ours = [name for name in for_task(task, ALGORITHMS) if ALGORITHMS[name].is_installed]
    return [(name, Contender(name)) for name in (*ours, *RIVALS)]


def settings(task: str) -> list[Labelled]:
    """Return every algorithm whose defaults are ours, and the same as scikit-learn would have it."""
    found = []
    for name in for_task(task, ALGORITHMS):
        ours = ALGORITHMS[name].default_params(task, 1000)
        legal = inspect.signature(ALGORITHMS[name].estimator_class(task)).parameters
        theirs = {param: legal[param].default for param in ours}
        if ours != theirs:
            found += [(name, Contender(name)), (f"{name} of sklearn", Contender(name, theirs))]
    return found


ENCODINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "one-hot to 10": {"MAX_ONE_HOT": 10},
    "one-hot to 20": {"MAX_ONE_HOT": 20},
    "one-hot to 50": {"MAX_ONE_HOT": 50},
    "one-hot to 100": {"MAX_ONE_HOT": 100},
    "never a mean": {"MIN_TARGET_ROWS": 10**9},
}
"""What stands in learning.features instead of its own values."""


def encoding(task: str) -> list[Labelled]:
    """Return the default algorithm and a linear one under each of ENCODINGS."""
    linear = {"classification": "logistic_regression", "regression": "ridge"}[task]
    return [
        (f"{name} {label}", Contender(name, constants=constants))
        for name in (DEFAULT_ALGORITHM[task], linear)
        for label, constants in ENCODINGS.items()
    ]


def compare(task: str, names: Iterable[str], contenders: list[Labelled], train_rows: int | None = None) -> None:
    """Measure the contenders on the tables of `task` among `names`, and print a table for each metric."""
    chosen = [name for name in names if TABLES[name].task == task]
    with ProcessPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(_job, name, seed, contenders, train_rows) for name in chosen for seed in range(SEEDS)]
        measured = pd.DataFrame([found for job in jobs for found in job.result()])
    labels = [label for label, _ in contenders]
    for metric in METRICS[task]:
        _print_metric(measured, metric, labels, chosen)
    costs = measured.groupby("contender")[["seconds", "bytes"]].median().reindex(labels)
    _print(
        "median seconds to train, and bytes of the model", _headed(costs.T), {"seconds": "{:.2f}", "bytes": "{:.0f}"}
    )


def _job(name: str, seed: int, contenders: list[Labelled], train_rows: int | None) -> list[dict[str, Any]]:
    rows = len(training_rows(name).ids)
    test_size: float | int = 0.25 if train_rows is None else rows - train_rows
    if test_size < (0 if train_rows is None else 20):
        return []
    return [
        {"table": name, "contender": label} | measure(contender, name, seed, test_size)
        for label, contender in contenders
    ]


def _print_metric(measured: pd.DataFrame, metric: str, labels: list[str], tables: list[str]) -> None:
    scores = measured.pivot_table(index="table", columns="contender", values=metric)
    scores = scores.reindex(index=[name for name in tables if name in scores.index], columns=labels)
    scores = scores.dropna(axis="columns", how="all")
    lower = metric in LOWER_IS_BETTER
    counted = scores if metric != "r2_score" else scores.clip(lower=WORST_R2)
    best = counted.min(axis=1) if lower else counted.max(axis=1)
    summary = pd.DataFrame(
        {
            "MEAN": counted.mean(),
            "MEAN RANK": counted.rank(axis=1, ascending=lower).mean(),
            "WORST GAP": counted.sub(best, axis=0).abs().max(),
        }
    )
    better = "lower" if lower else "higher"
    _print(f"{metric} ({better} is better; mean of {SEEDS} splits)", _headed(pd.concat([scores, summary.T])), {})


def _headed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns=lambda label: str(label).replace("_", " "))


def _print(title: str, frame: pd.DataFrame, formats: dict[str, str]) -> None:
    """Print a frame with its column heads broken into one word a line."""
    heads = [str(column).split() for column in frame]
    depth = max(map(len, heads))
    cells = [[formats.get(str(row), "{:.3f}").format(value) for value in frame.loc[row]] for row in frame.index]
    rows = [[*(head[line] if line < len(head) else "" for head in heads)] for line in range(depth)] + cells
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    names = ["" for _ in range(depth)] + [str(row) for row in frame.index]
    side = max(map(len, names))
    print(f"\n{title}\n")
    for name, row in zip(names, rows, strict=True):
        print(name.ljust(side), *(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _few(task: str, names: list[str]) -> None:
    for rows in (20, 60):
        print(f"\n== {rows} training rows")
        compare(task, names, [(name, Contender(name)) for name in for_task(task, ALGORITHMS)], rows)


VERBS: dict[str, Callable[[str, list[str]], None]] = {
    "algorithms": lambda task, names: compare(task, names, algorithms(task)),
    "settings": lambda task, names: compare(task, names, settings(task)),
    "encoding": lambda task, names: compare(task, names, encoding(task)),
    "few": _few,
}


def main(verb: str = "algorithms") -> None:
    here = [name for name, table in TABLES.items() if table.is_here]
    absent = sorted({table.package for table in TABLES.values() if not table.is_here})
    left_out = [name for name in TABLES if name not in here]
    print(f"{len(here)} tables.", f"Left out: {', '.join(left_out)} (pip install {' '.join(absent)})" if absent else "")
    for task in METRICS:
        VERBS[verb](task, here)


if __name__ == "__main__":
    main(*sys.argv[1:])
