"""Decision trees and their ensembles."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm


def _pair(module: str, name: str) -> dict[str, str]:
    return {"classification": f"{module}:{name}Classifier", "regression": f"{module}:{name}Regressor"}


TREES = {
    "decision_tree": Algorithm(
        doc="One tree of yes/no questions.",
        family="trees",
        estimators=_pair("sklearn.tree", "DecisionTree"),
    ),
    "extra_tree": Algorithm(
        doc="One tree whose questions are drawn at random.",
        family="trees",
        estimators=_pair("sklearn.tree", "ExtraTree"),
    ),
    "random_forest": Algorithm(
        doc="The mean of 100 trees, each grown on a random draw of rows and features.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "RandomForest"),
    ),
    "extra_trees": Algorithm(
        doc="The mean of 100 trees whose questions are drawn at random.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "ExtraTrees"),
    ),
    "bagging": Algorithm(
        doc="The mean of 10 models, trees unless hyperparams name another estimator, each on a random draw of rows.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "Bagging"),
    ),
    "ada_boost": Algorithm(
        doc="Trees that each look harder at the rows the ones before got wrong.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "AdaBoost"),
    ),
    "gradient_boosting": Algorithm(
        doc="A sum of small trees, each fitted to what the ones before left over.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "GradientBoosting"),
    ),
    "hist_gradient_boosting": Algorithm(
        doc="Gradient boosting on binned values: fast on many rows, with its own way for missing numbers.",
        family="trees",
        estimators=_pair("sklearn.ensemble", "HistGradientBoosting"),
        takes_nan=True,
    ),
}
