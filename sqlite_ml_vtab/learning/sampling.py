"""A seeded sample of the train part, for a fit on fewer rows than there are; the test part stays whole."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.learning.splits import Parts, Places


def sampled(parts: Parts, codes: Places | None, plan: Plan) -> Parts:
    """Return `parts` with as many rows to train on as the plan's `sample` says, at least 2; all where it says nothing.

    `codes` are the classes of all rows, None for regression. Where the split is stratified so is the sample: each
    class keeps its share, and at least one row.
    """
    whole = len(parts.train)
    if plan.sample is None:
        return parts
    count = max(2, math.ceil(whole * plan.sample) if plan.sample < 1 else int(plan.sample))
    if count >= whole:
        return parts
    if codes is not None and plan.split == "stratified":
        chosen = _by_class(codes[parts.train], count, plan.seed)
    else:
        chosen = np.random.RandomState(plan.seed).permutation(whole)[:count]
    note = f"fitted on a sample of {len(chosen)} of {whole} rows"
    return replace(parts, train=parts.train[np.sort(chosen)], notes=(*parts.notes, note))


def _by_class(codes: Places, count: int, seed: int) -> np.ndarray[Any, Any]:
    """Return the places of `count` rows, or of one for each class where these are more."""
    sizes = np.bincount(codes)
    shares = sizes * (count / len(codes))
    wanted = np.where(sizes > 0, np.maximum(np.floor(shares), 1), 0).astype(np.int64)
    # What flooring left over goes to those that lost most by it.
    left = max(0, count - int(wanted.sum()))
    wanted[np.argsort(wanted - shares, kind="stable")[:left]] += 1
    order = np.random.RandomState(seed).permutation(len(codes))
    return np.concatenate([order[codes[order] == code][:number] for code, number in enumerate(wanted)])
