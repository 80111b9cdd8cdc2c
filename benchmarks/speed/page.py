"""How figures are printed, and written into docs/speed.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .targets import target_of
from .timing import Figure, spread

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
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
    begin, end = f"<!-- begin: {section} -->\n", f"<!-- end: {section} -->"
    PAGE.write_text(re.sub(f"{begin}.*?{end}", lambda _: begin + table + end, page, flags=re.S), encoding="utf-8")
