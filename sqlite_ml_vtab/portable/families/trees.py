"""The trees family: one form for a tree, a forest, bagged trees, AdaBoost and every kind of gradient boosting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, NotPortable, Parameters
from sqlite_ml_vtab.portable.families.boosters import extract_lightgbm, extract_xgboost
from sqlite_ml_vtab.portable.families.isolation import extract_isolation
from sqlite_ml_vtab.portable.families.medians import shares
from sqlite_ml_vtab.portable.families.tree_arrays import HUGE, ensemble, with_baseline
from sqlite_ml_vtab.portable.families.tree_evaluator import ready
from sqlite_ml_vtab.portable.families.tree_scoring import row, scores, validate
from sqlite_ml_vtab.portable.values import Floats


def extract(estimator: Any) -> dict[str, Any]:
    """Take whatever is made of trees, told by what it has learned."""
    if hasattr(estimator, "booster_"):
        return extract_lightgbm(estimator)
    if hasattr(estimator, "get_booster"):
        return extract_xgboost(estimator)
    if hasattr(estimator, "estimator_weights_"):
        return _ada_boost(estimator)
    if hasattr(estimator, "max_samples_") and hasattr(estimator, "offset_"):
        return extract_isolation(estimator)
    if hasattr(estimator, "estimators_features_"):
        return _bagging(estimator)
    if hasattr(estimator, "tree_"):
        return _forest(estimator, [estimator])
    if hasattr(estimator, "_predictors"):
        return _histogram_boosting(estimator)
    if hasattr(estimator, "init_"):
        return _gradient_boosting(estimator)
    return _forest(estimator, list(estimator.estimators_))


def _forest(estimator: Any, members: Sequence[Any]) -> dict[str, Any]:
    """Take the mean over trees: of class fractions, or of numbers."""
    trees = (_nodes(member.tree_) for member in members)
    values = [np.asarray(member.tree_.value, dtype=np.float64)[:, 0, :] for member in members]
    if hasattr(estimator, "classes_") and values[0].shape[1] == 2 and all(map(_adds_exactly, members, values)):
        # Of two fractions the second says all: half the memory, and a single sum.
        seconds = [value[:, 1:] for value in values]
        outputs = [1] * len(members)
        found = ensemble(
            trees, seconds, link="identity", divisor=len(members), rounding="float32", outputs=outputs, width=2
        )
        return found | {"complement": 1}
    return ensemble(trees, values, link="identity", divisor=len(members), rounding="float32")


def _adds_exactly(member: Any, fractions: Floats) -> bool:
    """Return whether sums of its leaves are not rounded: else the last bit could tell apart two classes that tie."""
    return bool((fractions[member.tree_.children_left < 0] * 2.0**20 % 1.0 == 0.0).all())


def _bagging(estimator: Any) -> dict[str, Any]:
    """Take the mean of trees that each see some of the columns."""
    members = list(estimator.estimators_)
    found = _forest(estimator, members)
    sizes = [member.tree_.node_count for member in members]
    columns = [
        np.asarray(seen)[nodes]
        for seen, nodes in zip(
            estimator.estimators_features_, np.split(found["feature"], np.cumsum(sizes)[:-1]), strict=True
        )
    ]
    return found | {"feature": np.concatenate(columns).astype("<i4")}


def _ada_boost(estimator: Any) -> dict[str, Any]:
    """Take the weighted votes of trees (SAMME, Zhu et al. 2009), or the weighted median of their numbers."""
    members = list(estimator.estimators_)
    weights = np.asarray(estimator.estimator_weights_, dtype=np.float64)[: len(members)]
    trees = (_nodes(member.tree_) for member in members)
    raw = [np.asarray(member.tree_.value, dtype=np.float64)[:, 0, :] for member in members]
    if not hasattr(estimator, "classes_"):
        return ensemble(trees, raw, link="identity", rounding="float32") | {"medians": shares(weights)}
    others = len(estimator.classes_) - 1
    parts = weights / weights.sum() / others
    values = [
        np.where(np.eye(others + 1)[value.argmax(axis=1)] == 1, part, -part / others)
        for value, part in zip(raw, parts, strict=True)
    ]
    return ensemble(trees, values, link="softmax", rounding="float32")


def _gradient_boosting(estimator: Any) -> dict[str, Any]:
    """Take the sum of regression trees over a constant start."""
    stages = np.asarray(estimator.estimators_)
    members = [member for stage in stages for member in stage]
    outputs = [output for stage in stages for output in range(len(stage))]
    trees = (_nodes(member.tree_) for member in members)
    values = [estimator.learning_rate * np.asarray(member.tree_.value)[:, 0, :] for member in members]
    link = _boosting_link(estimator, stages.shape[1])
    found = ensemble(trees, values, link=link, outputs=outputs, width=stages.shape[1], rounding="float32")
    return with_baseline(found, _start(estimator, found), binary=link == "sigmoid")


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
    found = ensemble(
        map(_histogram_nodes, flat),
        [np.asarray(nodes["value"], dtype=np.float64)[:, None] for nodes in flat],
        link=link,
        outputs=outputs,
        width=width,
        rounding="none",
    )
    baseline = np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(-1)
    return with_baseline(found, baseline, binary=link == "sigmoid")


def _nodes(tree: Any) -> dict[str, Any]:
    leaf = np.asarray(tree.children_left) < 0
    missing = getattr(tree, "missing_go_to_left", None)
    return {
        "left": np.where(leaf, 0, tree.children_left),
        "right": np.where(leaf, 0, tree.children_right),
        "feature": np.where(leaf, 0, tree.feature),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "missing_left": 0 if missing is None else np.where(leaf, 0, missing),
    }


def _histogram_nodes(nodes: Any) -> dict[str, Any]:
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "left": np.where(leaf, 0, nodes["left"]),
        "right": np.where(leaf, 0, nodes["right"]),
        "feature": np.where(leaf, 0, nodes["feature_idx"]),
        # A split of missing against the rest has the threshold infinity; every finite value is below the largest.
        "threshold": np.where(leaf, 0.0, np.minimum(nodes["num_threshold"], HUGE)),
        "missing_left": np.where(leaf, 0, nodes["missing_go_to_left"]),
    }


TREES = Family(extract, validate, scores, row, evaluator=ready)
