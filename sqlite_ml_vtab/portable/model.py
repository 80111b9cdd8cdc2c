"""The portable model as a value: what is stored of a trained version, and all that predicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from sqlite_ml_vtab.portable import codec, intervals
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.families.base import Parameters, require
from sqlite_ml_vtab.portable.intervals import Conformal
from sqlite_ml_vtab.portable.inverse import INVERSES
from sqlite_ml_vtab.portable.links import LINKS
from sqlite_ml_vtab.portable.pattern import Pattern
from sqlite_ml_vtab.portable.values import ONE, Floats

Label: TypeAlias = str | int | float

DECIDES = {
    "classification": "classification",
    "regression": "regression",
    "clustering": "classification",
    "anomaly": "regression",
    "projection": "regression",
}
"""The tasks that a model can have, and whether its decision values choose a label or make numbers (see `Link.task`)."""

WITHOUT_TARGET = ("clustering", "anomaly", "projection")
"""The tasks whose model has a pattern."""

LISTED = "listed"
"""The family of a model that knows the clusters of the rows it was trained on, and can place no others."""

REFIT = "refit"
"""The family of a model that has no portable form: it is refitted from its rows on first use in a process."""


class Golden(NamedTuple):
    """A few training rows with what the model answered when it was stored; checked when it is rebuilt."""

    rows: tuple[tuple[Any, ...], ...]
    """Feature values as they would be given to a prediction."""
    scores: tuple[tuple[float, ...], ...]
    """The decision values of each row."""


class Model(NamedTuple):
    """A trained version in its portable form."""

    task: str
    """A key of DECIDES."""
    encoder: Encoder
    labels: tuple[Label, ...]
    """The classes in the order of the decision values, as they were stored, or the clusters from 0. Else empty."""
    family: str
    """A key of FAMILIES, REFIT or LISTED."""
    parameters: Parameters
    """What the family stores, and ``link``, a key of LINKS."""
    golden: Golden
    costs: Floats
    """Classification: the cost of predicting (column) for each actual class (row); (0, 0): the likelier class wins."""
    inverse: tuple[str, tuple[float, ...]] = ("none", ())
    """Regression: the entry of INVERSES, with its parameters, that leads back to the target's unit."""
    conformal: Conformal | None = None
    """How far the truth may lie from the answer; None where there was no hold-out."""
    pattern: Pattern | None = None
    """What a task without a target adds; None for the others."""

    @property
    def outputs(self) -> int:
        """How many decision values a row has."""
        return len(self.labels) or (1 if self.pattern is None else self.pattern.outputs)

    @property
    def features(self) -> list[tuple[str, str]]:
        """The name and the kind of each feature."""
        return [(column.name, column.kind) for column in self.encoder.columns]


class JointModel(NamedTuple):
    """One model for each of several targets, over the same features."""

    targets: tuple[str, ...]
    """The names of the target columns."""
    models: tuple[Model, ...]
    """One for each, each with an encoder of its own."""

    @property
    def task(self) -> str:
        """A key of DECIDES that has a target."""
        return self.models[0].task

    @property
    def family(self) -> str:
        """The family of all, or REFIT where one has no portable form."""
        families = {model.family for model in self.models}
        return REFIT if REFIT in families else self.models[0].family

    @property
    def features(self) -> list[tuple[str, str]]:
        """The name and the kind of each feature."""
        return self.models[0].features


AnyModel: TypeAlias = Model | JointModel


def members(model: AnyModel) -> tuple[Model, ...]:
    """Return the model of each target."""
    return model.models if isinstance(model, JointModel) else (model,)


def to_bytes(model: AnyModel) -> bytes:
    """Return the bytes that stand for `model` in the database.

    Raises ModelError for a model that `from_bytes` would refuse.
    """
    for one in members(model):
        _validate(one)
    if isinstance(model, JointModel):
        _validate_joint(model)
        return codec.encode({"targets": list(model.targets), "models": [model_tree(one) for one in model.models]})
    return codec.encode(model_tree(model))


def model_tree(model: Model) -> dict[str, Any]:
    """Return what is stored of one model, which may be part of another."""
    encoder = model.encoder
    added = {} if model.pattern is None else {"pattern": model.pattern.tree()}
    return added | {
        "task": model.task,
        "columns": [_column_tree(column) for column in encoder.columns],
        "fill": encoder.fill,
        "centre": encoder.centre,
        "scale": encoder.scale,
        "labels": list(model.labels),
        "family": model.family,
        "parameters": dict(model.parameters),
        "conformal": intervals.tree(model.conformal),
        "costs": model.costs,
        "inverse": {"name": model.inverse[0], "parameters": list(model.inverse[1])},
        "golden": {"rows": model.golden.rows, "scores": model.golden.scores},
    }


