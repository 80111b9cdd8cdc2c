"""Gradient boosting by other libraries, as extras."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

BOOSTERS = {
    "lightgbm": Algorithm(
        doc="LightGBM's gradient boosting (extra: lightgbm).",
        family="trees",
        estimators={"classification": "lightgbm:LGBMClassifier", "regression": "lightgbm:LGBMRegressor"},
        defaults={"verbose": -1, "deterministic": True, "force_row_wise": True},
        takes_nan=True,
        extra="lightgbm",
    ),
    "xgboost": Algorithm(
        doc="XGBoost's gradient boosting (extra: xgboost).",
        family="trees",
        estimators={"classification": "xgboost:XGBClassifier", "regression": "xgboost:XGBRegressor"},
        defaults={"tree_method": "hist"},
        takes_nan=True,
        extra="xgboost",
        tolerance=1e-6,
    ),
    "xgboost_random_forest": Algorithm(
        doc="A random forest grown by XGBoost (extra: xgboost).",
        family="trees",
        estimators={"classification": "xgboost:XGBRFClassifier", "regression": "xgboost:XGBRFRegressor"},
        defaults={"tree_method": "hist"},
        takes_nan=True,
        extra="xgboost",
        tolerance=1e-6,
    ),
}
