"""Every form of asking gives the same answer, for every algorithm and task."""

import json
import math

import pytest
from asking import command, declare, rows
from needs import CANCELLING, LIGHT, LONELY, NO_CHANCES, ONE_FEATURE, POSITIVE, REFITTED, with_target

from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

TASKS = [(name, task) for name in ALGORITHMS for task in with_target(name)]
COLUMNS = "n REAL, i INTEGER, c TEXT, d DATE, z"
NAMES = ("n", "i", "c", "d", "z")
SAID = "y, probability, probabilities, lower, upper, warning, probable"
ASKED = ", ".join(f"p.{name}" for name in SAID.split(", "))
ANSWER = f"SELECT {ASKED} FROM"


def forms(names):
    """Return by name every statement that asks about the features `names` of each row of x, in the order of id."""
    plain, backwards = ", ".join(names), ", ".join(reversed(names))
    array, x = f"json_array({plain})", f"json_array({', '.join(f'x.{name}' for name in names)})"
    by_name = f"json_object({', '.join(f'{name.upper()!r}, {name}' for name in reversed(names))})"
    call = f"p({', '.join(f'x.{name}' for name in names)}) AS p"
    each = ", ".join(f"(SELECT p.{name} FROM {call})" for name in SAID.split(", "))
    among = f"SELECT features AS o, {SAID} FROM p WHERE features IN"
    return {
        "positional": f"{ANSWER} x JOIN {call} ORDER BY x.id",
        "array": f"{ANSWER} x, p({x}) AS p ORDER BY x.id",
        "object": f"{ANSWER} (SELECT id, {by_name} AS o FROM x) AS x, p(x.o) AS p ORDER BY x.id",
        "left join": f"{ANSWER} x LEFT JOIN {call} ORDER BY x.id",
        "the other way round": f"{ANSWER} {call} JOIN x ORDER BY x.id",
        "condition": f"{ANSWER} x JOIN p ON p.features = {x} ORDER BY x.id",
        "cte": f"WITH s AS (SELECT x.id, {ASKED} FROM x, {call}) SELECT {SAID} FROM s ORDER BY id",
        "correlated subqueries": f"SELECT {each} FROM x ORDER BY id",
        "version": f"{ANSWER} x, {call} WHERE p.version = 1 ORDER BY x.id",
        "array of arrays": f"SELECT {SAID} FROM p((SELECT json_group_array({array}) FROM x)) ORDER BY rowid",
        "array of objects": f"SELECT {SAID} FROM p((SELECT json_group_array({by_name}) FROM x)) ORDER BY rowid",
        "in, arrays": f"""{ANSWER} ({among} (SELECT {array} FROM x)) AS p
            JOIN (SELECT id, {array} AS o FROM x) AS x USING (o) ORDER BY x.id""",
        "in, objects": f"""{ANSWER} ({among} (SELECT {by_name} FROM x)) AS p
            JOIN (SELECT id, {by_name} AS o FROM x) AS x USING (o) ORDER BY x.id""",
        "source, a table": f"SELECT {SAID} FROM p WHERE source = 'x' ORDER BY rowid",
        "source, a select": f"SELECT {SAID} FROM p WHERE source = 'SELECT {backwards} FROM x ORDER BY id' ORDER BY rowid",
        "source and version": f"SELECT {SAID} FROM p WHERE version = 1 AND source = 'main.x' ORDER BY rowid",
    }


def scalars(names):
    """Return by name every statement that asks by scalar functions: the answer, and the probabilities."""
    plain = ", ".join(names)
    array = f"json_array({plain})"
    by_name = f"json_object({', '.join(f'{name.upper()!r}, {name}' for name in names)})"
    return {
        "ml_predict": f"SELECT ml_predict('p', {plain}), ml_predict_proba('p', {plain}) FROM x ORDER BY id",
        "array": f"SELECT ml_predict('p', {array}), ml_predict_proba('p', {array}) FROM x ORDER BY id",
        "object": f"SELECT ml_predict('p', {by_name}), ml_predict_proba('main.p', {by_name}) FROM x ORDER BY id",
    }


