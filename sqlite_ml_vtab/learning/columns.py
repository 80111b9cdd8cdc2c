"""What is learned of one feature column: its encoding, what stands for NULL, and how it is scaled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError
from sqlite_ml_vtab.learning.words import weigh
from sqlite_ml_vtab.portable.encoder import CYCLES, ColumnEncoding, category_positions, date_parts
from sqlite_ml_vtab.portable.values import ONE, Column, Floats

MAX_ONE_HOT = 30
"""A category with more values than this is encoded by the mean of the target, else by a column for each value."""

MAX_COLUMNS = 1_000
"""ENCODE(onehot) makes so many columns at most, for the commonest values."""

MIN_TARGET_ROWS = 100
"""With fewer rows a target mean is noise: then the commonest MAX_ONE_HOT values get a column each."""

MAX_CATEGORIES = 10_000
"""So many values of a category are told apart, the commonest; the others are treated like unseen ones."""

MIN_WORDS = 4
"""Values of fewer words on average are names or codes: their letters say less than the mean of the target."""

UNIQUE_SHARE = 0.5
"""A category with more values than this share of its rows is no category but text, and is read as WORDS."""

BINS = 10
"""Where codes are wanted, numbers are cut into so many bins of equal size."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature column as it was declared, its kind decided."""

    name: str
    kind: str
    impute: tuple[str, ...] = ()
    encode: str = ""
    scale: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an algorithm wants of its features, and what the target is."""

    task: str
    classes: int
    """How many classes the target has, 0 for regression."""
    scale: str
    """How numbers are scaled where the column does not say, a key of SCALERS."""
    takes_nan: bool
    """Leave missing numbers NaN."""
    codes: bool
    """Make every feature whole codes from 0."""
    seed: int
    one_column: bool = False
    """Make of every feature a single column."""
    counts: bool = False
    """Leave the terms of free text as they are, each a column of 0 and more."""
    has_target: bool = True
    """Whether there is a target to take means of."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned of one column."""

    encoding: ColumnEncoding
    fill: Floats
    """Shape (width,): what stands for NaN, NaN where it may stay."""
    scaler: str = "none"
    """A key of SCALERS, for all its matrix columns."""
    cross_fitted: Floats | None = None
    """Shape (n, width): the training rows, encoded without a look at their own target."""
    notes: tuple[str, ...] = ()
    """What the user should know of it."""


def learn(feature: Feature, column: Column, target: Any, wish: Wish) -> Learned:
    """Learn from the n training values of one column; `target` is classes or numbers, of shape (n,)."""
    return _LEARN[feature.kind](feature, column, target, wish)


# Numbers and dates


def _learn_number(feature: Feature, column: Column, target: Any, wish: Wish) -> Learned:
    known = column[~np.isnan(column)]
    if not len(known):
        return _nothing(feature)
    span = (float(known.min()), float(known.max()))
    if wish.codes:
        return _codes(feature, known, span)
    parts = ("value", "missing") if _marks_missing(feature, column, known, wish) else ("value",)
    value = np.nan if wish.takes_nan and not feature.impute else _number_fill(feature, known)
    fill = np.array([value, 0.0][: len(parts)])
    return Learned(
        ColumnEncoding(feature.name, "NUMBER", parts, low=span[0], high=span[1]), fill, feature.scale or wish.scale
    )


def _marks_missing(feature: Feature, column: Column, known: Floats, wish: Wish) -> bool:
    """Return whether NULL, a signal of its own, is worth a column.

    Without a target there is nothing to signal: two rows with a hole would be unlike all others for it alone.
    """
    may = wish.has_target and not wish.takes_nan and not feature.impute and not wish.one_column
    return may and len(known) < len(column)


def _number_fill(feature: Feature, known: Floats) -> float:
    strategy, *value = feature.impute or ("median",)
    if strategy == "constant":
        return float(ONE[feature.kind](feature.name, number_or_text(value[0])))
    if strategy == "most_frequent":
        values, counts = np.unique(known, return_counts=True)
        return float(values[counts.argmax()])
    return float(np.mean(known) if strategy == "mean" else np.median(known))


def number_or_text(text: str) -> float | str:
    """Return the constant of IMPUTE as a value of its column: a number where it reads as one."""
    try:
        return float(text)
    except ValueError:
        return text


def _learn_date(feature: Feature, column: Column, target: Any, wish: Wish) -> Learned:
    known = column[~np.isnan(column)]
    if not len(known):
        return _nothing(feature)
    span = (float(known.min()), float(known.max()))
    if wish.codes:
        return _codes(feature, known, span)
    has_missing = _marks_missing(feature, column, known, wish)
    parts = _date_parts(known, linear=wish.scale != "none", has_missing=has_missing)
    if wish.one_column:
        parts = ("days",)
    fill = np.full(len(parts), np.nan)
    if feature.impute or not wish.takes_nan:
        filler = date_parts(np.array([_number_fill(feature, known)]))
        fill = np.array([0.0 if part == "missing" else filler[part][0] for part in parts])
    return Learned(
        ColumnEncoding(feature.name, "DATE", parts, low=span[0], high=span[1]), fill, feature.scale or wish.scale
    )


