"""What a combined model says: validation of its members, and the answers of one row or of many.

Of each member something is read: its ``answer`` (probabilities, or a number), its ``decision`` values (of two classes
the first is 0), its ``vote`` (1 for the predicted class) or the ``label`` (the place of that class). Curves then bend
it. Together it is the mean, the sum or the median of the members, or what a final model makes of them (stack).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, Parameters, RowScores, array, names, require, word
from sqlite_ml_vtab.portable.families.medians import weighted_median, weighted_median_of_one
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.values import Floats

MAX_MEMBERS = 10_000
MAX_DEPTH = 3
"""So deep may combined models stand in combined models."""


def families() -> Mapping[str, Family]:
    """Return the registry, which holds this family too."""
    from sqlite_ml_vtab.portable.families import FAMILIES

    return FAMILIES


# Validation


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require members that are valid themselves and fit together."""
    _validate(parameters, width, outputs, MAX_DEPTH)


def _validate(parameters: Parameters, width: int, outputs: int, depth: int) -> None:
    require(depth > 0, f"models nested deeper than {MAX_DEPTH}")
    names(parameters, "how", "members", "weights", "final")
    word(parameters, "how", "mean", "sum", "median", "stack")
    how, members, final = parameters["how"], parameters["members"], parameters["final"]
    require(isinstance(members, list) and 1 <= len(members) <= MAX_MEMBERS, "members")
    weights = array(parameters, "weights", "<f8", (len(members),))
    require((weights >= 0).all() and weights.any(), "weights of members")
    require(how != "median" or outputs == 1, "a median of classes")
    said = sum(_validate_member(member, width, outputs, depth) for member in members)
    labels = any(member["reads"] == "label" for member in members)
    require(how == "stack" or not labels, "labels that are no numbers")
    require(isinstance(final, list) and len(final) == (how == "stack"), "the final model")
    for member in final:
        _validate_member(member, said, outputs, depth)


def _validate_member(member: Any, width: int, outputs: int, depth: int) -> int:
    """Return how many values it hands on to a final model."""
    keys = {"family", "parameters", "columns", "reads", "curves"}
    require(isinstance(member, dict) and member.keys() == keys, "a member")
    name, own = member["family"], member["parameters"]
    require(isinstance(name, str) and name in families() and isinstance(own, dict), "a member's family")
    link = own.get("link")
    require(isinstance(link, str) and link in LINKS, "a member's link")
    require(link not in ("sigmoid", "modified_huber") or outputs == 2, "a member's link")
    columns = array(member, "columns", "<i4", (None,))
    require(((columns >= 0) & (columns < width)).all(), "a member's columns")
    inner = len(columns) or width
    if name == "combined":
        _validate(own, inner, outputs, depth - 1)
    else:
        families()[name].validate(own, inner, outputs)
    word(member, "reads", *_READS)
    _validate_curves(member, outputs)
    return 1 if outputs <= 2 or member["reads"] == "label" else outputs


def _validate_curves(member: Mapping[str, Any], outputs: int) -> None:
    curves = member["curves"]
    require(isinstance(curves, list), "curves")
    if not curves:
        return
    # Of a number there is nothing to bend: one curve makes the probabilities of two classes.
    require(outputs > 1, "curves")
    require(len(curves) == (1 if outputs == 2 else outputs) and member["reads"] in ("answer", "decision"), "curves")
    for curve in curves:
        require(isinstance(curve, dict) and curve.keys() in ({"a", "b"}, {"x", "y"}), "a curve")
        if "a" in curve:
            require(all(type(value) in (int, float) and abs(value) < 1e300 for value in curve.values()), "a curve")
        else:
            x = array(curve, "x", "<f8", (None,))
            array(curve, "y", "<f8", (len(x),))
            require(len(x) > 0 and bool((np.diff(x) >= 0).all()), "a curve out of order")


# Many rows


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return what the members say together."""
    how, weights = parameters["how"], parameters["weights"]
    said = [_said(member, matrix) for member in parameters["members"]]
    if how == "stack":
        return _raw(parameters["final"][0], np.hstack([each[:, 1:] if each.shape[1] == 2 else each for each in said]))
    if how == "median":
        return weighted_median(np.hstack(said), weights)[:, None]
    total = np.zeros_like(said[0])
    for each, weight in zip(said, weights.tolist(), strict=True):
        total += each * weight
    return np.asarray(total / weights.sum() if how == "mean" else total)


def ambiguous(parameters: Parameters, matrix: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the rows whose answer a member leaves open (what a final model makes of answers is not looked at)."""
    found = np.zeros(len(matrix), dtype=np.bool_)
    for member in parameters["members"]:
        is_open = families()[member["family"]].ambiguous
        if is_open is not None:
            found |= is_open(member["parameters"], _seen(member, matrix))
    return found


