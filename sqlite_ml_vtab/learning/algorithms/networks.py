"""Neural networks."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

NETWORKS = {
    "mlp": Algorithm(
        doc="Multilayer perceptron with one hidden layer of 100.",
        family="mlp",
        estimators={
            "classification": "sklearn.neural_network:MLPClassifier",
            "regression": "sklearn.neural_network:MLPRegressor",
        },
        defaults={"max_iter": 1000},
        scale="standard",
    ),
}
