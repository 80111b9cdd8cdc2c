"""Curves through one feature."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

CURVES = {
    "isotonic": Algorithm(
        doc="The best curve that only rises (or falls) with its one feature.",
        family="isotonic",
        estimators={"regression": "sklearn.isotonic:IsotonicRegression"},
        defaults={"increasing": "auto", "out_of_bounds": "clip"},
        one_column=True,
    ),
}
