"""Free text to numbers: weighted counts of words and letter groups, projected on a few learned topics or as they are.

TF-IDF with sublinear counts and unit length (sklearn.feature_extraction.text.TfidfVectorizer), then a truncated SVD,
which is latent semantic analysis (Deerwester et al. 1990). Any script: languages that write without spaces are cut
into single letters and pairs.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from unicodedata import normalize

import numpy as np

from sqlite_ml_vtab.portable.values import Column, Floats

MAX_LETTERS = 20_000
"""Longer text is cut here."""

_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ece\u0f71-\u0f84\u102b-\u103e"
    "\u17b4-\u17d3\u200c\u200d"
)
"""Accents, points and vowel signs that stand inside words and that Python's ``\\w`` leaves out; Indic blocks whole."""

_WORD = re.compile(rf"[\w{_MARKS}]+")
_UNSPACED = (
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts that are written without spaces, or whose words are short: Thai, Khmer, Chinese, Korean ..."""


@cache
def _unspaced() -> re.Pattern[str]:
    """Return it compiled, which takes milliseconds, so not before there are words."""
    return re.compile(_UNSPACED)


def terms(text: str) -> Iterator[str]:
    """Yield the terms of a text: its words, pairs of neighbouring words, and groups of 3 and 4 letters in a word.

    Letters that Unicode knows as the same, such as é and e with an accent, are (form NFKC).
    """
    words = _words(text)
    yield from words
    yield from map(" ".join, pairwise(words))
    for word in words:
        yield from _letters(word)


def countable(text: str) -> Iterator[str]:
    """Yield those of its terms that say a thing once: words, and the letters and pairs of scripts without spaces."""
    words = _words(text)
    yield from words
    for word in filter(_unspaced().search, words):
        yield from _letters(word)


def _words(text: str) -> list[str]:
    # Cut twice: a single sign can become eighteen letters.
    return _WORD.findall(normalize("NFKC", text[:MAX_LETTERS])[:MAX_LETTERS].lower())


def _letters(word: str) -> Iterator[str]:
    if _unspaced().search(word):
        yield from word
        yield from map("".join, pairwise(word))
        return
    padded = f"_{word}_"
    for size in (3, 4):
        for start in range(len(padded) - size + 1):
            yield padded[start : start + size]


def projector(vocabulary: Sequence[str], idf: Floats, topics: Floats | None) -> Callable[[str | None], Floats]:
    """Return the function from a text to its topics, or to the weights of its terms where `topics` is None.

    `idf` has shape (terms,) and `topics` (terms, width); NULL and text of unknown terms alone give zeros.
    """
    places = {term: place for place, term in enumerate(vocabulary)}
    weights = idf.tolist()
    nothing = np.zeros(width(idf, topics))

    def project(text: str | None) -> Floats:
        counts = Counter(places[term] for term in terms(text or "") if term in places)
        if not counts:
            return nothing
        found = sorted(counts)
        values = np.array([(1.0 + math.log(counts[place])) * weights[place] for place in found])
        with np.errstate(all="ignore"):
            length = math.sqrt(float(values @ values))
            return placed(values / length, found) if length > 0 else nothing

    def placed(values: Floats, found: list[int]) -> Floats:
        if topics is not None:
            return np.asarray(values @ topics[found])
        row = nothing.copy()
        row[found] = values
        return row

    return project


def width(idf: Floats, topics: Floats | None) -> int:
    """Return how many numbers a text becomes."""
    return len(idf) if topics is None else int(topics.shape[1])


def matrix(vocabulary: Sequence[str], idf: Floats, topics: Floats | None, column: Column) -> Floats:
    """Return the topics, or the weights, of every text in `column`, shape (n, width)."""
    project = projector(vocabulary, idf, topics)
    known: dict[str | None, Floats] = {}
    found = np.empty((len(column), width(idf, topics)))
    for place, text in enumerate(column):
        if text not in known:
            known[text] = project(text)
        found[place] = known[text]
    return found
