"""Work timed in turns, in one process, on the processor's clock and on the wall's."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any, TypeAlias

Work: TypeAlias = Callable[[], Any] | tuple[Callable[[], Any], Callable[[], Any]]
"""What is timed, or a pair: what is done before, unseen by the clock, and what is timed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one piece of work took."""

    cpu: float
    """Seconds of the processor, of all threads."""
    wall: float
    """Seconds that passed."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the printed table."""

    section: str
    row: str
    """What was measured, as the table of targets has it."""
    variant: str
    """On what: the number of features, say."""
    unit: str
    """What the values are: ``x floor``, ``µs`` ..."""
    cpu: tuple[float, ...]
    """A value for each turn, by the processor's clock; empty where that says nothing."""
    wall: tuple[float, ...]
    """The same by the wall's."""

    @property
    def judged(self) -> float:
        """Return what is held against the target: the median by the processor's clock, else by the wall's."""
        return statistics.median(self.cpu or self.wall)


def cost(work: Work) -> Cost:
    """Return what `work` takes."""
    before, timed = work if isinstance(work, tuple) else (_nothing, work)
    before()
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    timed()
    return Cost(process_time() - cpu, perf_counter() - wall)


def _nothing() -> None:
    pass


def in_turns(works: Mapping[str, Work], turns: int) -> dict[str, list[Cost]]:
    """Return the costs of each work by turn; in a turn each is done once. A first turn is not counted."""
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for turn in range(turns + 1):
        for name, work in works.items():
            spent = cost(work)
            found[name] += [spent] if turn else []
    return found


def ratio(section: str, row: str, variant: str, unit: str, pair: tuple[Sequence[Cost], Sequence[Cost]]) -> Figure:
    """Return the ratios of the first costs to the second, turn by turn."""
    both = list(zip(*pair, strict=True))
    cpu = tuple(ours.cpu / theirs.cpu for ours, theirs in both)
    return Figure(section, row, variant, unit, cpu, tuple(ours.wall / theirs.wall for ours, theirs in both))


def each(section: str, row: str, variant: str, unit: str, costs: tuple[Sequence[Cost], float]) -> Figure:
    """Return costs in a unit of which there are so many in a second and unit of work."""
    spent, scale = costs
    return Figure(
        section,
        row,
        variant,
        unit,
        tuple(item.cpu * scale for item in spent),
        tuple(item.wall * scale for item in spent),
    )


def beyond(
    section: str, row: str, variant: str, unit: str, costs: tuple[Sequence[Cost], Sequence[Cost], float]
) -> Figure:
    """Return how much the first costs are beyond the second, turn by turn, scaled as by `each`."""
    ours, floor, scale = costs
    more = [Cost(mine.cpu - its.cpu, mine.wall - its.wall) for mine, its in zip(ours, floor, strict=True)]
    return each(section, row, variant, unit, (more, scale))


def spread(values: Sequence[float]) -> str:
    """Return a median with the lowest and the highest."""
    middle, low, high = (digits(value) for value in (statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def digits(value: float) -> str:
    """Return a number with three digits that matter, or all of a whole part."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