def close(one, other, size):
    """Return whether two values of a prediction are the same: numbers within 1e-9, of `size` if smaller, else exactly."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9 * size)
    if isinstance(one, str) and one.startswith("{"):
        mine, its = json.loads(one), json.loads(other)
        return mine.keys() == its.keys() and all(close(mine[name], its[name], size) for name in mine)
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
    db.executemany(f"INSERT INTO x({', '.join(NAMES)}) VALUES (?, ?, ?, ?, ?)", values)
    return db


def features_of(name):
    """Return the names of the features that an algorithm is asked with."""
    return NAMES[:1] if name in ONE_FEATURE else NAMES


def learn(db, name, task):
    """Declare p for `task` and train it by the algorithm `name` on rows with a signal, and NULLs."""
    kind = "TEXT" if task == "classification" else "REAL"
    columns = ", ".join(COLUMNS.split(", ")[: len(features_of(name))])
    options = f"algorithm={name}, hyperparams='{json.dumps(LIGHT.get(name, {}))}'"
    declare(db, columns=f"{columns}, y {kind} TARGET, {options}", task=task)
    for i in range(ROWS.get(name, 60)):
        signal = (i * 7) % 20 + (i % 3) * 4
        answer = ("small", "large", "middle")[(signal > 9) + (signal > 19)]
        if task == "regression":
            answer = signal * 1.25 + 500 * (name in POSITIVE)
        row = [signal / 5, i % 11, "rgb"[i % 3], f"20{10 + i % 15}-0{1 + i % 9}-15", signal - i % 4]
        if i % 10 == 9:
            row[i % 5] = None
        row = row[: len(features_of(name))]
        db.execute(f"INSERT INTO p VALUES ({', '.join('?' * len(row))}, ?)", (*row, answer))
    command(db, "train")


ROWS = {"qda": 240}
"""How many rows an algorithm is given that wants more: of each class, more than there are matrix columns."""


@pytest.mark.parametrize(("name", "task"), TASKS, ids=map("-".join, TASKS))
def test_all_forms_agree(asked, name, task):
    learn(asked, name, task)
    every, names = forms(features_of(name)), features_of(name)
    expected = rows(asked, every["positional"])
    size = 40.0 if name in CANCELLING else 1e-3
    assert len(expected) == 15
    assert all(row[0] is not None for row in expected) or (name, task) in LONELY
    for form, sql in every.items():
        answers = rows(asked, sql)
        assert len(answers) == 15, form
        pairs = [pair for row, other in zip(answers, expected, strict=True) for pair in zip(row, other)]
        assert all(close(*pair, size) for pair in pairs), form
    for form, sql in scalars(names).items():
        answers = rows(asked, sql)
        wanted = [(row[0], row[2]) for row in expected]
        pairs = [pair for row, other in zip(answers, wanted, strict=True) for pair in zip(row, other)]
        assert all(close(*pair, size) for pair in pairs), form


@pytest.mark.parametrize(("name", "task"), TASKS, ids=map("-".join, TASKS))
def test_every_algorithm_says_what_its_task_has(asked, name, task):
    learn(asked, name, task)
    [(scorer, score)] = rows(asked, "SELECT scorer, score FROM p_versions")
    assert scorer == REFITTED.get((name, task), f"portable: {ALGORITHMS[name].family}")
    assert score is not None
    for answer, chance, chances, lower, upper, _, probable in rows(asked, forms(features_of(name))["positional"]):
        if task == "regression":
            assert chance is chances is probable is None
            if lower is upper is None:
                # No answer, or one so large that nothing lies beyond it.
                assert (answer is None and (name, task) in LONELY) or answer == math.inf
                continue
            assert lower <= answer <= upper
            continue
        labels = json.loads(probable)
        assert answer in labels
        assert set(labels) <= {"large", "middle", "small"}
        if name in NO_CHANCES:
            assert (chance, chances, lower, upper) == (None, None, None, None)
        else:
            assert (lower, upper) == (None, None)
            found = json.loads(chances)
            assert list(found) == ["large", "middle", "small"]
            assert math.isclose(sum(found.values()), 1.0, rel_tol=1e-9)
            assert chance == max(found.values()) == found[answer]
            assert [found[label] for label in labels] == sorted((found[label] for label in labels), reverse=True)
