"""Algorithms made of algorithms: every one as a member of every other; and what an algorithm asks for beside rows."""

import json
from functools import cache

import numpy as np
import pytest
from needs import LIGHT, POSITIVE, REFITTED, with_target

from sqlite_ml_vtab.declaration import parse
from sqlite_ml_vtab.errors import DeclarationError, TrainingError
from sqlite_ml_vtab.learning.algorithms import (
    ALGORITHMS,
    MAX_DEPTH,
    Algorithm,
    base,
    check_features,
    check_hyperparams,
    find_algorithm,
    for_task,
    known_defaults,
)
from sqlite_ml_vtab.learning.estimator import library_versions, used_algorithms
from sqlite_ml_vtab.learning.rows import collect
from sqlite_ml_vtab.learning.training import fit
from sqlite_ml_vtab.portable import Scorer, digest, from_bytes, to_bytes

COUNT = 60
RANDOM = np.random.RandomState(0)
MATRIX = RANDOM.normal(size=(COUNT, 3)).round(2)
SIGNAL = MATRIX[:, 0] + MATRIX[:, 1] / 2 + RANDOM.normal(size=COUNT) / 2
ASKED = [tuple(row) for row in MATRIX[:10].tolist()]


@cache
def table(classes, width=3):
    """Return training rows of so many classes, or of a positive number where there are none."""
    target = np.digitize(SIGNAL, np.quantile(SIGNAL, np.arange(1, classes) / classes)) if classes else SIGNAL + 5
    rows = [
        (number, *row[:width], said)
        for number, (row, said) in enumerate(zip(MATRIX.tolist(), target.tolist(), strict=True), 1)
    ]
    declared = [*(f"f{place} real" for place in range(width)), "y target"]
    return collect(parse("classification" if classes else "regression", "t", declared), [rows])


LIGHTER = LIGHT | {
    "mlp": {"hidden_layer_sizes": [10], "max_iter": 100, "solver": "lbfgs"},
    "voting": {"estimators": ["knn", "decision_tree"]},
    "stacking": {"estimators": ["knn", "decision_tree"], "cv": 2},
}


def named(name):
    """Return how a member is named, with smaller hyperparameters where it has some."""
    return {"algorithm": name, "hyperparams": LIGHTER[name]} if name in LIGHTER else name


# Every algorithm as a member

LINE = {True: "logistic_regression", False: "ridge"}
HOSTS = {
    "voting": lambda name, is_class: {"estimators": [name, LINE[is_class]]},
    "hard voting": lambda name, is_class: {"voting": "hard", "estimators": [name, LINE[is_class]]},
    "bagging": lambda name, is_class: {"estimator": name, "n_estimators": 2, "max_features": 0.7},
    "ada_boost": lambda name, is_class: {"estimator": name, "n_estimators": 2},
    "stacking": lambda name, is_class: {"estimators": [name, LINE[is_class]], "cv": 2},
    "stacking on it": lambda name, is_class: {"estimators": ["knn", LINE[is_class]], "final_estimator": name, "cv": 2},
    "calibrated": lambda name, is_class: {"estimator": name, "cv": 2},
    "ransac": lambda name, is_class: {"estimator": name, "min_samples": 30, "max_trials": 3},
}
"""By name, the hyperparameters that make an algorithm a member; the algorithm is the first word that is one."""


def algorithm_of(host):
    return "voting" if host == "hard voting" else host.partition(" ")[0]


MEMBERSHIPS = [
    (host, name, task)
    for host in HOSTS
    for name in ALGORITHMS
    for task in with_target(name)
    if task in ALGORITHMS[algorithm_of(host)].estimators and not (host == "hard voting" and task == "regression")
]

