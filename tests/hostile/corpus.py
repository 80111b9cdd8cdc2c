"""Blobs that an attacker would put where a model stands, made anew each time: nothing here is a binary that is kept.

FOREIGN are of other formats and of broken layout; CHANGED are a trained model of a family with one thing changed.
"""

import gzip
import io
import json
import marshal
import os
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import joblib
import mutants
import numpy as np

from sqlite_ml_vtab.portable import codec

START = "the stored model is damaged: it does not begin as a model does."


class Payload:
    """What a pickle runs when it is read: it would make a directory of this name here."""

    def __reduce__(self):
        return os.mkdir, ("hostile-payload-has-run",)


def _joblib() -> bytes:
    file = io.BytesIO()
    joblib.dump({"model": Payload()}, file, compress=3)
    return file.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _skops() -> bytes:
    node = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": {"function_path": "os"}}
    return _zip({"schema.json": json.dumps(node | {"__id__": 1, "protocol": 2}).encode()})


def _onnx(location: str = "/etc/passwd") -> bytes:
    from onnx import TensorProto, helper

    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[16], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return helper.make_model(helper.make_graph([], "g", [], [], [tensor])).SerializeToString()


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Payload()], dtype=object), allow_pickle=True)
    return file.getvalue()


def sealed(header: Any, arrays: bytes = b"", number: int = codec.FORMAT, length: int | None = None) -> bytes:
    """Return a blob with a true checksum around a header, a value or its text, and the bytes of arrays."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    body = codec.MAGIC + number.to_bytes(4, "little") + size.to_bytes(4, "little") + text
    return mutants.sealed(body + bytes(-len(body) % 8) + arrays)


def _table(*shape: int, dtype: str = "<f8", count: int = 1) -> dict[str, Any]:
    return {"arrays": [{"dtype": dtype, "shape": list(shape)}] * count}


def _damaged(problem: str) -> str:
    return f"the stored model is damaged: {problem}."


FOREIGN: dict[str, tuple[Callable[[], Any], str]] = {
    "a pickle that runs a command": (lambda: pickle.dumps(Payload()), START),
    "a pickle of protocol 0": (lambda: pickle.dumps(Payload(), protocol=0), START),
    "joblib": (_joblib, START),
    "skops": (_skops, START),
    "onnx with a file outside": (_onnx, START),
    "a zip bomb": (lambda: _zip({"schema.json": bytes(5_000_000)}), START),
    "a gzip bomb": (lambda: gzip.compress(bytes(5_000_000)), START),
    "a zip with a way out": (lambda: _zip({"../../x": b"x"}), START),
    "an array of objects": (_npy, START),
    "code": (lambda: marshal.dumps(compile("1", "x", "exec")), START),
    "source": (lambda: b"import os", START),
    "a shared library": (lambda: b"\x7fELF" + bytes(100), START),
    "a database": (lambda: b"SQLite format 3\x00" + bytes(100), START),
    "nothing": (lambda: b"", START),
    "zeros": (lambda: bytes(1_000_000), START),
    "the magic alone": (lambda: codec.MAGIC, START),
    "the magic and a pickle": (
        lambda: codec.MAGIC + b"cos\nsystem\n(S'true'\ntR." + bytes(64),
        "the stored model has format 175337315, and this release reads format 1.",
    ),
    "a pickle as the header": (lambda: sealed(pickle.dumps(Payload())), _damaged("its header is not JSON")),
    "a pickle as an array": (
        lambda: sealed(_table(1, dtype="|O"), pickle.dumps(Payload())),
        _damaged("the type or shape of an array"),
    ),
    "no checksum": (lambda: sealed({"arrays": []})[:-32] + bytes(32), _damaged("its checksum does not match")),
    "another format": (
        lambda: sealed({"arrays": []}, number=99),
        "the stored model has format 99, and this release reads format 1.",
    ),
    "a header of 4 GB": (
        lambda: sealed({"arrays": []}, length=2**32 - 1),
        _damaged("its header is longer than allowed"),
    ),
    "a header of 9 MB": (
        lambda: sealed({"arrays": [], "a": "x" * 9_000_000}),
        _damaged("its header is longer than allowed"),
    ),
    "lists, 10^5 deep": (lambda: sealed(b'{"a":' + b"[" * 100_000), _damaged("its header is not JSON")),
    "lists, 41 deep": (
        lambda: sealed(b'{"a":' + b"[" * 41 + b"]" * 41 + b"}"),
        _damaged("its header is nested too deep"),
    ),
    "objects, 1000 deep": (
        lambda: sealed(b'{"a":' * 1000 + b"1" + b"}" * 1000),
        _damaged("its header is nested too deep"),
    ),
    "a million lists": (lambda: sealed(b"[" + b"[]," * 10**6 + b"1]"), _damaged("its header is larger than allowed")),
    "10^6 arrays": (
        lambda: sealed(b'{"arrays":[' + b"[]," * 10**6 + b"1]}"),
        _damaged("its header is larger than allowed"),
    ),
    "49,000 arrays of nothing": (lambda: sealed(_table(0, count=49_000)), _damaged("an array is not used")),
    "a terabyte of nothing": (lambda: sealed(_table(2**39)), _damaged("an array reaches past its end")),
    "a shape beyond all": (lambda: sealed(_table(2**31, 2**31)), _damaged("the shape of an array")),
    "a shape that overflows beside 0": (lambda: sealed(_table(0, 2**62, 2**62)), _damaged("the shape of an array")),
    "a negative shape": (lambda: sealed(_table(-1)), _damaged("the shape of an array")),
    "NaN in the header": (lambda: sealed(b'{"arrays":[],"a":NaN}'), _damaged("its header is not JSON")),
    "a number of 10^5 digits": (
        lambda: sealed(b'{"arrays":[],"a":' + b"9" * 100_000 + b"}"),
        _damaged("its header is not JSON"),
    ),
    "half a surrogate": (lambda: sealed(b'{"arrays":[],"a":"\\ud800"}'), _damaged("its header is not JSON")),
    "a model of nothing": (lambda: sealed({"arrays": []}), _damaged("keys")),
    "a million models": (
        lambda: sealed(b'{"arrays":[],"targets":["a"],"models":[' + b"1," * 10**6 + b"1]}"),
        _damaged("its header is larger than allowed"),
    ),
    "targets that are numbers": (lambda: sealed({"arrays": [], "targets": [1, 2], "models": []}), _damaged("targets")),
    "targets without models": (lambda: sealed({"arrays": [], "targets": ["a"], "models": []}), _damaged("targets")),
    "a forecast of nothing": (lambda: sealed({"arrays": [], "recipe": None}), _damaged("keys")),
}
"""By name: how the blob is made, and the sentence that refuses it."""


# Trained models with one thing changed


def at(array: Any, place: Any, value: Any) -> Any:
    """Return a copy of an array with one element changed."""
    found = np.array(array)
    found[place] = value
    return found


def _chain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return one tree that is 2001 levels deep: each node has a leaf to its left."""
    depth = 2001
    count = 2 * depth + 1
    inner = np.arange(0, count - 1, 2)
    left, right = np.zeros(count, dtype="<i4"), np.zeros(count, dtype="<i4")
    left[inner], right[inner] = inner + 1, inner + 2
    sizes = {name: np.zeros(count, dtype=parameters[name].dtype) for name in ("feature", "threshold", "missing_left")}
    flat = {"left": left, "right": right, "value": np.zeros((count, 1)), "roots": np.zeros(1, dtype="<i4")}
    return parameters | sizes | flat | {"outputs": np.zeros(1, dtype="<i4")}


