"""The contract of every algorithm, task by task, over every shape of table; and how names are checked."""

import re
import warnings
from functools import cache
from inspect import signature

import numpy as np
import pytest
from needs import CANCELLING, LIBRARYS_OWN, LIGHT, LITTLE, POSITIVE, REFITTED, REFUSED, with_target

from sqlite_ml_vtab.declaration import TASKS as EVERY_TASK
from sqlite_ml_vtab.declaration import parse
from sqlite_ml_vtab.errors import DeclarationError, TrainingError
from sqlite_ml_vtab.learning.algorithms import (
    ALGORITHMS,
    ALIASES,
    DEFAULT_ALGORITHM,
    HOST_PARAMS,
    Algorithm,
    check_hyperparams,
    find_algorithm,
    for_task,
    legal_hyperparams,
)
from sqlite_ml_vtab.learning.rows import collect
from sqlite_ml_vtab.learning.training import Plan, fit
from sqlite_ml_vtab.portable import LISTED, REFIT, Scorer, digest, from_bytes, to_bytes
from sqlite_ml_vtab.portable.families import FAMILIES

TASKS = ("classification", "regression")
COUNT = 90
MIXED = ["n real", "c text", "d date", "u"]


def _numbers(width):
    random = np.random.RandomState(width)
    return [tuple(row) for row in random.normal(size=(COUNT, width)).round(3).tolist()]


def _mixed(missing):
    """Return rows of a number, a category, a date and an untyped column; of each, one in `missing` is NULL."""
    rows = []
    for place, (number, other) in enumerate(_numbers(2)):
        row = (number, ["red", "green", "blue"][place % 3], f"2024-{place % 12 + 1:02}-{place % 28 + 1:02}", other)
        rows.append(tuple(None if (place + 3 * j) % missing == 0 else value for j, value in enumerate(row)))
    return rows


TOWNS = [f"town {place * 7 % 40}" for place in range(2 * COUNT)]

FEATURES = {
    "three features": (["a real", "b integer", "c"], [(x, round(y * 10), z) for x, y, z in _numbers(3)]),
    "one feature": (["a real"], _numbers(1)),
    "100 features": ([f"f{j} real" for j in range(100)], _numbers(100)),
    "NULLs": (MIXED, _mixed(missing=7)),
    "unseen category": (MIXED, _mixed(missing=10**6)),
    "constant column": (["a real", "b real"], [(x, 5) for (x,) in _numbers(1)]),
    "many categories": (["a real", "c text"], [(x, town) for (x,), town in zip(_numbers(1) * 2, TOWNS, strict=True)]),
    "free text": (["a real", "c words"], [(x, f"{town} by the sea") for (x,), town in zip(_numbers(1), TOWNS)]),
}
ODD = {
    "NULLs": [(None, None, None, None), (1e9, "mauve", "1999-12-31", -1e9)],
    "unseen category": [(0.5, "mauve", "2024-06-01", 1), (0.5, "", "1970-01-01", 1), (None, None, None, None)],
    "many categories": [(0.5, "nowhere"), (None, None)],
    "free text": [(0.5, "nowhere at all"), (0.5, ""), (None, None)],
}
"""Rows that are asked for beside the training rows."""


def third(signal):
    return 0 if signal < -0.4 else 1 if signal < 0.4 else 2


TARGETS = {
    "2 classes, text": lambda place, signal: "no" if signal < 0 else "yes",
    "3 classes, text": lambda place, signal: ["high", "low", "größer"][third(signal)],
    "3 classes, integer": lambda place, signal: [7, -2, 40][third(signal)],
    "2 classes, integer": lambda place, signal: int(signal > 0.2),
    "10 classes": lambda place, signal: place % 10,
    "a number": lambda place, signal: round(signal * 3 + 10, 3),
    "an integer": lambda place, signal: round(signal * 100),
}
SHAPES = {
    "classification": [
        ("three features", "2 classes, text"),
        ("three features", "3 classes, text"),
        ("three features", "2 classes, integer"),
        ("three features", "3 classes, integer"),
        ("three features", "10 classes"),
        ("one feature", "2 classes, text"),
        ("100 features", "3 classes, text"),
        ("NULLs", "2 classes, text"),
        ("unseen category", "3 classes, text"),
        ("constant column", "2 classes, integer"),
        ("many categories", "3 classes, text"),
        ("free text", "2 classes, text"),
    ],
    "regression": [
        ("three features", "a number"),
        ("three features", "an integer"),
        ("one feature", "a number"),
        ("100 features", "a number"),
        ("NULLs", "a number"),
        ("unseen category", "an integer"),
        ("constant column", "a number"),
        ("many categories", "a number"),
        ("free text", "a number"),
    ],
}
EVERY = [
    (name, task, features, target)
    for name in ALGORITHMS
    for task in with_target(name)
    for features, target in SHAPES[task]
]
CONTRACT = [shape for shape in EVERY if shape[:3] not in REFUSED]


