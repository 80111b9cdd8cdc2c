"""Stored rows to training columns, and the kinds of columns that were declared without a type."""

import math

import numpy as np
import pytest

from sqlite_ml_vtab.declaration import Kind, Role, parse
from sqlite_ml_vtab.errors import InputError, TrainingError
from sqlite_ml_vtab.learning.rows import collect, decide_kind, read_columns


def test_columns_are_read_as_features_then_target_then_the_side_columns():
    columns = ["g group", "y target", "s split", "a", "o order", "w weight", "k key", "b"]
    names = [column.name for column in read_columns(parse("classification", "t", columns))]
    assert names == ["a", "b", "y", "w", "s", "g"]


def test_rows_are_collected_column_by_column(rows_of):
    found = rows_of(
        ["n real", "c text", "d date", "y target", "w weight", "g group"],
        [(1, "a", "1970-01-02", "yes", 2.0, "g1"), (None, None, None, 0, 1, None)],
    )
    assert found.ids.tolist() == [1, 2]
    assert found.names == ("n", "c", "d")
    assert found.kinds == ("NUMBER", "CATEGORY", "DATE")
    assert found.features[0][0] == 1.0
    assert found.features[1].tolist() == ["a", None]
    assert found.features[2][0] == 86400.0
    assert math.isnan(found.features[0][1])
    assert math.isnan(found.features[2][1])
    assert found.target == ["yes", 0]
    assert found.sides == {Role.WEIGHT: [2.0, 1], Role.GROUP: ["g1", None]}


def test_rows_come_the_same_in_one_chunk_as_in_many():
    declaration = parse("classification", "t", ["n", "c", "y target"])
    rows = [(i, i * 0.5, "ab"[i % 2], i % 2) for i in range(10)]
    whole = collect(declaration, [rows])
    pieces = collect(declaration, [rows[:1], [], rows[1:4], rows[4:]])
    assert whole.ids.tolist() == pieces.ids.tolist()
    assert [column.tolist() for column in whole.features] == [column.tolist() for column in pieces.features]
    assert whole.target == pieces.target


@pytest.mark.parametrize("chunks", [[], [[]]])
def test_no_rows_are_collected_as_no_rows(chunks):
    found = collect(parse("classification", "t", ["n real", "c text", "u", "y target"]), chunks)
    assert found.ids.tolist() == []
    assert [len(column) for column in found.features] == [0, 0, 0]
    assert found.target == []


def test_rows_are_taken_by_their_places(rows_of):
    found = rows_of(["n real", "c text", "y target"], [(1, "a", 0), (2, "b", 1), (3, "c", 0)])
    assert [column.tolist() for column in found.take(np.array([2, 0]))] == [[3.0, 1.0], ["c", "a"]]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None], Kind.NUMBER),
        ([None, None], Kind.NUMBER),
        ([], Kind.NUMBER),
        (["a", None, "b"], Kind.CATEGORY),
        (["a", "1"], Kind.CATEGORY),
        (["2024-05-31", None, "2024-06-01 12:00:00"], Kind.DATE),
        (["2024-05", "2024-06"], Kind.DATE),
        (["2024-05-31", "unknown"], Kind.CATEGORY),
        (["12:30", "13:00"], Kind.CATEGORY),
        ([""], Kind.CATEGORY),
    ],
)
def test_a_column_without_a_type_is_what_its_values_are(values, kind):
    assert decide_kind("a", values) is kind


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            [1, "n/a", None],
            "column 'a' holds numbers and text such as 'n/a'. "
            "Store NULL for a missing value, or declare the column TEXT.",
        ),
        (
            ["1", "2.5", None],
            "column 'a' holds numbers written as text, such as '1'. "
            "Convert them with CAST(... AS REAL), or declare the column TEXT if they are codes.",
        ),
        (
            ["20240531"],
            "column 'a' holds numbers written as text, such as '20240531'. "
            "Convert them with CAST(... AS REAL), or declare the column TEXT if they are codes.",
        ),
    ],
)
def test_a_column_that_could_be_learned_wrongly_is_not_guessed(rows_of, values, sentence):
    with pytest.raises(TrainingError) as caught:
        rows_of(["a", "y target"], [(value, 0) for value in values])
    assert str(caught.value) == sentence


@pytest.mark.parametrize("declared", ["a", "a real"])
def test_a_blob_in_a_feature_is_refused(rows_of, declared):
    with pytest.raises(InputError) as caught:
        rows_of([declared, "y target"], [(b"xyz", 0)])
    assert str(caught.value) == "column 'a' is NUMBER, got a BLOB of 3 bytes. Use NULL for a missing value."


@pytest.mark.parametrize("expected", [0, 1, 7, 10, 11, 1000])
def test_arrays_grow_and_shrink_to_the_rows_that_come(expected):
    declaration = parse("regression", "t", ["n real", "c text", "d date", "y target"])
    rows = [(i, i * 0.5, "ab"[i % 2], "2024-01-01", i) for i in range(10)]
    found = collect(declaration, [rows[:3], rows[3:4], rows[4:]], expected)
    assert found.ids.tolist() == list(range(10))
    assert found.features[0].tolist() == [i * 0.5 for i in range(10)]
    assert found.features[1].tolist() == list("ababababab")
    assert [len(column) for column in found.features] == [10, 10, 10]


def test_equal_texts_are_kept_once_and_equal_numbers_of_other_types_are_not_mixed_up():
    declaration = parse("classification", "t", ["c text", "y target"])
    rows = [(i, "".join(["text", "!"]), value) for i, value in enumerate(["".join(["a", "b"]), "ab", 1, 1.0])]
    found = collect(declaration, [rows[:1], rows[1:]])
    assert len({id(value) for value in found.features[0]}) == 1
    assert found.target[0] is found.target[1]
    assert [type(value) for value in found.target] == [str, str, int, float]


def test_an_infinite_number_is_refused_by_its_column():
    declaration = parse("regression", "t", ["n real", "y target"])
    with pytest.raises(InputError) as caught:
        collect(declaration, [[(1, 0.5, 1)], [(2, math.inf, 1), (3, None, 1)]])
    assert str(caught.value) == "column 'n' is NUMBER, got inf. Use NULL for a missing value."


def test_numbers_and_null_may_stand_in_one_chunk_and_whole_chunks_of_either():
    declaration = parse("regression", "t", ["n real", "y target"])
    found = collect(declaration, [[(1, 0.5, 1), (2, 2**53 + 1, 1)], [(3, None, 1)], [(4, None, 1), (5, -3, 1)]])
    assert str(found.features[0].tolist()) == "[0.5, 9007199254740992.0, nan, nan, -3.0]"
