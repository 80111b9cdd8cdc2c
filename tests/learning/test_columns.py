"""What is learned of one column: each clause as scikit-learn has it, and what stands where none is written."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler, TargetEncoder

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning import columns, words
from sqlite_ml_vtab.learning.columns import BINS, MAX_COLUMNS, MAX_ONE_HOT, MIN_TARGET_ROWS, Feature, Wish
from sqlite_ml_vtab.learning.features import SCALERS, fit_encoder
from sqlite_ml_vtab.learning.words import MAX_TOPICS
from sqlite_ml_vtab.portable.row_encoder import row_encoder
from sqlite_ml_vtab.portable.values import MANY
from sqlite_ml_vtab.portable.words import terms

NAN = np.nan


def learned(kind, values, target=None, *, impute=(), encode="", scale="", classes=0, **wish):
    """Return what is learned of one column 'x' of `values`, for an algorithm that wants what `wish` says."""
    wanted = {"scale": "none", "takes_nan": False, "codes": False, "seed": 0} | wish
    answers = np.arange(len(values)) % 2 if target is None else np.asarray(target)
    feature = Feature("x", kind, impute, encode, scale)
    task = "classification" if classes else "regression"
    return fit_encoder([feature], [MANY[kind]("x", values)], answers, Wish(task, classes, **wanted))


def encoded(found, values):
    """Return the matrix that the encoder makes of `values`, each row of which its one-row path gives to the bit."""
    (column,) = found.encoder.columns
    matrix = found.encoder.matrix([MANY[column.kind]("x", values)])
    row = row_encoder(found.encoder)
    assert [row([value]) for value in values] == matrix.tolist() or np.isnan(matrix).any()
    return matrix


# IMPUTE

SOME = [1.0, None, 2.0, 6.0, 2.0, None]


@pytest.mark.parametrize("kind", ["NUMBER", "DATE"])
@pytest.mark.parametrize(
    ("impute", "strategy"),
    [
        (("mean",), {"strategy": "mean"}),
        (("median",), {"strategy": "median"}),
        (("most_frequent",), {"strategy": "most_frequent"}),
        (("constant", "-7.5"), {"strategy": "constant", "fill_value": -7.5}),
    ],
)
@pytest.mark.parametrize("takes_nan", [True, False])
def test_impute_fills_numbers_as_a_simple_imputer_does(kind, impute, strategy, takes_nan):
    values = SOME if kind == "NUMBER" else [None if value is None else 2.4e6 + value for value in SOME]
    impute = (impute[0], "2400007.5") if kind == "DATE" and len(impute) > 1 else impute
    strategy = strategy | ({"fill_value": 2400007.5} if "fill_value" in strategy and kind == "DATE" else {})
    raw = np.array([NAN if value is None else value for value in values])[:, None]
    expected = SimpleImputer(**strategy).fit_transform(raw)
    found = learned(kind, values, impute=impute, takes_nan=takes_nan)
    if kind == "NUMBER":
        assert found.matrix.tolist() == expected.tolist()
        assert encoded(found, [None]).tolist() == [[expected[1, 0]]]
    else:
        days = found.encoder.columns[0].parts.index("days")
        julian_epoch = 2440587.5
        np.testing.assert_allclose(found.matrix[:, days], expected[:, 0] - julian_epoch, atol=1e-6)
    assert "missing" not in found.encoder.columns[0].parts


def test_a_date_is_filled_by_a_constant_that_reads_as_a_date():
    found = learned("DATE", ["2024-01-01", None], impute=("constant", "2020-02-29"))
    assert found.matrix[1].tolist() == [2020.0, 2.0, 5.0, 18321.0]


@pytest.mark.parametrize(
    ("impute", "strategy"),
    [
        (("most_frequent",), {"strategy": "most_frequent"}),
        (("constant", "blue"), {"strategy": "constant", "fill_value": "blue"}),
        (("constant", "missing"), {"strategy": "constant", "fill_value": "missing"}),
    ],
)
@pytest.mark.parametrize("encode", ["", "onehot", "target"])
def test_impute_fills_a_category_before_it_is_encoded(impute, strategy, encode):
    values = ["red", None, "blue", "red", None, "green"] * 3
    target = np.arange(len(values)) % 5 + np.arange(len(values)) / 7
    found = learned("CATEGORY", values, target, impute=impute, encode=encode)
    filled = SimpleImputer(missing_values=None, **strategy).fit_transform(np.array(values, dtype=object)[:, None])
    encoder = TargetEncoder(target_type="continuous") if encode == "target" else OneHotEncoder(sparse_output=False)
    expected = encoder.fit(filled, target).transform(filled)
    np.testing.assert_allclose(encoded(found, values), expected, rtol=1e-12)


def test_a_category_is_filled_by_the_first_of_those_equally_frequent():
    found = learned("CATEGORY", ["b", "a", None], impute=("most_frequent",), encode="onehot")
    assert encoded(found, [None]).tolist() == encoded(found, ["a"]).tolist()


def test_a_constant_that_training_did_not_need_is_an_unseen_category():
    found = learned("CATEGORY", ["a", "b", "a"], impute=("constant", "missing"), encode="ordinal")
    assert encoded(found, [None, "new", "missing"]).tolist() == [[-1.0], [-1.0], [-1.0]]


def test_cross_fitted_means_count_a_filled_row_to_its_category():
    values = ["a", None, "b", "a"] * 30
    target = np.random.RandomState(0).normal(size=len(values))
    filled = learned("CATEGORY", values, target, impute=("constant", "a"), encode="target")
    written = learned("CATEGORY", ["a" if value is None else value for value in values], target, encode="target")
    assert filled.matrix.tolist() == written.matrix.tolist()


def test_a_filled_category_of_nearly_unique_text_does_not_become_words():
    values = [f"the name of number {place}" for place in range(120)]
    assert learned("CATEGORY", values).encoder.columns[0].kind == "WORDS"
    assert learned("CATEGORY", values, impute=("most_frequent",)).encoder.columns[0].kind == "CATEGORY"


# SCALE

SKLEARN = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "maxabs": MaxAbsScaler(),
    "robust": RobustScaler(),
}


def test_every_scaler_is_one_of_scikit_learn():
    assert SCALERS.keys() == SKLEARN.keys()


@pytest.mark.parametrize("name", SKLEARN)
@pytest.mark.parametrize("values", [[3.0, -1.0, 4.0, 1.0, -5.0], [7.0, 7.0, 7.0], [1e-3, 1e9, 0.0]])
@pytest.mark.parametrize("wished", ["none", "standard", "minmax"])
def test_scale_scales_as_scikit_learn_does_whatever_the_algorithm_wishes(name, values, wished):
    expected = SKLEARN[name].fit_transform(np.array(values)[:, None])
    np.testing.assert_allclose(wishing("NUMBER", values, wished, scale=name), expected, rtol=1e-12, atol=1e-12)


def wishing(kind, values, wished, target=None, **feature):
    """Return the matrix of one column for an algorithm that wishes its numbers scaled so."""
    answers = np.arange(len(values)) % 2 if target is None else target
    wish = Wish("regression", 0, wished, False, False, 0)
    return fit_encoder([Feature("x", kind, **feature)], [MANY[kind]("x", values)], answers, wish).matrix


@pytest.mark.parametrize("name", SKLEARN)
def test_numbers_are_scaled_as_the_algorithm_wishes(name):
    values = [3.0, -1.0, 4.0, 1.0, -5.0]
    expected = SKLEARN[name].fit_transform(np.array(values)[:, None])
    np.testing.assert_allclose(wishing("NUMBER", values, name), expected, rtol=1e-12)


def test_scale_none_keeps_numbers_as_they_are():
    assert wishing("NUMBER", [1.0, 2.0, 6.0], "standard", scale="none").tolist() == [[1.0], [2.0], [6.0]]


def test_the_columns_of_a_category_are_not_scaled():
    assert wishing("CATEGORY", ["a", "b", "a"], "standard").tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("encode", ["ordinal", "target"])
def test_the_number_of_an_encoded_category_is_scaled(encode):
    matrix = wishing("CATEGORY", ["a", "b", "c"] * 40, "standard", np.arange(120.0), encode=encode)
    np.testing.assert_allclose([matrix.mean(), matrix.std()], [0.0, 1.0], atol=1e-9)


def test_each_part_of_a_date_is_scaled():
    days = [f"20{year:02}-0{year % 9 + 1}-1{year % 7}" for year in range(10, 24)]
    matrix = wishing("DATE", days, "standard", scale="minmax")
    np.testing.assert_allclose([matrix.min(axis=0), matrix.max(axis=0)], [[0.0] * 8, [1.0] * 8], atol=1e-12)


# ENCODE


def test_encode_onehot_makes_a_column_for_each_value_however_many():
    values = [f"v{place % 40:02}" for place in range(400)]
    found = learned("CATEGORY", values, encode="onehot")
    assert found.encoder.width == 40
    assert found.matrix.sum(axis=1).tolist() == [1.0] * 400
    assert found.notes == ()


def test_encode_onehot_stops_at_a_limit_and_says_so(monkeypatch):
    monkeypatch.setattr(columns, "MAX_COLUMNS", 3)
    found = learned("CATEGORY", ["a", "b", "c", "d", "d", "c", "b", "a", "e"], encode="onehot")
    assert found.encoder.columns[0].categories == ("a", "b", "c")
    assert found.notes == ("only the 3 commonest values of column 'x' are told apart",)
    assert MAX_COLUMNS == 1000


def test_encode_ordinal_gives_the_place_in_sorted_order():
    found = learned("CATEGORY", ["b", "c", "a", None], encode="ordinal")
    assert encoded(found, ["a", "b", "c", "new", None]).tolist() == [[0.0], [1.0], [2.0], [-1.0], [-2.0]]


def test_encode_target_gives_the_means_of_scikit_learns_target_encoder():
    random = np.random.RandomState(0)
    values = random.choice(["a", "b", "c"], size=60)
    target = random.normal(size=60) + (values == "b")
    found = learned("CATEGORY", list(values), target, encode="target")
    expected = TargetEncoder(target_type="continuous").fit(values[:, None], target)
    asked = np.array([["a"], ["b"], ["c"], ["new"]])
    np.testing.assert_allclose(encoded(found, [value for (value,) in asked]), expected.transform(asked), rtol=1e-12)
    assert found.is_cross_fitted


@pytest.mark.parametrize(("classes", "width"), [(2, 1), (3, 3)])
def test_encode_target_gives_a_mean_for_each_class_of_three_and_more(classes, width):
    values = ["a", "b", "c", "d"] * 15
    found = learned("CATEGORY", values, np.arange(60) % classes, encode="target", classes=classes)
    assert found.encoder.width == width


@pytest.mark.parametrize("count", [1, 2, 3])
def test_encode_target_bears_a_handful_of_rows(count):
    found = learned("CATEGORY", ["a", "b", "c"][:count], np.arange(count, dtype=float), encode="target")
    assert found.matrix.shape == (count, 1)
    assert np.isfinite(found.matrix).all()


def test_a_value_that_stands_alone_tells_nothing_of_its_target():
    target = np.random.RandomState(0).normal(size=40)
    found = learned("CATEGORY", [f"name {place}" for place in range(40)], target, encode="target")
    np.testing.assert_allclose(found.matrix, target.mean())
    np.testing.assert_array_equal(found.matrix[:1], encoded(found, ["a new name"]))


def test_encode_target_bears_a_constant_target():
    found = learned("CATEGORY", ["a", "b"] * 5, np.full(10, 7.0), encode="target")
    assert found.matrix.tolist() == [[7.0]] * 10


# What stands where no clause is written


@pytest.mark.parametrize(
    ("values", "rows", "kind", "width"),
    [
        (MAX_ONE_HOT, MIN_TARGET_ROWS * 3, "CATEGORY", MAX_ONE_HOT),
        (MAX_ONE_HOT + 1, MIN_TARGET_ROWS * 3, "CATEGORY", 1),
        (MAX_ONE_HOT + 1, MIN_TARGET_ROWS - 1, "CATEGORY", MAX_ONE_HOT),
        (50, MIN_TARGET_ROWS, "CATEGORY", 1),
        (51, MIN_TARGET_ROWS, "WORDS", MAX_TOPICS),
        (MIN_TARGET_ROWS, MIN_TARGET_ROWS, "WORDS", MAX_TOPICS),
    ],
)
def test_a_category_is_encoded_by_how_many_values_it_has(values, rows, kind, width):
    found = learned("CATEGORY", [f"the value of {place % values:03}" for place in range(rows)])
    assert found.encoder.columns[0].kind == kind
    assert found.encoder.width == width


def test_nearly_unique_codes_and_names_are_no_text():
    for values in ([f"N{place}" for place in range(120)], [f"Ann Lee {place}" for place in range(120)]):
        assert learned("CATEGORY", values).encoder.columns[0].kind == "CATEGORY"


def test_rows_without_a_value_do_not_make_text_less_unique():
    found = learned("CATEGORY", [f"the name of number {place}" for place in range(120)] + [None] * 400)
    assert found.encoder.columns[0].kind == "WORDS"


def test_null_in_a_category_is_a_column_of_its_own_where_training_saw_it():
    assert encoded(learned("CATEGORY", ["a", None]), ["a", None]).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert encoded(learned("CATEGORY", ["a", "b"]), ["a", None]).tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_a_missing_number_is_a_column_of_its_own_where_training_saw_it():
    assert encoded(learned("NUMBER", [1.0, None, 2.0, 6.0]), [None, 5]).tolist() == [[2.0, 1.0], [5.0, 0.0]]
    assert encoded(learned("NUMBER", [1.0, 2.0, 6.0]), [None, 5]).tolist() == [[2.0], [5.0]]


@pytest.mark.parametrize(
    ("values", "wished", "parts"),
    [
        (["2024-05-31", "2024-06-01"], "none", ("year", "month", "weekday", "days")),
        (["2024-05-31 12:00:00", None], "none", ("year", "month", "weekday", "days", "hour", "missing")),
        (
            ["2024-05-31", "2024-06-01"],
            "standard",
            ("year", "month", "weekday", "days", "month_sin", "month_cos", "weekday_sin", "weekday_cos"),
        ),
        (
            ["2024-05-31 12:00:00", None],
            "standard",
            (
                *("year", "month", "weekday", "days", "hour", "month_sin", "month_cos", "weekday_sin", "weekday_cos"),
                *("hour_sin", "hour_cos", "missing"),
            ),
        ),
    ],
)
def test_a_date_has_circles_where_only_straight_lines_are_drawn(values, wished, parts):
    wish = Wish("regression", 0, wished, False, False, 0)
    found = fit_encoder([Feature("x", "DATE")], [MANY["DATE"]("x", values)], np.arange(2.0), wish)
    assert found.encoder.columns[0].parts == parts


def test_december_lies_beside_january_on_the_circle():
    circle = wishing("DATE", ["2023-12-15", "2024-01-15", "2023-06-15"], "standard", scale="none")[:, 4:6]
    winter, summer = np.linalg.norm(circle[0] - circle[1]), np.linalg.norm(circle[0] - circle[2])
    np.testing.assert_allclose([winter, summer], [2 * np.sin(np.pi / 12), 2.0])


# Codes


def test_numbers_become_bins_of_equal_size():
    found = learned("NUMBER", list(range(100)), codes=True)
    assert np.bincount(found.matrix[:, 0].astype(int)).tolist() == [10] * BINS
    assert encoded(found, [-5, 99.5, None]).tolist() == [[0.0], [9.0], [10.0]]
    assert found.codes == [BINS + 1]


def test_repeated_numbers_become_fewer_bins():
    found = learned("NUMBER", [1, 1, 1, 1, 1, 1, 1, 1, 1, 5], codes=True)
    assert encoded(found, [0, 1, 5, None])[:, 0].tolist() == sorted(encoded(found, [0, 1, 5, None])[:, 0])
    assert found.codes == [len(found.encoder.columns[0].edges) + 2]


def test_dates_become_bins_too():
    found = learned("DATE", [f"20{year}-01-01" for year in range(10, 30)], codes=True)
    assert sorted(set(found.matrix[:, 0])) == [float(code) for code in range(BINS)]


def test_categories_become_their_places_and_unseen_and_null_the_last():
    found = learned("CATEGORY", ["b", "a", "b"], codes=True)
    assert encoded(found, ["a", "b", "new", None]).tolist() == [[0.0], [1.0], [2.0], [3.0]]
    assert found.codes == [4]


@pytest.mark.parametrize(
    ("kind", "values", "clauses", "named"),
    [
        ("NUMBER", [1, 2, None], {"impute": ("mean",)}, "IMPUTE"),
        ("NUMBER", [1, 2, None], {"impute": ("mean",), "scale": "robust"}, "IMPUTE and SCALE"),
        ("DATE", ["2024-05-31", None], {"scale": "robust"}, "SCALE"),
        ("CATEGORY", ["a", "b"], {"encode": "onehot"}, "ENCODE"),
        ("CATEGORY", ["a", None], {"impute": ("constant", "a"), "encode": "target"}, "IMPUTE and ENCODE"),
    ],
)
def test_an_algorithm_of_codes_heeds_no_clause_and_says_so(kind, values, clauses, named):
    found = learned(kind, values, codes=True, **clauses)
    why = "the algorithm reads codes, and NULL is one"
    assert found.notes == (f"column 'x': {named} not heeded; {why}",)
    assert found.matrix.tolist() == learned(kind, values, codes=True).matrix.tolist()


def test_words_are_no_codes():
    with pytest.raises(TrainingError) as caught:
        learned("WORDS", ["good food", "bad food"], codes=True)
    assert str(caught.value) == (
        "column 'x' is WORDS, which this algorithm cannot read. Use another algorithm, or declare the column KEY."
    )


# One column


@pytest.mark.parametrize(
    ("kind", "values", "column"),
    [
        ("NUMBER", [1.0, None, 3.0], [[1.0], [2.0], [3.0]]),
        ("DATE", ["1970-01-02", None, "1970-01-04"], [[1.0], [2.0], [3.0]]),
    ],
)
def test_an_algorithm_of_one_column_gets_one(kind, values, column):
    assert learned(kind, values, one_column=True).matrix.tolist() == column


def test_an_algorithm_of_one_column_gets_the_means_of_a_category():
    found = learned("CATEGORY", ["a", "b", None] * 5, np.arange(15.0), one_column=True)
    assert found.encoder.width == 1
    assert found.is_cross_fitted


# Words


def test_words_of_many_terms_become_few_topics():
    texts = [f"{adjective} {noun}" for adjective in ("good", "bad", "odd") for noun in ("food", "wine", "room", "view")]
    found = learned("WORDS", texts)
    assert found.encoder.width == len(texts)
    assert len(found.encoder.columns[0].categories) > MAX_TOPICS


def test_words_of_few_terms_keep_them_all():
    found = learned("WORDS", ["a", "b", "a b"])
    (column,) = found.encoder.columns
    weigh = TfidfVectorizer(analyzer=lambda text: list(terms(text)), sublinear_tf=True)
    expected = weigh.fit_transform(["a", "b", "a b"]).toarray()
    assert list(column.categories) == weigh.get_feature_names_out().tolist()
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-12)


def test_words_that_stand_in_a_single_row_of_many_do_not_count():
    texts = ["good food" if place % 2 else "bad food" for place in range(MIN_TARGET_ROWS)] + ["unheard-of zyx"]
    assert "zyx" not in learned("WORDS", texts).encoder.columns[0].categories
    assert "food" in learned("WORDS", texts).encoder.columns[0].categories


def test_words_are_the_same_for_the_same_seed():
    texts = [f"word{place % 7} other{place % 11} text{place % 13}" for place in range(200)]
    one, two = (learned("WORDS", texts).encoder.columns[0] for _ in range(2))
    assert one.categories == two.categories
    assert one.table.tobytes() == two.table.tobytes()


def test_words_that_are_counted_are_the_commonest_each_brought_to_1_at_most(monkeypatch):
    monkeypatch.setattr(words, "MAX_COUNTED", 3)
    texts = ["good food", "good wine and good food and wine", "food", None, "odd, goodish"]
    found = learned("WORDS", texts, counts=True, scale="standard")
    (column,) = found.encoder.columns
    assert (column.categories, column.table) == (("and", "food", "good"), None)
    weigh = TfidfVectorizer(analyzer=lambda text: list(terms(text)), vocabulary=column.categories, sublinear_tf=True)
    expected = MaxAbsScaler().fit_transform(weigh.fit_transform([text or "" for text in texts])).toarray()
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-12)
    assert encoded(found, texts).tolist() == found.matrix.tolist()


def test_a_scale_for_numbers_does_not_centre_what_is_counted():
    found = learned("WORDS", ["good", "bad", "good bad"], counts=True, scale="minmax")
    assert found.encoder.centre.tolist() == [0.0, 0.0]
    assert encoded(found, [None, "unheard-of"]).tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["...", "!", None], "has no word that two rows share"),
        ([chr(0x4E00 + place) for place in range(MIN_TARGET_ROWS)], "has no word that two rows share"),
    ],
)
def test_text_that_teaches_nothing_is_not_used_and_said_to_be(texts, why, counts):
    found = learned("WORDS", texts, counts=counts)
    assert found.encoder.width == 0
    assert found.notes == (f"column 'x' {why}; it was not used",)


@pytest.mark.parametrize("kind", ["NUMBER", "DATE", "CATEGORY"])
@pytest.mark.parametrize("codes", [True, False])
def test_a_column_of_nothing_but_null_is_not_used_whatever_its_clauses(kind, codes):
    clauses = {"impute": ("constant", "1")} if kind == "CATEGORY" else {"impute": ("mean",), "scale": "robust"}
    found = learned(kind, [None] * 4, codes=codes, **clauses)
    assert found.encoder.width == 0
    assert found.notes == ("column 'x' is NULL in every row of the train part; it was not used",)
