"""Clusterings: which rows belong together. Distances are measured, so numbers are standardised."""

from __future__ import annotations

from collections.abc import Mapping

from sqlite_ml_vtab.learning.algorithms.base import Algorithm
from sqlite_ml_vtab.portable import LISTED

_COUNT = {"clusters": "n_clusters"}


def _clusters(
    doc: str,
    estimator: str,
    family: str = "centres",
    *,
    count: Mapping[str, str] | None = None,
    max_rows: int = 0,
    module: str = "sklearn.cluster",
) -> Algorithm:
    return Algorithm(
        doc=doc,
        family=family,
        estimators={"clustering": f"{module}:{estimator}"},
        scale="standard",
        option_params=count or {},
        max_rows=max_rows,
    )


CLUSTERS = {
    "kmeans": _clusters("Clusters around centres, each row with the nearest.", "KMeans", count=_COUNT),
    "mini_batch_kmeans": _clusters(
        "K-means fitted on small samples: for very many rows.", "MiniBatchKMeans", count=_COUNT
    ),
    "birch": _clusters("A tree of small clusters, joined to larger ones.", "Birch", count=_COUNT),
    "gaussian_mixture": _clusters(
        "Clusters as Gaussians of any shape, with a probability for each.",
        "GaussianMixture",
        "discriminant",
        count={"clusters": "n_components"},
        module="sklearn.mixture",
    ),
    "dbscan": _clusters("Dense regions of any shape; lonely rows are noise, -1. Places no new rows.", "DBSCAN", LISTED),
    "hdbscan": _clusters(
        "Dense regions of any shape and of different density; the rest is noise, -1. Places no new rows.",
        "HDBSCAN",
        LISTED,
    ),
    "agglomerative": _clusters(
        "Joins the two nearest clusters, again and again. Places no new rows; 20,000 rows at most.",
        "AgglomerativeClustering",
        LISTED,
        count=_COUNT,
        max_rows=20_000,
    ),
    "mean_shift": _clusters(
        "Centres where rows are densest; finds their number. 20,000 rows at most.", "MeanShift", max_rows=20_000
    ),
    "affinity_propagation": _clusters(
        "Rows vote for the row that represents them; finds their number. 5,000 rows at most.",
        "AffinityPropagation",
        max_rows=5_000,
    ),
}
