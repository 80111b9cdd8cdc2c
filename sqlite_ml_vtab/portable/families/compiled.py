"""An ensemble of trees as ONNX Runtime evaluates it: ten times as fast as a walk in Python, and the same to the bit.

The graph is made here, of arrays that were validated; nothing that comes out of a file is parsed by ONNX Runtime. It
gets one operator, TreeEnsemble (https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html), in double precision,
or in single precision where that loses nothing: a row of a large forest waits for the memory its nodes lie in.
Importing and building it takes some tenths of a second, so that it pays only for many rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from struct import Struct
from threading import local
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable.families.base import Parameters
from sqlite_ml_vtab.portable.families.tree_arrays import limits, single_limits
from sqlite_ml_vtab.portable.values import Floats

LEAST_TREES = 8
"""Fewer trees are walked faster than ONNX Runtime is called."""

CHUNK = 4096
"""So many rows are evaluated at once, which bounds the memory for their leaves."""


NATIVE = 16
"""So many times the bytes of its graph a session takes: measured on forests."""


EXACT = 2**24
"""Single precision has all whole numbers up to this one."""

_Bound: TypeAlias = tuple[Floats, Callable[..., None], Callable[[], None], Floats]
"""One thread's input, the calls that fill and evaluate it, and its output."""


class CompiledTrees:
    """The trees of one model, ready for many rows. Threads may share it."""

    def __init__(self, parameters: Parameters, width: int) -> None:
        """Build the graph of an ensemble over `width` matrix columns.

        It gives the sums of the leaves' values by output where a leaf has one value, else the leaf of each tree.
        """
        leaves = _Leaves(parameters)
        self.gives_leaves = leaves.is_numbered
        self._width = width
        self._targets = leaves.targets
        self._is_single = leaves.is_exact and parameters["rounding"] == "float32"
        self._type = np.dtype(np.float32 if self._is_single else np.float64)
        graph = _graph(parameters, width, leaves, self._type)
        self._session = _session(graph)
        self.native_bytes = NATIVE * len(graph)
        """About what ONNX Runtime holds."""
        self._threads = local()

    def many(self, matrix: Floats) -> Floats:
        """Return the sums, or the places of the leaves as numbers, for a matrix (n, width): shape (n, targets)."""
        with np.errstate(over="ignore"):
            matrix = np.ascontiguousarray(matrix, dtype=self._type)
        parts = [self._session.run(None, {"x": matrix[at : at + CHUNK]})[0] for at in range(0, len(matrix), CHUNK)]
        return np.concatenate(parts, dtype=np.float64) if parts else np.empty((0, self._targets))

    def one(self, x: list[float]) -> Floats:
        """Return the same for one row, shape (targets,); the array is overwritten by the next call in this thread."""
        bound: _Bound | None = getattr(self._threads, "bound", None)
        if bound is None:
            bound = self._threads.bound = self._bound()
        given, pack, run, found = bound
        try:
            # The quickest way from Python's numbers to an array.
            pack(*x)
        except OverflowError:  # beyond single precision, which is infinite there
            with np.errstate(over="ignore"):
                given[:] = x
        run()
        return found

    def _bound(self) -> _Bound:
        """Return this thread's input, the calls that fill and evaluate it, and the output."""
        given, found = np.zeros((1, self._width), self._type), np.zeros((1, self._targets), self._type)
        binding = self._session.io_binding()
        for bind, name, buffer in ((binding.bind_input, "x", given), (binding.bind_output, "y", found)):
            bind(name, "cpu", 0, self._type, buffer.shape, buffer.ctypes.data)
        session = self._session

        def run() -> None:
            session.run_with_iobinding(binding)

        pack = partial(Struct(f"{self._width}{self._type.char}").pack_into, given.data.cast("B"), 0)
        return given[0], pack, run, found[0]


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class _Leaves:
    """What the leaves of an ensemble add, and to which of the sums."""

    def __init__(self, parameters: Parameters) -> None:
        """Have a leaf add its value, or the only one that is not 0; where there are more, its number for its tree."""
        left, roots, outputs = parameters["left"], parameters["roots"], parameters["outputs"]
        self.nodes = np.flatnonzero(left == 0)
        values = parameters["value"][self.nodes]
        tree = np.repeat(np.arange(len(roots)), np.diff(np.append(roots, len(left))))[self.nodes]
        is_summed_by_us = bool(len(parameters["medians"])) or parameters["rounding"] == "float32_sums"
        self.is_numbered = is_summed_by_us or bool((np.count_nonzero(values, axis=1) > 1).any())
        if self.is_numbered:
            self.weights, self.of = self.nodes.astype(np.float64), tree
        elif len(outputs) or values.shape[1] == 1:
            self.weights, self.of = values[:, 0], outputs[tree] if len(outputs) else np.zeros_like(tree)
        else:
            self.of = (values != 0).argmax(axis=1)
            self.weights = values[np.arange(len(values)), self.of]
        self.targets = len(roots) if self.is_numbered else len(parameters["baseline"])
        """How many sums there are."""
        greatest = float(np.abs(self.weights).max()) * (1 if self.is_numbered else len(roots))
        self.is_exact = greatest <= EXACT and bool((self.weights == np.rint(self.weights)).all())
        """Whether single precision has every sum."""


def _graph(parameters: Parameters, width: int, answers: _Leaves, precision: np.dtype[Any]) -> bytes:
    """Return the graph of one operator; inner nodes and leaves are numbered apart there."""
    from onnx import TensorProto, helper, numpy_helper

    left, right, roots = parameters["left"], parameters["right"], parameters["roots"]
    is_leaf = left == 0
    leaves = answers.nodes
    # A root must be an inner node: a tree that is one leaf asks a question whose answers are alike.
    is_inner = ~is_leaf
    is_inner[roots] = True
    inner = np.flatnonzero(is_inner)
    place = np.empty(len(left), dtype=np.int64)
    place[inner] = np.arange(len(inner))
    leaf_place = np.empty(len(left), dtype=np.int64)
    leaf_place[leaves] = np.arange(len(leaves))
    sides = {}
    for side, children in (("true", left), ("false", right)):
        child = np.where(is_leaf[inner], inner, children[inner])
        leads_to_leaf = is_leaf[child]
        sides[f"nodes_{side}nodeids"] = np.where(leads_to_leaf, leaf_place[child], place[child]).tolist()
        sides[f"nodes_{side}leafs"] = leads_to_leaf.astype(np.int64).tolist()
    is_single = precision == np.float32
    splits = single_limits(parameters) if is_single else limits(parameters)
    node = helper.make_node(
        "TreeEnsemble",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=answers.targets,
        aggregate_function=1,  # the sum
        post_transform=0,  # none
        tree_roots=place[roots].tolist(),
        nodes_featureids=parameters["feature"][inner].tolist(),
        nodes_splits=numpy_helper.from_array(splits[inner]),
        nodes_modes=numpy_helper.from_array(np.zeros(len(inner), dtype=np.uint8)),  # at most the threshold
        nodes_missing_value_tracks_true=parameters["missing_left"][inner].tolist(),
        leaf_targetids=answers.of.tolist(),
        leaf_weights=numpy_helper.from_array(answers.weights.astype(precision)),
        **sides,
    )
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT if is_single else TensorProto.DOUBLE, [None, size])
        for name, size in (("x", width), ("y", answers.targets))
    )
    graph = helper.make_graph([node], "trees", [x], [y])
    opsets = [helper.make_opsetid("ai.onnx.ml", 5), helper.make_opsetid("", 21)]
    found: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return found