def table(task, features, target, *, positive):
    """Return the collected rows of a shape, and the features that are asked for."""
    columns, rows = FEATURES[features]
    signals = np.random.RandomState(1).normal(size=len(rows)) / 2
    signals = (signals + [next((v for v in row if isinstance(v, float)), 0.0) for row in rows]).tolist()
    numbered = [
        (number, *row, TARGETS[target](number, signal))
        for number, (row, signal) in enumerate(zip(rows, signals, strict=True))
    ]
    if positive:
        numbered = [(*row[:-1], row[-1] + 500) for row in numbered]
    declared = "y real target" if task == "regression" else "y target"
    return collect(parse(task, "t", [*columns, declared]), [numbered]), [*rows[:30], *ODD.get(features, [])]


def train(name, task, features, target):
    split = "stratified" if task == "classification" else "shuffle"
    plan = Plan(
        task,
        name,
        ALGORITHMS[name],
        LIGHT.get(name, {}),
        0.25,
        split,
        seed=0,
        class_weight=None,
        threads=1,
        algorithms=ALGORITHMS,
    )
    rows, asked = table(task, features, target, positive=name in POSITIVE)
    return fit(rows, plan), asked


trained = cache(train)


@pytest.fixture(scope="module", params=CONTRACT, ids=", ".join)
def shape(request):
    """Each shape in turn, for all tests that take it before the next: what is trained for one serves the others."""
    return request.param


def test_every_algorithm_of_every_task_is_in_the_contract():
    every = {(name, task) for task in TASKS for name in for_task(task, ALGORITHMS)}
    assert {(name, task) for name, task, _, _ in CONTRACT} == every
    assert REFITTED.keys() <= every
    assert POSITIVE.keys() | LITTLE.keys() | CANCELLING.keys() | LIGHT.keys() <= ALGORITHMS.keys()
    assert REFUSED.keys() <= {shape[:3] for shape in EVERY}
    assert {algorithm.family for algorithm in ALGORITHMS.values()} - {None, LISTED} <= FAMILIES.keys()


def test_the_portable_form_serves_every_algorithm_on_every_shape_of_table(shape):
    found, _ = trained(*shape)
    family = ALGORITHMS[shape[0]].family
    if shape[0] in CANCELLING and found.scorer.startswith("refit: the portable form is off by "):
        family = REFIT
    else:
        assert found.scorer == REFITTED.get(shape[:2], f"portable: {family}")
    assert found.model.family == (REFIT if shape[:2] in REFITTED else family)


@pytest.mark.parametrize("shape", [shape for shape in EVERY if shape not in CONTRACT], ids=", ".join)
def test_features_that_an_algorithm_does_not_take_are_refused(shape):
    with pytest.raises(TrainingError) as caught:
        train(*shape)
    assert str(caught.value).startswith(REFUSED[shape[:3]])


def test_a_stored_model_answers_to_the_bit_as_the_trained_one(shape):
    found, asked = trained(*shape)
    stored = from_bytes(to_bytes(found.model))
    ready, again = Scorer(found.model, *found.refitted), Scorer(stored, *found.refitted)
    assert repr([ready.one(row) for row in asked]) == repr([again.one(row) for row in asked])
    assert repr(ready.many(asked)) == repr(again.many(asked))
    assert to_bytes(stored) == to_bytes(found.model)


def test_one_row_is_answered_as_many(shape):
    found, asked = trained(*shape)
    scorer = Scorer(found.model, *found.refitted)
    values, scores = scorer.many(asked)
    ones = [scorer.one(row) for row in asked]
    assert repr([scorer.answer(row) for row in asked]) == repr([value for value, _ in ones])
    size = np.abs(np.array(scores)[np.isfinite(scores)]).max() if shape[0] in CANCELLING else 1e-3
    np.testing.assert_allclose([list(answer) for _, answer in ones], scores, rtol=1e-9, atol=1e-9 * size)
    if shape[1] == "classification":
        assert [value for value, _ in ones] == values
        assert {(type(value), value) for value in values} <= {(type(label), label) for label in found.model.labels}
    else:
        np.testing.assert_allclose([value for value, _ in ones], values, rtol=1e-9, atol=1e-9 * size)


