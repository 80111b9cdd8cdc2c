"""Decoded models, kept by the digest of their bytes: ids come back after ROLLBACK, a digest does not."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from threading import Lock
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.stored import StoredScorer


class _Kept:
    __slots__ = ("bytes", "least", "scorer", "uses")

    def __init__(self, scorer: StoredScorer, least: int) -> None:
        """Keep `scorer`, which weighs no less than the `least` bytes of its stored model."""
        self.scorer = scorer
        self.least = least
        self.bytes = max(least, weigh(scorer))
        self.uses = 0


class ScorerCache:
    """The scorers used last, up to so many bytes of memory. Shared by all connections and threads of a process."""

    def __init__(self, limit: int) -> None:
        """Keep scorers of at most `limit` bytes together; the one used last is always kept."""
        self.limit = limit
        self._scorers: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """What the scorers that are kept take."""
        with self._lock:
            return self._total()

    def settle(self, limit: int) -> None:
        """Keep at most `limit` bytes from now on."""
        with self._lock:
            self.limit = limit
            self._shrink()

    def get(self, digest: str) -> StoredScorer | None:
        """Return the scorer of the model with this digest, None where it is not here."""
        with self._lock:
            found = self._scorers.get(digest)
            if found is None:
                return None
            self._scorers.move_to_end(digest)
            found.uses += 1
            # A scorer grows as it is used: lists for single rows, compiled trees for many. It grows seldom.
            is_due = not found.uses & (found.uses - 1)
        if is_due:
            self._weigh(found)
        return found.scorer

    def put(self, digest: str, scorer: StoredScorer, size: int) -> None:
        """Keep `scorer`, of a model of `size` bytes; the ones used longest ago go."""
        kept = _Kept(scorer, size)
        with self._lock:
            self._scorers.pop(digest, None)
            self._scorers[digest] = kept
            self._shrink()

    def _weigh(self, kept: _Kept) -> None:
        size = weigh(kept.scorer)
        with self._lock:
            kept.bytes = max(kept.least, size)
            self._shrink()

    def _total(self) -> int:
        return sum(kept.bytes for kept in self._scorers.values())

    def _shrink(self) -> None:
        total = self._total()
        while total > self.limit and len(self._scorers) > 1:
            total -= self._scorers.popitem(last=False)[1].bytes


MANY = 1_000
"""Of a longer list only some entries are weighed, where they are numbers or text, or lists of them."""

SAMPLE = 100
"""So many of them, about."""

_SHARED = (type, ModuleType, BuiltinFunctionType, np.ufunc, np.dtype, bool, type(None))
"""What belongs to no scorer alone."""


def weigh(thing: object) -> int:
    """Return about how many bytes of memory `thing` takes, with all that only it leads to.

    Memory of libraries counts where an object tells it as `native_bytes`.
    """
    total, seen, waiting = 0, set[int](), [thing]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _SHARED):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one) + getattr(one, "native_bytes", 0)
        if isinstance(one, list | tuple) and len(one) > MANY and (size := _sampled(one)) is not None:
            total += size
        else:
            waiting.extend(_parts(one))
    return total


def _sampled(values: list[Any] | tuple[Any, ...]) -> int | None:
    """Return the bytes of a long list's entries, None where they lead further than to numbers and text."""
    some = values[:: len(values) // SAMPLE]
    flat = [part for value in some for part in (value if isinstance(value, list | tuple) else ())] + [*some]
    if not all(isinstance(part, int | float | str | list | tuple | None) for part in flat):
        return None
    return sum(map(sys.getsizeof, flat)) * len(values) // len(some)


def _parts(one: Any) -> Iterable[Any]:
    """Return what an object leads to."""
    if isinstance(one, str | bytes | int | float):
        return ()
    if isinstance(one, np.ndarray):
        # A view has no memory of its own.
        return (one.base,) if one.base is not None else one.tolist() if one.dtype == object else ()
    if isinstance(one, dict):
        return (*one.keys(), *one.values())
    if isinstance(one, list | tuple | set | frozenset):
        return tuple(one)
    if isinstance(one, FunctionType):
        return tuple(cell.cell_contents for cell in one.__closure__ or () if _is_filled(cell))
    if isinstance(one, MethodType):
        return (one.__self__,)
    if isinstance(one, partial):
        return (one.func, one.args, one.keywords)
    return _attributes(one)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _attributes(one: Any) -> list[Any]:
    names = [name for kind in type(one).__mro__ for name in _slots(kind)]
    held = getattr(one, "__dict__", {})
    return [*held.values(), *(getattr(one, name) for name in names if hasattr(one, name))]


def _slots(kind: type) -> Iterable[str]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)
