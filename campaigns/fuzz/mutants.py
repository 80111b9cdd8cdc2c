"""Models that somebody changed: trees of a header and arrays, or bytes, with the checksum made right.

A mutant is made of the models to begin from, a salt and a number, and of nothing else: the same again every time.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import orjson

from sqlite_ml_vtab.portable import codec
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.inverse import INVERSES
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.model import DECIDES

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
LARGEST = 5000
"""A tree of more places grows no more."""

Place: TypeAlias = tuple[Any, Any]
"""A dict or a list, and the key of a value in it."""

WORDS = (
    *(*LINKS, *FAMILIES, *INVERSES, *DECIDES, "refit", "listed", "NUMBER", "CATEGORY", "DATE", "WORDS"),
    *("mean", "sum", "median", "stack", "answer", "decision", "vote", "label", "float32", "float32_sums"),
    *("pairs", "ties_broken", "binary", "rbf", "polynomial", "laplacian", "uniform", "distance", "relu", "logistic"),
    *("recursive", "direct", "month", "business_day", "second", "number", "ratio", "last", "value", "missing", "code"),
    *("year", "weekday", "hour_sin", "days", "", "\x00", "x" * 5000, "\u202e'\"", "__class__", "os.system"),
)
SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 3, 7, 100, 10_000, -1, -2, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**64 - 1, -(2**63)),
    *(0.0, -0.0, 0.5, -1.5, 1e-320, 5e-324, 1e15, 1e30, -1e30, 1e299, 1e308, -1e308, 1.7976931348623157e308),
    *([], {}, [0], [[]], {"array": 0}, {"array": 99}, [None] * 50),
)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-320, 1e-30, 1e30, -1e30, 1e150, 1e300, -1e300, 1.7976931348623157e308)
UNREAL = (np.nan, np.inf, -np.inf)
WHOLE = (0, 1, 2, 3, -1, 5, 127, 255, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**40)


def tree_of(blob: bytes) -> dict[str, Any]:
    """Return the tree of a model's header, arrays in place."""
    return codec.decode(blob)


def mutant(
    trees: Sequence[Mapping[str, Any]], salt: str, number: int, donors: Sequence[Mapping[str, Any]] = ()
) -> bytes:
    """Return the mutant of this number: of one of `trees`, at times with something of another, or of `donors`."""
    draw = random.Random(f"{salt}/{number}")
    tree = copy.deepcopy(dict(draw.choice(trees)))
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        draw.choices(CHANGES, WEIGHTS)[0](draw, tree, donors if donors and draw.random() < 0.3 else trees)
    lie = draw.choice(LIES) if draw.random() < 0.1 else None
    blob = seal(tree, draw, lie)
    return draw.choice(RAW)(draw, blob) if draw.random() < 0.1 else blob


def sealed(body: bytes) -> bytes:
    """Return bytes with their true checksum behind them."""
    return body + hashlib.sha256(body).digest()


def seal(tree: Mapping[str, Any], draw: random.Random | None = None, lie: Lie | None = None) -> bytes:
    """Return the bytes of a tree as `codec.encode` lays them out, whatever it holds."""
    arrays: list[Array] = []
    header = _taken(tree, arrays)
    header["arrays"] = [{"dtype": array.dtype.str, "shape": list(array.shape)} for array in arrays]
    if lie is not None and draw is not None:
        lie(draw, header)
    text = _written(header)
    body = codec.MAGIC + codec.FORMAT.to_bytes(4, "little") + len(text).to_bytes(4, "little") + text
    body += bytes(-len(body) % 8)
    for array in arrays:
        body += array.tobytes() + bytes(-array.nbytes % 8)
    return sealed(body)