def _date_parts(known: Floats, *, linear: bool, has_missing: bool) -> tuple[str, ...]:
    """Return the parts worth a column: no hours where all are midnight; circles where only straight lines are drawn."""
    parts = ["year", "month", "weekday", "days"]
    if date_parts(known)["hour"].any():
        parts.append("hour")
    if linear:
        parts += [f"{name}_{side}" for name in CYCLES if name in parts for side in ("sin", "cos")]
    return (*parts, "missing") if has_missing else tuple(parts)


def _codes(feature: Feature, known: Floats, span: tuple[float, float]) -> Learned:
    inner = np.quantile(known, np.arange(1, BINS) / BINS)
    low, high = span
    encoding = ColumnEncoding(feature.name, feature.kind, ("code",), edges=np.unique(inner), low=low, high=high)
    return Learned(encoding, np.zeros(1), notes=_unheeded(feature))


def _unheeded(feature: Feature) -> tuple[str, ...]:
    """Return the note on clauses that mean nothing to an algorithm of codes, to which NULL is a code like others."""
    clauses = {"IMPUTE": feature.impute, "ENCODE": feature.encode, "SCALE": feature.scale}
    written = [clause for clause, said in clauses.items() if said]
    why = "the algorithm reads codes, and NULL is one"
    return (f"column {feature.name!r}: {' and '.join(written)} not heeded; {why}",) if written else ()


def _nothing(feature: Feature, why: str = "is NULL in every row of the train part") -> Learned:
    """Return the encoding of a column that taught nothing, such as one of NULL alone: it takes no matrix column."""
    notes = (f"column {feature.name!r} {why}; it was not used",)
    table = {"CATEGORY": np.zeros((2, 0)), "WORDS": np.zeros((0, 0))}.get(feature.kind)
    idf = np.empty(0) if feature.kind == "WORDS" else None
    return Learned(ColumnEncoding(feature.name, feature.kind, table=table, idf=idf), np.empty(0), notes=notes)


# Categories


def _learn_category(feature: Feature, column: Column, target: Any, wish: Wish) -> Learned:
    known = [value for value in column if value is not None]
    if not known:
        return _nothing(feature)
    stand_in = None if wish.codes else _stand_in(feature, known)
    if stand_in is not None:
        column = np.array([stand_in if value is None else value for value in column], dtype=object)
    counts = Counter(value for value in column if value is not None)
    how = "codes" if wish.codes else feature.encode or _how(feature, counts, len(known), wish)
    if how == "words":
        return _learn_words(replace(feature, kind="WORDS"), column, target, wish)
    commonest = sorted(counts, key=lambda value: (-counts[value], value))
    learned = _encoded(feature, how, commonest, column, target, wish)
    return learned if stand_in is None else _with_null(learned, stand_in)


def _stand_in(feature: Feature, known: Sequence[str]) -> str | None:
    """Return the category that IMPUTE puts in the place of NULL, None where it is not written."""
    if not feature.impute:
        return None
    strategy, *constant = feature.impute
    counts = Counter(known)
    return constant[0] if strategy == "constant" else min(counts, key=lambda value: (-counts[value], value))


def _how(feature: Feature, values: Collection[str], rows: int, wish: Wish) -> str:
    """Return how a category of these values, over so many rows, is encoded by default."""
    if wish.one_column:
        return "target"
    if len(values) <= MAX_ONE_HOT or rows < MIN_TARGET_ROWS:
        return "onehot"
    is_text = len(values) > UNIQUE_SHARE * rows and _words_each(values) >= MIN_WORDS
    if is_text and not feature.impute:
        return "words"
    return "target" if wish.has_target else "onehot"


def _words_each(values: Collection[str]) -> float:
    return sum(len(value.split()) for value in values) / len(values)


def _encoded(feature: Feature, how: str, commonest: Sequence[str], column: Column, target: Any, wish: Wish) -> Learned:
    """Return the encoding of the values that are told apart: as many of `commonest` as there may be."""
    limit = MAX_CATEGORIES if how != "onehot" else MAX_COLUMNS if feature.encode else MAX_ONE_HOT
    learned = _ENCODE[how](feature, tuple(sorted(commonest[:limit])), column, target, wish)
    if len(commonest) <= limit:
        return learned
    note = f"only the {limit} commonest values of column {feature.name!r} are told apart"
    return replace(learned, notes=(*learned.notes, note))


def _with_null(learned: Learned, stand_in: str) -> Learned:
    """Let NULL be the category `stand_in`; one that training did not see is an unseen value."""
    encoding = learned.encoding
    assert encoding.table is not None
    known = stand_in in encoding.categories
    table = encoding.table.copy()
    table[-1] = table[encoding.categories.index(stand_in) if known else -2]
    return replace(learned, encoding=encoding._replace(table=table))


