"""One question at a time, as a web application would ask it, and what to do about bad ones.

Run: python examples/serve.py
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import apsw

import sqlite_ml_vtab


def prepare(path: str) -> None:
    """Train, once, in the file that the application opens."""
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db)
    db.pragma("journal_mode", "wal")  # readers never wait for a training
    db.execute("""
        CREATE VIRTUAL TABLE colony USING ml_dataset('penguins');
        CREATE VIRTUAL TABLE bird USING ml_classification(
          algorithm=logistic_regression, island TEXT, bill_length_mm REAL, body_mass_g INTEGER, species TEXT TARGET
        );
        INSERT INTO bird SELECT island, bill_length_mm, body_mass_g, species FROM colony;
    """)
    sqlite_ml_vtab.train(db, "bird")
    db.close()


class Service:
    """Answers questions from one connection; give each thread its own."""

    def __init__(self, path: str) -> None:
        """Open the file for reading."""
        self.db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        sqlite_ml_vtab.load(self.db)

    def answer(self, body: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer to a question, a JSON object by feature name."""
        sql = "SELECT species, round(probability, 2), warning FROM bird(?)"
        try:
            label, probability, warning = self.db.execute(sql, (body,)).get
        except sqlite_ml_vtab.InputError as error:
            return 400, {"error": str(error)}  # the question is wrong, and the sentence says how
        except sqlite_ml_vtab.ModelError as error:
            return 503, {"error": str(error)}  # there is no model to answer
        return 200, {"species": label, "probability": probability, "warning": warning}


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "penguins.db")
        prepare(path)
        service = Service(path)
        for body in (
            '{"island": "Biscoe", "bill_length_mm": 47.5, "body_mass_g": 5200}',
            '{"island": "Dream", "bill_length_mm": 50.1}',
            '{"island": "Atlantis", "bill_length_mm": 39, "body_mass_g": 3600}',
            '{"iland": "Dream"}',
            '{"body_mass_g": "heavy"}',
            "hello",
        ):
            status, answer = service.answer(body)
            print(status, json.dumps(answer))
        service.db.close()


if __name__ == "__main__":
    main()
