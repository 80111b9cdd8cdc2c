"""Training columns to an Encoder and the matrix that the estimator is fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sqlite_ml_vtab.learning.columns import Feature, Learned, Wish, learn
from sqlite_ml_vtab.portable.encoder import Encoder
from sqlite_ml_vtab.portable.values import Column, Floats


@dataclass(frozen=True, slots=True)
class Encoded:
    """A fitted encoder and its training matrix."""

    encoder: Encoder
    matrix: Floats
    """Shape (n, width); target means in it are cross-fitted, so that no row sees its own target."""
    is_cross_fitted: bool
    """Whether `matrix` differs from what the encoder makes of the same rows."""
    notes: tuple[str, ...]

    @property
    def codes(self) -> list[int]:
        """How many codes each matrix column can have, where the algorithm wanted codes."""
        edges = [column.edges for column in self.encoder.columns if column.width]
        sizes = [len(column.categories) for column in self.encoder.columns if column.width]
        return [size + 2 if bins is None else len(bins) + 2 for bins, size in zip(edges, sizes, strict=True)]


def fit_encoder(features: Sequence[Feature], columns: Sequence[Column], target: Any, wish: Wish) -> Encoded:
    """Learn how to encode feature `columns` of n training values each; `target` is classes or numbers, (n,)."""
    learned = [learn(feature, column, target, wish) for feature, column in zip(features, columns, strict=True)]
    fill = np.concatenate([found.fill for found in learned])
    encodings = tuple(found.encoding for found in learned)
    encoder = Encoder(encodings, fill, np.zeros(len(fill)), np.ones(len(fill)))
    matrix = encoder.matrix(columns)
    _put_cross_fitted(matrix, learned)
    is_cross_fitted = any(found.cross_fitted is not None for found in learned)
    return Encoded(
        _scaled(encoder, matrix, learned),
        matrix,
        is_cross_fitted,
        tuple(note for found in learned for note in found.notes),
    )


def _put_cross_fitted(matrix: Floats, learned: Sequence[Learned]) -> None:
    start = 0
    for found in learned:
        stop = start + found.encoding.width
        if found.cross_fitted is not None:
            matrix[:, start:stop] = found.cross_fitted
        start = stop


def _scaled(encoder: Encoder, matrix: Floats, learned: Sequence[Learned]) -> Encoder:
    """Learn the scaling from `matrix`, apply it in place, and return the encoder that does the same."""
    names = np.array([found.scaler for found in learned for _ in range(found.encoding.width)])
    centre, scale = encoder.centre.copy(), encoder.scale.copy()
    for name in sorted(set(names.tolist()) - {"none"}):
        places = np.flatnonzero(names == name)
        chosen = matrix if len(places) == len(names) else matrix[:, places]
        centre[places], scale[places] = SCALERS[name](chosen)
    scaled = encoder._replace(centre=centre, scale=scale)
    if not scaled.is_unscaled:
        matrix -= centre
        matrix /= scale
    return scaled


def _standard(matrix: Floats) -> tuple[Any, Any]:
    from sklearn.preprocessing import StandardScaler

    fitted = StandardScaler().fit(matrix)
    return fitted.mean_, fitted.scale_


def _minmax(matrix: Floats) -> tuple[Any, Any]:
    from sklearn.preprocessing import MinMaxScaler

    fitted = MinMaxScaler().fit(matrix)
    return fitted.data_min_, 1.0 / fitted.scale_


def _maxabs(matrix: Floats) -> tuple[Any, Any]:
    from sklearn.preprocessing import MaxAbsScaler

    return 0.0, MaxAbsScaler().fit(matrix).scale_


def _robust(matrix: Floats) -> tuple[Any, Any]:
    from sklearn.preprocessing import RobustScaler

    fitted = RobustScaler().fit(matrix)
    return fitted.center_, fitted.scale_


SCALERS: dict[str, Callable[[Floats], tuple[Any, Any]]] = {
    "standard": _standard,
    "minmax": _minmax,
    "maxabs": _maxabs,
    "robust": _robust,
}
"""By name: a matrix (n, width) to what is subtracted from its columns and what they are divided by; beside ``none``."""
