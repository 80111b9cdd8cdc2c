"""Split conformal prediction: limits by hand, coverage of rows that nobody saw, and width where difficulty helps."""

import math

import numpy as np
import pytest

from sqlite_ml_vtab.learning import conformal
from sqlite_ml_vtab.learning.conformal import Classes, Numbers, folds_of, intervals, quantile, sets
from sqlite_ml_vtab.learning.decisions import bend_target, transform_target
from sqlite_ml_vtab.learning.training import fit
from sqlite_ml_vtab.portable import Conformal, Scorer, from_bytes, to_bytes
from sqlite_ml_vtab.portable.intervals import difficulties
from sqlite_ml_vtab.portable.inverse import INVERSES

NONE = ("none", ())


# The quantile and the folds


@pytest.mark.parametrize(
    ("count", "confidence", "rank"),
    [
        (9, 0.9, 9),
        (10, 0.9, 10),
        (19, 0.9, 18),
        (99, 0.9, 90),
        (100, 0.9, 91),
        (1, 0.5, 1),
        (9, 0.7, 7),
        (99, 0.55, 55),
        (3, 0.01, 1),
    ],
)
def test_the_limit_is_the_score_of_the_corrected_rank(count, confidence, rank):
    scores = np.random.RandomState(0).permutation(count) + 1.0
    assert quantile(scores, confidence) == rank == math.ceil(round((count + 1) * confidence, 9))


@pytest.mark.parametrize(("count", "confidence"), [(0, 0.9), (8, 0.9), (18, 0.95), (98, 0.99)])
def test_of_too_few_scores_there_is_no_limit(count, confidence):
    assert quantile(np.ones(count), confidence) == math.inf
    assert quantile(np.ones(count + 1), confidence) == (1.0 if count else math.inf)


def test_folds_of_rows_without_an_order_are_drawn_by_the_seed():
    found = folds_of("shuffle", None, 53, 1)
    assert sorted(np.bincount(found).tolist()) == [10, 10, 11, 11, 11]
    assert found.tolist() == folds_of("stratified", None, 53, 1).tolist()
    assert found.tolist() != folds_of("shuffle", None, 53, 2).tolist()
    assert found.tolist() != sorted(found.tolist())


def test_folds_of_rows_in_time_are_blocks():
    assert folds_of("last", None, 11, 0).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_folds_keep_groups_whole():
    groups = ["a", "b", None, "a", "c", None, "b", "d", "e", "row"]
    found = folds_of("group", groups, 10, 0).tolist()
    assert found[0] == found[3]
    assert found[1] == found[6]
    assert sorted(set(found)) == [0, 1, 2, 3, 4]
    assert len(set(folds_of("group", [None] * 5, 5, 0).tolist())) == 5
    assert found == folds_of("column", groups, 10, 0).tolist()


# Intervals by hand


def held_out(count, seed=0, spread=lambda x: 1.0, inverse=NONE):
    """Return rows of two features, the first of which makes the truth, and `spread` its error."""
    random = np.random.RandomState(seed)
    matrix = random.uniform(-2, 2, size=(count, 2))
    centres = matrix[:, 0] * 3
    truth = centres + random.normal(size=count) * spread(matrix[:, 1])
    return Numbers(matrix, truth, centres, inverse, folds_of("shuffle", None, count, seed))


def uneven(x):
    return 0.1 + np.abs(x)


def test_the_limit_of_alike_rows_is_the_quantile_of_their_errors():
    rows = held_out(40)
    found, realised = intervals(rows, 0.8, 0)
    errors = np.sort(np.abs(rows.truth - rows.centres))
    assert found == Conformal(errors[math.ceil(41 * 0.8) - 1])
    inside, widths = [], []
    for place in range(40):
        others = np.sort(np.abs(rows.truth - rows.centres)[rows.folds != rows.folds[place]])
        limit = others[math.ceil((len(others) + 1) * 0.8) - 1]
        inside.append(abs(rows.truth[place] - rows.centres[place]) <= limit)
        widths.append(2 * limit)
    assert realised.coverage == pytest.approx(np.mean(inside), rel=1e-12)
    assert realised.size == pytest.approx(np.mean(widths), rel=1e-12)


def test_the_limit_of_uneven_rows_is_in_units_of_a_difficulty_that_other_folds_taught():
    rows = held_out(400, spread=uneven)
    found, realised = intervals(rows, 0.9, 0)
    errors, inputs = np.abs(rows.truth - rows.centres), np.column_stack((rows.matrix, rows.centres))
    hardness = np.empty(400)
    for fold in range(5):
        inside = rows.folds == fold
        taught = conformal._learn(inputs[~inside], errors[~inside], 0)
        hardness[inside] = difficulties(taught, rows.matrix[inside], rows.centres[inside])
    scores = errors / hardness
    assert found.limit == np.sort(scores)[math.ceil(401 * 0.9) - 1]
    final = conformal._learn(inputs, errors, 0)
    assert {name: np.array_equal(found.difficulty[name], final[name]) for name in final} == dict.fromkeys(final, True)
    limits = [np.sort(scores[rows.folds != f])[math.ceil((sum(rows.folds != f) + 1) * 0.9) - 1] for f in rows.folds]
    assert realised.coverage == pytest.approx(np.mean(scores <= limits), rel=1e-12)
    assert realised.size == pytest.approx(np.mean(2 * np.array(limits) * hardness), rel=1e-12)


