"""Rows from a DataFrame, predictions into one. Needs pandas, which the package itself does not.

Run: python examples/from_pandas.py
"""

import apsw
import apsw.ext
import pandas as pd
from sklearn.datasets import load_wine

import sqlite_ml_vtab


def insert(db: apsw.Connection, table: str, frame: pd.DataFrame) -> None:
    """Insert the rows of `frame` by column name; what pandas calls missing becomes NULL."""
    names = ", ".join(f'"{name}"' for name in frame.columns)
    marks = ", ".join("?" * len(frame.columns))
    rows = frame.astype(object).where(frame.notna(), None).values.tolist()
    with db:
        db.executemany(f"INSERT INTO {table}({names}) VALUES ({marks})", rows)


def query(db: apsw.Connection, sql: str, bindings: tuple = ()) -> pd.DataFrame:
    """Return the rows of a query as a DataFrame."""
    names = [name for name, _ in apsw.ext.query_info(db, sql).description]
    return pd.DataFrame(list(db.execute(sql, bindings)), columns=names)


def main() -> None:
    frame = load_wine(as_frame=True).frame[["alcohol", "malic_acid", "color_intensity", "proline", "target"]]
    frame["target"] = frame["target"].map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
    frame.loc[::10, "malic_acid"] = float("nan")

    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    db.execute("""
        CREATE VIRTUAL TABLE wine USING ml_classification(
          algorithm=logistic_regression,
          alcohol REAL, malic_acid REAL, color_intensity REAL, proline REAL, target TEXT TARGET
        )
    """)
    insert(db, "wine", frame)
    version = sqlite_ml_vtab.train(db, "wine")
    metrics = query(db, "SELECT name, round(value, 2) AS value FROM ml_metrics('wine', ?)", (version,))
    print(metrics.to_string(index=False))

    questions = pd.DataFrame([(13.9, 1.7, 1200), (12.2, None, 450)], columns=["alcohol", "malic_acid", "proline"])
    answers = query(
        db,
        "SELECT target, round(probability, 2) AS probability FROM wine WHERE features = ?",
        (questions.to_json(orient="records"),),
    )
    print(questions.join(answers).to_string(index=False))
    db.close()


if __name__ == "__main__":
    main()
