"""The discriminant family: a Gaussian with its own covariance for each class (QDA), or for each cluster."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, Parameters, array, by_matrix, names, word
from sqlite_ml_vtab.portable.values import Floats


def extract(estimator: Any) -> dict[str, Any]:
    """Take a QuadraticDiscriminantAnalysis: for each class the map that whitens it, padded to (width, width).

    Or a GaussianMixture.
    """
    if hasattr(estimator, "precisions_cholesky_"):
        return _mixture(estimator)
    means = np.asarray(estimator.means_, dtype=np.float64)
    maps = np.zeros((*means.shape, means.shape[1]))
    offset = np.empty(len(means))
    for place, (rotation, scaling) in enumerate(zip(estimator.rotations_, estimator.scalings_, strict=True)):
        whitening = rotation * scaling ** (-0.5)
        maps[place, :, : whitening.shape[1]] = whitening
        offset[place] = -0.5 * np.sum(np.log(scaling)) + np.log(estimator.priors_[place])
    return {"link": "softmax", "means": means, "maps": maps, "offset": offset}


def _mixture(estimator: Any) -> dict[str, Any]:
    """Take the Gaussians of a mixture, whose precisions are stored as their type has it."""
    means = np.asarray(estimator.means_, dtype=np.float64)
    count, width = means.shape
    stored = np.asarray(estimator.precisions_cholesky_, dtype=np.float64)
    if estimator.covariance_type == "spherical":
        stored = np.repeat(stored[:, None], width, axis=1)
    if estimator.covariance_type in ("diag", "spherical"):
        maps = stored[:, :, None] * np.eye(width)
    else:
        maps = np.broadcast_to(stored, (count, width, width)).copy()
    # One addend of the log-likelihood is the same for all, and left out.
    offset = np.log(np.diagonal(maps, axis1=1, axis2=2)).sum(axis=1) + np.log(estimator.weights_)
    return {"link": "softmax", "means": means, "maps": maps, "offset": offset}


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require a mean and a map for each class."""
    names(parameters, "means", "maps", "offset")
    array(parameters, "means", "<f8", (outputs, width))
    array(parameters, "maps", "<f8", (outputs, width, width))
    array(parameters, "offset", "<f8", (outputs,))
    word(parameters, "link", "softmax")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the log posterior of each class, up to a constant (Hastie et al., ESL, eq. 4.12)."""
    columns = [
        offset - 0.5 * np.sum(((matrix - mean) @ whitening) ** 2, axis=1)
        for mean, whitening, offset in zip(parameters["means"], parameters["maps"], parameters["offset"], strict=True)
    ]
    return np.column_stack(columns)


DISCRIMINANT = Family(extract, validate, scores, by_matrix(scores))
