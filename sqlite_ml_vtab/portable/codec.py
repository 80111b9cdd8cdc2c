"""Bytes of the portable model: a JSON header and raw little-endian arrays, nothing that could be run.

Layout (docs/portable-format.md): 8 bytes of magic, format number and header length as little-endian uint32, the header
as UTF-8 JSON, zeros up to a multiple of 8, the arrays (each padded to a multiple of 8), SHA-256 of all before it.
A header value ``{"array": i}`` stands for the i-th array; every array is used exactly once.
Limits are checked before anything is allocated; whatever is wrong is a ModelError.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import orjson

from sqlite_ml_vtab.errors import ModelError

MAGIC = b"SQLMLVT\x00"
FORMAT = 1
"""Raised whenever a reader of the older number could misread the bytes."""

MAX_BYTES = 2**30
"""The largest blob that is decoded unless the host allows more."""
MAX_HEADER = 8 * 2**20
MAX_ITEMS = 200_000
"""So many commas and opening brackets at most: eight megabytes of ``[],`` would become half a gigabyte of lists."""
MAX_DEPTH = 40
MAX_ARRAYS = 100_000

DTYPES = {"<f8": np.dtype("<f8"), "<f4": np.dtype("<f4"), "<i8": np.dtype("<i8"), "<i4": np.dtype("<i4")} | {
    "|u1": np.dtype("|u1")
}
"""The array types the format knows."""

_PREFIX = struct.Struct("<8sII")
_CHECKSUM = 32

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def encode(header: Mapping[str, Any]) -> bytes:
    """Return the bytes of `header`, a tree of dicts, lists, strings, numbers, None and arrays of DTYPES."""
    arrays: list[Array] = []
    tree = _take_arrays(dict(header), arrays)
    tree["arrays"] = [{"dtype": array.dtype.str, "shape": list(array.shape)} for array in arrays]
    text = orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)
    if _is_too_large(text):
        raise ModelError("the text values of the model are too many or too long to store. Declare such columns KEY.")
    pieces: list[Any] = [_PREFIX.pack(MAGIC, FORMAT, len(text)), text, _padding(_PREFIX.size + len(text))]
    for array in arrays:
        # A view, and one joining at the end: a large model is in memory once more, and not three times.
        pieces += [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, _padding(array.nbytes)]
    checksum = hashlib.sha256()
    for piece in pieces:
        checksum.update(piece)
    return b"".join([*pieces, checksum.digest()])


def decode(blob: bytes, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Return the header tree of `blob`, its arrays in place as read-only views.

    Raises ModelError for anything but the bytes that `encode` makes, and for a blob of more than `limit` bytes.
    """
    if not isinstance(blob, bytes):
        raise ModelError("the stored model is not a BLOB.")
    if len(blob) > limit:
        raise ModelError(f"the stored model has {len(blob)} bytes, more than the limit of {limit}.")
    text, start = _open(blob)
    tree = _parse(text)
    arrays = _arrays(blob, tree.pop("arrays", None), start)
    used: set[int] = set()
    restored = {key: _put_arrays(value, arrays, used) for key, value in tree.items()}
    if len(used) != len(arrays):
        raise damaged("an array is not used")
    return restored


def digest(blob: bytes) -> str:
    """Return the SHA-256 of the model's bytes in hexadecimal: the name of this very model."""
    return hashlib.sha256(blob).hexdigest()


DAMAGED = "the stored model is damaged: "


def damaged(problem: str) -> ModelError:
    """Return the error for a model whose bytes cannot be believed."""
    return ModelError(f"{DAMAGED}{problem}.")


def _padding(size: int) -> bytes:
    return bytes(-size % 8)


def _take_arrays(value: Any, arrays: list[Array]) -> Any:
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        if array.dtype.str not in DTYPES:
            raise ModelError(f"an array of type {array.dtype} cannot be stored.")
        arrays.append(array)
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        # Sorted as the JSON is, so that a model that was read gives the bytes it was read from.
        return {key: _take_arrays(item, arrays) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_take_arrays(item, arrays) for item in value]
    return value


def _open(blob: bytes) -> tuple[bytes, int]:
    """Return the header's text and where the arrays begin."""
    if len(blob) < _PREFIX.size + _CHECKSUM or not blob.startswith(MAGIC):
        raise damaged("it does not begin as a model does")
    _, number, length = _PREFIX.unpack_from(blob)
    if number != FORMAT:
        raise ModelError(f"the stored model has format {number}, and this release reads format {FORMAT}.")
    view = memoryview(blob)
    if hashlib.sha256(view[:-_CHECKSUM]).digest() != blob[-_CHECKSUM:]:
        raise damaged("its checksum does not match")
    end = _PREFIX.size + length
    if length > MAX_HEADER or end > len(blob) - _CHECKSUM:
        raise damaged("its header is longer than allowed")
    return bytes(view[_PREFIX.size : end]), end + len(_padding(end))


def _is_too_large(text: bytes) -> bool:
    return len(text) > MAX_HEADER or sum(map(text.count, (b",", b"[", b"{"))) > MAX_ITEMS


def _parse(text: bytes) -> dict[str, Any]:
    if _is_too_large(text):
        raise damaged("its header is larger than allowed")
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise damaged("its header is not JSON") from None
    if not isinstance(tree, dict):
        raise damaged("its header is not an object")
    _check_depth(tree)
    return tree


def _check_depth(tree: dict[str, Any]) -> None:
    level: list[Any] = [tree]
    for _ in range(MAX_DEPTH):
        level = [item for box in level for item in (box.values() if isinstance(box, dict) else box)]
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return
    raise damaged("its header is nested too deep")


def _arrays(blob: bytes, table: Any, start: int) -> list[Array]:
    if not isinstance(table, list) or len(table) > MAX_ARRAYS:
        raise damaged("its list of arrays")
    arrays = []
    end = len(blob) - _CHECKSUM
    for entry in table:
        dtype, shape = _entry(entry)
        count = math.prod(shape)
        stop = start + count * dtype.itemsize
        if stop > end:
            raise damaged("an array reaches past its end")
        arrays.append(np.frombuffer(blob, dtype, count, start).reshape(shape))
        start = stop + len(_padding(stop - start))
    if start != end:
        raise damaged("its arrays do not fill it")
    return arrays


def _entry(entry: Any) -> tuple[Any, tuple[int, ...]]:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape"}:
        raise damaged("the description of an array")
    dtype = DTYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    shape = entry["shape"]
    if dtype is None or not isinstance(shape, list) or len(shape) > 3:
        raise damaged("the type or shape of an array")
    # The sizes beside a 0 count as well: numpy refuses a shape that would overflow without it.
    if not all(type(size) is int and size >= 0 for size in shape) or math.prod(max(1, n) for n in shape) >= 2**40:
        raise damaged("the shape of an array")
    return dtype, tuple(shape)


def _put_arrays(value: Any, arrays: list[Array], used: set[int]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"array"}:
            return _array_at(value["array"], arrays, used)
        return {key: _put_arrays(item, arrays, used) for key, item in value.items()}
    if isinstance(value, list):
        return [_put_arrays(item, arrays, used) for item in value]
    return value


def _array_at(place: Any, arrays: list[Array], used: set[int]) -> Array:
    if type(place) is not int or not 0 <= place < len(arrays) or place in used:
        raise damaged("an array is missing or used twice")
    used.add(place)
    return arrays[place]
