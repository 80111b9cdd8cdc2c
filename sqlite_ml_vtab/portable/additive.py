"""A linear model over numbers and categories as a sum of what each column adds: no matrix, no scaling by the row.

Centre and scale are folded into the coefficients, and what a category adds is looked up. One row and many rows add in
the same order, so they agree to the last bit (from Python 3.12 on `sum` rounds less than numpy does).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from math import isfinite, nan
from operator import itemgetter, mul
from typing import Any, NamedTuple

import numpy as np

from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder, category_positions
from sqlite_ml_vtab.portable.families.base import Parameters
from sqlite_ml_vtab.portable.row_encoder import CategoryPlaces
from sqlite_ml_vtab.portable.values import ONE, Column, Floats

MAX_TERMS = 512
"""With more terms than this, columns times outputs, a product of matrices is quicker."""

MAX_GROWTH = 1000.0
"""So many times larger may the folded terms be than those of the scaled model: more would cost digits."""

_TINY = float(np.finfo(np.float64).tiny)


class Additive(NamedTuple):
    """What scores one row of values, and many rows as columns."""

    row: Callable[[Sequence[Any]], Sequence[float]]
    """Feature values in declared order to decision values; raises InputError as `values.ONE` does."""
    single: Callable[[Sequence[Any]], float] | None
    """The same where one value says all: that of a regression, or the second of two classes whose first is 0."""
    many: Callable[[Sequence[Column]], Floats]
    """Columns that are read already to decision values, (n, outputs)."""


class _Term(NamedTuple):
    """What one column adds to each of the decision values."""

    place: int
    """Of the column among the features."""
    column: ColumnEncoding
    slopes: Floats
    """NUMBER: what a unit of it adds, (outputs,); empty for a CATEGORY."""
    table: Floats
    """CATEGORY: what each value adds, (categories + 2, outputs). NUMBER: what NULL adds, (1, outputs)."""


def additive(encoder: Encoder, parameters: Parameters) -> Additive | None:
    """Return the sum that a model of the linear family is, None where it is none or folding would cost digits."""
    coef, intercept = parameters["coef"], parameters["intercept"].copy()
    if len(encoder.columns) * len(coef) > MAX_TERMS or not all(map(_adds, encoder.columns)):
        return None
    starts = accumulate((column.width for column in encoder.columns), initial=0)
    terms = []
    with np.errstate(over="ignore", invalid="ignore"):
        for place, (start, column) in enumerate(zip(starts, encoder.columns, strict=False)):
            within = slice(start, start + column.width)
            term, constant = _term(place, column, encoder, coef, within)
            terms.append(term)
            intercept += constant
        if not _keeps_digits(terms, intercept, encoder, coef, parameters["intercept"]):
            return None
    # Numbers first: they are one product in `_rows`.
    terms.sort(key=lambda term: not len(term.slopes))
    sums = [_sum(terms, intercept, output) for output in range(len(intercept))]
    is_binary = len(coef) == 2 and not coef[0].any() and parameters["intercept"][0] == 0.0
    single = sums[-1] if is_binary or len(sums) == 1 else None
    return Additive(_row(sums, is_binary=is_binary), single, partial(_many, terms, intercept))


def _adds(column: ColumnEncoding) -> bool:
    """Return whether a column's matrix values are a number, whether it is missing, or what a category stands for."""
    if column.kind == "CATEGORY":
        return True
    return column.kind == "NUMBER" and column.edges is None and "value" in column.parts


def _term(
    place: int, column: ColumnEncoding, encoder: Encoder, coef: Floats, within: slice
) -> tuple[_Term, Floats | float]:
    """Return what a column adds, and what it adds to the intercept."""
    weights = coef[:, within] / encoder.scale[within]
    if column.table is not None:
        return _Term(place, column, np.empty(0), (column.table - encoder.centre[within]) @ weights.T), 0.0
    is_value = np.array([part == "value" for part in column.parts])
    slopes = weights[:, is_value][:, 0]
    constant = -weights @ encoder.centre[within]
    null = weights @ np.where(is_value, encoder.fill[within], 1.0)
    return _Term(place, column, slopes, null[None]), constant


