"""Decisions: what is predicted from a probability on, or because it costs least; and calibrated probabilities."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sqlite_ml_vtab.errors import ModelError, TrainingError
from sqlite_ml_vtab.learning.decisions import costs, decide
from sqlite_ml_vtab.learning.training import fit
from sqlite_ml_vtab.portable import Golden, Model, Scorer, from_bytes, to_bytes
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder

COUNT = 120
RANDOM = np.random.RandomState(0)
MATRIX = RANDOM.normal(size=(COUNT, 2)).round(3)
SIGNAL = MATRIX[:, 0] + RANDOM.normal(size=COUNT)
ASKED = [tuple(row) for row in RANDOM.normal(size=(200, 2)).round(3).tolist()]
LABELS = {2: ["no", "yes"], 3: ["high", "low", "middling"]}


@pytest.fixture(scope="session")
def table(rows_of):
    """The training rows of two classes, or of three."""

    def table(classes, labels=None):
        places = np.digitize(SIGNAL, np.quantile(SIGNAL, np.arange(1, classes) / classes))
        named = labels or LABELS[classes]
        rows = [(*row, named[place]) for row, place in zip(MATRIX.tolist(), places.tolist(), strict=True)]
        return rows_of(["a real", "b real", "y target"], rows)

    return table


@pytest.fixture(scope="session")
def scorer_of(table, plan_of):
    """What answers after a fit with these options."""

    def scorer_of(name="logistic_regression", classes=2, labels=None, **options):
        found = fit(table(classes, labels), plan_of(name, **options))
        return Scorer(from_bytes(to_bytes(found.model)), *found.refitted)

    return scorer_of


def chances_of(scorer):
    """Return the probabilities of ASKED, (n, classes)."""
    return np.array([scorer.distribution(scores) for scores in scorer.many(ASKED)[1]])


def refused(call, *arguments, **options):
    with pytest.raises(TrainingError) as caught:
        call(*arguments, **options)
    return str(caught.value)


# Thresholds


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("name", ["logistic_regression", "knn", "gaussian_nb", "decision_tree"])
def test_from_the_threshold_on_the_second_label_is_predicted(scorer_of, name, share):
    plain, decided = scorer_of(name), scorer_of(name, threshold=share)
    chances = chances_of(plain)
    expected = ["yes" if chance >= share - 1e-9 else "no" for chance in chances[:, 1]]
    assert decided.many(ASKED)[0] == expected
    assert [decided.one(row)[0] for row in ASKED] == expected
    np.testing.assert_array_equal(chances_of(decided), chances)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_threshold_may_name_its_label(scorer_of, share):
    chances = chances_of(scorer_of())
    for place, label in enumerate(LABELS[2]):
        other = LABELS[2][1 - place]
        expected = [label if chance >= share else other for chance in chances[:, place]]
        assert scorer_of(threshold={label: share}).many(ASKED)[0] == expected


@pytest.mark.parametrize("label", [0, 1])
def test_a_threshold_may_name_a_label_that_is_a_number(scorer_of, label):
    decided = scorer_of(labels=[0, 1], threshold={str(label): 0.01})
    assert set(decided.many(ASKED)[0]) >= {label}
    assert type(decided.one(ASKED[0])[0]) is int


@pytest.mark.parametrize(("share", "place"), [(k / 5, place) for k in range(1, 5) for place in (0, 1)])
def test_the_very_threshold_counts_however_the_probability_was_rounded(share, place):
    """As of five neighbours, of which so many have the label; or of a hundred trees."""
    matrix = costs(LABELS[2], {LABELS[2][place]: share}, None)
    for parts in (5, 10, 100, 300):
        for said in (round(share * parts) / parts, sum([1 / parts] * round(share * parts))):
            for chance, expected in ((said, place), (said - 1e-6, 1 - place)):
                chances = np.array([[1 - chance, 1 - chance]])
                chances[0, place] = chance
                assert decide(chances, matrix).tolist() == [expected]


def test_probability_is_that_of_the_predicted_class(scorer_of):
    decided = scorer_of(threshold=0.01)
    for row in ASKED[:20]:
        label, scores = decided.one(row)
        assert decided.probability(scores) == decided.by_class(scores)[label]
    assert min(decided.probability(decided.one(row)[1]) for row in ASKED) < 0.5


# Costs

COSTS = {
    2: {"no": {"yes": 1}, "yes": {"no": 10}},
    3: {"high": {"low": 20, "middling": 2}, "low": {"high": 5}, "middling": {"middling": -1}},
}


def by_hand(chances, labels, matrix):
    """Return the labels whose expected cost is least, added up one by one."""
    found = []
    for row in chances.tolist():
        expected = [
            sum(chance * matrix.get(actual, {}).get(said, float(actual != said)) for chance, actual in zip(row, labels))
            for said in labels
        ]
        found.append(labels[expected.index(min(expected))])
    return found


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ["logistic_regression", "gaussian_nb"])
def test_what_costs_least_is_predicted(scorer_of, name, classes):
    plain, decided = scorer_of(name, classes), scorer_of(name, classes, cost=COSTS[classes])
    expected = by_hand(chances_of(plain), LABELS[classes], COSTS[classes])
    assert decided.many(ASKED)[0] == expected
    assert [decided.one(row)[0] for row in ASKED] == expected
    assert expected != plain.many(ASKED)[0]


def test_costs_that_are_all_alike_change_nothing(scorer_of):
    alike = {"high": {"low": 3, "middling": 3}, "low": {"high": 3, "middling": 3}, "middling": {"high": 3, "low": 3}}
    assert scorer_of(classes=3, cost=alike).many(ASKED)[0] == scorer_of(classes=3).many(ASKED)[0]


def test_what_is_not_written_costs_one_and_nothing_where_it_is_right():
    assert costs(("a", "b", "c"), None, {"a": {"b": 5}}).tolist() == [[0, 5, 1], [1, 0, 1], [1, 1, 0]]
    assert costs((1, 2), None, {"2": {"1": 0.5, "2": -1}}).tolist() == [[0, 1], [0.5, -1]]
    assert costs(("a", "b"), None, None).shape == (0, 0)


def test_the_metrics_are_those_of_the_decision(table, plan_of):
    always = fit(table(2), plan_of("logistic_regression", threshold=0.001))
    rows = [(truth, said) for _, truth, said, _ in always.holdout]
    assert {said for _, said in rows} == {"yes"}
    assert always.metrics["accuracy"] == np.mean([truth == said for truth, said in rows])
    assert always.metrics["recall[yes]"] == 1.0
    assert always.metrics["recall[no]"] == 0.0
    plain = fit(table(2), plan_of("logistic_regression"))
    assert always.metrics["roc_auc"] == plain.metrics["roc_auc"]
    assert always.metrics["log_loss"] == plain.metrics["log_loss"]


# What cannot be decided


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        *(
            (
                name,
                {option: value},
                f"algorithm '{name}' gives no probabilities, which {option} needs. Add calibrate='sigmoid'.",
            )
            for name in ("svc", "ridge", "linear_svc", "perceptron", "nearest_centroid")
            for option, value in (("threshold", 0.3), ("cost", COSTS[2]))
        ),
        (
            "knn",
            {"threshold": {"perhaps": 0.3}},
            "threshold names 'perhaps', no class of the train part. Classes: no, yes.",
        ),
        (
            "knn",
            {"cost": {"noo": {"yes": 3}}},
            "cost names 'noo', no class of the train part. Did you mean 'no'? Classes: no, yes.",
        ),
        (
            "knn",
            {"cost": {"no": {"maybe": 3}}},
            "cost names 'maybe', no class of the train part. Classes: no, yes.",
        ),
    ],
)
def test_a_decision_that_cannot_be_made_says_why(scorer_of, name, options, sentence):
    assert refused(scorer_of, name, **options) == sentence


def test_a_threshold_is_for_two_classes(scorer_of):
    sentence = "threshold is for two classes, and the target has 3. Use cost instead."
    assert refused(scorer_of, classes=3, threshold=0.3) == sentence


@pytest.mark.parametrize("option", [{"threshold": 0.2}, {"cost": COSTS[2]}])
@pytest.mark.parametrize("name", ["svc", "ridge", "nearest_centroid"])
def test_with_calibration_every_algorithm_can_be_decided(scorer_of, name, option):
    decided = scorer_of(name, calibrate="sigmoid", **option)
    assert decided.has_probabilities
    chances = chances_of(decided)
    matrix = decided.model.costs
    assert decided.many(ASKED)[0] == [LABELS[2][place] for place in decide(chances, matrix)]


# Calibration


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize(
    ("name", "made"), [("svc", SVC(random_state=0)), ("logistic_regression", LogisticRegression())]
)
def test_calibration_is_that_of_scikit_learn_by_five_folds_of_the_train_part(table, plan_of, method, name, made):
    rows = table(2)
    found = fit(rows, plan_of(name, calibrate=method))
    assert found.scorer == "portable: combined"
    tested = {row for row, *_ in found.holdout}
    train = np.array([row not in tested for row in rows.ids.tolist()])
    scale = StandardScaler().fit(MATRIX[train])
    target = np.array([label == "yes" for label in rows.target])
    expected = CalibratedClassifierCV(made, method=method, cv=5).fit(scale.transform(MATRIX[train]), target[train])
    scorer = Scorer(found.model)
    np.testing.assert_allclose(chances_of(scorer), expected.predict_proba(scale.transform(np.array(ASKED))), rtol=1e-6)


def test_few_rows_of_a_class_are_calibrated_by_fewer_folds(rows_of, plan_of):
    rows = [(float(place), "no" if place < 9 else "yes") for place in range(12)]
    found = fit(rows_of(["a real", "y target"], rows), plan_of("svc", calibrate="sigmoid", split="none"))
    assert len(found.model.parameters["members"]) == 3


def test_a_single_row_of_a_class_cannot_be_calibrated(rows_of, plan_of):
    rows = [(float(place), "no" if place < 9 else "yes") for place in range(10)]
    training = rows_of(["a real", "y target"], rows)
    assert refused(fit, training, plan_of("svc", calibrate="sigmoid", split="none")) == (
        "calibrate needs 2 rows of each class in the train part, got 1. Insert more rows."
    )


# Target transforms


@pytest.fixture(scope="session")
def prices(rows_of):
    """Rows whose target is the exponential of a line, and noise."""
    target = np.exp(2 * MATRIX[:, 0] + 5 + RANDOM.normal(size=COUNT) / 4)
    rows = [(*row, price) for row, price in zip(MATRIX.tolist(), target.tolist(), strict=True)]
    return rows_of(["a real", "b real", "y real target"], rows, task="regression")


@pytest.mark.parametrize("name", ["log", "yeo_johnson"])
def test_a_bent_target_is_learned_better_and_predicted_in_its_own_unit(prices, plan_of, name):
    plain = fit(prices, plan_of("ridge", "regression"))
    bent = fit(prices, plan_of("ridge", "regression", target_transform=name))
    assert bent.score > plain.score + 0.1
    assert bent.scorer == "portable: linear"
    truth, said = np.array([row[1:3] for row in bent.holdout]).T
    assert bent.metrics["mean_absolute_error"] == pytest.approx(np.abs(truth - said).mean())


def test_a_target_that_cannot_be_bent_says_why(rows_of, plan_of):
    training = rows_of(["a real", "y target"], [(float(x), x - 3.0) for x in range(20)], task="regression")
    assert refused(fit, training, plan_of("ridge", "regression", target_transform="log")) == (
        "target_transform='log' needs a target of 0 or more, got -3. Use 'yeo_johnson'."
    )


# In the stored model


def stored(cost, labels=("a", "b")):
    encoder = Encoder((ColumnEncoding("x", "NUMBER", ("value",)),), np.zeros(1), np.zeros(1), np.ones(1))
    parameters = {"link": "sigmoid", "coef": np.array([[0.0], [1.0]]), "intercept": np.zeros(2)}
    return Model("classification", encoder, labels, "linear", parameters, Golden((), ()), cost)


@pytest.mark.parametrize(
    "cost",
    [
        np.zeros((3, 3)),
        np.zeros((2, 1)),
        np.zeros(2),
        np.zeros((0, 2)),
        np.zeros((2, 2), dtype="<f4"),
        np.array([[0.0, np.nan], [1.0, 0.0]]),
        np.array([[0.0, np.inf], [1.0, 0.0]]),
    ],
    ids=repr,
)
def test_costs_that_lie_are_refused(cost):
    with pytest.raises(ModelError) as caught:
        to_bytes(stored(cost))
    assert str(caught.value) == "the stored model is damaged: costs."


def test_numbers_have_no_costs():
    line = stored(np.zeros((1, 1)))._replace(
        task="regression",
        labels=(),
        parameters={"link": "identity", "coef": np.ones((1, 1)), "intercept": np.zeros(1)},
    )
    with pytest.raises(ModelError) as caught:
        to_bytes(line)
    assert str(caught.value) == "the stored model is damaged: costs."
