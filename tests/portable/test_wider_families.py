"""Families made of many estimators: each hyperparameter that changes what is stored, models in models, and boosters."""

import math
import warnings
from functools import partial

import numpy as np
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn import (
    cluster,
    covariance,
    decomposition,
    ensemble,
    kernel_ridge,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    svm,
    tree,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.isotonic import IsotonicRegression
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import Golden, Model, Scorer, from_bytes, to_bytes
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.families import FAMILIES, NotPortable
from sqlite_ml_vtab.portable.families.combined import extracted
from sqlite_ml_vtab.portable.families.combined_scoring import MAX_DEPTH, MAX_MEMBERS
from sqlite_ml_vtab.portable.families.kernel import KERNELS
from sqlite_ml_vtab.portable.families.medians import weighted_median, weighted_median_of_one
from sqlite_ml_vtab.portable.links import LINKS

WIDTH = 4
RANDOM = np.random.RandomState(0)
MATRIX = RANDOM.normal(size=(100, WIDTH))
ASKED = np.vstack([MATRIX, RANDOM.normal(size=(50, WIDTH)) * 3, np.zeros((1, WIDTH))])
SIGNAL = MATRIX[:, 0] - MATRIX[:, 1] + 0.3 * RANDOM.normal(size=len(MATRIX))
NUMBERS = np.exp(SIGNAL / 2)
FEW = {"n_estimators": 6, "random_state": 0}


def classes(count):
    return np.digitize(SIGNAL, np.quantile(SIGNAL, np.arange(1, count) / count))


def fitted(estimator, count, matrix=MATRIX):
    """Return `estimator`, fitted to tell `count` classes apart, or to numbers where it is 0."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(matrix, classes(count) if count else NUMBERS)


def quietly(call, *arguments):
    with threadpool_limits(1), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return call(*arguments)


def assert_parity(estimator, count, *, asked=ASKED, tolerance=1e-9, predicts_by_votes=False):
    """Assert that the portable form says what the fitted estimator does, for one row as for many; return it."""
    name, parameters = extracted(estimator)
    family = FAMILIES[name]
    family.validate(parameters, asked.shape[1], max(1, count))
    if family.ambiguous is not None:
        asked = asked[~family.ambiguous(parameters, asked)]
    scores = family.scores(parameters, asked)
    row = family.row(parameters)
    np.testing.assert_allclose([list(row(each)) for each in asked.tolist()], scores, rtol=1e-11, atol=1e-11)
    said = LINKS[parameters["link"]].many(scores)
    if not count:
        np.testing.assert_allclose(said[:, 0], np.ravel(quietly(estimator.predict, asked)), rtol=tolerance)
        return name, parameters
    assert scores.argmax(axis=1).tolist() == quietly(estimator.predict, asked).tolist()
    assert (parameters["link"] == "none") == (predicts_by_votes or not hasattr(estimator, "predict_proba"))
    if parameters["link"] != "none":
        np.testing.assert_allclose(said, quietly(estimator.predict_proba, asked), rtol=tolerance, atol=tolerance)
    return name, parameters


def model(name, parameters, count, width=WIDTH):
    columns = tuple(ColumnEncoding(f"x{place}", "NUMBER", ("value",)) for place in range(width))
    encoder = Encoder(columns, np.zeros(width), np.zeros(width), np.ones(width))
    task = "classification" if count else "regression"
    return Model(task, encoder, tuple(range(count)), name, parameters, Golden((), ()), costs=np.empty((0, 0)))


def assert_round_trip(name, parameters, count, width=WIDTH):
    """Assert that the model's bytes bring it back to the bit."""
    made = model(name, parameters, count, width)
    blob = to_bytes(made)
    found = from_bytes(blob)
    asked = ASKED[:20, :width].tolist()
    assert to_bytes(found) == blob
    assert repr(Scorer(found).many(asked)) == repr(Scorer(made).many(asked))
    assert repr([Scorer(found).one(row) for row in asked]) == repr([Scorer(made).one(row) for row in asked])


def reason(estimator, count):
    with pytest.raises(NotPortable) as caught:
        extracted(fitted(estimator, count))
    return str(caught.value)


def named(case):
    """Return the id of an (estimator, ...) case."""
    return repr(case).replace("\n", " ")[:90] if hasattr(case, "fit") else str(case)


# Kernels


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("estimator", [svm.SVC(), svm.NuSVC(nu=0.2)], ids=named)
def test_support_vectors_answer_with_each_kernel(estimator, kernel, count):
    params = {"kernel": kernel, "degree": 2, "coef0": 0.5}
    assert_round_trip(*assert_parity(fitted(estimator.set_params(**params), count), count), count)


@pytest.mark.parametrize("gamma", ["scale", "auto", 0.7])
def test_support_vectors_answer_with_each_gamma(gamma):
    assert_parity(fitted(svm.SVC(gamma=gamma), 3), 3)
    assert_parity(fitted(svm.SVR(gamma=gamma), 0), 0)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
@pytest.mark.parametrize("estimator", [svm.SVR(C=0.5), svm.NuSVR(nu=0.3)], ids=named)
def test_support_vector_regression_answers_with_each_kernel(estimator, kernel):
    params = {"kernel": kernel, "degree": 2, "gamma": 0.1}
    assert_round_trip(*assert_parity(fitted(estimator.set_params(**params), 0), 0), 0)


@pytest.mark.parametrize("kernel", ["linear", "polynomial", "poly", "rbf", "sigmoid", "laplacian"])
@pytest.mark.parametrize("gamma", [None, 0.3])
def test_kernel_ridge_answers_with_each_kernel(kernel, gamma):
    params = {"kernel": kernel, "gamma": gamma, "degree": 2, "alpha": 1.0}
    assert_parity(fitted(kernel_ridge.KernelRidge(**params), 0), 0)


def test_every_kernel_is_one_that_an_estimator_has():
    assert KERNELS.keys() == {"linear", "polynomial", "rbf", "sigmoid", "laplacian"}


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("noise", [True, False])
def test_a_gaussian_process_answers_with_its_mean(normalize, noise):
    kernel = kernels.ConstantKernel(2.0) * kernels.RBF(1.5) + kernels.WhiteKernel(0.1)
    kernel = kernel if noise else kernel.k1
    process = GaussianProcessRegressor(kernel, normalize_y=normalize, alpha=1e-3, optimizer=None)
    name, parameters = assert_parity(fitted(process, 0), 0)
    assert (name, parameters["kernel"]) == ("kernel", "rbf")


def test_ties_between_pairs_go_to_the_first_class_unless_they_are_to_be_broken():
    """Three classes on a circle, and its centre, where each wins one pair."""
    angles = np.repeat(np.arange(3), 10) * 2 * np.pi / 3
    matrix = np.column_stack((np.cos(angles), np.sin(angles), np.zeros((30, 2))))
    matrix += np.random.RandomState(1).normal(size=matrix.shape) / 4
    target = np.repeat(np.arange(3), 10)
    asked = np.random.RandomState(2).normal(size=(2000, 4)) / 3
    plain, broken = (svm.SVC(break_ties=ties, C=0.1, kernel="linear").fit(matrix, target) for ties in (False, True))
    differ = plain.predict(asked) != broken.predict(asked)
    assert differ.any()
    for estimator in (plain, broken):
        name, parameters = extracted(estimator)
        assert FAMILIES[name].scores(parameters, asked).argmax(axis=1).tolist() == estimator.predict(asked).tolist()


@pytest.mark.parametrize("count", [3, 5])
def test_pairs_with_broken_ties_are_the_decision_function_of_scikit_learn(count):
    estimator = fitted(svm.SVC(break_ties=True), count)
    name, parameters = extracted(estimator)
    expected = estimator.decision_function(ASKED)
    np.testing.assert_allclose(FAMILIES[name].scores(parameters, ASKED), expected, rtol=1e-9, atol=1e-9)


def linear_kernel(first, second):
    return first @ second.T


def test_kernels_that_have_no_portable_form_say_so():
    assert reason(svm.SVC(kernel=linear_kernel), 2).startswith("kernel <function linear_kernel")
    assert reason(kernel_ridge.KernelRidge(kernel="cosine"), 0) == "kernel 'cosine'"
    assert reason(svm.SVC(probability=True), 2) == "probability=True; the option calibrate gives probabilities"
    assert reason(GaussianProcessClassifier(), 2) == "GaussianProcessClassifier has no portable form"
    for kernel in (kernels.RBF(1.0), kernels.ConstantKernel() * kernels.Matern(), kernels.DotProduct()):
        assert reason(GaussianProcessRegressor(kernel, optimizer=None), 0).startswith("kernel ")
    anisotropic = kernels.ConstantKernel() * kernels.RBF([1.0] * WIDTH)
    assert reason(GaussianProcessRegressor(anisotropic, optimizer=None), 0).startswith("kernel RBF")


# Discriminants, networks, curves and events


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("params", [{}, {"reg_param": 0.5}, {"priors": "rare first"}], ids=str)
def test_quadratic_discriminants_answer(count, params):
    priors = {"priors": np.arange(1, count + 1) / sum(range(1, count + 1))} if "priors" in params else params
    assert_round_trip(*assert_parity(fitted(QuadraticDiscriminantAnalysis(**priors), count), count), count)


@pytest.mark.parametrize("count", [0, 2, 3])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("layers", [(3,), (4, 3, 2)])
def test_networks_answer_with_each_activation_and_depth(count, activation, layers):
    params = {"activation": activation, "hidden_layer_sizes": layers, "max_iter": 5, "random_state": 0}
    kind = neural_network.MLPClassifier if count else neural_network.MLPRegressor
    assert_round_trip(*assert_parity(fitted(kind(**params), count), count), count)


def test_networks_of_counts_answer_with_the_exponential():
    params = {"loss": "poisson", "hidden_layer_sizes": (3,), "max_iter": 5, "random_state": 0}
    name, parameters = assert_parity(fitted(neural_network.MLPRegressor(**params), 0), 0)
    assert parameters["link"] == "exp"
    assert_round_trip(name, parameters, 0)


@pytest.mark.parametrize("increasing", [True, False, "auto"])
@pytest.mark.parametrize("bounds", [(None, None), (0.5, 1.0)])
def test_isotonic_curves_answer_within_and_beyond_their_ends(increasing, bounds):
    curve = IsotonicRegression(increasing=increasing, y_min=bounds[0], y_max=bounds[1], out_of_bounds="clip")
    asked = np.concatenate([ASKED[:, :1], [[-1e9], [1e9]], MATRIX[:5, :1]])
    name, parameters = assert_parity(fitted(curve, 0, MATRIX[:, :1]), 0, asked=asked)
    assert_round_trip(name, parameters, 0, width=1)


def test_an_isotonic_curve_of_one_point_is_flat():
    curve = IsotonicRegression(out_of_bounds="clip").fit(np.full((5, 1), 2.0), np.arange(5.0))
    assert_parity(curve, 0, asked=np.array([[-1.0], [2.0], [3.0]]))


def test_an_isotonic_curve_that_ends_in_nothing_is_not_portable():
    with pytest.raises(NotPortable, match=r"^out_of_bounds 'nan'$"):
        extracted(IsotonicRegression().fit(MATRIX[:, :1], NUMBERS))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("params", [{}, {"binarize": 0.5}, {"alpha": 0.0, "force_alpha": False}], ids=str)
def test_yes_and_no_answer(count, params):
    assert_round_trip(*assert_parity(fitted(naive_bayes.BernoulliNB(**params), count), count), count)


def test_yes_and_no_that_are_already_0_and_1_answer():
    matrix = (MATRIX > 0).astype(float)
    asked = (ASKED > 0).astype(float)
    assert_parity(fitted(naive_bayes.BernoulliNB(binarize=None), 3, matrix), 3, asked=asked)


@pytest.mark.parametrize("count", [2, 3])
def test_events_answer(count):
    codes = np.clip(np.floor(MATRIX + 3), 0, 6)
    estimator = fitted(naive_bayes.CategoricalNB(min_categories=[7, 8, 9, 7]), count, codes)
    assert_parity(estimator, count, asked=np.clip(np.floor(ASKED + 3), 0, 6))


@pytest.mark.parametrize(
    ("value", "code"), [(-5.0, 0), (0.9, 0), (1.0, 1), (2.5, 2), (7.0, 2), (math.inf, 2), (-math.inf, 0), (math.nan, 0)]
)
def test_a_code_that_there_is_not_counts_as_the_nearest(value, code):
    tables = np.log([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    parameters = {
        "link": "softmax",
        "tables": tables,
        "starts": np.array([0, 3], dtype="<i4"),
        "prior": np.zeros(2),
        "threshold": None,
    }
    assert FAMILIES["events"].scores(parameters, np.array([[value]])).tolist() == [tables[:, code].tolist()]
    assert FAMILIES["events"].row(parameters)([value]) == tables[:, code].tolist()


# Neighbours


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("count", [2, 3])
def test_radius_neighbours_answer(count, weights, power):
    params = {"radius": 1.5, "weights": weights, "p": power, "outlier_label": "most_frequent"}
    assert_round_trip(*assert_parity(fitted(neighbors.RadiusNeighborsClassifier(**params), count), count), count)


def test_a_row_without_neighbours_gets_the_outliers_class_or_no_number():
    lonely = np.full((1, WIDTH), 1e6)
    estimator = fitted(neighbors.RadiusNeighborsClassifier(outlier_label=2), 3)
    name, parameters = extracted(estimator)
    assert FAMILIES[name].scores(parameters, lonely).tolist() == [[0.0, 0.0, 1.0]]
    assert FAMILIES[name].row(parameters)(lonely[0].tolist()) == [0.0, 0.0, 1.0]
    assert quietly(estimator.predict, lonely).tolist() == [2]
    name, parameters = extracted(fitted(neighbors.RadiusNeighborsRegressor(), 0))
    assert np.isnan(FAMILIES[name].scores(parameters, lonely)).all()
    assert math.isnan(FAMILIES[name].row(parameters)(lonely[0].tolist())[0])


def test_a_class_for_rows_without_neighbours_is_needed():
    assert reason(neighbors.RadiusNeighborsClassifier(), 2) == "outlier_label=None"


@pytest.mark.parametrize("power", [1, 2])
def test_a_row_at_the_very_radius_is_known_to_be_doubtful(power):
    estimator = neighbors.RadiusNeighborsRegressor(radius=0.3, p=power).fit([[0.1], [5.0]], [1.0, 2.0])
    name, parameters = extracted(estimator)
    asked = np.array([[0.4], [0.1 + 0.3], [-0.2], [0.39], [0.41], [5.3]])
    assert FAMILIES[name].ambiguous(parameters, asked).tolist() == [True, True, True, False, False, True]


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize("count", [2, 3])
def test_nearest_centroids_answer(metric, count):
    estimator = fitted(neighbors.NearestCentroid(metric=metric), count)
    assert_round_trip(*assert_parity(estimator, count, predicts_by_votes=True), count)


def test_nearest_centroids_with_unequal_priors_are_not_portable():
    assert reason(neighbors.NearestCentroid(priors=[0.9, 0.1]), 2).startswith("priors or a metric")


# Linear models


@pytest.mark.parametrize(
    "estimator",
    [
        linear_model.PoissonRegressor(),
        linear_model.GammaRegressor(alpha=0.1),
        linear_model.TweedieRegressor(power=1.5),
        linear_model.TweedieRegressor(power=0),
        linear_model.TweedieRegressor(power=0, link="log"),
        linear_model.TweedieRegressor(power=1.5, link="identity", max_iter=5),
        linear_model.HuberRegressor(),
        linear_model.TheilSenRegressor(max_subpopulation=50, random_state=0),
        linear_model.QuantileRegressor(quantile=0.8, alpha=0.01),
        linear_model.OrthogonalMatchingPursuit(n_nonzero_coefs=1),
        linear_model.ARDRegression(),
        linear_model.BayesianRidge(fit_intercept=False),
        linear_model.Lars(n_nonzero_coefs=2),
        linear_model.LassoLars(alpha=0.01),
        linear_model.RidgeCV(alphas=(0.1, 10.0)),
        linear_model.ElasticNetCV(l1_ratio=0.3, cv=3),
        svm.LinearSVR(fit_intercept=False),
        *(PLSRegression(count) for count in (1, 2, 4)),
        PLSRegression(2, scale=False),
    ],
    ids=named,
)
def test_linear_regressors_answer(estimator):
    name, parameters = assert_parity(fitted(estimator, 0), 0)
    assert name == "linear"
    assert_round_trip(name, parameters, 0)


@pytest.mark.parametrize(
    ("estimator", "link"),
    [
        (linear_model.PoissonRegressor(), "exp"),
        (linear_model.TweedieRegressor(power=0), "identity"),
        (linear_model.TweedieRegressor(power=0, link="log"), "exp"),
        (linear_model.TweedieRegressor(power=1.5, link="identity", max_iter=5), "identity"),
    ],
    ids=named,
)
def test_a_generalised_linear_model_has_the_link_that_it_was_fitted_with(estimator, link):
    assert extracted(fitted(estimator, 0))[1]["link"] == link


@pytest.mark.parametrize(
    ("inner", "family"),
    [
        (None, "linear"),
        (linear_model.HuberRegressor(), "linear"),
        (tree.DecisionTreeRegressor(max_depth=3, random_state=0), "trees"),
        (neighbors.KNeighborsRegressor(3), "neighbors"),
        (svm.SVR(), "kernel"),
    ],
    ids=named,
)
def test_ransac_answers_as_the_model_of_its_inliers(inner, family):
    estimator = linear_model.RANSACRegressor(inner, min_samples=20, random_state=0)
    assert assert_parity(fitted(estimator, 0), 0)[0] == family


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "estimator",
    [
        naive_bayes.MultinomialNB(),
        naive_bayes.MultinomialNB(alpha=0.1, fit_prior=False),
        naive_bayes.ComplementNB(),
        naive_bayes.ComplementNB(norm=True),
    ],
    ids=named,
)
def test_bayes_over_counts_answers(estimator, count):
    asked = np.vstack([np.abs(ASKED), np.zeros((1, WIDTH))])
    assert_round_trip(*assert_parity(fitted(estimator, count, np.abs(MATRIX)), count, asked=asked), count)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "estimator",
    [
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2),
        LinearDiscriminantAnalysis(solver="eigen"),
        linear_model.LogisticRegressionCV(cv=2, max_iter=500, l1_ratios=(0.0,), use_legacy_attributes=False),
        linear_model.RidgeClassifierCV(),
        linear_model.Perceptron(random_state=0),
        svm.LinearSVC(random_state=0),
        svm.LinearSVC(multi_class="crammer_singer", random_state=0),
    ],
    ids=named,
)
def test_linear_classifiers_answer(estimator, count):
    assert_round_trip(*assert_parity(fitted(estimator, count), count), count)


