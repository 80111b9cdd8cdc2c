"""Nearest neighbours."""

import math

from sqlite_ml_vtab.learning.algorithms.base import Algorithm


def _neighbors(name: str) -> dict[str, str]:
    return {
        "classification": f"sklearn.neighbors:{name}Classifier",
        "regression": f"sklearn.neighbors:{name}Regressor",
    }


NEIGHBORS = {
    "knn": Algorithm(
        doc="The vote, or the mean, of the 5 nearest training rows.",
        family="neighbors",
        estimators=_neighbors("KNeighbors"),
        defaults={"n_neighbors": lambda rows, width: min(5, rows)},
        scale="standard",
    ),
    "radius_neighbors": Algorithm(
        doc="The vote, or the mean, of the training rows within a radius; without any, the commonest class or NULL.",
        family="neighbors",
        estimators=_neighbors("RadiusNeighbors"),
        # Distances grow with the number of columns: a radius of 1 leaves every row of 30 columns alone.
        defaults={"radius": lambda rows, width: math.sqrt(width)},
        task_defaults={"classification": {"outlier_label": "most_frequent"}},
        scale="standard",
    ),
    "nearest_centroid": Algorithm(
        doc="The class whose mean is nearest.",
        family="neighbors",
        estimators={"classification": "sklearn.neighbors:NearestCentroid"},
        scale="standard",
    ),
}
