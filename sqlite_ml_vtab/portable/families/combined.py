"""The combined family: an answer made of what other models say (voting, bagging, boosting, stacking, calibration).

A member is a model of another family, or of this one, with parameters of its own, over the same matrix or some of its
columns. Here they are taken from estimators; combined_scoring says how they are checked and evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, NotPortable
from sqlite_ml_vtab.portable.families.combined_scoring import ambiguous, families, row, scores, validate
from sqlite_ml_vtab.portable.families.medians import shares

LIBRARIES = {"sklearn", "lightgbm", "xgboost"}
"""Whose estimators are known by what they have learned; one of another origin may mean something else by the names."""

FAMILY_OF = {
    "DummyClassifier": "constant",
    "DummyRegressor": "constant",
    "GaussianNB": "bayes",
    "BernoulliNB": "events",
    "CategoricalNB": "events",
    "QuadraticDiscriminantAnalysis": "discriminant",
    "IsotonicRegression": "isotonic",
    "EllipticEnvelope": "quadratic",
    "FastICA": "linear",
    "GaussianMixture": "discriminant",
    "GaussianRandomProjection": "linear",
    "IsolationForest": "trees",
    "LocalOutlierFactor": "density",
    "NMF": "nonnegative",
    "PCA": "linear",
    "SparseRandomProjection": "linear",
    "TruncatedSVD": "linear",
}
"""The family by the class's name, where the attributes do not tell."""

_SIGNS = (
    ("booster_", "trees"),
    ("get_booster", "trees"),
    ("calibrated_classifiers_", "combined"),
    ("final_estimator_", "combined"),
    ("named_estimators_", "combined"),
    ("tree_", "trees"),
    ("_predictors", "trees"),
    ("estimators_", "trees"),
    ("support_vectors_", "kernel"),
    ("X_fit_", "kernel"),
    ("X_train_", "kernel"),
    ("coefs_", "mlp"),
    ("_fit_X", "neighbors"),
    ("centroids_", "neighbors"),
    ("cluster_centers_", "centres"),
    ("subcluster_centers_", "centres"),
    ("coef_", "linear"),
    ("feature_log_prob_", "linear"),
)
"""What a fitted estimator has that tells its family; the first that fits counts."""


def extracted(estimator: Any) -> tuple[str, dict[str, Any]]:
    """Return the family of a fitted estimator and its parameters; raise NotPortable where it has none.

    What the hyperparameters made of it decides: bagged trees are trees, bagged neighbours are not.
    """
    while hasattr(estimator, "inlier_mask_"):  # RANSAC answers as the estimator that it fitted to the inliers
        estimator = estimator.estimator_
    name = _family_of(estimator)
    return name, families()[name].extract(estimator)


def _family_of(estimator: Any) -> str:
    kind = type(estimator)
    if kind.__module__.partition(".")[0] in LIBRARIES:
        if kind.__name__ in FAMILY_OF:
            return FAMILY_OF[kind.__name__]
        if _is_drawn(estimator) and not all(hasattr(member, "tree_") for member in estimator.estimators_):
            return "combined"
        for attribute, name in _SIGNS:
            if hasattr(estimator, attribute):
                return name
    raise NotPortable(f"{kind.__name__} has no portable form")


def _is_drawn(estimator: Any) -> bool:
    """Return whether it is bagging or AdaBoost, which repeat one algorithm on drawn, or reweighted, rows."""
    return hasattr(estimator, "estimators_features_") or hasattr(estimator, "estimator_weights_")


def extract(estimator: Any) -> dict[str, Any]:
    """Take a voting, bagging, boosting, stacking or calibrated estimator."""
    if hasattr(estimator, "calibrated_classifiers_"):
        return _calibrated(estimator)
    if hasattr(estimator, "final_estimator_"):
        return _stacking(estimator)
    if hasattr(estimator, "estimators_features_"):
        return _bagging(estimator)
    return _boosting(estimator) if _is_drawn(estimator) else _voting(estimator)


def _parameters(link: str, how: str, members: Sequence[Any], weights: Any = None, final: Any = ()) -> dict[str, Any]:
    """Return the parameters; without `weights` all members count alike."""
    counts = np.ones(len(members)) if weights is None else np.asarray(weights, dtype=np.float64)
    return {"link": link, "how": how, "members": list(members), "weights": counts, "final": list(final)}


def _voting(estimator: Any) -> dict[str, Any]:
    is_hard = getattr(estimator, "voting", "soft") == "hard"
    members = [_member(member, "vote" if is_hard else "answer") for member in estimator.estimators_]
    link, how = ("none", "sum") if is_hard else ("identity", "mean")
    return _parameters(link, how, members, estimator._weights_not_none)


def _bagging(estimator: Any, *, decides: bool = False) -> dict[str, Any]:
    """Take the mean of what the members say, of their votes where they have no probabilities."""
    found = list(zip(_alike(estimator), estimator.estimators_features_, strict=True))
    has_answers = not hasattr(estimator, "classes_") or all(hasattr(one, "predict_proba") for one, _ in found)
    reads = "decision" if decides else "answer" if has_answers else "vote"
    link = "none" if decides else "identity"
    return _parameters(link, "mean", [_member(member, reads, columns) for member, columns in found])


