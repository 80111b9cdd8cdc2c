"""Detectors of anomalies: which rows are unlike the others."""

from __future__ import annotations

from sqlite_ml_vtab.learning.algorithms.base import Algorithm

_SHARE = {"contamination": "contamination"}

ANOMALIES = {
    "isolation_forest": Algorithm(
        doc="Random trees: a row that few splits set apart is an anomaly.",
        family="trees",
        estimators={"anomaly": "sklearn.ensemble:IsolationForest"},
        option_params=_SHARE,
    ),
    "local_outlier_factor": Algorithm(
        doc="How much sparser the surroundings of a row are than those of its neighbours.",
        family="density",
        estimators={"anomaly": "sklearn.neighbors:LocalOutlierFactor"},
        # Without it the estimator has no answer for any row but those it was fitted on.
        defaults={"novelty": True},
        scale="standard",
        option_params=_SHARE,
    ),
    "one_class_svm": Algorithm(
        doc="A border around the bulk of the rows, by a kernel.",
        family="kernel",
        estimators={"anomaly": "sklearn.svm:OneClassSVM"},
        # scikit-learn's own default, 0.5, takes half of all rows for anomalies.
        defaults={"nu": 0.1},
        scale="standard",
        option_params={"contamination": "nu"},
    ),
    "elliptic_envelope": Algorithm(
        doc="One Gaussian, fitted to the rows that agree best: a row far from its centre is an anomaly.",
        family="quadratic",
        estimators={"anomaly": "sklearn.covariance:EllipticEnvelope"},
        scale="standard",
        option_params=_SHARE,
    ),
}
