"""Every kind of change, as SQL on a small database: what it holds before, and what faults are injected into."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from campaigns.faults.states import opened
from sqlite_ml_vtab import PredictorWarning

BASE = """
CREATE TABLE log(entry);
CREATE TABLE o(a);
CREATE VIRTUAL TABLE p USING ml_classification(
  a REAL, b REAL, y TEXT TARGET, algorithm=nearest_centroid
);
CREATE TRIGGER t AFTER INSERT ON o BEGIN INSERT INTO p(a) VALUES (new.a); END;
INSERT INTO p SELECT value, value % 5, iif(value < 30, 'low', 'high') FROM generate(1, 60);
INSERT INTO p(p) VALUES ('train');
INSERT INTO p(p, options) VALUES ('train', '{"algorithm": "dummy", "deploy": true}');
INSERT INTO p(p, options) VALUES ('train', '{"algorithm": "naive_bayes", "deploy": false}');
INSERT INTO p(p, options) VALUES ('cross_validate', '{"algorithm": "dummy", "folds": 2}');
"""
"""A predictor of three versions, the second deployed; generate(first, last) stands for a table of numbers."""

NUMBERS = (
    "(WITH RECURSIVE n(value) AS (SELECT {} UNION ALL SELECT value + 1 FROM n WHERE value < {}) SELECT value FROM n)"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change."""

    sql: str
    """The statement, or several."""
    setup: str = ""
    """What the database needs first."""


def _command(text: str, options: str = "{}") -> str:
    return f"INSERT INTO p(p, options) VALUES ('{text}', '{options}')"


_TRAIN = _command("train", '{"algorithm": "dummy", "deploy": true}')
_FORGET = _command("forget", '{"keep": 1}')

CHANGES = {
    "create": Change("CREATE VIRTUAL TABLE z USING ml_classification(a REAL, b REAL, y TEXT TARGET)"),
    "insert": Change("INSERT INTO p VALUES (91, 1, 'new')"),
    "insert many": Change("INSERT INTO p SELECT value, 1, 'new' FROM generate(100, 400)"),
    "insert own": Change("INSERT INTO p SELECT a + 100, b, y FROM p"),
    "or replace": Change("INSERT OR REPLACE INTO p(rowid, a, y) SELECT value, 1, 'new' FROM generate(50, 90)"),
    "update": Change("UPDATE p SET y = 'changed' WHERE a < 30"),
    "update ids": Change("UPDATE p SET rowid = rowid + 1000 WHERE a < 30"),
    "delete": Change("DELETE FROM p WHERE a < 30"),
    "trigger": Change("INSERT INTO o SELECT value FROM generate(500, 540)"),
    "train": Change(_TRAIN),
    "train incremental": Change(_command("train", '{"algorithm": "sgd", "fit": "incremental", "deploy": true}')),
    "deploy": Change(_command("deploy", '{"version": 3}')),
    "rollback": Change("INSERT INTO p(p) VALUES ('rollback')"),
    "forget": Change(_command("forget", '{"version": 1}')),
    "clear": Change(_command("clear")),
    "rebuild": Change(_command("rebuild", '{"version": 1}'), "DELETE FROM p_models WHERE version = 1"),
    "cross_validate": Change(_command("cross_validate", '{"algorithm": "dummy", "folds": 2}')),
    "tune": Change(_command("tune", '{"algorithm": "dummy", "folds": 2, "trials": 2, "deploy": true}')),
    "compare": Change(
        _command("compare", '{"algorithms": ["dummy", "nearest_centroid"], "folds": 2, "repeats": 1, "deploy": false}')
    ),
    "rename": Change("ALTER TABLE p RENAME TO q"),
    "drop": Change("DROP TABLE p"),
    "transaction": Change(
        f"BEGIN; INSERT INTO log VALUES (1); INSERT INTO p SELECT a + 1, b, y FROM p; {_TRAIN}; "
        f"SAVEPOINT s; DELETE FROM p; {_FORGET}; ROLLBACK TO s; "
        "ALTER TABLE p RENAME TO q; COMMIT"
    ),
}
"""By name."""


def written_out(sql: str) -> str:
    """Return SQL with every generate(first, last) as SQLite has it."""
    while "generate(" in sql:
        before, _, rest = sql.partition("generate(")
        arguments, _, after = rest.partition(")")
        sql = before + NUMBERS.format(*arguments.split(", ")) + after
    return sql


def run(db: object, sql: str) -> None:
    """Run statements to their end, without the notes of a training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PredictorWarning)
        for _ in db.execute(written_out(sql)):  # type: ignore[attr-defined]
            pass


def remove(path: Path) -> None:
    """Remove a database and what stands beside it."""
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()


def restore(path: Path, content: bytes) -> None:
    """Let a file be a database as `prepare` returned it. Nobody has it open: reading it would drop their locks."""
    remove(path)
    path.write_bytes(content)


def prepare(path: Path, change: Change, journal: str, page: int) -> bytes:
    """Make a database on which `change` can run; return its bytes."""
    remove(path)
    db = opened(path)
    db.execute(f"PRAGMA page_size = {page}; PRAGMA journal_mode = {journal}")
    run(db, BASE + change.setup)
    db.close()
    return path.read_bytes()
