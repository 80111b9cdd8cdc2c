"""SQLite values to what a model computes with."""

import math

import apsw
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sqlite_ml_vtab.errors import InputError
from sqlite_ml_vtab.portable.values import (
    MANY,
    ONE,
    category,
    date,
    iso,
    looks_dated,
    looks_numeric,
    number,
    numbers,
)

DATE_HELP = (
    "Write ISO 8601 text such as '2024-05-31' or '2024-05-31 12:30:00', a julian day or a unix time, "
    "of the years 1 to 9999."
)


@pytest.fixture(scope="module")
def ask():
    """Ask SQLite for one value."""
    connection = apsw.Connection(":memory:")
    yield lambda sql, *values: connection.execute(sql, values).fetchone()[0]
    connection.close()


def refusal(kind, value):
    with pytest.raises(InputError) as caught:
        ONE[kind]("age", value)
    return str(caught.value)


# NUMBER


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (-2.5, -2.5), (True, 1.0), (0, 0.0), (2**63 - 1, 9.223372036854775807e18), (1e308, 1e308)],
)
def test_a_number_is_itself_as_a_float(value, expected):
    assert number("age", value) == expected
    assert type(number("age", value)) is float


def test_null_is_a_missing_number():
    assert math.isnan(number("age", None))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("n/a", "column 'age' is NUMBER, got 'n/a'. Use NULL for a missing value."),
        ("", "column 'age' is NUMBER, got ''. Use NULL for a missing value."),
        ("nan", "column 'age' is NUMBER, got 'nan'. Use NULL for a missing value."),
        ("it's", "column 'age' is NUMBER, got 'it''s'. Use NULL for a missing value."),
        (
            "5",
            "column 'age' is NUMBER, got '5'. Write it as a number, CAST(... AS REAL), or declare the column without a type.",
        ),
        (
            " 1e3 ",
            "column 'age' is NUMBER, got ' 1e3 '. Write it as a number, CAST(... AS REAL), or declare the column without a type.",
        ),
        (b"5", "column 'age' is NUMBER, got a BLOB of 1 bytes. Use NULL for a missing value."),
        (math.nan, "column 'age' is NUMBER, got nan. Use NULL for a missing value."),
        (math.inf, "column 'age' is NUMBER, got inf. Use NULL for a missing value."),
        (-math.inf, "column 'age' is NUMBER, got -inf. Use NULL for a missing value."),
        (10**400, "column 'age' is NUMBER, got inf. Use NULL for a missing value."),
        ([1], "column 'age' is NUMBER, got [1]. Use NULL for a missing value."),
    ],
)
def test_what_is_no_number_is_refused(value, sentence):
    assert refusal("NUMBER", value) == sentence


# CATEGORY


@pytest.mark.parametrize("value", ["", "red", "größe", " red ", "1.0"])
def test_text_is_its_own_category(value):
    assert category("colour", value) == value


def test_null_is_no_category():
    assert category("colour", None) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_is_the_category_that_sqlite_makes_of_it(ask, value):
    assert category("code", value) == ask("SELECT CAST(? AS TEXT)", value)


@settings(max_examples=500, deadline=None)
@given(st.integers(-(10**12), 10**12), st.integers(-3, 2))
def test_a_real_of_up_to_twelve_digits_is_the_category_that_sqlite_makes_of_it(ask, digits, power):
    value = float(f"{digits}e{power}")
    if abs(value) < 0.01:
        value = 0.0
    assert category("code", value) == ask("SELECT CAST(? AS TEXT)", value)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1e20, -1.5e-7, 5e300, math.inf, -math.inf, True])
def test_zeros_infinities_and_powers_are_categories_as_in_sqlite(ask, value):
    assert category("code", value) == ask("SELECT CAST(? AS TEXT)", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1 / 3, "0.333333333333333"), (0.1 + 0.2, "0.3"), (123456789012345680.0, "1.23456789012346e+17")],
)
def test_a_longer_real_has_15_digits_whichever_sqlite_runs(value, expected):
    assert category("code", value) == expected


@pytest.mark.parametrize(
    ("value", "got"),
    [(b"red", "a BLOB of 3 bytes"), (math.nan, "nan"), ([1], "[1]"), (["x" * 90], "['" + "x" * 57 + "…")],
)
def test_what_is_no_category_is_refused(value, got):
    assert refusal("CATEGORY", value) == f"column 'age' is CATEGORY, got {got}. Give text, a number or NULL."


# DATE


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01",
        "2024-02-29",
        "2024-05-31 12:30",
        "2024-05-31T12:30:45",
        "2024-05-31 12:30:45.5",
        "2024-05-31 12:30:45.678",
        "1969-12-31 23:59:59",
        "0001-01-01",
        "9999-12-31 23:59:59",
        "2024-05-31 12:30:45Z",
        "2024-05-31T12:30:45+02:00",
        "2024-05-31 12:30:45.5-11:30",
        "12:30",
        "12:30:45",
    ],
)
def test_iso_text_is_the_moment_that_sqlite_makes_of_it(ask, text):
    assert date("day", text) == pytest.approx(ask("SELECT unixepoch(?, 'subsec')", text), abs=1e-3)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2024-05", "2024-05-01"),
        (" 2024-05-31\n", "2024-05-31"),
        ("20240531", "2024-05-31"),
        ("20240531T123045", "2024-05-31 12:30:45"),
        ("2024-W22-5", "2024-05-31"),
        ("2024-05-31 12:30:45,5", "2024-05-31 12:30:45.5"),
        ("2024-06-01 02:00:00+02:00", "2024-06-01"),
    ],
)
def test_other_iso_forms_are_the_same_moment(text, same):
    assert date("day", text) == date("day", same)