def _written(header: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(header, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a number beyond 64 bits, which others than orjson may well write
        return json.dumps({str(key): value for key, value in header.items()}, sort_keys=True).encode()


def _taken(value: Any, arrays: list[Array]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(np.ascontiguousarray(value) if value.ndim else value)
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        return {key: _taken(item, arrays) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_taken(item, arrays) for item in value]
    return value


def places(tree: Any) -> list[Place]:
    """Return every place in a tree, with the place's own below it."""
    found: list[Place] = []
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        found.append((tree, key))
        found += places(tree[key])
    return found


# What is done to a tree


def _at(tree: Any, kind: type | tuple[type, ...], draw: random.Random) -> Place | None:
    """Return a place that holds a `kind`; of three the one deepest in the parameters, most of the time."""
    fit = [(box, key) for box, key in places(tree) if isinstance(box[key], kind)]
    return draw.choice(fit) if fit else None


def _scalar(draw: random.Random, tree: Any, trees: Any) -> None:
    place = _at(tree, (str, int, float, type(None)), draw)
    if place is None:
        return
    box, key = place
    old = box[key]
    if isinstance(old, str) and draw.random() < 0.8:
        box[key] = draw.choice(WORDS)
    elif isinstance(old, int | float) and draw.random() < 0.4:
        box[key] = draw.choice((old + 1, old - 1, -old, old * 2, float(old), int(min(max(old, -(2**60)), 2**60))))
    else:
        box[key] = draw.choice(SCALARS)


def _anything(draw: random.Random, tree: Any, trees: Any) -> None:
    found = places(tree)
    if found:
        box, key = draw.choice(found)
        box[key] = copy.deepcopy(draw.choice((*SCALARS, *WORDS)))


def _element(draw: random.Random, tree: Any, trees: Any) -> None:
    """Put values into an array that its type can hold; most of them finite, so that the model may be believed."""
    place = _at(tree, np.ndarray, draw)
    if place is None:
        return
    box, key = place
    array = np.array(box[key])
    if not array.size:
        return
    flat = array.reshape(-1)
    for _ in range(draw.choice((1, 1, 2, min(array.size, 1000)))):
        at = draw.randrange(array.size)
        flat[at] = _value(draw, flat, at)
    if draw.random() < 0.02:
        flat[:] = flat[at]
    box[key] = flat.reshape(array.shape)


def _value(draw: random.Random, flat: Array, at: int) -> Any:
    if draw.random() < 0.3:
        return flat[draw.randrange(flat.size)]
    if flat.dtype.kind == "f":
        with np.errstate(all="ignore"):
            found = draw.choice(UNREAL if draw.random() < 0.1 else FLOATS) if draw.random() < 0.7 else -flat[at] * 3
            return flat.dtype.type(found)
    low, high = int(np.iinfo(flat.dtype).min), int(np.iinfo(flat.dtype).max)
    found = draw.choice(WHOLE) if draw.random() < 0.5 else int(flat[at]) + draw.choice((-1, 1, 2, -2))
    return min(max(found, low), high)


def _shape(draw: random.Random, tree: Any, trees: Any) -> None:
    place = _at(tree, np.ndarray, draw)
    if place is None:
        return
    box, key = place
    array = np.array(box[key])
    ways: tuple[Callable[[], Array], ...] = (
        lambda: array.T,
        lambda: array.reshape(-1),
        lambda: array[None],
        lambda: array[..., None],
        lambda: array[:-1],
        lambda: array[:0],
        lambda: np.concatenate((array, array)),
        lambda: array[..., :0],
        lambda: array.reshape(-1)[:1].reshape(()),
        lambda: array[..., :-1],
        lambda: np.zeros((0, 2**38), dtype=array.dtype),
    )
    try:
        box[key] = draw.choice(ways)()
    except (ValueError, IndexError):
        box[key] = np.empty(0, dtype=array.dtype)


def _dtype(draw: random.Random, tree: Any, trees: Any) -> None:
    place = _at(tree, np.ndarray, draw)
    if place is not None:
        box, key = place
        with np.errstate(all="ignore"):
            box[key] = np.array(box[key]).astype(draw.choice(("<f8", "<f4", "<i8", "<i4", "|u1", ">f8", "<i2", "<u4")))


def _order(draw: random.Random, tree: Any, trees: Any) -> None:
    place = _at(tree, np.ndarray, draw)
    if place is not None and np.ndim(place[0][place[1]]):
        box, key = place
        array = np.array(box[key])
        box[key] = draw.choice((array[::-1], np.sort(array, axis=0), np.roll(array, 1, axis=0)))


def _swap(draw: random.Random, tree: Any, trees: Any) -> None:
    """Let two values of one kind change places."""
    kind = draw.choice((np.ndarray, np.ndarray, list, dict, str, int))
    one, other = _at(tree, kind, draw), _at(tree, kind, draw)
    if one is None or other is None:
        return
    a, b = copy.deepcopy(one[0][one[1]]), copy.deepcopy(other[0][other[1]])
    one[0][one[1]], other[0][other[1]] = b, a


def _keys(draw: random.Random, tree: Any, trees: Any) -> None:
    boxes = [tree, *(box[key] for box, key in places(tree) if isinstance(box[key], dict))]
    box = draw.choice(boxes)
    if not box:
        return
    key, other = draw.choice(list(box)), draw.choice(list(box))
    way = draw.randrange(4)
    if way == 0:
        del box[key]
    elif way == 1:
        box[draw.choice(WORDS)] = box.pop(key)
    elif way == 2:
        box[draw.choice(WORDS)] = copy.deepcopy(box[other])
    else:
        box[key] = copy.deepcopy(box[other])


def _list(draw: random.Random, tree: Any, trees: Any) -> None:
    place = _at(tree, list, draw)
    if place is None or len(places(tree)) > LARGEST:
        return
    box, key = place
    items = box[key]
    chosen = copy.deepcopy(draw.choice(items)) if items else 0
    box[key] = draw.choice((items[:-1], items[::-1], [], [*items, chosen], items * 3, [chosen] * 200, [items]))


def _grafted(draw: random.Random, tree: Any, trees: Any) -> None:
    """Take a value from another model, of the same name if it has one."""
    donor = copy.deepcopy(dict(draw.choice(trees)))
    theirs, ours = places(donor), places(tree)
    box, key = draw.choice(ours)
    fit = [(b, k) for b, k in theirs if k == key and isinstance(key, str)]
    source, at = draw.choice(fit or theirs)
    box[key] = source[at]


def _nested(draw: random.Random, tree: Any, trees: Any) -> None:
    """Put the model into a combined one, up to five deep; the parts fit as they did before."""
    owner = draw.choice([box for box, key in places(tree) if key == "parameters" and "family" in box] or [None])
    if not isinstance(owner, dict) or not isinstance(owner["parameters"], dict):
        return
    if len(places(tree)) > LARGEST:
        return
    depth = draw.choice((1, 1, 1, 2, 3, 5))
    for _ in range(depth):
        inner = {"family": owner["family"], "parameters": owner["parameters"], "columns": np.empty(0, dtype="<i4")}
        inner |= {"reads": draw.choice(("answer", "answer", "decision", "vote", "label")), "curves": _curves(draw)}
        how = draw.choice(("mean", "mean", "sum", "median", "stack"))
        count = draw.choice((1, 1, 2, 3)) if depth < 3 else 1
        owner["family"], owner["parameters"] = (
            "combined",
            {
                "link": draw.choice(("identity", "identity", *LINKS)),
                "how": how,
                "members": [copy.deepcopy(inner) for _ in range(count)],
                "weights": np.array([draw.choice((1.0, 0.0, 1e308, 1e-320)) for _ in range(count)]),
                "final": [copy.deepcopy(inner)] if how == "stack" else [],
            },
        )


def _curves(draw: random.Random) -> list[Any]:
    if draw.random() < 0.5:
        return []
    curve = draw.choice(
        (
            {"a": draw.choice(FLOATS), "b": draw.choice(FLOATS)},
            {"x": np.array([0.0, 1.0]), "y": np.array([1.0, draw.choice(FLOATS)])},
            {"x": np.array([1.0, 1.0]), "y": np.array([0.0, 0.0])},
        )
    )
    return [copy.deepcopy(curve) for _ in range(draw.choice((1, 1, 2, 3)))]


CHANGES = (_scalar, _element, _element, _shape, _dtype, _order, _swap, _keys, _list, _grafted, _nested, _anything)
WEIGHTS = (20, 30, 10, 5, 4, 6, 8, 3, 4, 6, 8, 2)


# What the header says of its arrays that is not so

Lie: TypeAlias = Callable[[random.Random, dict[str, Any]], None]


def _lie_shape(draw: random.Random, header: dict[str, Any]) -> None:
    table = header["arrays"]
    if table:
        shape = draw.choice(([], [0], [-1], [1], [2**39], [2**20, 2**20], [0, 2**62], [1, 1, 1, 1], None, [1.5], "x"))
        draw.choice(table)["shape"] = shape


def _lie_dtype(draw: random.Random, header: dict[str, Any]) -> None:
    if header["arrays"]:
        draw.choice(header["arrays"])["dtype"] = draw.choice(("<f8", "<i8", "|u1", "|O", "<U9", "<M8[s]", "<c16", 5))


def _lie_table(draw: random.Random, header: dict[str, Any]) -> None:
    table = header["arrays"]
    header["arrays"] = draw.choice((table[:-1], table * 2, table[::-1], {}, None, [*table, {}], [[]] * 9))


LIES: tuple[Lie, ...] = (_lie_shape, _lie_dtype, _lie_table)


# What is done to bytes


def _flip(draw: random.Random, blob: bytes) -> bytes:
    body = bytearray(blob[:-32])
    for _ in range(draw.choice((1, 1, 2, 8))):
        body[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
    return sealed(bytes(body))


def _cut(draw: random.Random, blob: bytes) -> bytes:
    return sealed(blob[: draw.randrange(len(blob))])


def _splice(draw: random.Random, blob: bytes) -> bytes:
    body = blob[:-32]
    start, stop, at = (draw.randrange(len(body)) for _ in range(3))
    piece = body[min(start, stop) : max(start, stop)]
    return sealed(draw.choice((body[:at] + piece + body[at:], body[:at] + piece + body[at + len(piece) :])))


def _numbers(draw: random.Random, blob: bytes) -> bytes:
    """Write a number that is at a limit over eight, or four, bytes."""
    body = bytearray(blob[:-32])
    size = draw.choice((4, 8))
    at = draw.randrange(len(body) - size)
    body[at : at + size] = draw.choice(WHOLE).to_bytes(9, "little", signed=True)[:size]
    return sealed(bytes(body))


RAW: tuple[Callable[[random.Random, bytes], bytes], ...] = (_flip, _cut, _splice, _numbers)


def raw_mutant(blobs: Sequence[bytes], salt: str, number: int) -> bytes:
    """Return the mutant of this number of the bytes of one of `blobs`."""
    draw = random.Random(f"raw {salt}/{number}")
    return draw.choice(RAW)(draw, draw.choice(blobs))