@pytest.mark.parametrize("once", [shape for shape in CONTRACT if shape[2] in ("NULLs", "free text")], ids=", ".join)
def test_the_same_rows_and_options_give_the_same_model(once):
    assert digest(to_bytes(train(*once)[0].model)) == digest(to_bytes(train(*once)[0].model))


@pytest.mark.parametrize("shape", [shape for shape in CONTRACT if shape[2] == "three features"], ids=", ".join)
def test_an_algorithm_learns_more_than_the_baseline(shape):
    baseline = trained("dummy", *shape[1:])[0].score
    assert shape[0] in LITTLE or shape[3] == "10 classes" or trained(*shape)[0].score > baseline


# Names


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_is_described(name):
    assert ALGORITHMS[name].doc.endswith(".")
    assert name == name.lower()
    assert set(ALGORITHMS[name].estimators) <= EVERY_TASK.keys()


@pytest.mark.parametrize("task", TASKS)
def test_an_algorithm_is_found_by_its_name_or_as_the_default(task):
    for name in for_task(task, ALGORITHMS):
        assert find_algorithm(name, task, ALGORITHMS) == (name, ALGORITHMS[name])
    assert find_algorithm(None, task, ALGORITHMS)[0] == DEFAULT_ALGORITHM[task]


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_leads_to_an_algorithm(alias):
    assert alias not in ALGORITHMS
    for meant in ALIASES[alias]:
        for task in ALGORITHMS[meant].estimators:
            found, algorithm = find_algorithm(alias, task, ALGORITHMS)
            assert found in ALIASES[alias]
            assert algorithm is ALGORITHMS[found]
            assert task in algorithm.estimators


def refusal(call, *arguments):
    with pytest.raises(DeclarationError) as caught:
        call(*arguments)
    return str(caught.value)


FEW = {name: ALGORITHMS[name] for name in ("dummy", "knn", "lasso", "ridge")}


@pytest.mark.parametrize(
    ("name", "task", "sentence"),
    [
        (
            "rigde",
            "regression",
            "unknown algorithm 'rigde'. Did you mean 'ridge'? Algorithms: dummy, knn, lasso, ridge.",
        ),
        ("svm", "classification", "unknown algorithm 'svm'. Algorithms: dummy, knn, ridge."),
        (
            "lasso",
            "classification",
            "algorithm 'lasso' is not for classification. Classification algorithms: dummy, knn, ridge.",
        ),
    ],
)
def test_an_algorithm_that_cannot_serve_is_refused_with_those_that_can(name, task, sentence):
    assert refusal(find_algorithm, name, task, FEW) == sentence


def test_of_many_algorithms_the_nearest_are_named():
    many = {f"algorithm_{letter}": ALGORITHMS["dummy"] for letter in "abcdefghijklm"}
    assert refusal(find_algorithm, "algoritm_c", "regression", many).startswith(
        "unknown algorithm 'algoritm_c'. Nearest algorithms: algorithm_c, algorithm_"
    )


# Hyperparameters


@pytest.mark.parametrize(("name", "task"), sorted({shape[:2] for shape in CONTRACT}))
def test_every_algorithm_refuses_an_unknown_hyperparameter_and_names_the_nearest(name, task):
    algorithm = ALGORITHMS[name]
    legal = sorted(legal_hyperparams(algorithm.estimator_class(task)) - set(HOST_PARAMS))
    right = max(legal, key=len)
    sentence = refusal(check_hyperparams, name, task, ALGORITHMS, {right + "x": 1})
    start = f"algorithm '{name}' has no hyperparameter '{right}x'. "
    if len(legal) > 12:
        assert sentence.startswith(f"{start}Nearest hyperparameters: {right}")
    else:
        assert sentence == f"{start}Did you mean '{right}'? Hyperparameters: {', '.join(legal)}."


@pytest.mark.parametrize(("name", "task"), sorted({shape[:2] for shape in CONTRACT}))
def test_the_legal_hyperparameters_are_those_the_estimator_knows(name, task):
    estimator_class = ALGORITHMS[name].estimator_class(task)
    needed = {"estimator": None, "estimators": []}
    known = signature(estimator_class).parameters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made = estimator_class(**{param: value for param, value in needed.items() if param in known})
    assert legal_hyperparams(estimator_class) == set(made.get_params(deep=False))


