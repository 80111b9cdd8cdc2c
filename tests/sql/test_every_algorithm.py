"""The contract of every algorithm through SQL alone: over every shape of table it answers as its own estimator does."""

import json
import random
import warnings

import numpy as np
import pytest
from asking import command, declare, rows, value
from needs import CANCELLING, LIGHT, LONELY, NO_CHANCES, ONE_FEATURE, POSITIVE, REFITTED, with_target

from sqlite_ml_vtab.learning import training
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.portable import from_bytes
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.scoring import read_columns, turned

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

COUNT = 64
LIGHTER = LIGHT | {
    "voting": {"estimators": ["knn", "decision_tree", "gaussian_nb"]},
    "stacking": {"estimators": ["knn", "decision_tree"], "cv": 2},
}
MIXED = {"n": "REAL", "c": "TEXT", "d": "DATE", "z": ""}
WIDE = {f"f{place}": "REAL" for place in range(100)}

SHAPES = {
    "NULLs": (MIXED, True),
    "unseen category": (MIXED, False),
    "one feature": ({"n": "REAL"}, False),
    "100 features": (WIDE, False),
}
"""By name: the features with their types, and whether NULL is trained on. All are asked NULL and unseen values."""

LABELS = {
    ("classification", "NULLs"): ["no", "yes"],
    ("classification", "unseen category"): [-2, 7, 40],
    ("classification", "one feature"): ["high", "low", "middling", "größer"],
    ("classification", "100 features"): [0, 1],
}
"""The classes of each shape: two and more, text and integers."""

ROWS = {"qda": 320}
"""How many rows an algorithm is given that wants more: of each class, more than there are matrix columns."""

EVERY = [
    (name, task, shape)
    for name in ALGORITHMS
    for task in with_target(name)
    for shape in SHAPES
    if name not in ONE_FEATURE or shape == "one feature"
]


