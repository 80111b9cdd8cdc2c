"""What a family of models is: how it is taken from an estimator, checked, and evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.codec import damaged
from sqlite_ml_vtab.portable.values import Floats

Parameters: TypeAlias = Mapping[str, Any]
"""What a family stores: arrays, numbers and strings. ``link`` names the entry of LINKS that ends it."""

RowScores: TypeAlias = Callable[[list[float]], Sequence[float]]
"""One matrix row to its decision values."""


MatrixScores: TypeAlias = Callable[[Floats], Floats]
"""A matrix (n, width) to decision values (n, outputs)."""


class NotPortable(Exception):  # noqa: N818 - a reason, not an error
    """The fitted estimator has no form in the family; the message says why. Never shown as an error."""


class Family(NamedTuple):
    """One family of models, over a matrix of `width` columns, to `outputs` decision values."""

    extract: Callable[[Any], dict[str, Any]]
    """A fitted estimator to parameters; raises NotPortable. Reads public attributes only."""
    validate: Callable[[Parameters, int, int], None]
    """(parameters, width, outputs): raises ModelError unless evaluating them is safe and ends."""
    scores: Callable[[Parameters, Floats], Floats]
    """(parameters, matrix (n, width)) to decision values, (n, outputs)."""
    row: Callable[[Parameters], RowScores]
    """Parameters to the function that scores one row, equal to `scores`."""
    ambiguous: Callable[[Parameters, Floats], np.ndarray[Any, np.dtype[np.bool_]]] | None = None
    """(parameters, matrix) to the rows whose answer the method itself leaves open, such as tied neighbours."""
    evaluator: Callable[[Parameters], tuple[RowScores, MatrixScores]] | None = None
    """What scores one row and what scores many of one model, where that is quicker for having state of its own."""

    def ready(self, parameters: Parameters) -> tuple[RowScores, MatrixScores]:
        """Return what scores one row of a model, and what scores many."""
        if self.evaluator is not None:
            return self.evaluator(parameters)
        return self.row(parameters), partial(self.scores, parameters)


def by_matrix(scores: Callable[[Parameters, Floats], Floats]) -> Callable[[Parameters], RowScores]:
    """Return a family's `row` made of its `scores`, for families in which numpy wins on a single row too."""

    def row(parameters: Parameters) -> RowScores:
        def one(x: list[float]) -> list[float]:
            with np.errstate(all="ignore"):
                found: list[float] = scores(parameters, np.array([x]))[0].tolist()
            return found

        return one

    return row


def require(condition: object, problem: str) -> None:
    """Raise ModelError naming `problem` unless `condition` holds."""
    if not condition:
        raise damaged(problem)


def array(parameters: Parameters, name: str, dtype: str, shape: Sequence[int | None]) -> np.ndarray[Any, Any]:
    """Return the array `name`, which must have `dtype`, `shape` (None is any size) and only finite values."""
    value = parameters.get(name)
    require(isinstance(value, np.ndarray), f"{name} is not an array")
    assert isinstance(value, np.ndarray)
    require(value.dtype == np.dtype(dtype), f"{name} has type {value.dtype}")
    fits = value.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, value.shape, strict=True))
    require(fits, f"{name} has shape {value.shape}")
    require(value.dtype.kind != "f" or bool(np.isfinite(value).all()), f"{name} is not finite")
    return value


def word(parameters: Parameters, name: str, *legal: str) -> None:
    """Require that the parameter `name` is one of the texts `legal`; an array there would compare as an array."""
    value = parameters[name]
    require(isinstance(value, str) and value in legal, name)


def names(parameters: Parameters, *expected: str) -> None:
    """Require exactly the parameters `expected`, beside the link."""
    require(parameters.keys() == {"link", *expected}, f"parameters {sorted(parameters)}")
