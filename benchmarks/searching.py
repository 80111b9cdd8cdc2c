"""Do tune and compare find better models, and never promote noise? Through SQL, on unseen rows and shuffled targets.

python benchmarks/searching.py better     the default, tuned and compared, on rows that no statement ever saw
python benchmarks/searching.py noise      the same commands where the target is shuffled: nothing may be promoted
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import apsw
import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from tables import TABLES, load

import sqlite_ml_vtab

BETTER = (
    *("breast_cancer", "penguins", "glass", "pima", "titanic", "chile", "mortgages", "made_churn"),
    *("diabetes", "cars", "houses", "computers", "salaries", "schools", "baseball", "made_sensors"),
)
NOISE = ("wine", "pima", "penguins", "diabetes", "houses")
CANDIDATES = {
    "classification": [
        "logistic_regression",
        "svc",
        "knn",
        "extra_trees",
        "gradient_boosting",
        "hist_gradient_boosting",
    ],
    "regression": ["ridge", "svr", "knn", "extra_trees", "gradient_boosting", "hist_gradient_boosting"],
}
ROWS = 800
RUNS = {"tune": {"trials": 15, "folds": 5}, "compare": {"repeats": 2}}


def begin(name: str, frame: Any) -> apsw.Connection:
    """Return a database whose predictor p holds the rows of `frame`, trained once by default."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    *features, target = ('"' + column.replace('"', '""') + '"' for column in frame)
    db.execute(f"CREATE VIRTUAL TABLE p USING ml_{TABLES[name].task}({', '.join(features)}, {target} TARGET)")
    marks = ", ".join("?" * frame.shape[1])
    db.executemany(f"INSERT INTO p VALUES ({marks})", frame.itertuples(index=False, name=None))
    db.execute("INSERT INTO p(p) VALUES ('train')")
    return db


def run(db: apsw.Connection, name: str, command: str, **options: Any) -> None:
    if command == "compare":
        options["algorithms"] = CANDIDATES[TABLES[name].task]
    text = json.dumps({**RUNS[command], **options})
    db.execute("INSERT INTO p(p, options) VALUES (?, ?)", (command, text))


def outside_score(db: apsw.Connection, name: str, frame: Any, version: int) -> float:
    """Return the main metric of a version on rows that the database never held."""
    features = frame.iloc[:, :-1]
    asked = json.dumps([dict(zip(features, row, strict=True)) for row in features.itertuples(index=False, name=None)])
    target = '"' + frame.columns[-1].replace('"', '""') + '"'
    said = [value for (value,) in db.execute(f"SELECT {target} FROM p(?) WHERE version = ?", (asked, version))]
    truth = frame.iloc[:, -1].tolist()
    if TABLES[name].task == "classification":
        return float(accuracy_score(list(map(str, truth)), list(map(str, said))))
    return float(r2_score(truth, said))


def better() -> None:
    """Print the score of the default, and of what tune and compare made of it, on held-out rows."""
    print(f"{'table':15}{'default':>9}{'tuned':>9}{'after tune':>12}{'after compare':>15}")
    found = []
    for name in (name for name in BETTER if TABLES[name].is_here):
        frame = load(name)
        frame = frame.sample(min(len(frame), ROWS), random_state=1)
        outside, inside = frame.iloc[: len(frame) // 3], frame.iloc[len(frame) // 3 :]
        scores = []
        for command in ("tune", "compare"):
            db = begin(name, inside)
            run(db, name, command)
            deployed = db.execute("SELECT deployed FROM ml_tables").get
            versions = [1, 2, deployed] if command == "tune" else [deployed]
            scores += [outside_score(db, name, outside, version) for version in versions]
            db.close()
        found.append(scores)
        print(f"{name:15}{scores[0]:9.3f}{scores[1]:9.3f}{scores[2]:12.3f}{scores[3]:15.3f}", flush=True)
    gains = np.array(found) - np.array(found)[:, :1]
    for label, column in (("tuned", 1), ("after tune", 2), ("after compare", 3)):
        gain = gains[:, column]
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        print(f"mean gain, {label}: {gain.mean():+.4f}, standard error {error:.4f}; worst {gain.min():+.3f}")


def noise() -> None:
    """Print how often something was promoted where there is nothing to learn."""
    promoted = dict.fromkeys(RUNS, 0)
    count = 0
    for name in (name for name in NOISE if TABLES[name].is_here):
        for seed in range(4):
            frame = load(name).sample(250, random_state=seed, replace=True).drop_duplicates().copy()
            frame.iloc[:, -1] = np.random.RandomState(seed).permutation(frame.iloc[:, -1].to_numpy())
            for command in RUNS:
                db = begin(name, frame)
                run(db, name, command, seed=seed)
                promoted[command] += db.execute("SELECT deployed FROM ml_tables").get != 1
                db.close()
            count += 1
            print(f"{count} runs, promotions: {promoted}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"better": better, "noise": noise}[sys.argv[1] if len(sys.argv) > 1 else "better"]()
