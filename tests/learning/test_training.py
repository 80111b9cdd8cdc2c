"""A run from rows to a model: what it learns, measures, keeps and says."""

import warnings

import numpy as np
import pytest
from needs import with_target

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning import training
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, Algorithm
from sqlite_ml_vtab.learning.training import fit
from sqlite_ml_vtab.portable import REFIT, Scorer, from_bytes, to_bytes
from sqlite_ml_vtab.portable.families import tree_scoring


@pytest.fixture
def classify(rows_of, plan_of):
    """Fit an algorithm to rows of one number x (and what `columns` add behind the target)."""

    def classify(name, rows, columns=(), **options):
        return fit(rows_of(["x real", "y target", *columns], rows), plan_of(name, **options))

    return classify


@pytest.fixture
def regress(rows_of, plan_of):
    def regress(name, rows, columns=(), **options):
        found = rows_of(["x real", "y real target", *columns], rows, "regression")
        return fit(found, plan_of(name, "regression", **options))

    return regress


def refusal(call, *arguments, **options):
    with pytest.raises(TrainingError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def noisy(count, seed=0):
    """Return rows of y = 3 x + noise."""
    random = np.random.RandomState(seed)
    x = random.uniform(0, 10, size=count)
    return list(zip(x.tolist(), (3 * x + random.normal(size=count)).tolist(), strict=True))


def halves(count, low="no", high="yes"):
    """Return rows whose class changes at x = 0."""
    return [(x - count / 2 + 0.5, low if x < count / 2 else high) for x in range(count)]


# What is learned


def test_the_model_answers_what_the_rows_say(classify):
    found = classify("logistic_regression", halves(40))
    assert [Scorer(found.model).one([x])[0] for x in (-10, 10)] == ["no", "yes"]
    assert (found.score, found.metrics["accuracy"]) == (1.0, 1.0)
    assert (found.rows_trained, found.rows_tested) == (30, 10)
    assert found.scorer == "portable: linear"
    assert found.notes == ()
    assert found.refitted == (None,)
    assert found.seconds > 0


def test_only_the_train_part_is_learned_from(classify):
    rows = [(x, y, "train" if place % 2 else "test") for place, (x, y) in enumerate(halves(40))]
    spoiled = [(x, "no" if side == "test" else y, side) for x, y, side in rows]
    good, bad = (classify("logistic_regression", each, ["s split"], split="column") for each in (rows, spoiled))
    assert to_bytes(good.model._replace(conformal=None)) == to_bytes(bad.model._replace(conformal=None))
    assert good.score > bad.score


def test_the_model_is_what_scikit_learn_fits_to_the_same_rows(regress):
    from sklearn.linear_model import LinearRegression

    rows = noisy(50)
    x, y = np.array(rows).T
    expected = LinearRegression().fit(x[:, None], y)
    scorer = Scorer(regress("linear_regression", rows, split="none").model)
    assert [scorer.one([value])[0] for value in (-3, 0, 99)] == pytest.approx(
        expected.predict([[-3], [0], [99]]).tolist(), rel=1e-9
    )


def test_hyperparameters_and_defaults_reach_the_estimator(regress):
    found = regress("knn", [(0, 0), (1, 1), (2, 2), (10, 50)], split="none", hyperparams={"n_neighbors": 1})
    assert Scorer(found.model).one([9])[0] == 50.0
    found = regress("knn", [(0, 0), (1, 1), (2, 2), (10, 51)], split="none")
    assert Scorer(found.model).one([9])[0] == 13.5


def test_another_seed_draws_another_model(regress):
    first, second = (to_bytes(regress("random_forest", noisy(60), split="none", seed=seed).model) for seed in (0, 1))
    assert first != second


def test_the_number_of_threads_changes_nothing(regress):
    first, second = (to_bytes(regress("random_forest", noisy(60), threads=threads).model) for threads in (1, 2))
    assert first == second


def test_a_row_whose_split_is_null_is_neither_trained_on_nor_tested(classify):
    rows = [(x, y, [None, "train", "test", "train"][place % 4]) for place, (x, y) in enumerate(halves(40))]
    found = classify("gaussian_nb", rows, ["s split"], split="column")
    assert (found.rows_trained, found.rows_tested) == (20, 10)


# Weights


def test_a_row_of_more_weight_pulls_the_model(regress):
    rows = [(1, 0.0, weight) for weight in (1, 1)] + [(1, 8.0, 2)]
    assert Scorer(regress("decision_tree", rows, ["w weight"], split="none").model).one([1])[0] == 4.0


def test_a_row_of_no_weight_is_as_if_it_were_not_there(regress):
    rows = [(*row, 1.0) for row in noisy(20)]
    heavy = [*rows, (5.0, 1e6, 0.0)]
    with_it, without = (regress("linear_regression", each, ["w weight"], split="none") for each in (heavy, rows))
    assert Scorer(with_it.model).one([3])[0] == pytest.approx(Scorer(without.model).one([3])[0])


def test_class_weight_makes_a_rare_class_count(classify):
    rows = [(x, "rare" if x % 10 == 0 else "common") for x in range(100)]
    plain = classify("logistic_regression", rows, split="none")
    heavy = classify("logistic_regression", rows, split="none", class_weight={"rare": 50.0})
    assert Scorer(plain.model).one([3])[0] == "common"
    assert Scorer(heavy.model).one([3])[0] == "rare"


def test_balanced_is_what_scikit_learn_calls_balanced(classify):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rows = [(x + 3 * (x % 5 == 0), "rare" if x % 5 == 0 else "common") for x in range(60)]
    x = StandardScaler().fit_transform(np.array([[row[0]] for row in rows]))
    y = [row[1] for row in rows]
    expected = LogisticRegression(max_iter=1000, class_weight="balanced").fit(x, y).predict_proba(x)
    scorer = Scorer(classify("logistic_regression", rows, split="none", class_weight="balanced").model)
    found = scorer.probabilities(np.array(scorer.many([row[:1] for row in rows])[1]))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("option", ["column", "class_weight"])
def test_an_algorithm_that_takes_no_weights_says_so(classify, option):
    rows = halves(20)
    arguments = {"class_weight": "balanced"}
    if option == "column":
        rows, arguments = [(*row, 1.0) for row in rows], {"columns": ["w weight"]}
    assert refusal(classify, "knn", rows, **arguments) == (
        "algorithm 'knn' takes no weights. Leave out the WEIGHT column and class_weight, or use another algorithm."
    )


# Intervals


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_covers_nine_tenths_of_what_comes_later(regress, seed):
    scorer = Scorer(regress("linear_regression", noisy(1200, seed), test_size=400).model)
    inside = 0
    for x, y in noisy(2000, seed + 100):
        low, high = scorer.bounds([x], scorer.one([x])[1])
        inside += low <= y <= high
    assert 0.87 <= inside / 2000 <= 0.93


def test_nothing_is_said_of_certainty_without_a_test_part(regress, classify):
    assert regress("dummy", noisy(10), split="none").model.conformal is None
    assert classify("dummy", halves(10), split="none").model.conformal is None


# The hold-out sample and the golden rows


def test_the_holdout_keeps_each_tested_row_with_its_truth_and_its_prediction(classify):
    found = classify("logistic_regression", halves(8), test_size=2, split="last")
    assert [(row, truth, said) for row, truth, said, _ in found.holdout] == [(7, "yes", "yes"), (8, "yes", "yes")]
    assert all(0.5 < chance <= 1 for _, _, _, chance in found.holdout)


def test_the_holdout_of_numbers_has_no_probability(regress):
    found = regress("dummy", [(0, 1), (0, 3), (0, 5)], test_size=1, split="last")
    assert found.holdout == ((3, 5, 2.0, None),)


def test_the_holdout_of_votes_has_no_probability(classify):
    assert {chance for *_, chance in classify("ridge", halves(40)).holdout} == {None}


def test_a_class_that_was_not_trained_on_stands_in_the_holdout_as_the_truth(classify):
    rows = [*halves(20), (30, "new")]
    found = classify("logistic_regression", rows, test_size=1, split="last")
    ((row, truth, said, _),) = found.holdout
    assert (row, truth, said) == (21, "new", "yes")
    assert found.score == 0.0
    assert found.model.labels == ("no", "yes")
    assert found.notes == ("class 'new' stands in the test part only; no row teaches it",)


def test_of_many_tested_rows_a_seeded_sample_is_kept_and_all_are_measured(regress, monkeypatch):
    monkeypatch.setattr(training, "MAX_HOLDOUT", 20)
    rows = noisy(200)
    found, again = (regress("linear_regression", rows, test_size=100) for _ in range(2))
    other = regress("linear_regression", rows, test_size=100, seed=1)
    ids = [row for row, *_ in found.holdout]
    assert len(ids) == 20
    assert ids == sorted(set(ids))
    assert found.holdout == again.holdout
    assert ids != [row for row, *_ in other.holdout]
    assert found.rows_tested == 100
    monkeypatch.undo()
    whole = regress("linear_regression", rows, test_size=100)
    assert whole.metrics == found.metrics
    assert set(found.holdout) < set(whole.holdout)
    assert found.holdout != whole.holdout[:20]


def test_golden_rows_are_answered_as_they_were_when_they_were_stored(rows_of, plan_of):
    rows = [
        (place / 3, ["a", None][place % 2], f"2024-05-{place + 1:02} 12:00:00.25", place % 2) for place in range(30)
    ]
    found = fit(rows_of(["n real", "c text", "d date", "y target"], rows), plan_of("gradient_boosting"))
    model = from_bytes(to_bytes(found.model))
    assert len(model.golden.rows) == len(model.golden.scores) == 5
    scorer = Scorer(model)
    assert [tuple(scorer.one(row)[1]) for row in model.golden.rows] == list(model.golden.scores)
    assert model.golden.rows[0][2].startswith("2024-05-")


def test_fewer_rows_than_golden_rows_are_all_golden(regress):
    assert regress("dummy", [(1, 1), (None, 2)], split="none").model.golden.rows == ((1.0,), (None,))


# Notes, refitting, metrics


def test_an_estimator_that_has_not_converged_is_noted(classify):
    rows = [(x, y) for (x, _), y in zip(noisy(60), "abc" * 20, strict=True)]
    found = classify("logistic_regression", rows, hyperparams={"max_iter": 1})
    assert found.notes == ("logistic_regression stopped before it converged; raise max_iter in hyperparams",)


def test_notes_of_target_split_and_features_stand_one_after_the_other(rows_of, plan_of):
    rows = [(None, x, 7.0) for x in range(8)]
    found = fit(rows_of(["empty real", "x real", "y real target"], rows, "regression"), plan_of("dummy", "regression"))
    assert found.notes == (
        "the target is 7.0 in every row; there is nothing to learn",
        "column 'empty' is NULL in every row of the train part; it was not used",
    )


def test_warnings_of_the_libraries_never_reach_the_user(classify):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classify(
            "logistic_regression",
            [(x, y) for (x, _), y in zip(noisy(60), "abc" * 20, strict=True)],
            hyperparams={"max_iter": 1},
        )
    assert caught == []


def test_nothing_is_measured_where_nothing_is_tested(classify):
    found = classify("gaussian_nb", halves(20), split="none")
    assert (found.metrics, found.score, found.holdout, found.rows_tested) == ({}, None, (), 0)


def test_the_metrics_are_those_of_the_answers_that_will_be_given(classify):
    rows = [(x, y) for (x, _), y in zip(noisy(120), "aab" * 40, strict=True)]
    found = classify("gaussian_nb", rows)
    right = [truth == Scorer(found.model).one([rows[row - 1][0]])[0] for row, truth, *_ in found.holdout]
    assert found.metrics["accuracy"] == pytest.approx(sum(right) / len(right))


@pytest.mark.parametrize(
    ("name", "hyperparams", "why"),
    [
        ("gradient_boosting", {"loss": "exponential"}, "loss 'exponential'"),
        ("knn", {"metric": "chebyshev"}, "metric 'chebyshev'"),
        ("hist_gradient_boosting", {"categorical_features": [0]}, "categorical splits"),
    ],
)
def test_what_has_no_portable_form_is_refitted_and_says_why(classify, name, hyperparams, why):
    rows = [(place % 5, "ab"[place % 5 > 2]) for place in range(120)]
    found = classify(name, rows, hyperparams=hyperparams)
    assert found.scorer == f"refit: {why}"
    assert found.model.family == REFIT
    scorer = Scorer(from_bytes(to_bytes(found.model)), *found.refitted)
    assert [scorer.one([x])[0] for x in (0, 4)] == ["a", "b"]
    assert scorer.many([[0], [4]])[0] == ["a", "b"]


def test_a_tree_too_deep_for_the_portable_form_is_refitted(regress, monkeypatch):
    monkeypatch.setattr(tree_scoring, "MAX_DEPTH", 3)
    assert regress("decision_tree", noisy(100)).scorer == "refit: a tree deeper than 3"


def test_an_algorithm_of_the_host_is_refitted_as_it_has_no_portable_form(rows_of, plan_of):
    from sklearn.dummy import DummyRegressor

    own = Algorithm(doc="Own.", family=None, estimators={"regression": DummyRegressor})
    found = fit(rows_of(["x", "y target"], noisy(20), "regression"), plan_of("own", "regression", algorithm=own))
    assert found.scorer == "refit: the algorithm has no portable form"
    assert found.refitted != (None,)


def test_a_class_of_the_host_that_looks_like_a_known_one_is_refitted(rows_of, plan_of):
    from sklearn.linear_model import LinearRegression

    class Own(LinearRegression):
        pass

    own = Algorithm(doc="Own.", family="linear", estimators={"regression": Own})
    found = fit(rows_of(["x", "y target"], noisy(20), "regression"), plan_of("own", "regression", algorithm=own))
    assert found.scorer == "refit: Own has no portable form"


def test_a_portable_form_that_answers_otherwise_is_not_used(rows_of, plan_of):
    from sklearn.linear_model import LinearRegression

    class Bent(LinearRegression):
        __module__ = LinearRegression.__module__  # of a library whose portable form is known

        def predict(self, matrix):
            return super().predict(matrix) * 1.00001

    bent = Algorithm(doc="Bent.", family="linear", estimators={"regression": Bent})
    found = fit(rows_of(["x", "y target"], noisy(20), "regression"), plan_of("bent", "regression", algorithm=bent))
    assert found.scorer == "refit: the portable form is off by 1.0e-05"
    assert found.model.family == REFIT


def test_a_portable_form_that_gives_another_class_is_not_used(rows_of, plan_of):
    from sklearn.linear_model import LogisticRegression

    class Contrary(LogisticRegression):
        __module__ = LogisticRegression.__module__

        def predict(self, matrix):
            return 1 - super().predict(matrix)

    contrary = Algorithm(doc="Contrary.", family="linear", estimators={"classification": Contrary})
    found = fit(rows_of(["x", "y target"], halves(40)), plan_of("contrary", algorithm=contrary))
    assert found.scorer == "refit: the portable form gives 40 of 40 rows another class"


# Refusals


def test_no_rows_are_refused(classify):
    assert refusal(classify, "dummy", []) == (
        "no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ..."
    )


def test_features_that_are_null_in_every_row_are_refused(classify):
    assert refusal(classify, "dummy", [(None, "ab"[place % 2]) for place in range(20)]) == (
        "every feature is NULL in every row of the train part. Insert rows with values."
    )


@pytest.mark.parametrize("value", [1e39, -1e300])
@pytest.mark.parametrize("name", ["linear_regression", "decision_tree", "knn"])
def test_a_number_too_large_to_learn_from_is_refused_wherever_it_stands(regress, name, value):
    rows = [*noisy(30), (value, 1.0)]
    assert refusal(regress, name, rows, split="last") == (
        f"column 'x' holds {value:g} in row 31, too large to learn from. Store it in a larger unit, or NULL."
    )


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_largest_number_that_is_taken_can_be_learned_from_by_all(rows_of, plan_of, name):
    for task in with_target(name):
        rows = [(x * 1e37, place % 2 + 1) for place, (x, _) in enumerate(noisy(40))]
        found = fit(rows_of(["x real", "y integer target"], rows, task), plan_of(name, task))
        assert from_bytes(to_bytes(found.model)).family


def test_more_neighbours_than_rows_are_refused_with_the_reason(classify):
    sentence = refusal(classify, "knn", halves(20), hyperparams={"n_neighbors": 50})
    assert sentence.startswith("algorithm 'knn' cannot be fitted to these rows: Expected n_neighbors <= n_samples_fit")


def test_what_the_estimator_refuses_is_told_in_its_words(regress):
    rows = [(x, -1.0 - x) for x in range(20)]
    assert refusal(regress, "hist_gradient_boosting", rows, hyperparams={"loss": "poisson"}) == (
        "algorithm 'hist_gradient_boosting' cannot be fitted to these rows: "
        "loss='poisson' requires non-negative y and sum(y) > 0."
    )


@pytest.mark.parametrize("split", ["stratified", "none"])
def test_an_estimator_that_answers_with_nan_is_refused(classify, split):
    rows = [(1, "ab"[place % 2]) for place in range(20)]
    assert refusal(classify, "gaussian_nb", rows, split=split) == (
        "algorithm 'gaussian_nb' gives no finite number for these rows. Use another algorithm or hyperparams."
    )


def odd(classes, beyond):
    """Return an algorithm that answers with NaN where the feature is greater than `beyond`."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    class OddRegressor(DummyRegressor):
        def predict(self, matrix):
            return np.where(matrix[:, 0] > beyond, np.nan, 1.0)

    class OddClassifier(DummyClassifier):
        def predict_proba(self, matrix):
            return np.where(matrix[:, :1] > beyond, np.nan, super().predict_proba(matrix))

    kind = {"classification": OddClassifier} if classes else {"regression": OddRegressor}
    return Algorithm(doc="Odd.", family=None, estimators=kind)


@pytest.mark.parametrize(("classes", "beyond"), [(2, 18), (2, 3), (0, 14)])
def test_nan_for_a_class_or_for_every_number_of_the_test_part_is_refused(rows_of, plan_of, classes, beyond):
    task = "classification" if classes else "regression"
    rows = rows_of(["x", "y target"], [(x, x % 2) for x in range(20)], task)
    assert refusal(fit, rows, plan_of("odd", task, algorithm=odd(classes, beyond), split="last")) == (
        "algorithm 'odd' gives no finite number for these rows. Use another algorithm or hyperparams."
    )


def test_a_number_that_is_missing_for_some_rows_is_noted_and_not_measured(rows_of, plan_of):
    rows = rows_of(["x", "y target"], [(x, x) for x in range(20)], "regression")
    found = fit(rows, plan_of("odd", "regression", algorithm=odd(0, 18), split="last"))
    assert found.notes == ("1 rows of the test part have no prediction; the metrics leave them out",)
    assert found.metrics["mean_absolute_error"] == np.mean([14, 15, 16, 17])


def test_a_failed_run_raises_nothing_but_the_error_of_the_package(classify):
    sentence = refusal(classify, "knn", halves(20), hyperparams={"n_neighbors": 500})
    assert sentence.startswith("algorithm 'knn' cannot be fitted to these rows: ")
