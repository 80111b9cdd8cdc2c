"""Feature columns to a matrix: one row as many, and as scikit-learn's own transformers have it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_ml_vtab.errors import InputError, ModelError
from sqlite_ml_vtab.portable.encoder import CYCLES, DATE_PARTS, NUMBER_PARTS, ColumnEncoding, Encoder, date_parts
from sqlite_ml_vtab.portable.row_encoder import row_encoder
from sqlite_ml_vtab.portable.values import MANY, date

NUMBER = ColumnEncoding("n", "NUMBER", ("value",), low=0.0, high=10.0)
NUMBER_OR_NULL = ColumnEncoding("m", "NUMBER", ("missing", "value"), low=-1.0, high=1.0)
COLOUR = ColumnEncoding("c", "CATEGORY", categories=("blue", "red"), table=np.eye(4)[:, [0, 1, 3]])
MEANS = ColumnEncoding("t", "CATEGORY", categories=("1", "x"), table=np.array([[0.1], [0.7], [0.4], [0.3]]))
PLAIN_PARTS = tuple(part for part in DATE_PARTS if part != "code")
"""All that a date can become together; a code stands alone."""
DAY = ColumnEncoding("d", "DATE", PLAIN_PARTS, low=date("d", "2024-01-01"), high=date("d", "2024-12-31"))
BINS = ColumnEncoding("b", "NUMBER", ("code",), edges=np.array([-1.0, 0.5, 7.0]))
DAY_BINS = ColumnEncoding("e", "DATE", ("code",), edges=np.array([0.0, 1e9]))
TEXT = ColumnEncoding(
    "w", "WORDS", categories=("big", "big red", "red"), idf=np.array([1.0, 2.5, 1.5]), table=np.eye(3)[:, [0, 2]] / 3
)
UNUSED = ColumnEncoding("u", "NUMBER")
UNUSED_CATEGORY = ColumnEncoding("v", "CATEGORY", table=np.zeros((2, 0)))
EVERY_ENCODING = (NUMBER, NUMBER_OR_NULL, COLOUR, MEANS, DAY, BINS, DAY_BINS, TEXT, UNUSED, UNUSED_CATEGORY)


def encoder(*columns, scaled=True, filled=True):
    width = sum(column.width for column in columns)
    random = np.random.RandomState(0)
    centre, scale = (
        (random.normal(size=width), random.uniform(0.1, 3, size=width)) if scaled else (np.zeros(width), np.ones(width))
    )
    fill = random.normal(size=width) if filled else np.full(width, np.nan)
    return Encoder(tuple(columns), fill, centre, scale)


def matrix_of(encoder, rows):
    columns = zip(*rows, strict=True)
    return encoder.matrix([MANY[c.kind](c.name, v) for c, v in zip(encoder.columns, columns, strict=True)])


def same_bits(one, many):
    return np.array(one).tobytes() == many.tobytes()


numbers = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False, width=32)
categories = st.none() | st.sampled_from(["blue", "red", "green", "1", "x", ""]) | st.integers(0, 3) | st.just(1.0)
texts = st.none() | st.sampled_from(["big", "a RED, big red!", "none", ""]) | st.text(max_size=8)
dates = (
    st.none()
    | st.datetimes().filter(lambda d: d.year < 9999).map(str)
    | st.floats(2e6, 1e10)
    | st.integers(-(10**10), -1)
)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("filled", [True, False])
@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(numbers, numbers, categories, categories, dates, numbers, dates, texts, numbers, categories),
        min_size=1,
        max_size=4,
    )
)
def test_one_row_is_encoded_to_the_bit_as_many_are(scaled, filled, rows):
    made = encoder(*EVERY_ENCODING, scaled=scaled, filled=filled)
    assert same_bits([row_encoder(made)(row) for row in rows], matrix_of(made, rows))


@pytest.mark.parametrize("scaled", [True, False])
@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4))
def test_a_row_of_nothing_but_numbers_is_encoded_to_the_bit_as_many_are(scaled, rows):
    made = encoder(NUMBER, NUMBER, scaled=scaled)
    assert same_bits([row_encoder(made)(row) for row in rows], matrix_of(made, rows))


@pytest.mark.parametrize("value", [10**400, math.inf, math.nan, "5", b"5"])
@pytest.mark.parametrize("other", [NUMBER, NUMBER_OR_NULL, COLOUR])
def test_a_row_refuses_what_a_column_refuses(value, other):
    with pytest.raises(InputError, match=r"^column 'n' is NUMBER, got "):
        row_encoder(encoder(NUMBER, other))((value, None))


def test_two_numbers_whose_sum_overflows_are_still_finite():
    assert row_encoder(encoder(NUMBER, NUMBER, scaled=False))((1.7e308, 1.7e308)) == [1.7e308, 1.7e308]


def test_a_category_is_its_row_of_the_table_and_null_and_unseen_the_last_two():
    made = encoder(MEANS, scaled=False)
    assert matrix_of(made, [("x",), (1,), ("new",), (None,)]).tolist() == [[0.7], [0.1], [0.4], [0.3]]


def test_a_missing_number_is_filled_and_marked():
    made = encoder(NUMBER_OR_NULL, scaled=False)._replace(fill=np.array([np.nan, 7.0]))
    assert matrix_of(made, [(None,), (2,)]).tolist() == [[1.0, 7.0], [0.0, 2.0]]


def test_a_missing_number_stays_nan_for_an_estimator_that_takes_it():
    assert np.isnan(matrix_of(encoder(NUMBER, scaled=False, filled=False), [(None,)])).all()


def test_the_parts_of_a_date_are_those_of_the_calendar():
    found = date_parts(np.array([date("d", "2024-05-31 18:00:00"), date("d", "1969-12-28 00:59:59.5"), math.nan]))
    assert set(found) == set(PLAIN_PARTS)
    assert found["year"].tolist()[:2] == [2024.0, 1969.0]
    assert found["month"].tolist()[:2] == [5.0, 12.0]
    assert found["weekday"].tolist()[:2] == [4.0, 6.0]
    assert found["hour"].tolist()[:2] == [18.0, 0.0]
    assert found["days"].tolist()[:2] == [19874.75, -4 + 3599.5 / 86400]
    assert found["missing"].tolist() == [0.0, 0.0, 1.0]
    assert all(np.isnan(found[part][2]) for part in PLAIN_PARTS if part != "missing")


def test_the_parts_of_a_date_that_begin_anew_lie_on_a_circle():
    found = date_parts(np.array([date("d", "2024-03-31 18:00:00"), date("d", "2024-12-04 00:00:00")]))
    assert [found[f"{part}_sin"][0] for part in ("month", "hour")] == pytest.approx([1.0, -1.0])
    assert [found[f"{part}_cos"][1] for part in ("month", "hour")] == pytest.approx([1.0, 1.0])
    for part, period in CYCLES.items():
        angle = 2 * math.pi * found[part] / period
        assert found[f"{part}_sin"] == pytest.approx(np.sin(angle))
        assert found[f"{part}_cos"] == pytest.approx(np.cos(angle))


def test_a_code_is_the_bin_a_number_falls_into_and_null_has_one_of_its_own():
    made = encoder(BINS, scaled=False)
    rows = [(-9,), (-1,), (0.5,), (6.9,), (7,), (None,)]
    assert matrix_of(made, rows).tolist() == [[0.0], [1.0], [2.0], [2.0], [3.0], [4.0]]


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31 23:59:59"])
def test_the_first_and_the_last_moment_have_parts(text):
    made = encoder(DAY)
    assert same_bits([row_encoder(made)((text,))], matrix_of(made, [(text,)]))


def test_the_matrix_is_what_scikit_learns_column_transformer_makes_of_the_same_columns():
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

    from sqlite_ml_vtab.learning.columns import Feature, Wish
    from sqlite_ml_vtab.learning.features import fit_encoder

    random = np.random.RandomState(0)
    count = 300
    number = np.where(random.uniform(size=count) < 0.1, np.nan, random.lognormal(size=count))
    colour = random.choice(np.array(["blue", "green", "red", None], dtype=object), size=count)
    town = random.choice(np.array([f"town {i}" for i in range(40)], dtype=object), size=count)
    target = random.normal(size=count) + (town == "town 3")
    wish = Wish("regression", 0, scale="standard", takes_nan=False, codes=False, seed=0)
    features = [Feature("number", "NUMBER"), Feature("colour", "CATEGORY"), Feature("town", "CATEGORY")]
    fitted = fit_encoder(features, [number, colour, town], target, wish)

    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    one_hot = OneHotEncoder(categories=[["blue", "green", "red", None]], handle_unknown="ignore")
    encode = ColumnTransformer([("n", scaled, [0]), ("c", one_hot, [1])], sparse_threshold=0)
    table = np.column_stack([number.astype(object), colour])
    asked = np.array([[1.5, "red"], [np.nan, "mauve"], [-3.0, None]], dtype=object)
    means = TargetEncoder(target_type="continuous")
    cross_fitted = fitted.matrix[:, -1:]
    expected_means = StandardScaler().fit(cross_fitted * fitted.encoder.scale[-1] + fitted.encoder.centre[-1])
    by_town = means.fit(town[:, None].astype(str), target).transform([["town 3"], ["nowhere"], ["town 7"]])

    found = matrix_of(fitted.encoder, [(1.5, "red", "town 3"), (None, "mauve", "nowhere"), (-3, None, "town 7")])
    np.testing.assert_allclose(found[:, :-1], encode.fit(table).transform(asked).astype(float), rtol=1e-12)
    np.testing.assert_allclose(found[:, -1:], expected_means.transform(by_town), rtol=1e-9)


@pytest.mark.parametrize(
    ("column", "value", "phrases"),
    [
        (NUMBER, 5, []),
        (NUMBER, None, []),
        (NUMBER, 10, []),
        (NUMBER, 10.5, ["n: 10.5 is outside the training range, 0 to 10"]),
        (NUMBER, -1, ["n: -1 is outside the training range, 0 to 10"]),
        (UNUSED, 5, []),
        (COLOUR, "red", []),
        (COLOUR, None, []),
        (COLOUR, "it's", ["c: 'it''s' was not seen in training"]),
        (MEANS, 1, []),
        (MEANS, 2, ["t: 2 was not seen in training"]),
        (DAY, "2024-06-01", []),
        (
            DAY,
            "2025-06-01",
            ["d: '2025-06-01' is outside the training range, 2024-01-01 00:00:00 to 2024-12-31 00:00:00"],
        ),
    ],
)
def test_a_value_unlike_the_training_is_warned_of(column, value, phrases):
    assert encoder(column).warnings([value]) == phrases


def test_every_column_is_warned_of():
    assert encoder(NUMBER, COLOUR).warnings([99, "mauve"]) == [
        "n: 99 is outside the training range, 0 to 10",
        "c: 'mauve' was not seen in training",
    ]


SOUND = encoder(NUMBER, COLOUR)


def test_a_sound_encoder_is_taken():
    encoder(*EVERY_ENCODING).validate()


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (SOUND._replace(fill=np.zeros(3)), "encoder fill has type float64 and shape (3,)"),
        (SOUND._replace(centre=np.zeros((4, 1))), "encoder centre has type float64 and shape (4, 1)"),
        (SOUND._replace(scale=np.ones(4, dtype="<f4")), "encoder scale has type float32 and shape (4,)"),
        (SOUND._replace(scale=np.ones(4, dtype="<i8")), "encoder scale has type int64 and shape (4,)"),
        (SOUND._replace(centre=np.full(4, np.nan)), "encoder scaling is not finite"),
        (SOUND._replace(scale=np.full(4, np.inf)), "encoder scaling is not finite"),
        (SOUND._replace(scale=np.zeros(4)), "encoder fill or scale is out of range"),
        (SOUND._replace(fill=np.full(4, np.inf)), "encoder fill or scale is out of range"),
        (encoder(NUMBER._replace(kind="ANY")), "column kind 'ANY'"),
        (encoder(NUMBER._replace(parts=("year",))), "column parts ('year',)"),
        (encoder(DAY._replace(parts=("value",))), "column parts ('value',)"),
        (encoder(NUMBER._replace(parts=("value", "value"))), "a part twice"),
        (encoder(NUMBER._replace(categories=("a",))), "a table where none belongs"),
        (encoder(COLOUR._replace(kind="NUMBER")), "a table where none belongs"),
        (encoder(NUMBER._replace(kind="CATEGORY")), "a category without its table"),
        (encoder(COLOUR._replace(parts=("value",))), "a category without its table"),
        (encoder(COLOUR._replace(categories=("blue",))), "a category table's shape"),
        (encoder(COLOUR._replace(table=np.zeros((4, 3, 1)))), "a category table's shape"),
        (encoder(COLOUR._replace(table=np.full((4, 3), np.nan))), "a category table's values"),
        (encoder(COLOUR._replace(table=np.zeros((4, 3), dtype="<f4"))), "a category table's values"),
        (encoder(COLOUR._replace(categories=("blue", "blue"))), "a category twice"),
        (encoder(BINS._replace(edges=None)), "bins without their edges"),
        (encoder(NUMBER._replace(edges=np.zeros(1))), "bins without their edges"),
        (encoder(BINS._replace(edges=np.array([1.0, 1.0]))), "the edges of bins"),
        (encoder(BINS._replace(edges=np.array([2.0, 1.0]))), "the edges of bins"),
        (encoder(BINS._replace(edges=np.array([np.nan]))), "the edges of bins"),
        (encoder(BINS._replace(edges=np.zeros((1, 1)))), "the edges of bins"),
        (encoder(BINS._replace(edges=np.zeros(1, dtype="<f4"))), "the edges of bins"),
        (encoder(TEXT._replace(idf=None)), "words without their weights"),
        (encoder(TEXT._replace(parts=("value",))), "words without their weights"),
        (encoder(TEXT._replace(idf=np.ones(2))), "the weights of words"),
        (encoder(TEXT._replace(idf=np.full(3, np.inf))), "the weights of words"),
        (encoder(TEXT._replace(idf=np.ones(3, dtype="<f4"))), "the weights of words"),
        (encoder(TEXT._replace(table=np.full((3, 2), np.nan))), "the topics of words"),
        (encoder(TEXT._replace(table=np.zeros((2, 2)))), "the topics of words"),
        (encoder(TEXT._replace(table=np.zeros((3, 2), dtype="<f4"))), "the topics of words"),
        (encoder(TEXT._replace(categories=("big", "red", "red"))), "a term twice"),
    ],
)
def test_an_encoder_that_does_not_fit_together_is_refused(made, problem):
    with pytest.raises(ModelError) as caught:
        made.validate()
    assert str(caught.value) == f"the stored model is damaged: {problem}."


def test_every_part_of_a_number_is_made():
    assert set(NUMBER_PARTS) == {*NUMBER_OR_NULL.parts, *BINS.parts}
    assert row_encoder(encoder(NUMBER._replace(parts=("value", "missing")), scaled=False))((2,)) == [2.0, 0.0]
    assert row_encoder(encoder(BINS, scaled=False))((2,)) == [2.0]


@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("value", [0.1, 3, -(2**60) - 1, True, -0.0, 1e308, 5e-324, None])
def test_a_number_beside_whether_it_is_missing_is_the_same_in_one_row(value, scaled, filled):
    made = encoder(NUMBER._replace(parts=("value", "missing")), COLOUR, scaled=scaled, filled=filled)
    assert repr(row_encoder(made)((value, "red"))) == repr(matrix_of(made, [(value, "red")])[0].tolist())


@pytest.mark.parametrize("value", ["3", float("inf"), b"3", [3]])
def test_what_is_no_number_is_refused_beside_whether_it_is_missing(value):
    made = encoder(NUMBER._replace(parts=("value", "missing")), COLOUR)
    with pytest.raises(InputError, match="is NUMBER, got"):
        row_encoder(made)((value, "red"))