@pytest.mark.parametrize(("name", "task"), sorted({shape[:2] for shape in CONTRACT}))
def test_every_algorithm_takes_its_own_defaults(name, task):
    algorithm = ALGORITHMS[name]
    defaults = algorithm.default_params(task, 100)
    check_hyperparams(name, task, ALGORITHMS, {param: defaults[param] for param in defaults.keys() - LIBRARYS_OWN})


@pytest.mark.parametrize(("name", "task"), sorted({shape[:2] for shape in CONTRACT}))
@pytest.mark.parametrize("param", HOST_PARAMS)
def test_what_the_host_sets_is_no_hyperparameter(name, task, param):
    instead = "option seed" if param == "random_state" else "the program that loads this extension"
    sentence = f"hyperparameter '{param}' is set by {instead}. Leave it out."
    assert refusal(check_hyperparams, name, task, ALGORITHMS, {param: 1}) == sentence


@pytest.mark.parametrize(
    ("name", "hyperparams", "sentence"),
    [
        (
            "knn",
            {"neighbors": 3},
            "algorithm 'knn' has no hyperparameter 'neighbors'. Did you mean 'n_neighbors'? "
            "Hyperparameters: algorithm, leaf_size, metric, metric_params, n_neighbors, p, weights.",
        ),
        (
            "knn",
            {"n_neighbors": 0},
            "hyperparameter 'n_neighbors' of 'knn' must be an int in the range [1, inf) or None, got 0. "
            "Write another value.",
        ),
        (
            "knn",
            {"n_neighbors": 3, "weights": "heavy"},
            "hyperparameter 'weights' of 'knn' must be a str among {'distance', 'uniform'}, a callable or None, "
            "got 'heavy'. Write another value.",
        ),
        (
            "random_forest",
            {"max_depth": "deep"},
            "hyperparameter 'max_depth' of 'random_forest' must be an int in the range [1, inf) or None, got 'deep'. "
            "Write another value.",
        ),
        (
            "random_forest",
            {"max_depth": [1]},
            "hyperparameter 'max_depth' of 'random_forest' must be an int in the range [1, inf) or None, got [1]. "
            "Write another value.",
        ),
    ],
)
def test_a_hyperparameter_that_cannot_stand_says_what_it_takes(name, hyperparams, sentence):
    assert refusal(check_hyperparams, name, "classification", ALGORITHMS, hyperparams) == sentence


@pytest.mark.parametrize("value", ["euclid", 5, "x" * 5000], ids=["near", "number", "long"])
def test_of_many_words_that_a_hyperparameter_takes_the_nearest_are_listed(value):
    said = refusal(check_hyperparams, "knn", "classification", ALGORITHMS, {"metric": value})
    assert re.search(r"among \{('[a-z0-9_]+', ){2}'[a-z0-9_]+' and \d+ more\}", said)
    assert len(said) < 300
    if value == "euclid":
        assert "{'euclidean', " in said


def test_hyperparameters_that_can_stand_are_taken():
    check_hyperparams("knn", "regression", ALGORITHMS, {"n_neighbors": 3, "weights": "distance"})
    check_hyperparams("knn", "regression", ALGORITHMS, {})


def test_an_algorithm_of_the_host_is_checked_by_its_signature_alone():
    class Estimator:
        def __init__(self, alpha=1):
            self.alpha = alpha

    own = Algorithm(doc="Own.", family=None, estimators={"regression": Estimator})
    check_hyperparams("own", "regression", {"own": own}, {"alpha": "anything"})
    assert refusal(check_hyperparams, "own", "regression", {"own": own}, {"alpa": 1}) == (
        "algorithm 'own' has no hyperparameter 'alpa'. Did you mean 'alpha'? Hyperparameters: alpha."
    )


# Defaults


def test_a_default_may_depend_on_the_number_of_rows():
    assert ALGORITHMS["knn"].default_params("regression", 3) == {"n_neighbors": 3}
    assert ALGORITHMS["knn"].default_params("regression", 300) == {"n_neighbors": 5}


def test_a_default_may_depend_on_the_task():
    assert ALGORITHMS["random_forest"].default_params("classification", 9) == {"min_samples_leaf": 2}
    assert ALGORITHMS["random_forest"].default_params("regression", 9) == {"min_samples_leaf": 2, "max_features": 0.5}
