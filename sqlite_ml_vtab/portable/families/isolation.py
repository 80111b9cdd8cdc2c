"""How an isolation forest becomes an ensemble of trees: a leaf's value is how soon it isolates a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.tree_arrays import ensemble
from sqlite_ml_vtab.portable.values import Floats


def extract_isolation(estimator: Any) -> dict[str, Any]:
    """Take an IsolationForest; its raw score is the mean path length over that of a search that finds nothing.

    Liu, Ting and Zhou 2008, Isolation Forest, equations 1 and 2; the link ``isolation`` makes 2^-score of it.
    """
    members = list(estimator.estimators_)
    normal = len(members) * float(expected_path(np.array([estimator.max_samples_]))[0])
    trees = (
        _nodes(member.tree_, np.asarray(columns))
        for member, columns in zip(members, estimator.estimators_features_, strict=True)
    )
    # Of a single row nothing can be isolated: then every row has the score 1, as scikit-learn has it.
    values = [_lengths(member.tree_)[:, None] / (normal or 1.0) for member in members]
    found = ensemble(trees, values, link="isolation", rounding="float32")
    return found if normal else found | {"value": np.zeros_like(found["value"]), "baseline": np.ones(1)}


def expected_path(sizes: Floats) -> Floats:
    """Return the mean path length of an unsuccessful search among so many rows, for sizes of shape (n,)."""
    found = np.zeros(len(sizes))
    found[sizes == 2] = 1.0
    large = sizes[sizes > 2].astype(np.float64)
    found[sizes > 2] = 2.0 * (np.log(large - 1.0) + np.euler_gamma) - 2.0 * (large - 1.0) / large
    return found


def _lengths(tree: Any) -> Floats:
    """Return, for each node, its depth and what the rows that share it would still need."""
    depths = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depths[child] = depths[node] + 1.0
    return expected_path(np.asarray(tree.n_node_samples)) + depths


def _nodes(tree: Any, columns: Any) -> dict[str, Any]:
    leaf = np.asarray(tree.children_left) < 0
    return {
        "left": np.where(leaf, 0, tree.children_left),
        "right": np.where(leaf, 0, tree.children_right),
        "feature": np.where(leaf, 0, columns[np.maximum(tree.feature, 0)]),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "missing_left": 0,
    }
