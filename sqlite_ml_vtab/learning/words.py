"""What is learned of free text: the terms that count, how much each weighs, and the topics they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.values import Floats
from sqlite_ml_vtab.portable.words import countable, terms

MAX_TERMS = 5_000
"""So many terms of free text count, the commonest."""

MAX_TOPICS = 30
"""Free text becomes so many numbers at most."""

MAX_COUNTED = 1_000
"""Where an algorithm counts terms, so many are counted, the commonest: each is a column of the matrix."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The terms that were learned of the texts of one column."""

    vocabulary: tuple[str, ...]
    idf: Floats
    """Shape (terms,)."""
    topics: Floats | None
    """Shape (terms, topics); None where each term stands for itself."""


def weigh(texts: Sequence[str], least: int, seed: int, *, counts: bool) -> Weights | None:
    """Return what `texts` teach, None where no term stands in `least` of them.

    `counts` asks for the terms themselves, the commonest words, and else they are projected on topics by a truncated
    SVD (see portable.words).
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vocabulary = _commonest(texts, least) if counts else None
    fitted = TfidfVectorizer(
        analyzer=_terms, min_df=least, max_features=MAX_TERMS, vocabulary=vocabulary, sublinear_tf=True
    )
    try:
        weights = fitted.fit_transform(texts)
    except ValueError:
        return None
    names = tuple(map(str, fitted.get_feature_names_out()))
    return Weights(names, fitted.idf_, None if counts else _topics(weights, seed))


def _commonest(texts: Sequence[str], least: int) -> list[str]:
    """Return the words worth counting, sorted; pairs and letter groups would say each of them several times over."""
    from sklearn.feature_extraction.text import CountVectorizer

    counted = CountVectorizer(analyzer=_countable, min_df=least, max_features=MAX_COUNTED)
    try:
        return list(map(str, counted.fit(texts).get_feature_names_out()))
    except ValueError:
        return []


def _terms(text: str) -> list[str]:
    return list(terms(text))


def _countable(text: str) -> list[str]:
    return list(countable(text))


def _topics(weights: Any, seed: int) -> Floats:
    """Return the map from terms to topics, shape (terms, topics); all terms themselves where they are few."""
    from sklearn.decomposition import TruncatedSVD

    count = weights.shape[1]
    if count <= MAX_TOPICS:
        return np.eye(count)
    found = TruncatedSVD(min(MAX_TOPICS, *weights.shape), random_state=seed).fit(weights)
    return np.ascontiguousarray(found.components_.T, dtype=np.float64)
