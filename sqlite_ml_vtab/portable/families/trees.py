"""The trees family: one ensemble of flat arrays for a tree, a forest, gradient boosting and histogram boosting.

Node i is a leaf where left[i] is 0; else a row goes to left[i] if its value is at most threshold[i] (or is NaN and
missing_left[i] is 1), and otherwise to right[i]. Children stand behind their parent, so a walk always ends.
With rounding ``float32`` a value is rounded before it is compared, as scikit-learn's own trees do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.families.base import (
    Family,
    NotPortable,
    Parameters,
    RowScores,
    array,
    names,
    require,
    word,
)
from sqlite_ml_vtab.portable.values import Floats

MAX_DEPTH = 2000
"""A tree that is deeper is refused: it could make one prediction take seconds."""

_NODES = ("left", "right", "feature", "threshold", "missing_left", "value")
_HUGE = float(np.finfo(np.float64).max)
_Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


# Extraction


def extract(estimator: Any) -> dict[str, Any]:
    """Take a decision tree, a forest, gradient boosting or histogram gradient boosting."""
    if hasattr(estimator, "tree_"):
        return _forest(estimator, [estimator])
    if hasattr(estimator, "_predictors"):
        return _histogram_boosting(estimator)
    if hasattr(estimator, "init_"):
        return _gradient_boosting(estimator)
    return _forest(estimator, list(estimator.estimators_))


def _forest(estimator: Any, members: Sequence[Any]) -> dict[str, Any]:
    """Take the mean over trees: of class fractions, or of numbers."""
    trees = [_nodes(member.tree_) for member in members]
    values = [np.asarray(member.tree_.value, dtype=np.float64)[:, 0, :] for member in members]
    if hasattr(estimator, "classes_"):
        values = [value / value.sum(axis=1, keepdims=True) for value in values]
    return _ensemble(trees, values, link="identity", divisor=len(members), rounding="float32")


def _gradient_boosting(estimator: Any) -> dict[str, Any]:
    """Take the sum of regression trees over a constant start."""
    stages = np.asarray(estimator.estimators_)
    members = [member for stage in stages for member in stage]
    outputs = [output for stage in stages for output in range(len(stage))]
    trees = [_nodes(member.tree_) for member in members]
    values = [estimator.learning_rate * np.asarray(member.tree_.value)[:, 0, :] for member in members]
    link = _boosting_link(estimator, stages.shape[1])
    found = _ensemble(trees, values, link=link, outputs=outputs, width=stages.shape[1], rounding="float32")
    return _with_baseline(found, _start(estimator, found), binary=link == "sigmoid")


def _boosting_link(estimator: Any, width: int) -> str:
    if not hasattr(estimator, "classes_"):
        return "exp" if getattr(estimator, "loss", "") in {"poisson", "gamma"} else "identity"
    if estimator.loss not in {"log_loss"}:
        raise NotPortable(f"loss {estimator.loss!r}")
    return "softmax" if width > 1 else "sigmoid"


def _start(estimator: Any, found: Parameters) -> Floats:
    """Return the constant the trees are added to: the raw prediction of a row less the sum of its trees."""
    row = np.zeros((1, estimator.n_features_in_))
    raw = estimator.decision_function(row) if hasattr(estimator, "classes_") else estimator.predict(row)
    if estimator.init not in (None, "zero"):
        raise NotPortable("init is an estimator")
    return np.asarray(np.ravel(raw) - scores(found, row)[0], dtype=np.float64)


def _histogram_boosting(estimator: Any) -> dict[str, Any]:
    """Take the sum of histogram trees; their leaves hold the learning rate already."""
    stages = estimator._predictors
    flat = [predictor.nodes for stage in stages for predictor in stage]
    outputs = [output for stage in stages for output in range(len(stage))]
    if any(nodes["is_categorical"].any() for nodes in flat):
        raise NotPortable("categorical splits")
    width = len(stages[0])
    link = _boosting_link(estimator, width)
    found = _ensemble(
        [_histogram_nodes(nodes) for nodes in flat],
        [np.asarray(nodes["value"], dtype=np.float64)[:, None] for nodes in flat],
        link=link,
        outputs=outputs,
        width=width,
        rounding="none",
    )
    baseline = np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(-1)
    return _with_baseline(found, baseline, binary=link == "sigmoid")


def _nodes(tree: Any) -> dict[str, Any]:
    leaf = np.asarray(tree.children_left) < 0
    missing = getattr(tree, "missing_go_to_left", None)
    return {
        "left": np.where(leaf, 0, tree.children_left),
        "right": np.where(leaf, 0, tree.children_right),
        "feature": np.where(leaf, 0, tree.feature),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "missing_left": np.zeros(len(leaf)) if missing is None else np.where(leaf, 0, missing),
    }


def _histogram_nodes(nodes: Any) -> dict[str, Any]:
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "left": np.where(leaf, 0, nodes["left"]),
        "right": np.where(leaf, 0, nodes["right"]),
        "feature": np.where(leaf, 0, nodes["feature_idx"]),
        # A split of missing against the rest has the threshold infinity; every finite value is below the largest.
        "threshold": np.where(leaf, 0.0, np.minimum(nodes["num_threshold"], _HUGE)),
        "missing_left": np.where(leaf, 0, nodes["missing_go_to_left"]),
    }


def _ensemble(
    trees: Sequence[dict[str, Any]],
    values: Sequence[Floats],
    *,
    link: str,
    rounding: str,
    outputs: Sequence[int] | None = None,
    width: int = 0,
    divisor: int = 1,
) -> dict[str, Any]:
    """Lay trees end to end: children become places in the whole, a leaf's value a row of `value`."""
    starts = np.cumsum([0] + [len(tree["left"]) for tree in trees])
    if starts[-1] >= 2**31:
        raise NotPortable("more than 2,147,483,647 nodes")
    moved = [
        {side: np.where(tree[side] > 0, tree[side] + start, 0) for side in ("left", "right")}
        for tree, start in zip(trees, starts[:-1], strict=True)
    ]
    return {
        "link": link,
        "rounding": rounding,
        "divisor": divisor,
        "left": np.concatenate([tree["left"] for tree in moved]).astype("<i4"),
        "right": np.concatenate([tree["right"] for tree in moved]).astype("<i4"),
        "feature": np.concatenate([tree["feature"] for tree in trees]).astype("<i4"),
        "threshold": np.concatenate([tree["threshold"] for tree in trees]).astype("<f8"),
        "missing_left": np.concatenate([tree["missing_left"] for tree in trees]).astype("|u1"),
        "value": np.concatenate(values).astype("<f8"),
        "roots": starts[:-1].astype("<i4"),
        "outputs": np.asarray(outputs if outputs is not None else [], dtype="<i4"),
        "baseline": np.zeros(width or values[0].shape[1]),
    }


