"""How an ensemble of trees is laid out: nodes end to end in flat arrays.

Node i is a leaf where left[i] is 0; else a row goes to left[i] if its value is at most threshold[i] (or is NaN and
missing_left[i] is 1), and otherwise to right[i]. Children stand behind their parent, so a walk always ends.
With rounding ``float32`` a value is rounded before it is compared, as scikit-learn's own trees do; with
``float32_sums`` every partial sum over the trees is rounded too, as XGBoost does. With `complement` 1 the first of two
decision values is what the second leaves of the divisor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import NotPortable, Parameters
from sqlite_ml_vtab.portable.values import Floats

_SPLITS = {"left": "<i4", "right": "<i4", "feature": "<i4", "threshold": "<f8", "missing_left": "|u1"}
"""How each node is split, and the types of these arrays."""

NODES = (*_SPLITS, "value")
"""The arrays with an entry for each node."""

HUGE = float(np.finfo(np.float64).max)


def ensemble(
    trees: Iterable[Mapping[str, Any]],
    values: Sequence[Floats],
    *,
    link: str,
    rounding: str,
    outputs: Sequence[int] | None = None,
    width: int = 0,
    divisor: int = 1,
) -> dict[str, Any]:
    """Lay trees end to end: children become places in the whole, a leaf's value a row of `value`.

    `trees` may be made one at a time, so that a large forest is not in memory once more than it must be.
    """
    starts = np.cumsum([0] + [len(value) for value in values])
    if starts[-1] >= 2**31:
        raise NotPortable("more than 2,147,483,647 nodes")
    nodes = {name: np.empty(starts[-1], dtype) for name, dtype in _SPLITS.items()}
    for tree, start, end in zip(trees, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        for name, whole in nodes.items():
            whole[start:end] = tree[name]
        for side in ("left", "right"):
            children = nodes[side][start:end]
            children[children > 0] += start
    return {
        "link": link,
        "rounding": rounding,
        "divisor": divisor,
        "complement": 0,
        **nodes,
        "value": np.concatenate(values, dtype="<f8"),
        "roots": starts[:-1].astype("<i4"),
        "outputs": np.asarray(outputs if outputs is not None else [], dtype="<i4"),
        "baseline": np.zeros(width or values[0].shape[1]),
        "medians": np.empty(0),
    }


def with_baseline(found: dict[str, Any], baseline: Floats, *, binary: bool) -> dict[str, Any]:
    """Set the start; the one decision value of two classes becomes the second of two."""
    found["baseline"] = np.asarray(baseline, dtype=np.float64)
    if binary:
        found["baseline"] = np.append(0.0, baseline)
        found["outputs"] = found["outputs"] + np.int32(1)
    return found


def limits(parameters: Parameters) -> Floats:
    """Return, for each node, the greatest number that goes left: its threshold, where values are not rounded.

    Where they are, it is the greatest number of which the float32 is at most the threshold. Numbers half-way between
    two of float32 are rounded to the even one.
    """
    if parameters["rounding"] == "none":
        threshold: Floats = parameters["threshold"]
        return threshold
    below = single_limits(parameters)
    with np.errstate(over="ignore"):
        above = np.nextafter(below, np.float32(np.inf))
    lower, upper = (np.clip(side.astype(np.float64), -(2.0**128), 2.0**128) for side in (below, above))
    middle = (lower + upper) / 2.0
    is_even = below.view(np.int32) & 1 == 0
    found: Floats = np.where(is_even, middle, np.nextafter(middle, -np.inf))
    return found


def single_limits(parameters: Parameters) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return, for each node, the greatest float32 that goes left."""
    threshold: Floats = parameters["threshold"]
    with np.errstate(over="ignore"):
        below = threshold.astype(np.float32)
        lower = np.nextafter(below, np.float32(-np.inf))
    return np.where(below > threshold, lower, below)
