"""Projections: few numbers that say most of what many columns say."""

from __future__ import annotations

from collections.abc import Mapping

from sqlite_ml_vtab.learning.algorithms.base import Algorithm, Default

_DECOMPOSITION = "sklearn.decomposition"


def _projection(
    doc: str,
    estimator: str,
    family: str = "linear",
    *,
    module: str = _DECOMPOSITION,
    scale: str = "standard",
    defaults: Mapping[str, Default] | None = None,
) -> Algorithm:
    return Algorithm(
        doc=doc,
        family=family,
        estimators={"projection": f"{module}:{estimator}"},
        defaults=defaults or {},
        scale=scale,
        option_params={"components": "n_components"},
    )


PROJECTIONS = {
    "pca": _projection("Principal components: the directions along which rows differ most.", "PCA"),
    "truncated_svd": _projection("As pca, about the origin and not the mean.", "TruncatedSVD"),
    "nmf": _projection(
        "Parts that add up, none negative, to the row; numbers are brought to the range 0 to 1.",
        "NMF",
        "nonnegative",
        scale="minmax",
        defaults={"max_iter": 1000},
    ),
    "fast_ica": _projection("Components that are independent of each other.", "FastICA", defaults={"max_iter": 1000}),
    "random_projection": _projection(
        "Random directions, which keep distances as they are; fitted at once.",
        "GaussianRandomProjection",
        module="sklearn.random_projection",
    ),
}
