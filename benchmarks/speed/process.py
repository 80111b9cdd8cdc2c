"""A Python program in a process of its own, and what that cost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from .timing import Cost

ROOT = Path(__file__).parents[2]


def process(program: str, *arguments: str) -> tuple[Cost, str]:
    """Run a Python program in a process of its own; return what it cost and what it printed."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # As an installed package: its bytecode is written once and read from then on.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**kept, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    assert child.stdout is not None
    printed = child.stdout.read()
    child.stdout.close()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"a process ended with {child.returncode}")
    return Cost(used.ru_utime + used.ru_stime, perf_counter() - began), printed
