"""A scikit-learn estimator, made from a plan, fitted, and asked in one way whatever it is."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.portable.values import Floats

if TYPE_CHECKING:
    from sqlite_ml_vtab.learning.training import Plan


@dataclass(frozen=True, slots=True)
class Estimator:
    """A fitted estimator."""

    fitted: Any
    classes: int
    """How many classes it tells apart, 0 for regression."""
    notes: tuple[str, ...]

    @property
    def link(self) -> str:
        """What its decision values are: ``identity`` for probabilities and numbers, ``none`` for one-hot votes."""
        return "none" if self.classes and not hasattr(self.fitted, "predict_proba") else "identity"

    def scores(self, matrix: Floats) -> Floats:
        """Return its decision values for `matrix` (n, width): (n, classes), or (n, 1) for regression."""
        if not self.classes:
            return np.asarray(self.fitted.predict(matrix), dtype=np.float64).reshape(-1, 1)
        if self.link == "identity":
            return np.asarray(self.fitted.predict_proba(matrix), dtype=np.float64)
        return np.eye(self.classes)[np.asarray(self.fitted.predict(matrix), dtype=np.int64)]

    def answers(self, matrix: Floats) -> np.ndarray[Any, Any]:
        """Return its own predictions for `matrix`: places of classes, or numbers, of shape (n,)."""
        return np.asarray(self.fitted.predict(matrix)).reshape(-1)


def fit_estimator(plan: Plan, matrix: Floats, answers: Any, weights: Floats | None) -> Estimator:
    """Fit the estimator that `plan` names on `matrix` (n, width) and `answers` (n,).

    Raises TrainingError with the estimator's own reason where it cannot be fitted.
    """
    estimator = _make(plan, len(matrix))
    fit_options = {} if weights is None else {"sample_weight": _accepted(plan, estimator, weights)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(matrix, answers, **fit_options)
            _answer_in_order(estimator)
            # Some estimators check their hyperparameters only now: more neighbors than rows, say.
            estimator.predict(matrix[:1])
        except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError) as error:
            reason = " ".join(str(error).split())
            raise TrainingError(f"algorithm {plan.name!r} cannot be fitted to these rows: {reason}") from error
    classes = len(set(np.unique(answers).tolist())) if plan.task == "classification" else 0
    fitted = Estimator(estimator, classes, tuple(_convergence_notes(plan, caught)))
    check_finite(plan, fitted.scores(matrix[:1]))
    return fitted


def _answer_in_order(estimator: Any) -> None:
    """Let an ensemble answer in one thread: several add its members in another order each time."""
    if hasattr(estimator, "estimators_") and hasattr(estimator, "n_jobs"):
        estimator.n_jobs = 1


def check_finite(plan: Plan, scores: Floats) -> None:
    """Raise TrainingError where an estimator answers with NaN, as naive Bayes does of nothing but constant columns."""
    if not np.isfinite(scores).all():
        raise TrainingError(
            f"algorithm {plan.name!r} gives no finite number for these rows. Use another algorithm or hyperparams."
        )


def _make(plan: Plan, rows: int) -> Any:
    estimator_class = plan.algorithm.estimator_class(plan.task)
    params = plan.algorithm.default_params(plan.task, rows) | dict(plan.hyperparams)
    legal = inspect.signature(estimator_class).parameters
    host = {"random_state": plan.seed, "n_jobs": plan.threads}
    return estimator_class(**params | {name: value for name, value in host.items() if name in legal})


def _accepted(plan: Plan, estimator: Any, weights: Floats) -> Floats:
    from sklearn.utils.validation import has_fit_parameter

    if not has_fit_parameter(estimator, "sample_weight"):
        raise TrainingError(
            f"algorithm {plan.name!r} takes no weights. "
            "Leave out the WEIGHT column and class_weight, or use another algorithm."
        )
    return weights


def _convergence_notes(plan: Plan, caught: list[warnings.WarningMessage]) -> list[str]:
    from sklearn.exceptions import ConvergenceWarning

    if not any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        return []
    return [f"{plan.name} stopped before it converged; raise max_iter in hyperparams"]


def library_versions() -> Mapping[str, str]:
    """Return the versions of what made a model, kept with it."""
    import platform
    from importlib.metadata import version

    names = ("scikit-learn", "numpy", "scipy")
    return {"python": platform.python_version()} | {name: version(name) for name in names}