# Trees


@pytest.mark.parametrize("count", [0, 2, 3])
@pytest.mark.parametrize(
    "inner", [{}, {"max_depth": 3}, {"max_depth": 1}, {"splitter": "random", "max_depth": 4}], ids=str
)
def test_boosted_trees_answer(count, inner):
    kinds = (tree.DecisionTreeClassifier, ensemble.AdaBoostClassifier) if count else _REGRESSORS
    estimator = kinds[1](kinds[0](random_state=0, **inner), **FEW)
    name, parameters = assert_parity(fitted(estimator, count), count)
    assert name == "trees"
    assert_round_trip(name, parameters, count)


_REGRESSORS = (tree.DecisionTreeRegressor, ensemble.AdaBoostRegressor)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
def test_boosted_regression_trees_answer_with_each_loss(loss):
    assert_parity(fitted(ensemble.AdaBoostRegressor(loss=loss, **FEW), 0), 0)


@pytest.mark.parametrize("count", [0, 2, 3])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_features": 0.5},
        {"max_features": 0.5, "bootstrap_features": True},
        {"max_samples": 0.3, "bootstrap": False},
    ],
    ids=str,
)
def test_bagged_trees_answer(count, params):
    kind = ensemble.BaggingClassifier if count else ensemble.BaggingRegressor
    name, parameters = assert_parity(fitted(kind(**FEW | params), count), count)
    assert name == "trees"
    assert_round_trip(name, parameters, count)


