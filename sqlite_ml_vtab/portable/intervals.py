"""How sure an answer is: bounds around a number and sets of probable labels, by what the hold-out taught.

A label or a number is inside where it does not lie further off than `limit`, which learning/conformal.py found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.base import Parameters, RowScores, require, word
from sqlite_ml_vtab.portable.inverse import INVERSES
from sqlite_ml_vtab.portable.values import Floats

TREES = FAMILIES["trees"]


class Conformal(NamedTuple):
    """What turns an answer into an interval or a set of labels."""

    limit: float
    """How far the truth may lie off; inf where too few rows were tested to say.

    Regression: half the width of the interval, in units of the difficulty. Classification with probabilities: the
    least probability of a label in the set; without: the greatest distance of its decision value from the greatest.
    """
    difficulty: Parameters | None = None
    """Regression: trees over the matrix with the number behind its columns, to how hard a row is, above 0; None: all
    rows are alike."""


# In the stored model


def tree(conformal: Conformal | None) -> dict[str, Any] | None:
    """Return what stands for it in the header."""
    if conformal is None:
        return None
    limit = None if math.isinf(conformal.limit) else conformal.limit
    return {"limit": limit, "difficulty": None if conformal.difficulty is None else dict(conformal.difficulty)}


def from_tree(found: Any) -> Conformal | None:
    """Return what the header holds, not yet validated."""
    if found is None:
        return None
    require(isinstance(found, dict) and found.keys() == {"limit", "difficulty"}, "conformal")
    return Conformal(math.inf if found["limit"] is None else found["limit"], found["difficulty"])


def validate(conformal: Any, *, width: int, is_regression: bool, has_probabilities: bool) -> None:
    """Raise ModelError unless the limit is one, and the difficulty of every row of `width` columns is above 0."""
    if conformal is None:
        return
    require(isinstance(conformal, Conformal), "conformal")
    limit, difficulty = conformal.limit, conformal.difficulty
    require(type(limit) in (int, float) and limit >= 0, "conformal limit")
    require(not has_probabilities or limit <= 1, "conformal limit")
    if difficulty is None:
        return
    require(is_regression and isinstance(difficulty, Mapping), "difficulty")
    TREES.validate(difficulty, width + 1, 1)
    word(difficulty, "link", "identity")
    word(difficulty, "rounding", "float32")
    require(not len(difficulty["medians"]) and not len(difficulty["outputs"]), "difficulty")
    # The sum over trees of what is not negative, over a start above 0, is above 0; and so bounded it is finite.
    require(bool((difficulty["value"] >= 0).all() and (difficulty["value"] <= MAX_DIFFICULTY).all()), "difficulty")
    require(1 / MAX_DIFFICULTY <= float(difficulty["baseline"][0]) <= MAX_DIFFICULTY, "difficulty")


MAX_DIFFICULTY = 1e30
"""A difficulty is about 1; greater than this, or smaller than its inverse, none can be."""


# Bounds


def difficulty_of_one(conformal: Conformal | None) -> RowScores | None:
    """Return the function from a matrix row, with the number behind it, to its difficulty; None: all are alike."""
    return None if conformal is None or conformal.difficulty is None else TREES.row(conformal.difficulty)


def difficulties(difficulty: Parameters, matrix: Floats, centres: Floats) -> Floats:
    """Return how hard each row of `matrix` (n, width) with its number `centres` (n,) is, (n,)."""
    return TREES.scores(difficulty, np.column_stack((matrix, centres)))[:, 0]


def ends(centres: Floats, widths: Floats, inverse: tuple[str, tuple[float, ...]]) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends, (n,) each, in the target's own unit; not finite where there is none.

    They are bent back one by one: the inverses rise everywhere, so that what was inside stays inside.
    """
    name, parameters = inverse
    bend = INVERSES[name].many
    with np.errstate(all="ignore"):
        return bend(centres - widths, *parameters), bend(centres + widths, *parameters)


# Sets


def places(ranked: Sequence[float], least: float, predicted: int) -> list[int]:
    """Return the places of the labels of at least `least`, and the predicted one, from the greatest on."""
    inside = [place for place, value in enumerate(ranked) if value >= least or place == predicted]
    return sorted(inside, key=ranked.__getitem__, reverse=True)
