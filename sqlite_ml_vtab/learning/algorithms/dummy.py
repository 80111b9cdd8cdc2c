"""Baselines that ignore the features."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

DUMMY = {
    "dummy": Algorithm(
        doc="Predicts the same for every row: the commonest class, or the mean. What any model must beat.",
        family="constant",
        estimators={"classification": "sklearn.dummy:DummyClassifier", "regression": "sklearn.dummy:DummyRegressor"},
    ),
}