@pytest.mark.parametrize("count", [2, 3])
def test_gradient_boosting_answers_with_the_start_of_another_model(count):
    estimator = ensemble.GradientBoostingClassifier(init=linear_model.LogisticRegression(), **FEW)
    assert reason(estimator, count) == "init is an estimator"


def test_boosting_that_stopped_at_its_first_model_answers_as_that():
    """Its weight is then 0."""
    inner = linear_model.Ridge(alpha=1e9)
    target = np.where(np.arange(len(MATRIX)) % 2, 1.0, -1.0)
    estimator = ensemble.AdaBoostRegressor(inner, n_estimators=5, random_state=0).fit(MATRIX, target)
    assert (len(estimator.estimators_), estimator.estimator_weights_.any()) == (1, False)
    name, parameters = extracted(estimator)
    FAMILIES[name].validate(parameters, WIDTH, 1)
    np.testing.assert_allclose(FAMILIES[name].scores(parameters, ASKED)[:, 0], estimator.predict(ASKED), rtol=1e-9)


def test_the_weighted_median_of_one_row_is_that_of_many():
    random = np.random.RandomState(0)
    said = random.randint(0, 5, size=(200, 9)).astype(float)
    weights = random.uniform(size=9)
    many = weighted_median(said, weights)
    assert [weighted_median_of_one(row, weights.tolist()) for row in said.tolist()] == many.tolist()
    assert weighted_median(np.array([[1.0, 2.0, 3.0]]), np.array([1.0, 1.0, 5.0])).tolist() == [3.0]
    assert weighted_median(np.array([[3.0, 1.0, 2.0]]), np.ones(3)).tolist() == [2.0]