NO_PROBABILITIES = "ridge ridge_cv perceptron passive_aggressive svc nu_svc linear_svc"
CANNOT = {
    **{
        ("voting", name, "classification"): f"algorithm 'voting' takes the mean of probabilities, and '{name}' gives none."
        for name in NO_PROBABILITIES.split()
    },
    **{
        (host, name, "classification"): f"Negative values in data passed to {kind} (input X)"
        for name, kind in (
            ("multinomial_nb", "MultinomialNB"),
            ("complement_nb", "ComplementNB"),
            ("categorical_nb", "CategoricalNB"),
        )
        for host in ("voting", "hard voting", "bagging", "ada_boost", "stacking", "calibrated")
    },
    **{
        ("ada_boost", name, "classification"): "doesn't support sample_weight"
        for name in (
            *("knn", "radius_neighbors", "nearest_centroid", "lda", "qda", "passive_aggressive", "gaussian_process"),
            *("voting", "stacking"),
        )
    },
    **{
        (host, "isotonic", "regression"): "Isotonic regression input X should be a 1d array"
        for host in ("voting", "bagging", "ada_boost", "stacking", "stacking on it", "ransac")
    },
    ("bagging", "ransac", "regression"): "Sample weights must contain at least one non-zero number.",
    ("stacking on it", "categorical_nb", "classification"): "index 1 is out of bounds",
}  # fmt: skip
"""The memberships that end in a sentence, and what it says: the standardised features are negative, and so on."""

ONLY_REFITTED = {
    **{
        (host, "gaussian_process", "classification"): REFITTED["gaussian_process", "classification"][len("refit: ") :]
        for host in HOSTS.keys() - {"ada_boost", "ransac"}
    },
}
"""The memberships without a portable form, and why."""


def fitted(host, name, classes, plan_of):
    task = "classification" if classes else "regression"
    hyperparams = HOSTS[host](named(name), bool(classes))
    return fit(table(classes), plan_of(algorithm_of(host), task, hyperparams=hyperparams))


def test_every_exception_is_a_membership():
    assert CANNOT.keys() | ONLY_REFITTED.keys() <= set(MEMBERSHIPS)
    assert not CANNOT.keys() & ONLY_REFITTED.keys()


@pytest.mark.parametrize("membership", MEMBERSHIPS, ids=", ".join)
def test_every_algorithm_is_a_member_of_every_other_in_portable_form(membership, plan_of):
    host, name, task = membership
    classes = 3 if task == "classification" else 0
    if membership in CANNOT:
        with pytest.raises(TrainingError) as caught:
            fitted(host, name, classes, plan_of)
        assert CANNOT[membership] in str(caught.value)
        return
    found = fitted(host, name, classes, plan_of)
    if membership in ONLY_REFITTED:
        assert found.scorer == f"refit: {ONLY_REFITTED[membership]}"
        return
    assert found.scorer.startswith("portable: ")
    assert_answers(found)


def assert_answers(found):
    """Assert that the stored model answers to the bit as the fitted one, and one row as many."""
    ready, again = Scorer(found.model), Scorer(from_bytes(to_bytes(found.model)))
    values, scores = ready.many(ASKED)
    assert repr(again.many(ASKED)) == repr((values, scores))
    ones = [ready.one(row) for row in ASKED]
    np.testing.assert_allclose([list(said) for _, said in ones], scores, rtol=1e-9, atol=1e-9)
    if found.model.labels:
        assert [value for value, _ in ones] == values


@pytest.mark.parametrize("name", for_task("classification", ALGORITHMS))
@pytest.mark.parametrize("classes", [2, 3])
def test_every_classification_can_be_calibrated_in_portable_form(name, classes, plan_of):
    hyperparams = LIGHTER.get(name, {})
    found = fit(table(classes), plan_of(name, hyperparams=hyperparams, calibrate="sigmoid"))
    if (name, "classification") in REFITTED:
        assert found.scorer == REFITTED[name, "classification"]
        return
    assert found.scorer == "portable: combined"
    assert Scorer(found.model).has_probabilities
    assert_answers(found)