def test_a_difficulty_is_learned_as_the_mean_of_errors_that_no_outlier_rules():
    rows = held_out(400, spread=uneven)
    inputs, errors = np.column_stack((rows.matrix, rows.centres)), np.abs(rows.truth - rows.centres)
    taught = conformal._learn(inputs, errors, 0)
    wild = conformal._learn(inputs, np.where(errors == errors.max(), 1e30, errors), 0)
    for learned in (taught, wild):
        found = difficulties(learned, rows.matrix, rows.centres)
        assert found.mean() == pytest.approx(1.0 + conformal.EASE, rel=0.1)
        assert np.corrcoef(found, np.abs(rows.matrix[:, 1]))[0, 1] > 0.9


@pytest.mark.parametrize("count", [conformal.MIN_ROWS - 1, 1000])
def test_rows_that_are_alike_or_few_have_no_difficulty(count):
    spread = uneven if count < conformal.MIN_ROWS else (lambda x: 1.0)
    assert intervals(held_out(count, spread=spread), 0.9, 0)[0].difficulty is None


def test_a_prediction_that_is_right_has_an_interval_of_no_width():
    rows = held_out(100, spread=lambda x: 0.0)
    found, realised = intervals(rows, 0.9, 0)
    assert (found, realised.coverage, realised.size) == (Conformal(0.0), 1.0, 0.0)


def test_of_too_few_rows_neither_a_limit_nor_a_coverage_is_known():
    assert intervals(held_out(8), 0.9, 0) == (Conformal(math.inf), None)
    found, realised = intervals(held_out(9), 0.9, 0)
    assert math.isfinite(found.limit)
    assert realised is None


def test_a_difficulty_learns_from_a_sample_of_many_rows(monkeypatch):
    seen = []
    learn = conformal._learn
    monkeypatch.setattr(conformal, "_learn", lambda *asked: seen.append(len(asked[1])) or learn(*asked))
    monkeypatch.setattr(conformal, "MAX_CELLS", 600)
    found, _ = intervals(held_out(1000, spread=uneven), 0.9, 0)
    assert found.difficulty is not None
    assert seen[-1] == 200
    assert sum(seen[:-1]) == 4 * 200


def test_the_same_rows_and_seed_give_the_same_difficulty():
    rows = held_out(400, spread=uneven)
    one, again, other = (intervals(rows, 0.9, seed)[0].difficulty["value"].tobytes() for seed in (0, 0, 1))
    assert one == again != other


def test_numbers_that_float32_cannot_hold_are_learned_from():
    rows = held_out(400, spread=uneven)
    large = Numbers(rows.matrix * 1e60, rows.truth, rows.centres, NONE, rows.folds)
    intervals(large, 0.9, 0)
    missing = rows.matrix.copy()
    missing[::7, 0] = np.nan
    assert intervals(Numbers(missing, rows.truth, rows.centres, NONE, rows.folds), 0.9, 0)[0].difficulty is not None


# A bent target


@pytest.mark.parametrize("name", ["log", "yeo_johnson"])
def test_bending_is_the_way_back_of_the_inverse(name):
    values = np.random.RandomState(0).gamma(2.0, size=200) * 30
    bent, inverse = transform_target(name, values)
    np.testing.assert_allclose(bend_target(inverse, values), bent, rtol=1e-12, atol=1e-12)
    more = np.array([0.01, 1.0, 1e3] if name == "log" else [-50.0, -1.0, 0.0, 0.5, 90.0])
    np.testing.assert_allclose(INVERSES[name].many(bend_target(inverse, more), *inverse[1]), more, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("power", "value", "bent"), [(0.0, 3.0, math.log(4)), (2.0, -3.0, -math.log(4))])
def test_powers_of_yeo_and_johnson_that_are_logarithms(power, value, bent):
    assert bend_target(("yeo_johnson", (power, 0.0, 1.0)), np.array([value])).tolist() == [pytest.approx(bent)]