def _members(parameters: dict[str, Any], levels: int) -> dict[str, Any]:
    """Return combined models in each other."""
    for _ in range(levels):
        inner = {"family": "combined", "parameters": parameters, "columns": np.empty(0, dtype="<i4")}
        inner |= {"reads": "answer", "curves": []}
        parameters = {"link": "identity", "how": "mean", "members": [inner], "weights": np.ones(1), "final": []}
    return parameters


def _two_parents(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return trees of which a node has two parents."""
    return parameters | {"right": np.where(parameters["left"] > 0, parameters["left"], 0).astype("<i4")}


P = "parameters"
SIZE = 2**31 - 1
CHANGED: list[tuple[str, tuple[Any, ...], Any, str]] = [
    ("trees", (P, "left"), lambda a: at(a, 0, 0), "a leaf with a child"),
    ("trees", (P, "left"), lambda a: at(a, 1, 1), "a child out of its tree"),
    ("trees", (P, "left"), lambda a: at(a, 2, 1), "a child out of its tree"),
    ("trees", (P, "left"), lambda a: at(a, 0, SIZE), "a child out of its tree"),
    ("trees", (P, "left"), lambda a: at(a, 0, -1), "a child out of its tree"),
    ("trees", (P, "right"), lambda a: at(a, 0, len(a)), "a child out of its tree"),
    ("trees", (P,), _two_parents, "a node without its one parent"),
    ("trees", (P,), _chain, "a tree deeper than 2000"),
    ("trees", (P, "feature"), lambda a: at(a, 0, 99), "a feature out of range"),
    ("trees", (P, "feature"), lambda a: at(a, 0, -1), "a feature out of range"),
    ("trees", (P, "threshold"), lambda a: at(a, 0, np.nan), "threshold is not finite"),
    ("trees", (P, "value"), lambda a: at(a, 0, np.inf), "value is not finite"),
    ("trees", (P, "value"), lambda a: a[:-1], "value has shape"),
    ("trees", (P, "roots"), lambda a: a[:0], "outputs of trees"),
    ("trees", (P, "roots"), lambda a: a[::-1], "the first root"),
    ("trees", (P, "roots"), lambda a: at(a, -1, SIZE), "an empty tree"),
    ("trees", (P, "outputs"), lambda a: at(a, 0, 1), "outputs of trees"),
    ("trees", (P, "divisor"), 0, "divisor"),
    ("trees", (P, "divisor"), -1, "divisor"),
    ("trees", (P, "missing_left"), lambda a: at(a, 0, 7), "missing_left"),
    ("trees", (P, "rounding"), "os.system", "rounding"),
    ("trees", (P, "left"), None, "left is not an array"),
    ("mlp", (P, "layers"), [], "layers"),
    ("mlp", (P, "layers", 0, "weights"), lambda a: at(a, (0, 0), np.nan), "weights is not finite"),
    ("mlp", (P, "layers", 0, "weights"), lambda a: a.T, "weights has shape"),
    ("mlp", (P, "layers"), lambda layers: layers * 2, "weights has shape"),
    ("mlp", (P, "activation"), "eval", "activation"),
    ("linear", ("models", 0, P, "coef"), lambda a: at(a, (0, 0), np.nan), "coef is not finite"),
    ("linear", ("models", 0, P, "coef"), lambda a: a.astype("<f4"), "coef has type float32"),
    ("linear", ("models",), lambda found: found * 2, "the number of models"),
    ("linear", ("horizon",), 10**9, "the horizon"),
    ("linear", ("season",), 0, "the season"),
    ("linear", ("strategy",), "exec", "the strategy"),
    ("linear", ("step", "size"), 0, "the step's size"),
    ("linear", ("step", "size"), 1e14, "the step's size"),
    ("linear", ("recipe", "lags"), [0], "the lags"),
    ("linear", ("recipe", "lags"), [10**9], "the lags"),
    ("linear", ("widths",), lambda a: a[::-1], "the widths"),
    ("neighbors", (P, "neighbors"), -1, "the number of neighbors"),
    ("neighbors", (P, "neighbors"), 10**9, "the number of neighbors"),
    ("neighbors", (P, "radius"), -1.0, "radius"),
    ("neighbors", (P, "power"), 3, "the metric"),
    ("neighbors", (P, "weights"), "lambda x: x", "weights"),
    ("bayes", (P, "variance"), lambda a: at(a, (0, 0), 0.0), "a variance is not positive"),
    ("bayes", (P, "variance"), lambda a: at(a, (0, 0), -1.0), "a variance is not positive"),
    ("kernel", (P, "degree"), 10**9, "degree"),
    ("kernel", (P, "gamma"), 1e308, "gamma"),
    ("kernel", (P, "rows"), lambda a: a[:-1], "weights has shape"),
    ("events", (P, "starts"), lambda a: at(a, 1, -(2**31)), "codes of columns"),
    ("events", (P, "threshold"), "0", "threshold"),
    ("combined", (P,), lambda found: _members(found, 3), "models nested deeper than 3"),
    ("combined", (P, "members"), [], "members"),
    ("combined", (P, "weights"), lambda a: -a, "weights of members"),
    ("combined", (P, "members", 0, "family"), "subprocess", "a member's family"),
    ("combined", (P, "members", 0, "columns"), np.array([SIZE], dtype="<i4"), "a member's columns"),
    ("combined", (P, "members", 0, "curves"), [{"a": 1, "b": 1}] * 9, "curves"),
    ("combined", (P, "members", 0, "reads"), "__class__", "reads"),
    ("combined", (P, "final"), [], "the final model"),
    ("constant", (P, "values"), lambda a: np.tile(a, 1000), "values has shape"),
    ("isotonic", (P, "x"), lambda a: a[::-1], "points out of order"),
    ("isotonic", (P, "x"), lambda a: a[:0], "y has shape"),
    ("nonnegative", (P, "products"), np.zeros_like, "products of parts"),
    ("nonnegative", (P, "penalty"), -1.0, "penalty"),
    ("density", (P, "densities"), lambda a: at(a, 0, 0.0), "densities"),
    ("density", (P, "radii"), lambda a: at(a, 0, -1.0), "densities"),
    ("quadratic", (P, "form"), lambda a: at(a, (0, 0), np.nan), "form is not finite"),
    ("centres", (P, "owners"), lambda a: at(a, -1, SIZE), "the clusters of centres"),
    ("discriminant", (P, "offset"), lambda a: a[:-1], "offset has shape"),
    ("centres", ("pattern", "outputs"), 10**9, "outputs"),
    ("density", ("pattern", "ids"), lambda a: a[::-1], "row ids"),
    ("density", ("pattern", "threshold"), None, "threshold"),
    ("listed", ("pattern", "values"), lambda a: at(a, 0, 0.5), "the clusters of rows"),
    ("bayes", ("family",), "os.system", "family"),
    ("bayes", ("family",), "trees", "parameters ['link', 'mean', 'offset', 'variance']"),
    ("bayes", (P, "link"), "__import__", "link"),
    ("bayes", ("labels",), ["high", "high", "low"], "a label twice"),
    ("bayes", ("labels",), [["high"], "middling", "low"], "labels"),
    ("bayes", ("labels",), ["high", "low"], "golden scores"),
    ("bayes", ("columns",), [], "columns"),
    ("bayes", ("columns", 0, "kind"), "BLOB", "a column's kind"),
    ("bayes", ("columns", 2, "range"), [-1e300, 1e300], "a column's range"),
    ("bayes", ("scale",), np.zeros_like, "encoder fill or scale is out of range"),
    ("bayes", ("fill",), lambda a: at(a, 0, np.inf), "encoder fill or scale is out of range"),
    ("bayes", ("fill",), lambda a: a[None], "encoder fill has type float64 and shape"),
    ("bayes", ("golden", "rows"), lambda rows: rows * 200, "golden rows"),
    ("bayes", ("costs",), np.full((3, 3), np.nan), "costs"),
    ("constant", ("inverse", "name"), "eval", "inverse"),
    ("constant", ("conformal",), {"limit": 1, "difficulty": {"link": "identity"}}, "parameters ['link']"),
]
"""(family, where, the value or what is made of it, the problem that is told, without the shape that was found)."""


def changed(blob: bytes, path: tuple[Any, ...], change: Any) -> bytes:
    """Return a model with the value at `path` changed, under a true checksum."""
    tree = mutants.tree_of(blob)
    box = tree
    for key in path[:-1]:
        box = box[key]
    box[path[-1]] = change(box[path[-1]]) if callable(change) else change
    return mutants.seal(tree)