# Boosters

LIGHTGBM = {"n_estimators": 8, "min_child_samples": 5, "verbose": -1, "random_state": 0, "n_jobs": 1}
XGBOOST = {"n_estimators": 8, "random_state": 0, "n_jobs": 1}
HOLED = np.where(RANDOM.uniform(size=MATRIX.shape) < 0.2, np.nan, MATRIX)


@pytest.fixture(params=["whole", "with NaN"])
def rows(request):
    """Training rows, and the rows that are asked for."""
    matrix = MATRIX if request.param == "whole" else HOLED
    return matrix, np.vstack([ASKED, HOLED, np.full((1, WIDTH), np.nan), np.full((1, WIDTH), 1e300)])


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"boosting_type": "dart"},
        {"boosting_type": "goss"} | {"data_sample_strategy": "goss", "boosting_type": "gbdt"},
        {"num_leaves": 4, "learning_rate": 0.5, "reg_lambda": 1.0},
        {"boost_from_average": False},
        {"n_estimators": 1},
        {"min_child_samples": 1000},
    ],
    ids=str,
)
def test_lightgbm_classifies(count, params, rows):
    matrix, asked = rows
    estimator = fitted(LGBMClassifier(**LIGHTGBM | params), count, matrix)
    assert_round_trip(*assert_parity(estimator, count, asked=asked), count)


