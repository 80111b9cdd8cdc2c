"""A process of a rival's environment that does a piece of work when it is told to, and says what it cost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from speed.timing import Cost

from .environments import Environment

WORKERS = Path(__file__).parent / "workers"


class Child:
    """A running worker."""

    def __init__(self, environment: Environment, program: str) -> None:
        """Start `program`, a file of the folder workers, with one thread."""
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        self._process = subprocess.Popen(
            [str(environment.python()), str(WORKERS / program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | threads,
        )

    def ask(self, verb: str, **arguments: Any) -> tuple[Cost, Any]:
        """Let it do something; return what that cost there, and the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, arguments]) + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError(f"the worker ended at {verb}")
        cpu, wall, answer = json.loads(said)
        return Cost(cpu, wall), answer

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
