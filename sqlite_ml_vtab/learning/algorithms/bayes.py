"""Naive Bayes, and classes as Gaussians."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

BAYES = {
    "gaussian_nb": Algorithm(
        doc="Gaussian naive Bayes: each feature normal within a class, independent of the others.",
        family="bayes",
        estimators={"classification": "sklearn.naive_bayes:GaussianNB"},
    ),
    "bernoulli_nb": Algorithm(
        doc="Naive Bayes over yes and no: whether each feature is above its mean, and each word is there.",
        family="events",
        estimators={"classification": "sklearn.naive_bayes:BernoulliNB"},
        scale="standard",
        counts=True,
    ),
    "multinomial_nb": Algorithm(
        doc="Naive Bayes over counts, of words above all; numbers are brought to the range 0 to 1.",
        family="linear",
        estimators={"classification": "sklearn.naive_bayes:MultinomialNB"},
        scale="minmax",
        counts=True,
    ),
    "complement_nb": Algorithm(
        doc="Multinomial naive Bayes from the counts of all other classes: for unequal classes.",
        family="linear",
        estimators={"classification": "sklearn.naive_bayes:ComplementNB"},
        scale="minmax",
        counts=True,
    ),
    "categorical_nb": Algorithm(
        doc="Naive Bayes over categories; numbers are cut into ten bins of equal size.",
        family="events",
        estimators={"classification": "sklearn.naive_bayes:CategoricalNB"},
        codes=True,
    ),
    "qda": Algorithm(
        doc="Quadratic discriminant analysis: classes as Gaussians, each with its own covariance.",
        family="discriminant",
        estimators={"classification": "sklearn.discriminant_analysis:QuadraticDiscriminantAnalysis"},
        defaults={"reg_param": 0.01},
        scale="standard",
    ),
}
