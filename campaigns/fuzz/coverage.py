"""The three readers of what a stranger writes, under atheris: inputs that reach new code are kept and changed further.

Run, where atheris is installed: python campaigns/fuzz/coverage.py [codec|json|declaration ...] [--seconds N] [--seed N]

Each reader has a process of its own for so many seconds of CPU, and begins from inputs that are made here. Then what it
kept is read once more, without atheris, to tell the lines that it reaches. An input that fails is left in `found/`.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeAlias

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

FOUND = Path(__file__).parent / "found"
FIXTURE = ROOT / "tests" / "fixtures" / "format-1-1.db.gz"
"""Models of every family, to begin from."""
LONGEST = 16_384
"""So many bytes an input has at most."""
SECONDS = 20
"""What takes longer for one input hangs; it is more than 5 because the clock is that of a busy machine."""
FOLLOWED = ["sqlite_ml_vtab.portable", "sqlite_ml_vtab.declaration"]
"""What atheris follows: the readers, and nothing of the libraries."""

Reader: TypeAlias = Callable[[bytes], None]


def readers() -> dict[str, Reader]:
    """Return the readers, imported now: atheris follows what is imported while it looks."""
    from sqlite_ml_vtab.declaration import TASKS, parse
    from sqlite_ml_vtab.errors import DeclarationError, InputError, ModelError
    from sqlite_ml_vtab.portable import from_bytes
    from sqlite_ml_vtab.portable.inputs import read_flat, read_json

    def read_model(data: bytes) -> None:
        with contextlib.suppress(ModelError):
            from_bytes(model(data))

    def read_features(data: bytes) -> None:
        said = data.decode("utf-8", "ignore")
        read_flat(said, 3)
        with contextlib.suppress(InputError):
            read_json(said, ["n", "c", "größe"])

    def read_declaration(data: bytes) -> None:
        """Read the arguments of a table, which SQLite has divided at the commas."""
        task = list(TASKS)[data[0] % len(TASKS)] if data else "regression"
        with contextlib.suppress(DeclarationError):
            parse(task, "t", data[1:].decode("utf-8", "ignore").split(","))

    return {"codec": read_model, "json": read_features, "declaration": read_declaration}


READ = {
    "codec": ("portable/codec.py", "portable/model.py", "portable/encoder.py", "portable/families/"),
    "json": ("portable/inputs.py",),
    "declaration": ("declaration/",),
}
"""Of each reader, the files that it is made of."""


def model(data: bytes) -> bytes:
    """Return a model of a header and arrays, with a true prefix and checksum around them."""
    import mutants
    from sqlite_ml_vtab.portable import codec

    cut = int.from_bytes(data[:2], "little")
    header, arrays = data[2 : 2 + cut], data[2 + cut :]
    body = codec.MAGIC + codec.FORMAT.to_bytes(4, "little") + len(header).to_bytes(4, "little") + header
    return mutants.sealed(body + bytes(-len(body) % 8) + arrays)


# What they begin from


def seeds_of(reader: str) -> Iterator[bytes]:
    """Yield inputs to begin from."""
    if reader == "codec":
        yield from _models()
        return
    import text
    from sqlite_ml_vtab.declaration import TASKS

    for number in range(400):
        if reader == "json":
            yield text.json_text(random.Random(number)).encode("utf-8", "ignore")
            continue
        _, sql = text.declaration(number, "coverage")
        module, _, arguments = sql.partition(" USING ")[2].partition("(")
        tasks = [task.module for task in TASKS.values()]
        yield bytes([tasks.index(module.strip())]) + arguments.encode("utf-8", "ignore").removesuffix(b")")


def _models() -> Iterator[bytes]:
    import apsw

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "fixture.db"
        path.write_bytes(gzip.decompress(FIXTURE.read_bytes()))
        db = apsw.Connection(str(path))
        for (table,) in list(db.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%~_models' ESCAPE '~'")):
            for (blob,) in db.execute(f'SELECT model FROM "{table}"'):
                length = int.from_bytes(blob[12:16], "little")
                start = 16 + length + -(16 + length) % 8
                data = length.to_bytes(2, "little") + blob[16 : 16 + length] + blob[start:-32]
                assert model(data) == blob
                yield data
        db.close()


# The process that tries


def fuzz(reader: str, seconds: float, flags: list[str]) -> None:
    """Try inputs for so many seconds of CPU; does not return."""
    import atheris

    with atheris.instrument_imports(include=FOLLOWED):
        read = readers()[reader]

    def one(data: bytes) -> None:
        read(data)
        if time.process_time() > seconds:
            # libFuzzer then ends after this input, and prints what it did.
            os.kill(os.getpid(), signal.SIGUSR1)

    atheris.Setup([sys.argv[0], *flags], one)
    atheris.Fuzz()


# The lines that are reached


def reached(reader: str, folder: Path) -> dict[str, tuple[int, int]]:
    """Return, of each file that a reader is made of, how many lines of its functions the inputs reach, and of how many.

    A function that no input enters does not count: the other half of a family's file is what answers.
    """
    read, seen, entered = readers()[reader], set(), set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "sqlite_ml_vtab" not in frame.f_code.co_filename:
            return None
        entered.add(frame.f_code)
        seen.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        for path in sorted(folder.iterdir()):
            read(path.read_bytes())
    finally:
        sys.settrace(None)
    there = {(code.co_filename, line) for code in entered if code.co_flags & CO_OPTIMIZED for line in _lines(code)}
    every, hit = (Counter(name.rpartition("sqlite_ml_vtab/")[2] for name, _ in of) for of in (there, there & seen))
    return {name: (hit[name], every[name]) for name in sorted(every) if name.startswith(READ[reader])}


def _lines(code: CodeType) -> set[int]:
    return {line for _, _, line in code.co_lines() if line and line != code.co_firstlineno}


# The table


def campaign(reader: str, seconds: float, seed: int) -> str:
    """Run one reader; return its line of the table."""
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for number, data in enumerate(seeds_of(reader)):
            if len(data) <= LONGEST:
                (folder / f"seed {number}").write_bytes(data)
        # To libFuzzer a seed of 0 is any.
        flags = [f"-seed={seed + 1}", f"-max_len={LONGEST}", f"-timeout={SECONDS}", f"-artifact_prefix={FOUND}/"]
        command = [sys.executable, __file__, reader, "--child", str(folder), "--seconds", str(seconds)]
        done = subprocess.run([*command, *flags, "-print_final_stats=1"], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.stderr[-6000:])
        inputs = int(re.findall(r"number_of_executed_units: (\d+)", done.stderr)[-1])
        places = re.findall(r"cov: (\d+)", done.stderr)
        files = reached(reader, folder)
    for name, (hit, every) in files.items():
        print(f"  {name:40} {hit:4} of {every:4} lines")
    hit, every = (sum(pair[place] for pair in files.values()) for place in (0, 1))
    return f"{reader}: {inputs:,} inputs, {places[0]} branches reached by the first ones, {places[-1]} by all; \
{hit} of {every} lines ({hit / every:.0%}); 0 failures"


def main() -> None:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("readers", nargs="*", choices=[*READ, []])
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked, flags = parser.parse_known_args()
    if asked.child:
        fuzz(asked.readers[0], asked.seconds, [*flags, asked.child])
    for reader in asked.readers or READ:
        print(campaign(reader, asked.seconds, asked.seed), flush=True)


if __name__ == "__main__":
    main()
