"""One model's trees, walked in Python and numpy for the first rows, and by ONNX Runtime once many were asked for."""

from __future__ import annotations

import sys

import numpy as np

from sqlite_ml_vtab.portable.families.base import MatrixScores, Parameters, RowScores
from sqlite_ml_vtab.portable.families.compiled import LEAST_TREES, CompiledTrees
from sqlite_ml_vtab.portable.families.masked_trees import MaskedTrees
from sqlite_ml_vtab.portable.families.tree_masks import layout
from sqlite_ml_vtab.portable.families.tree_scoring import ended, of_leaves, row, scores
from sqlite_ml_vtab.portable.values import Floats

PATIENCE = 30_000
"""So many trees are walked, one for each row and tree, before the ensemble is compiled: that takes some 0.4 s."""


CHECKED = 16
"""So many rows, some of their values missing, are compared before a compiled ensemble is believed."""


TIE = 1e-9
"""Two shares no further from a half are summed each: the last bit of a sum decides which class is named."""


class Evaluator:
    """Scores rows, the same to the bit before and after the ensemble was compiled. Threads may share it.

    The first of two shares is what the second leaves of 1, but for ties.
    """

    def __init__(self, parameters: Parameters) -> None:
        """Make the trees of `parameters` ready; nothing is compiled yet."""
        self._parameters = parameters
        self._trees = len(parameters["roots"])
        self._patience = PATIENCE
        self._walk = row(parameters)
        self._compiled: CompiledTrees | None = None
        self._second = _second_alone(parameters)
        summed = self._second or parameters
        self._ends = summed["baseline"].tolist(), summed["divisor"], summed["complement"]

    def one(self, x: list[float]) -> list[float]:
        """Return the decision values of one matrix row."""
        compiled = self._compiled or self._grown(1, len(x))
        if compiled is None or self._trees < LEAST_TREES:
            found = list(self._walk(x))
            return found if self._second is None else self._shares(found[1], x)
        if compiled.gives_leaves:
            return self._of_leaves(compiled.one(x))
        total: list[float] = compiled.one(x).tolist()
        baseline, divisor, complement = self._ends
        if complement:
            total[0] = divisor - total[1]
        if self._second is not None:
            return self._shares(total[1] / divisor, x)
        return [(value + start) / divisor for value, start in zip(total, baseline, strict=True)]

    def _shares(self, second: float, x: list[float]) -> list[float]:
        return [1.0 - second, second] if abs(second - 0.5) > TIE else list(self._walk(x))

    def many(self, matrix: Floats) -> Floats:
        """Return the decision values of a matrix (n, width): shape (n, outputs)."""
        compiled = self._compiled or self._grown(len(matrix), matrix.shape[1])
        if compiled is None:
            return self._walked(matrix)
        return self._finished(compiled, matrix)

    def _walked(self, matrix: Floats) -> Floats:
        found = scores(self._parameters, matrix)
        if self._second is not None:
            is_clear = np.abs(found[:, 1] - 0.5) > TIE
            found[is_clear, 0] = 1.0 - found[is_clear, 1]
        return found

    def _finished(self, compiled: CompiledTrees, matrix: Floats) -> Floats:
        found = compiled.many(matrix)
        if compiled.gives_leaves:
            return of_leaves(self._parameters, found.astype(np.int64))
        if self._second is None:
            return ended(self._parameters, found)
        found[:, 1] /= self._parameters["divisor"]
        found[:, 0] = 1.0 - found[:, 1]
        tied = np.flatnonzero(np.abs(found[:, 1] - 0.5) <= TIE)
        if len(tied):
            found[tied] = scores(self._parameters, matrix[tied])
        return found

    def _grown(self, rows: int, width: int) -> CompiledTrees | None:
        """Return the compiled trees once enough rows were asked for, None before."""
        self._patience -= rows * self._trees
        if self._patience >= 0:
            return None
        compiled = CompiledTrees(self._second or self._parameters, width)
        if not self._agrees(compiled, width):
            self._patience = sys.maxsize
            return None
        self._compiled = compiled
        return compiled

    def _agrees(self, compiled: CompiledTrees, width: int) -> bool:
        """Return whether it says what the walk says, also of missing values: releases of ONNX Runtime differ there."""
        spread = np.random.RandomState(0).normal(scale=10.0, size=(CHECKED, width))
        spread[np.random.RandomState(1).random_sample(spread.shape) < 0.3] = np.nan
        return bool(np.array_equal(self._finished(compiled, spread), self._walked(spread)))

    def _of_leaves(self, leaves: Floats) -> list[float]:
        found: list[float] = of_leaves(self._parameters, leaves.astype(np.int64)[None])[0].tolist()
        return found


def _second_alone(parameters: Parameters) -> Parameters | None:
    """Return an ensemble of the second of two shares, None where leaves hold no two that add up to 1.

    Half the leaves' values, and a single sum, which ONNX Runtime gives in half the time.
    """
    values, is_plain = parameters["value"], parameters["rounding"] != "float32_sums" and not len(parameters["medians"])
    if len(parameters["outputs"]) or values.shape[1] != 2 or not is_plain or parameters["baseline"].any():
        return None
    leaves = values[parameters["left"] == 0]
    if parameters["divisor"] != len(parameters["roots"]) or not (np.abs(leaves.sum(axis=1) - 1.0) < 1e-12).all():
        return None
    outputs = np.ones(len(parameters["roots"]), dtype=np.int32)
    return {**parameters, "value": values[:, 1:], "outputs": outputs, "complement": 1}


def ready(parameters: Parameters) -> tuple[RowScores, MatrixScores]:
    """Return what scores one row, and what scores many, of one model."""
    found = layout(parameters) if len(parameters["roots"]) >= LEAST_TREES else None
    evaluator = Evaluator(parameters) if found is None else MaskedTrees(parameters, found)
    return evaluator.one, evaluator.many
