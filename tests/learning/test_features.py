"""Training columns to an encoder: what is learned of each kind, and that nothing leaks."""

import math

import numpy as np
import pytest

from sqlite_ml_vtab.learning import columns, features
from sqlite_ml_vtab.learning.columns import MAX_ONE_HOT, MIN_TARGET_ROWS, Feature, Wish
from sqlite_ml_vtab.learning.features import fit_encoder
from sqlite_ml_vtab.portable.row_encoder import row_encoder
from sqlite_ml_vtab.portable.values import MANY


def wish(classes=0, scale="none", takes_nan=False, codes=False, seed=0):
    return Wish("classification" if classes else "regression", classes, scale, takes_nan, codes, seed)


def learned(kind, values, target=None, encode="", **wishes):
    """Return what is learned of one column of `values`."""
    column = MANY[kind]("x", values)
    answers = np.arange(len(values)) % 2 if target is None else np.asarray(target)
    return fit_encoder([Feature("x", kind, encode=encode)], [column], answers, wish(**wishes))


def encoded(found, kind, values):
    return found.encoder.matrix([MANY[kind]("x", values)]).tolist()


# Numbers


def test_a_number_becomes_itself():
    found = learned("NUMBER", [1, 2, 6])
    assert found.matrix.tolist() == [[1.0], [2.0], [6.0]]
    assert found.notes == ()
    assert not found.is_cross_fitted


def test_a_missing_number_is_filled_with_the_median_and_marked():
    found = learned("NUMBER", [1, None, 2, 6])
    assert found.matrix.tolist() == [[1.0, 0.0], [2.0, 1.0], [2.0, 0.0], [6.0, 0.0]]
    assert encoded(found, "NUMBER", [None, 9]) == [[2.0, 1.0], [9.0, 0.0]]


def test_a_number_that_is_missing_for_the_first_time_at_prediction_is_filled():
    assert encoded(learned("NUMBER", [1, 2, 6]), "NUMBER", [None]) == [[2.0]]


def test_a_missing_number_is_left_to_an_estimator_that_takes_it():
    found = learned("NUMBER", [1, None, 6], takes_nan=True)
    assert found.matrix.shape == (3, 1)
    assert np.isnan(found.matrix[1, 0])
    assert math.isnan(encoded(found, "NUMBER", [None])[0][0])


def test_numbers_are_scaled_as_scikit_learn_does():
    from sklearn.preprocessing import StandardScaler

    values = [1.0, 2.0, 6.0, 7.5]
    expected = StandardScaler().fit_transform(np.array(values)[:, None])
    assert learned("NUMBER", values, scale="standard").matrix.tolist() == expected.tolist()


def test_a_constant_number_is_scaled_to_zero():
    assert learned("NUMBER", [5, 5, 5], scale="standard").matrix.tolist() == [[0.0], [0.0], [0.0]]


@pytest.mark.parametrize("kind", MANY)
def test_a_column_of_nothing_but_null_is_not_used_and_said_to_be(kind):
    found = learned(kind, [None] * 4)
    assert found.encoder.width == 0
    assert found.notes == ("column 'x' is NULL in every row of the train part; it was not used",)
    assert encoded(found, kind, [None, None]) == [[], []]


@pytest.mark.parametrize(
    ("kind", "value"), [("NUMBER", 5), ("DATE", "2024-05-31"), ("CATEGORY", "red"), ("WORDS", "red")]
)
def test_a_column_that_was_not_used_takes_values_without_a_warning(kind, value):
    found = learned(kind, [None] * 4)
    assert row_encoder(found.encoder)([value]) == []
    assert found.encoder.warnings([value]) == ([] if kind != "CATEGORY" else ["x: 'red' was not seen in training"])


def test_the_training_range_of_numbers_and_dates_is_kept():
    (number,) = learned("NUMBER", [3, None, -1]).encoder.columns
    (day,) = learned("DATE", ["1970-01-02", None, "1970-01-03"]).encoder.columns
    assert (number.low, number.high) == (-1.0, 3.0)
    assert (day.low, day.high) == (86400.0, 172800.0)


