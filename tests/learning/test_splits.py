"""Each split's promise, and its sentence where it cannot be kept."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_ml_vtab.declaration import Role, parse
from sqlite_ml_vtab.declaration.options import SPLIT_NAMES
from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.columns import Feature
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.splits import SPLITS, default_split, split_rows, stratified_draw


def rows(target, **sides):
    """Return rows with the ids 10, 20, 30 ... and one feature."""
    count = len(target)
    values = {Role[name.upper()]: list(column) for name, column in sides.items()}
    return TrainingRows(
        np.arange(1, count + 1) * 10, (Feature("x", "NUMBER"),), (np.arange(float(count)),), {"y": list(target)}, values
    )


def split(name, target, test_size=0.25, seed=0, **sides):
    _, codes = np.unique(np.array(target, dtype=object).astype(str), return_inverse=True)
    return split_rows(name, rows(target, **sides), codes, test_size, seed)


def refusal(*arguments, **options):
    with pytest.raises(TrainingError) as caught:
        split(*arguments, **options)
    return str(caught.value)


SIDES = {"split": ["train", "train", "test", "train"] * 10, "group": [place // 4 for place in range(40)]}
LABELS = ["a", "b"] * 20


def divided(name, **options):
    sides = {"column": {"split": SIDES["split"]}, "group": {"group": SIDES["group"]}}.get(name, {})
    return split(name, LABELS, **sides, **options)


@pytest.mark.parametrize("name", SPLITS)
def test_every_row_stands_in_one_part_in_stored_order(name):
    parts = divided(name)
    assert sorted([*parts.train, *parts.test]) == list(range(40))
    assert (np.diff(parts.train) > 0).all()
    assert (np.diff(parts.test) > 0).all()
    assert parts.notes == ()


@pytest.mark.parametrize("name", SPLITS)
def test_the_same_seed_gives_the_same_parts(name):
    assert divided(name, seed=3).test.tolist() == divided(name, seed=3).test.tolist()


@pytest.mark.parametrize("name", ["stratified", "shuffle", "group"])
def test_another_seed_gives_other_parts(name):
    assert len({tuple(divided(name, seed=seed).test.tolist()) for seed in range(5)}) > 1


@pytest.mark.parametrize("name", ["column", "last", "none"])
def test_a_split_that_draws_nothing_knows_no_seed(name):
    assert len({tuple(divided(name, seed=seed).test.tolist()) for seed in range(5)}) == 1


def test_the_splits_are_those_that_can_be_declared():
    assert set(SPLITS) == set(SPLIT_NAMES)


@pytest.mark.parametrize("name", ["stratified", "shuffle", "last"])
@pytest.mark.parametrize(
    ("test_size", "tested"), [(0.25, 10), (0.26, 11), (0.01, 1), (7, 7), (1, 1), (0.5, 20), (38, 38)]
)
def test_the_test_part_is_a_fraction_rounded_up_or_a_count(name, test_size, tested):
    if name == "stratified" and tested in (1, 38):
        assert len(divided(name, test_size=test_size).test) <= tested
    else:
        assert len(divided(name, test_size=test_size).test) == tested


# stratified


def test_stratified_gives_each_class_its_share():
    target = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    parts = split("stratified", target, test_size=0.2)
    assert Counter(target[place] for place in parts.test) == {"a": 12, "b": 6, "c": 2}


@pytest.mark.parametrize(
    ("singles", "note"),
    [
        (["z"], "class 'z' has a single row; it was put into the train part, and nothing tests it"),
        (["y", "z"], "class 'y' and 1 more has a single row; it was put into the train part, and nothing tests it"),
    ],
)
def test_a_class_with_a_single_row_is_trained_on(singles, note):
    target = [*singles, *(["a", "b"] * 10)]
    parts = split("stratified", target)
    assert set(range(len(singles))) <= set(parts.train)
    assert parts.notes == (note,)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=4, max_size=30), st.floats(0.05, 0.6), st.integers(0, 5))
def test_no_class_is_tested_that_was_not_trained_on(target, test_size, seed):
    try:
        parts = split("stratified", target, test_size=test_size, seed=seed)
    except TrainingError:
        return
    assert {target[place] for place in parts.test} <= {target[place] for place in parts.train}


@pytest.mark.parametrize("seed", range(5))
def test_a_large_test_part_leaves_a_row_of_each_class_to_train_on(seed):
    target = list("aabbccccc")
    parts = split("stratified", target, test_size=0.5625, seed=seed)
    assert {target[place] for place in parts.train} == {"a", "b", "c"}


def test_too_few_rows_to_divide_alike_are_drawn_and_said_to_be():
    parts = split("stratified", list("aabbccdd"), test_size=2)
    assert parts.notes == ("too few rows to divide 4 classes alike; rows were drawn without regard to class",)
    assert len(parts.test) == 2


# last


def test_last_tests_the_rows_that_come_last():
    assert split("last", LABELS, test_size=5).test.tolist() == [35, 36, 37, 38, 39]


# group


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.none() | st.integers(0, 6) | st.sampled_from(["x", "y"]), min_size=4, max_size=40),
    st.floats(0.05, 0.9),
    st.integers(0, 5),
)
def test_a_group_never_stands_on_both_sides(groups, test_size, seed):
    try:
        parts = split("group", ["a"] * len(groups), test_size=test_size, seed=seed, group=groups)
    except TrainingError:
        return
    sides = [{groups[place] for place in part} - {None} for part in (parts.train, parts.test)]
    assert not sides[0] & sides[1]
    assert len(parts.train) + len(parts.test) == len(groups)


def test_groups_are_drawn_until_the_test_part_has_its_share():
    groups = [place // 5 for place in range(100)]
    assert len(split("group", ["a"] * 100, group=groups).test) == 25


def test_one_large_group_is_not_tested_where_smaller_ones_come_nearer():
    groups = ["large"] * 80 + [f"small {place}" for place in range(20)]
    for seed in range(5):
        assert 0 in split("group", ["a"] * 100, seed=seed, group=groups).train


def test_where_every_group_is_too_large_the_smallest_is_tested():
    parts = split("group", ["a"] * 30, test_size=0.05, group=["x"] * 20 + ["y"] * 10)
    assert parts.test.tolist() == list(range(20, 30))


def test_a_row_without_a_group_is_a_group_of_its_own():
    assert len(split("group", ["a"] * 20, group=[None] * 20).test) == 5


def test_one_group_cannot_be_divided():
    assert refusal("group", ["a"] * 9, group=["x"] * 9) == (
        "split='group' needs two groups, got one. Insert rows of another group."
    )


# column


def test_column_does_as_the_column_says_in_any_case():
    parts = split("column", list("abab"), split=["train", " TEST ", "Train", "test"])
    assert (parts.train.tolist(), parts.test.tolist()) == ([0, 2], [1, 3])


def test_a_row_whose_split_is_null_stands_in_neither_part():
    parts = split("column", list("abab"), split=["train", "test", "train", None])
    assert (parts.train.tolist(), parts.test.tolist()) == ([0, 2], [1])


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (["train", "valid"], "the SPLIT column says 'valid' in row 20. Write 'train' or 'test'."),
        (["train", 1], "the SPLIT column says '1' in row 20. Write 'train' or 'test'."),
        (["train", "train"], "the SPLIT column says 'test' in no row. Write it in some, or use split='none'."),
        (["test", None], "the SPLIT column says 'train' in no row. Write it in some, or use split='none'."),
    ],
)
def test_a_split_column_that_says_something_else_is_refused(said, sentence):
    assert refusal("column", ["a", "b"], split=said) == sentence


def test_a_split_column_that_tears_a_group_is_refused():
    said, groups = ["train", "train", "test", "test"], ["x", None, None, "x"]
    assert refusal("column", list("abab"), split=said, group=groups) == (
        "group 'x' stands in both parts of the SPLIT column. Keep it whole."
    )


# none


def test_none_trains_on_every_row_and_tests_nothing():
    parts = split("none", ["a", "b"])
    assert (parts.train.tolist(), parts.test.tolist()) == ([0, 1], [])


# Too few rows


@pytest.mark.parametrize("name", ["stratified", "shuffle", "last"])
@pytest.mark.parametrize("target", [["a"], ["a", "b"]])
@pytest.mark.parametrize("test_size", [0.25, 100])
def test_rows_too_few_for_two_parts_are_refused(name, target, test_size):
    count = {1: "1 row is", 2: "2 rows are"}[len(target)]
    assert refusal(name, target, test_size=test_size) == (
        f"{count} too few for a train and a test part. Insert more rows, or use split='none'."
    )


@pytest.mark.parametrize("name", ["stratified", "shuffle", "last", "group"])
@pytest.mark.parametrize("test_size", [39, 40, 1000, 0.99])
def test_a_test_part_that_leaves_too_little_to_train_on_is_refused(name, test_size):
    sides = {"group": range(40)} if name == "group" else {}
    assert refusal(name, LABELS, test_size=test_size, **sides) == (
        f"test_size={test_size} leaves too little to train on, of 40 rows. Use a fraction such as 0.25."
    )


# Defaults


@pytest.mark.parametrize(
    ("task", "columns", "expected"),
    [
        ("classification", [], "stratified"),
        ("regression", [], "shuffle"),
        ("regression", ["o order"], "last"),
        ("classification", ["o order", "g group"], "group"),
        ("classification", ["g group", "s split"], "column"),
    ],
)
def test_what_is_declared_decides_the_split_that_stands_when_none_is_written(task, columns, expected):
    assert default_split(parse(task, "t", ["a", "y target", *columns])) == expected


@pytest.mark.parametrize("seed", range(40))
def test_the_stratified_draw_is_that_of_scikit_learn(seed):
    from sklearn.model_selection import StratifiedShuffleSplit

    random = np.random.RandomState(seed)
    classes = random.randint(1, 8)
    codes = random.permutation(np.append(np.arange(classes).repeat(2), random.randint(classes, size=50 * classes)))
    count = random.randint(classes, len(codes) - classes)
    divide = StratifiedShuffleSplit(n_splits=1, test_size=count, random_state=seed)
    _, test = next(divide.split(np.zeros((len(codes), 1)), codes))
    assert sorted(stratified_draw(codes, count, seed).tolist()) == sorted(test.tolist())
