"""Ask a database that `write.py` made what it answers here, then rebuild all of it: `python read.py FILE`.

Prints one JSON object; the file is changed, so give a copy.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

import apsw
from every import asked

import sqlite_ml_vtab

TOLERANCE = 1e-9


def compared(found: Any, expected: Any) -> str:
    """Return ``same``, ``near`` (numbers within 1e-9, relatively or of 1) or ``different``."""
    if found == expected:
        return "same"
    return "near" if _is_near(found, expected) else "different"


def _is_near(found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(_is_near, found, expected))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_is_near(found[name], expected[name]) for name in expected)
    if isinstance(expected, float) and isinstance(found, float):
        return abs(found - expected) <= TOLERANCE * max(1.0, abs(expected))
    return bool(found == expected)


def answered(db: apsw.Connection, question: str, expected: Any) -> tuple[str, str]:
    """Return how the answers of today compare with those that were stored; ``refused``, with the sentence."""
    try:
        return compared(asked(db, question), expected), ""
    except sqlite_ml_vtab.Error as error:
        return ("refused" if "'rebuild'" in str(error) else "refused otherwise"), str(error)


def digest_of(db: apsw.Connection, name: str) -> str:
    """Return the digest of a predictor's only model."""
    return str(db.execute(f"SELECT digest FROM {name}_models").get)


def rebuilt(db: apsw.Connection, name: str, before: str) -> tuple[str, str]:
    """Return ``same digest`` as `before`, ``other digest`` or ``refused``, with the sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            db.execute(f"INSERT INTO {name}({name}) VALUES ('rebuild')")
    except sqlite_ml_vtab.Error as error:
        return "refused", str(error)
    return ("same digest" if digest_of(db, name) == before else "other digest"), ""


def main(path: str) -> None:
    """Read the file at `path`."""
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db)
    found: dict[str, Any] = {}
    stored = list(db.execute("SELECT name, question, answers, error FROM skew ORDER BY rowid"))
    for name, question, answers, error in stored:
        if error is not None:
            found[name] = {"written": error}
            continue
        expected = json.loads(answers)
        first, sentence = answered(db, question, expected)
        [(environment, scorer)] = db.execute(f"SELECT environment, scorer FROM ml_versions('{name}')")
        found[name] = {"read": first, "sentence": sentence, "scorer": scorer, "environment": json.loads(environment)}
    found["integrity"] = "; ".join(text for (text,) in db.execute("PRAGMA integrity_check"))
    for name, question, answers, error in stored:
        if error is None:
            before = digest_of(db, name)
            how, sentence = rebuilt(db, name, before)
            then, _ = answered(db, question, json.loads(answers))
            found[name] |= {"rebuild": how, "rebuild_sentence": sentence, "then": then}
            db.execute(f"DELETE FROM {name}_models")
            how, _ = rebuilt(db, name, before)
            then, _ = answered(db, question, json.loads(answers))
            noted = db.execute(f"SELECT notes LIKE '%rebuilt to other bytes%' FROM {name}_versions").get
            found[name] |= {"lost": how, "lost_then": then, "lost_noted": bool(noted)}
    names = ("scikit-learn", "numpy", "scipy", "lightgbm", "xgboost-cpu")
    found["here"] = {name: version(name) for name in names}
    db.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
