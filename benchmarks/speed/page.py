"""How figures are printed, and written into docs/speed.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .targets import target_of
from .timing import Figure, spread

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
README = Path(__file__).parents[2] / "README.md"
SHOWN = {
    ("scoring", "join: logistic_regression", "8 features"): "A join, one call a row: a linear model",
    ("scoring", "join: hist_gradient_boosting", "8 features"): "the same: histogram boosting",
    ("scoring", "join: gradient_boosting", "8 features"): "the same: gradient boosting",
    ("scoring", "join: random_forest", "8 features"): "the same: a forest of 100 full trees",
    ("chunks", "source: logistic_regression", "300,000 rows"): "A table scored whole (`source`): a linear model",
    ("chunks", "source: hist_gradient_boosting", "300,000 rows"): "the same: histogram boosting",
    ("one", "linear", "8 features"): "One prediction, the statement prepared: a linear model",
    ("training", "time: hist_gradient_boosting, rows stored", "1,000,000 rows"): "Training on a million rows",
    ("intake", "INSERT INTO t SELECT", "10 numbers"): "Filling: `INSERT INTO t SELECT`",
    ("start", "first prediction: linear", "8 features"): "A fresh process to its first prediction",
    ("sqlite-ml", "random_forest", "15,000 rows"): "A forest, beside sqlite-ml",
}
"""The lines that the README shows, and how it calls them."""
TITLES = ("what", "on", "by the processor's clock", "by the wall's", "unit", "target", "")
HEAD = f"| {' | '.join(TITLES)} |\n|{' --- |' * len(TITLES)}\n"


def cells(figure: Figure) -> list[str]:
    """Return the words of a figure's line."""
    target = target_of(figure)
    verdict = "" if target is None else "met" if target.holds(figure) else "not met"
    clocks = [spread(values) if values else "" for values in (figure.cpu, figure.wall)]
    return [figure.row, figure.variant, *clocks, figure.unit, str(target or ""), verdict]


def line(figure: Figure) -> str:
    """Return a figure as a line to print."""
    row, variant, cpu, wall, unit, target, verdict = cells(figure)
    clocks = "  wall ".join(filter(None, (cpu, wall)))
    return f"{figure.section:15}{row:48}{variant:30}{clocks} {unit}{f'  target {target}: {verdict}' if target else ''}"


def summary(figures: Iterable[Figure]) -> str:
    """Return how many targets are met, and the lines of those that are not."""
    judged = [(figure, target_of(figure)) for figure in figures]
    missed = [figure for figure, target in judged if target is not None and not target.holds(figure)]
    count = sum(target is not None for _, target in judged)
    return "\n".join([f"\n{count - len(missed)} of {count} targets met", *map(line, missed)])


def command(program: str, arguments: Iterable[str]) -> str:
    """Return the command that measures the same again, without what only says where to."""
    words = [word for word in arguments if word != "--write"]
    return f"`{' '.join(['python', f'benchmarks/{program}', *words])}`"


def written(section: str, figures: Iterable[Figure], measured: str) -> None:
    """Put a section's table into the page, between its marks, and below it how it was `measured`."""
    lines = "".join(f"| {' | '.join(cells(figure))} |\n" for figure in figures)
    table = f"{HEAD}{lines}\n{measured}\n"
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_replaced(page, section, table), encoding="utf-8")
    README.write_text(_replaced(README.read_text(encoding="utf-8"), "speed", shown()), encoding="utf-8")


def shown() -> str:
    """Return the README's table, of what the page says."""
    page = PAGE.read_text(encoding="utf-8")
    lines = "| what | measured (lowest to highest) | target |\n| --- | --- | --- |\n"
    for (section, row, variant), name in SHOWN.items():
        found = re.search(rf"<!-- begin: {section} -->\n(.*?)<!-- end", page, re.S)
        if found is None:
            raise ValueError(f"the page has no table {section!r}")
        start = f"| {row} | {variant} | "
        line = next(line for line in found[1].splitlines() if line.startswith(start))
        cpu, wall, unit, target, verdict = line.removeprefix(start).removesuffix(" |").split(" | ")
        lines += f"| {name} | {cpu or wall} {unit} | {target}, {verdict} |\n"
    return lines


def _replaced(text: str, block: str, content: str) -> str:
    begin, end = f"<!-- begin: {block} -->\n", f"<!-- end: {block} -->"
    return re.sub(f"{begin}.*?{end}", lambda _: begin + content + end, text, flags=re.S)
