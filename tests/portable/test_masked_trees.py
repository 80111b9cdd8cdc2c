"""Small trees as masks of bits: the same to the bit as the walk, for every kind of ensemble and every kind of number."""

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from threadpoolctl import threadpool_limits

from sqlite_ml_vtab.portable.families import FAMILIES, tree_masks
from sqlite_ml_vtab.portable.families.compiled import LEAST_TREES
from sqlite_ml_vtab.portable.families.masked_trees import CHUNK, MaskedTrees
from sqlite_ml_vtab.portable.families.tree_arrays import ensemble, limits
from sqlite_ml_vtab.portable.families.tree_evaluator import Evaluator, ready
from sqlite_ml_vtab.portable.families.tree_masks import MAX_FEATURES, MAX_LEAVES, layout
from sqlite_ml_vtab.portable.families.tree_scoring import row, scores

TREES = FAMILIES["trees"]
WIDTH = 4

FEW = {"n_estimators": 9, "random_state": 0}
ENSEMBLES = {
    "gradient boosting": (GradientBoostingClassifier(**FEW), GradientBoostingRegressor(**FEW)),
    "hist gradient boosting": (
        HistGradientBoostingClassifier(max_iter=9, random_state=0),
        HistGradientBoostingRegressor(max_iter=9, random_state=0),
    ),
    "boosted stumps": (AdaBoostClassifier(**FEW), AdaBoostRegressor(**FEW)),
    "forest": (RandomForestClassifier(max_leaf_nodes=40, **FEW), RandomForestRegressor(max_leaf_nodes=40, **FEW)),
    "many trees": (
        RandomForestClassifier(260, max_leaf_nodes=3, random_state=0),
        RandomForestRegressor(260, max_leaf_nodes=3, random_state=0),
    ),
}


def fitted(name, classes):
    """Return the parameters of an ensemble fitted on so many classes, or on numbers for 0, and its matrix."""
    if classes:
        X, y = make_classification(160, WIDTH, n_informative=4, n_redundant=0, n_classes=classes, random_state=1)
    else:
        X, y = make_regression(160, WIDTH, random_state=1)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return TREES.extract(ENSEMBLES[name][classes == 0].fit(X, y)), X


def edges(parameters, X):
    """Return rows at the thresholds and next to them, with holes, infinities, zeros and numbers that overflow."""
    generator = np.random.RandomState(3)
    inner = np.flatnonzero(parameters["left"])
    at = generator.choice(inner, 40) if len(inner) else np.zeros(0, dtype=np.int64)
    rows = [X[:40]]
    limit = limits(parameters)[at]
    with np.errstate(over="ignore"):
        beyond = np.nextafter(limit, np.inf)
    for values in (parameters["threshold"][at], limit, beyond):
        moved = generator.normal(size=(len(at), X.shape[1]))
        moved[np.arange(len(at)), parameters["feature"][at]] = values
        rows.append(moved)
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e39, -1e39, 1e300, 5e-324]
    return np.concatenate([*rows, generator.choice(odd, (60, X.shape[1]))])


def check(parameters, X):
    """Require masks, and one answer of all ways."""
    outputs = len(parameters["baseline"])
    TREES.validate(parameters, X.shape[1], outputs)
    one, many = ready(parameters)
    assert isinstance(one.__self__, MaskedTrees)
    matrix = edges(parameters, X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = scores(parameters, matrix)
        assert np.array_equal(np.array([one(x) for x in matrix.tolist()]), expected)
        assert np.array_equal(many(matrix), expected)
        assert np.array_equal(many(matrix[:1]), expected[:1])
        walk = row(parameters)
        assert np.array_equal(np.array([walk(x) for x in matrix.tolist()]), expected)


@pytest.mark.parametrize("classes", [2, 3, 0])
@pytest.mark.parametrize("name", ENSEMBLES)
def test_every_ensemble_of_small_trees_is_the_same_to_the_bit(name, classes):
    check(*fitted(name, classes))


@pytest.mark.parametrize("classes", [2, 3, 0])
@pytest.mark.parametrize("name", ["gradient boosting", "forest"])
def test_missing_values_may_go_either_way_at_each_question(name, classes):
    parameters, X = fitted(name, classes)
    sides = np.random.RandomState(0).randint(2, size=len(parameters["left"])).astype("|u1")
    check(parameters | {"missing_left": sides}, X)


@pytest.mark.parametrize(("name", "classes"), [("gradient boosting", 3), ("gradient boosting", 2), ("forest", 3)])
def test_partial_sums_may_be_rounded_to_float32(name, classes):
    parameters, X = fitted(name, classes)
    check(parameters | {"rounding": "float32_sums", "divisor": 3, "baseline": parameters["baseline"] + 0.1}, X)


def test_boosters_of_other_libraries_have_small_trees_too():
    import lightgbm
    import xgboost

    X, y = make_classification(200, WIDTH, n_informative=4, n_redundant=0, n_classes=3, random_state=1)
    check(TREES.extract(lightgbm.LGBMClassifier(n_estimators=6, verbose=-1, n_jobs=1).fit(X, y)), X)
    check(TREES.extract(xgboost.XGBClassifier(n_estimators=6, n_jobs=1).fit(X, y)), X)
    check(TREES.extract(xgboost.XGBRegressor(n_estimators=9, n_jobs=1).fit(X, y)), X)


def grown(draw, leaves):
    """Return the nodes of a tree drawn at random, its questions about few numbers so that thresholds meet."""
    left, right = [0], [0]
    ends = [0]
    for _ in range(leaves - 1):
        node = ends.pop(draw(st.integers(0, len(ends) - 1)))
        left[node], right[node] = len(left), len(left) + 1
        ends += [len(left), len(left) + 1]
        left += [0, 0]
        right += [0, 0]
    count = len(left)

    def drawn(values):
        return draw(st.lists(values, min_size=count, max_size=count))

    limit = st.sampled_from([-1.0, -0.0, 0.0, 0.1, 1.0, 1e39, -1e39, 1e-46, np.finfo(np.float64).max])
    return {
        "left": np.array(left),
        "right": np.array(right),
        "feature": np.where(left, drawn(st.integers(0, 2)), 0),
        "threshold": np.where(left, drawn(limit), 0.0),
        "missing_left": np.where(left, drawn(st.integers(0, 1)), 0),
    }, np.array(drawn(st.sampled_from([0.1, 0.2, -0.3, 1 / 3, 1e9])))[:, None]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_trees_drawn_at_random_are_the_same_to_the_bit(data):
    sizes = data.draw(st.lists(st.integers(1, 20), min_size=LEAST_TREES, max_size=LEAST_TREES + 4))
    trees, values = zip(*(grown(data.draw, size) for size in sizes), strict=True)
    outputs = data.draw(st.lists(st.integers(0, 2), min_size=len(sizes), max_size=len(sizes)))
    rounding = data.draw(st.sampled_from(["none", "float32", "float32_sums"]))
    parameters = ensemble(trees, values, link="softmax", rounding=rounding, outputs=outputs, width=3)
    check(parameters, np.zeros((1, 3)))


def test_the_least_that_rounds_beyond_a_threshold_is_beyond_it():
    generator = np.random.RandomState(0)
    tiny, huge = np.float32(1e-45), float(np.finfo(np.float32).max)
    special = [0.0, -0.0, 1e39, -1e39, huge, -huge, huge + 2.0**102, 1e-46, -1e-46, tiny, -tiny, tiny / 2, 1e308]
    spread = generator.normal(size=1000) * 10.0 ** generator.randint(-46, 38, 1000)
    threshold = np.concatenate([spread, spread.astype(np.float32), special])
    values = limits({"threshold": threshold, "rounding": "float32"})
    for value in (values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf)):
        with np.errstate(over="ignore"):
            rounded = value.astype(np.float32)
        assert np.array_equal(rounded <= threshold, value <= values)