def _with_baseline(found: dict[str, Any], baseline: Floats, *, binary: bool) -> dict[str, Any]:
    """Set the start; the one decision value of two classes becomes the second of two."""
    found["baseline"] = np.asarray(baseline, dtype=np.float64)
    if binary:
        found["baseline"] = np.append(0.0, baseline)
        found["outputs"] = found["outputs"] + np.int32(1)
    return found


# Validation


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require every child behind its parent inside its own tree, features in range, and a bounded depth."""
    names(parameters, "rounding", "divisor", "roots", "outputs", "baseline", *_NODES)
    left = array(parameters, "left", "<i4", (None,))
    count = len(left)
    right = array(parameters, "right", "<i4", (count,))
    feature = array(parameters, "feature", "<i4", (count,))
    array(parameters, "threshold", "<f8", (count,))
    array(parameters, "missing_left", "|u1", (count,))
    array(parameters, "baseline", "<f8", (outputs,))
    roots = array(parameters, "roots", "<i4", (None,))
    word(parameters, "rounding", "float32", "none")
    divisor = parameters["divisor"]
    require(type(divisor) is int and 1 <= divisor <= 10**9, "divisor")
    require(bool(((feature >= 0) & (feature < width)).all()), "a feature out of range")
    _validate_outputs(parameters, len(roots), count, outputs)
    _validate_walk(left, right, roots, _ends(roots, count))


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
    """Return baseline + the sum over trees of the leaf's value, divided by the divisor. Trees are added in order."""
    total = np.zeros((len(matrix), len(parameters["baseline"])))
    total += parameters["baseline"]
    values, outputs = parameters["value"], parameters["outputs"]
    columns = np.ascontiguousarray(_rounded(parameters, matrix).T)
    for number, root in enumerate(parameters["roots"].tolist()):
        leaves = values[_leaves(parameters, columns, root)]
        if len(outputs):
            total[:, outputs[number]] += leaves[:, 0]
        else:
            total += leaves
    if parameters["divisor"] != 1:
        total /= parameters["divisor"]
    return total


def _rounded(parameters: Parameters, matrix: Floats) -> Floats:
    if parameters["rounding"] != "float32":
        return matrix
    with np.errstate(over="ignore"):
        return matrix.astype(np.float32).astype(np.float64)


def _leaves(parameters: Parameters, columns: Floats, root: int) -> _Ints:
    """Return the leaf of each row in the tree at `root`, all rows walking one level at a time."""
    left, right = parameters["left"], parameters["right"]
    feature, threshold, missing = parameters["feature"], parameters["threshold"], parameters["missing_left"]
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
    rounding, divisor = parameters["rounding"] == "float32", parameters["divisor"]
    outputs = parameters["outputs"].tolist()

    def one(x: list[float]) -> list[float]:
        if not lists:
            lists.extend(_lists(parameters))
        if rounding:
            with np.errstate(over="ignore"):
                x = np.array(x, dtype=np.float32).tolist()
        total = baseline.copy()
        for number, leaf in enumerate(_walk(lists, x)):
            if outputs:
                total[outputs[number]] += leaf[0]
            else:
                total = [a + b for a, b in zip(total, leaf, strict=True)]
        return [value / divisor for value in total]

    return one


def _lists(parameters: Parameters) -> list[Any]:
    return [parameters[name].tolist() for name in (*_NODES, "roots")]


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


TREES = Family(extract, validate, scores, row)
