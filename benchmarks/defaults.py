"""What is a good model at the first try? Every algorithm as it stands, on small and messy tables.

    python benchmarks/defaults.py              the default beside pipelines built by hand, on both kinds of tables
    python benchmarks/defaults.py algorithms   every algorithm beside the same pipelines
    python benchmarks/defaults.py settings     every algorithm beside itself as scikit-learn sets it
    python benchmarks/defaults.py encoding     the default algorithm, and a linear one, with features encoded otherwise
    python benchmarks/defaults.py few          every algorithm on 20 and on 60 training rows

The same rows, splits and metrics serve all. Defaults are chosen on one kind of tables, and judged on another, with
other seeds; only the first verb looks at those to judge on. A second argument is how many processes measure (1).
Tables of packages that are not installed are left out and named.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pandas as pd
from choices import ENCODINGS
from measuring import ALGORITHMS, DEFAULT_ALGORITHM, Contender, for_task, is_changed, measure, training_rows
from paired import LOWER_IS_BETTER, TEST_SIZE, lost, scores, table_error, versus
from rivals import RIVALS
from tables import TABLES

SEEDS = {"choosing": range(3), "encoding": range(3), "judging": range(100, 105)}
"""The splits of each kind of tables."""

METRICS = {"classification": ("accuracy", "log_loss", "roc_auc"), "regression": ("r2_score",)}

LINEAR = {"classification": "logistic_regression", "regression": "ridge"}

COMPOSED = {"voting", "stacking", "bagging", "one_vs_rest", "one_vs_one", "output_code"}
"""Algorithms made of others: their defaults name members."""

Labelled = tuple[str, Contender]


def algorithms(task: str) -> list[Labelled]:
    """Return every algorithm at its defaults, and every rival."""
    ours = [name for name in for_task(task, ALGORITHMS) if ALGORITHMS[name].is_installed]
    return [(name, Contender(name)) for name in (*ours, *RIVALS)]


def first_choices(task: str) -> list[Labelled]:
    """Return the default algorithm, what else one would try first, and every rival."""
    ours = (DEFAULT_ALGORITHM[task], "random_forest", LINEAR[task])
    found = [(name, Contender(name)) for name in dict.fromkeys((*ours, *RIVALS))]
    bare = {"min_samples_leaf": 1, "max_features": "sqrt" if task == "classification" else 1.0}
    return [*found, ("random_forest of sklearn", Contender("random_forest", bare))]


def settings(task: str) -> list[Labelled]:
    """Return every algorithm whose defaults are ours, and the same as scikit-learn would have it."""
    found = []
    for name in for_task(task, ALGORITHMS):
        if ALGORITHMS[name].extra or name in COMPOSED:
            continue
        ours = ALGORITHMS[name].default_params(task, 1000)
        legal = inspect.signature(ALGORITHMS[name].estimator_class(task)).parameters
        theirs = {param: legal[param].default for param in ours}
        if ours != theirs and inspect.Parameter.empty not in theirs.values():
            found += [(name, Contender(name)), (f"{name} of sklearn", Contender(name, theirs))]
    return found


def measured_on(names: Iterable[str], contenders: list[Labelled], workers: int, rows: int | None = None) -> Any:
    """Measure the contenders on every split of the tables `names`; `rows` is how many are trained on, None for 3/4."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(_job, name, seed, contenders, rows) for name in names for seed in SEEDS[TABLES[name].purpose]
        ]
        return pd.DataFrame([found for job in jobs for found in job.result()])


def _job(name: str, seed: int, contenders: list[Labelled], train_rows: int | None) -> list[dict[str, Any]]:
    rows = len(training_rows(name).ids)
    test_size: float | int = TEST_SIZE if train_rows is None else rows - train_rows
    if test_size < (0 if train_rows is None else 20):
        return []
    return [
        {"table": name, "seed": seed, "contender": label} | measure(contender, name, seed, test_size)
        for label, contender in contenders
    ]


def _chosen(task: str, purpose: str) -> list[str]:
    return [name for name, table in TABLES.items() if table.is_here and (table.task, table.purpose) == (task, purpose)]


def compare(task: str, contenders: list[Labelled], workers: int, rows: int | None = None) -> None:
    """Measure the contenders on the tables to choose on, and print a table for each metric."""
    _print_all(
        task, measured_on(_chosen(task, "choosing"), contenders, workers, rows), [name for name, _ in contenders]
    )


def _print_all(task: str, measured: pd.DataFrame, labels: list[str]) -> None:
    for metric in METRICS[task]:
        _print_metric(measured, metric, labels)
    costs = measured.groupby("contender")[["seconds", "bytes"]].median().reindex(labels)
    title = "median seconds to train and evaluate, and bytes of the model"
    _print(title, costs.T, {"seconds": "{:.2f}", "bytes": "{:.0f}"})


def _print_metric(measured: pd.DataFrame, metric: str, labels: list[str]) -> None:
    found = scores(measured, metric).groupby(level="table", sort=False).mean()
    found = found.reindex(columns=labels).dropna(axis="columns", how="all")
    lower = metric in LOWER_IS_BETTER
    best = found.min(axis=1) if lower else found.max(axis=1)
    summary = pd.DataFrame(
        {
            "MEAN": found.mean(),
            "MEAN RANK": found.rank(axis=1, ascending=lower).mean(),
            "WORST GAP": found.sub(best, axis=0).abs().max(),
        }
    )
    _print(f"{metric} ({'lower' if lower else 'higher'} is better)", pd.concat([found, summary.T]), {})


