"""How a sentence names the table, the legal choices and a value."""

import pytest

from sqlite_ml_vtab.errors import DeclarationError, Error, InputError, about, choices, shown

MANY = [f"name_{letter}" for letter in "abcdefghijklm"]


@pytest.mark.parametrize(
    ("word", "legal", "sentence"),
    [
        ("trian", ["train", "clear"], "Did you mean 'train'? Commands: clear, train."),
        ("TRAIN", ["train", "clear"], "Did you mean 'train'? Commands: clear, train."),
        ("c", ["C", "tol"], "Did you mean 'C'? Commands: C, tol."),
        ("xyz", ["train", "clear"], "Commands: clear, train."),
        ("", ["train"], "Commands: train."),
        ("name_c", MANY[:12], f"Did you mean 'name_c'? Commands: {', '.join(MANY[:12])}."),
        ("nme_c", MANY, "Nearest commands: name_c, name_m, name_l."),
    ],
)
def test_up_to_twelve_choices_are_listed_and_of_more_the_nearest(word, legal, sentence):
    assert choices(word, legal, "Commands") == sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (5, "5"),
        (2.5, "2.5"),
        ("it's", "'it''s'"),
        ("x" * 60, "'" + "x" * 60 + "'"),
        ("x" * 61, "'" + "x" * 59 + "…'"),
        (b"abc", "a BLOB of 3 bytes"),
        (bytearray(b"abc"), "a BLOB of 3 bytes"),
        ([1, "a"], "[1, 'a']"),
        (["x" * 99], "['" + "x" * 57 + "…"),
    ],
)
def test_a_value_is_shown_as_sql_and_cut(value, text):
    assert shown(value) == text


def test_the_table_is_named_once_by_the_deepest_floor_that_knows_it():
    with pytest.raises(Error) as caught, about("outer"), about("inner"):
        raise InputError("wrong.")
    assert str(caught.value) == "inner: wrong."


def test_a_sentence_without_a_table_stands_alone():
    assert str(DeclarationError("wrong.")) == "wrong."


def test_other_exceptions_pass_unchanged():
    with pytest.raises(KeyError) as caught, about("t"):
        raise KeyError("a")
    assert caught.value.args == ("a",)