def test_the_limit_of_a_bent_target_is_on_its_own_scale():
    rows = held_out(50, inverse=("log", (0.0,)))
    found, realised = intervals(rows, 0.9, 0)
    assert found.limit == np.sort(np.abs(rows.truth - rows.centres))[math.ceil(51 * 0.9) - 1]
    limits = [
        np.sort(np.abs(rows.truth - rows.centres)[rows.folds != f])[math.ceil((sum(rows.folds != f) + 1) * 0.9) - 1]
        for f in rows.folds
    ]
    widths = np.exp(rows.centres + limits) - np.exp(rows.centres - limits)
    assert realised.size == pytest.approx(widths.mean(), rel=1e-12)


def test_a_truth_beyond_the_scale_is_infinitely_far_off():
    rows = held_out(50, inverse=("log", (0.0,)))
    for beyond in (-5.0, 0.0):
        truth = np.where(np.arange(50) < 10, beyond, np.exp(rows.truth))
        bent = Numbers(rows.matrix, bend_target(rows.inverse, truth), rows.centres, rows.inverse, rows.folds)
        assert intervals(bent, 0.9, 0)[0].limit == math.inf
        assert math.isfinite(intervals(bent, 0.7, 0)[0].limit)


# Sets by hand


def classes(count=60, wrong=0.4, labels=3, seed=0, has_probabilities=True):
    random = np.random.RandomState(seed)
    truth = random.randint(labels, size=count)
    scores = random.dirichlet(np.ones(labels), size=count) + np.eye(labels)[truth] * (1 - wrong)
    scores /= scores.sum(axis=1, keepdims=True)
    folds = folds_of("shuffle", None, count, seed)
    return Classes(truth, scores.argmax(axis=1), scores, has_probabilities, folds)


def members(rows, limit):
    """Return the sets by hand: the predicted class, and what is as probable as the limit."""
    inside = rows.scores >= limit
    inside[np.arange(len(inside)), rows.predicted] = True
    return inside


def test_the_limit_of_sets_is_the_probability_that_enough_truths_have():
    rows = classes()
    found, realised = sets(rows, 0.9)
    given = rows.scores[np.arange(60), rows.truth]
    given[rows.truth == rows.predicted] = 2.0
    reach = np.sort(given)[::-1][math.ceil(61 * 0.9) - 1]
    assert reach < 1
    assert found == Conformal(pytest.approx(reach, rel=2e-6))
    assert found.limit < reach
    inside = members(rows, found.limit)
    assert inside[np.arange(60), rows.truth].sum() >= math.ceil(61 * 0.9)
    by_fold = np.empty((60, 3), dtype=bool)
    for fold in range(5):
        others = np.sort(given[rows.folds != fold])[::-1]
        limit = others[math.ceil((len(others) + 1) * 0.9) - 1]
        by_fold[rows.folds == fold] = members(rows, limit)[rows.folds == fold]
    assert realised.coverage == pytest.approx(by_fold[np.arange(60), rows.truth].mean(), rel=1e-12)
    assert realised.size == pytest.approx(by_fold.sum(axis=1).mean(), rel=1e-12)


def test_where_predictions_are_right_often_enough_each_set_is_the_prediction():
    rows = classes(wrong=0.0)
    assert (rows.truth == rows.predicted).mean() > 0.95
    found, realised = sets(rows, 0.8)
    assert found == Conformal(1.0)
    assert realised.size == 1.0
    assert realised.coverage == (rows.truth == rows.predicted).mean()


def test_of_too_few_rows_all_labels_are_probable():
    assert sets(classes(8), 0.9) == (Conformal(0.0), None)
    assert sets(classes(8, has_probabilities=False), 0.9) == (Conformal(math.inf), None)


def test_without_probabilities_the_limit_is_a_distance_from_the_greatest_value():
    rows = classes(has_probabilities=False)
    found, realised = sets(rows, 0.9)
    gaps = rows.scores.max(axis=1) - rows.scores[np.arange(60), rows.truth]
    assert found.limit == pytest.approx(np.sort(gaps)[math.ceil(61 * 0.9) - 1], rel=2e-6)
    assert 1 < realised.size < 3
    assert 0.8 < realised.coverage < 1


def test_a_class_that_training_did_not_see_is_in_no_set():
    rows = classes(100, wrong=0.0)
    unseen = Classes(np.where(np.arange(100) < 20, -1, rows.truth), *(rows.predicted, rows.scores, True, rows.folds))
    found, realised = sets(unseen, 0.9)
    assert found == Conformal(0.0)
    assert realised.coverage <= 0.8
    votes = Classes(unseen.truth, unseen.predicted, unseen.scores, False, unseen.folds)
    assert sets(votes, 0.9)[0] == Conformal(math.inf)


# Whole trainings, on rows that nobody saw


def noisy(count, seed):
    random = np.random.RandomState(seed)
    x, z = random.uniform(-2, 2, size=(2, count))
    y = 3 * x + random.normal(size=count) * uneven(z)
    return list(zip(x.tolist(), z.tolist(), y.tolist(), strict=True))


