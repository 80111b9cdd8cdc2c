"""SPACES: where tune looks for hyperparameters when the user does not say, and how a space is read and drawn from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.errors import CommandError, DeclarationError, shown
from sqlite_ml_vtab.learning.algorithms import Algorithm, check_hyperparams, legal_hyperparams

GRID_POINTS = 4
"""A grid takes so many points of a range."""

MAX_GRID = 1_000
"""A grid has so many points at most."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    """Whether each order of magnitude is as likely as the next."""
    whole: bool = False
    """Whether the numbers are integers."""

    def at(self, share: float) -> float | int:
        """Return the number that stands at `share` (0 to 1) of the way."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(f"{value:.6g}")

    def points(self) -> tuple[Any, ...]:
        """Return what a grid takes of it."""
        shares = [place / (GRID_POINTS - 1) for place in range(GRID_POINTS)]
        return tuple(dict.fromkeys(self.at(share) for share in shares))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """Return the value that stands at `share` (0 to 1, 1 excluded) of the way."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def points(self) -> tuple[Any, ...]:
        """Return what a grid takes of it."""
        return self.values


Space: TypeAlias = Mapping[str, Range | Choice]
"""Hyperparameter to where it is looked for."""

_C = Range(1e-3, 1e3, log=True)
_ALPHA = Range(1e-4, 1e2, log=True)
_SHARES = Choice((1.0, "sqrt", 0.3, 0.5, 0.7))
_LEAF = Range(1, 20, log=True, whole=True)
_YES_NO = Choice((True, False))
_TREE: Space = {
    "max_depth": Choice((None, 3, 5, 8, 12, 20)),
    "min_samples_leaf": _LEAF,
    "max_features": Choice((None, "sqrt", 0.5)),
}
_FOREST: Space = {
    "min_samples_leaf": _LEAF,
    "max_features": _SHARES,
    "n_estimators": Choice((100, 200, 300)),
}
_KERNEL: Space = {"C": Range(1e-2, 1e3, log=True), "gamma": Range(1e-4, 1e1, log=True)}
_TEAMS = Choice(
    (
        ["random_forest", "knn"],
        ["random_forest", "gradient_boosting"],
        ["extra_trees", "gradient_boosting"],
        ["random_forest", "hist_gradient_boosting", "knn"],
        ["random_forest", "gradient_boosting", "mlp"],
    )
)
_XGBOOST: Space = {
    "learning_rate": Range(0.01, 0.3, log=True),
    "n_estimators": Range(50, 500, log=True, whole=True),
    "max_depth": Range(2, 10, whole=True),
    "subsample": Range(0.5, 1.0),
    "colsample_bytree": Range(0.4, 1.0),
    "reg_lambda": Range(1e-2, 1e2, log=True),
}

SPACES: dict[str, Space] = {
    "ada_boost": {"n_estimators": Range(20, 300, log=True, whole=True), "learning_rate": Range(0.01, 2.0, log=True)},
    "ard": {"alpha_1": _ALPHA, "lambda_1": _ALPHA},
    "bagging": {
        "n_estimators": Choice((10, 30, 100)),
        "max_samples": Range(0.3, 1.0),
        "max_features": Range(0.3, 1.0),
    },
    "bayesian_ridge": {"alpha_1": _ALPHA, "lambda_1": _ALPHA},
    "bernoulli_nb": {"alpha": Range(1e-3, 1e1, log=True), "binarize": Range(0.0, 1.0)},
    "calibrated": {"estimator": Choice(("linear_svc", "random_forest", "gaussian_nb", "svc"))},
    "categorical_nb": {"alpha": Range(1e-3, 1e1, log=True)},
    "complement_nb": {"alpha": Range(1e-3, 1e1, log=True), "norm": _YES_NO},
    "decision_tree": _TREE,
    "dummy": {"strategy": Choice(("prior", "most_frequent", "mean", "median"))},
    "elastic_net": {"alpha": _ALPHA, "l1_ratio": Range(0.05, 1.0)},
    "elastic_net_cv": {"l1_ratio": Choice((0.1, 0.5, 0.9, 0.99))},
    "extra_tree": _TREE,
    "extra_trees": _FOREST,
    "gamma": {"alpha": _ALPHA},
    "gaussian_nb": {"var_smoothing": Range(1e-10, 1e-1, log=True)},
    "gaussian_process": {
        "alpha": Range(1e-6, 1.0, log=True),
        "normalize_y": _YES_NO,
        "multi_class": Choice(("one_vs_rest", "one_vs_one")),
        "n_restarts_optimizer": Choice((0, 2)),
    },
    "gradient_boosting": {
        "learning_rate": Range(0.01, 0.3, log=True),
        "n_estimators": Range(50, 400, log=True, whole=True),
        "max_depth": Range(2, 6, whole=True),
        "subsample": Range(0.5, 1.0),
        "min_samples_leaf": _LEAF,
    },
    "hist_gradient_boosting": {
        "learning_rate": Range(0.01, 0.3, log=True),
        "max_iter": Range(50, 500, log=True, whole=True),
        "max_leaf_nodes": Range(4, 63, log=True, whole=True),
        "min_samples_leaf": Range(2, 50, log=True, whole=True),
        "l2_regularization": Range(1e-3, 1e2, log=True),
        "max_features": Range(0.3, 1.0),
    },
    "huber": {"epsilon": Range(1.05, 3.0), "alpha": Range(1e-6, 1e1, log=True)},
    "isotonic": {"increasing": Choice(("auto", True, False))},
    "kernel_ridge": {"alpha": Range(1e-4, 1e1, log=True), "gamma": Range(1e-4, 1e1, log=True)},
    "knn": {
        "n_neighbors": Range(1, 50, log=True, whole=True),
        "weights": Choice(("uniform", "distance")),
        "p": Choice((1, 2)),
    },
    "lars": {"n_nonzero_coefs": Range(1, 50, log=True, whole=True)},
    "lasso": {"alpha": _ALPHA},
    "lasso_cv": {"eps": Choice((1e-2, 1e-3, 1e-4))},
    "lasso_lars": {"alpha": _ALPHA},
    "lda": {"solver": Choice(("lsqr",)), "shrinkage": Choice((None, "auto", 0.1, 0.3, 0.6, 0.9))},
    "lightgbm": {
        "learning_rate": Range(0.01, 0.3, log=True),
        "n_estimators": Range(50, 500, log=True, whole=True),
        "num_leaves": Range(4, 63, log=True, whole=True),
        "min_child_samples": Range(2, 50, log=True, whole=True),
        "reg_lambda": Range(1e-3, 1e2, log=True),
        "colsample_bytree": Range(0.4, 1.0),
    },
    "linear_regression": {"fit_intercept": _YES_NO, "positive": _YES_NO},
    "linear_svc": {"C": _C},
    "linear_svr": {"C": _C, "epsilon": Range(1e-3, 1.0, log=True)},
    "logistic_regression": {"C": _C},
    "logistic_regression_cv": {"Cs": Choice((5, 10, 20))},
    "mlp": {
        "hidden_layer_sizes": Choice(([50], [100], [100, 50], [200], [50, 50])),
        "alpha": Range(1e-6, 1e1, log=True),
        "learning_rate_init": Range(1e-4, 1e-1, log=True),
    },
    "multinomial_nb": {"alpha": Range(1e-3, 1e1, log=True), "fit_prior": _YES_NO},
    "nearest_centroid": {"shrink_threshold": Choice((None, 0.1, 0.3, 1.0, 3.0))},
    "nu_svc": {"nu": Range(0.02, 0.6), "gamma": Range(1e-4, 1e1, log=True)},
    "nu_svr": {"nu": Range(0.1, 0.9), **_KERNEL},
    "orthogonal_matching_pursuit": {"n_nonzero_coefs": Range(1, 20, log=True, whole=True)},
    "passive_aggressive": {"C": Range(1e-4, 1e1, log=True), "average": _YES_NO},
    "perceptron": {"penalty": Choice((None, "l2", "l1", "elasticnet")), "alpha": Range(1e-6, 1e-1, log=True)},
    "pls": {"n_components": Range(1, 20, log=True, whole=True)},
    "poisson": {"alpha": _ALPHA},
    "qda": {"reg_param": Range(0.0, 1.0)},
    "quantile": {"alpha": Range(1e-5, 1e1, log=True)},
    "radius_neighbors": {"radius": Range(0.5, 20.0, log=True), "weights": Choice(("uniform", "distance"))},
    "random_forest": _FOREST,
    "ransac": {"min_samples": Range(0.1, 0.9), "max_trials": Choice((100, 300))},
    "ridge": {"alpha": Range(1e-4, 1e4, log=True)},
    "ridge_cv": {"fit_intercept": _YES_NO},
    "sgd": {
        "alpha": Range(1e-6, 1e-1, log=True),
        "penalty": Choice(("l2", "l1", "elasticnet")),
        "average": _YES_NO,
    },
    "stacking": {"estimators": _TEAMS, "passthrough": _YES_NO},
    "svc": _KERNEL,
    "svr": {**_KERNEL, "epsilon": Range(1e-3, 1.0, log=True)},
    "theil_sen": {"max_subpopulation": Choice((1000, 10000)), "fit_intercept": _YES_NO},
    "tweedie": {"alpha": _ALPHA, "power": Choice((0, 1.2, 1.5, 1.8))},
    "voting": {"estimators": _TEAMS},
    "xgboost": _XGBOOST,
    "xgboost_random_forest": {
        "n_estimators": Choice((100, 200)),
        "max_depth": Range(3, 12, whole=True),
        "subsample": Range(0.5, 1.0),
        "colsample_bynode": Range(0.4, 1.0),
    },
}
"""By algorithm; what an estimator of one task lacks is left out there."""


def default_space(name: str, task: str, algorithms: Mapping[str, Algorithm]) -> Space:
    """Return where hyperparameters of an algorithm are looked for by default.

    Raises CommandError where it has no space, as an algorithm of the host program has none.
    """
    estimator_class = algorithms[name].estimator_class(task)
    legal = legal_hyperparams(estimator_class)
    found = {
        param: _legal_part(name, task, algorithms, param, where)
        for param, where in SPACES.get(name, {}).items()
        if param in legal
    }
    space = {param: where for param, where in found.items() if where is not None}
    if not space:
        raise CommandError(
            f"algorithm {name!r} has no default space. "
            'Write one: {"space": {"C": {"low": 0.01, "high": 100, "log": true}}}.'
        )
    return space


def _legal_part(
    name: str, task: str, algorithms: Mapping[str, Algorithm], param: str, where: Range | Choice
) -> Range | Choice | None:
    """Return what of a default space the estimator of `task` takes, None for nothing."""
    if isinstance(where, Range):
        return where
    kept = tuple(value for value in where.values if _is_legal(name, task, algorithms, {param: value}))
    return Choice(kept) if kept else None


def _is_legal(name: str, task: str, algorithms: Mapping[str, Algorithm], hyperparams: Mapping[str, Any]) -> bool:
    try:
        check_hyperparams(name, task, algorithms, hyperparams)
    except DeclarationError:
        return False
    return True


def read_space(name: str, task: str, algorithms: Mapping[str, Algorithm], written: Any) -> Space:
    """Return the space that the JSON object `written` describes, every end and value of it checked.

    A list is a choice of values; {"low": ..., "high": ..., "log": true} is a range, of integers where both ends are.
    Raises CommandError for what is neither, DeclarationError for a hyperparameter or a value that the estimator lacks.
    """
    if not isinstance(written, dict) or not written:
        raise CommandError(
            f"option 'space' takes a JSON object of hyperparameter to a list or a range, got {_json(written)}. "
            'Write {"C": {"low": 0.01, "high": 100, "log": true}}.'
        )
    space = {param: _where(param, value) for param, value in written.items()}
    for param, where in space.items():
        ends = (where.at(0.0), where.at(1.0)) if isinstance(where, Range) else where.values
        for value in ends:
            check_hyperparams(name, task, algorithms, {param: value})
    return space


def _where(param: str, written: Any) -> Range | Choice:
    if isinstance(written, list) and written:
        return Choice(tuple(written))
    if isinstance(written, dict) and {"low", "high"} <= written.keys() <= {"low", "high", "log"}:
        low, high, log = written["low"], written["high"], written.get("log", False)
        numbers = all(type(end) in (int, float) and math.isfinite(end) for end in (low, high))
        if numbers and isinstance(log, bool) and low < high and (low > 0 or not log):
            return Range(low, high, log, type(low) is int and type(high) is int)
    raise CommandError(
        f"the space of {param!r} is a list of values or a range, got {_json(written)}. "
        'Write [1, 2, 3], or {"low": 0.01, "high": 100, "log": true}; with "log", low is above 0.'
    )


def _json(value: Any) -> str:
    return shown(json.dumps(value, ensure_ascii=False)).strip("'")


def draw(space: Space, seed: int, number: int) -> dict[str, Any]:
    """Return the hyperparameters of the random trial `number`: the same for the same seed, whatever came before."""
    generator = np.random.RandomState([seed, number])
    return {param: space[param].at(float(generator.random_sample())) for param in sorted(space)}


def grid(space: Space, most: int | None) -> list[dict[str, Any]]:
    """Return all combinations of a space's points, the first `most` of them where that is given.

    Raises CommandError where there are more than MAX_GRID and `most` does not say how many.
    """
    points: Sequence[tuple[Any, ...]] = [where.points() for where in space.values()]
    count = math.prod(map(len, points))
    if most is None and count > MAX_GRID:
        raise CommandError(
            f"the grid has {count} points, more than {MAX_GRID}. "
            'Write a smaller space, say how many with "trials", or use {"search": "random"}.'
        )
    return [dict(zip(space, values, strict=True)) for values in islice(product(*points), most)]
