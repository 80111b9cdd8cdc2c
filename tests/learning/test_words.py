"""Free text and the algorithms that count words, on real text: which part of scikit-learn a sentence is about."""

import inspect
import re
from dataclasses import replace
from importlib import import_module

import pytest

from sqlite_ml_vtab.declaration import parse
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.learning.rows import collect
from sqlite_ml_vtab.learning.training import fit
from sqlite_ml_vtab.portable import Scorer, from_bytes, to_bytes

PARTS = ("cluster", "ensemble", "linear_model", "metrics", "preprocessing")


def sentences(part):
    """Return every fourth sentence in the documentation of a part of scikit-learn."""
    module = import_module(f"sklearn.{part}")
    texts = [inspect.getdoc(getattr(module, name)) or "" for name in sorted(module.__all__)]
    pieces = [" ".join(piece.split()) for text in texts for piece in re.split(r"\n\s*\n|(?<=[a-z])\.\s", text)]
    return list(dict.fromkeys(piece for piece in pieces if len(piece.split()) >= 8 and ">>>" not in piece))[::4]


@pytest.fixture(scope="module")
def documentation():
    rows = [(sentence, part) for part in PARTS for sentence in sentences(part)]
    numbered = [(number, *row) for number, row in enumerate(rows, 1)]
    return collect(parse("classification", "t", ["sentence words", "part target"]), [numbered])


@pytest.mark.parametrize("name", ["bernoulli_nb", "complement_nb", "multinomial_nb"])
def test_what_counts_words_learns_more_of_them_than_of_topics(documentation, plan_of, name):
    algorithm = ALGORITHMS[name]
    counted = fit(documentation, plan_of(name))
    by_topics = fit(documentation, plan_of(name, algorithm=replace(algorithm, counts=False)))
    assert counted.scorer == by_topics.scorer == f"portable: {algorithm.family}"
    assert counted.score > by_topics.score + 0.05
    assert counted.score > 0.6


def test_topics_tell_multinomial_bayes_little(documentation, plan_of):
    by_topics = fit(
        documentation, plan_of("multinomial_nb", algorithm=replace(ALGORITHMS["multinomial_nb"], counts=False))
    )
    assert by_topics.score < 0.5
    assert fit(documentation, plan_of("multinomial_nb")).score > by_topics.score + 0.2


def test_counted_words_of_a_stored_model_answer_to_the_bit(documentation, plan_of):
    found = fit(documentation, plan_of("multinomial_nb"))
    blob = to_bytes(found.model)
    asked = [("A sentence about clusters and their centres.",), ("",), (None,), ("強調",), ("ridge penalty",)]
    scorer, again = Scorer(found.model), Scorer(from_bytes(blob))
    assert repr(scorer.many(asked)) == repr(again.many(asked))
    assert [scorer.one(row)[0] for row in asked] == scorer.many(asked)[0]
    assert to_bytes(fit(documentation, plan_of("multinomial_nb")).model) == blob
    assert len(blob) < 150_000
