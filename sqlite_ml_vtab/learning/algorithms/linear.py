"""Linear models."""

from __future__ import annotations

from collections.abc import Mapping

from sqlite_ml_vtab.learning.algorithms.base import Algorithm, Default

_MODULE = "sklearn.linear_model"


def _linear(
    doc: str,
    classifier: str | None = None,
    regressor: str | None = None,
    *,
    defaults: Mapping[str, Default] | None = None,
    task_defaults: Mapping[str, Mapping[str, Default]] | None = None,
    module: str = _MODULE,
) -> Algorithm:
    """Return an entry of the linear family; its numbers are standardised, for penalties compare coefficients."""
    names = {"classification": classifier, "regression": regressor}
    return Algorithm(
        doc=doc,
        family="linear",
        estimators={task: f"{module}:{name}" for task, name in names.items() if name},
        defaults=defaults or {},
        task_defaults=task_defaults or {},
        scale="standard",
    )


_LONGER = {"max_iter": 1000}
_LONGEST = {"max_iter": 10_000}

LINEAR = {
    "logistic_regression": _linear(
        "Linear model of the log-odds of each class.", "LogisticRegression", defaults=_LONGER
    ),
    "logistic_regression_cv": _linear(
        "Logistic regression whose penalty is chosen by cross-validation.",
        "LogisticRegressionCV",
        defaults={"max_iter": 1000, "l1_ratios": (0.0,), "use_legacy_attributes": False},
    ),
    "linear_regression": _linear("Ordinary least squares.", regressor="LinearRegression"),
    "ridge": _linear("Least squares with an L2 penalty.", "RidgeClassifier", "Ridge"),
    "ridge_cv": _linear(
        "Ridge whose penalty is chosen by cross-validation.",
        "RidgeClassifierCV",
        "RidgeCV",
        defaults={"alphas": (0.01, 0.1, 1.0, 10.0, 100.0)},
    ),
    "lasso": _linear("Least squares with an L1 penalty: drops features that do not help.", regressor="Lasso"),
    "lasso_cv": _linear("Lasso whose penalty is chosen by cross-validation.", regressor="LassoCV", defaults=_LONGEST),
    "elastic_net": _linear("Least squares with L1 and L2 penalties.", regressor="ElasticNet"),
    "elastic_net_cv": _linear(
        "Elastic net whose penalty is chosen by cross-validation.", regressor="ElasticNetCV", defaults=_LONGEST
    ),
    "lars": _linear(
        "Least angle regression, of half as many features as rows at most.",
        regressor="Lars",
        defaults={"n_nonzero_coefs": lambda rows, width: max(1, rows // 2)},
    ),
    "lasso_lars": _linear("Lasso fitted by least angle regression.", regressor="LassoLars", defaults={"alpha": 0.01}),
    "orthogonal_matching_pursuit": _linear(
        "Adds the feature that explains most of what is left, a few times.", regressor="OrthogonalMatchingPursuit"
    ),
    "bayesian_ridge": _linear("Ridge whose penalty follows from the data.", regressor="BayesianRidge"),
    "ard": _linear("Bayesian ridge with a penalty for each feature.", regressor="ARDRegression"),
    "sgd": _linear(
        "Linear model fitted by stochastic gradient descent; log_loss unless hyperparams name another loss.",
        "SGDClassifier",
        "SGDRegressor",
        # A penalty that does not fall with the rows leaves a small table without one.
        defaults={"alpha": lambda rows, width: max(1e-4, 3 / rows)},
        task_defaults={"classification": {"loss": "log_loss"}},
    ),
    "perceptron": _linear("Rosenblatt's perceptron.", "Perceptron"),
    "passive_aggressive": _linear(
        "Online learning that corrects each mistake and no more.",
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
    ),
    "ransac": _linear(
        "Least squares on the rows that agree with each other.",
        regressor="RANSACRegressor",
        # As scikit-learn has it for its own default model; of any other, and of fewer rows, it asks for the number.
        defaults={"min_samples": lambda rows, width: min(rows, width + 1)},
    ),
    "theil_sen": _linear("Median of least squares over subsets: robust to outliers.", regressor="TheilSenRegressor"),
    "huber": _linear(
        "Least squares that counts outliers by their distance only.", regressor="HuberRegressor", defaults=_LONGER
    ),
    "quantile": _linear(
        "Linear model of a quantile, the median by default.", regressor="QuantileRegressor", defaults={"alpha": 0.01}
    ),
    "poisson": _linear("Linear model of the logarithm of counts.", regressor="PoissonRegressor", defaults=_LONGER),
    "gamma": _linear(
        "Linear model of the logarithm of positive, skewed numbers.", regressor="GammaRegressor", defaults=_LONGER
    ),
    "tweedie": _linear(
        "Generalised linear model of numbers with many zeros (power 1.5).",
        regressor="TweedieRegressor",
        defaults={"max_iter": 1000, "power": 1.5},
    ),
    "pls": _linear(
        "Partial least squares on 2 components.",
        regressor="PLSRegression",
        module="sklearn.cross_decomposition",
        defaults={"n_components": lambda rows, width: min(2, rows, width)},
    ),
    "lda": _linear(
        "Linear discriminant analysis: classes as Gaussians that share their covariance.",
        "LinearDiscriminantAnalysis",
        module="sklearn.discriminant_analysis",
    ),
    "linear_svc": _linear("Linear support vector classification.", "LinearSVC", module="sklearn.svm"),
    "linear_svr": _linear(
        "Linear support vector regression.", regressor="LinearSVR", module="sklearn.svm", defaults=_LONGEST
    ),
}
