"""Small trees as masks of bits, side by side in one number.

Each tree has a field, of one bit for each leaf from left to right. A question that sends a row to the right rules out
the leaves on its left, and the exit is the first leaf that no question rules out (QuickScorer, Lucchese et al. 2015,
https://doi.org/10.1145/2766462.2767733). What the questions about one feature rule out together depends only on how
many of their thresholds lie below the value, so that it is known beforehand.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.families.base import Parameters
from sqlite_ml_vtab.portable.families.tree_arrays import limits
from sqlite_ml_vtab.portable.values import Floats

MAX_LEAVES = 64
"""A tree with more has no field."""

BUDGET = 2**24
"""So many bytes the masks may take, and so many the values of leaves."""

MAX_FEATURES = 64
"""A row of more is quicker otherwise: each that is asked about costs a search."""

_BLOCK = 256
"""So many trees share one stretch of the values: there tree t keeps that of its n-th leaf in place 256 n + t."""

_Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

Room: TypeAlias = tuple[bytearray, Any, Any, _Ints]
"""What one thread writes to: fields as bytes, the same as an array, the second bytes of places in `values`, these."""


class Layout(NamedTuple):
    """Where each tree has its field."""

    groups: tuple[int, ...]
    """The outputs that have trees of their own, each as many fields, filled up with trees of one leaf."""
    slots: int
    """How many fields there are."""
    slot: _Ints
    """The field of each tree."""
    leaves: int
    """The most that a tree has."""
    lead: int
    """How many fields before the trees of an output are its baseline: 1 where partial sums are rounded."""
    columns: int
    """How many values a leaf has."""

    @property
    def field(self) -> Any:
        """The type of a field."""
        return np.dtype(next(f"<u{size}" for size in (1, 2, 4, 8) if self.leaves <= 8 * size))

    @property
    def stretch(self) -> int:
        """How many places the values take."""
        return (self.slots - 1) // _BLOCK * 256 * _BLOCK + (self.leaves + 1) * _BLOCK

    def places(self, slot: _Ints, leaf: _Ints) -> _Ints:
        """Return where the value of the leaf stands, counted from 1, of the tree in the field `slot`."""
        return slot // _BLOCK * 256 * _BLOCK + leaf * _BLOCK + slot % _BLOCK

    def room(self) -> Room:
        """Return arrays for one row and thread."""
        written = bytearray(self.slots * self.field.itemsize)
        fields = np.arange(self.slots)
        found = self.places(fields, np.zeros_like(fields))
        by_byte = found.view(np.uint8).reshape(-1, 8)
        return written, np.frombuffer(written, self.field), by_byte[:, 1 if sys.byteorder == "little" else 6], found


def layout(parameters: Parameters) -> Layout | None:
    """Return where the trees have their fields; None where masks would be too large, or another way quicker."""
    left, feature = parameters["left"], parameters["feature"]
    leaves = int(np.add.reduceat(left == 0, parameters["roots"], dtype=np.int64).max())
    inner = left != 0
    # Not numpy.unique: the first call imports numpy.ma.
    asked = int(np.count_nonzero(np.bincount(feature[inner])))
    if leaves > MAX_LEAVES or asked > MAX_FEATURES:
        return None
    found = _laid(parameters, leaves)
    order = np.lexsort((parameters["threshold"][inner], feature[inner]))
    steps = (np.diff(column[inner][order]) != 0 for column in (parameters["threshold"], feature))
    rows = 1 + int(np.logical_or(*steps).sum()) + 2 * asked
    sizes = rows * found.slots * found.field.itemsize, found.stretch * found.columns * 8
    return found if max(sizes) <= BUDGET else None


def _laid(parameters: Parameters, leaves: int) -> Layout:
    outputs, trees = parameters["outputs"], len(parameters["roots"])
    columns = parameters["value"].shape[1]
    lead = int(parameters["rounding"] == "float32_sums" and not len(parameters["medians"]))
    if not len(outputs):
        return Layout(tuple(range(columns)), trees + lead, np.arange(trees) + lead, leaves, lead, columns)
    counts = np.bincount(outputs, minlength=len(parameters["baseline"]))
    groups = np.arange(len(counts)) if lead else np.flatnonzero(counts)
    each = int(counts.max()) + lead
    # Trees of one output stay in their order, in which they are added.
    order = np.argsort(outputs, kind="stable")
    slot = np.empty(trees, dtype=np.int64)
    slot[order] = np.concatenate([lead + place * each + np.arange(counts[group]) for place, group in enumerate(groups)])
    return Layout(tuple(groups.tolist()), len(groups) * each, slot, leaves, lead, columns)


def masks(parameters: Parameters, where: Layout) -> list[tuple[int, Floats, Any]]:
    """Return for each feature that is asked about: it, its thresholds, and what they leave, (n + 2, slots).

    Row k is for a value above k of the thresholds, the last row for NaN.
    """
    inner = np.flatnonzero(parameters["left"])
    inner = inner[np.argsort(parameters["feature"][inner], kind="stable")]
    kept = ~_ruled_out(parameters, inner).astype(where.field)
    threshold, slot = limits(parameters)[inner], where.slot[_tree(parameters)[inner]]
    is_right = parameters["missing_left"][inner] == 0
    found = []
    feature = parameters["feature"][inner]
    starts = np.flatnonzero(np.diff(feature, prepend=-1))
    for number, start, end in zip(feature[starts].tolist(), starts, np.append(starts, len(inner))[1:], strict=True):
        asked = slice(start, end)
        values = np.sort(threshold[asked])
        values = values[np.append(True, values[1:] != values[:-1])]
        place = np.searchsorted(values, threshold[asked])
        rows = np.full((len(values) + 2, where.slots), np.iinfo(where.field).max, dtype=where.field)
        np.bitwise_and.at(rows, (place + 1, slot[asked]), kept[asked])
        np.bitwise_and.accumulate(rows[:-1], axis=0, out=rows[:-1])
        np.bitwise_and.at(rows[-1], slot[asked][is_right[asked]], kept[asked][is_right[asked]])
        found.append((number, values, rows))
    return found


def _ruled_out(parameters: Parameters, inner: _Ints) -> Any:
    """Return the leaves that each of these nodes rules out where it sends a row to the right: those on its left."""
    first, counts = _leaf_order(parameters)
    count = counts[parameters["left"][inner]].astype(np.uint64)
    return ((np.uint64(1) << count) - np.uint64(1)) << first[inner].astype(np.uint64)


def values(parameters: Parameters, where: Layout) -> Floats:
    """Return the values of all leaves as `Layout.places` has them: (places,), or (columns, places)."""
    leaf = np.flatnonzero(parameters["left"] == 0)
    first, _ = _leaf_order(parameters)
    found = np.zeros((where.columns, where.stretch))
    found[:, where.places(where.slot[_tree(parameters)[leaf]], first[leaf] + 1)] = parameters["value"][leaf].T
    if where.lead:
        groups = len(where.groups) // where.columns
        lead = np.arange(groups) * (where.slots // groups)
        found[:, where.places(lead, np.ones_like(lead))] = parameters["baseline"].reshape(where.columns, groups)
        found = found.astype(np.float32)
    return found[0] if where.columns == 1 else found


def _tree(parameters: Parameters) -> _Ints:
    """Return the tree of each node."""
    roots = parameters["roots"]
    return np.repeat(np.arange(len(roots)), np.diff(np.append(roots, len(parameters["left"]))))


def _leaf_order(parameters: Parameters) -> tuple[_Ints, _Ints]:
    """Return, for each node, the place of its leftmost leaf in its tree, and how many leaves it has below it."""
    left, right = parameters["left"], parameters["right"]
    levels, level = [], parameters["roots"]
    while len(level):
        level = level[left[level] != 0]
        levels.append(level)
        level = np.concatenate((left[level], right[level]))
    first, counts = np.zeros(len(left), dtype=np.int64), np.ones(len(left), dtype=np.int64)
    for level in reversed(levels):
        counts[level] = counts[left[level]] + counts[right[level]]
    for level in levels:
        first[left[level]] = first[level]
        first[right[level]] = first[level] + counts[left[level]]
    return first, counts