# Dates


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (["2024-05-31", "2024-06-01"], ("year", "month", "weekday", "days")),
        (["2024-05-31 12:00:00", "2024-06-01"], ("year", "month", "weekday", "hour", "days")),
        (["2024-05-31", None], ("year", "month", "weekday", "days", "missing")),
        (["2024-05-31 12:00:00", None], ("year", "month", "weekday", "hour", "days", "missing")),
    ],
)
def test_a_date_becomes_the_parts_that_its_values_have(values, parts):
    assert set(learned("DATE", values).encoder.columns[0].parts) == set(parts)
    circles = {f"{part}_{side}" for part in ("month", "weekday", "hour") if part in parts for side in ("sin", "cos")}
    assert set(learned("DATE", values, scale="standard").encoder.columns[0].parts) == {*parts, *circles}


def test_a_missing_date_is_filled_part_by_part():
    found = learned("DATE", ["2024-01-01", "2024-01-03", "2024-01-05", None])
    row = dict(zip(found.encoder.columns[0].parts, found.matrix[3].tolist(), strict=True))
    assert row == {"year": 2024.0, "month": 1.0, "weekday": 2.0, "days": 19725.0, "missing": 1.0}


# Categories of few values


def test_a_category_of_few_values_becomes_a_column_for_each():
    found = learned("CATEGORY", ["red", "blue", "red"])
    assert found.encoder.columns[0].categories == ("blue", "red")
    assert found.matrix.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]


def test_an_unseen_category_is_none_of_the_columns():
    found = learned("CATEGORY", ["red", "blue"])
    assert encoded(found, "CATEGORY", ["green", None]) == [[0.0, 0.0], [0.0, 0.0]]


