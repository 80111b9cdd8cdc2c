"""Whether a rebuild gives the same bytes: `python campaigns/skew/rebuilds.py [--write]`.

Every algorithm is trained once with one thread, then rebuilt in the same process, in another one, and in another one
with two threads. `--write` puts the table into docs/versions-and-upgrades.md.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

import apsw
import every
from read import digest_of, rebuilt

import sqlite_ml_vtab

PAGE = Path(__file__).parents[2] / "docs" / "versions-and-upgrades.md"
ROWS = 120
HEAD = "| algorithm | task | same process | another process | two threads |\n|---|---|---|---|---|\n"
SAID = {"same digest": "same bytes", "other digest": "other bytes", "refused": "refused"}


def rebuild_all(path: str, threads: int) -> dict[str, str]:
    """Rebuild every predictor of the file; each is left as it was."""
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db, threads=threads)
    found = {}
    for name in [name for (name,) in db.execute("SELECT name FROM ml_tables ORDER BY name")]:
        db.execute("BEGIN")
        found[name], _ = rebuilt(db, name, digest_of(db, name))
        db.execute("ROLLBACK")
    db.close()
    return found


def elsewhere(path: str, threads: int) -> dict[str, str]:
    """Do the same in a process of its own."""
    command = [sys.executable, __file__, "--rebuild", path, str(threads)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603
    return dict(line.split("\t") for line in lines)


def table() -> str:
    """Train everything, rebuild it three times, and return the table."""
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "rebuilds.db")
        db = apsw.Connection(path)
        db.pragma("synchronous", 0)
        sqlite_ml_vtab.load(db)
        every.fill(db, ROWS)
        zoo = list(every.every())
        for one in zoo:
            every.train(db, one)
        db.close()
        ways = [rebuild_all(path, 1), elsewhere(path, 1), elsewhere(path, 2)]
    lines = [
        f"| `{one.algorithm}` | {one.task} | {' | '.join(SAID[way[one.name]] for way in ways)} |\n"
        for one in sorted(zoo, key=lambda one: (one.task, one.algorithm))
    ]
    for way, title in zip(ways, ("same process", "another process", "two threads"), strict=True):
        print(title, dict(Counter(way.values())))
    return HEAD + "".join(lines)


def main(*arguments: str) -> None:
    """Print the table, or write it."""
    if arguments[:1] == ("--rebuild",):
        for name, how in rebuild_all(arguments[1], int(arguments[2])).items():
            print(f"{name}\t{how}")
        return
    text = table()
    if "--write" not in arguments:
        print(text)
        return
    page = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- begin: rebuilds -->\n", "<!-- end: rebuilds -->"
    PAGE.write_text(re.sub(f"{begin}.*?{end}", lambda _: begin + text + end, page, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