@pytest.mark.parametrize("name", ["voting", "stacking", "bagging"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_members_are_the_same_with_several_threads(name, task, plan_of):
    forest = {"algorithm": "random_forest", "hyperparams": {"n_estimators": 5}}
    hyperparams = {"estimators": [forest, "knn"]} if name != "bagging" else {"estimator": forest, "n_estimators": 2}
    rows = table(3 if task == "classification" else 0)
    one, two = (fit(rows, plan_of(name, task, hyperparams=hyperparams, threads=threads)) for threads in (1, 2))
    assert digest(to_bytes(one.model)) == digest(to_bytes(two.model))


# Naming members


def refusal(name, hyperparams, task="classification"):
    with pytest.raises(DeclarationError) as caught:
        check_hyperparams(name, task, ALGORITHMS, hyperparams)
    return str(caught.value)


def of(name, **hyperparams):
    return {"algorithm": name, "hyperparams": hyperparams}


@pytest.mark.parametrize(
    ("name", "hyperparams"),
    [
        ("voting", {"estimators": ["knn", of("knn", n_neighbors=3), {"algorithm": "svc"}], "voting": "hard"}),
        ("voting", {"weights": [1, 2, 3]}),
        ("voting", {"estimators": ["KNN", " svm "], "voting": "hard"}),
        ("voting", {"estimators": "knn"}),
        ("stacking", {"cv": 3, "final_estimator": of("ridge", alpha=0.5)}),
        ("stacking", {"estimators": ["naive_bayes"], "final_estimator": "linear"}),
        ("bagging", {"estimator": of("voting", estimators=["knn", "lda"])}),
        ("calibrated", {"estimator": "svc", "method": "isotonic"}),
    ],
)
def test_members_are_named_as_algorithms(name, hyperparams):
    check_hyperparams(name, "classification", ALGORITHMS, hyperparams)


WRITE = 'Write "knn" or {"algorithm": "knn", "hyperparams": {...}}.'


@pytest.mark.parametrize(
    ("name", "hyperparams", "sentence"),
    [
        *(
            (
                "voting",
                {"estimators": [entry]},
                f"hyperparameter 'estimators' of 'voting' names algorithms, got {shown}. {WRITE}",
            )
            for entry, shown in (
                (5, "5"),
                (None, "NULL"),
                ([], "[]"),
                ({}, "{}"),
                ({"algorithm": 5}, "{'algorithm': 5}"),
                ({"algorithm": "knn", "hyperparams": []}, "{'algorithm': 'knn', 'hyperparams': []}"),
                ({"algorithm": "knn", "params": {}}, "{'algorithm': 'knn', 'params': {}}"),
                ({"hyperparams": {}}, "{'hyperparams': {}}"),
            )
        ),
        (
            "bagging",
            {"estimator": ["knn"]},
            f"hyperparameter 'estimator' of 'bagging' names algorithms, got ['knn']. {WRITE}",
        ),
        ("voting", {"estimators": []}, "hyperparameter 'estimators' of 'voting' names no algorithm. Name at least one."),
        (
            "voting",
            {"estimators": ["knn", of("knn", neighbors=3)]},
            "algorithm 'knn' has no hyperparameter 'neighbors'. Did you mean 'n_neighbors'? "
            "Hyperparameters: algorithm, leaf_size, metric, metric_params, n_neighbors, p, weights.",
        ),
        (
            "voting",
            {"estimators": [of("knn", n_neighbors=0)]},
            "hyperparameter 'n_neighbors' of 'knn' must be an int in the range [1, inf) or None, got 0. "
            "Write another value.",
        ),
        (
            "stacking",
            {"final_estimator": of("svc", random_state=1)},
            "hyperparameter 'random_state' is set by option seed. Leave it out.",
        ),
        (
            "voting",
            {"voting": "loud"},
            "hyperparameter 'voting' of 'voting' must be a str among {'hard', 'soft'}, got 'loud'. Write another value.",
        ),
    ],
)  # fmt: skip
def test_members_that_cannot_stand_say_why(name, hyperparams, sentence):
    assert refusal(name, hyperparams) == sentence


def test_members_are_of_the_same_task():
    sentence = refusal("voting", {"estimators": ["lasso"]})
    assert sentence.startswith("algorithm 'lasso' is not for classification. Nearest classification algorithms: ")
    sentence = refusal("bagging", {"estimator": "nothing"}, "regression")
    assert sentence.startswith("unknown algorithm 'nothing'. Nearest algorithms: ")


def nested(depth):
    found = "knn"
    for _ in range(depth):
        found = of("bagging", estimator=found)
    return found["hyperparams"]


def test_members_within_members_are_named_only_so_deep():
    check_hyperparams("bagging", "classification", ALGORITHMS, nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 300):
        assert refusal("bagging", nested(depth)) == (
            f"hyperparameter 'estimator' of 'bagging' names algorithms more than {MAX_DEPTH} deep. Name simpler ones."
        )


def test_the_algorithms_that_a_plan_uses_are_found_however_deep(plan_of):
    hyperparams = {"estimators": ["lightgbm", of("bagging", estimator="xgboost")]}
    used = used_algorithms(plan_of("voting", hyperparams=hyperparams))
    assert used == [ALGORITHMS[name] for name in ("voting", "lightgbm", "bagging", "xgboost")]
    assert used_algorithms(plan_of("knn")) == [ALGORITHMS["knn"]]
    defaults = used_algorithms(plan_of("stacking", "regression"))
    assert {ALGORITHMS[name].doc for name in ("stacking", "ridge", "random_forest", "knn")} == {a.doc for a in defaults}


def test_the_versions_of_extras_are_told_with_those_of_scikit_learn():
    import lightgbm

    assert list(library_versions()) == ["python", "scikit-learn", "numpy", "scipy"]
    assert library_versions(["lightgbm"])["lightgbm"] == lightgbm.__version__


# What an algorithm needs


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(base, "find_spec", lambda name: None)
    for name, algorithm in ALGORITHMS.items():
        task = next(iter(algorithm.estimators))
        if not algorithm.extra:
            assert find_algorithm(name, task, ALGORITHMS)[0] == name
            continue
        with pytest.raises(DeclarationError) as caught:
            find_algorithm(name, task, ALGORITHMS)
        assert str(caught.value) == (
            f"algorithm '{name}' needs a package that is not installed. "
            f"Run: pip install 'sqlite-ml-vtab[{algorithm.extra}]'."
        )


def test_a_class_that_the_library_has_dropped_is_a_sentence():
    gone = Algorithm(doc="Gone.", family=None, estimators={"regression": "sklearn.linear_model:GoneRegressor"})
    with pytest.raises(DeclarationError) as caught:
        gone.estimator_class("regression")
    assert str(caught.value) == (
        "sklearn.linear_model has no GoneRegressor in the release that is installed. Use another algorithm."
    )


def test_a_default_that_the_installed_release_does_not_know_is_left_out():
    class Old:
        def __init__(self, alpha=1):
            self.alpha = alpha

    class Open:
        def __init__(self, alpha=1, **others):
            self.alpha = alpha

    assert known_defaults(Old, {"alpha": 2, "newer": 3}) == {"alpha": 2}
    assert known_defaults(Open, {"alpha": 2, "newer": 3}) == {"alpha": 2, "newer": 3}


@pytest.mark.parametrize(
    ("name", "task", "shape", "defaults"),
    [
        ("knn", "regression", (3, 9), {"n_neighbors": 3}),
        ("radius_neighbors", "regression", (50, 9), {"radius": 3.0}),
        ("pls", "regression", (50, 1), {"n_components": 1}),
        ("pls", "regression", (50, 9), {"n_components": 2}),
        ("ransac", "regression", (50, 9), {"min_samples": 10}),
        ("ransac", "regression", (5, 9), {"min_samples": 5}),
        ("sgd", "regression", (30, 9), {"alpha": 0.1}),
        ("sgd", "classification", (10**6, 9), {"alpha": 1e-4, "loss": "log_loss"}),
        ("decision_tree", "regression", (9, 9), {"min_samples_leaf": 1}),
        ("decision_tree", "regression", (50, 9), {"min_samples_leaf": 5}),
        ("decision_tree", "classification", (5000, 9), {"min_samples_leaf": 10}),
    ],
)
def test_a_default_may_depend_on_the_shape_of_the_matrix(name, task, shape, defaults):
    assert ALGORITHMS[name].default_params(task, *shape) == defaults


@pytest.mark.parametrize(
    ("task", "rows", "leaves", "leaf_rows", "trees"),
    [
        ("classification", 10, 8, 1, 150),
        ("classification", 3000, 15, 10, 180),
        ("classification", 10**6, 31, 10, 300),
        ("regression", 10, 8, 1, 200),
        ("regression", 300, 8, 6, 203),
        ("regression", 1000, 20, 10, 210),
        ("regression", 10**6, 31, 10, 300),
    ],
)
def test_boosted_trees_grow_with_the_rows_by_default(task, rows, leaves, leaf_rows, trees):
    defaults = ALGORITHMS["hist_gradient_boosting"].default_params(task, rows)
    grown = [defaults[name] for name in ("max_leaf_nodes", "min_samples_leaf", "max_iter")]
    assert grown == [leaves, leaf_rows, trees]


# One feature


def test_a_curve_goes_through_one_feature():
    check_features("isotonic", ALGORITHMS["isotonic"], 1)
    check_features("ridge", ALGORITHMS["ridge"], 9)
    with pytest.raises(DeclarationError) as caught:
        check_features("isotonic", ALGORITHMS["isotonic"], 3)
    assert str(caught.value) == "algorithm 'isotonic' reads one feature, got 3. Declare the others KEY."


@pytest.mark.parametrize(
    ("column", "values", "asked"),
    [
        ("x real", [place / 7 for place in range(60)], (3.3, None, 1e9)),
        ("x real", [None if place % 5 == 0 else place for place in range(60)], (3.3, None, 1e9)),
        ("x real scale(minmax) impute(mean)", [None if place % 5 == 0 else place for place in range(60)], (3.3, None)),
        ("x", list(range(60)), (3, None)),
        ("x date", [f"20{10 + place // 12}-{place % 12 + 1:02}-01" for place in range(60)], ("2012-05-05", None)),
        ("x text", [None if place % 7 == 0 else "abcdef"[place // 10] for place in range(60)], ("a", "new", None)),
    ],
)
def test_a_curve_goes_through_a_feature_of_any_kind_and_null(plan_of, column, values, asked):
    rows = [(number, value, number // 7) for number, value in enumerate(values, 1)]
    found = fit(collect(parse("regression", "t", [column, "y target"]), [rows]), plan_of("isotonic", "regression"))
    assert found.scorer == "portable: isotonic"
    assert found.score > 0.5
    scorer = Scorer(from_bytes(to_bytes(found.model)))
    ones = [scorer.one((value,))[0] for value in asked]
    assert ones == scorer.many([(value,) for value in asked])[0]
    assert all(0 <= value <= 9 for value in ones)


# Weights

UNWEIGHTED = {
    "classification": (
        "knn lda nearest_centroid passive_aggressive qda radius_neighbors gaussian_process voting stacking"
    ),
    "regression": (
        "ard gaussian_process knn lars lasso_lars orthogonal_matching_pursuit passive_aggressive pls radius_neighbors "
        "theil_sen voting stacking"
    ),
}
"""The algorithms that take no weights: those of scikit-learn's that have none, or whose default members have none."""

BLIND = {"classification": {"extra_tree", "extra_trees"}, "regression": {"dummy", "quantile", "linear_svr"}}
"""The algorithms that take weights, and whose model may yet be the same."""


def weighted(name, task, plan_of):
    classes = 3 if task == "classification" else 0
    rows = [
        (number, *row[1:4], said, 1.0 + 9.0 * (number % 3 == 0))
        for number, (row, said) in enumerate(zip([(0, *row) for row in MATRIX.tolist()], table(classes).target), 1)
    ]
    declared = [*(f"f{place} real" for place in range(3)), "y target", "w real weight"]
    if name == "isotonic":
        rows, declared = [(row[0], row[1], *row[4:]) for row in rows], [declared[0], *declared[3:]]
    return fit(collect(parse(task, "t", declared), [rows]), plan_of(name, task, hyperparams=LIGHT.get(name, {})))


@pytest.mark.parametrize(("name", "task"), [(name, task) for name in ALGORITHMS for task in with_target(name)])
def test_weights_reach_every_algorithm_that_takes_them_and_the_others_refuse_by_name(name, task, plan_of):
    if name in UNWEIGHTED[task].split():
        with pytest.raises(TrainingError) as caught:
            weighted(name, task, plan_of)
        assert str(caught.value) == (
            f"algorithm '{name}' takes no weights. "
            "Leave out the WEIGHT column and class_weight, or use another algorithm."
        )
        return
    found = weighted(name, task, plan_of)
    plain = fit(
        table(3 if task == "classification" else 0, 1 if name == "isotonic" else 3),
        plan_of(name, task, hyperparams=LIGHT.get(name, {})),
    )
    same = [
        Scorer(one.model, *one.refitted).many([row[:1] if name == "isotonic" else row for row in ASKED])
        for one in (found, plain)
    ]
    assert name in BLIND[task] or repr(same[0]) != repr(same[1])


@pytest.mark.parametrize("name", ["knn", "lda"])
def test_class_weights_are_weights(name, plan_of):
    with pytest.raises(TrainingError, match=r"takes no weights\. Leave out the WEIGHT column and class_weight"):
        fit(table(3), plan_of(name, class_weight="balanced"))


# Nothing to learn


@pytest.mark.parametrize("transform", [None, "log", "yeo_johnson"])
@pytest.mark.parametrize("name", for_task("regression", ALGORITHMS))
def test_a_constant_number_is_predicted_by_every_algorithm(name, transform, plan_of):
    declared = ["a real", "c text", "y target"] if name != "isotonic" else ["a real", "y target"]
    rows = [(number, *(number, "xyz"[number % 3])[: len(declared) - 1], 5.1) for number in range(1, 41)]
    plan = plan_of(name, "regression", target_transform=transform)
    found = fit(collect(parse("regression", "t", declared), [rows]), plan)
    assert Scorer(found.model).one((3.5, "new")[: len(declared) - 1])[0] == 5.1
    assert found.scorer == "portable: constant"
    instead = "" if name == "dummy" else f", so dummy was fitted instead of {name}"
    assert found.notes == (f"the target is 5.1 in every row; there is nothing to learn{instead}",)


# What an algorithm cannot fit


def refused(name, task, plan_of, **hyperparams):
    with pytest.raises(TrainingError) as caught:
        fit(table(3 if task == "classification" else 0), plan_of(name, task, hyperparams=hyperparams))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "task", "hyperparams", "sentence"),
    [
        ("knn", "regression", {"n_neighbors": 500}, "cannot be fitted to these rows: Expected n_neighbors <= "),
        ("lightgbm", "regression", {"num_leaves": 1}, "cannot be fitted to these rows: Check failed: (num_leaves) > (1)"),
        ("xgboost", "regression", {"max_depth": -5}, "cannot be fitted to these rows: "),
        ("pls", "regression", {"n_components": 50}, "cannot be fitted to these rows: `n_components` upper bound is "),
        ("radius_neighbors", "regression", {"radius": 1e-9}, "gives no finite number"),
        ("calibrated", "classification", {"cv": 500}, "cannot be fitted to these rows: Requesting 500-fold "),
    ],
)  # fmt: skip
def test_an_estimators_own_reason_is_told_in_a_line(name, task, hyperparams, sentence, plan_of):
    told = refused(name, task, plan_of, **hyperparams)
    assert told.startswith(f"algorithm '{name}' {sentence}")
    assert "\n" not in told


def test_an_estimator_that_has_no_answer_for_the_test_part_says_so(plan_of):
    told = refused("radius_neighbors", "classification", plan_of, outlier_label=None, radius=0.01)
    assert told.startswith("algorithm 'radius_neighbors' has no answer for these rows: No neighbors found for test ")


def test_hyperparameters_are_stored_as_they_were_written(plan_of):
    hyperparams = {"estimators": ["knn", of("ridge", alpha=3)]}
    assert json.loads(json.dumps(plan_of("voting", "regression", hyperparams=hyperparams).hyperparams)) == hyperparams


def test_positive_targets_are_all_these_tests_know():
    assert POSITIVE.keys() <= set(for_task("regression", ALGORITHMS))
