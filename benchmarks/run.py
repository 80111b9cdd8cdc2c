"""What SQL costs beside the same work done by hand: `python benchmarks/run.py [--only SECTION] [--write]`.

The floor is what a Python programmer gets on the same connection: fetch the rows with apsw, make the numpy matrix, call
the bare scikit-learn estimator at the same hyperparameters once, with one thread. Every figure was timed in turns with
what it is compared with, in one process; the median is shown, with the lowest and the highest. The last column holds
the median by the processor's clock against its target. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from speed import drawing
from speed import growth as growing
from speed.chunks import chunks
from speed.growth import growth
from speed.intake import intake
from speed.page import command, line, summary, written
from speed.queries import one, queries
from speed.scoring import scoring
from speed.start import start
from speed.threads import threads
from speed.timing import Figure
from speed.training import training
from speed.world import Settings
from threadpoolctl import threadpool_limits

SECTIONS: dict[str, Callable[[Settings], Iterator[Figure]]] = {
    "scoring": scoring,
    "chunks": chunks,
    "one": one,
    "queries": queries,
    "threads": threads,
    "intake": intake,
    "training": training,
    "start": start,
    "growth": growth,
}


def main(arguments: Sequence[str]) -> None:
    """Print the table, and write it into the page where that was asked for."""
    said = _parsed(arguments)
    settings = Settings(**{name: vars(said)[name] for name in Settings.__dataclass_fields__})
    print(f"{settings}, medians (lowest to highest)\n")
    found: list[Figure] = []
    for section in said.only or SECTIONS:
        found += _section(section, settings, command("run.py", arguments) if said.write else "")
    print(summary(found))


def _section(section: str, settings: Settings, measured: str) -> list[Figure]:
    """Measure and print a section, and write it where there is a command to tell of how it was `measured`."""
    figures = []
    with threadpool_limits(1):
        for figure in SECTIONS[section](settings):
            figures.append(figure)
            print(line(figure), flush=True)
    if measured and figures:
        written(section, figures, measured)
    if measured and section == "growth":
        growing.write(figures)
        drawing.draw()
    return figures


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    default = Settings()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=default.rows, help="rows to score one by one (%(default)s)")
    parser.add_argument("--large", type=int, default=default.large, help="rows for chunks and training (%(default)s)")
    parser.add_argument("--growth", type=int, default=default.growth, help="rows to grow to (%(default)s)")
    parser.add_argument("--trained", type=int, default=default.trained, help="rows the models learn from (%(default)s)")
    parser.add_argument("--features", type=int, nargs="+", default=default.features, help="numbers of features")
    parser.add_argument("--classes", type=int, default=default.classes, help="classes to tell apart (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the data (%(default)s)")
    parser.add_argument("--turns", type=int, default=default.turns, help="that are counted (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--write", action="store_true", help="the tables into docs/speed.md, and the picture")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