def _keeps_digits(terms: Sequence[_Term], intercept: Floats, encoder: Encoder, coef: Floats, start: Floats) -> bool:
    """Return whether the terms, over the training ranges, are of the size that they have in the scaled model."""
    folded = np.abs(intercept)
    scaled = np.abs(start) + np.abs(coef).sum(axis=1) + _TINY
    for term in terms:
        folded = folded + np.abs(term.table).max(axis=0)
        if len(term.slopes):
            span = np.nan_to_num(np.abs([term.column.low, term.column.high])).max()
            folded = folded + np.abs(term.slopes) * span
    return bool(np.isfinite(folded).all() and (folded <= MAX_GROWTH * scaled).all())


# Many rows


def _many(terms: Sequence[_Term], intercept: Floats, columns: Sequence[Column]) -> Floats:
    total = np.zeros((len(intercept), len(columns[0])))
    for term in terms:
        column = columns[term.place]
        if len(term.slopes):
            added = np.multiply.outer(term.slopes, column)
            missing = np.isnan(column)
            if missing.any():
                added[:, missing] = term.table.T
        else:
            added = term.table.T[:, category_positions(term.column.categories, column)]
        total += added
    total += intercept[:, None]
    return np.ascontiguousarray(total.T)


# One row


def _row(
    sums: Sequence[Callable[[Sequence[Any]], float]], *, is_binary: bool
) -> Callable[[Sequence[Any]], Sequence[float]]:
    if is_binary:
        return lambda values: (0.0, sums[1](values))
    return lambda values: [one(values) for one in sums]


def _sum(terms: Sequence[_Term], intercept: Floats, output: int) -> Callable[[Sequence[Any]], float]:
    """Return the function from a row to one of its decision values."""
    numbers = [term for term in terms if len(term.slopes)]
    categories = [
        (term.place, CategoryPlaces(term.column.name, term.column.categories, term.table[:, output].tolist()))
        for term in terms[len(numbers) :]
    ]
    slopes, start = [float(term.slopes[output]) for term in numbers], float(intercept[output])
    pick = _picker([term.place for term in numbers])
    other = _with_nulls(numbers, slopes, categories, start, output)

    def of_both(values: Sequence[Any]) -> float:
        try:
            found: float = sum(map(mul, slopes, pick(values)))
            for place, added in categories:
                found += added[values[place]]
            if isfinite(found):
                return found + start
        except (TypeError, OverflowError):
            pass
        return other(values)

    if categories:
        return of_both

    def of_numbers(values: Sequence[Any]) -> float:
        try:
            found: float = sum(map(mul, slopes, values)) + start
            if isfinite(found):
                return found
        except (TypeError, OverflowError):
            pass
        return other(values)

    return of_numbers


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: [values[place] for place in places]


def _with_nulls(
    numbers: Sequence[_Term],
    slopes: Sequence[float],
    categories: Sequence[tuple[int, CategoryPlaces]],
    start: float,
    output: int,
) -> Callable[[Sequence[Any]], float]:
    """Return the same sum where a number is missing; where a value is none at all, it is refused."""
    nulls = [float(term.table[0, output]) for term in numbers]
    steps = list(zip(slopes, nulls, strict=True))
    pick = _picker([term.place for term in numbers])
    kinds = [(term.place, "NUMBER", term.column.name) for term in numbers]
    kinds += [(place, "CATEGORY", added.name) for place, added in categories]
    kinds.sort()

    def total(values: Sequence[Any]) -> float:
        try:
            parts = [null if x is None else slope * x for x, (slope, null) in zip(pick(values), steps, strict=True)]
            parts += [added[values[place]] for place, added in categories]
            found = sum(parts) + start
        except (TypeError, OverflowError):
            found = nan
        if not isfinite(found):
            # A value that is infinite or no number at all is refused here, the first in declared order.
            for place, kind, name in kinds:
                ONE[kind](name, values[place])
        return found

    return total
