"""The process that tries blobs, under limits: what kills it kills it alone.

Its standard input is one JSON object (see `run`), its standard output one JSON object a failure and a last one with
the counts. It writes the number of the blob it is at to a file before it tries it, so that a death is told apart.
"""

from __future__ import annotations

import json
import mmap
import resource
import signal
import struct
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import mutants
import seeds
from trying import Events, ask, compiled_at_once, signature

SECONDS = 5
"""A blob that takes more processor time than this hangs."""
MEGABYTES = 64
"""So much memory is allowed beside three times the blob."""

_PAGE = resource.getpagesize()


class Hang(BaseException):
    """The time is up; no `except Exception` holds it."""


def main(task: dict[str, Any]) -> None:
    """Try the blobs of numbers `start` to `stop`, of each family in turn; tell failures, then counts."""
    models = {family: [blob for _, blob in found] for family, found in seeds.read(Path(task["seeds"])).items()}
    trees = {family: [mutants.tree_of(blob) for blob in found] for family, found in models.items()}
    every = [blob for found in models.values() for blob in found]
    donors = [tree for found in trees.values() for tree in found]
    families = task["families"]
    warnings.simplefilter("error" if task["strict"] else "ignore")
    for blob in every:
        with compiled_at_once():
            ask(blob)
        ask(blob)
    events, counts = Events(), Counter[str]()
    signal.signal(signal.SIGPROF, _stop)
    with Path(task["progress"]).open("r+b") as file, mmap.mmap(file.fileno(), 8) as progress:
        for number in range(task["start"], task["stop"]):
            progress[:] = struct.pack("<q", number)
            family = families[number % len(families)]
            blob = made(task, trees[family], donors, models[family], number // len(families))
            outcome, failure = tried(blob, events, number)
            counts[f"{family} {outcome}"] += 1
            if failure:
                told = {"family": family, "failure": failure, "blob": blob.hex()}
                print(json.dumps(told), flush=True)
    print(json.dumps({"counts": counts}), flush=True)


def made(task: dict[str, Any], trees: Any, donors: Any, own: Any, number: int) -> bytes:
    """Return the blob of a number: a mutant of the tree or of the bytes, or a prefix of a blob."""
    if task["kind"] == "prefixes":
        blob: bytes = min(own, key=len)
        return blob[: number // 2] if number % 2 else mutants.sealed(blob[: number // 2])
    if task["kind"] == "raw":
        return mutants.raw_mutant(own, task["salt"], number)
    return mutants.mutant(trees, task["salt"], number, donors)


def tried(blob: bytes, events: Events, number: int) -> tuple[str, str]:
    """Return what became of a blob, and what is wrong with that, '' where nothing is."""
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_AS, (_mapped() + 3 * len(blob) + MEGABYTES * 2**20, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 2 * SECONDS + 1, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    outcome, failure = "failed", ""
    try:
        with events.listening() as seen:
            if number % 5 == 0:
                with compiled_at_once():
                    outcome = ask(blob)
            else:
                outcome = ask(blob)
    except Hang:
        failure = f"hang: more than {SECONDS} s"
    except BaseException as error:
        failure = signature(error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # The next blob may take long to make, and that is no fault of what reads it.
        for limit in (resource.RLIMIT_AS, resource.RLIMIT_CPU):
            resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if seen:
        failure = f"{failure} audit events: {seen[0]}"
    return outcome, failure


def _mapped() -> int:
    """Return how many bytes of address space this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE


def _stop(*_: object) -> None:
    raise Hang


if __name__ == "__main__":
    main(json.loads(sys.stdin.read()))
