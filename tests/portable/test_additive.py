"""A linear model as a sum over its columns says what its matrix says."""

import numpy as np
import pytest

from sqlite_ml_vtab.errors import InputError
from sqlite_ml_vtab.portable.additive import MAX_TERMS, additive
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.scoring import read_columns, turned

NUMBER = ColumnEncoding("n", "NUMBER", parts=("value",), low=-3.0, high=3.0)
FLAGGED = ColumnEncoding("f", "NUMBER", parts=("value", "missing"), low=-3.0, high=3.0)
ONE_HOT = ColumnEncoding(
    "c", "CATEGORY", categories=("red", "7", "7.5"), table=np.vstack([np.eye(3), np.zeros((2, 3))])
)
MEANS = ColumnEncoding("m", "CATEGORY", categories=("red",), table=np.array([[0.5], [0.25], [-1.0]]))
COLUMNS = (ONE_HOT, NUMBER, FLAGGED, MEANS, NUMBER._replace(name="n2"))
ROWS = [
    ("red", 1.5, -2, "red", 3),
    ("7", None, None, None, 0.1),
    (7, 0.25, 1.0, "unseen", -2.5),
    (7.5, 1e300, 2**60, "red", True),
    (None, -0.0, 0.5, "red", 1e-300),
]


def linear(columns, outputs=1, seed=0):
    random = np.random.RandomState(seed)
    width = sum(column.width for column in columns)
    fill, centre = random.normal(size=(2, width))
    encoder = Encoder(tuple(columns), fill, centre, random.uniform(0.5, 2.0, width))
    coef, intercept = random.normal(size=(outputs, width)), random.normal(size=outputs)
    return encoder, {"link": "identity", "coef": coef, "intercept": intercept}


def by_matrix(encoder, parameters, columns):
    return FAMILIES["linear"].scores(parameters, encoder.matrix(columns))


def columns_of(encoder, rows):
    features = [(column.name, column.kind) for column in encoder.columns]
    return read_columns(features, turned(features, rows))


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_one_row_and_many_are_what_the_matrix_gives(outputs, seed):
    encoder, parameters = linear(COLUMNS, outputs, seed)
    found = additive(encoder, parameters)
    columns = columns_of(encoder, ROWS)
    expected = by_matrix(encoder, parameters, columns)
    size = np.abs(expected).max(axis=1, keepdims=True)
    many = found.many(columns)
    assert (np.abs(many - expected) <= 1e-12 * size).all()
    assert (np.abs(np.array([found.row(row) for row in ROWS]) - many) <= 1e-15 * size).all()


def test_numbers_alone_are_what_the_matrix_gives():
    encoder, parameters = linear([NUMBER._replace(name=f"n{n}") for n in range(30)], 2)
    rows = np.random.RandomState(1).normal(size=(50, 30)).tolist()
    columns = columns_of(encoder, rows)
    found = additive(encoder, parameters)
    np.testing.assert_allclose(found.many(columns), by_matrix(encoder, parameters, columns), rtol=1e-11)
    np.testing.assert_allclose([found.row(row) for row in rows], found.many(columns), rtol=1e-13)


def test_of_two_classes_the_second_says_all():
    encoder, parameters = linear(COLUMNS, 2)
    parameters["coef"][0], parameters["intercept"][0] = 0.0, 0.0
    found = additive(encoder, parameters)
    for row in ROWS:
        first, second = found.row(row)
        assert (first, second) == (0.0, found.single(row))
    assert not found.many(columns_of(encoder, ROWS))[:, 0].any()


def test_three_classes_have_no_single_value():
    assert additive(*linear(COLUMNS, 3)).single is None


def test_folding_that_costs_digits_is_not_done():
    encoder, parameters = linear([NUMBER])
    far = encoder._replace(columns=(NUMBER._replace(low=1e9, high=1e9 + 1.0),), centre=np.array([1e9]))
    assert additive(far, parameters) is None
    assert additive(far._replace(centre=np.zeros(1), columns=encoder.columns), parameters) is not None
    assert additive(encoder._replace(scale=np.array([1e-310])), parameters) is None


def test_what_is_no_sum_over_columns_is_left_to_the_matrix():
    date = ColumnEncoding("d", "DATE", parts=("year",), low=0.0, high=1e9)
    binned = ColumnEncoding("b", "NUMBER", parts=("code",), edges=np.array([0.0]), low=-1.0, high=1.0)
    unused = ColumnEncoding("u", "NUMBER")
    for column in (date, binned, unused):
        assert additive(*linear([NUMBER, column])) is None
    assert additive(*linear([NUMBER._replace(name=f"n{n}") for n in range(MAX_TERMS + 1)])) is None


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ((None, "1", 0, "x", 0), "column 'n' is NUMBER, got '1'."),
        ((None, float("inf"), 0, "x", 0), "column 'n' is NUMBER, got inf."),
        ((None, 10**400, 0, "x", 0), "column 'n' is NUMBER, got inf."),
        ((b"x", 0, 0, "x", 0), "column 'c' is CATEGORY, got"),
        (([1], "1", 0, "x", 0), "column 'c' is CATEGORY, got"),
        ((None, 0, {"a": 1}, "x", 0), "column 'f' is NUMBER, got"),
        ((None, "1", "2", b"x", "3"), "column 'n' is NUMBER, got '1'."),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_column(row, sentence):
    found = additive(*linear(COLUMNS))
    with pytest.raises(InputError) as refused:
        found.row(row)
    assert str(refused.value).startswith(sentence)