@pytest.mark.parametrize(
    "params",
    [
        *(
            {"objective": objective}
            for objective in (
                "regression",
                "regression_l1",
                "huber",
                "quantile",
                "poisson",
                "tweedie",
                "gamma",
            )
        ),
        {"boosting_type": "dart"},
        {"extra_trees": True},
    ],
    ids=str,
)
def test_lightgbm_regresses(params, rows):
    matrix, asked = rows
    estimator = fitted(LGBMRegressor(**LIGHTGBM | params), 0, matrix)
    assert_round_trip(*assert_parity(estimator, 0, asked=asked), 0)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "objective 'regression'"),
        ({"objective": "fair"}, "objective 'fair'"),
        ({"reg_sqrt": True}, "objective 'regression sqrt'"),
        ({"zero_as_missing": True}, "categorical splits or zero_as_missing"),
        ({"linear_tree": True}, "linear trees"),
    ],
    ids=str,
)
def test_what_lightgbm_does_beyond_plain_trees_is_not_portable(params, why):
    assert reason(LGBMRegressor(**LIGHTGBM | params), 0) == why


def test_categorical_splits_of_lightgbm_are_not_portable():
    matrix = MATRIX.copy()
    matrix[:, 0] = np.arange(len(matrix)) % 4
    fit = partial(LGBMRegressor(**LIGHTGBM, min_data_per_group=1).fit, categorical_feature=[0])
    estimator = quietly(fit, matrix, matrix[:, 0] % 3)
    with pytest.raises(NotPortable, match=r"^categorical splits or zero_as_missing$"):
        extracted(estimator)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("kind", [XGBClassifier, XGBRFClassifier])
@pytest.mark.parametrize("params", [{}, {"max_depth": 2, "reg_lambda": 5.0}, {"base_score": 0.2}], ids=str)
def test_xgboost_classifies_to_the_bit_before_the_link(count, kind, params, rows):
    matrix, asked = rows
    estimator = fitted(kind(**XGBOOST | params), count, matrix)
    name, parameters = assert_parity(estimator, count, asked=asked, tolerance=1e-6)
    margins = estimator.predict(asked, output_margin=True).reshape(len(asked), -1)
    scores = FAMILIES[name].scores(parameters, asked)
    np.testing.assert_allclose(scores[:, -margins.shape[1] :], margins, rtol=1e-6, atol=1e-6)
    assert_round_trip(name, parameters, count)


@pytest.mark.parametrize("kind", [XGBRegressor, XGBRFRegressor])
@pytest.mark.parametrize(
    "params",
    [{}, {"objective": "reg:absoluteerror"}, {"objective": "reg:pseudohubererror"}, {"num_parallel_tree": 2}],
    ids=str,
)
@pytest.mark.parametrize("level", [0.0, 1e6])
def test_xgboost_regresses_to_the_bit(kind, params, rows, level):
    matrix, asked = rows
    estimator = quietly(kind(**XGBOOST | params).fit, matrix, NUMBERS + level)
    name, parameters = extracted(estimator)
    FAMILIES[name].validate(parameters, WIDTH, 1)
    scores = FAMILIES[name].scores(parameters, asked)
    assert scores[:, 0].tolist() == estimator.predict(asked).tolist()
    row = FAMILIES[name].row(parameters)
    assert [row(each) for each in asked.tolist()] == scores.tolist()
    assert_round_trip(name, parameters, 0)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"booster": "gblinear"}, "objective 'reg:squarederror' with 'gblinear'"),
        ({"booster": "dart"}, "objective 'reg:squarederror' with 'dart'"),
        ({"objective": "reg:gamma"}, "objective 'reg:gamma' with 'gbtree'"),
    ],
    ids=str,
)
def test_what_xgboost_does_beyond_plain_trees_is_not_portable(params, why):
    assert reason(XGBRegressor(**XGBOOST | params), 0) == why


# Models of models


