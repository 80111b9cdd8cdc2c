"""What tells the rows of one training from those of another."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from sqlite_ml_vtab.learning.rows import TrainingRows


def rows_digest(rows: TrainingRows) -> str:
    """Return the SHA-256 of everything a fit sees of `rows`."""
    state = hashlib.sha256(rows.ids.tobytes())
    for kind, column in zip(rows.kinds, rows.features, strict=True):
        state.update(kind.encode())
        # The bytes of an array of text are addresses.
        if column.dtype == object:
            _update(state, column)
        else:
            state.update(np.ascontiguousarray(column).data)
    state.update(b"({")
    for place, (name, values) in enumerate(rows.targets.items()):
        state.update((", " * bool(place) + f"{name!r}: ").encode())
        _update(state, values)
    state.update(b"}, {")
    for role, values in sorted(rows.sides.items()):
        state.update(f"{role}: ".encode())
        _update(state, values)
    state.update(b"})")
    return state.hexdigest()


def _update(state: hashlib._Hash, values: Any) -> None:
    """Add `values`: the bytes of integers or of reals alone, else their text, as which `'1'`, `1` and `1.0` differ."""
    kinds = set(map(type, values))
    for kind, dtype in ((int, np.int64), (float, np.float64)):
        if kinds == {kind}:
            state.update(f"{kind.__name__}{len(values)}:".encode())
            state.update(np.array(values, dtype=dtype).data)
            return
    _update_text(state, values)


def _update_text(state: hashlib._Hash, values: Any) -> None:
    """Add the text of `values` as a list, in pieces: that of a million rows would be larger than the rows."""
    state.update(b"[")
    for start in range(0, len(values), DIGESTED):
        piece = repr(list(values[start : start + DIGESTED]))[1:-1]
        state.update((", " * bool(start) + piece).encode())
    state.update(b"]")


DIGESTED = 10_000
"""So many values are written as text at once."""


class ChainedDigest:
    """The digest of rows that are read in windows and in passes; each pass goes on from that of the one before."""

    def __init__(self, before: str = "") -> None:
        """Go on from the digest of the passes `before`."""
        self._state = hashlib.sha256(before.encode())
        self._number: int | None = None

    def add(self, number: int, rows: TrainingRows) -> None:
        """Add a window of the pass of this number."""
        if self._number not in (None, number):
            self._state = hashlib.sha256(self._state.hexdigest().encode())
        self._number = number
        self._state.update(rows_digest(rows).encode())

    def text(self) -> str:
        """Return the digest so far, in hexadecimal."""
        return self._state.hexdigest()
