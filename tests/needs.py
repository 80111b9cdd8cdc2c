"""What single algorithms need, beside what holds for all: the one table of exceptions of the contract tests."""

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS


def with_target(name):
    """Return the tasks of an algorithm that have a target; the others have a contract of their own."""
    return [task for task in ALGORITHMS[name].estimators if TASKS[task].has_target]


_SMALL = {"n_estimators": 5}
LIGHT = {
    "theil_sen": {"max_subpopulation": 50},
    **dict.fromkeys(("random_forest", "extra_trees", "bagging", "ada_boost"), _SMALL),
    "gradient_boosting": _SMALL | {"learning_rate": 0.5},
    "hist_gradient_boosting": {"max_iter": 5, "learning_rate": 0.5},
    **{name: _SMALL for name in ALGORITHMS if name.startswith(("lightgbm", "xgboost"))},
    "mlp": {"learning_rate_init": 0.01},
    "stacking": {"cv": 2},
}
"""Smaller hyperparameters, so that the contract is run on every algorithm in a minute."""

ONE_FEATURE = {"isotonic": "a curve goes through one feature"}
"""The algorithms of one feature, and why."""

POSITIVE = {
    "poisson": "predicts counts",
    "gamma": "predicts positive numbers",
    "tweedie": "predicts numbers of 0 or more",
}
"""The algorithms whose target is never negative, and why: theirs is 500 more."""

_CANNOT = "algorithm {!r} cannot be fitted to these rows: "
_MORE_THAN_ONE = (
    *("three features", "100 features", "NULLs", "unseen category"),
    *("constant column", "many categories", "free text"),
)
REFUSED = {
    **{
        ("isotonic", "regression", features): _CANNOT.format("isotonic") + "Isotonic regression input X should be a 1d"
        for features in _MORE_THAN_ONE
    },
    ("categorical_nb", "classification", "free text"): "column 'c' is WORDS, which this algorithm cannot read. Use",
    ("qda", "classification", "100 features"): _CANNOT.format("qda") + "The covariance matrix of class 0 is not full",
    ("radius_neighbors", "regression", "100 features"): "algorithm 'radius_neighbors' gives no finite number for these",
}
"""The (algorithm, task, features) that end in a sentence, and how that begins: more columns than the method takes.

Radius neighbours leave every row of so many columns alone; their classifier then answers the commonest class.
"""

REFITTED = {
    ("gaussian_process", "classification"): "refit: GaussianProcessClassifier has no portable form",
}
"""The (algorithm, task) without a portable form: this one's probabilities are integrals over a latent function."""

CANCELLING = {
    "gaussian_process": "weights of both signs cancel: one row and many agree to 1e-9 of the target's size, not of each"
}
"""The algorithms whose decision values are only so exact, and why; a portable form further off is not used."""

LONELY = {("radius_neighbors", "regression"): "a row without neighbours within the radius has no number"}
"""The (algorithm, task) that may answer NULL, and why."""

NO_CHANCES = {
    "linear_svc": "knows distances to a border alone",
    "nearest_centroid": "answers by distance; its probabilities are of another model",
    "nu_svc": "knows distances to a border alone",
    "passive_aggressive": "knows distances to a border alone",
    "perceptron": "knows distances to a border alone",
    "ridge": "knows distances to a border alone",
    "ridge_cv": "knows distances to a border alone",
    "svc": "knows distances to a border alone",
}
"""The classification algorithms without probabilities (the option calibrate gives them), and why."""

LITTLE = {
    "dummy": "it is the baseline",
    "multinomial_nb": "it wants counts, and gets numbers between 0 and 1",
    "complement_nb": "it wants counts, and gets numbers between 0 and 1",
}
"""The algorithms that need not learn more than the baseline from three numbers, and why."""

LIBRARYS_OWN = {"verbose", "deterministic", "force_row_wise"}
"""Our defaults that are no user's to set: silence, and what makes lightgbm give the same trees each time."""
