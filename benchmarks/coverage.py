"""How every algorithm's portable form compares with its estimator: `python benchmarks/coverage.py [--write]`.

Each (task, algorithm) is trained on one table of numbers; then the portable model and the bare estimator answer the
same rows, which neither was fitted on, turn by turn in one process with one thread. The model encodes the rows, one at
a time from SQLite's values and many from arrays; the estimator is given a matrix that is encoded already. `--write`
puts both tables into docs/algorithm-coverage.md, `--write names` that of the names alone.
"""

from __future__ import annotations

import re
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from names import table as names_table
from threadpoolctl import threadpool_limits

from sqlite_ml_vtab.declaration import parse
from sqlite_ml_vtab.learning import training
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, for_task
from sqlite_ml_vtab.learning.estimator import Estimator
from sqlite_ml_vtab.learning.rows import TrainingRows, collect
from sqlite_ml_vtab.learning.training import Plan
from sqlite_ml_vtab.portable import Scorer, to_bytes

PAGE = Path(__file__).parent.parent / "docs" / "algorithm-coverage.md"
TRAINED, ASKED, ONES = 800, 2000, 100
"""Rows to train on, rows that are asked for at once, and one by one."""
TURNS = 5
FEATURES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured of one algorithm for one task."""

    task: str
    name: str
    scorer: str
    error: float
    """The greatest difference to the estimator's own answers, relative to the number, or of a probability."""
    size: int
    one: tuple[float, list[float]]
    """Median microseconds a row, one row at a time, and its ratios to the estimator's own `predict`, by turn."""
    many: tuple[float, list[float]]
    """The same for all rows at once."""


def data(task: str, features: int) -> tuple[TrainingRows, list[tuple[float, ...]]]:
    """Return training rows of so many numbers, with three classes or a positive number, and rows to ask for."""
    random = np.random.RandomState(0)
    matrix = random.normal(size=(TRAINED + ASKED, features)).round(4)
    signal = matrix[:, 0] + np.sin(2 * matrix[:, -1]) + random.normal(size=len(matrix)) / 2
    bounds = np.quantile(signal, [1 / 3, 2 / 3])
    target = np.digitize(signal, bounds) if task == "classification" else np.exp(signal / 3).round(4)
    rows = [tuple(row) for row in matrix.tolist()]
    learned = zip(range(1, TRAINED + 1), rows, target.tolist(), strict=False)
    declared = [*(f"f{place} real" for place in range(features)), "y target"]
    return collect(parse(task, "t", declared), [[(number, *row, said) for number, row, said in learned]]), rows[
        TRAINED:
    ]


def measure(task: str, name: str) -> Line:
    """Train an algorithm for a task, and compare its model with its estimator."""
    algorithm = ALGORITHMS[name]
    rows, asked = data(task, 1 if algorithm.one_column else FEATURES)
    plan = Plan(task, name, algorithm, {}, 0.0, "none", 0, None, 1, algorithms=ALGORITHMS)
    kept: list[Estimator] = []
    with patch.object(training, "fit_estimator", _keeping(kept)):
        found = training.fit(rows, plan)
    scorer = Scorer(found.model, *found.refitted)
    columns = [np.array(column) for column in zip(*asked, strict=True)]
    matrix = found.model.encoder.matrix(columns)
    predict, few = kept[0].fitted.predict, range(ONES)
    return Line(
        task=task,
        name=name,
        scorer=found.scorer,
        error=difference(scorer, kept[0], asked, matrix),
        size=len(to_bytes(found.model)),
        one=compared(
            lambda: [scorer.one(asked[place]) for place in few],
            lambda: [predict(matrix[place : place + 1]) for place in few],
            ONES,
        ),
        many=compared(lambda: scorer.values(scorer.scores(columns)), lambda: predict(matrix), ASKED),
    )


def _keeping(kept: list[Estimator]) -> Callable[..., Estimator]:
    fit_estimator = training.fit_estimator

    def fit(*arguments: Any) -> Estimator:
        kept.append(fit_estimator(*arguments))
        return kept[-1]

    return fit


def difference(scorer: Scorer, estimator: Estimator, asked: Sequence[Any], matrix: np.ndarray) -> float:
    """Return the greatest difference between the model's answers for `asked` and the estimator's for `matrix`.

    Of numbers it is relative to the number, or to their mean size where that is greater; of probabilities it is
    absolute; of classes alone it is the share of rows that are told another class.
    """
    values, scores = scorer.many(asked)
    theirs = estimator.answers(matrix)
    if not estimator.classes:
        known = ~np.isnan(theirs)
        assert (known == ~np.isnan(values)).all()
        size = np.maximum(np.abs(theirs), np.abs(theirs[known]).mean())[known]
        return float((np.abs(np.array(values) - theirs)[known] / size).max())
    wrong = float((np.array(values) != np.array(scorer.labels)[theirs]).mean())
    chances = scorer.probabilities(np.array(scores))
    if chances is None or wrong:
        return wrong
    return float(np.abs(chances - estimator.scores(matrix)).max())


def compared(ours: Callable[[], Any], theirs: Callable[[], Any], rows: int) -> tuple[float, list[float]]:
    """Return the median microseconds a row of `ours`, and its ratios to `theirs`, timed in turns after a first one."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(TURNS + 1)][1:]
    return statistics.median(mine for mine, _ in pairs) / rows * 1e6, [mine / its for mine, its in pairs]


def seconds(work: Callable[[], Any]) -> float:
    """Return how long `work` takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


def lines() -> Iterator[Line]:
    """Measure every algorithm for every task."""
    for task in ("classification", "regression"):
        for name in sorted(for_task(task, ALGORITHMS)):
            with warnings.catch_warnings(), threadpool_limits(1):
                warnings.simplefilter("ignore")
                yield measure(task, name)


TITLES = (
    *("task", "algorithm", "family", "error", "bytes"),
    *("one row, µs", "times its own", "many rows, µs a row", "times its own"),
)
HEAD = f"| {' | '.join(TITLES)} |\n|{' --- |' * len(TITLES)}\n"


def shown(line: Line) -> str:
    """Return a line of the table, as Markdown."""
    family = line.scorer.removeprefix("portable: ") if line.scorer.startswith("portable") else "none"
    error = "0" if line.error == 0 else f"{line.error:.0e}"
    costs = [f"{_digits(cost)} | {_spread(ratios)}" for cost, ratios in (line.one, line.many)]
    named = f"| {line.task} | `{line.name}` | {family} | {error} | {line.size:,} |"
    return f"{named} {costs[0]} | {costs[1]} |\n"


def _spread(ratios: Sequence[float]) -> str:
    return f"{_digits(statistics.median(ratios))} ({_digits(min(ratios))} to {_digits(max(ratios))})"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def written(block: str, text: str) -> None:
    """Put `text` into the page, between the marks of `block`."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- begin: {block} -->\n", f"<!-- end: {block} -->"
    PAGE.write_text(re.sub(f"{begin}.*?{end}", lambda _: begin + text + end, page, flags=re.S), encoding="utf-8")


def main(*arguments: str) -> None:
    """Print the tables, or write them."""
    if "--write" in arguments:
        written("names", names_table())
    if "names" in arguments:
        return
    found = []
    for line in lines():
        found.append(shown(line))
        print(found[-1], end="", flush=True)
    if "--write" in arguments:
        written("coverage", HEAD + "".join(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