def _boosting(estimator: Any) -> dict[str, Any]:
    """Take the weighted votes of AdaBoost (SAMME, Zhu et al. 2009, eq. 15), or the weighted median of numbers."""
    members = _alike(estimator)
    weights = np.asarray(estimator.estimator_weights_, dtype=np.float64)[: len(members)]
    if not hasattr(estimator, "classes_"):
        return _parameters("identity", "median", [_member(member, "answer") for member in members], shares(weights))
    classes = len(estimator.classes_)
    parts = weights / weights.sum() * classes / (classes - 1) ** 2
    return _parameters("softmax", "sum", [_member(member, "vote") for member in members], parts)


def _stacking(estimator: Any) -> dict[str, Any]:
    """Take the members and the model over what they say."""
    if estimator.passthrough:
        raise NotPortable("passthrough=True")
    is_label = hasattr(estimator, "classes_")
    reads = {"predict_proba": "answer", "decision_function": "decision", "predict": "label" if is_label else "answer"}
    said = zip(estimator.estimators_, estimator.stack_method_, strict=True)
    final = _member(estimator.final_estimator_, "vote")
    members = [_member(member, reads[method]) for member, method in said]
    return _parameters(final["parameters"]["link"], "stack", members, final=[final])


def _calibrated(estimator: Any) -> dict[str, Any]:
    """Take the mean of calibrated members, each with a curve for each class over its decision values."""
    members = []
    for fitted, inner in zip(estimator.calibrated_classifiers_, _alike(estimator), strict=True):
        if fitted.method not in ("sigmoid", "isotonic"):
            raise NotPortable(f"method {fitted.method!r}")
        member = _member(inner, "decision" if hasattr(inner, "decision_function") else "answer")
        members.append(member | {"curves": [_curve(curve) for curve in fitted.calibrators]})
    return _parameters("identity", "mean", members)


def _curve(calibrator: Any) -> dict[str, Any]:
    if hasattr(calibrator, "a_"):
        return {"a": float(calibrator.a_), "b": float(calibrator.b_)}
    points = (calibrator.X_thresholds_, calibrator.y_thresholds_)
    return {name: np.asarray(values, dtype=np.float64) for name, values in zip(("x", "y"), points, strict=True)}


def _alike(estimator: Any) -> list[Any]:
    """Return the members that were fitted to parts of the rows; raise NotPortable where one missed a class."""
    calibrated = getattr(estimator, "calibrated_classifiers_", None)
    members = [one.estimator for one in calibrated] if calibrated else list(estimator.estimators_)
    classes = len(getattr(estimator, "classes_", ()))
    if any(len(getattr(member, "classes_", ())) != classes for member in members):
        raise NotPortable("a member saw rows of some classes only")
    return members


def _member(estimator: Any, reads: str, columns: Any = None) -> dict[str, Any]:
    """Return one member: its family, its parameters, the columns that it reads (none: all), what is read of it."""
    take = _READ_AS.get((type(estimator).__name__, reads), extracted)
    name, parameters = take(estimator)
    places = np.empty(0, dtype="<i4") if columns is None else np.asarray(columns, dtype="<i4")
    return {"family": name, "parameters": parameters, "columns": places, "reads": reads, "curves": []}


# Estimators whose decision_function, or predict_proba, is not what they predict by


def _broken_ties(estimator: Any) -> tuple[str, dict[str, Any]]:
    name, parameters = extracted(estimator)
    if parameters["votes"] == "pairs" and estimator.decision_function_shape == "ovr":
        return name, parameters | {"votes": "ties_broken"}
    return name, parameters


def _undivided(estimator: Any) -> tuple[str, dict[str, Any]]:
    """Return AdaBoost's trees with their votes as decision_function counts them."""
    name, parameters = extracted(estimator)
    if name == "combined":
        raise NotPortable("the decisions of boosted models that are not trees")
    return name, parameters | {"value": parameters["value"] * (len(estimator.classes_) - 1)}


def _bagged_decisions(estimator: Any) -> tuple[str, dict[str, Any]]:
    return "combined", _bagging(estimator, decides=True)


def _gaussians(estimator: Any) -> tuple[str, dict[str, Any]]:
    """Return nearest centroids as Gaussians: their discriminant scores (Hastie et al., ESL, eq. 18.2)."""
    means = np.asarray(estimator.centroids_, dtype=np.float64)
    deviation = np.where(estimator.within_class_std_dev_ != 0, estimator.within_class_std_dev_, 1.0)
    variance = np.tile(deviation**2 / 2.0, (len(means), 1))
    return "bayes", {
        "link": "softmax",
        "mean": means,
        "variance": variance,
        "offset": 2.0 * np.log(np.asarray(estimator.class_prior_, dtype=np.float64)),
    }


_READ_AS: dict[tuple[str, str], Callable[[Any], tuple[str, dict[str, Any]]]] = {
    ("SVC", "decision"): _broken_ties,
    ("NuSVC", "decision"): _broken_ties,
    ("AdaBoostClassifier", "decision"): _undivided,
    ("BaggingClassifier", "decision"): _bagged_decisions,
    ("NearestCentroid", "decision"): _gaussians,
    ("NearestCentroid", "answer"): _gaussians,
}
"""By the class's name and what is read of it."""

COMBINED = Family(extract, validate, scores, row, ambiguous)