def table(shape, task, name):
    """Return training rows, the target last, and rows to ask for."""
    features, has_null = SHAPES[shape]
    draw = random.Random(shape)
    labels = LABELS.get((task, shape))
    trained, asked = [], []
    count = ROWS.get(name, COUNT)
    for place in range(count + 8):
        signal = draw.gauss(0, 1)
        found = [draw.gauss(0, 1) for _ in features]
        found[0] = signal + draw.gauss(0, 0.3)
        if features is MIXED:
            day = f"20{10 + place % 15}-0{1 + place % 9}-1{place % 7}"
            found = [found[0], "rgb"[place % 3 if draw.random() < 0.5 else int(signal > 0)], day, found[3] + signal]
        if has_null and place % 4 == 0:
            found[place // 4 % len(found)] = None
        target = 2.5 * signal + 500 * (name in POSITIVE)
        if labels:
            target = labels[min(len(labels) - 1, max(0, int((signal + 1.5) / 3 * len(labels))))]
        (trained if place < count else asked).append([*found, target])
    # Behind the 16th argument of a call SQLite loses rows with NULL: our sentence then says to pass JSON.
    odd = [[None] * min(16, len(features)) + [0.5] * (len(features) - 16), [1e6, *[-7] * (len(features) - 1)]]
    if features is MIXED:
        odd[1:] = [[0.25, "unseen", "1999-12-31", 3], [0.25, "", None, 2**40], [-0.5, "r", "2024-05-31 23:59", None]]
    return trained, [row[:-1] for row in asked] + odd


class Asked:
    """A database with a trained predictor p, the rows x to ask for, and the estimator that was fitted."""

    def __init__(self, db, name, task, shape, kept):
        self.db, self.name, self.names = db, name, list(SHAPES[shape][0])
        trained, self.rows = table(shape, task, name)
        columns = [f"{name} {kind}" for name, kind in SHAPES[shape][0].items()]
        options = f"algorithm={name}, split=none, hyperparams='{json.dumps(LIGHTER.get(name, {}))}'"
        if task == "regression" and name == "voting":
            options = options.replace("gaussian_nb", "ridge")
        declare(db, columns=f"{', '.join(columns)}, y TARGET, {options}", task=task)
        marks = ", ".join("?" * len(trained[0]))
        db.executemany(f"INSERT INTO p VALUES ({marks})", trained)
        db.execute(f"CREATE TABLE x(id INTEGER PRIMARY KEY, {', '.join(columns)})")
        db.executemany(f"INSERT INTO x({', '.join(self.names)}) VALUES ({marks[3:]})", self.rows)
        self.kept = kept

    def estimators_answers(self):
        """Return what the estimator itself says of x: values, and chances by class where it has some."""
        model = from_bytes(value(self.db, "SELECT model FROM p_models WHERE version = 1"))
        matrix = model.encoder.matrix(read_columns(model.features, turned(model.features, self.rows)))
        estimator = self.kept[0]
        has_chances = self.name not in NO_CHANCES and hasattr(estimator.fitted, "predict_proba")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            said = estimator.fitted.predict(matrix).reshape(-1)
            chances = estimator.fitted.predict_proba(matrix) if has_chances else [None] * len(said)
        values = [model.labels[int(place)] for place in said] if model.labels else said.tolist()
        if has_chances:
            # Of a tie a Gaussian process may say one class and give the other a hair more: its own two answers differ.
            best = np.sort(chances, axis=1)[:, -2:]
            values = [None if tied else said for tied, said in zip(best[:, 1] - best[:, 0] < 1e-7, values, strict=True)]
        family = FAMILIES.get(model.family)
        is_open = np.zeros(len(values), dtype=bool)
        if family is not None and family.ambiguous is not None:
            is_open = family.ambiguous(model.parameters, matrix)
        assert is_open.sum() <= 3
        return list(zip(values, chances, is_open.tolist(), strict=True)), model.labels

    def forms(self):
        """Return what every form of prediction says of x: rows of the target and the probabilities."""
        plain = ", ".join(f"x.{name}" for name in self.names)
        array = f"json_array({plain})"
        by_name = f"json_object({', '.join(f'{name!r}, x.{name}' for name in self.names)})"
        said = "p.y, p.probabilities"
        every = {
            "join": f"SELECT {said} FROM x JOIN p({plain}) AS p ORDER BY x.id",
            "JSON array": f"SELECT {said} FROM x JOIN p({array}) AS p ORDER BY x.id",
            "JSON array of arrays": f"SELECT {said} FROM p((SELECT json_group_array({array}) FROM x)) AS p ORDER BY rowid",
            "features IN": f"""SELECT {said} FROM (SELECT features AS o, y, probabilities FROM p
                WHERE features IN (SELECT {array} FROM x)) AS p
                JOIN (SELECT id, {array} AS o FROM x) AS x USING (o) ORDER BY x.id""",
            "source": f"SELECT {said} FROM p WHERE source = 'x' ORDER BY rowid",
            "ml_predict": f"SELECT ml_predict('p', {plain}), ml_predict_proba('p', {plain}) FROM x ORDER BY id",
        }
        if len(self.names) <= 50:
            every["JSON object"] = f"SELECT {said} FROM x JOIN p({by_name}) AS p ORDER BY x.id"
        return {form: rows(self.db, sql) for form, sql in every.items()}


@pytest.fixture
def kept(monkeypatch):
    """The estimators that trainings fit, in their order."""
    found = []
    fit_estimator = training.fit_estimator

    def keep(*arguments):
        found.append(fit_estimator(*arguments))
        return found[-1]

    monkeypatch.setattr(training, "fit_estimator", keep)
    return found


def near(found, expected, tolerance, size):
    """Return whether two numbers are the same, relatively to the number or to `size`."""
    if expected is None or expected != expected:
        return found is None
    return found == expected or abs(found - expected) <= tolerance * max(abs(expected), size)


def agrees(row, expected, labels, tolerance, size):
    """Return whether a prediction is what the estimator said: (value, None for a tie; chances; whether the method leaves all open)."""
    found, told = row
    said, chances, is_open = expected
    if is_open:
        return True
    if not labels:
        return told is None and near(found, said, tolerance, size)
    if said is not None and (found, type(found)) != (said, type(said)):
        return False
    if chances is None:
        return told is None
    told = json.loads(told)
    assert list(told) == [str(label) for label in labels]
    return all(near(one, other, tolerance, 1.0) for one, other in zip(told.values(), chances))


@pytest.mark.parametrize(("name", "task", "shape"), EVERY, ids=map(", ".join, EVERY))
def test_an_algorithm_answers_as_its_estimator_in_every_form_and_after_a_reopening(
    connect, path, kept, name, task, shape
):
    db = connect(path)
    asked = Asked(db, name, task, shape, kept)
    command(db, "train")
    command(db, "train")
    [(digest, scorer), again] = rows(db, "SELECT digest, scorer FROM ml_versions('p')")
    assert again == (digest, scorer)
    assert scorer == REFITTED.get((name, task), f"portable: {ALGORITHMS[name].family}") or name in CANCELLING

    every = asked.forms()
    expected, labels = asked.estimators_answers()
    assert (name in NO_CHANCES) == (expected[0][1] is None) or task == "regression"
    size = 40.0 if name in CANCELLING else 1.0
    for form, answers in every.items():
        assert len(answers) == len(expected), form
        for row, said in zip(answers, expected, strict=True):
            assert agrees(row, said, labels, ALGORITHMS[name].tolerance, size), (form, row, said)
    assert all(row[0] is not None for row in every["join"]) or (name, task) in LONELY

    db.close()
    asked.db = connect(path)
    assert asked.forms() == every
