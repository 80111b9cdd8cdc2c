"""Every form of asking gives the same answer, for every algorithm and task."""

import json
import math

import pytest
from asking import command, declare, rows

from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

TASKS = [(name, task) for name, algorithm in ALGORITHMS.items() for task in algorithm.estimators]
COLUMNS = "n REAL, i INTEGER, c TEXT, d DATE, z"
NAMES = "n, i, c, d, z"
SAID = "y, probability, probabilities, lower, upper, warning"
ASKED = ", ".join(f"p.{name}" for name in SAID.split(", "))
ARRAY = "json_array(n, i, c, d, z)"
OBJECT = "json_object('Z', z, 'd', d, 'c', c, 'I', i, 'n', n)"

X = "json_array(x.n, x.i, x.c, x.d, x.z)"
CALL = "p(x.n, x.i, x.c, x.d, x.z) AS p"

FORMS = {
    "positional": f"SELECT {ASKED} FROM x JOIN {CALL} ORDER BY x.id",
    "array": f"SELECT {ASKED} FROM x, p({X}) AS p ORDER BY x.id",
    "object": f"SELECT {ASKED} FROM (SELECT id, {OBJECT} AS o FROM x) AS x, p(x.o) AS p ORDER BY x.id",
    "left join": f"SELECT {ASKED} FROM x LEFT JOIN {CALL} ORDER BY x.id",
    "the other way round": f"SELECT {ASKED} FROM {CALL} JOIN x ORDER BY x.id",
    "condition": f"SELECT {ASKED} FROM x JOIN p ON p.features = {X} ORDER BY x.id",
    "cte": f"WITH s AS (SELECT x.id, {ASKED} FROM x, {CALL}) SELECT {SAID} FROM s ORDER BY id",
    "correlated subqueries": "SELECT "
    + ", ".join(f"(SELECT p.{name} FROM {CALL})" for name in SAID.split(", "))
    + " FROM x ORDER BY id",
    "version": f"SELECT {ASKED} FROM x, {CALL} WHERE p.version = 1 ORDER BY x.id",
    "array of arrays": f"SELECT {SAID} FROM p((SELECT json_group_array({ARRAY}) FROM x)) ORDER BY rowid",
    "array of objects": f"SELECT {SAID} FROM p((SELECT json_group_array({OBJECT}) FROM x)) ORDER BY rowid",
    "in, arrays": f"""
        SELECT {ASKED} FROM (SELECT features AS o, {SAID} FROM p WHERE features IN (SELECT {ARRAY} FROM x)) AS p
        JOIN (SELECT id, {ARRAY} AS o FROM x) AS x USING (o) ORDER BY x.id""",
    "in, objects": f"""
        SELECT {ASKED} FROM (SELECT features AS o, {SAID} FROM p WHERE features IN (SELECT {OBJECT} FROM x)) AS p
        JOIN (SELECT id, {OBJECT} AS o FROM x) AS x USING (o) ORDER BY x.id""",
    "source, a table": f"SELECT {SAID} FROM p WHERE source = 'x' ORDER BY rowid",
    "source, a select": f"SELECT {SAID} FROM p WHERE source = 'SELECT z, c, d, i, n FROM x ORDER BY id' ORDER BY rowid",
    "source and version": f"SELECT {SAID} FROM p WHERE version = 1 AND source = 'main.x' ORDER BY rowid",
}
SCALARS = {
    "ml_predict": "SELECT ml_predict('p', n, i, c, d, z), ml_predict_proba('p', n, i, c, d, z) FROM x ORDER BY id",
    "ml_predict, array": f"SELECT ml_predict('p', {ARRAY}), ml_predict_proba('p', {ARRAY}) FROM x ORDER BY id",
    "ml_predict, object": f"SELECT ml_predict('p', {OBJECT}), ml_predict_proba('main.p', {OBJECT}) FROM x ORDER BY id",
}


def close(one, other):
    """Return whether two values of a prediction are the same: numbers within 1e-9, all else exactly."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, str) and one.startswith("{"):
        mine, its = json.loads(one), json.loads(other)
        return mine.keys() == its.keys() and all(close(mine[name], its[name]) for name in mine)
    return type(one) is type(other) and one == other


@pytest.fixture
def asked(db):
    """A table of rows to ask about: known, NULL, unseen and out of range, all of them different."""
    db.execute(f"CREATE TABLE x(id INTEGER PRIMARY KEY, {COLUMNS})")
    values = [(i / 3, i * 2, "rgb"[i % 3], f"2024-0{1 + i % 9}-11", 1.5 * i) for i in range(9)]
    values += [
        (None, None, None, None, None),
        (0.5, 3, "unseen", None, -4),
        (1e6, -7, "", "1999-12-31 23:59:59", 2**40),
    ]
    values += [(None, 4, "r", 2460461.5, 0.1), (2.25, None, "b", 1717200000, None), (-0.0, 0, None, "2024-01", 0)]
    db.executemany(f"INSERT INTO x({NAMES}) VALUES (?, ?, ?, ?, ?)", values)
    return db


def learn(db, name, task):
    """Declare p for `task` and train it by the algorithm `name` on rows with a signal, and NULLs."""
    kind = "TEXT" if task == "classification" else "REAL"
    declare(db, columns=f"{COLUMNS}, y {kind} TARGET, algorithm={name}", task=task)
    for i in range(60):
        signal = (i * 7) % 20 + (i % 3) * 4
        answer = (
            ("small", "large", "middle")[(signal > 9) + (signal > 19)] if task == "classification" else signal * 1.25
        )
        row = [signal / 5, i % 11, "rgb"[i % 3], f"20{10 + i % 15}-0{1 + i % 9}-15", signal - i % 4]
        if i % 10 == 9:
            row[i % 5] = None
        db.execute("INSERT INTO p VALUES (?, ?, ?, ?, ?, ?)", (*row, answer))
    command(db, "train")


@pytest.mark.parametrize(("name", "task"), TASKS, ids=map("-".join, TASKS))
def test_all_forms_agree(asked, name, task):
    learn(asked, name, task)
    expected = rows(asked, FORMS["positional"])
    assert len(expected) == 15
    assert all(row[0] is not None for row in expected)
    for form, sql in FORMS.items():
        answers = rows(asked, sql)
        assert len(answers) == 15, form
        assert all(close(*pair) for row, other in zip(answers, expected, strict=True) for pair in zip(row, other)), form
    for form, sql in SCALARS.items():
        answers = rows(asked, sql)
        wanted = [(row[0], row[2]) for row in expected]
        assert all(close(*pair) for row, other in zip(answers, wanted, strict=True) for pair in zip(row, other)), form


@pytest.mark.parametrize(("name", "task"), TASKS, ids=map("-".join, TASKS))
def test_every_algorithm_says_what_its_task_has(asked, name, task):
    learn(asked, name, task)
    [(scorer, score)] = rows(asked, "SELECT scorer, score FROM p_versions")
    assert scorer == f"portable: {ALGORITHMS[name].family}"
    assert score is not None
    for answer, chance, chances, lower, upper, _ in rows(asked, FORMS["positional"]):
        if task == "regression":
            assert chance is chances is None
            assert lower <= answer <= upper
        elif name == "ridge":
            assert (chance, chances, lower, upper) == (None, None, None, None)
        else:
            assert (lower, upper) == (None, None)
            found = json.loads(chances)
            assert list(found) == ["large", "middle", "small"]
            assert math.isclose(sum(found.values()), 1.0, rel_tol=1e-9)
            assert chance == max(found.values()) == found[answer]
