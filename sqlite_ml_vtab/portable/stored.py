"""Any stored model: what the bytes in the database are, and what answers for them.

Forecasts bring steps, lags and a loop of their own: they are imported where one is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from sqlite_ml_vtab.portable import codec
from sqlite_ml_vtab.portable import model as plain
from sqlite_ml_vtab.portable.families.base import MatrixScores
from sqlite_ml_vtab.portable.model import AnyModel, JointModel, Model
from sqlite_ml_vtab.portable.pattern_scoring import AnyScorer
from sqlite_ml_vtab.portable.pattern_scoring import scorer_of as plain_scorer_of

if TYPE_CHECKING:
    from sqlite_ml_vtab.portable.forecasts import Forecaster, ForecastModel

StoredModel: TypeAlias = "AnyModel | ForecastModel"
StoredScorer: TypeAlias = "AnyScorer | Forecaster"


def members(model: StoredModel) -> tuple[Model, ...]:
    """Return the models that `model` is made of."""
    return plain.members(model) if isinstance(model, Model | JointModel) else model.models


def to_bytes(model: StoredModel) -> bytes:
    """Return the bytes that stand for `model` in the database.

    Raises ModelError for a model that `from_bytes` would refuse.
    """
    if isinstance(model, Model | JointModel):
        return plain.to_bytes(model)
    from sqlite_ml_vtab.portable.forecasts import forecast_bytes

    return forecast_bytes(model)


def from_bytes(blob: bytes, limit: int = codec.MAX_BYTES) -> StoredModel:
    """Return the model that `blob` holds, wholly checked: evaluating it is safe and ends.

    Raises ModelError for everything else.
    """
    tree = codec.decode(blob, limit)
    if "recipe" not in tree:
        return plain.from_tree(tree)
    from sqlite_ml_vtab.portable.forecasts import forecast_from_tree

    return forecast_from_tree(tree)


def scorer_of(model: StoredModel, refitted: Sequence[MatrixScores | None]) -> StoredScorer:
    """Return what answers for `model`; `refitted` has an entry for each of its members."""
    if isinstance(model, Model | JointModel):
        return plain_scorer_of(model, refitted)
    from sqlite_ml_vtab.portable.forecasts import Forecaster

    return Forecaster(model, refitted)