def from_bytes(blob: bytes, limit: int = codec.MAX_BYTES) -> AnyModel:
    """Return the model that `blob` holds, wholly checked: evaluating it is safe and ends.

    Raises ModelError for everything else.
    """
    return from_tree(codec.decode(blob, limit))


def from_tree(tree: dict[str, Any]) -> AnyModel:
    """Return the model that a decoded header holds, as `from_bytes` does."""
    if tree.keys() != {"targets", "models"}:
        return model_from_tree(tree)
    joint = JointModel(_texts(tree, "targets"), tuple(map(model_from_tree, _list(tree, "models"))))
    _validate_joint(joint)
    return joint


def _validate_joint(joint: JointModel) -> None:
    require(2 <= len(joint.targets) == len(joint.models) <= 1000, "targets")
    require(len(set(joint.targets)) == len(joint.targets), "a target twice")
    require(joint.task not in WITHOUT_TARGET, "targets")
    require(all(model.task == joint.task and model.features == joint.features for model in joint.models), "targets")


def model_from_tree(tree: Any) -> Model:
    """Return the one model that a header, or a part of one, holds, wholly checked; raise ModelError for all else."""
    has_pattern = isinstance(tree, dict) and "pattern" in tree
    _keys(tree, *_TREE, *["pattern"] * has_pattern)
    encoder = Encoder(
        tuple(_column(entry) for entry in _list(tree, "columns")),
        *(_array(tree, name) for name in ("fill", "centre", "scale")),
    )
    model = Model(
        task=tree["task"],
        encoder=encoder,
        labels=tuple(_list(tree, "labels")),
        family=tree["family"],
        parameters=tree["parameters"],
        golden=_golden(tree["golden"]),
        costs=_array(tree, "costs"),
        inverse=_inverse(tree["inverse"]),
        conformal=intervals.from_tree(tree["conformal"]),
        pattern=_pattern(tree["pattern"]) if has_pattern else None,
    )
    _validate(model)
    return model


_TREE = (
    *("task", "columns", "fill", "centre", "scale", "labels", "family", "parameters", "golden"),
    *("costs", "inverse", "conformal"),
)


def _pattern(tree: Any) -> Pattern:
    _keys(tree, "outputs", "threshold", "ids", "values", "digests")
    kept = (_array(tree, name) for name in ("ids", "values", "digests"))
    return Pattern(tree["outputs"], tree["threshold"], *kept)


def _inverse(tree: Any) -> tuple[str, tuple[float, ...]]:
    _keys(tree, "name", "parameters")
    return tree["name"], tuple(_list(tree, "parameters"))


def _column_tree(column: ColumnEncoding) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": column.name, "kind": column.kind}
    if column.kind == "WORDS":
        return tree | {"terms": list(column.categories), "idf": column.idf, "topics": column.table}
    if column.kind == "CATEGORY":
        return tree | {"categories": list(column.categories), "table": column.table}
    span = [None, None] if math.isnan(column.low) else [column.low, column.high]
    return tree | {"parts": list(column.parts), "range": span, "edges": column.edges}


def _column(entry: Any) -> ColumnEncoding:
    require(isinstance(entry, dict) and isinstance(entry.get("name"), str), "a column")
    name, kind = entry["name"], entry.get("kind")
    require(isinstance(kind, str) and kind in ONE, "a column's kind")
    if kind == "WORDS":
        _keys(entry, "name", "kind", "terms", "idf", "topics")
        topics = None if entry["topics"] is None else _array(entry, "topics")
        return ColumnEncoding(name, kind, categories=_texts(entry, "terms"), idf=_array(entry, "idf"), table=topics)
    if kind == "CATEGORY":
        _keys(entry, "name", "kind", "categories", "table")
        return ColumnEncoding(name, kind, categories=_texts(entry, "categories"), table=_array(entry, "table"))
    _keys(entry, "name", "kind", "parts", "range", "edges")
    low, high = _range(entry["range"])
    edges = None if entry["edges"] is None else _array(entry, "edges")
    return ColumnEncoding(name, kind, parts=_texts(entry, "parts"), low=low, high=high, edges=edges)


def _range(span: Any) -> tuple[float, float]:
    require(isinstance(span, list) and len(span) == 2, "a column's range")
    if all(bound is None for bound in span):
        return math.nan, math.nan
    require(all(type(bound) in (int, float) for bound in span) and span[0] <= span[1], "a column's range")
    return float(span[0]), float(span[1])