def _one_hot(feature: Feature, categories: tuple[str, ...], column: Column, target: Any, wish: Wish) -> Learned:
    """Return a column for each category, and one for NULL where training saw it; an unseen value is all zeros."""
    count, has_null = len(categories), any(value is None for value in column)
    table = np.zeros((count + 2, count + has_null))
    table[np.arange(count), np.arange(count)] = 1.0
    if has_null:
        table[-1, -1] = 1.0
    return _category(feature, categories, table)


def _ordinal(feature: Feature, categories: tuple[str, ...], column: Column, target: Any, wish: Wish) -> Learned:
    """Return the place of each category in sorted order; -1 is unseen and -2 is NULL."""
    table = np.append(np.arange(len(categories)), [-1.0, -2.0])[:, None].astype(np.float64)
    return replace(_category(feature, categories, table), scaler=wish.scale)


def _category_codes(feature: Feature, categories: tuple[str, ...], column: Column, target: Any, wish: Wish) -> Learned:
    table = np.arange(len(categories) + 2, dtype=np.float64)[:, None]
    return replace(_category(feature, categories, table), notes=_unheeded(feature))


def _category(feature: Feature, categories: tuple[str, ...], table: Floats) -> Learned:
    encoding = ColumnEncoding(feature.name, "CATEGORY", categories=categories, table=table)
    return Learned(encoding, np.zeros(table.shape[1]))


def _target_means(feature: Feature, categories: tuple[str, ...], column: Column, target: Any, wish: Wish) -> Learned:
    """Return shrunken means of the target by category, and the cross-fitted ones of the training rows.

    Micci-Barreca's empirical Bayes means, as sklearn.preprocessing.TargetEncoder fits them; NULL is a category.
    """
    from sklearn.model_selection import KFold

    codes = category_positions(categories, column)[:, None]
    votes = _votes(target, wish.classes)
    cross_fitted = np.empty(votes.shape)
    places = np.arange(len(categories) + 2)[:, None]
    means = _means(codes, votes, places)
    learned = replace(_category(feature, categories, means), scaler=wish.scale)
    if len(codes) < 2:
        return learned
    for train, test in KFold(min(5, len(codes)), shuffle=True, random_state=wish.seed).split(codes):
        cross_fitted[test] = _means(codes[train], votes[train], codes[test])
        # The mean of the other folds, low where this fold is high, would tell a row that stands alone about its target.
        cross_fitted[test[~np.isin(codes[test, 0], codes[train, 0])]] = means[-2]
    return replace(learned, cross_fitted=cross_fitted)


def _votes(target: Any, classes: int) -> Floats:
    """Return what is averaged, shape (n, width): the number, or 1 for each class (the second alone of two)."""
    if not classes:
        return np.asarray(target, dtype=np.float64)[:, None]
    indicators = np.eye(classes)[target]
    return np.asarray(indicators[:, 1:] if classes == 2 else indicators)


def _means(codes: Any, votes: Floats, wanted: Any) -> Floats:
    """Return the shrunken means of `votes` by code, for the codes `wanted`; each column of votes on its own.

    As numbers, also for classes: a fold that lacks a class would otherwise lack its column.
    """
    from sklearn.preprocessing import TargetEncoder

    columns = [TargetEncoder(target_type="continuous").fit(codes, vote).transform(wanted) for vote in votes.T]
    return np.hstack(columns).astype(np.float64)


_ENCODE: dict[str, Callable[[Feature, tuple[str, ...], Column, Any, Wish], Learned]] = {
    "onehot": _one_hot,
    "ordinal": _ordinal,
    "target": _target_means,
    "codes": _category_codes,
}


# Words


def _learn_words(feature: Feature, column: Column, target: Any, wish: Wish) -> Learned:
    """Return TF-IDF weights of terms, projected on topics, or as they are where the algorithm counts terms."""
    if wish.codes:
        raise TrainingError(
            f"column {feature.name!r} is WORDS, which this algorithm cannot read. "
            "Use another algorithm, or declare the column KEY."
        )
    if all(value is None for value in column):
        return _nothing(feature)
    least = 2 if len(column) >= MIN_TARGET_ROWS else 1
    found = weigh([value or "" for value in column], least, wish.seed, counts=wish.counts)
    if found is None:
        return _nothing(feature, "has no word that two rows share")
    encoding = ColumnEncoding(feature.name, "WORDS", categories=found.vocabulary, table=found.topics, idf=found.idf)
    return Learned(encoding, np.zeros(encoding.width), "maxabs" if wish.counts else wish.scale)


_LEARN: dict[str, Callable[[Feature, Column, Any, Wish], Learned]] = {
    "NUMBER": _learn_number,
    "DATE": _learn_date,
    "CATEGORY": _learn_category,
    "WORDS": _learn_words,
}
