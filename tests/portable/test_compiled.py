"""Trees through ONNX Runtime: the same to the bit as the walk, whatever the ensemble, and started only for many rows."""

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.compiled import CHUNK, LEAST_TREES, CompiledTrees
from sqlite_ml_vtab.portable.families.tree_evaluator import PATIENCE, Evaluator
from sqlite_ml_vtab.portable.families.tree_scoring import MAX_DEPTH, row, scores

TREES = FAMILIES["trees"]
WIDTH = 5

CLASSIFIERS = {
    "decision_tree": DecisionTreeClassifier(random_state=0),
    "random_forest": RandomForestClassifier(12, random_state=0),
    "shallow_forest": RandomForestClassifier(12, max_depth=2, random_state=0),
    "bagging": BaggingClassifier(max_features=0.5, random_state=0),
    "ada_boost": AdaBoostClassifier(random_state=0),
    "gradient_boosting": GradientBoostingClassifier(n_estimators=10, random_state=0),
    "hist_gradient_boosting": HistGradientBoostingClassifier(max_iter=10, random_state=0),
}
REGRESSORS = {
    "random_forest": RandomForestRegressor(12, random_state=0),
    "extra_trees": ExtraTreesRegressor(12, random_state=0),
    "ada_boost": AdaBoostRegressor(random_state=0),
    "gradient_boosting": GradientBoostingRegressor(n_estimators=10, random_state=0),
    "hist_gradient_boosting": HistGradientBoostingRegressor(max_iter=10, random_state=0),
}


def table(classes):
    """Return a matrix with holes, and a target of so many classes, or of numbers for 0."""
    if classes:
        X, y = make_classification(300, WIDTH, n_informative=4, n_redundant=0, n_classes=classes, random_state=1)
    else:
        X, y = make_regression(300, WIDTH, random_state=1)
    return X, y


def compiled(parameters):
    """Return an evaluator that has been asked for enough."""
    evaluator = Evaluator(parameters)
    evaluator._patience = 0
    return evaluator


def boosters():
    import lightgbm
    import xgboost

    X, y = table(3)
    yield lightgbm.LGBMClassifier(n_estimators=6, verbose=-1, n_jobs=1).fit(X, y), X, 3
    yield xgboost.XGBClassifier(n_estimators=6, n_jobs=1).fit(X, y), X, 3
    yield xgboost.XGBRegressor(n_estimators=9, n_jobs=1).fit(X, y), X, 1


def ensembles():
    for classes in (2, 3):
        for name, estimator in CLASSIFIERS.items():
            yield pytest.param(estimator, classes, id=f"{name} of {classes}")
    for name, estimator in REGRESSORS.items():
        yield pytest.param(estimator, 0, id=name)


def alike(evaluator, found, expected):
    """Return whether both are the same to the bit; the first of two shares is what the second leaves of 1."""
    if evaluator._second is None:
        return np.array_equal(found, expected)
    same = np.array_equal(found[:, 1], expected[:, 1]) and np.array_equal(found.argmax(1), expected.argmax(1))
    return same and np.allclose(found[:, 0], expected[:, 0], rtol=0.0, atol=1e-14)


def check(parameters, X, outputs):
    TREES.validate(parameters, X.shape[1], outputs)
    matrix = np.concatenate([X, X + 1e-9, -X, np.full((1, X.shape[1]), np.nan), np.full((1, X.shape[1]), 1e300)])
    matrix[::7, 0] = np.nan
    evaluator, walk = compiled(parameters), row(parameters)
    expected = scores(parameters, matrix)
    assert alike(evaluator, evaluator.many(matrix), expected)
    assert alike(evaluator, np.array([evaluator.one(x) for x in matrix.tolist()]), expected)
    assert np.array_equal(np.array([walk(x) for x in matrix.tolist()]), expected)