def _golden(tree: Any) -> Golden:
    _keys(tree, "rows", "scores")
    rows, scores = _list(tree, "rows"), _list(tree, "scores")
    require(len(rows) == len(scores) <= 100, "golden rows")
    require(all(isinstance(row, list) for row in (*rows, *scores)), "golden rows")
    return Golden(tuple(map(tuple, rows)), tuple(map(tuple, scores)))


def _validate(model: Model) -> None:
    require(isinstance(model.task, str) and model.task in DECIDES, "task")
    require(isinstance(model.family, str), "family")
    require(all(map(_is_label, model.labels)), "labels")
    require(len(set(model.labels)) == len(model.labels), "a label twice")
    has_labels = DECIDES[model.task] == "classification" and model.family != LISTED
    require(bool(model.labels) == has_labels, "labels")
    require((model.pattern is not None) == (model.task in WITHOUT_TARGET), "pattern")
    if model.pattern is not None:
        model.pattern.validate(is_listed=model.family == LISTED)
    require(0 < len(model.encoder.columns) <= 100_000, "columns")
    model.encoder.validate()
    require(model.encoder.width > 0, "no column is used")
    _validate_golden(model)
    _validate_decisions(model)
    parameters = model.parameters
    require(isinstance(parameters, dict) and isinstance(model.family, str), "family")
    link = parameters.get("link")
    require(isinstance(link, str) and link in LINKS and LINKS[link].task in (DECIDES[model.task], "both"), "link")
    if model.pattern is None:
        _validate_conformal(model)
    else:
        _validate_pattern(model, model.pattern)
    if model.family in (REFIT, LISTED):
        require(parameters.keys() == {"link"}, "parameters")
        return
    require(model.family in FAMILIES, "family")
    require(link not in ("sigmoid", "modified_huber") or model.outputs == 2, "link")
    FAMILIES[model.family].validate(parameters, model.encoder.width, model.outputs)


def _validate_pattern(model: Model, pattern: Pattern) -> None:
    require(all(type(label) is int and label == n for n, label in enumerate(model.labels)), "labels")
    require(pattern.outputs == 1 or model.task == "projection", "outputs")
    require(model.family != LISTED or model.task == "clustering", "family")
    require(model.conformal is None and not model.costs.size, "decisions")
    require(model.task != "projection" or model.parameters["link"] == "identity", "link")


def _validate_decisions(model: Model) -> None:
    costs, (name, values) = model.costs, model.inverse
    shapes = {(0, 0)} | ({(len(model.labels), len(model.labels))} if model.labels else set())
    require(costs.shape in shapes and costs.dtype == np.float64 and bool(np.isfinite(costs).all()), "costs")
    require(isinstance(name, str) and name in INVERSES and len(values) == INVERSES[name].parameters, "inverse")
    require(all(type(value) in (int, float) and math.isfinite(value) for value in values), "inverse")
    require(name == "none" or model.task == "regression", "inverse")


def _validate_conformal(model: Model) -> None:
    is_regression = model.task == "regression"
    has_probabilities = not is_regression and model.parameters["link"] != "none"
    width = model.encoder.width
    intervals.validate(model.conformal, width=width, is_regression=is_regression, has_probabilities=has_probabilities)


def _validate_golden(model: Model) -> None:
    rows, scores = model.golden.rows, model.golden.scores
    require(all(len(row) == len(model.encoder.columns) for row in rows), "golden rows")
    require(all(type(value) in (str, int, float, type(None)) for row in rows for value in row), "golden rows")
    require(all(len(row) == model.outputs for row in scores), "golden scores")
    require(all(type(v) in (int, float) and math.isfinite(v) for row in scores for v in row), "golden scores")


def _is_label(label: Any) -> bool:
    if type(label) is float:
        return math.isfinite(label)
    return type(label) is str or (type(label) is int and -(2**63) <= label < 2**63)


def _keys(tree: Any, *expected: str) -> None:
    require(isinstance(tree, dict) and tree.keys() == set(expected), "keys")


def _list(tree: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = tree[name]
    require(isinstance(value, list), name)
    assert isinstance(value, list)
    return value


def _texts(tree: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = _list(tree, name)
    require(all(isinstance(value, str) for value in values), name)
    return tuple(values)


def _array(tree: Mapping[str, Any], name: str) -> Any:
    require(isinstance(tree[name], np.ndarray), name)
    return tree[name]