@pytest.mark.parametrize(
    "value", [0, 2440587.5, 2451545, 2451544.5, 5373484, 1721425.5, 5373484.5, 1717158600, -1, -86400.5, 253402300799]
)
def test_a_number_is_a_julian_day_or_a_unix_time_as_sqlite_has_it(ask, value):
    if 0 <= value < 1721425.5:
        assert refusal("DATE", value) == f"column 'age' is DATE, got {value}. {DATE_HELP}"
    else:
        assert date("day", value) == pytest.approx(ask("SELECT unixepoch(?, 'auto', 'subsec')", value), abs=1e-3)


def test_null_is_a_missing_date():
    assert math.isnan(date("day", None))


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("yesterday", "'yesterday'"),
        ("", "''"),
        ("2024", "'2024'"),
        ("now", "'now'"),
        ("2023-02-29", "'2023-02-29'"),
        ("2024-13-01", "'2024-13-01'"),
        ("0000-01-01", "'0000-01-01'"),
        ("10000-01-01", "'10000-01-01'"),
        ("-0001-01-01", "'-0001-01-01'"),
        ("0001-01-01 00:00:00+00:01", "'0001-01-01 00:00:00+00:01'"),
        ("9999-12-31 23:59:59-00:01", "'9999-12-31 23:59:59-00:01'"),
        ("9999-12-31 23:59:59.999999", "'9999-12-31 23:59:59.999999'"),
        ("31/05/2024", "'31/05/2024'"),
        (0, "0"),
        (1721425.4, "1721425.4"),
        (253402300800, "253402300800"),
        (-62135596801, "-62135596801"),
        (10**400, "1" + "0" * 58 + "…"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (b"2024-05-31", "a BLOB of 10 bytes"),
    ],
)
def test_what_is_no_date_is_refused(value, got):
    assert refusal("DATE", value) == f"column 'age' is DATE, got {got}. {DATE_HELP}"


@settings(max_examples=200, deadline=None)
@given(st.datetimes(allow_imaginary=False).filter(lambda moment: moment.year < 9999))
def test_the_text_that_is_shown_for_a_moment_is_that_moment(moment):
    seconds = date("day", moment.isoformat())
    assert date("day", iso(seconds)) == seconds


# One and many


odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.binary(max_size=3),
    st.datetimes().map(str),
    st.sampled_from([10**400, 1721425.4, "2024-05", "12:30", "9999-12-31T23:59:59-23:59", "5"]),
)


@pytest.mark.parametrize("kind", ONE)
@settings(max_examples=300, deadline=None)
@given(values=st.lists(odd_values, max_size=5) | st.lists(st.none() | st.integers() | st.floats(), max_size=5))
def test_many_values_are_read_as_one_by_one(kind, values):
    one_by_one = outcome(lambda: [ONE[kind]("age", value) for value in values])
    assert outcome(lambda: MANY[kind]("age", values).tolist()) == one_by_one
    assert MANY[kind]("age", [None]).dtype == (object if kind in {"CATEGORY", "WORDS"} else np.float64)


def outcome(read):
    """Return what `read` gives, or the sentence of its refusal; as text, where NaN is equal to itself."""
    try:
        return repr(read())
    except InputError as error:
        return str(error)


def test_every_kind_is_read_one_by_one_and_many_at_once():
    assert ONE.keys() == MANY.keys() == {"NUMBER", "CATEGORY", "DATE", "WORDS"}


def test_nan_among_numbers_is_never_taken_for_null():
    with pytest.raises(InputError) as caught:
        numbers("age", [None, 1.0, math.nan])
    assert str(caught.value) == "column 'age' is NUMBER, got nan. Use NULL for a missing value."


# Guessing


@pytest.mark.parametrize(
    ("texts", "expected"),
    [(["1", " 2.5 ", "-1e3"], True), (["1", "x"], False), (["nan"], False), (["inf"], False), ([], True)],
)
def test_text_looks_numeric_where_every_value_reads_as_a_finite_number(texts, expected):
    assert looks_numeric(texts) is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2024-05-31", "2024-06"], True),
        (["2024-05-31 12:30:00Z"], True),
        (["2024-05-31", "soon"], False),
        (["20240531"], False),
        (["12:30"], False),
        (["-5"], False),
        (["555-1234"], False),
    ],
)
def test_text_looks_dated_where_every_value_is_a_year_and_month_at_least(texts, expected):
    assert looks_dated(texts) is expected


PLAIN_DATES = st.from_regex(r"[0-9]{4}[-T ][0-9]{2}-[0-9]{2}([ T-][0-9]{2}[:T][0-9]{2}(:[0-9]{2})?)?", fullmatch=True)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.none() | st.dates().map(str), max_size=4)
    | st.lists(st.datetimes().map("{:%Y-%m-%dT%H:%M}".format))
)
def test_dates_written_alike_are_read_as_one_by_one(values):
    one_by_one = outcome(lambda: [ONE["DATE"]("at", value) for value in values])
    assert outcome(lambda: MANY["DATE"]("at", values).tolist()) == one_by_one


@settings(max_examples=60, deadline=None)
@given(value=PLAIN_DATES)
@example(value="0000-01-01")
@example(value="2024-02-30")
@example(value="2024-01-01 24:00")
@example(value="2024-01-01 23:59:60")
@example(value="2024-01-01 10T00")
@example(value="2024-01-01\0")
@example(value="\uff12024-01-01")
def test_what_nearly_looks_like_a_plain_date_is_read_as_alone(value):
    alone = outcome(lambda: [ONE["DATE"]("at", value)] * 2)
    assert outcome(lambda: MANY["DATE"]("at", [value, value]).tolist()) == alone