@pytest.mark.parametrize(("estimator", "classes"), list(ensembles()))
def test_every_ensemble_is_the_same_to_the_bit(estimator, classes):
    X, y = table(classes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with threadpool_limits(1):
            estimator.fit(X, y)
        check(TREES.extract(estimator), X, max(1, classes))


def test_boosters_of_other_libraries_too():
    for estimator, X, outputs in boosters():
        check(TREES.extract(estimator), X, outputs)


def test_random_arrays_are_the_same_to_the_bit():
    generator = np.random.RandomState(5)
    for _ in range(20):
        X = generator.normal(size=(60, 3))
        y = generator.randint(4, size=60)
        forest = RandomForestClassifier(9, max_leaf_nodes=generator.randint(2, 12), random_state=generator).fit(X, y)
        parameters = TREES.extract(forest)
        parameters["missing_left"] = generator.randint(2, size=len(parameters["left"])).astype("|u1")
        check(parameters, X, len(forest.classes_))


def test_trees_that_are_a_single_leaf_are_trees():
    X = np.zeros((20, 1))
    forest = RandomForestRegressor(10, random_state=0).fit(X, np.full(20, 3.0))
    parameters = TREES.extract(forest)
    assert compiled(parameters).many(X[:2]).tolist() == [[3.0], [3.0]]
    assert compiled(parameters).one([5.0]) == [3.0]


def test_the_deepest_tree_that_is_let_in_is_evaluated():
    depth = MAX_DEPTH - 1
    nodes = np.arange(2 * depth + 1)
    inner = (nodes % 2 == 0) & (nodes < 2 * depth)
    one = {
        "left": np.where(inner, nodes + 1, 0),
        "right": np.where(inner, nodes + 2, 0),
        "feature": np.zeros(len(nodes)),
        "threshold": np.where(inner, nodes.astype(float), 0.0),
        "missing_left": np.zeros(len(nodes)),
    }
    from sqlite_ml_vtab.portable.families.tree_arrays import ensemble

    values = [nodes.astype(float)[:, None]] * LEAST_TREES
    parameters = ensemble([one] * LEAST_TREES, values, link="identity", rounding="none")
    check(parameters, np.array([[0.0], [1999.0], [1e9]]), 1)


def test_only_many_rows_start_onnx_runtime():
    X, y = table(2)
    evaluator = Evaluator(TREES.extract(CLASSIFIERS["random_forest"].fit(X, y)))
    for _ in range(PATIENCE // 12):
        evaluator.one(X[0].tolist())
    assert evaluator._compiled is None
    evaluator.one(X[0].tolist())
    assert evaluator._compiled is not None


def test_one_row_of_few_trees_is_walked_even_then():
    X, y = table(2)
    evaluator = compiled(TREES.extract(CLASSIFIERS["decision_tree"].fit(X, y)))
    evaluator.many(X)
    evaluator._compiled.one = None
    assert evaluator.one(X[0].tolist()) == scores(evaluator._parameters, X[:1])[0].tolist()


def test_more_rows_than_a_chunk_keep_their_order():
    X, y = table(3)
    parameters = TREES.extract(CLASSIFIERS["random_forest"].fit(X, y))
    matrix = np.resize(X, (CHUNK + 10, WIDTH))
    evaluator = compiled(parameters)
    assert alike(evaluator, evaluator.many(matrix), scores(parameters, matrix))
    assert compiled(parameters).many(matrix[:0]).shape == (0, 3)


def test_threads_share_an_evaluator():
    X, y = table(2)
    parameters = TREES.extract(RandomForestClassifier(30, random_state=0).fit(X, y))
    evaluator, expected = compiled(parameters), scores(parameters, X).tolist()
    wrong = []

    def ask():
        for _ in range(10):
            wrong.extend(n for n, x in enumerate(X.tolist()) if evaluator.one(x) != expected[n])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_few_predictions_import_neither_onnx_nor_its_runtime():
    code = (
        "import sys, numpy as np\n"
        "from sqlite_ml_vtab.portable.families import FAMILIES\n"
        "print([name for name in sys.modules if name.startswith('onnx')])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_release_that_answers_otherwise_is_not_believed(monkeypatch):
    X, y = table(2)
    parameters = TREES.extract(CLASSIFIERS["random_forest"].fit(X, y))
    many = CompiledTrees.many
    monkeypatch.setattr(CompiledTrees, "many", lambda self, matrix: many(self, np.nan_to_num(matrix, nan=1e9)))
    evaluator = compiled(parameters | {"missing_left": np.ones(len(parameters["left"]), dtype="|u1")})
    assert np.array_equal(evaluator.many(X), scores(parameters, X))
    assert evaluator._compiled is None


@pytest.mark.parametrize(
    ("estimator", "unit", "is_single", "gives_leaves"),
    [
        (RandomForestClassifier(12, random_state=0), None, True, False),
        (RandomForestClassifier(12, min_samples_leaf=9, random_state=0), None, True, True),
        (RandomForestRegressor(12, random_state=0), 1, True, False),
        (RandomForestRegressor(12, random_state=0), 0.1, False, False),
        (RandomForestRegressor(12, random_state=0), 2**22, False, False),
        (HistGradientBoostingRegressor(max_iter=10, random_state=0), 1, False, False),
    ],
)
def test_single_precision_serves_where_it_loses_nothing(estimator, unit, is_single, gives_leaves):
    X, y = table(3)
    estimator.fit(X, y * (unit or 1))
    parameters = TREES.extract(estimator)
    found = CompiledTrees(parameters, WIDTH)
    assert (found._is_single, found.gives_leaves) == (is_single, gives_leaves)
    check(parameters, X, 1 if unit else 3)
