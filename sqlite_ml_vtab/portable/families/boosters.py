"""LightGBM's and XGBoost's ensembles, read from the models' own JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import NotPortable
from sqlite_ml_vtab.portable.families.tree_arrays import ensemble, with_baseline
from sqlite_ml_vtab.portable.values import Floats


def extract_lightgbm(estimator: Any) -> dict[str, Any]:
    """Take a fitted LGBMClassifier or LGBMRegressor."""
    model = estimator.booster_.dump_model()
    link = _LIGHTGBM_LINKS.get(model["objective"].partition(" num_class")[0])
    if link is None or model["average_output"]:
        raise NotPortable(f"objective {model['objective']!r}")
    width = model["num_tree_per_iteration"]
    laid = [_lightgbm_tree(entry["tree_structure"]) for entry in model["tree_info"]]
    return _boosted(laid, link, width, [place % width for place in range(len(laid))], np.zeros(width), "none")


_LIGHTGBM_LINKS = {
    "binary sigmoid:1": "sigmoid",
    "multiclass": "softmax",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "quantile": "identity",
    "poisson": "exp",
    "tweedie": "exp",
    "gamma": "exp",
}
"""Objective to link."""


def _lightgbm_tree(root: Mapping[str, Any]) -> tuple[dict[str, Any], Floats]:
    """Return the nodes of one tree, parents first, and their values."""
    nodes = list(_preorder(root))
    if any(node.get("leaf_coeff") for node in nodes):
        raise NotPortable("linear trees")
    places = {id(node): place for place, node in enumerate(nodes)}
    columns: dict[str, list[Any]] = {name: [] for name in ("left", "right", "feature", "threshold", "missing_left")}
    for node in nodes:
        inner = "left_child" in node
        columns["left"].append(places[id(node["left_child"])] if inner else 0)
        columns["right"].append(places[id(node["right_child"])] if inner else 0)
        columns["feature"].append(node["split_feature"] if inner else 0)
        columns["threshold"].append(node["threshold"] if inner else 0.0)
        columns["missing_left"].append(_goes_left(node) if inner else 0)
    values = np.array([[node.get("leaf_value", 0.0)] for node in nodes])
    return {name: np.array(column) for name, column in columns.items()}, values


def _preorder(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if "left_child" in node:
            waiting += [node["right_child"], node["left_child"]]


def _goes_left(node: Mapping[str, Any]) -> int:
    """Return whether NaN goes left; where training saw none, LightGBM takes it for 0."""
    if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
        raise NotPortable("categorical splits or zero_as_missing")
    return int(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0.0)


def extract_xgboost(estimator: Any) -> dict[str, Any]:
    """Take a fitted XGBClassifier or XGBRegressor. XGBoost computes in float32, and compares with < instead of <=."""
    learner = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in _XGBOOST_LINKS or booster["name"] != "gbtree":
        raise NotPortable(f"objective {objective!r} with {booster['name']!r}")
    link = _XGBOOST_LINKS[objective]
    scores = np.array(json.loads(learner["learner_model_param"]["base_score"].replace("E", "e")), dtype=np.float64)
    width = max(1, int(learner["learner_model_param"]["num_class"]))
    start = np.broadcast_to(np.ravel(scores), (width,)).copy()
    if link == "sigmoid":
        start = np.array([math.log(value / (1.0 - value)) for value in start.tolist()])
    laid = [_xgboost_tree(tree) for tree in booster["model"]["trees"]]
    return _boosted(laid, link, width, booster["model"]["tree_info"], start, "float32_sums")


_XGBOOST_LINKS = {
    "reg:squarederror": "identity",
    "reg:absoluteerror": "identity",
    "reg:pseudohubererror": "identity",
    "binary:logistic": "sigmoid",
    "multi:softprob": "softmax",
}
"""Objective to link."""


def _xgboost_tree(tree: Mapping[str, Any]) -> tuple[dict[str, Any], Floats]:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    leaf = left < 0
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    if any(tree["split_type"]):
        raise NotPortable("categorical splits")
    # x < t in float32 is x <= the float32 before t.
    below = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    nodes = {
        "left": np.where(leaf, 0, left),
        "right": np.where(leaf, 0, right),
        "feature": np.where(leaf, 0, tree["split_indices"]),
        "threshold": np.where(leaf, 0.0, below),
        "missing_left": np.where(leaf, 0, tree["default_left"]),
    }
    return nodes, np.where(leaf, conditions, np.float32(0)).astype(np.float64)[:, None]


def _boosted(
    laid: Sequence[tuple[dict[str, Any], Floats]],
    link: str,
    width: int,
    outputs: Sequence[int],
    start: Floats,
    rounding: str,
) -> dict[str, Any]:
    trees, values = zip(*laid, strict=True)
    found = ensemble(trees, values, link=link, outputs=outputs, width=width, rounding=rounding)
    return with_baseline(found, start, binary=link == "sigmoid")
