"""docs/growth.svg, drawn from growth.csv."""

from __future__ import annotations

import csv
from math import log10
from pathlib import Path

from .growth import FILE

PICTURE = Path(__file__).parents[2] / "docs" / "growth.svg"
WIDTH, HEIGHT, LEFT, TOP, INNER_WIDTH, INNER_HEIGHT = 720, 360, 60, 40, 540, 260
COLORS = {"join": "#1f6fb2", "source": "#c2571a", "SQLite alone": "#777"}


def draw() -> None:
    """Draw what a row costs over the number of rows."""
    with FILE.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    top = _ceiling(max(float(line["cpu_us_highest"]) for line in lines))
    largest = log10(max(int(line["rows"]) for line in lines))
    parts = [_axes(top, largest)]
    parts += [_curve(form, [line for line in lines if line["form"] == form], top, largest) for form in COLORS]
    PICTURE.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13" role="img">\n<title>Microseconds a row, by the number of rows</title>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )


def _ceiling(value: float) -> float:
    return next(step for step in (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100, 1000) if step >= value)


def _across(rows: float, largest: float) -> float:
    return LEFT + (rows - 3) / (largest - 3) * INNER_WIDTH


def _down(cost: float, top: float) -> float:
    return TOP + (1 - cost / top) * INNER_HEIGHT


def _axes(top: float, largest: float) -> str:
    marks = []
    for step in range(5):
        cost = top * step / 4
        height = _down(cost, top)
        marks.append(_line(LEFT, height, LEFT + INNER_WIDTH, height))
        marks.append(_text(LEFT - 8, height + 4, f"{cost:g}", "end"))
    marks += [
        _text(_across(power, largest), TOP + INNER_HEIGHT + 22, f"{10**power:,}", "middle")
        for power in range(3, int(largest + 1e-9) + 1)
    ]
    marks.append(_text(LEFT + INNER_WIDTH / 2, TOP + INNER_HEIGHT + 46, "rows scored", "middle"))
    marks.append(_text(LEFT - 40, TOP - 16, "µs a row (median, lowest and highest)", "start"))
    return "".join(marks)


def _curve(form: str, lines: list[dict[str, str]], top: float, largest: float) -> str:
    color = COLORS[form]
    places = [_across(log10(int(line["rows"])), largest) for line in lines]
    drawn = [
        f'<line x1="{place:.1f}" y1="{_down(float(line["cpu_us_lowest"]), top):.1f}" x2="{place:.1f}" '
        f'y2="{_down(float(line["cpu_us_highest"]), top):.1f}" stroke="{color}" stroke-width="2"/>\n'
        for place, line in zip(places, lines, strict=True)
    ]
    heights = [_down(float(line["cpu_us"]), top) for line in lines]
    points = " ".join(f"{place:.1f},{height:.1f}" for place, height in zip(places, heights, strict=True))
    drawn.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>\n')
    drawn += [
        f'<circle cx="{place:.1f}" cy="{height:.1f}" r="3.5" fill="{color}"/>\n'
        for place, height in zip(places, heights, strict=True)
    ]
    drawn.append(_text(places[-1] + 12, heights[-1] + 4, form, "start", color))
    return "".join(drawn)


def _line(left: float, top: float, right: float, bottom: float) -> str:
    return f'<line x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}" stroke="#ddd"/>\n'


def _text(left: float, top: float, words: str, anchor: str, color: str = "#333") -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>\n'