def _raw(member: Mapping[str, Any], matrix: Floats) -> Floats:
    found: Floats = families()[member["family"]].scores(member["parameters"], _seen(member, matrix))
    return found


def _seen(member: Mapping[str, Any], matrix: Floats) -> Floats:
    columns = member["columns"]
    return matrix[:, columns] if len(columns) else matrix


def _said(member: Mapping[str, Any], matrix: Floats) -> Floats:
    """Return what is read of a member, bent by its curves."""
    read, _ = _READS[member["reads"]]
    found = read(member["parameters"]["link"], _raw(member, matrix))
    return _bent(member["curves"], found) if member["curves"] else found


def _answers(link: str, raw: Floats) -> Floats:
    return LINKS[link].many(raw)


def _decisions(link: str, raw: Floats) -> Floats:
    return np.column_stack((np.zeros(len(raw)), raw[:, 1] - raw[:, 0])) if raw.shape[1] == 2 else raw


def _votes(link: str, raw: Floats) -> Floats:
    return np.asarray(np.eye(raw.shape[1])[raw.argmax(axis=1)])


def _labels(link: str, raw: Floats) -> Floats:
    return np.asarray(raw.argmax(axis=1)[:, None], dtype=np.float64)


def _bent(curves: Sequence[Mapping[str, Any]], found: Floats) -> Floats:
    """Return probabilities: of two classes by one curve over the second, else by class and shared out."""
    if len(curves) == 1:
        second = _bend(curves[0], found[:, -1])
        return np.column_stack((1.0 - second, second))
    chances = np.column_stack([_bend(curve, column) for curve, column in zip(curves, found.T, strict=True)])
    total = chances.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(chances, total, out=np.full_like(chances, 1 / chances.shape[1]), where=total != 0))


def _bend(curve: Mapping[str, Any], values: Floats) -> Floats:
    if "a" in curve:
        return LINKS["sigmoid"].many(np.column_stack((values, -(curve["a"] * values + curve["b"]))))[:, 1]
    return np.asarray(np.interp(values, curve["x"], curve["y"]))


# One row


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row, each member on its own one-row path."""
    how, weights = parameters["how"], parameters["weights"].tolist()
    readers = [_row_said(member) for member in parameters["members"]]
    if how == "stack":
        final = _row_raw(parameters["final"][0])
        return lambda x: final([value for read in readers for value in _kept(read(x))])
    if how == "median":
        return lambda x: (weighted_median_of_one([read(x)[0] for read in readers], weights),)
    divisor = float(parameters["weights"].sum()) if how == "mean" else 1.0

    def one(x: list[float]) -> list[float]:
        said = [read(x) for read in readers]
        total = [0.0] * len(said[0])
        for values, weight in zip(said, weights, strict=True):
            total = [sum_ + value * weight for sum_, value in zip(total, values, strict=True)]
        return [value / divisor for value in total]

    return one


def _kept(said: Sequence[float]) -> Sequence[float]:
    """Return what stacking hands on: of two classes the second alone, as scikit-learn does."""
    return said[1:] if len(said) == 2 else said


def _row_raw(member: Mapping[str, Any]) -> RowScores:
    decide, _ = families()[member["family"]].ready(member["parameters"])
    columns = member["columns"].tolist()
    return (lambda x: decide([x[place] for place in columns])) if columns else decide


def _row_said(member: Mapping[str, Any]) -> RowScores:
    decide, curves = _row_raw(member), member["curves"]
    _, read = _READS[member["reads"]]
    link = member["parameters"]["link"]
    if not curves:
        return lambda x: read(link, decide(x))

    def bent(x: list[float]) -> list[float]:
        said = np.array([read(link, decide(x))])
        with np.errstate(all="ignore"):
            found: list[float] = _bent(curves, said)[0].tolist()
        return found

    return bent


def _answer(link: str, raw: Sequence[float]) -> Sequence[float]:
    return LINKS[link].one(raw)


def _decision(link: str, raw: Sequence[float]) -> Sequence[float]:
    return (0.0, raw[1] - raw[0]) if len(raw) == 2 else raw


def _vote(link: str, raw: Sequence[float]) -> Sequence[float]:
    winner = max(range(len(raw)), key=raw.__getitem__)
    return [float(place == winner) for place in range(len(raw))]


def _label(link: str, raw: Sequence[float]) -> Sequence[float]:
    return (float(max(range(len(raw)), key=raw.__getitem__)),)


_Read = Callable[[str, Any], Any]

_READS: dict[str, tuple[_Read, _Read]] = {
    "answer": (_answers, _answer),
    "decision": (_decisions, _decision),
    "vote": (_votes, _vote),
    "label": (_labels, _label),
}
"""By name: (link, decision values) to what is read of them, for many rows and for one."""