def test_a_tree_with_too_many_leaves_has_no_field():
    X, y = make_regression(200, WIDTH, random_state=1)
    largest = RandomForestRegressor(9, max_leaf_nodes=MAX_LEAVES, random_state=0).fit(X, y)
    larger = RandomForestRegressor(9, max_leaf_nodes=MAX_LEAVES + 1, random_state=0).fit(X, y)
    assert layout(TREES.extract(largest)).field == np.dtype("<u8")
    assert layout(TREES.extract(larger)) is None
    assert isinstance(ready(TREES.extract(larger))[0].__self__, Evaluator)


def test_masks_that_would_take_too_much_memory_are_not_made(monkeypatch):
    parameters, _ = fitted("gradient boosting", 2)
    rows = sum(len(masks) for _, _, masks in tree_masks.masks(parameters, layout(parameters)))
    monkeypatch.setattr(tree_masks, "BUDGET", max(rows * 9, layout(parameters).stretch * 8))
    assert layout(parameters) is not None
    monkeypatch.setattr(tree_masks, "BUDGET", layout(parameters).stretch * 8 - 1)
    assert layout(parameters) is None


def test_questions_about_very_many_features_are_asked_otherwise():
    X, y = make_regression(80, MAX_FEATURES + 30, n_informative=MAX_FEATURES, random_state=1)
    forest = RandomForestRegressor(60, max_leaf_nodes=20, random_state=0).fit(X, y)
    assert layout(TREES.extract(forest)) is None


def test_more_rows_than_a_chunk_keep_their_order():
    parameters, X = fitted("gradient boosting", 2)
    _, many = ready(parameters)
    matrix = np.resize(X, (CHUNK // 9 + 10, WIDTH))
    assert np.array_equal(many(matrix), scores(parameters, matrix))
    assert many(matrix[:0]).shape == (0, 2)


def test_trees_that_are_a_single_leaf_are_trees():
    X = np.zeros((20, 1))
    parameters = TREES.extract(RandomForestRegressor(10, random_state=0).fit(X, np.full(20, 3.0)))
    check(parameters, X)
    assert ready(parameters)[0]([5.0]) == [3.0]


def test_threads_share_the_masks():
    parameters, X = fitted("hist gradient boosting", 3)
    one, _ = ready(parameters)
    expected = scores(parameters, X).tolist()
    wrong = []

    def ask():
        for _ in range(10):
            wrong.extend(n for n, x in enumerate(X.tolist()) if one(x) != expected[n])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_boosting_imports_neither_onnx_nor_its_runtime():
    code = (
        "import sys, numpy as np\n"
        "from sqlite_ml_vtab.portable.families.tree_arrays import ensemble\n"
        "from sqlite_ml_vtab.portable.families.tree_evaluator import ready\n"
        "tree = dict(left=np.array([1, 0, 0]), right=np.array([2, 0, 0]), feature=np.zeros(3),\n"
        "            threshold=np.zeros(3), missing_left=np.zeros(3))\n"
        "values = [np.array([[0.0], [1.0], [2.0]])] * 9\n"
        "one, many = ready(ensemble([tree] * 9, values, link='identity', rounding='none'))\n"
        "print([one([-1.0]), many(np.full((50_000, 1), 1.0))[-1].tolist()])\n"
        "print([name for name in sys.modules if name.startswith('onnx')])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[[9.0], [18.0]]\n[]\n"
