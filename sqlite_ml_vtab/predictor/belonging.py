"""Whether a model is one of this very predictor: rows of shadow tables can be copied from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_ml_vtab.declaration import Declaration, Kind, Role
from sqlite_ml_vtab.declaration.tasks import components
from sqlite_ml_vtab.portable import JointModel, Model, StoredModel, members
from sqlite_ml_vtab.portable.values import ONE
from sqlite_ml_vtab.predictor.base import Predictor

if TYPE_CHECKING:
    from sqlite_ml_vtab.portable.forecasts import ForecastModel

_FITS = {Kind.ANY: tuple(ONE), Kind.CATEGORY: ("CATEGORY", "WORDS")}
"""The kinds that a model can have decided on, where they are not the declared one."""


def belongs(predictor: Predictor, model: StoredModel) -> bool:
    """Return whether `model` has the task, the targets, the features and the kinds that are declared."""
    declaration = predictor.declaration
    if not isinstance(model, Model | JointModel):
        return declaration.has_series and _is_of_series(declaration, model) and _has_features(declaration, model)
    targets = [column.name for column in declaration.targets]
    if isinstance(model, JointModel) and list(model.targets) != targets:
        return False
    if (model.task, len(members(model))) != (declaration.task, max(1, len(targets))):
        return False
    if model.task == "projection" and members(model)[0].outputs != components(declaration.options):
        return False
    return _has_features(declaration, model)


def _is_of_series(declaration: Declaration, model: ForecastModel) -> bool:
    roles = ((Role.TARGET, (model.target,)), (Role.ORDER, (model.order,)), (Role.GROUP, model.groups))
    return all(tuple(column.name for column in declaration.having(role)) == names for role, names in roles)


def _has_features(declaration: Declaration, model: StoredModel) -> bool:
    features = model.features if isinstance(model, Model | JointModel) else model.declared
    if [name for name, _ in features] != [column.name for column in declaration.features]:
        return False
    kinds = [column.kind for column in declaration.features]
    return all(has in _FITS.get(kind, (kind,)) for kind, (_, has) in zip(kinds, features, strict=True))
