"""SQL text to tokens."""

import pytest

from sqlite_ml_vtab.declaration.tokens import Token, tokenize
from sqlite_ml_vtab.errors import DeclarationError


def kinds_and_values(text):
    return [(token.kind, token.value) for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("age", "word", "age"),
        ("_a$1", "word", "_a$1"),
        ("größe", "word", "größe"),
        ("年齢", "word", "年齢"),
        ("😀", "word", "😀"),
        ('"a b"', "quoted", "a b"),
        ('"a ""b"""', "quoted", 'a "b"'),
        ("[a ] ", "quoted", "a "),
        ("[a [b]", "quoted", "a [b"),
        ("`a b`", "quoted", "a b"),
        ("`a ``b```", "quoted", "a `b`"),
        ('""', "quoted", ""),
        ("'a b'", "string", "a b"),
        ("'it''s'", "string", "it's"),
        ("'a\nb'", "string", "a\nb"),
        ("'-- no comment'", "string", "-- no comment"),
        ("12", "number", "12"),
        ("0.25", "number", "0.25"),
        ("1.", "number", "1."),
        (".5", "number", ".5"),
        ("1e-3", "number", "1e-3"),
        (".5E+10", "number", ".5E+10"),
        ("=", "mark", "="),
        ("(", "mark", "("),
    ],
)
def test_each_kind_of_token_is_read_as_sqlite_reads_it(text, kind, value):
    assert kinds_and_values(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "a\nb",
        "a\t\f\v\r\n b",
        "a -- of b\nb",
        "a /* of b */ b",
        "a /* b\n * c */ b -- end",
        "/**/a/* */b/* open",
    ],
)
def test_white_space_and_comments_only_separate(text):
    assert kinds_and_values(text) == [("word", "a"), ("word", "b")]


@pytest.mark.parametrize("text", ["", " \n ", "-- nothing", "/* nothing */", "/* open"])
def test_nothing_but_space_gives_no_token(text):
    assert tokenize(text) == []


def test_tokens_stand_next_to_each_other_without_space():
    expected = [("word", "split"), ("mark", "="), ("string", "last"), ("mark", ")")]
    assert kinds_and_values("split='last')") == expected


def test_a_token_knows_where_it_stands():
    assert tokenize("a = 'bc'") == [
        Token("word", "a", 0, 1),
        Token("mark", "=", 2, 3),
        Token("string", "bc", 4, 8),
    ]


def test_a_word_is_compared_in_any_case_and_only_unquoted():
    word, quoted = tokenize('target "target"')
    assert word.is_word("KEY", "TARGET")
    assert not quoted.is_word("TARGET")


def test_a_mark_in_quotes_is_not_punctuation():
    assert not tokenize("'='")[0].is_mark("=")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a 'b", 'a quote is never closed, at "\'b". Close it.'),
        ('a "b c', "a quote is never closed, at '\"b c'. Close it."),
        ("`a", "a quote is never closed, at '`a'. Close it."),
        ("[abcdefghijklmnopqrstuvwxyz", "a quote is never closed, at '[abcdefghijklmnopqrs'. Close it."),
        ("a\0b", "the text holds a NUL character. Take it out."),
        ("'a\0b'", "the text holds a NUL character. Take it out."),
    ],
)
def test_text_that_is_no_sql_is_refused(text, sentence):
    with pytest.raises(DeclarationError) as caught:
        tokenize(text)
    assert str(caught.value) == sentence
