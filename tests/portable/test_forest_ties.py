"""Where two classes of a forest tie, the class that is named is the one that the estimator names, to the last bit."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.tree_evaluator import Evaluator
from sqlite_ml_vtab.portable.families.trees import extract

TREES = FAMILIES["trees"]


def table(digits, count=1500):
    """Return rows of few different values where `digits` is small, so that leaves are not pure and sums tie."""
    random = np.random.RandomState(0)
    matrix = random.normal(size=(count, 4)).round(digits)
    return matrix, (matrix[:, 0] + matrix[:, 1] ** 2 + random.normal(size=count) > 1).astype(int)


@pytest.mark.parametrize("settings", [{}, {"min_samples_leaf": 3}, {"max_depth": 4}, {"class_weight": "balanced"}])
@pytest.mark.parametrize("forest", [RandomForestClassifier, ExtraTreesClassifier])
def test_a_forest_with_leaves_of_both_classes_says_what_the_estimator_says(forest, settings):
    fitted = forest(10, random_state=0, **settings).fit(*table(1))
    matrix, _ = table(1, 3000)
    parameters = extract(fitted)
    evaluator = Evaluator(parameters)
    evaluator._patience = 0
    one, many = evaluator.one, evaluator.many
    expected = fitted.predict_proba(matrix)
    assert np.array_equal(TREES.scores(parameters, matrix), expected)
    assert np.array_equal(many(matrix).argmax(axis=1), fitted.predict(matrix))
    assert [int(second > first) for first, second in map(one, matrix.tolist())] == fitted.predict(matrix).tolist()
    np.testing.assert_allclose([one(row) for row in matrix[:200].tolist()], expected[:200], rtol=1e-12)


def test_a_forest_of_pure_leaves_is_stored_as_one_class():
    matrix, classes = table(9)
    pure = extract(RandomForestClassifier(10, random_state=0).fit(matrix, classes))
    mixed = extract(RandomForestClassifier(10, random_state=0, min_samples_leaf=3).fit(matrix, classes))
    assert (pure["complement"], pure["value"].shape[1]) == (1, 1)
    assert (mixed["complement"], mixed["value"].shape[1]) == (0, 2)


def test_shares_are_the_same_to_the_bit_before_and_after_compiling():
    fitted = RandomForestClassifier(10, random_state=0, min_samples_leaf=3).fit(*table(1))
    matrix, _ = table(1, 400)
    parameters = extract(fitted)
    walked, compiled = Evaluator(parameters), Evaluator(parameters)
    walked._patience, compiled._patience = 10**9, 0
    assert np.array_equal(walked.many(matrix), compiled.many(matrix))
    assert [walked.one(row) for row in matrix.tolist()] == [compiled.one(row) for row in matrix.tolist()]
    assert np.array_equal(walked.many(matrix), [walked.one(row) for row in matrix.tolist()])
    assert compiled._compiled is not None
    assert walked._compiled is None
