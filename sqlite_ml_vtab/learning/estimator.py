"""A scikit-learn estimator, made from a plan, fitted, and asked in one way whatever it is."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.algorithms import (
    MEMBERS,
    Algorithm,
    find_algorithm,
    known_defaults,
    legal_hyperparams,
    members,
)
from sqlite_ml_vtab.learning.features import Encoded
from sqlite_ml_vtab.learning.trials import with_ends
from sqlite_ml_vtab.portable.values import Floats

if TYPE_CHECKING:
    from sqlite_ml_vtab.learning.runs import Plan


TRIED = 1_000
"""On so many rows of the train part a fitted estimator is tried for numbers that are not finite."""

ENDLESS = 10**9
"""So many rows a table is taken to have that is learned from in chunks."""


@dataclass(frozen=True, slots=True)
class Estimator:
    """A fitted estimator."""

    name: str
    """The algorithm's name."""
    fitted: Any
    classes: int
    """How many classes it tells apart, 0 for regression."""
    notes: tuple[str, ...]
    has_probabilities: bool
    """Whether it gives probabilities, and predicts the likeliest class by them."""
    tolerance: float = 1e-9
    """How near a portable form must come, relatively: the loosest of the algorithms that it is made of."""

    @property
    def link(self) -> str:
        """What its decision values are: ``identity`` for probabilities and numbers, ``none`` for one-hot votes."""
        return "none" if self.classes and not self.has_probabilities else "identity"

    def scores(self, matrix: Floats) -> Floats:
        """Return its decision values for `matrix` (n, width): (n, classes), or (n, 1) for regression.

        Raises TrainingError where it has no answer.
        """
        if not self.classes:
            return np.asarray(self.answers(matrix), dtype=np.float64).reshape(-1, 1)
        if self.link == "identity":
            return np.asarray(self.asked("predict_proba", matrix), dtype=np.float64)
        return np.asarray(np.eye(self.classes)[self.answers(matrix).astype(np.int64)])

    def answers(self, matrix: Floats) -> np.ndarray[Any, Any]:
        """Return its own predictions for `matrix`: places of classes, or numbers, of shape (n,)."""
        return np.asarray(self.asked("predict", matrix)).reshape(-1)

    def asked(self, method: str, matrix: Floats) -> Any:
        """Return what the estimator's `method` says of `matrix`; raise TrainingError where it has no answer."""
        try:
            return getattr(self.fitted, method)(matrix)
        except _refusals() as error:
            raise TrainingError(f"algorithm {self.name!r} has no answer for these rows: {_reason(error)}") from error


def _refusals() -> tuple[type[Exception], ...]:
    """Return what an estimator refuses rows, or hyperparameters, with."""
    known: tuple[type[Exception], ...] = (ValueError, TypeError, ArithmeticError, AttributeError, LookupError)
    lightgbm = sys.modules.get("lightgbm")
    return (*known, RuntimeError, np.linalg.LinAlgError, *([lightgbm.basic.LightGBMError] if lightgbm else []))


def _reason(error: Exception) -> str:
    """Return an estimator's own words: the first line, for advice on scikit-learn follows, without a place in C++."""
    line = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
    return re.sub(r"^\[[\d:]+\] \S+:\d+: | at /\S+, line \d+ \.$", "", line)


