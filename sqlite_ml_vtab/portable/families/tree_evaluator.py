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


class Evaluator:
    """Scores rows, the same to the bit before and after the ensemble was compiled. Threads may share it."""

    def __init__(self, parameters: Parameters) -> None:
        """Make the trees of `parameters` ready; nothing is compiled yet."""
        self._parameters = parameters
        self._trees = len(parameters["roots"])
        self._patience = PATIENCE
        self._walk = row(parameters)
        self._compiled: CompiledTrees | None = None
        self._values = parameters["value"]
        self._ends = parameters["baseline"].tolist(), parameters["divisor"], parameters["complement"]

    def one(self, x: list[float]) -> list[float]:
        """Return the decision values of one matrix row."""
        compiled = self._compiled or self._grown(1, len(x))
        if compiled is None or self._trees < LEAST_TREES:
            return list(self._walk(x))
        if compiled.gives_leaves:
            return self._of_leaves(compiled.one(x))
        total: list[float] = compiled.one(x).tolist()
        baseline, divisor, complement = self._ends
        if complement:
            total[0] = divisor - total[1]
        return [(value + start) / divisor for value, start in zip(total, baseline, strict=True)]

    def many(self, matrix: Floats) -> Floats:
        """Return the decision values of a matrix (n, width): shape (n, outputs)."""
        compiled = self._compiled or self._grown(len(matrix), matrix.shape[1])
        if compiled is None:
            return scores(self._parameters, matrix)
        return self._finished(compiled, matrix)

    def _finished(self, compiled: CompiledTrees, matrix: Floats) -> Floats:
        found = compiled.many(matrix)
        return of_leaves(self._parameters, found.astype(np.int64)) if compiled.gives_leaves else self._ended(found)

    def _grown(self, rows: int, width: int) -> CompiledTrees | None:
        """Return the compiled trees once enough rows were asked for, None before."""
        self._patience -= rows * self._trees
        if self._patience >= 0:
            return None
        compiled = CompiledTrees(self._parameters, width)
        if not self._agrees(compiled, width):
            self._patience = sys.maxsize
            return None
        self._compiled = compiled
        return compiled

    def _agrees(self, compiled: CompiledTrees, width: int) -> bool:
        """Return whether it says what the walk says, also of missing values: releases of ONNX Runtime differ there."""
        spread = np.random.RandomState(0).normal(scale=10.0, size=(CHECKED, width))
        spread[np.random.RandomState(1).random_sample(spread.shape) < 0.3] = np.nan
        return bool(np.array_equal(self._finished(compiled, spread), scores(self._parameters, spread)))

    def _of_leaves(self, leaves: Floats) -> list[float]:
        found: list[float] = of_leaves(self._parameters, leaves.astype(np.int64)[None])[0].tolist()
        return found

    def _ended(self, total: Floats) -> Floats:
        return ended(self._parameters, total)


def ready(parameters: Parameters) -> tuple[RowScores, MatrixScores]:
    """Return what scores one row, and what scores many, of one model."""
    found = layout(parameters) if len(parameters["roots"]) >= LEAST_TREES else None
    evaluator = Evaluator(parameters) if found is None else MaskedTrees(parameters, found)
    return evaluator.one, evaluator.many