def of(count, *kinds):
    """Return members by name, for classes or for numbers."""
    made = {
        True: {
            "logit": linear_model.LogisticRegression(),
            "ridge": linear_model.RidgeClassifier(),
            "tree": tree.DecisionTreeClassifier(max_depth=3, random_state=0),
            "near": neighbors.KNeighborsClassifier(3),
            "svc": svm.SVC(),
            "bayes": naive_bayes.GaussianNB(),
            "centre": neighbors.NearestCentroid(),
            "net": neural_network.MLPClassifier((3,), max_iter=5, random_state=0),
            "forest": ensemble.RandomForestClassifier(3, random_state=0),
            "ada": ensemble.AdaBoostClassifier(n_estimators=3, random_state=0),
            "light": LGBMClassifier(**LIGHTGBM),
        },
        False: {
            "line": linear_model.Ridge(),
            "tree": tree.DecisionTreeRegressor(max_depth=3, random_state=0),
            "near": neighbors.KNeighborsRegressor(3),
            "svr": svm.SVR(),
            "counts": linear_model.PoissonRegressor(),
            "forest": ensemble.RandomForestRegressor(3, random_state=0),
            "light": LGBMRegressor(**LIGHTGBM),
        },
    }[bool(count)]
    return [(kind, made[kind]) for kind in kinds]


VOTERS = ("logit", "tree", "near", "bayes", "net")


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("weights", [None, [1, 2, 3, 0, 0.5]])
def test_soft_voting_answers(count, weights):
    estimator = ensemble.VotingClassifier(of(count, *VOTERS), voting="soft", weights=weights)
    assert_round_trip(*assert_parity(fitted(estimator, count), count), count)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("weights", [None, [1, 2, 1.5]])
@pytest.mark.parametrize("voters", [("ridge", "svc", "centre"), ("logit", "tree", "light")])
def test_hard_voting_answers_also_of_members_without_probabilities(count, weights, voters):
    estimator = ensemble.VotingClassifier(of(count, *voters), voting="hard", weights=weights)
    assert_round_trip(*assert_parity(fitted(estimator, count), count), count)


@pytest.mark.parametrize("weights", [None, [1, 2, 3]])
def test_voting_of_numbers_answers(weights):
    estimator = ensemble.VotingRegressor(of(0, "line", "counts", "light"), weights=weights)
    assert_round_trip(*assert_parity(fitted(estimator, 0), 0), 0)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("inner", ["logit", "ridge", "near", "svc", "forest", "light"])
@pytest.mark.parametrize("params", [{}, {"max_features": 0.5}], ids=str)
def test_bagging_of_what_is_no_tree_answers(count, inner, params):
    ((_, member),) = of(count, inner)
    estimator = ensemble.BaggingClassifier(member, 3, random_state=0, **params)
    name, parameters = assert_parity(fitted(estimator, count), count)
    assert name == "combined"
    assert_round_trip(name, parameters, count)


@pytest.mark.parametrize("inner", ["line", "near", "svr", "forest"])
@pytest.mark.parametrize("params", [{}, {"max_features": 0.5, "bootstrap_features": True}], ids=str)
def test_bagging_of_numbers_answers(inner, params):
    ((_, member),) = of(0, inner)
    estimator = ensemble.BaggingRegressor(member, 3, random_state=0, **params)
    assert_round_trip(*assert_parity(fitted(estimator, 0), 0), 0)


def test_bagging_of_a_member_that_missed_a_class_is_not_portable():
    target = np.append(np.arange(len(MATRIX) - 1) % 2, 2)
    estimator = ensemble.BaggingClassifier(neighbors.KNeighborsClassifier(1), 3, max_samples=0.2, random_state=0)
    with pytest.raises(NotPortable, match=r"^a member saw rows of some classes only$"):
        extracted(estimator.fit(MATRIX, target))


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("inner", ["logit", "svc", "bayes", "forest"])
def test_boosting_of_what_is_no_tree_answers(count, inner):
    ((_, member),) = of(count, inner)
    name, parameters = assert_parity(fitted(ensemble.AdaBoostClassifier(member, **FEW), count), count)
    assert name == "combined"
    assert_round_trip(name, parameters, count)


@pytest.mark.parametrize("inner", ["line", "near", "svr"])
def test_boosting_of_numbers_answers(inner):
    ((_, member),) = of(0, inner)
    assert_round_trip(*assert_parity(fitted(ensemble.AdaBoostRegressor(member, **FEW), 0), 0), 0)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "members", [("logit", "tree", "near"), ("ridge", "svc", "ada"), ("centre", "forest", "light")], ids=str
)
@pytest.mark.parametrize("final", ["logit", "tree", "svc", "centre"])
def test_stacking_answers_by_probabilities_decisions_or_labels(count, members, final):
    ((_, last),) = of(count, final)
    estimator = fitted(ensemble.StackingClassifier(of(count, *members), last, cv=2), count)
    assert_round_trip(*assert_parity(estimator, count, predicts_by_votes=final == "centre"), count)


@pytest.mark.parametrize("count", [2, 3])
def test_stacking_answers_by_labels(count):
    hard = ensemble.VotingClassifier(of(count, "ridge", "tree"), voting="hard")
    members = [("hard", hard), *of(count, "logit")]
    last = tree.DecisionTreeClassifier(max_depth=3, random_state=0)
    estimator = fitted(ensemble.StackingClassifier(members, last, cv=2), count)
    name, parameters = assert_parity(estimator, count)
    assert [member["reads"] for member in parameters["members"]] == ["label", "answer"]
    assert_round_trip(name, parameters, count)


@pytest.mark.parametrize("final", ["line", "near", "forest"])
def test_stacking_of_numbers_answers(final):
    ((_, last),) = of(0, final)
    estimator = fitted(ensemble.StackingRegressor(of(0, "line", "counts", "tree"), last, cv=2), 0)
    assert_round_trip(*assert_parity(estimator, 0), 0)


def test_stacking_that_hands_the_features_on_is_not_portable():
    assert reason(ensemble.StackingRegressor(of(0, "line"), cv=2, passthrough=True), 0) == "passthrough=True"


