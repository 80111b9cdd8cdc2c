"""Naive Bayes."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

BAYES = {
    "naive_bayes": Algorithm(
        doc="Gaussian naive Bayes: each feature normal within a class, independent of the others.",
        family="bayes",
        estimators={"classification": "sklearn.naive_bayes:GaussianNB"},
    ),
}