@pytest.fixture(scope="module")
def trained(rows_of, plan_of):
    """Train on rows with uneven errors; return by confidence what was fitted."""
    rows = rows_of(["x real", "z real", "y real target"], noisy(4000, 0), "regression")
    asked = (0.5, 0.8, 0.9, 0.95)
    return {level: fit(rows, plan_of("linear_regression", "regression", confidence=level)) for level in asked}


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95])
def test_intervals_hold_what_was_asked_of_rows_that_nobody_saw(trained, confidence):
    fitted = trained[confidence]
    scorer = Scorer(from_bytes(to_bytes(fitted.model)))
    new = noisy(4000, 1)
    rows = [row[:2] for row in new]
    lower, upper = np.array(scorer.many_bounds(rows, scorer.many(rows)[1])).T
    truth = np.array([row[2] for row in new])
    held = ((lower <= truth) & (truth <= upper)).mean()
    assert held == pytest.approx(confidence, abs=0.03)
    assert fitted.metrics["interval_coverage"] == pytest.approx(confidence, abs=0.02)
    assert fitted.metrics["interval_width"] == pytest.approx((upper - lower).mean(), rel=0.05)


def test_uneven_errors_get_uneven_intervals_that_are_narrower_on_average(trained, rows_of, plan_of, monkeypatch):
    uneven_ones = trained[0.9]
    monkeypatch.setattr(conformal, "MIN_ROWS", 10**9)
    rows = rows_of(["x real", "z real", "y real target"], noisy(4000, 0), "regression")
    plain = fit(rows, plan_of("linear_regression", "regression"))
    assert plain.model.conformal.difficulty is None
    assert uneven_ones.metrics["interval_width"] < 0.95 * plain.metrics["interval_width"]
    scorer = Scorer(uneven_ones.model)
    easy, hard = (scorer.bounds(row, scorer.one(row)[1]) for row in ([0.0, 0.0], [0.0, 2.0]))
    assert hard[1] - hard[0] > 2.5 * (easy[1] - easy[0])


@pytest.mark.parametrize("name", ["log", "yeo_johnson"])
def test_intervals_of_a_bent_target_hold_what_was_asked_in_its_own_unit(rows_of, plan_of, name):
    old, new = ([(x, z, math.exp(y / 2)) for x, z, y in noisy(2000, seed)] for seed in (0, 1))
    rows = rows_of(["x real", "z real", "y real target"], old, "regression")
    fitted = fit(rows, plan_of("linear_regression", "regression", target_transform=name))
    scorer = Scorer(fitted.model)
    asked = [row[:2] for row in new]
    numbers, scores = scorer.many(asked)
    lower, upper = np.array(scorer.many_bounds(asked, scores)).T
    truth = np.array([row[2] for row in new])
    assert ((lower <= truth) & (truth <= upper)).mean() == pytest.approx(0.9, abs=0.03)
    assert fitted.metrics["interval_coverage"] == pytest.approx(0.9, abs=0.02)
    assert fitted.metrics["interval_width"] == pytest.approx((upper - lower).mean(), rel=0.15)
    assert (upper - numbers > numbers - lower).all()


def flowers(count, seed):
    random = np.random.RandomState(seed)
    y = random.randint(3, size=count)
    return [(float(v), "abc"[k]) for v, k in zip(y * 1.5 + random.normal(size=count), y, strict=True)]


@pytest.mark.parametrize("name", ["logistic_regression", "linear_svc", "gaussian_nb"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_sets_hold_what_was_asked_of_rows_that_nobody_saw(rows_of, plan_of, name, confidence):
    rows = rows_of(["x real", "y text target"], flowers(3000, 0))
    fitted = fit(rows, plan_of(name, confidence=confidence))
    scorer = Scorer(fitted.model)
    new = flowers(3000, 1)
    found = [scorer.probable(scores) for scores in scorer.many([row[:1] for row in new])[1]]
    held = np.mean([truth in labels for (_, truth), labels in zip(new, found, strict=True)])
    assert held == pytest.approx(confidence, abs=0.03)
    assert fitted.metrics["set_coverage"] == pytest.approx(held, abs=0.03)
    assert fitted.metrics["set_size"] == pytest.approx(np.mean(list(map(len, found))), rel=0.05)


def test_rows_without_a_prediction_set_no_limit(rows_of, plan_of):
    close = [(x / 100, x / 50) for x in range(200)]
    rows = rows_of(["x real", "y real target"], [*close, *((1e3 * x, 0.0) for x in range(1, 61))], "regression")
    fitted = fit(rows, plan_of("radius_neighbors", "regression", hyperparams={"radius": 0.01}))
    assert any(note.endswith("the metrics leave them out") for note in fitted.notes)
    assert math.isfinite(fitted.model.conformal.limit)
    assert fitted.metrics["interval_coverage"] > 0.8
