"""Write a database with a trained predictor for every algorithm, and what each answers: `python write.py FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

import apsw
import every

import sqlite_ml_vtab


def main(path: str) -> None:
    """Write the file at `path`, which must not exist."""
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db)
    db.pragma("synchronous", 0)
    every.fill(db)
    db.execute("CREATE TABLE skew(name TEXT PRIMARY KEY, question TEXT, answers TEXT, error TEXT)")
    for one in every.every():
        said, error = None, None
        try:
            every.train(db, one)
            said = json.dumps(every.answers(db, one))
        except Exception as refusal:
            error = f"{type(refusal).__name__}: {refusal}"
        db.execute("INSERT INTO skew VALUES (?, ?, ?, ?)", (one.name, one.question, said, error))
    db.close()


if __name__ == "__main__":
    main(sys.argv[1])
