"""The three readers of what a stranger writes, under atheris: inputs that reach new code are kept and changed further.

Run, where atheris is installed: python campaigns/fuzz/coverage.py codec|json|declaration -runs=100000 [FOLDER]
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

with atheris.instrument_imports(include=["sqlite_ml_vtab"]):
    import mutants
    from sqlite_ml_vtab.declaration import TASKS, parse
    from sqlite_ml_vtab.errors import DeclarationError, InputError, ModelError
    from sqlite_ml_vtab.portable import codec, from_bytes
    from sqlite_ml_vtab.portable.inputs import read_json


def read_model(data: bytes) -> None:
    """Read a model from a header and arrays, with a true prefix and checksum around them."""
    cut = int.from_bytes(data[:2], "little")
    header, arrays = data[2 : 2 + cut], data[2 + cut :]
    body = codec.MAGIC + codec.FORMAT.to_bytes(4, "little") + len(header).to_bytes(4, "little") + header
    with contextlib.suppress(ModelError):
        from_bytes(mutants.sealed(body + bytes(-len(body) % 8) + arrays))


def read_features(data: bytes) -> None:
    """Read features."""
    with contextlib.suppress(InputError):
        read_json(data.decode("utf-8", "ignore"), ["n", "c", "größe"])


def read_declaration(data: bytes) -> None:
    """Read the arguments of a table, which SQLite has divided at the commas."""
    task = list(TASKS)[data[0] % len(TASKS)] if data else "regression"
    with contextlib.suppress(DeclarationError):
        parse(task, "t", data[1:].decode("utf-8", "ignore").split(","))


READERS: dict[str, Callable[[bytes], None]] = {
    "codec": read_model,
    "json": read_features,
    "declaration": read_declaration,
}

if __name__ == "__main__":
    chosen = READERS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, chosen)
    atheris.Fuzz()
