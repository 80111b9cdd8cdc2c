"""Others that predict in or beside SQLite, measured beside ours: `python benchmarks/rivals_speed.py [--only RIVAL]`.

Each rival has a virtual environment of its own, made from PyPI in `.venv-rivals` when it is first asked for. It is
timed in turns with ours, on the same rows, with the same estimator at the same hyperparameters and one thread. Where it
is a library or a statement that SQLite itself runs (sqlite-predict, orbital), it runs on our connection; the others
run in a process of their own, which times itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from against.arrow import arrow
from against.environments import DUCKDB, ORBITAL, SQLITE_ML, SQLITE_PREDICT, Environment
from against.generated import generated
from against.native import native
from against.predecessor import predecessor
from speed.page import command, line, summary, written
from speed.timing import Figure
from speed.world import Settings
from threadpoolctl import threadpool_limits

RIVALS: dict[str, tuple[Environment, Callable[..., Iterator[Figure]]]] = {
    "sqlite-ml": (SQLITE_ML, predecessor),
    "sqlite-predict": (SQLITE_PREDICT, native),
    "orbital": (ORBITAL, generated),
    "duckdb": (DUCKDB, arrow),
}


def main(arguments: Sequence[str]) -> None:
    """Print the table, and write it into the page where that was asked for."""
    said = _parsed(arguments)
    settings = Settings(rows=said.rows, trained=said.trained, seed=said.seed, turns=said.turns)
    found: list[Figure] = []
    for name in said.only or RIVALS:
        environment, measure = RIVALS[name]
        releases = environment.releases()
        print(f"\n{name}: {releases}")
        chosen = partial(measure, extension=said.extension) if name == "sqlite-predict" else measure
        found += _printed(chosen(settings))
        if said.write:
            measured = f"{releases}; {command('rivals_speed.py', arguments)}"
            written(name, [figure for figure in found if figure.section == name], measured)
    print(summary(found))


def _printed(figures: Iterator[Figure]) -> list[Figure]:
    found = []
    with threadpool_limits(1):
        for figure in figures:
            found.append(figure)
            print(line(figure), flush=True)
    return found


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    default = Settings()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=default.rows, help="rows to score (%(default)s)")
    parser.add_argument("--trained", type=int, default=2000, help="rows the models learn from (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of the data (%(default)s)")
    parser.add_argument("--turns", type=int, default=default.turns, help="that are counted (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=RIVALS, metavar="RIVAL", help=", ".join(RIVALS))
    parser.add_argument("--extension", type=Path, help="sqlite-predict's library, instead of the one from PyPI")
    parser.add_argument("--write", action="store_true", help="the tables into docs/speed.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
