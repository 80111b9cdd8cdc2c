"""What every worker does: read a line that names a piece of work, do it, and say what it took and gave."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping
from time import perf_counter, process_time
from typing import Any


def serve(cases: Mapping[str, Callable[..., Any]]) -> None:
    """Serve lines of JSON until there are no more. What the work prints goes where errors go."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        gc.collect()
        cpu, wall = process_time(), perf_counter()
        answer = cases[verb](**arguments)
        print(json.dumps([process_time() - cpu, perf_counter() - wall, answer]), file=answers, flush=True)
