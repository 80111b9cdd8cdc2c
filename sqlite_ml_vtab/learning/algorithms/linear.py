"""Linear models."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

LINEAR = {
    "logistic_regression": Algorithm(
        doc="Linear model of the log-odds of each class.",
        family="linear",
        estimators={"classification": "sklearn.linear_model:LogisticRegression"},
        defaults={"max_iter": 1000},
        scales=True,
    ),
    "linear_regression": Algorithm(
        doc="Ordinary least squares.",
        family="linear",
        estimators={"regression": "sklearn.linear_model:LinearRegression"},
        scales=True,
    ),
    "ridge": Algorithm(
        doc="Least squares with an L2 penalty.",
        family="linear",
        estimators={
            "classification": "sklearn.linear_model:RidgeClassifier",
            "regression": "sklearn.linear_model:Ridge",
        },
        scales=True,
    ),
    "lasso": Algorithm(
        doc="Least squares with an L1 penalty: drops features that do not help.",
        family="linear",
        estimators={"regression": "sklearn.linear_model:Lasso"},
        scales=True,
    ),
    "elastic_net": Algorithm(
        doc="Least squares with L1 and L2 penalties.",
        family="linear",
        estimators={"regression": "sklearn.linear_model:ElasticNet"},
        scales=True,
    ),
    "sgd": Algorithm(
        doc="Linear model fitted by stochastic gradient descent; log_loss unless hyperparams name another loss.",
        family="linear",
        estimators={
            "classification": "sklearn.linear_model:SGDClassifier",
            "regression": "sklearn.linear_model:SGDRegressor",
        },
        task_defaults={"classification": {"loss": "log_loss"}},
        scales=True,
    ),
}
