"""Models made of models. Their members are named as algorithms: {"estimators": ["knn", "random_forest"]}."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

_MEMBERS = {
    "classification": {"estimators": ("logistic_regression", "random_forest", "knn")},
    "regression": {"estimators": ("ridge", "random_forest", "knn")},
}

COMBINED = {
    "voting": Algorithm(
        doc="The mean of several models: a linear one, a forest and nearest neighbours.",
        family="combined",
        estimators={
            "classification": "sklearn.ensemble:VotingClassifier",
            "regression": "sklearn.ensemble:VotingRegressor",
        },
        task_defaults={
            "classification": _MEMBERS["classification"] | {"voting": "soft"},
            "regression": _MEMBERS["regression"],
        },
        scale="standard",
    ),
    "stacking": Algorithm(
        doc="A linear model over the cross-fitted answers of several models.",
        family="combined",
        estimators={
            "classification": "sklearn.ensemble:StackingClassifier",
            "regression": "sklearn.ensemble:StackingRegressor",
        },
        task_defaults={
            "classification": _MEMBERS["classification"] | {"final_estimator": "logistic_regression"},
            "regression": _MEMBERS["regression"] | {"final_estimator": "ridge"},
        },
        scale="standard",
    ),
    "calibrated": Algorithm(
        doc="A model, linear_svc by default, whose decisions are bent to probabilities by cross-fitting.",
        family="combined",
        estimators={"classification": "sklearn.calibration:CalibratedClassifierCV"},
        defaults={"estimator": "linear_svc"},
        scale="standard",
    ),
}
