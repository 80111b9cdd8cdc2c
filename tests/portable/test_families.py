"""Each family: it answers as the estimator it was taken from, and it takes no parameters that lie."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn import (
    calibration,
    cluster,
    covariance,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    gaussian_process,
    isotonic,
    kernel_ridge,
    linear_model,
    mixture,
    naive_bayes,
    neighbors,
    neural_network,
    random_projection,
    svm,
    tree,
)
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from threadpoolctl import threadpool_limits

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable.families import FAMILIES, NotPortable
from sqlite_ml_vtab.portable.families.tree_scoring import MAX_DEPTH
from sqlite_ml_vtab.portable.links import LINKS

# Parity


@dataclass(frozen=True)
class Case:
    """An estimator, its hyperparameters, and what the target is: 2 or 3 classes, 0 for numbers."""

    estimator: type
    classes: int
    params: dict = field(default_factory=dict)
    missing: bool = False
    features: str = "numbers"
    """A key of FEATURES."""

    def __str__(self):
        words = [f"{name}={value}" for name, value in self.params.items()] + ["NaN"] * self.missing
        return f"{self.estimator.__name__}-{self.classes}({', '.join(words)})"


def cases(estimator, classes, *params, missing=False, features="numbers"):
    return [Case(estimator, count, each, missing, features) for count in classes for each in params]


FEATURES = {
    "numbers": lambda matrix: matrix,
    "one": lambda matrix: matrix[:, :1],
    "codes": lambda matrix: np.minimum(np.floor(np.abs(matrix)), 3),
    "not negative": np.abs,
}
"""By name, what is made of the features for an estimator that does not take any."""

PREDICTS_BY_VOTES = (neighbors.NearestCentroid,)
"""Estimators whose predict does not follow their predict_proba: the portable form has the answer alone."""


TWO_OR_THREE, NUMBERS = (2, 3), (0,)
FEW = {"n_estimators": 10, "random_state": 0}
EARLY = {"max_iter": 15, "random_state": 0}

ACTS = ("relu", "tanh", "logistic", "identity")
GAUSSIAN = ConstantKernel(1.0) * RBF(1.0) + WhiteKernel(0.1)
MEMBERS = {
    "classification": [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3))],
    "regression": [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))],
}

CASES = {
    "linear": [
        *cases(decomposition.PCA, NUMBERS, {"n_components": 2}, {"n_components": 3, "whiten": True}),
        *cases(decomposition.TruncatedSVD, NUMBERS, {"n_components": 2, "random_state": 0}),
        *cases(decomposition.FastICA, NUMBERS, {"n_components": 2, "random_state": 0}),
        *cases(random_projection.GaussianRandomProjection, NUMBERS, {"n_components": 2, "random_state": 0}),
        *cases(random_projection.SparseRandomProjection, NUMBERS, {"n_components": 2, "random_state": 0}),
        *cases(
            linear_model.LogisticRegression, TWO_OR_THREE, {}, {"C": 0.01}, {"fit_intercept": False}, {"solver": "saga"}
        ),
        *cases(linear_model.LogisticRegression, (2,), {"solver": "liblinear"}),
        *cases(linear_model.RidgeClassifier, TWO_OR_THREE, {}, {"alpha": 100.0, "fit_intercept": False}),
        *cases(
            linear_model.SGDClassifier,
            TWO_OR_THREE,
            *({"loss": loss, "random_state": 0} for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge")),
            *(
                {"loss": loss, "random_state": 0}
                for loss in ("perceptron", "squared_error", "huber", "epsilon_insensitive")
            ),
            {"loss": "squared_epsilon_insensitive", "random_state": 0},
            {"loss": "log_loss", "average": True, "random_state": 0},
        ),
        *cases(linear_model.LinearRegression, NUMBERS, {}, {"fit_intercept": False}, {"positive": True}),
        *cases(linear_model.Ridge, NUMBERS, {}, {"alpha": 100.0}, {"fit_intercept": False}),
        *cases(linear_model.Lasso, NUMBERS, {}, {"alpha": 0.01}, {"alpha": 1e6}),
        *cases(linear_model.PoissonRegressor, NUMBERS, {}),
        *cases(linear_model.GammaRegressor, NUMBERS, {}),
        *cases(linear_model.Perceptron, TWO_OR_THREE, {}),
        *cases(discriminant_analysis.LinearDiscriminantAnalysis, TWO_OR_THREE, {}),
        *cases(svm.LinearSVC, TWO_OR_THREE, {}),
        *cases(naive_bayes.MultinomialNB, TWO_OR_THREE, {}, features="not negative"),
        *cases(naive_bayes.ComplementNB, TWO_OR_THREE, {}, features="not negative"),
        *cases(linear_model.ElasticNet, NUMBERS, {}, {"l1_ratio": 0.1, "selection": "random", "random_state": 0}),
        *cases(
            linear_model.SGDRegressor,
            NUMBERS,
            *(
                {"loss": loss, "random_state": 0}
                for loss in ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive")
            ),
        ),
    ],
    "trees": [
        *cases(ensemble.IsolationForest, NUMBERS, FEW, FEW | {"max_features": 2, "max_samples": 30}),
        *cases(
            tree.DecisionTreeClassifier,
            TWO_OR_THREE,
            {},
            {"max_leaf_nodes": 8},
            {"max_depth": 2, "criterion": "entropy"},
            {"splitter": "random", "random_state": 0, "min_samples_leaf": 5},
            {"ccp_alpha": 0.02},
            {"class_weight": "balanced", "criterion": "log_loss"},
            {"min_samples_split": 1000},
        ),
        *cases(
            tree.DecisionTreeRegressor,
            NUMBERS,
            {},
            {"max_leaf_nodes": 8},
            {"criterion": "poisson", "max_depth": 4},
            {"criterion": "absolute_error", "max_depth": 4},
            {"min_samples_split": 1000},
        ),
        *cases(ensemble.BaggingClassifier, TWO_OR_THREE, FEW | {"max_features": 0.5}),
        *cases(ensemble.AdaBoostClassifier, TWO_OR_THREE, FEW),
        *cases(ensemble.AdaBoostRegressor, NUMBERS, FEW),
        *cases(ensemble.RandomForestClassifier, TWO_OR_THREE, FEW, FEW | {"bootstrap": False, "max_leaf_nodes": 5}),
        *cases(ensemble.RandomForestRegressor, NUMBERS, FEW, FEW | {"max_features": 0.5, "max_samples": 0.3}),
        *cases(ensemble.ExtraTreesClassifier, TWO_OR_THREE, FEW, FEW | {"max_depth": 3}),
        *cases(ensemble.ExtraTreesRegressor, NUMBERS, FEW, FEW | {"min_samples_leaf": 0.1}),
        *cases(
            ensemble.GradientBoostingClassifier,
            TWO_OR_THREE,
            FEW,
            FEW | {"init": "zero"},
            FEW | {"learning_rate": 0.5, "subsample": 0.5, "max_leaf_nodes": 4},
            {"n_estimators": 50, "n_iter_no_change": 2, "random_state": 0},
        ),
        *cases(
            ensemble.GradientBoostingRegressor,
            NUMBERS,
            FEW,
            FEW | {"init": "zero"},
            FEW | {"loss": "absolute_error"},
            FEW | {"loss": "huber"},
            FEW | {"loss": "quantile", "alpha": 0.2},
        ),
        *cases(
            ensemble.HistGradientBoostingClassifier,
            TWO_OR_THREE,
            EARLY,
            EARLY | {"max_leaf_nodes": 4, "l2_regularization": 1.0, "learning_rate": 0.3},
            EARLY | {"early_stopping": True, "max_bins": 8},
        ),
        *cases(ensemble.HistGradientBoostingClassifier, TWO_OR_THREE, EARLY, missing=True),
        *cases(
            ensemble.HistGradientBoostingRegressor,
            NUMBERS,
            EARLY,
            *(EARLY | {"loss": loss} for loss in ("absolute_error", "gamma", "poisson")),
            EARLY | {"loss": "quantile", "quantile": 0.8},
            EARLY | {"monotonic_cst": [1, -1, 0, 0]},
        ),
        *cases(ensemble.HistGradientBoostingRegressor, NUMBERS, EARLY, EARLY | {"loss": "poisson"}, missing=True),
    ],
    "neighbors": [
        *cases(
            neighbors.KNeighborsClassifier,
            TWO_OR_THREE,
            {},
            {"n_neighbors": 1},
            {"n_neighbors": 120},
            {"weights": "distance"},
            {"p": 1, "weights": "distance", "algorithm": "kd_tree"},
            {"metric": "manhattan", "n_neighbors": 4},
            {"metric": "euclidean", "algorithm": "brute"},
        ),
        *cases(
            neighbors.KNeighborsRegressor,
            NUMBERS,
            {},
            {"weights": "distance", "algorithm": "ball_tree"},
            {"p": 1, "n_neighbors": 9},
            {"n_neighbors": 120},
        ),
        *cases(neighbors.RadiusNeighborsClassifier, TWO_OR_THREE, {"radius": 1.5, "outlier_label": "most_frequent"}),
        *cases(neighbors.RadiusNeighborsRegressor, NUMBERS, {"radius": 1.5}, {"radius": 1.5, "weights": "distance"}),
        *cases(neighbors.NearestCentroid, TWO_OR_THREE, {}, {"metric": "manhattan"}),
    ],
    "combined": [
        *cases(
            ensemble.VotingClassifier,
            TWO_OR_THREE,
            *({"estimators": MEMBERS["classification"], "voting": voting} for voting in ("soft", "hard")),
        ),
        *cases(ensemble.VotingRegressor, NUMBERS, {"estimators": MEMBERS["regression"], "weights": [1, 2]}),
        *cases(ensemble.StackingClassifier, TWO_OR_THREE, {"estimators": MEMBERS["classification"], "cv": 2}),
        *cases(ensemble.StackingRegressor, NUMBERS, {"estimators": MEMBERS["regression"], "cv": 2}),
        *cases(
            calibration.CalibratedClassifierCV,
            TWO_OR_THREE,
            *({"estimator": linear_model.RidgeClassifier(), "cv": 2, "method": how} for how in ("sigmoid", "isotonic")),
        ),
    ],
    "discriminant": [
        *cases(discriminant_analysis.QuadraticDiscriminantAnalysis, TWO_OR_THREE, {}, {"reg_param": 0.1}),
        *cases(
            mixture.GaussianMixture,
            (3,),
            *(
                {"n_components": 3, "covariance_type": how, "random_state": 0}
                for how in ("full", "tied", "diag", "spherical")
            ),
        ),
    ],
    "quadratic": cases(
        covariance.EllipticEnvelope, NUMBERS, {"random_state": 0}, {"random_state": 0, "assume_centered": True}
    ),
    "events": [
        *cases(naive_bayes.BernoulliNB, TWO_OR_THREE, {}, {"binarize": 1.0, "alpha": 0.1}),
        *cases(naive_bayes.CategoricalNB, TWO_OR_THREE, {"min_categories": 4}, features="codes"),
    ],
    "isotonic": cases(
        isotonic.IsotonicRegression,
        NUMBERS,
        *({"out_of_bounds": "clip", "increasing": how} for how in (True, False, "auto")),
        features="one",
    ),
    "kernel": [
        *cases(svm.OneClassSVM, NUMBERS, {}, {"kernel": "poly", "nu": 0.1}),
        *cases(svm.SVC, TWO_OR_THREE, {}, {"kernel": "poly", "coef0": 1.0}, {"kernel": "linear"}),
        *cases(svm.NuSVC, TWO_OR_THREE, {"nu": 0.2}),
        *cases(svm.SVR, NUMBERS, {}, {"kernel": "sigmoid", "gamma": 0.01}),
        *cases(svm.NuSVR, NUMBERS, {}),
        *cases(kernel_ridge.KernelRidge, NUMBERS, {"kernel": "rbf"}, {"kernel": "laplacian"}),
        *cases(gaussian_process.GaussianProcessRegressor, NUMBERS, {"kernel": GAUSSIAN, "normalize_y": True}),
    ],
    "mlp": [
        *cases(
            neural_network.MLPClassifier,
            TWO_OR_THREE,
            *({"activation": how, "hidden_layer_sizes": (5, 4), "max_iter": 9, "random_state": 0} for how in ACTS),
        ),
        *cases(neural_network.MLPRegressor, NUMBERS, {"hidden_layer_sizes": (5,), "max_iter": 9, "random_state": 0}),
    ],
    "bayes": [
        *cases(naive_bayes.GaussianNB, TWO_OR_THREE, {}, {"var_smoothing": 0.1}),
        *cases(naive_bayes.GaussianNB, (3,), {"priors": [0.1, 0.9, 0.0]}),
    ],
    "constant": [
        *cases(
            dummy.DummyClassifier,
            TWO_OR_THREE,
            {},
            {"strategy": "most_frequent"},
            {"strategy": "constant", "constant": 1},
        ),
        *cases(
            dummy.DummyRegressor,
            NUMBERS,
            {},
            {"strategy": "median"},
            {"strategy": "quantile", "quantile": 0.9},
            {"strategy": "constant", "constant": 5.0},
        ),
    ],
    "centres": [
        *cases(cluster.KMeans, (3,), {"n_clusters": 3, "random_state": 0}),
        *cases(cluster.KMeans, (1,), {"n_clusters": 1}),
        *cases(cluster.MiniBatchKMeans, (3,), {"n_clusters": 3, "random_state": 0}),
        *cases(cluster.Birch, (3,), {}),
        *cases(cluster.MeanShift, (3,), {"bandwidth": 5.5}),
        *cases(cluster.AffinityPropagation, (2,), {"preference": -3000, "random_state": 0}),
    ],
    "density": [
        *cases(neighbors.LocalOutlierFactor, NUMBERS, {"novelty": True}, {"novelty": True, "n_neighbors": 3, "p": 1}),
        *cases(neighbors.LocalOutlierFactor, NUMBERS, {"novelty": True, "n_neighbors": 500}),
    ],
    "nonnegative": cases(
        decomposition.NMF,
        NUMBERS,
        {"n_components": 2, "tol": 1e-14, "max_iter": 20_000},
        {"n_components": 3, "tol": 1e-14, "max_iter": 20_000, "init": "random", "random_state": 0},
        {"n_components": 2, "tol": 1e-14, "max_iter": 20_000, "alpha_W": 0.05, "l1_ratio": 0.5},
        features="not negative",
    ),
}


CANCELLING = {gaussian_process.GaussianProcessRegressor: 1e-9}
"""How far one row and many may lie apart where it is more than rounding: large weights of both signs that cancel."""


def table(classes, missing, count=120, width=4):
    random = np.random.RandomState(0)
    matrix = random.lognormal(size=(count, width))
    signal = matrix[:, 0] - matrix[:, 1] + 0.3 * random.normal(size=count)
    target = np.digitize(signal, np.quantile(signal, [0.4, 0.7][: classes - 1])) if classes else np.exp(signal / 3)
    if missing:
        matrix[random.uniform(size=matrix.shape) < 0.2] = np.nan
    asked = np.vstack([matrix, random.lognormal(size=(60, width)) * 3, np.zeros((1, width)), -matrix[:20]])
    if missing:
        asked[-20:, 2] = np.nan
    return matrix, target, asked


def fitted(case):
    matrix, target, asked = table(case.classes, case.missing)
    matrix, asked = map(FEATURES[case.features], (matrix, asked))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return case.estimator(**case.params).fit(matrix, target), asked


def told(method, matrix):
    """Return what the estimator says; GaussianNB takes the logarithm of a prior of 0, and radius neighbours warn."""
    with threadpool_limits(1), np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One or more samples have no neighbors")
        return method(matrix)


def numbers_of(estimator):
    """Return the method by which an estimator gives numbers; of a detector, how unlike the others a row is."""
    if hasattr(estimator, "score_samples") and not hasattr(estimator, "components_"):
        return lambda matrix: -estimator.score_samples(matrix)
    return estimator.predict if hasattr(estimator, "predict") else estimator.transform


def outputs_of(estimator, case):
    """Return how many decision values a row has."""
    for name in ("components_", "cluster_centers_"):
        if hasattr(estimator, name):
            return getattr(estimator, name).shape[0]
    return max(1, case.classes)


def test_every_family_is_compared_with_estimators_and_tampered_with():
    assert FAMILIES.keys() == CASES.keys() == TAMPERED.keys() == TAKES_AN_ARRAY.keys()


@pytest.mark.parametrize(
    ("family", "case"), [(family, case) for family, each in CASES.items() for case in each], ids=str
)
def test_the_portable_form_answers_as_the_estimator(family, case):
    estimator, matrix = fitted(case)
    entry = FAMILIES[family]
    parameters = entry.extract(estimator)
    entry.validate(parameters, matrix.shape[1], outputs_of(estimator, case))
    if entry.ambiguous is not None:
        matrix = matrix[~entry.ambiguous(parameters, matrix)]
    scores = entry.scores(parameters, matrix)
    answers = LINKS[parameters["link"]].many(scores)

    row = entry.row(parameters)
    gap = CANCELLING.get(case.estimator, 1e-12)
    np.testing.assert_allclose([list(row(each)) for each in matrix.tolist()], scores, rtol=gap, atol=gap)
    if not case.classes:
        expected = told(numbers_of(estimator), matrix).reshape(answers.shape)
        np.testing.assert_allclose(
            answers,
            expected,
            rtol=1e-9,
            atol=0 if hasattr(estimator, "predict") and not hasattr(estimator, "score_samples") else 1e-12,
        )
        return
    assert scores.argmax(axis=1).tolist() == told(estimator.predict, matrix).tolist()
    has_chances = hasattr(estimator, "predict_proba") and not isinstance(estimator, PREDICTS_BY_VOTES)
    assert has_chances == (parameters["link"] != "none")
    if has_chances:
        np.testing.assert_allclose(answers, told(estimator.predict_proba, matrix), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("family", "case", "reason"),
    [
        ("constant", Case(dummy.DummyClassifier, 2, {"strategy": "uniform"}), "strategy 'uniform' draws at random"),
        (
            "constant",
            Case(dummy.DummyClassifier, 2, {"strategy": "stratified"}),
            "strategy 'stratified' draws at random",
        ),
        ("neighbors", Case(neighbors.KNeighborsClassifier, 2, {"metric": "chebyshev"}), "metric 'chebyshev'"),
        ("neighbors", Case(neighbors.KNeighborsRegressor, 0, {"p": 3}), "metric 'minkowski'"),
        ("neighbors", Case(neighbors.KNeighborsRegressor, 0, {"weights": np.ones_like}), "weights are a function"),
        ("trees", Case(ensemble.GradientBoostingClassifier, 2, FEW | {"loss": "exponential"}), "loss 'exponential'"),
        (
            "trees",
            Case(ensemble.GradientBoostingRegressor, 0, FEW | {"init": dummy.DummyRegressor()}),
            "init is an estimator",
        ),
    ],
    ids=lambda part: str(part).partition(" at 0x")[0],
)
def test_what_has_no_portable_form_says_why(family, case, reason):
    with pytest.raises(NotPortable) as caught:
        FAMILIES[family].extract(fitted(case)[0])
    assert str(caught.value) == reason


def test_categorical_splits_of_histogram_boosting_are_not_portable():
    matrix, target, _ = table(0, missing=False)
    matrix[:, 0] = np.arange(len(matrix)) % 5
    estimator = ensemble.HistGradientBoostingRegressor(categorical_features=[0], **EARLY).fit(matrix, target)
    with pytest.raises(NotPortable, match=r"^categorical splits$"):
        FAMILIES["trees"].extract(estimator)


# Trees


def test_a_tree_rounds_a_value_to_float32_before_it_compares():
    threshold = float(np.float32(0.1))
    parameters = stump(threshold)
    asked = [[threshold], [0.1], [np.nextafter(threshold, 1)], [threshold * 1.0001]]
    assert FAMILIES["trees"].scores(parameters, np.array(asked)).ravel().tolist() == [1.0, 1.0, 1.0, 2.0]
    assert [FAMILIES["trees"].row(parameters)(row) for row in asked] == [[1.0], [1.0], [1.0], [2.0]]


def test_a_tree_without_rounding_compares_every_digit():
    parameters = stump(0.1) | {"rounding": "none"}
    asked = np.array([[0.1], [np.nextafter(0.1, 1)]])
    assert FAMILIES["trees"].scores(parameters, asked).ravel().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [1e39, 1.7e308])
def test_a_value_beyond_float32_goes_right(value):
    assert FAMILIES["trees"].scores(stump(0.1), np.array([[value]])).tolist() == [[2.0]]
    assert FAMILIES["trees"].row(stump(0.1))([value]) == [2.0]


@pytest.mark.parametrize(("goes_left", "leaf"), [(1, 1.0), (0, 2.0)])
def test_a_missing_value_goes_where_the_node_sends_it(goes_left, leaf):
    parameters = stump(0.1) | {"missing_left": np.array([goes_left, 0, 0], dtype="|u1")}
    assert FAMILIES["trees"].scores(parameters, np.array([[np.nan]])).tolist() == [[leaf]]
    assert FAMILIES["trees"].row(parameters)([float("nan")]) == [leaf]


def stump(threshold=0.5, copies=1):
    """Return one split of one feature with the leaves 1.0 and 2.0, so many times."""
    starts = np.arange(copies) * 3
    return {
        "link": "identity",
        "rounding": "float32",
        "divisor": copies,
        "complement": 0,
        "left": np.ravel([[start + 1, 0, 0] for start in starts]).astype("<i4"),
        "right": np.ravel([[start + 2, 0, 0] for start in starts]).astype("<i4"),
        "feature": np.zeros(3 * copies, dtype="<i4"),
        "threshold": np.tile([threshold, 0.0, 0.0], copies),
        "missing_left": np.zeros(3 * copies, dtype="|u1"),
        "value": np.tile([[0.0], [1.0], [2.0]], (copies, 1)),
        "roots": starts.astype("<i4"),
        "outputs": np.zeros(0, dtype="<i4"),
        "baseline": np.zeros(1),
        "medians": np.zeros(0),
    }


def chain(depth):
    """Return a tree whose every inner node has a leaf to the left and the rest of the tree to the right."""
    nodes = np.arange(2 * depth + 1)
    inner = (nodes % 2 == 0) & (nodes < 2 * depth)
    return stump() | {
        "left": np.where(inner, nodes + 1, 0).astype("<i4"),
        "right": np.where(inner, nodes + 2, 0).astype("<i4"),
        "feature": np.zeros(len(nodes), dtype="<i4"),
        "threshold": -nodes.astype(float),
        "missing_left": np.zeros(len(nodes), dtype="|u1"),
        "value": nodes.astype(float)[:, None],
    }


def test_a_chain_as_deep_as_allowed_is_taken():
    parameters = chain(MAX_DEPTH - 1)
    FAMILIES["trees"].validate(parameters, 1, 1)
    assert FAMILIES["trees"].scores(parameters, np.array([[1.0]])).tolist() == [[2.0 * (MAX_DEPTH - 1)]]


def test_tree_answers_of_no_rows_are_no_answers():
    for family, each in CASES.items():
        estimator, matrix = fitted(each[0])
        parameters = FAMILIES[family].extract(estimator)
        assert FAMILIES[family].scores(parameters, matrix[:0]).shape == (0, outputs_of(estimator, each[0]))


# Neighbours


def nearest(**changed):
    return {
        "link": "identity",
        "rows": np.array([[0.0], [2.0], [2.0], [5.0]]),
        "targets": np.array([[1.0], [2.0], [3.0], [4.0]]),
        "neighbors": 2,
        "radius": 0.0,
        "outlier": -1,
        "power": 2,
        "weights": "uniform",
    } | changed


@pytest.mark.parametrize(
    ("changed", "asked", "expected"),
    [
        ({}, 1.0, 1.5),
        ({"neighbors": 1}, 2.0, 2.0),
        ({"neighbors": 1}, 1.0, 1.0),
        ({"neighbors": 3}, 1.0, 2.0),
        ({"neighbors": 4}, 9.0, 2.5),
        ({"power": 1}, 1.0, 1.5),
        ({"weights": "distance"}, 2.0, 2.5),
        ({"weights": "distance", "neighbors": 4}, 2.0, 2.5),
        ({"weights": "distance", "power": 1}, 4.0, (4.0 / 1 + 2.0 / 2) / 1.5),
        ({"weights": "distance"}, 4.0, (4.0 / 1 + 2.0 / 2) / 1.5),
    ],
)
def test_among_neighbours_equally_far_the_first_stored_is_taken(changed, asked, expected):
    parameters = nearest(**changed)
    assert FAMILIES["neighbors"].scores(parameters, np.array([[asked]])).tolist() == [[pytest.approx(expected)]]
    assert FAMILIES["neighbors"].row(parameters)([asked]) == [pytest.approx(expected)]


@pytest.mark.parametrize("neighbors", [1, 3, 50, 299])
def test_among_many_rows_alike_the_first_stored_are_taken(neighbors):
    targets = np.arange(300.0)[:, None]
    parameters = nearest(rows=np.ones((300, 1)), targets=targets, neighbors=neighbors)
    expected = targets[:neighbors].mean()
    assert FAMILIES["neighbors"].scores(parameters, np.zeros((2, 1))).tolist() == [[expected]] * 2
    assert FAMILIES["neighbors"].row(parameters)([0.0]) == [expected]


@pytest.mark.parametrize(
    ("neighbors", "asked", "expected"),
    [(1, 1.0, True), (1, 0.9, False), (2, 1.9, False), (1, 2.0, True), (4, 1.0, False)],
)
def test_a_tie_at_the_last_neighbour_is_known(neighbors, asked, expected):
    found = FAMILIES["neighbors"].ambiguous(nearest(neighbors=neighbors), np.array([[asked]]))
    assert found.tolist() == [expected]


# Tampering


def changed(**values):
    return lambda parameters: {**parameters, **values}


def put(name, place, value):
    """Return what sets one element of the array `name`."""

    def tamper(parameters):
        array = parameters[name].copy()
        array[place] = value
        return {**parameters, name: array}

    return tamper


def sample(family):
    """Return small parameters of `family` with the width and the outputs that they are for."""
    random = np.random.RandomState(0)
    two = random.uniform(0.1, 1, size=(2, 3))
    return {
        "bayes": ({"link": "softmax", "mean": two, "variance": two, "offset": two[:, 0]}, 3, 2),
        "centres": ({"link": "none", "centres": two, "owners": np.array([0, 1], dtype="<i4")}, 3, 2),
        "combined": (mean_of(two), 3, 2),
        "constant": ({"link": "identity", "values": np.array([0.25, 0.75])}, 3, 2),
        "density": (
            {
                "link": "identity",
                "rows": two,
                "radii": np.array([0.5, 0.25]),
                "densities": np.array([2.0, 4.0]),
                "neighbors": 1,
                "power": 2,
            },
            3,
            1,
        ),
        "quadratic": ({"link": "identity", "centre": two[0], "form": np.eye(3)}, 3, 1),
        "nonnegative": ({"link": "identity", "parts": two, "products": two @ two.T, "penalty": 0.0}, 3, 2),
        "discriminant": (
            {"link": "softmax", "means": two, "maps": np.stack([np.eye(3)] * 2), "offset": two[:, 0]},
            3,
            2,
        ),
        "events": (
            {
                "link": "softmax",
                "tables": np.log(random.uniform(0.1, 1, size=(2, 5))),
                "starts": np.array([0, 2, 5], dtype="<i4"),
                "prior": np.log([0.5, 0.5]),
                "threshold": None,
            },
            2,
            2,
        ),
        "isotonic": ({"link": "identity", "x": np.array([0.0, 1.0]), "y": np.array([2.0, 5.0])}, 1, 1),
        "kernel": (
            {
                "link": "identity",
                "votes": "sum",
                "rows": two,
                "weights": np.ones((2, 1)),
                "intercept": np.zeros(1),
                "kernel": "rbf",
                "gamma": 0.5,
                "coef0": 0.0,
                "degree": 3,
            },
            3,
            1,
        ),
        "mlp": (
            {
                "link": "sigmoid",
                "activation": "relu",
                "layers": [
                    {"weights": np.ones((3, 4)), "bias": np.zeros(4)},
                    {"weights": np.ones((4, 2)), "bias": np.zeros(2)},
                ],
            },
            3,
            2,
        ),
        "linear": ({"link": "sigmoid", "coef": two, "intercept": two[:, 0]}, 3, 2),
        "neighbors": (nearest(), 1, 1),
        "trees": (stump(copies=2), 1, 1),
    }[family]


def mean_of(coef):
    """Return the mean of two linear models."""
    linear = {"link": "sigmoid", "coef": coef, "intercept": coef[:, 0]}
    member = {
        "family": "linear",
        "parameters": linear,
        "columns": np.zeros(0, dtype="<i4"),
        "reads": "answer",
        "curves": [],
    }
    return {
        "link": "identity",
        "how": "mean",
        "members": [member, member | {"columns": np.array([2, 0, 1], dtype="<i4")}],
        "weights": np.ones(2),
        "final": [],
    }


def layer(**changed):
    """Return what changes the first layer."""
    return lambda parameters: {**parameters, "layers": [parameters["layers"][0] | changed, parameters["layers"][1]]}


def member(**changed):
    """Return what changes the second member."""
    return lambda parameters: {**parameters, "members": [parameters["members"][0], parameters["members"][1] | changed]}


SUMS = {"outputs": np.array([0, 0], dtype="<i4")}
TAKES_AN_ARRAY = {
    "bayes": {"mean", "variance", "offset"},
    "centres": {"centres", "owners"},
    "combined": {"weights"},
    "constant": {"values"},
    "density": {"rows", "radii", "densities"},
    "discriminant": {"means", "maps", "offset"},
    "nonnegative": {"parts", "products"},
    "quadratic": {"centre", "form"},
    "events": {"tables", "starts", "prior"},
    "isotonic": {"x", "y"},
    "kernel": {"rows", "weights", "intercept"},
    "linear": {"coef", "intercept"},
    "mlp": set(),
    "neighbors": {"rows", "targets"},
    "trees": {
        "left",
        "right",
        "feature",
        "threshold",
        "missing_left",
        "value",
        "roots",
        "outputs",
        "baseline",
        "medians",
    },
}
TAMPERED = {
    "bayes": [
        (put("variance", (1, 2), 0.0), "a variance is not positive"),
        (put("variance", (0, 0), -1.0), "a variance is not positive"),
    ],
    "combined": [
        (put("weights", 0, -1.0), "weights of members"),
        (changed(weights=np.zeros(2)), "weights of members"),
        *((changed(how=how), "how") for how in ("", "votes", None, ["mean"], np.zeros(2))),
        (changed(how="median"), "a median of classes"),
        (changed(how="stack"), "the final model"),
        (changed(members=[]), "members"),
        (changed(members=None), "members"),
        (changed(members=["linear", "linear"]), "a member"),
        (changed(members=[{}, {}]), "a member"),
        (member(family="pickle"), "a member's family"),
        (member(family=["linear"]), "a member's family"),
        (member(family="refit"), "a member's family"),
        (member(parameters=[]), "a member's family"),
        (member(parameters={}), "a member's link"),
        (member(columns=np.array([0, 1, 3], dtype="<i4")), "a member's columns"),
        (member(columns=np.array([0, 1, -1], dtype="<i4")), "a member's columns"),
        (member(columns=np.array([0, 1], dtype="<i4")), "coef has shape (2, 3)"),
        (member(reads="pickle"), "reads"),
        (member(reads=None), "reads"),
    ],
    "constant": [(changed(link="softmax"), "link")],
    "centres": [
        *((put("owners", *change), "the clusters of centres") for change in ((0, 1), (0, -1), (1, 0), (1, 2))),
        (changed(link="softmax"), "link"),
    ],
    "density": [
        *((changed(neighbors=k), "the number of neighbors") for k in (0, 3, True, 1.0, "1", None, np.array([1]))),
        *((changed(power=p), "the metric") for p in (0, 3, True, 2.0, None, np.array([1, 2]))),
        (put("radii", 0, -0.5), "densities"),
        (put("densities", 1, 0.0), "densities"),
        (changed(link="exp"), "link"),
    ],
    "nonnegative": [
        *((changed(penalty=p), "penalty") for p in (-1.0, True, None, "0", 1e301, np.zeros(1))),
        (put("products", (0, 1), 9.0), "products of parts"),
        (changed(products=np.zeros((2, 2))), "products of parts"),
        (changed(products=np.ones((2, 2))), "products of parts"),
        (changed(products=-np.eye(2)), "products of parts"),
        (changed(products=1e101 * np.eye(2)), "products of parts"),
        (changed(link="exp"), "link"),
    ],
    "discriminant": [(changed(link="ovr"), "link")],
    "quadratic": [(changed(link="exp"), "link")],
    "events": [
        (put("starts", 0, 1), "codes of columns"),
        (put("starts", 1, 0), "codes of columns"),
        (put("starts", 1, 6), "codes of columns"),
        (put("starts", 2, 4), "tables has shape (2, 5)"),
        *((changed(threshold=value), "threshold") for value in ("0", True, 1e301, [0.0])),
        (changed(link="ovr"), "link"),
    ],
    "isotonic": [
        (put("x", 1, -1.0), "points out of order"),
        (changed(x=np.zeros(0), y=np.zeros(0)), "points out of order"),
        (changed(link="exp"), "link"),
    ],
    "kernel": [
        *((changed(votes=how), "votes") for how in ("", "binary", "pairs", None, ["sum"], np.zeros(1))),
        *((changed(kernel=name), "kernel") for name in ("", "cosine", None, ["rbf"])),
        *((changed(degree=value), "degree") for value in (-1, 101, 2.0, True, None)),
        *((changed(gamma=value), "gamma") for value in ("1", True, None, 1e301)),
        *((changed(coef0=value), "coef0") for value in ("1", True, None, -1e301)),
    ],
    "linear": [],
    "mlp": [
        *((changed(activation=how), "activation") for how in ("", "eval", None, ["relu"])),
        *((changed(layers=layers), "layers") for layers in ([], None, {})),
        (changed(layers=[1]), "a layer"),
        (layer(more=1), "a layer"),
        (layer(weights=np.ones((2, 4))), "weights has shape (2, 4)"),
        (layer(weights=np.ones((3, 5))), "bias has shape (4,)"),
        (layer(weights=np.ones((3, 5)), bias=np.zeros(5)), "weights has shape (4, 2)"),
        (layer(weights=np.full((3, 4), np.inf)), "weights is not finite"),
        (lambda parameters: {**parameters, "layers": parameters["layers"][:1]}, "the last layer"),
    ],
    "neighbors": [
        *((changed(neighbors=k), "the number of neighbors") for k in (-1, 5, True, 2.0, "2", None, [2], np.array([2]))),
        (changed(neighbors=0), "radius"),
        *((changed(neighbors=0, radius=r), "radius") for r in (0.0, -1.0, True, "1", None, 1e301, np.array([1.0]))),
        (changed(radius=1.0), "radius"),
        *((changed(outlier=place), "outlier") for place in (-2, 1, True, 0.0, None, np.array([0]))),
        *((changed(power=p), "the metric") for p in (0, 3, "2", True, 2.0, np.array([1, 2]))),
        *((changed(weights=w), "weights") for w in ("", "square", None, ["uniform"], np.zeros(2))),
        (changed(link="softmax"), "link"),
    ],
    "trees": [
        (put("left", 0, 0), "a leaf with a child"),
        (put("right", 1, 2), "a leaf with a child"),
        (put("right", 0, 0), "a child out of its tree"),
        (put("left", 0, -1), "a child out of its tree"),
        (put("left", 0, 3), "a child out of its tree"),
        (put("left", 0, 6), "a child out of its tree"),
        (put("right", 3, 2**31 - 1), "a child out of its tree"),
        (put("left", 1, 1), "a child out of its tree"),
        (put("left", 4, 3), "a child out of its tree"),
        (put("left", 0, 2), "a node without its one parent"),
        (lambda p: put("left", 0, 0)(put("right", 0, 0)(p)), "a node without its one parent"),
        (put("feature", 0, 1), "a feature out of range"),
        (put("feature", 5, -1), "a feature out of range"),
        (put("roots", 0, 1), "the first root"),
        (put("roots", 1, 0), "an empty tree"),
        (put("roots", 1, 7), "an empty tree"),
        (put("roots", 1, -1), "an empty tree"),
        (put("roots", 1, 2), "a child out of its tree"),
        (put("roots", 1, 4), "a child out of its tree"),
        (changed(roots=np.zeros(0, dtype="<i4")), "the first root"),
        *((changed(divisor=d), "divisor") for d in (0, -1, True, 2.0, "2", None, 10**10, np.array([2]))),
        *((changed(complement=c), "complement") for c in (1, 2, -1, True, None, "1", np.array([0]))),
        (put("missing_left", 0, 2), "missing_left"),
        *((changed(rounding=r), "rounding") for r in ("", "float16", None, ["none"], np.zeros(2))),
        (changed(outputs=np.array([0], dtype="<i4")), "outputs of trees"),
        (changed(outputs=np.array([0, -1], dtype="<i4")), "outputs of trees"),
        (changed(outputs=np.array([0, 1], dtype="<i4")), "outputs of trees"),
        (changed(medians=np.ones(1)), "weights of trees"),
        (changed(medians=np.array([1.0, -1.0])), "weights of trees"),
        (changed(medians=np.zeros(2)), "weights of trees"),
        (changed(medians=np.array([1.0, np.nan])), "medians is not finite"),
        (changed(value=np.zeros((6, 2))), "value has shape (6, 2)"),
        (changed(value=np.zeros((6, 2)), **SUMS), "value has shape (6, 2)"),
        (lambda _: chain(MAX_DEPTH), f"a tree deeper than {MAX_DEPTH}"),
        (lambda _: chain(10**6), f"a tree deeper than {MAX_DEPTH}"),
    ],
}


def refusal(family, parameters, width, outputs):
    with pytest.raises(ModelError) as caught:
        FAMILIES[family].validate(parameters, width, outputs)
    return str(caught.value)


@pytest.fixture(params=sorted(FAMILIES))
def sound(request):
    """Return a family, and small sound parameters with the width and the outputs that they are for."""
    return (request.param, *sample(request.param))


def test_sound_parameters_are_taken(sound):
    family, parameters, width, outputs = sound
    FAMILIES[family].validate(parameters, width, outputs)
    assert {name for name, value in parameters.items() if isinstance(value, np.ndarray)} == TAKES_AN_ARRAY[family]


@pytest.mark.parametrize(
    ("family", "tamper", "problem"),
    [(family, *each) for family, tampered in TAMPERED.items() for each in tampered],
)
def test_parameters_that_lie_are_refused_before_they_are_evaluated(family, tamper, problem):
    parameters, width, outputs = sample(family)
    assert refusal(family, tamper(parameters), width, outputs) == f"the stored model is damaged: {problem}."


def test_a_parameter_too_many_or_too_few_is_refused(sound):
    family, parameters, width, outputs = sound
    for name in parameters.keys() - {"link"}:
        fewer = {key: value for key, value in parameters.items() if key != name}
        assert "parameters" in refusal(family, fewer, width, outputs)
    assert "parameters" in refusal(family, {**parameters, "more": 1}, width, outputs)


def test_an_array_of_another_type_is_refused(sound):
    family, parameters, width, outputs = sound
    for name in TAKES_AN_ARRAY[family]:
        other = parameters[name].astype("<f4" if parameters[name].dtype.kind == "f" else "<i8")
        sentence = f"the stored model is damaged: {name} has type {other.dtype}."
        assert refusal(family, {**parameters, name: other}, width, outputs) == sentence
        for value in (None, 1, "text", [1.0], {}):
            sentence = f"the stored model is damaged: {name} is not an array."
            assert refusal(family, {**parameters, name: value}, width, outputs) == sentence


def test_an_array_of_another_shape_is_refused(sound):
    family, parameters, width, outputs = sound
    for name in TAKES_AN_ARRAY[family]:
        array = parameters[name]
        longer = np.concatenate([array, np.ones((1, *array.shape[1:]), dtype=array.dtype)])
        others = [longer, array[..., None], np.array(1, dtype=array.dtype)]
        for other in others if not len(array) else [*others, array[:-1], array[:0]]:
            assert refusal(family, {**parameters, name: other}, width, outputs)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_array_that_is_not_finite_is_refused(sound, value):
    family, parameters, width, outputs = sound
    for name in TAKES_AN_ARRAY[family]:
        if parameters[name].dtype.kind == "f" and parameters[name].size:
            other = put(name, (0,) * parameters[name].ndim, value)(parameters)
            assert refusal(family, other, width, outputs) == f"the stored model is damaged: {name} is not finite."


def test_parameters_for_another_width_or_other_outputs_are_refused(sound):
    family, parameters, width, outputs = sound
    refusal(family, parameters, width, outputs + 1)
    if family != "constant":
        refusal(family, parameters, width - 1, outputs)


def test_a_lattice_that_has_few_nodes_and_endless_paths_is_refused():
    count = 3001
    nodes = np.arange(count)
    left, right = np.minimum(nodes + 1, count - 1), np.minimum(nodes + 2, count - 1)
    inner = nodes < count - 1
    lattice = chain(1500) | {
        "left": np.where(inner, left, 0).astype("<i4"),
        "right": np.where(inner, right, 0).astype("<i4"),
    }
    assert refusal("trees", lattice, 1, 1) == "the stored model is damaged: a node without its one parent."
