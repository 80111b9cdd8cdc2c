"""Nearest neighbours."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

NEIGHBORS = {
    "knn": Algorithm(
        doc="The vote, or the mean, of the 5 nearest training rows.",
        family="neighbors",
        estimators={
            "classification": "sklearn.neighbors:KNeighborsClassifier",
            "regression": "sklearn.neighbors:KNeighborsRegressor",
        },
        defaults={"n_neighbors": lambda rows: min(5, rows)},
        scales=True,
    ),
}
