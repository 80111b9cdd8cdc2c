"""Fuzzing of stored models, family by family, in processes of their own.

Run: python campaigns/fuzz/models.py [--size N] [--raw N] [--seed TEXT] [--family NAME ...] [--seconds S]
A failure is written to campaigns/fuzz/found/ with its blob; the end is a table and an exit status.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import seeds

HERE = Path(__file__).parent
WALL = 120
"""A process that has not gone on for so many seconds is stopped from without."""


@dataclass
class Result:
    """What became of the blobs of one kind."""

    counts: Counter[str] = field(default_factory=Counter)
    """By family and outcome."""
    failures: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """By family and signature: how often, and the first blob in hexadecimal."""
    seconds: float = 0.0

    def fail(self, family: str, failure: str, blob: str) -> None:
        """Count a failure, and keep the blob of the first like it."""
        count, first = self.failures.get((family, failure), (0, blob))
        self.failures[family, failure] = (count + 1, first)


def fuzz(path: Path, families: list[str], kind: str, size: int, salt: str, *, strict: bool = False) -> Result:
    """Try `size` blobs of each family; a process that dies is followed by another, behind the blob that killed it."""
    result, begun, start = Result(), time.monotonic(), 0
    with tempfile.NamedTemporaryFile() as progress:
        progress.write(bytes(8))
        progress.flush()
        while start < size * len(families):
            task = {"seeds": str(path), "families": families, "kind": kind, "salt": salt, "strict": strict}
            task |= {"start": start, "stop": size * len(families), "progress": progress.name}
            start = _followed(task, result, Path(progress.name))
    result.seconds = time.monotonic() - begun
    return result


def _followed(task: dict[str, Any], result: Result, progress: Path) -> int:
    """Run one process to its end; return the number to go on from."""
    start, stop, families = task["start"], task["stop"], task["families"]
    child = subprocess.Popen(
        [sys.executable, str(HERE / "child.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": _path()},
        text=True,
    )
    try:
        said, _ = child.communicate(json.dumps(task), timeout=WALL + (stop - start) * 0.5)
    except subprocess.TimeoutExpired:
        child.kill()
        said, _ = child.communicate()
    for line in said.splitlines():
        told = json.loads(line)
        if "counts" in told:
            result.counts += Counter(told["counts"])
            return int(stop)
        result.fail(told["family"], told["failure"], told["blob"])
    (at,) = struct.unpack("<q", progress.read_bytes()[:8])
    death = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit {child.returncode}"
    if child.returncode > 0:
        raise RuntimeError(f"the process could not go on at number {at}: {death}")
    result.fail(families[at % len(families)], f"death: {death} at number {at // len(families)}", "")
    return int(at) + 1


def _path() -> str:
    return os.pathsep.join((str(HERE), str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")))


def prefixes(path: Path, family: str) -> int:
    """Return the size that tries every prefix of the smallest model of a family, bare and with a true checksum."""
    return 2 * min(len(blob) for _, blob in seeds.read(path)[family])


def campaign(path: Path, families: list[str], size: int, raw: int, salt: str, *, strict: bool) -> bool:
    """Fuzz all families and print a line each; return whether nothing was found."""
    print(f"{'family':13}{'kind':10}{'tried':>8}{'refused':>9}{'accepted':>9}{'refit':>7}{'failed':>8}{'seconds':>9}")
    failures = 0
    for family, kind, count in _plan(path, families, size, raw):
        found = fuzz(path, [family], kind, count, salt, strict=strict)
        bad = sum(number for number, _ in found.failures.values())
        told = "".join(f"{found.counts[f'{family} {outcome}']:{9 - 2 * (outcome == 'refit')},}" for outcome in OUTCOMES)
        print(f"{family:13}{kind:10}{count:8,}{told}{bad:8,}{found.seconds:9.1f}", flush=True)
        for place, ((_, failure), (number, blob)) in enumerate(sorted(found.failures.items())):
            print(f"    {number} x {failure}", flush=True)
            keep = HERE / "found" / f"{family}-{kind}-{salt}-{place}.hex"
            keep.parent.mkdir(exist_ok=True)
            keep.write_text(f"{failure}\n{blob}\n")
        failures += bad
    print(f"{failures} failures")
    return not failures


OUTCOMES = ("refused", "accepted", "refit")


def _plan(path: Path, families: list[str], size: int, raw: int) -> Iterator[tuple[str, str, int]]:
    for family in families:
        yield family, "structure", size
        yield family, "prefixes", prefixes(path, family)
        yield family, "raw", raw


def main() -> int:
    """Run the campaign that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="mutants of the structure, each family")
    parser.add_argument("--raw", type=int, default=None, help="mutants of the bytes, each family; a third of the size")
    parser.add_argument("--seed", default="0", help="another seed, other mutants")
    parser.add_argument("--family", action="append", help="this family alone; can be given again")
    parser.add_argument("--seeds", type=Path, help="a file of seeds.py, made anew where it is not given")
    parser.add_argument("--strict", action="store_true", help="let a warning be a failure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.seeds or Path(folder) / "seeds.json"
        if not path.exists():
            seeds.write(path)
        families = given.family or sorted(seeds.read(path))
        raw = given.size // 3 if given.raw is None else given.raw
        return not campaign(path, families, given.size, raw, given.seed, strict=given.strict)


if __name__ == "__main__":
    sys.exit(main())
