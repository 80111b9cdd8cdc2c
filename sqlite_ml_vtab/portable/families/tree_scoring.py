"""What an ensemble of trees says: validation of its arrays, and the walk of one row or of many."""

from __future__ import annotations

from operator import add as plus
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.families.base import Parameters, RowScores, array, names, require, word
from sqlite_ml_vtab.portable.families.medians import weighted_median, weighted_median_of_one
from sqlite_ml_vtab.portable.families.tree_arrays import NODES, limits
from sqlite_ml_vtab.portable.values import Floats

MAX_DEPTH = 2000
"""A tree that is deeper is refused: it could make one prediction take seconds."""

_Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


# Validation


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require every child behind its parent inside its own tree, features in range, and a bounded depth."""
    names(parameters, "rounding", "divisor", "complement", "roots", "outputs", "baseline", "medians", *NODES)
    left = array(parameters, "left", "<i4", (None,))
    count = len(left)
    right = array(parameters, "right", "<i4", (count,))
    feature = array(parameters, "feature", "<i4", (count,))
    array(parameters, "threshold", "<f8", (count,))
    missing = array(parameters, "missing_left", "|u1", (count,))
    require(not len(missing) or missing.max() <= 1, "missing_left")
    array(parameters, "baseline", "<f8", (outputs,))
    roots = array(parameters, "roots", "<i4", (None,))
    word(parameters, "rounding", "float32", "float32_sums", "none")
    divisor = parameters["divisor"]
    require(type(divisor) is int and 1 <= divisor <= 10**9, "divisor")
    _validate_complement(parameters, outputs)
    require(bool(((feature >= 0) & (feature < width)).all()), "a feature out of range")
    _validate_outputs(parameters, len(roots), count, outputs)
    medians = array(parameters, "medians", "<f8", (None,))
    require(len(medians) in (0, len(roots)) and (not len(medians) or outputs == 1), "weights of trees")
    require(not len(medians) or ((medians >= 0).all() and medians.any()), "weights of trees")
    _validate_walk(left, right, roots, _ends(roots, count))


def _validate_complement(parameters: Parameters, outputs: int) -> None:
    complement = parameters["complement"]
    require(type(complement) is int and complement in (0, 1), "complement")
    plain = outputs == 2 and len(parameters["medians"]) == 0 and parameters["rounding"] != "float32_sums"
    require(not complement or plain, "complement")


def _validate_outputs(parameters: Parameters, trees: int, nodes: int, outputs: int) -> None:
    places = array(parameters, "outputs", "<i4", (None,))
    if len(places):
        require(len(places) == trees and (places >= 0).all() and (places < outputs).all(), "outputs of trees")
        array(parameters, "value", "<f8", (nodes, 1))
    else:
        array(parameters, "value", "<f8", (nodes, outputs))


def _ends(roots: _Ints, count: int) -> _Ints:
    """Return, for every node, where its tree ends."""
    require(len(roots) > 0 and roots[0] == 0, "the first root")
    bounds = np.append(roots.astype(np.int64), count)
    sizes = np.diff(bounds)
    require(bool((sizes > 0).all()), "an empty tree")
    return np.repeat(bounds[1:], sizes)


def _validate_walk(left: _Ints, right: _Ints, roots: _Ints, ends: _Ints) -> None:
    inner = np.flatnonzero(left)
    for child in (left[inner], right[inner]):
        require(bool(((child > inner) & (child < ends[inner])).all()), "a child out of its tree")
    require(not right[left == 0].any(), "a leaf with a child")
    # With one parent a node stands on one level only, so that the walk below looks at each node once.
    parents = np.bincount(np.concatenate((left[inner], right[inner])), minlength=len(left))
    parents[roots] += 1
    require(bool((parents == 1).all()), "a node without its one parent")
    level = roots
    for _ in range(MAX_DEPTH):
        level = level[left[level] != 0]
        if not len(level):
            return
        level = np.concatenate((left[level], right[level]))
    require(False, f"a tree deeper than {MAX_DEPTH}")


# Scoring


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the sum over trees of the leaf's value, in order, + baseline, divided by the divisor.

    With `medians`, the weights of trees, it is the weighted median of the leaves instead.
    """
    columns, threshold = np.ascontiguousarray(matrix.T), limits(parameters)
    leaves = (_leaves(parameters, threshold, columns, root) for root in parameters["roots"].tolist())
    if len(parameters["medians"]) or parameters["rounding"] == "float32_sums":
        return of_leaves(parameters, np.column_stack(list(leaves)))
    values, outputs = parameters["value"], parameters["outputs"].tolist()
    total = np.zeros((len(matrix), len(parameters["baseline"])))
    for number, places in enumerate(leaves):
        if outputs:
            total[:, outputs[number]] += values[places, 0]
        else:
            total += values[places]
    return ended(parameters, total)


