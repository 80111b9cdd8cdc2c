"""Free text to topics: terms of any script, one text as many, and as scikit-learn has it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from sqlite_ml_vtab.errors import InputError, ModelError
from sqlite_ml_vtab.portable import Golden, Model, Scorer, from_bytes, to_bytes
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.words import MAX_LETTERS, countable, matrix, projector, terms

# Terms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good food", ["good", "food", "good food"]),
        ("don't", ["don", "t", "don t"]),
        ("co-op #7", ["co", "op", "7", "co op", "op 7"]),
        ("très BON", ["très", "bon", "très bon"]),
        ("Отлично!", ["отлично"]),
        ("ΚΑΛΟ", ["καλο"]),
        ("رائع جدا", ["رائع", "جدا", "رائع جدا"]),
        ("מצוין", ["מצוין"]),
        ("מְצוּיָן", ["מְצוּיָן"]),
        ("अच्छा खाना।", ["अच्छा", "खाना", "अच्छा खाना"]),
        ("நல்ல உணவு", ["நல்ல", "உணவு", "நல்ல உணவு"]),
        ("খুব ভালো", ["খুব", "ভালো", "খুব ভালো"]),
        ("tre\u0300s bon", ["très", "bon", "très bon"]),
        ("\uff27\uff2f\uff2f\uff24", ["good"]),
        ("ﬁne", ["fine"]),
        ("x_1 = 2", ["x_1", "2", "x_1 2"]),
        ("", []),
        ("... !?", []),
        ("😀👍", []),
        ("a\0b\nc", ["a", "b", "c", "a b", "b c"]),
    ],
)
def test_the_terms_begin_with_words_and_pairs_of_them(text, words):
    assert list(terms(text))[: len(words)] == words
    assert all("_" in term or term in "".join(words) for term in list(terms(text))[len(words) :])


def test_a_word_gives_its_groups_of_three_and_four_letters():
    assert list(terms("food")) == ["food", "_fo", "foo", "ood", "od_", "_foo", "food", "ood_"]
    assert list(terms("a")) == ["a", "_a_"]


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("美味しい", ["美", "味", "し", "い", "美味", "味し", "しい"]),
        ("很好吃", ["很", "好", "吃", "很好", "好吃"]),
        ("맛있다", ["맛", "있", "다", "맛있", "있다"]),
        ("ดีมาก", ["ด", "ี", "ม", "า", "ก", "ดี", "ีม", "มา", "าก"]),
    ],
)
def test_a_word_of_a_script_without_spaces_gives_letters_and_pairs_of_them(text, groups):
    assert list(terms(text)) == [text, *groups]


@pytest.mark.parametrize("text", ["อร่อยมาก", "ဆိုးတယ်", "ឆ្ងាញ់", "𠮷野家"])
def test_other_scripts_without_spaces_are_cut_into_letters_too(text):
    word, *groups = terms(text)
    assert word == text
    assert max(map(len, groups)) == 2


def test_text_of_several_scripts_is_cut_word_by_word():
    found = list(terms("good 食べ物"))
    assert {"good", "good 食べ物", "_go", "食", "食べ"} <= set(found)


def test_very_long_text_is_cut():
    assert list(terms("a " * MAX_LETTERS)) == list(terms("a " * (MAX_LETTERS // 2)))
    assert "z" not in set(terms("a" * MAX_LETTERS + " z"))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_terms_that_are_the_same_each_time(text):
    found = list(terms(text))
    assert found == list(terms(text))
    assert all(isinstance(term, str) and term for term in found)


# Topics

TEXTS = [
    "the food was good", "the food was bad", "good wine and good food", "bad wine", "Вино хорошее", "вино плохое",
    "美味しいワイン", "まずいワイン", "a room with a view", "a view without a room", "", "good", "très bon vin",
]  # fmt: skip


def fitted(topics):
    weigh = TfidfVectorizer(analyzer=lambda text: list(terms(text)), sublinear_tf=True)
    weights = weigh.fit_transform(TEXTS)
    svd = TruncatedSVD(topics, random_state=0).fit(weights)
    return weigh, svd, (tuple(weigh.get_feature_names_out()), weigh.idf_, np.ascontiguousarray(svd.components_.T))


def objects(texts):
    found = np.empty(len(texts), dtype=object)
    found[:] = texts
    return found


@pytest.mark.parametrize("topics", [1, 4])
def test_topics_are_those_of_tf_idf_and_a_truncated_svd(topics):
    weigh, svd, learned = fitted(topics)
    asked = [*TEXTS, "good good good food", "unheard-of", "Good WINE", "хорошее вино"]
    expected = svd.transform(weigh.transform(asked))
    np.testing.assert_allclose(matrix(*learned, objects(asked)), expected, rtol=1e-9, atol=1e-12)


def test_one_text_is_projected_to_the_bit_as_many_are():
    _, _, learned = fitted(3)
    project = projector(*learned)
    asked = [*TEXTS, None, "unheard-of zyx", "good" * 50, "good food " * 500]
    found = matrix(*learned, objects(asked))
    assert np.array([project(text) for text in asked]).tobytes() == found.tobytes()


def test_without_topics_the_weights_of_the_terms_are_those_of_tf_idf():
    weigh, _, (vocabulary, idf, _) = fitted(1)
    asked = [*TEXTS, None, "good good good food", "unheard-of", "Good WINE", "хорошее вино"]
    found = matrix(vocabulary, idf, None, objects(asked))
    expected = weigh.transform([text or "" for text in asked]).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    project = projector(vocabulary, idf, None)
    assert np.array([project(text) for text in asked]).tobytes() == found.tobytes()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The food, the food", ["the", "food", "the", "food"]),
        ("good 食べ物", ["good", "食べ物", "食", "べ", "物", "食べ", "べ物"]),
        ("... 😀", []),
    ],
)
def test_words_are_counted_and_what_stands_for_words_where_there_are_no_spaces(text, found):
    assert list(countable(text)) == found
    assert set(found) <= set(terms(text))


@pytest.mark.parametrize("text", [None, "", "zyx", "...", "😀"])
def test_a_text_without_known_terms_is_nowhere(text):
    _, _, learned = fitted(3)
    assert projector(*learned[:2], None)(text).tolist() == [0.0] * len(learned[0])
    assert projector(*learned)(text).tolist() == [0.0, 0.0, 0.0]
    assert matrix(*learned, objects([text])).tolist() == [[0.0, 0.0, 0.0]]


def test_terms_without_weight_lead_nowhere():
    assert projector(("good",), np.zeros(1), np.ones((1, 2)))("good food").tolist() == [0.0, 0.0]


# In a model

WORDS = ColumnEncoding(
    "text", "WORDS", categories=("bad", "good"), idf=np.array([1.5, 2.0]), table=np.array([[1.0, 0.0], [0.0, 1.0]])
)


def model(column=WORDS):
    width = column.width
    encoder = Encoder((column,), np.zeros(width), np.zeros(width), np.ones(width))
    parameters = {"link": "identity", "coef": np.array([[-1.0, 1.0]])[:, :width], "intercept": np.zeros(1)}
    golden = Golden((), ())
    return Model("regression", encoder, (), "linear", parameters, golden, np.empty((0, 0)))


def test_a_model_of_words_comes_back_and_answers():
    blob = to_bytes(model())
    scorer = Scorer(from_bytes(blob))
    asked = [("so good",), ("BAD",), ("good and bad",), (None,), ("",), (7,)]
    values, _ = scorer.many(asked)
    assert [scorer.one(row)[0] for row in asked] == values
    np.testing.assert_allclose(values, [1.0, -1.0, 0.5 / 2.5, 0.0, 0.0, 0.0])
    assert to_bytes(scorer.model) == blob


def test_a_model_of_counted_words_comes_back_and_answers():
    blob = to_bytes(model(WORDS._replace(table=None)))
    scorer = Scorer(from_bytes(blob))
    assert scorer.model.encoder.columns[0].table is None
    asked = [("so good",), ("BAD",), ("good and bad",), (None,)]
    values, _ = scorer.many(asked)
    assert [scorer.one(row)[0] for row in asked] == values
    np.testing.assert_allclose(values, [1.0, -1.0, 0.5 / 2.5, 0.0])
    assert to_bytes(scorer.model) == blob


def test_words_bear_any_text_without_a_warning():
    scorer = Scorer(model())
    assert scorer.warning(("never seen",)) is None
    assert scorer.warning((None,)) is None


@pytest.mark.parametrize("value", [b"good", math.nan])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(InputError, match=r"^column 'text' is WORDS, got "):
        Scorer(model()).one((value,))


TOPICS, IDF = WORDS.table, WORDS.idf


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"idf": None}, "words without their weights"),
        ({"table": None, "idf": None}, "words without their weights"),
        ({"table": None, "idf": IDF[:1]}, "the weights of words"),
        ({"parts": ("value",)}, "words without their weights"),
        ({"table": TOPICS[:1]}, "the topics of words"),
        ({"table": TOPICS[0]}, "the topics of words"),
        ({"table": TOPICS.astype("<f4")}, "the topics of words"),
        ({"table": np.array([[1.0, 0.0], [0.0, np.nan]])}, "the topics of words"),
        ({"table": np.array([[1.0, 0.0], [0.0, np.inf]])}, "the topics of words"),
        ({"idf": IDF[:1]}, "the weights of words"),
        ({"idf": IDF[:, None]}, "the weights of words"),
        ({"idf": IDF.astype("<f4")}, "the weights of words"),
        ({"idf": np.array([1.0, np.nan])}, "the weights of words"),
        ({"categories": ("good",)}, "the weights of words"),
        ({"categories": ("good", "good")}, "a term twice"),
    ],
)
def test_words_that_lie_are_refused(change, problem):
    fields = {name: getattr(WORDS, name) for name in ("name", "kind", "categories", "table", "idf")} | change
    with pytest.raises(ModelError) as caught:
        Encoder((ColumnEncoding(**fields),), np.zeros(2), np.zeros(2), np.ones(2)).validate()
    assert str(caught.value) == f"the stored model is damaged: {problem}."
