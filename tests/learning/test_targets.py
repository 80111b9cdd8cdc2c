"""The target and the weights as an estimator takes them."""

import math

import numpy as np
import pytest

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.targets import read_target, row_weights


@pytest.fixture
def target_of(rows_of):
    return lambda values, task="classification": read_target(
        task, rows_of(["a", "y target"], [(1, v) for v in values], task)
    )


@pytest.fixture
def weights_of(rows_of):
    """The weights of the rows at `train` (all of them), for targets and stored weights."""

    def weights_of(values, stored=None, class_weight=None, train=None):
        sides = [] if stored is None else ["w weight"]
        rows = [(1, value) if stored is None else (1, value, stored[place]) for place, value in enumerate(values)]
        found = rows_of(["a", "y target", *sides], rows)
        places = np.arange(len(values)) if train is None else np.array(train)
        return row_weights(found, read_target("classification", found).of_part(places), places, class_weight)

    return weights_of


def refusal(call, *arguments, **options):
    with pytest.raises(TrainingError) as caught:
        call(*arguments, **options)
    return str(caught.value)


# Classes


@pytest.mark.parametrize(
    ("values", "labels", "answers"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([2, 1, 2], (1, 2), [1, 0, 1]),
        ([2.5, -1, 2.5], (-1, 2.5), [1, 0, 1]),
        ([10, 9, 10], (9, 10), [1, 0, 1]),
        (["10", 9, "8"], (9, "10", "8"), [1, 0, 2]),
        ([1, 1.0, 0], (0, 1), [1, 1, 0]),
    ],
)
def test_classes_are_sorted_as_sqlite_sorts_and_keep_their_type(target_of, values, labels, answers):
    found = target_of(values)
    assert [(type(label), label) for label in found.labels] == [(type(label), label) for label in labels]
    assert found.answers.tolist() == answers
    assert found.codes.tolist() == answers
    assert found.stored == values


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            ["a", "a"],
            "the target is 'a' in every row: there is nothing to tell apart. Insert rows of another class.",
        ),
        ([1, 1.0], "the target is 1 in every row: there is nothing to tell apart. Insert rows of another class."),
        (
            [place / 7 for place in range(30)],
            "the target has 30 different values in 30 rows. Use ml_regression for a number.",
        ),
        ([f"id {place}" for place in range(30)], "the target has 30 different values in 30 rows. Is it a key?"),
        (
            ["a", b"ab"],
            "the target of row 2 is a BLOB of 2 bytes. Store text, a number below 1e38, or NULL if it is unknown.",
        ),
        ([1, math.inf], "the target of row 2 is inf. Store text, a number below 1e38, or NULL if it is unknown."),
    ],
)
def test_classes_that_cannot_be_told_apart_are_refused(target_of, values, sentence):
    assert refusal(target_of, values) == sentence


def test_twenty_classes_are_taken_however_few_rows_there_are(target_of):
    assert len(target_of([f"class {place}" for place in range(20)]).labels) == 20


def test_classes_that_only_the_test_part_has_are_no_labels(target_of):
    found = target_of(["a", "b", "c", "a"]).of_part(np.array([0, 2]))
    assert found.labels == ("a", "c")
    assert found.answers.tolist() == [0, -1, 1, 0]
    assert found.notes == ("class 'b' stands in the test part only; no row teaches it",)


def test_a_train_part_of_one_class_is_refused(target_of):
    assert refusal(target_of(["a", "b", "b"]).of_part, np.array([1, 2])) == (
        "the train part holds only the class 'b'. "
        "Insert rows of another class, or use split='stratified' or split='none'."
    )


# Numbers


def test_numbers_are_floats_and_have_no_labels(target_of):
    found = target_of([1, 2.5, 3], "regression")
    assert found.answers.tolist() == [1.0, 2.5, 3.0]
    assert found.labels == ()
    assert found.codes is None
    assert found.notes == ()
    assert found.of_part(np.array([0])) is found


@pytest.mark.parametrize(
    ("values", "train", "where"),
    [([7, 7, 7], [1, 2], "in every row"), ([8, 7, 7], [1, 2], "in every row of the train part")],
)
def test_a_train_part_of_one_number_is_noted(target_of, values, train, where):
    found, train = target_of(values, "regression"), np.array(train)
    assert found.is_constant(train)
    nothing = f"the target is 7 {where}; there is nothing to learn"
    assert found.noted(train, "dummy").notes == (nothing,)
    assert found.noted(train, "ridge").notes == (f"{nothing}, so dummy was fitted instead of ridge",)
    assert not target_of([7, 7.5], "regression").is_constant(np.array([0, 1]))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            [1, "n/a"],
            "regression predicts numbers, got 'n/a' in row 2. "
            "Store NULL for a missing value, or use ml_classification.",
        ),
        (
            ["1", "2.5"],
            "regression predicts numbers, got '1' in row 1. Convert it with CAST(... AS REAL).",
        ),
        (
            [1, b"a"],
            "the target of row 2 is a BLOB of 1 bytes. Store a number below 1e38, or NULL if it is unknown.",
        ),
        ([1, math.inf], "the target of row 2 is inf. Store a number below 1e38, or NULL if it is unknown."),
        ([-1e39, 1], "the target of row 1 is -1e+39. Store a number below 1e38, or NULL if it is unknown."),
    ],
)
def test_what_is_no_number_is_not_predicted(target_of, values, sentence):
    assert refusal(target_of, values, "regression") == sentence


# Weights


def test_without_weights_every_row_counts_alike(weights_of):
    assert weights_of("ab") is None


def test_a_weight_column_is_taken_of_the_train_part(weights_of):
    assert weights_of("abab", [1, 2.5, 0, 9], train=[0, 1, 2]).tolist() == [1.0, 2.5, 0.0]


@pytest.mark.parametrize("value", [None, -1, "heavy", "1", math.inf, b"1"])
def test_a_weight_that_is_no_number_of_0_or_more_is_refused(weights_of, value):
    shown = {None: "NULL", "heavy": "'heavy'", "1": "'1'", b"1": "a BLOB of 1 bytes"}.get(value, value)
    assert refusal(weights_of, "ab", [1, value]) == (
        f"the WEIGHT of row 2 is {shown}. Store a number of 0 or more, such as 1."
    )


def test_balanced_weighs_the_train_rows_as_scikit_learn_does(weights_of):
    from sklearn.utils.class_weight import compute_sample_weight

    train = [0, 1, 2, 3, 5]
    found = weights_of("aaabbbc", class_weight="balanced", train=[*train, 6])
    assert found.tolist() == compute_sample_weight("balanced", list("aaabbc")).tolist()


def test_weights_by_class_leave_the_classes_they_do_not_name_at_one(weights_of):
    assert weights_of("abca", class_weight={"a": 3.0, "b": 0.0}).tolist() == [3.0, 0.0, 1.0, 3.0]


@pytest.mark.parametrize(("labels", "name"), [([0, 1], "1"), ([0, 1.5], "1.5")])
def test_a_number_is_named_in_class_weight_as_text(weights_of, labels, name):
    assert weights_of(labels, class_weight={name: 2.0}).tolist() == [1.0, 2.0]


def test_both_weights_multiply(weights_of):
    assert weights_of("ab", [2, 3], {"a": 5.0}).tolist() == [10.0, 3.0]


def test_class_weight_names_only_classes_that_are_trained_on(weights_of):
    assert refusal(weights_of, ["yes", "no"], class_weight={"yess": 2.0}) == (
        "class_weight names 'yess', which no train row has. Did you mean 'yes'? Classes: no, yes."
    )