def of_leaves(parameters: Parameters, leaves: _Ints) -> Floats:
    """Return the decision values of rows from the leaf that each reached in each tree, shape (n, trees)."""
    values, outputs = parameters["value"], parameters["outputs"]
    if len(parameters["medians"]):
        return weighted_median(values[leaves, 0], parameters["medians"])[:, None]
    if parameters["rounding"] != "float32_sums":
        # numpy adds one tree after the other over the first axis, as the walk does.
        return ended(parameters, np.add.reduce(values[leaves.T], axis=0))
    total = np.tile(parameters["baseline"].astype(np.float32), (len(leaves), 1))
    values = values.astype(np.float32)
    for number, places in enumerate(leaves.T):
        if len(outputs):
            total[:, outputs[number]] += values[places, 0]
        else:
            total += values[places]
    return np.asarray(total.astype(np.float64) / parameters["divisor"])


def ended(parameters: Parameters, total: Floats) -> Floats:
    """Return the sums of leaves with the baseline, divided; changes `total`."""
    if parameters["complement"]:
        total[:, 0] = parameters["divisor"] - total[:, 1]
    total += parameters["baseline"]
    if parameters["divisor"] != 1:
        total /= parameters["divisor"]
    return total


def _leaves(parameters: Parameters, threshold: Floats, columns: Floats, root: int) -> _Ints:
    """Return the leaf of each row in the tree at `root`, all rows walking one level at a time."""
    left, right = parameters["left"], parameters["right"]
    feature, missing = parameters["feature"], parameters["missing_left"]
    nodes = np.full(columns.shape[1], root, dtype=np.int64)
    active = np.arange(columns.shape[1]) if left[root] else np.empty(0, dtype=np.int64)
    while len(active):
        at = nodes[active]
        value = columns[feature[at], active]
        go_left = (value <= threshold[at]) | (np.isnan(value) & (missing[at] == 1))
        at = np.where(go_left, left[at], right[at])
        nodes[active] = at
        active = active[left[at] != 0]
    return nodes


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row: plain lists, made when the first row is asked for."""
    lists: list[Any] = []
    baseline = parameters["baseline"].tolist()
    divisor = parameters["divisor"]
    outputs, medians = parameters["outputs"].tolist(), parameters["medians"].tolist()
    in_float32, complement = parameters["rounding"] == "float32_sums", parameters["complement"]

    def one(x: list[float]) -> list[float]:
        if not lists:
            lists.extend(_lists(parameters))
        leaves = _walk(lists, x)
        if medians:
            return [weighted_median_of_one([leaf[0] for leaf in leaves], medians)]
        if in_float32:
            return [value / divisor for value in _add_float32(baseline, leaves, outputs)]
        total = _add(len(baseline), leaves, outputs)
        if complement:
            total[0] = divisor - total[1]
        return [(value + start) / divisor for value, start in zip(total, baseline, strict=True)]

    return one


def _add(count: int, leaves: list[list[float]], outputs: list[int]) -> list[float]:
    """Return the leaves of all trees, one after the other, summed by output."""
    total = [0.0] * count
    if outputs:
        for output, leaf in zip(outputs, leaves, strict=True):
            total[output] += leaf[0]
        return total
    for leaf in leaves:
        total = list(map(plus, total, leaf))
    return total


def _add_float32(baseline: list[float], leaves: list[list[float]], outputs: list[int]) -> list[float]:
    """Return baseline and leaves summed by output, each partial sum rounded to float32."""
    sums: list[list[float]] = [[start] for start in baseline]
    places = list(range(len(baseline)))
    for leaf, written in zip(leaves, [[output] for output in outputs] or [places] * len(leaves), strict=True):
        for value, place in zip(leaf, written, strict=True):
            sums[place].append(value)
    with np.errstate(over="ignore"):
        return [float(np.add.accumulate(np.array(values, dtype=np.float32))[-1]) for values in sums]


LISTED = 20_000
"""Of so many nodes at most lists are made: for more, a first row would wait for lists longer than for its walk."""


class _Leaves:
    """The values of the nodes of a large ensemble, each made a list when it is asked for."""

    def __init__(self, values: Floats) -> None:
        self._values = values

    def __getitem__(self, node: int) -> list[float]:
        found: list[float] = self._values[node].tolist()
        return found


def _lists(parameters: Parameters) -> list[Any]:
    """Return the nodes, as _walk reads them one by one."""
    kept = dict(parameters) | {"threshold": limits(parameters)}
    if len(parameters["left"]) <= LISTED:
        return [kept[name].tolist() for name in (*NODES, "roots")]
    views = [memoryview(kept[name]) for name in NODES if name != "value"]
    return [*views, _Leaves(parameters["value"]), parameters["roots"].tolist()]


def _walk(lists: list[Any], x: list[float]) -> list[list[float]]:
    """Return the value of the leaf that `x` reaches in each tree."""
    left, right, feature, threshold, missing, value, roots = lists
    found = []
    for node in roots:
        down = left[node]
        while down:
            v = x[feature[node]]
            node = down if v <= threshold[node] or (v != v and missing[node]) else right[node]
            down = left[node]
        found.append(value[node])
    return found