def fit_estimator(plan: Plan, encoded: Encoded, answers: Any, weights: Floats | None) -> Estimator:
    """Fit the estimator that `plan` names on the encoded training rows and `answers` (n,).

    Raises TrainingError with the estimator's own reason where it cannot be fitted.
    """
    estimator = unfitted(plan, encoded, answers)
    fit_options = {} if weights is None else {"sample_weight": _accepted(plan, estimator, weights)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with refusing(plan):
            estimator.fit(encoded.matrix, answers, **fit_options)
        classes = len(set(np.unique(answers).tolist())) if plan.task == "classification" else 0
        fitted = finished(plan, estimator, classes, encoded.matrix)
    return replace(fitted, notes=tuple(_convergence_notes(plan, caught)))


@contextmanager
def refusing(plan: Plan) -> Iterator[None]:
    """Turn an estimator's refusal of rows or hyperparameters into a TrainingError with its own reason."""
    try:
        yield
    except _refusals() as error:
        raise TrainingError(f"algorithm {plan.name!r} cannot be fitted to these rows: {_reason(error)}") from error
    except MemoryError as error:
        # A hyperparameter can ask for any amount, which no estimate sees: layers of 10^9 units, 10^12 trees.
        raise TrainingError(
            f"algorithm {plan.name!r} asks for more memory than there is: {_reason(error)}. "
            "Write smaller hyperparams, or learn from fewer rows."
        ) from error


def finished(plan: Plan, estimator: Any, classes: int, matrix: Floats) -> Estimator:
    """Return a fitted estimator as it is asked from now on, tried on its training `matrix`."""
    with refusing(plan):
        _answer_in_order(estimator)
        # Some estimators check their hyperparameters only now: more neighbors than rows, say.
        estimator.predict(matrix[:1])
        likely = plan.task == "classification" and _predicts_the_likeliest(estimator, matrix)
    tolerance = max(algorithm.tolerance for algorithm in used_algorithms(plan))
    fitted = Estimator(plan.name, estimator, classes, (), likely, tolerance)
    # The test part is looked at whole when it is measured.
    check_finite(plan, fitted.scores(matrix[with_ends(matrix, TRIED, plan.seed)]))
    return fitted


def fit_without_target(
    plan: Plan, params: Mapping[str, Any], matrix: Floats, weights: Floats | None
) -> tuple[Any, tuple[str, ...]]:
    """Fit the estimator that `plan` names, with the hyperparameters `params`, on `matrix` (n, width).

    Returns it and notes on how it went. Raises TrainingError with its own reason where it cannot be fitted.
    """
    estimator = _build(plan, plan.name, plan.algorithm, params, matrix.shape, plan.threads)
    fit_options = {} if weights is None else {"sample_weight": _accepted(plan, estimator, weights)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with refusing(plan):
            estimator.fit(matrix, **fit_options)
    _answer_in_order(estimator)
    return estimator, tuple(_convergence_notes(plan, caught))


def _predicts_the_likeliest(estimator: Any, matrix: Floats) -> bool:
    """Return whether it has probabilities that agree with its predictions; those of SVC, for one, need not."""
    if not hasattr(estimator, "predict_proba"):
        return False
    sample = matrix[:1000]
    return bool((estimator.predict_proba(sample).argmax(axis=1) == estimator.predict(sample)).all())


def _answer_in_order(estimator: Any) -> None:
    """Let an ensemble answer in one thread: several add its members in another order each time."""
    if hasattr(estimator, "estimators_") and hasattr(estimator, "n_jobs"):
        estimator.n_jobs = 1


def check_finite(plan: Plan, scores: Floats) -> None:
    """Raise TrainingError where a row has no class, as naive Bayes leaves rows of constant columns, or none a number.

    A number may be missing here and there: radius neighbours know nothing of a lonely row.
    """
    known = np.isfinite(scores)
    if len(scores) and not (known.all() if plan.task == "classification" else known.any()):
        raise TrainingError(
            f"algorithm {plan.name!r} gives no finite number for these rows. Use another algorithm or hyperparams."
        )


def used_algorithms(plan: Plan) -> list[Algorithm]:
    """Return the algorithm of `plan` and those that its hyperparameters name, however deep."""
    return list(_used(plan, plan.algorithm, plan.hyperparams))


def _used(plan: Plan, algorithm: Algorithm, hyperparams: Mapping[str, Any]) -> Iterator[Algorithm]:
    yield algorithm
    params = algorithm.default_params(plan.task, 1) | dict(hyperparams)
    for param in MEMBERS & params.keys():
        for member, its_params in members(plan.name, param, params[param]):
            yield from _used(plan, find_algorithm(member, plan.task, plan.algorithms)[1], its_params)


def unfitted(plan: Plan, encoded: Encoded, answers: Any) -> Any:
    """Return the unfitted estimator, wrapped so that its probabilities are calibrated where that was asked for."""
    threads = plan.threads if plan.calibrate is None else 1
    # Defaults that follow the number of rows must be those of the passes still to come: of rows without end.
    rows = ENDLESS if plan.fit == "incremental" else len(encoded.matrix)
    shape = (rows, encoded.matrix.shape[1])
    estimator = _build(plan, plan.name, plan.algorithm, plan.hyperparams, shape, threads)
    if plan.algorithm.codes and "min_categories" in estimator.get_params():
        estimator.set_params(min_categories=encoded.codes)
    return estimator if plan.calibrate is None else _calibrated(plan, estimator, answers)


def _build(
    plan: Plan, name: str, algorithm: Algorithm, hyperparams: Mapping[str, Any], shape: tuple[int, ...], threads: int
) -> Any:
    """Return the unfitted estimator, the algorithms that its hyperparameters name built the same way."""
    estimator_class = algorithm.estimator_class(plan.task)
    params = known_defaults(estimator_class, algorithm.default_params(plan.task, *shape)) | dict(hyperparams)
    for param in MEMBERS & params.keys():
        params[param] = _built_members(plan, name, params, param, shape)
    host = {"random_state": plan.seed, "n_jobs": threads}
    legal = legal_hyperparams(estimator_class)
    return estimator_class(**params | {param: value for param, value in host.items() if param in legal})


def _built_members(plan: Plan, name: str, params: Mapping[str, Any], param: str, shape: tuple[int, ...]) -> Any:
    """Return the estimators that `param` names. Each has one thread: threads within threads add in no fixed order."""
    built = []
    for member, hyperparams in members(name, param, params[param]):
        found, algorithm = find_algorithm(member, plan.task, plan.algorithms)
        estimator = _build(plan, found, algorithm, hyperparams, shape, 1)
        if params.get("voting") == "soft" and not hasattr(estimator, "predict_proba"):
            raise TrainingError(
                f"algorithm {name!r} takes the mean of probabilities, and {found!r} gives none. "
                'Write {"voting": "hard"} in hyperparams, or {"algorithm": "calibrated", "hyperparams": '
                f'{{"estimator": "{found}"}}}} in its place.'
            )
        built.append((found, estimator))
    if param != "estimators":
        return built[0][1]
    return [(f"{place} {found}", estimator) for place, (found, estimator) in enumerate(built, 1)]


def _calibrated(plan: Plan, estimator: Any, answers: Any) -> Any:
    """Return the estimator wrapped: its probabilities are bent on rows it was not fitted on."""
    from sklearn.calibration import CalibratedClassifierCV

    fewest = int(np.bincount(answers).min())
    if fewest < 2:
        raise TrainingError("calibrate needs 2 rows of each class in the train part, got 1. Insert more rows.")
    return CalibratedClassifierCV(estimator, method=plan.calibrate, cv=min(5, fewest))


def _accepted(plan: Plan, estimator: Any, weights: Floats) -> Floats:
    """Return `weights` if the algorithm, and each that it is made of, takes them."""
    from sklearn.utils.validation import has_fit_parameter

    inner = [value for name, value in estimator.get_params().items() if hasattr(value, "fit") and "__" not in name]
    for part in [estimator, *inner]:
        if not has_fit_parameter(part, "sample_weight"):
            raise TrainingError(
                f"algorithm {plan.name!r} takes no weights. "
                "Leave out the WEIGHT column and class_weight, or use another algorithm."
            )
    return weights


def _convergence_notes(plan: Plan, caught: list[warnings.WarningMessage]) -> list[str]:
    from sklearn.exceptions import ConvergenceWarning

    # K-means and Birch warn so of fewer clusters than were asked for, which more steps do not mend.
    real = [warning for warning in caught if "clusters" not in str(warning.message)]
    if not any(issubclass(warning.category, ConvergenceWarning) for warning in real):
        return []
    return [f"{plan.name} stopped before it converged; raise max_iter in hyperparams"]


def library_versions(extras: Iterable[str] = ()) -> Mapping[str, str]:
    """Return the versions of what made a model, kept with it; `extras` are modules beside scikit-learn."""
    import platform
    from importlib import import_module
    from importlib.metadata import version

    names = ("scikit-learn", "numpy", "scipy")
    found = {"python": platform.python_version()} | {name: version(name) for name in names}
    return found | {name: str(import_module(name).__version__) for name in sorted(extras)}