CALIBRATED = ("logit", "ridge", "tree", "near", "svc", "bayes", "centre", "net", "forest", "ada", "light")


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("inner", CALIBRATED)
def test_calibration_answers(count, method, inner):
    ((_, member),) = of(count, inner)
    estimator = fitted(CalibratedClassifierCV(member, method=method, cv=2), count)
    assert_round_trip(*assert_parity(estimator, count), count)


@pytest.mark.parametrize("count", [2, 3])
def test_calibration_of_bagged_decisions_answers(count):
    member = ensemble.BaggingClassifier(svm.SVC(), 2, random_state=0)
    assert_parity(fitted(CalibratedClassifierCV(member, cv=2), count), count)


@pytest.mark.parametrize("count", [2, 3])
def test_calibration_without_an_ensemble_answers(count):
    estimator = CalibratedClassifierCV(svm.LinearSVC(random_state=0), cv=2, ensemble=False)
    assert_parity(fitted(estimator, count), count)


def test_what_cannot_be_calibrated_portably_says_why():
    assert reason(CalibratedClassifierCV(cv=2, method="temperature"), 2) == "method 'temperature'"
    bagged = ensemble.AdaBoostClassifier(linear_model.LogisticRegression(), n_estimators=2, random_state=0)
    why = "the decisions of boosted models that are not trees"
    assert reason(CalibratedClassifierCV(bagged, cv=2), 3) == why


def nested(depth, count=2):
    """Return voting over voting, so many deep."""
    estimator = linear_model.LogisticRegression()
    for _ in range(depth):
        estimator = ensemble.VotingClassifier([("a", estimator), *of(count, "tree")], voting="soft")
    return estimator


def test_models_stand_in_models_as_deep_as_allowed():
    assert_parity(fitted(nested(MAX_DEPTH), 2), 2)
    name, parameters = extracted(fitted(nested(MAX_DEPTH + 1), 2))
    with pytest.raises(ModelError) as caught:
        FAMILIES[name].validate(parameters, WIDTH, 2)
    assert str(caught.value) == f"the stored model is damaged: models nested deeper than {MAX_DEPTH}."


@pytest.mark.parametrize("count", [2, 3])
def test_models_of_several_kinds_stand_in_each_other(count):
    calibrated = CalibratedClassifierCV(ensemble.BaggingClassifier(svm.SVC(), 2, random_state=0), cv=2)
    estimator = ensemble.VotingClassifier([("a", calibrated), *of(count, "bayes")], voting="soft")
    assert_round_trip(*assert_parity(fitted(estimator, count), count), count)


def test_an_estimator_of_another_origin_is_not_guessed_at():
    class Ridge(linear_model.Ridge):
        def predict(self, rows):
            return super().predict(rows) + 1

    assert reason(Ridge(), 0) == "Ridge has no portable form"
    assert reason(ensemble.VotingRegressor([("a", Ridge())]), 0) == "Ridge has no portable form"


# Tampering with models of models


def voting(count=3, **changes):
    estimator = ensemble.VotingClassifier(of(count, "logit", "bayes"), voting="soft")
    return extracted(fitted(estimator, count))[1] | changes


def with_member(whole, **changes):
    first, *others = whole["members"]
    return whole | {"members": [first | changes, *others]}


def calibrated(**changes):
    parameters = extracted(fitted(CalibratedClassifierCV(linear_model.RidgeClassifier(), cv=2), 3))[1]
    first, *others = parameters["members"][0]["curves"]
    return with_member(parameters, curves=[first | changes, *others])


def isotonic(**changes):
    member = linear_model.RidgeClassifier()
    parameters = extracted(fitted(CalibratedClassifierCV(member, method="isotonic", cv=2), 3))[1]
    first, *others = parameters["members"][0]["curves"]
    return with_member(parameters, curves=[first | changes, *others])


def stack(**changes):
    estimator = ensemble.StackingClassifier(of(3, "logit", "bayes"), cv=2)
    parameters = extracted(fitted(estimator, 3))[1]
    return parameters | {"final": [parameters["final"][0] | changes]}


