"""Write tests/fixtures/format-N.db.gz and its answers: a file of this format that every later release must read.

`python campaigns/skew/fixtures.py`: once for each format number, when it is raised, with the release before that. A
file that is there is never written again.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

import apsw
import every

import sqlite_ml_vtab
from sqlite_ml_vtab.portable import codec
from sqlite_ml_vtab.store import shadows

FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures"
CHOSEN = (
    *("dummy_classification", "logistic_regression_classification", "ridge_regression", "poisson_regression"),
    *("sgd_classification", "multinomial_nb_classification", "random_forest_classification", "ada_boost_regression"),
    *("gradient_boosting_classification", "hist_gradient_boosting_regression", "knn_classification", "knn_regression"),
    *("radius_neighbors_classification", "nearest_centroid_classification", "gaussian_nb_classification"),
    *("bernoulli_nb_classification", "categorical_nb_classification", "qda_classification", "svc_classification"),
    *("svr_regression", "gaussian_process_classification", "mlp_regression", "isotonic_regression"),
    *("voting_regression", "stacking_classification", "calibrated_classification", "kmeans_clustering"),
    *("gaussian_mixture_clustering", "dbscan_clustering", "isolation_forest_anomaly", "local_outlier_factor_anomaly"),
    *("elliptic_envelope_anomaly", "pca_projection", "nmf_projection", "joint_regression", "words_classification"),
    *("decided_classification", "bent_regression", "incremental_classification", "recursive_ridge_forecast"),
    "series_trees_forecast",
)
"""Every family, every task, and every kind of value that a header can have."""


def main() -> None:
    """Write the fixture of today's formats."""
    name = f"format-{shadows.FORMAT}-{codec.FORMAT}"
    if (FIXTURES / f"{name}.db.gz").exists():
        sys.exit(f"{name} is there already: what it holds is what later releases must read.")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "fixture.db"
        answers = _write(str(path))
        (FIXTURES / f"{name}.db.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    (FIXTURES / f"{name}.json").write_text(json.dumps(answers, indent=0) + "\n", encoding="utf-8")


def _write(path: str) -> dict[str, object]:
    db = apsw.Connection(path)
    db.execute("PRAGMA page_size = 512; PRAGMA synchronous = OFF")
    sqlite_ml_vtab.load(db)
    every.fill(db)
    found = {}
    for one in every.every():
        if one.name in CHOSEN:
            every.train(db, one)
            [(scorer,)] = db.execute(f"SELECT scorer FROM {one.name}_versions")
            found[one.name] = {"scorer": scorer, "question": one.question, "answers": every.answers(db, one)}
    assert found.keys() == set(CHOSEN)
    db.execute("VACUUM")
    db.close()
    return found


if __name__ == "__main__":
    main()
