"""Files of older scikit-learn under today's, and the other way round: `python campaigns/skew/run.py [--write]`.

For each of RELEASES an environment is made in .venv-skew, and a database is written there with a predictor for every
algorithm (`write.py`); it is read here (`read.py`), and one that is written here is read there. What must not be: an
answer that differs and says nothing. `--write` puts the table into docs/versions-and-upgrades.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "versions-and-upgrades.md"
RELEASES = ("1.9.0", "1.8.0", "1.7.2")
"""The package asks for 1.9; the older ones are what it can be made to run under, for this measurement alone."""
BESIDE = ("apsw", "numpy", "orjson", "onnx", "onnxruntime", "threadpoolctl", "lightgbm", "xgboost-cpu")

HEAD = (
    "| written under | read under | predictors | read: same bits | to nine digits | refused "
    "| rebuilt: same bytes | other bytes, noted | refused "
    "| lost and rebuilt: same answers | other answers, noted | refused | silently different |\n|" + "---|" * 13 + "\n"
)


def interpreter(release: str, directory: Path) -> str:
    """Return the Python of an environment with this release of scikit-learn, made where it is not there."""
    home = directory / release
    python = str(home / "bin" / "python")
    ready = home / "ready"
    if not ready.exists():
        # One that was left half made is made anew.
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        pinned = [f"{name}=={version(name)}" for name in BESIDE]
        _run(python, "-m", "pip", "install", "--quiet", f"scikit-learn=={release}", *pinned)
        ready.touch()
    return python


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def crossed(writer: str, reader: str, directory: Path) -> dict[str, Any]:
    """Return what `read.py` says, run by one interpreter, of what another one has written."""
    path = directory / f"{abs(hash(writer))}.db"
    if not path.exists():
        _run(writer, str(HERE / "write.py"), str(path))
    copy = directory / "copy.db"
    shutil.copy(path, copy)
    text = _run(reader, str(HERE / "read.py"), str(copy))
    copy.unlink()
    return dict(json.loads(text))


def line(written: str, read: str, found: Mapping[str, Any]) -> str:
    """Return a line of the table, as Markdown; the last column counts what must not be."""
    each = [one for one in found.values() if isinstance(one, dict) and "read" in one]
    asked, again, lost = (Counter(one[what] for one in each) for what in ("read", "rebuild", "lost_then"))
    unsaid = sum(one["lost_then"] == "different" and not one["lost_noted"] for one in each)
    silent = asked["different"] + sum(one["then"] == "different" for one in each) + unsaid
    cells = [
        *(written, read, len(each), asked["same"], asked["near"], asked["refused"] + asked["refused otherwise"]),
        *(again["same digest"], again["other digest"], again["refused"]),
        *(lost["same"] + lost["near"], lost["different"] - unsaid, lost["refused"], silent),
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


def main(*arguments: str) -> None:
    """Measure, print, and write where that is asked for."""
    environments = Path(os.environ.get("SKEW_ENVIRONMENTS", HERE.parents[1] / ".venv-skew"))
    text, today = HEAD, version("scikit-learn")
    with tempfile.TemporaryDirectory() as directory:
        for release in RELEASES:
            there = interpreter(release, environments)
            for writer, reader, names in (
                (there, sys.executable, (release, today)),
                (sys.executable, there, (today, release)),
            ):
                text += line(*names, crossed(writer, reader, Path(directory)))
                print(text.splitlines()[-1], flush=True)
    if "--write" in arguments:
        page = PAGE.read_text(encoding="utf-8")
        begin, end = "<!-- begin: skew -->\n", "<!-- end: skew -->"
        PAGE.write_text(re.sub(f"{begin}.*?{end}", lambda _: begin + text + end, page, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
