"""The linear family: coefficients, intercepts and a link."""

from __future__ import annotations

from operator import mul
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, NotPortable, Parameters, RowScores, array, names
from sqlite_ml_vtab.portable.values import Floats


def extract(estimator: Any) -> dict[str, Any]:
    """Take coefficients and intercepts; a binary classifier's one row becomes two, the first all zeros."""
    if hasattr(estimator, "components_"):
        return _projection(estimator)
    coef, intercept = _coefficients(estimator)
    if not hasattr(estimator, "classes_"):
        return {"link": _number_link(estimator), "coef": coef, "intercept": intercept}
    if len(coef) == 1:
        coef, intercept = np.vstack((np.zeros_like(coef), coef)), np.append(0.0, intercept)
    return {"link": _class_link(estimator), "coef": coef, "intercept": intercept}


def _projection(estimator: Any) -> dict[str, Any]:
    """Take the components of PCA, TruncatedSVD, FastICA or a random projection, an output each."""
    found = estimator.components_
    coef = np.array(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)
    if getattr(estimator, "whiten", None) is True and hasattr(estimator, "explained_variance_"):
        coef /= np.maximum(np.sqrt(estimator.explained_variance_), np.finfo(np.float64).eps)[:, None]
    mean = getattr(estimator, "mean_", None)
    intercept = np.zeros(len(coef)) if mean is None else -(coef @ np.asarray(mean, dtype=np.float64))
    return {"link": "identity", "coef": coef, "intercept": intercept}


def _coefficients(estimator: Any) -> tuple[Floats, Floats]:
    """Return coefficients (outputs, width) and intercepts (outputs,), whatever the estimator calls them."""
    if hasattr(estimator, "feature_log_prob_"):
        return _log_probabilities(estimator)
    coef = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    intercept = np.asarray(estimator.intercept_, dtype=np.float64).reshape(-1)
    if hasattr(estimator, "_x_mean"):
        intercept = intercept - coef @ estimator._x_mean
    return coef, np.broadcast_to(intercept, (coef.shape[0],)).copy()


def _log_probabilities(estimator: Any) -> tuple[Floats, Floats]:
    """Return those of multinomial and complement naive Bayes; the latter heeds no prior."""
    coef = np.asarray(estimator.feature_log_prob_, dtype=np.float64)
    is_complement = hasattr(estimator, "norm")
    return coef, np.zeros(len(coef)) if is_complement else np.maximum(estimator.class_log_prior_, -1e300)


def _number_link(estimator: Any) -> str:
    """Return ``exp`` for the generalised linear models that predict the logarithm."""
    loss = getattr(estimator, "_base_loss", None)
    return "exp" if type(getattr(loss, "link", None)).__name__ == "LogLink" else "identity"


def _class_link(estimator: Any) -> str:
    """Return the link by which the estimator makes probabilities of its decision values."""
    binary = len(estimator.classes_) == 2
    if not hasattr(estimator, "predict_proba"):
        return "none"
    if hasattr(estimator, "feature_log_prob_"):
        return "softmax"
    loss = getattr(estimator, "loss", None)
    if loss == "modified_huber":
        return "modified_huber" if binary else "modified_huber_ovr"
    if loss not in {None, "log_loss"}:
        raise NotPortable(f"loss {loss!r}")
    if binary:
        return "sigmoid"
    return "ovr" if loss == "log_loss" or getattr(estimator, "solver", None) == "liblinear" else "softmax"


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require a coefficient for each column and an intercept, for each output."""
    names(parameters, "coef", "intercept")
    array(parameters, "coef", "<f8", (outputs, width))
    array(parameters, "intercept", "<f8", (outputs,))


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return matrix · coefᵀ + intercept."""
    return np.asarray(matrix @ parameters["coef"].T + parameters["intercept"])


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row, as plain loops over a few floats: numpy would cost more than it saves."""
    lines = list(zip(parameters["coef"].tolist(), parameters["intercept"].tolist(), strict=True))
    if len(lines) == 1:
        ((coef, intercept),) = lines
        return lambda x: (sum(map(mul, coef, x)) + intercept,)
    if len(lines) == 2 and not any(lines[0][0]) and lines[0][1] == 0.0:
        coef, intercept = lines[1]
        return lambda x: (0.0, sum(map(mul, coef, x)) + intercept)
    return lambda x: [sum(map(mul, coef, x)) + intercept for coef, intercept in lines]


LINEAR = Family(extract, validate, scores, row)