def test_null_is_a_category_of_its_own_where_training_saw_it():
    found = learned("CATEGORY", ["red", None, "blue"])
    assert encoded(found, "CATEGORY", [None, "green", "red"]) == [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_columns_of_categories_are_not_scaled():
    assert learned("CATEGORY", ["red", "blue", "red"], scale="standard").matrix.tolist() == [
        [0.0, 1.0],
        [1.0, 0.0],
        [0.0, 1.0],
    ]


def test_of_many_values_in_few_rows_the_commonest_get_a_column():
    values = ["twice", "twice", *(f"once {place:02}" for place in range(50))]
    (column,) = learned("CATEGORY", values).encoder.columns
    assert len(column.categories) == MAX_ONE_HOT
    assert "twice" in column.categories
    assert "once 28" in column.categories
    assert "once 29" not in column.categories


# Categories of many values


def towns(count=400, values=50):
    random = np.random.RandomState(0)
    return [f"town {place}" for place in random.randint(values, size=count)], random


def test_a_category_of_many_values_becomes_the_mean_of_the_target():
    names, random = towns()
    target = random.normal(size=len(names)) + 10.0 * np.array([name == "town 7" for name in names])
    found = learned("CATEGORY", names, target=target)
    ((seven,), (eight,), (unseen,), (null,)) = encoded(found, "CATEGORY", ["town 7", "town 8", "nowhere", None])
    assert seven > 7
    assert abs(eight) < 2
    assert unseen == null == pytest.approx(target.mean())
    assert found.is_cross_fitted


def test_the_means_are_those_of_scikit_learns_target_encoder():
    from sklearn.preprocessing import TargetEncoder

    names, random = towns()
    target = random.normal(size=len(names))
    table = np.array(names)[:, None]
    expected = TargetEncoder(target_type="continuous").fit(table, target)
    found = learned("CATEGORY", names, target=target)
    assert encoded(found, "CATEGORY", names) == pytest.approx(expected.transform(table))


@pytest.mark.parametrize(("classes", "width"), [(2, 1), (3, 3), (4, 4)])
def test_classes_are_averaged_one_by_one_and_the_second_alone_of_two(classes, width):
    names, random = towns()
    target = random.randint(classes, size=len(names))
    found = learned("CATEGORY", names, target=target, classes=classes)
    assert found.encoder.width == width
    if width > 1:
        np.testing.assert_allclose(found.encoder.columns[0].table[-2], np.bincount(target) / len(target))
    else:
        assert found.encoder.columns[0].table[-2] == pytest.approx([target.mean()])


def test_null_has_its_own_mean_where_training_saw_it():
    names, random = towns()
    target = random.normal(size=len(names))
    values = [None if place % 5 == 0 else name for place, name in enumerate(names)]
    target[::5] += 10.0
    ((null,), (unseen,)) = encoded(learned("CATEGORY", values, target=target), "CATEGORY", [None, "nowhere"])
    assert null == pytest.approx(10.0, abs=0.5)
    assert unseen == pytest.approx(target.mean())


def test_no_training_row_sees_its_own_target():
    names, random = towns(count=400, values=300)
    target = random.normal(size=len(names))
    found = learned("CATEGORY", names, target=target, encode="target")
    own = np.array(encoded(found, "CATEGORY", names))[:, 0]
    assert np.corrcoef(own, target)[0, 1] > 0.7
    assert abs(np.corrcoef(found.matrix[:, 0], target)[0, 1]) < 0.15


def test_a_target_that_changes_in_one_row_leaves_that_rows_own_value_alone():
    names, random = towns()
    target = random.normal(size=len(names))
    changed = target.copy()
    changed[17] += 1000.0
    before, after = learned("CATEGORY", names, target=target), learned("CATEGORY", names, target=changed)
    assert before.matrix[17].tolist() == after.matrix[17].tolist()
    assert before.matrix.tolist() != after.matrix.tolist()


def test_the_same_seed_gives_the_same_folds_and_another_others():
    names, random = towns()
    target = random.normal(size=len(names))
    found = [learned("CATEGORY", names, target=target, seed=seed).matrix.tolist() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_too_few_rows_for_means_get_columns():
    values = [f"town {place % 40}" for place in range(MIN_TARGET_ROWS - 1)]
    assert not learned("CATEGORY", values).is_cross_fitted
    assert learned("CATEGORY", [*values, "town 0"]).is_cross_fitted


def test_of_very_many_values_the_commonest_are_told_apart_and_the_others_taken_as_unseen(monkeypatch):
    monkeypatch.setattr(columns, "MAX_CATEGORIES", 40)
    names = [f"town {place % 40}" for place in range(200)] + [f"hamlet {place}" for place in range(20)]
    target = np.array([0.0] * 200 + [10.0] * 20)
    found = learned("CATEGORY", names, target=target)
    assert found.encoder.columns[0].categories == tuple(sorted(set(names[:200])))
    assert found.notes == ("only the 40 commonest values of column 'x' are told apart",)
    ((hamlet,), (unseen,), (town,)) = encoded(found, "CATEGORY", ["hamlet 3", "nowhere", "town 3"])
    assert hamlet == unseen == pytest.approx(10.0)
    assert town == pytest.approx(0.0)


# Several columns


def test_columns_stand_in_declared_order():
    kinds, columns = ["CATEGORY", "NUMBER", "CATEGORY"], [["a", "b"], [1, 2], [None, None]]
    read = [MANY[kind]("x", values) for kind, values in zip(kinds, columns, strict=True)]
    declared = [Feature(name, kind) for name, kind in zip("pqr", kinds, strict=True)]
    found = fit_encoder(declared, read, np.array([0, 1]), wish(classes=2))
    assert found.matrix.tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 2.0]]
    assert found.notes == ("column 'r' is NULL in every row of the train part; it was not used",)


def test_the_encoder_makes_of_the_training_rows_the_matrix_they_were_fitted_on():
    random = np.random.RandomState(0)
    declared = [Feature("n", "NUMBER"), Feature("c", "CATEGORY"), Feature("d", "DATE"), Feature("w", "WORDS")]
    values = [
        MANY["NUMBER"]("n", [None if x < -1 else x for x in random.normal(size=60).tolist()]),
        MANY["CATEGORY"]("c", [None, "a", "b"] * 20),
        MANY["DATE"]("d", [f"2024-{month:02}-15" for month in range(1, 13)] * 5),
        MANY["WORDS"]("w", [None, "a red house", "the blue house by the sea"] * 20),
    ]
    for scale in ("none", *features.SCALERS):
        for codes in (False, True):
            if codes:
                declared, values = declared[:3], values[:3]
            found = fit_encoder(declared, values, np.arange(60) % 2, wish(classes=2, scale=scale, codes=codes))
            assert found.encoder.matrix(values).tobytes() == found.matrix.tobytes()
            found.encoder.validate()
