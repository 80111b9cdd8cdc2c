"""Any stored model: what the bytes in the database are, and what answers for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sqlite_ml_vtab.portable import codec
from sqlite_ml_vtab.portable import model as plain
from sqlite_ml_vtab.portable.families.base import MatrixScores
from sqlite_ml_vtab.portable.forecasts import (
    Forecaster,
    ForecastModel,
    forecast_bytes,
    forecast_from_tree,
    is_forecast,
)
from sqlite_ml_vtab.portable.model import AnyModel, Model
from sqlite_ml_vtab.portable.pattern_scoring import AnyScorer
from sqlite_ml_vtab.portable.pattern_scoring import scorer_of as plain_scorer_of

StoredModel: TypeAlias = AnyModel | ForecastModel
StoredScorer: TypeAlias = AnyScorer | Forecaster


def members(model: StoredModel) -> tuple[Model, ...]:
    """Return the models that `model` is made of."""
    return model.models if isinstance(model, ForecastModel) else plain.members(model)


def to_bytes(model: StoredModel) -> bytes:
    """Return the bytes that stand for `model` in the database.

    Raises ModelError for a model that `from_bytes` would refuse.
    """
    return forecast_bytes(model) if isinstance(model, ForecastModel) else plain.to_bytes(model)


def from_bytes(blob: bytes, limit: int = codec.MAX_BYTES) -> StoredModel:
    """Return the model that `blob` holds, wholly checked: evaluating it is safe and ends.

    Raises ModelError for everything else.
    """
    tree = codec.decode(blob, limit)
    return forecast_from_tree(tree) if is_forecast(tree) else plain.from_tree(tree)


def scorer_of(model: StoredModel, refitted: Sequence[MatrixScores | None]) -> StoredScorer:
    """Return what answers for `model`; `refitted` has an entry for each of its members."""
    return Forecaster(model, refitted) if isinstance(model, ForecastModel) else plain_scorer_of(model, refitted)
