"""What the model of a task without a target has beside its family: a threshold, and what it keeps of single rows."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sqlite_ml_vtab.portable.families.base import require
from sqlite_ml_vtab.portable.values import Floats

MAX_OUTPUTS = 1000
_LARGEST = 2**31


class Pattern(NamedTuple):
    """What was found in rows without a target."""

    outputs: int = 1
    """Projection: how many numbers a row becomes; else 1."""
    threshold: float = 0.0
    """Anomaly: a row whose score is greater is one."""
    ids: np.ndarray[Any, np.dtype[np.int64]] = np.empty(0, dtype="<i8")
    """Shape (m,), ascending: the row ids of the rows that were trained on, where something is kept of each."""
    values: Floats = np.empty(0)
    """Shape (m,): the cluster of each, -1 for noise, or its anomaly score."""
    digests: np.ndarray[Any, np.dtype[np.int64]] = np.empty(0, dtype="<i8")
    """Shape (m,): the `row_digest` of each: a row id, or a place in a view, may be another row's by now."""

    def place(self, rowid: int) -> int | None:
        """Return where the row of this id stands, None for one that was not trained on."""
        place = int(np.searchsorted(self.ids, rowid))
        return place if place < len(self.ids) and self.ids[place] == rowid else None

    def tree(self) -> dict[str, Any]:
        """Return what is stored of it."""
        kept = {"ids": self.ids, "values": self.values, "digests": self.digests}
        return {"outputs": self.outputs, "threshold": self.threshold, **kept}

    def validate(self, *, is_listed: bool) -> None:
        """Raise ModelError unless it can be asked; `is_listed` says that `values` are clusters."""
        require(type(self.outputs) is int and 1 <= self.outputs <= MAX_OUTPUTS, "outputs")
        require(type(self.threshold) in (int, float) and math.isfinite(self.threshold), "threshold")
        require(self.ids.dtype == np.dtype("<i8") and self.ids.ndim == 1, "row ids")
        require(self.values.dtype == np.float64 and self.values.shape == self.ids.shape, "the values of rows")
        # Compared, not subtracted: the difference of two ids can overflow.
        require(bool((self.ids[1:] > self.ids[:-1]).all()), "row ids")
        require(bool(np.isfinite(self.values).all()), "the values of rows")
        fits = self.digests.dtype == np.dtype("<i8") and self.digests.shape == self.ids.shape
        require(fits, "the digests of rows")
        if is_listed:
            whole = bool(((self.values >= -1) & (self.values < _LARGEST) & (self.values % 1 == 0)).all())
            require(len(self.ids) > 0 and whole, "the clusters of rows")


def row_digest(values: Sequence[Any]) -> int:
    """Return 64 bits, as a signed number, that tell the features of a row from others, as `values.ONE` reads them."""
    state = hashlib.blake2b(digest_size=8)
    for value in values:
        if value is None or value != value:
            state.update(b"\0")
        elif isinstance(value, str):
            text = value.encode("utf-8", "surrogatepass")
            state.update(struct.pack("<cq", b"\2", len(text)) + text)
        else:
            # 0.0 is added so that -0.0, which is the same number, has the same bytes.
            state.update(struct.pack("<cd", b"\1", value + 0.0))
    return int.from_bytes(state.digest(), "little", signed=True)