LINE = {"link": "sigmoid", "coef": np.ones((3, WIDTH)), "intercept": np.zeros(3)}
FAR = np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (lambda: voting(members=voting()["members"] * (MAX_MEMBERS // 2 + 1)), "members"),
        (lambda: voting(weights=np.ones(3)), "weights has shape (3,)"),
        (lambda: voting(weights=np.array([1.0, np.nan])), "weights is not finite"),
        (lambda: voting(weights=np.array([2.0, -1.0])), "weights of members"),
        (lambda: voting(weights=[1.0, 1.0]), "weights is not an array"),
        (lambda: voting(final=None), "the final model"),
        (lambda: voting(final=voting()["members"][:1]), "the final model"),
        (lambda: voting(how="median"), "a median of classes"),
        (lambda: with_member(voting(), parameters=LINE), "a member's link"),
        (lambda: with_member(voting(), parameters=LINE | {"link": ["ovr"]}), "a member's link"),
        (lambda: with_member(voting(), parameters=LINE | {"link": "ovr", "coef": np.ones((2, 4))}), "coef has shape (2, 4)"),
        (lambda: with_member(voting(), parameters=LINE | {"link": "ovr", "coef": np.full((3, 4), np.inf)}), "coef is not finite"),
        (lambda: with_member(voting(), family="combined", parameters=LINE | {"link": "ovr"}), "parameters ['coef', 'intercept', 'link']"),
        (lambda: with_member(voting(), columns=np.array([WIDTH], dtype="<i4")), "a member's columns"),
        (lambda: with_member(voting(), columns=np.array([[0]], dtype="<i4")), "columns has shape (1, 1)"),
        (lambda: with_member(voting(), columns=np.array([0], dtype="<i8")), "columns has type int64"),
        (lambda: with_member(voting(), columns=[0]), "columns is not an array"),
        (lambda: with_member(voting(), reads="label"), "labels that are no numbers"),
        (lambda: with_member(voting(), curves=None), "curves"),
        (lambda: with_member(voting(), curves=[{"a": 1.0, "b": 0.0}]), "curves"),
        (lambda: with_member(voting(), reads="vote", curves=[{"a": 1.0, "b": 0.0}] * 3), "curves"),
        (lambda: with_member(voting(), more=1), "a member"),
        (lambda: calibrated(a="1"), "a curve"),
        (lambda: calibrated(a=None), "a curve"),
        (lambda: calibrated(b=True), "a curve"),
        (lambda: calibrated(b=1e301), "a curve"),
        (lambda: calibrated(c=1.0), "a curve"),
        (lambda: calibrated(x=FAR), "a curve"),
        (lambda: isotonic(x=FAR[::-1].copy(), y=FAR), "a curve out of order"),
        (lambda: isotonic(x=FAR[:0], y=FAR[:0]), "a curve out of order"),
        (lambda: isotonic(x=FAR, y=FAR[:1]), "y has shape (1,)"),
        (lambda: isotonic(x=FAR, y=np.array([0.0, np.nan])), "y is not finite"),
        (lambda: isotonic(x=None), "x is not an array"),
        (lambda: stack(columns=np.array([6], dtype="<i4")), "a member's columns"),
        (lambda: stack(parameters=LINE | {"link": "ovr"}), "coef has shape (3, 4)"),
        (lambda: stack(family="nothing"), "a member's family"),
        (lambda: stack() | {"final": stack()["final"] * 2}, "the final model"),
        (lambda: stack() | {"final": []}, "the final model"),
        (lambda: stack() | {"final": {}}, "the final model"),
    ],
)  # fmt: skip
def test_models_of_models_that_lie_are_refused(parameters, problem):
    with pytest.raises(ModelError) as caught:
        FAMILIES["combined"].validate(parameters(), WIDTH, 3)
    assert str(caught.value) == f"the stored model is damaged: {problem}."


@pytest.mark.parametrize(
    ("changes", "outputs", "problem"),
    [
        ({"votes": "pairs"}, 1, "votes"),
        ({"votes": "ties_broken"}, 2, "votes"),
        ({"votes": "binary"}, 3, "votes"),
        ({"weights": np.ones((5, 3))}, 1, "weights has shape (5, 3)"),
        ({"rows": np.ones((5, 3))}, 1, "rows has shape (5, 3)"),
        ({"rows": np.full((5, WIDTH), np.nan)}, 1, "rows is not finite"),
        ({"gamma": np.ones(1)}, 1, "gamma"),
        ({"gamma": math.nan}, 1, "gamma"),
    ],
)
def test_kernels_that_lie_are_refused(changes, outputs, problem):
    parameters = {
        "link": "identity",
        "votes": "sum",
        "rows": np.ones((5, WIDTH)),
        "weights": np.ones((5, 1)),
        "intercept": np.zeros(1),
        "kernel": "rbf",
        "gamma": 1.0,
        "coef0": 0.0,
        "degree": 1,
    }
    FAMILIES["kernel"].validate(parameters, WIDTH, 1)
    with pytest.raises(ModelError) as caught:
        FAMILIES["kernel"].validate(parameters | changes, WIDTH, outputs)
    assert str(caught.value) == f"the stored model is damaged: {problem}."


def test_a_kernel_without_rows_answers_its_intercept():
    """As support vector regression does whose tube holds every row."""
    name, parameters = extracted(fitted(svm.SVR(epsilon=1e6), 0))
    assert parameters["rows"].shape == (0, WIDTH)
    assert_parity(fitted(svm.SVR(epsilon=1e6), 0), 0)
    assert_round_trip(name, parameters, 0)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_no_rows_have_no_answers_in_any_family(name):
    estimators = {
        "bayes": naive_bayes.GaussianNB(),
        "centres": cluster.KMeans(3),
        "combined": ensemble.VotingClassifier(of(3, "logit", "svc"), voting="hard"),
        "constant": None,
        "density": neighbors.LocalOutlierFactor(novelty=True),
        "discriminant": QuadraticDiscriminantAnalysis(),
        "events": naive_bayes.BernoulliNB(),
        "isotonic": IsotonicRegression(out_of_bounds="clip"),
        "kernel": svm.SVC(),
        "linear": linear_model.LogisticRegression(),
        "mlp": neural_network.MLPClassifier((3,), max_iter=3),
        "neighbors": neighbors.NearestCentroid(),
        "nonnegative": decomposition.NMF(3),
        "quadratic": covariance.EllipticEnvelope(),
        "trees": tree.DecisionTreeClassifier(),
    }
    if estimators[name] is None:
        parameters, count, width = {"link": "identity", "values": np.zeros(3)}, 3, WIDTH
    else:
        count, width = {"isotonic": (0, 1), "density": (0, WIDTH), "quadratic": (0, WIDTH)}.get(name, (3, WIDTH))
        matrix = np.abs(MATRIX[:, :width]) if name == "nonnegative" else MATRIX[:, :width]
        parameters = extracted(fitted(estimators[name], count, matrix))[1]
    assert FAMILIES[name].scores(parameters, np.empty((0, width))).shape == (0, max(1, count))