def _print(title: str, frame: pd.DataFrame, formats: dict[str, str]) -> None:
    """Print a frame with its column heads broken into one word a line."""
    heads = [str(column).replace("_", " ").split() for column in frame]
    depth = max(map(len, heads))
    cells = [
        [value if isinstance(value, str) else formats.get(str(row), "{:.3f}").format(value) for value in frame.loc[row]]
        for row in frame.index
    ]
    rows = [[*(head[line] if line < len(head) else "" for head in heads)] for line in range(depth)] + cells
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    names = ["" for _ in range(depth)] + [str(row) for row in frame.index]
    side = max(map(len, names))
    print(f"\n{title}\n")
    for name, row in zip(names, rows, strict=True):
        print(name.ljust(side), *(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _beside_rivals(task: str, workers: int) -> None:
    """Print the default beside its rivals, on the tables it was chosen on and on those it is judged on."""
    contenders = first_choices(task)
    for purpose in ("choosing", "judging"):
        measured = measured_on(_chosen(task, purpose), contenders, workers)
        print(f"\n== {task}, the tables for {purpose}: {len(SEEDS[purpose])} splits each")
        _print_all(task, measured, [name for name, _ in contenders])
        by_hand = [name for name in RIVALS if name.startswith("by_hand")]
        for others in (by_hand, *([name] for name in RIVALS)):
            _print_lead(measured, METRICS[task][0], DEFAULT_ALGORITHM[task], others)


def _print_lead(measured: pd.DataFrame, metric: str, ours: str, others: list[str]) -> None:
    leads = versus(measured, metric, ours, others)
    name = others[0] if len(others) == 1 else "the best by hand"
    if len(others) > 1:
        _print(f"{metric}: {ours} and {name} of each table", leads, {})
    much, surely = lost(leads)
    print(
        f"\n{ours} over {name}: {leads['lead'].mean():+.3f} (standard error over tables "
        f"{table_error(leads['lead']):.3f}); at worst {leads['lead'].min():+.3f} ({leads['lead'].idxmin()}); "
        f"more than 0.02 below on {much.sum()} of {len(leads)} tables, on {surely.sum()} of them by more than "
        f"two standard errors{': ' + ', '.join(leads.index[surely]) if surely.any() else ''}"
    )


def _print_encodings(task: str, workers: int) -> None:
    """Print what each choice about columns changes, on the tables to choose on where it changes anything."""
    metric = METRICS[task][0]
    for name in (DEFAULT_ALGORITHM[task], LINEAR[task]):
        others = {label: Contender(name, constants=constants) for label, constants in ENCODINGS.items()}
        with ProcessPoolExecutor(workers) as pool:
            jobs = {
                table: pool.submit(_encoded_otherwise, table, Contender(name), others)
                for table in _chosen(task, "choosing") + _chosen(task, "encoding")
            }
            measured = pd.DataFrame([found for job in jobs.values() for found in job.result()])
        rows = {}
        for label in others:
            touched = set(measured.loc[measured["contender"] == label, "table"])
            if touched:
                leads = versus(measured[measured["table"].isin(touched)], metric, label, ["as it is"])
                means = leads[["best", "ours", "lead"]].mean()
                rows[label] = [str(len(leads)), *means, table_error(leads["lead"])]
        columns = ["tables", "as it is", "otherwise", "difference", "standard error"]
        _print(f"{name}, {metric}", pd.DataFrame.from_dict(rows, orient="index", columns=columns), {})


def _encoded_otherwise(table: str, ours: Contender, others: dict[str, Contender]) -> list[dict[str, Any]]:
    """Measure `ours`, and those of `others` to which the table looks different."""
    different = [(label, other) for label, other in others.items() if is_changed(other, table)]
    asked = [("as it is", ours), *different] if different else []
    return [found for seed in SEEDS["choosing"] for found in _job(table, seed, asked, None)]


def _few(task: str, workers: int) -> None:
    for rows in (20, 60):
        print(f"\n== {rows} training rows")
        compare(task, [(name, Contender(name)) for name in for_task(task, ALGORITHMS)], workers, rows)


VERBS: dict[str, Callable[[str, int], None]] = {
    "rivals": _beside_rivals,
    "algorithms": lambda task, workers: compare(task, algorithms(task), workers),
    "settings": lambda task, workers: compare(task, settings(task), workers),
    "encoding": _print_encodings,
    "few": _few,
}


def main(verb: str = "rivals", workers: str = "1") -> None:
    """Print what `verb` measures."""
    absent = {name: table.package for name, table in TABLES.items() if not table.is_here}
    if absent:
        print(f"Left out: {', '.join(absent)} (pip install {' '.join(sorted(set(absent.values())))})")
    for task in METRICS:
        VERBS[verb](task, int(workers))


if __name__ == "__main__":
    main(*sys.argv[1:])
