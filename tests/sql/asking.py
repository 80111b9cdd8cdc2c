"""How these tests ask a database: rows out, or the sentence of a refusal."""

import json

import pytest

POINTS = "a REAL, b REAL, y TEXT TARGET, algorithm='logistic_regression'"
"""A predictor of two numbers."""


def rows(db, sql, params=()):
    """Return all rows of a statement."""
    return list(db.execute(sql, params))


def value(db, sql, params=()):
    """Return the only value of a statement's only row."""
    [(found,)] = db.execute(sql, params)
    return found


def refusal(db, sql, params=()):
    """Return the class and the sentence of the error that a statement ends with."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its class is part of what is returned
        list(db.execute(sql, params))
    return f"{type(caught.value).__name__}: {caught.value}"


def plan(db, sql, params=()):
    """Return the lines of EXPLAIN QUERY PLAN."""
    return [line for *_, line in db.execute(f"EXPLAIN QUERY PLAN {sql}", params)]


def declare(db, name="p", columns=POINTS, task="classification"):
    """Declare a predictor."""
    db.execute(f"CREATE VIRTUAL TABLE {name} USING ml_{task}({columns})")


def fill(db, name="p", count=24):
    """Insert points of two classes that a line divides: 'low' up to half of `count`, then 'high'."""
    points = [(i, (i * 7) % 5, "low" if i < count // 2 else "high") for i in range(count)]
    db.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", points)


def command(db, text, options=None, name="p"):
    """Run a command; return the number it tells."""
    column = name.rpartition(".")[2]
    chosen = None if options is None else json.dumps(options)
    db.execute(f"INSERT INTO {name}({column}, options) VALUES (?, ?)", (text, chosen))
    return db.last_insert_rowid()
