"""STATES: what of an estimator that learns in chunks must be kept for it to go on later as if it had never stopped.

Plain arrays, never the estimator itself. Read back from a file they are checked before they are given to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import CommandError
from sqlite_ml_vtab.learning.estimator import unfitted
from sqlite_ml_vtab.learning.features import Encoded
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.portable.codec import damaged

_LINEAR = ("coef_", "intercept_", "t_")
_COUNTS = ("feature_count_", "class_count_")

STATES: dict[str, tuple[str, ...]] = {
    "sgd": _LINEAR,
    "perceptron": _LINEAR,
    "passive_aggressive": _LINEAR,
    "gaussian_nb": ("theta_", "var_", "class_count_", "class_prior_"),
    "multinomial_nb": _COUNTS,
    "complement_nb": _COUNTS,
    "bernoulli_nb": _COUNTS,
    "categorical_nb": ("category_count_", "class_count_"),
    "mlp": (),
}
"""By algorithm, all that can learn in chunks, the attributes that are its state; none where it cannot go on later."""


def check_can_go_on(plan: Plan) -> None:
    """Raise CommandError where the estimator's state is more than the arrays that are kept."""
    goes_on = [name for name, kept in STATES.items() if kept]
    if plan.name not in goes_on:
        raise CommandError(
            f"algorithm {plan.name!r} cannot go on from an earlier version: its optimiser has a memory of its own. "
            f"Train anew, or use one of {', '.join(sorted(goes_on))}."
        )
    if plan.hyperparams.get("average"):
        raise CommandError("sgd with average cannot go on from an earlier version. Train anew, or leave out average.")


def state_of(plan: Plan, estimator: Any) -> dict[str, Any] | None:
    """Return the arrays by name, None where the algorithm cannot go on later."""
    names = STATES[plan.name]
    if not names or plan.hyperparams.get("average"):
        return None
    kept = {name: getattr(estimator, name) for name in names}
    return {
        name: list(map(_plain, value)) if isinstance(value, list) else _plain(value) for name, value in kept.items()
    }


def _plain(value: Any) -> Any:
    return np.ascontiguousarray(value, dtype="<f8").reshape(np.shape(value) or (1,))


def restored(plan: Plan, encoded: Encoded, classes: int, state: Mapping[str, Any]) -> Any:
    """Return an estimator as it was when `state` was taken of it.

    Raises ModelError where the arrays are not of its shape, or not numbers.
    """
    estimator = unfitted(plan, encoded, None)
    width = encoded.encoder.width
    if not isinstance(state, dict) or state.keys() != set(STATES[plan.name]):
        raise damaged("its state")
    for name, value in state.items():
        setattr(estimator, name, _checked(name, value, classes, width, encoded))
    estimator.n_features_in_ = width
    if classes:
        estimator.classes_ = np.arange(classes)
    if plan.name == "complement_nb":
        estimator.feature_all_ = estimator.feature_count_.sum(axis=0)
    if plan.name == "categorical_nb":
        estimator.n_categories_ = np.array([table.shape[1] for table in estimator.category_count_])
    return estimator


def _checked(name: str, value: Any, classes: int, width: int, encoded: Encoded) -> Any:
    """Return a copy of one array of the state, which the estimator may write to."""
    if name == "category_count_":
        if not isinstance(value, list) or len(value) != width:
            raise damaged("its state")
        return [_array(table, (classes, codes)) for table, codes in zip(value, encoded.codes, strict=True)]
    lines = max(1, classes) if classes != 2 else 1
    if name == "t_":
        return float(_array(value, (1,))[0])
    if name == "coef_":
        return _array(value, (lines, width) if classes else (width,))
    if name == "intercept_":
        return _array(value, (lines,))
    shape = (classes,) if name.startswith("class_") else (classes, width)
    return _array(value, shape)


def _array(value: Any, shape: tuple[int, ...]) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        raise damaged("its state")
    if not np.isfinite(value).all():
        raise damaged("its state")
    return value.copy()
