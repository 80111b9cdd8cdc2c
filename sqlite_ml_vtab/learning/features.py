"""Training columns to an Encoder and the matrix that the estimator is fitted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.encoder import DATE_PARTS, ColumnEncoding, Encoder, category_positions, date_parts
from sqlite_ml_vtab.portable.values import Column, Floats

MAX_ONE_HOT = 30
"""A category with more values than this is encoded by the mean of the target, else by a column for each value."""

MIN_TARGET_ROWS = 100
"""With fewer rows a target mean is noise: then the commonest MAX_ONE_HOT values get a column each."""


MAX_CATEGORIES = 10_000
"""So many values of a category are told apart, the commonest; the others are treated like unseen ones."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an algorithm wants of its features, and what the target is."""

    task: str
    classes: int
    """How many classes the target has, 0 for regression."""
    scales: bool
    """Centre and scale numbers."""
    takes_nan: bool
    """Leave missing numbers NaN."""
    seed: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """A fitted encoder and its training matrix."""

    encoder: Encoder
    matrix: Floats
    """Shape (n, width); target means in it are cross-fitted, so that no row sees its own target."""
    is_cross_fitted: bool
    """Whether `matrix` differs from what the encoder makes of the same rows."""
    notes: tuple[str, ...]


def fit_encoder(
    names: Sequence[str], kinds: Sequence[str], columns: Sequence[Column], target: Any, wish: Wish
) -> Encoded:
    """Learn how to encode feature `columns` of n training values each; `target` is classes or numbers, (n,)."""
    learned = [
        _LEARN[kind](name, column, target, wish) for name, kind, column in zip(names, kinds, columns, strict=True)
    ]
    encodings = tuple(encoding for encoding, _ in learned)
    width = sum(encoding.width for encoding in encodings)
    encoder = Encoder(encodings, np.full(width, np.nan), np.zeros(width), np.ones(width))
    matrix = encoder.matrix(columns)
    _put_cross_fitted(matrix, learned)
    is_cross_fitted = any(block is not None for _, block in learned)
    return Encoded(_finish(encoder, matrix, wish), matrix, is_cross_fitted, tuple(_notes(encodings)))


def _notes(encodings: Sequence[ColumnEncoding]) -> Iterator[str]:
    for encoding in encodings:
        if not encoding.width:
            yield f"column {encoding.name!r} is NULL in every row of the train part; it was not used"
        if len(encoding.categories) == MAX_CATEGORIES:
            yield f"only the {MAX_CATEGORIES} commonest values of column {encoding.name!r} are told apart"


def _put_cross_fitted(matrix: Floats, learned: Sequence[tuple[ColumnEncoding, Floats | None]]) -> None:
    start = 0
    for encoding, cross_fitted in learned:
        if cross_fitted is not None:
            matrix[:, start : start + encoding.width] = cross_fitted
        start += encoding.width


def _finish(encoder: Encoder, matrix: Floats, wish: Wish) -> Encoder:
    """Learn medians and scaling from `matrix`, and apply them to it in place."""
    if not wish.takes_nan and encoder.width:
        encoder = replace(encoder, fill=np.array([np.nanmedian(column) for column in matrix.T]))
        np.copyto(matrix, encoder.fill, where=np.isnan(matrix))
    if wish.scales and encoder.width:
        encoder = _with_scaling(encoder, matrix)
        matrix -= encoder.centre
        matrix /= encoder.scale
    return encoder


def _with_scaling(encoder: Encoder, matrix: Floats) -> Encoder:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(matrix)
    scaled = np.concatenate([np.full(column.width, not _is_one_hot(column)) for column in encoder.columns])
    return replace(encoder, centre=np.where(scaled, scaler.mean_, 0.0), scale=np.where(scaled, scaler.scale_, 1.0))


def _is_one_hot(column: ColumnEncoding) -> bool:
    return column.table is not None and bool(np.isin(column.table, (0.0, 1.0)).all())


def _learn_number(name: str, column: Column, target: Any, wish: Wish) -> tuple[ColumnEncoding, None]:
    known = column[~np.isnan(column)]
    if not len(known):
        return ColumnEncoding(name, "NUMBER"), None
    parts = ("value", "missing") if len(known) < len(column) and not wish.takes_nan else ("value",)
    return ColumnEncoding(name, "NUMBER", parts, low=float(known.min()), high=float(known.max())), None


def _learn_date(name: str, column: Column, target: Any, wish: Wish) -> tuple[ColumnEncoding, None]:
    known = column[~np.isnan(column)]
    if not len(known):
        return ColumnEncoding(name, "DATE"), None
    has_hours = bool(date_parts(known)["hour"].any())
    has_missing = len(known) < len(column) and not wish.takes_nan
    parts = tuple(p for p in DATE_PARTS if (p != "hour" or has_hours) and (p != "missing" or has_missing))
    return ColumnEncoding(name, "DATE", parts, low=float(known.min()), high=float(known.max())), None


def _learn_category(name: str, column: Column, target: Any, wish: Wish) -> tuple[ColumnEncoding, Floats | None]:
    counts = Counter(value for value in column if value is not None)
    commonest = sorted(counts, key=lambda value: (-counts[value], value))
    if len(counts) > MAX_ONE_HOT and len(column) >= MIN_TARGET_ROWS:
        return _target_means(name, tuple(sorted(commonest[:MAX_CATEGORIES])), column, target, wish)
    kept = tuple(sorted(commonest[:MAX_ONE_HOT]))
    return _one_hot(name, kept, has_null=sum(counts.values()) < len(column)), None


def _one_hot(name: str, categories: tuple[str, ...], *, has_null: bool) -> ColumnEncoding:
    """Return a column for each category, and one for NULL where training saw it; an unseen value is all zeros."""
    count = len(categories)
    if not count:
        return ColumnEncoding(name, "CATEGORY", table=np.zeros((2, 0)))
    table = np.zeros((count + 2, count + has_null))
    table[np.arange(count), np.arange(count)] = 1.0
    if has_null:
        table[-1, -1] = 1.0
    return ColumnEncoding(name, "CATEGORY", categories=categories, table=table)


def _target_means(
    name: str, categories: tuple[str, ...], column: Column, target: Any, wish: Wish
) -> tuple[ColumnEncoding, Floats]:
    """Return shrunken means of the target by category, and the cross-fitted ones of the training rows.

    Micci-Barreca's empirical Bayes means, as sklearn.preprocessing.TargetEncoder fits them; NULL is a category.
    """
    from sklearn.model_selection import KFold

    codes = category_positions(categories, column)[:, None]
    votes = _votes(target, wish.classes)
    cross_fitted = np.empty(votes.shape)
    for train, test in KFold(5, shuffle=True, random_state=wish.seed).split(codes):
        cross_fitted[test] = _means(codes[train], votes[train], codes[test])
    places = np.arange(len(categories) + 2)[:, None]
    return ColumnEncoding(name, "CATEGORY", categories=categories, table=_means(codes, votes, places)), cross_fitted


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


_LEARN = {"NUMBER": _learn_number, "DATE": _learn_date, "CATEGORY": _learn_category}
