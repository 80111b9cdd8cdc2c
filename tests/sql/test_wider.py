"""The wide modelling surface through SQL: clauses, words, decisions, several targets, members, and messy tables."""

import json
import math
import random

import numpy as np
import pytest
from asking import command, declare, refusal, rows, value
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

import sqlite_ml_vtab
from sqlite_ml_vtab.declaration import OPTIONS
from sqlite_ml_vtab.declaration.options import FOR_TASK
from sqlite_ml_vtab.learning.algorithms import base

# A messy table

SAID = {
    "pos": ["great", "lovely", "отлично", "素晴らしい", "très bon", "अच्छा"],
    "neg": ["awful", "terrible", "ужасно", "ひどい", "très mauvais", "बुरा"],
}
FILLING = ["the", "a", "product", "item", "товар", "商品", "le", "produit", "und", "das"]
COLUMNS = "review WORDS, city TEXT, price REAL, day DATE, rating INTEGER CATEGORY, flag BOOLEAN"


def reviews(count=200):
    """Return rows (id, review, city, price, day, rating, flag, opinion); of the features, some are NULL."""
    draw = random.Random(0)
    found = []
    for number in range(count):
        opinion = draw.choice(["pos", "neg"])
        text = " ".join([*draw.choices(FILLING, k=5), draw.choice(SAID[opinion]), draw.choice(FILLING)])
        price = draw.lognormvariate(0, 1) + (opinion == "pos")
        day = f"20{draw.randint(10, 23)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}"
        row = [text, f"city {draw.randint(0, 60)}", price, day, draw.randint(1, 5), draw.randint(0, 1)]
        found.append((number, *(None if draw.random() < 0.08 else item for item in row), opinion))
    return found


@pytest.fixture
def messy(db):
    """A database in memory with the table x of reviews."""
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, review, city, price, day, rating, flag, opinion)")
    db.executemany("INSERT INTO x VALUES (?, ?, ?, ?, ?, ?, ?, ?)", reviews())
    return db


def trained(db, columns, task="classification", source="SELECT * FROM x", name="p"):
    declare(db, name, columns, task)
    db.execute(f"INSERT INTO {name} {source}")
    command(db, "train", name=name)


FORMS = {
    "a join": "SELECT t.{0} FROM x JOIN p({1}) AS t ORDER BY x.id",
    "JSON": "SELECT (SELECT {0} FROM p(json_array({1}))) FROM x ORDER BY x.id",
    "an array of arrays": "SELECT {0} FROM p((SELECT json_group_array(json_array({1})) FROM x)) ORDER BY rowid",
    "IN": """WITH t AS MATERIALIZED
        (SELECT features AS o, {0} FROM p WHERE features IN (SELECT json_array({1}) FROM x))
        SELECT t.{0} FROM x JOIN t ON t.o = json_array({1}) ORDER BY x.id""",
    "source": "SELECT {0} FROM p WHERE source = 'SELECT * FROM x ORDER BY id'",
    "a function": "SELECT ml_predict('p', {1}) FROM x ORDER BY x.id",
}
FEATURES = "review, city, price, day, rating, flag"


def answers(db, target="opinion"):
    """Return what every form of prediction says of x."""
    features = ", ".join(f"x.{name}" for name in FEATURES.split(", "))
    return {form: rows(db, sql.format(target, features)) for form, sql in FORMS.items()}


def assert_forms_agree(db, target="opinion"):
    said = list(answers(db, target).values())
    assert all(len(each) == 200 for each in said)
    if isinstance(said[0][0][0], float):
        for each in said:
            assert [one for (one,) in each] == pytest.approx([one for (one,) in said[0]], rel=1e-9)
    else:
        assert all(each == said[0] for each in said)
    return [one for (one,) in said[0]]


@pytest.mark.parametrize(
    "algorithm",
    ["logistic_regression", "random_forest", "hist_gradient_boosting", "svc", "knn", "lightgbm"],
)
def test_a_messy_table_of_every_kind_of_column_is_learned(messy, algorithm):
    trained(messy, f"id KEY, {COLUMNS}, opinion TEXT TARGET, algorithm={algorithm}")
    [(score, baseline, scorer, notes)] = rows(messy, "SELECT score, baseline, scorer, notes FROM ml_versions('p')")
    assert score > baseline + 0.1
    assert scorer.startswith("portable: ")
    assert json.loads(notes) == []
    said = assert_forms_agree(messy)
    truth = [opinion for (opinion,) in rows(messy, "SELECT opinion FROM x ORDER BY id")]
    assert sum(one == other for one, other in zip(said, truth, strict=True)) > 140


def test_clauses_are_heeded_and_the_model_comes_back(connect, path):
    db = connect(path)
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, review, city, price, day, rating, flag, opinion)")
    db.executemany("INSERT INTO x VALUES (?, ?, ?, ?, ?, ?, ?, ?)", reviews())
    trained(
        db,
        "id KEY, review WORDS, city TEXT ENCODE(target) IMPUTE(constant, 'nowhere'), "
        "price REAL IMPUTE(mean) SCALE(robust), day DATE IMPUTE(most_frequent) SCALE(minmax), "
        "rating INTEGER CATEGORY ENCODE(ordinal) IMPUTE(constant, 3), flag BOOLEAN IMPUTE(constant, 0) SCALE(none), "
        "opinion TEXT TARGET, algorithm=logistic_regression",
    )
    before = assert_forms_agree(db)
    digest = value(db, "SELECT digest FROM ml_versions('p')")
    command(db, "rebuild", {"version": 1})
    assert value(db, "SELECT digest FROM ml_versions('p')") == digest
    db.close()
    again = connect(path)
    assert assert_forms_agree(again) == before
    with_null = value(again, "SELECT probabilities FROM p('good', NULL, NULL, NULL, NULL, NULL)")
    filled = value(again, "SELECT probabilities FROM p('good', 'nowhere', NULL, NULL, '3', 0)")
    assert with_null == filled


def test_a_version_of_words_is_rebuilt_and_trained_alike(messy):
    trained(messy, "id KEY, review WORDS, city, price, day, rating, flag, opinion TARGET")
    digest = value(messy, "SELECT digest FROM ml_versions('p')")
    command(messy, "rebuild")
    command(messy, "train", {"deploy": True})
    assert rows(messy, "SELECT version, digest FROM ml_versions('p')") == [(1, digest), (2, digest)]


def test_training_outside_the_lock_bears_words(messy):
    declare(messy, columns="id KEY, review WORDS, opinion TEXT TARGET")
    messy.execute("INSERT INTO p SELECT id, review, opinion FROM x")
    assert sqlite_ml_vtab.train(messy, "p") == 1


def test_untyped_text_that_is_nearly_unique_becomes_words(messy):
    trained(messy, "id KEY, review, opinion TARGET", source="SELECT id, review, opinion FROM x")
    assert value(messy, "SELECT score > baseline + 0.1 FROM ml_versions('p')")
    assert value(messy, "SELECT opinion FROM p('lovely')") == "pos"
    assert value(messy, "SELECT warning FROM p('unheard-of')") is None


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("a IMPUTE(mean)", "x y z x", "column 'a' holds text, and IMPUTE(mean) is for numbers. Leave it out."),
        ("a SCALE(robust)", "x y z x", "column 'a' holds text, and SCALE(robust) is for numbers. Leave it out."),
        (
            "a IMPUTE(constant, 'x')",
            [1, 2, 3, 4],
            "column 'a' holds numbers, and IMPUTE(constant, ...) gives it 'x'. Write a number.",
        ),
    ],
)
def test_clauses_that_the_values_cannot_bear_are_refused_at_training(db, column, values, sentence):
    declare(db, columns=f"{column}, y TARGET")
    found = values.split() if isinstance(values, str) else values
    db.executemany("INSERT INTO p VALUES (?, ?)", [(each, place % 2) for place, each in enumerate(found)])
    assert refusal(db, "INSERT INTO p(p) VALUES ('train')") == f"TrainingError: p: {sentence}"


def test_a_constant_that_is_no_date_is_refused_at_create(db):
    declare(db, "q", "a DATE IMPUTE(constant, '2024-05-31'), y TARGET")
    told = refusal(db, "CREATE VIRTUAL TABLE p USING ml_classification(a DATE IMPUTE(constant, 'never'), y TARGET)")
    assert told.startswith(
        "DeclarationError: p: IMPUTE(constant, ...): column 'a' is DATE, got 'never'. Write ISO 8601"
    )
    assert value(db, "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'p*'") == 0


# Decisions


def test_a_threshold_moves_the_border_and_not_the_probabilities(messy):
    trained(messy, f"id KEY, {COLUMNS}, opinion TEXT TARGET, algorithm=logistic_regression, threshold=0.9")
    asked = "SELECT opinion, json_extract(probabilities, '$.pos') FROM p WHERE source = 'x'"
    assert all((opinion == "pos") == (chance >= 0.9) for opinion, chance in rows(messy, asked))
    assert_forms_agree(messy)
    command(messy, "train", {"threshold": {"neg": 0.05}, "deploy": True})
    assert all((opinion == "neg") == (chance <= 0.95) for opinion, chance in rows(messy, asked))


def test_costs_decide_what_is_predicted(messy):
    cost = '{"pos": {"neg": 100}}'
    trained(messy, f"id KEY, {COLUMNS}, opinion TEXT TARGET, algorithm=logistic_regression, cost='{cost}'")
    asked = "SELECT opinion, json_extract(probabilities, '$.pos') FROM p WHERE source = 'x'"
    assert all((opinion == "pos") == (100 * chance > 1 - chance) for opinion, chance in rows(messy, asked))
    assert value(messy, "SELECT value FROM ml_metrics('p') WHERE name = 'recall[pos]'") > 0.9


def test_calibration_gives_probabilities_to_an_algorithm_without(messy):
    trained(messy, f"id KEY, {COLUMNS}, opinion TEXT TARGET, algorithm=svc")
    assert value(messy, "SELECT probability FROM p('lovely', NULL, 1, NULL, NULL, 0)") is None
    assert "roc_auc" not in [name for (name,) in rows(messy, "SELECT name FROM ml_metrics('p')")]
    command(messy, "train", {"calibrate": "isotonic", "deploy": True})
    assert value(messy, "SELECT scorer FROM ml_versions('p') WHERE version = 2") == "portable: combined"
    assert 0.5 < value(messy, "SELECT probability FROM p('lovely', NULL, 1, NULL, NULL, 0)") <= 1
    assert value(messy, "SELECT value FROM ml_metrics('p', 2) WHERE name = 'roc_auc'") > 0.7


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"algorithm": "svc", "threshold": 0.3},
            "TrainingError: p: algorithm 'svc' gives no probabilities, which threshold needs. Add calibrate='sigmoid'.",
        ),
        (
            {"threshold": {"perhaps": 0.3}},
            "TrainingError: p: threshold names 'perhaps', no class of the train part. Classes: neg, pos.",
        ),
        (
            {"cost": {"perhaps": {"pos": 3}}},
            "TrainingError: p: cost names 'perhaps', no class of the train part. Classes: neg, pos.",
        ),
        (
            {"threshold": 0.3, "cost": {"pos": {"neg": 3}}},
            "CommandError: p: threshold and cost both decide what is predicted. Write one of them.",
        ),
        (
            {"target_transform": "log"},
            "CommandError: p: option 'target_transform' is for regression, and this is classification. Leave it out.",
        ),
        ({"calibrate": "platt"}, "CommandError: p: option 'calibrate' takes 'sigmoid' or 'isotonic', got 'platt'."),
        (
            {"algorithm": "isotonic"},
            "CommandError: p: algorithm 'isotonic' is not for classification. "
            "Nearest classification algorithms: dummy, stacking, ridge_cv.",
        ),
    ],
)
def test_a_run_that_cannot_decide_says_why_and_leaves_nothing(messy, options, sentence):
    declare(messy, columns=f"id KEY, {COLUMNS}, opinion TEXT TARGET, algorithm=gaussian_nb")
    messy.execute("INSERT INTO p SELECT * FROM x")
    told = refusal(messy, "INSERT INTO p(p, options) VALUES ('train', ?)", (json.dumps(options),))
    assert told.partition("Nearest")[0] == sentence.partition("Nearest")[0]
    assert value(messy, "SELECT count(*) FROM ml_versions('p')") == 0


def test_a_bent_target_is_predicted_in_its_own_unit(messy):
    columns = "id KEY, review WORDS, city, price REAL TARGET, day DATE, rating, flag, opinion"
    trained(messy, f"{columns}, algorithm=ridge, target_transform=log", "regression", name="p")
    said = [price for (price,) in rows(messy, "SELECT price FROM p WHERE source = 'x'")]
    assert min(said) > 0
    assert 0.3 < sum(said) / len(said) < 5
    [(lower, price, upper)] = rows(messy, "SELECT lower, price, upper FROM p WHERE source = 'SELECT * FROM x LIMIT 1'")
    assert lower < price < upper
    command(messy, "train", {"target_transform": "yeo_johnson", "deploy": True})
    assert min(price for (price,) in rows(messy, "SELECT price FROM p WHERE source = 'x'")) > -1


def test_the_decisions_of_a_run_are_kept_with_its_version(messy):
    trained(messy, f"id KEY, {COLUMNS}, opinion TEXT TARGET, algorithm=knn, threshold=0.4, calibrate=sigmoid")
    options = json.loads(value(messy, "SELECT options FROM ml_versions('p')"))
    assert {name: options[name] for name in ("threshold", "calibrate")} == {"threshold": 0.4, "calibrate": "sigmoid"}
    assert not options.keys() & {"cost", "target_transform", "class_weight"}


# Several targets


@pytest.fixture
def exercise(db):
    """A database in memory with the table x of linnerud and a predictor of its three measures."""
    db.execute("CREATE VIRTUAL TABLE d USING ml_dataset('linnerud'); CREATE TABLE x AS SELECT * FROM d; DROP TABLE d")
    declare(
        db,
        columns="chins REAL, situps REAL, jumps REAL, weight REAL TARGET, waist REAL TARGET, pulse REAL TARGET, "
        "algorithm=ridge",
        task="regression",
    )
    db.execute("INSERT INTO p SELECT * FROM x")
    command(db, "train")
    return db


MEASURES = "weight, waist, pulse"


def test_several_targets_are_predicted_together_by_every_form(exercise):
    joined = rows(exercise, "SELECT t.weight, t.waist, t.pulse FROM x JOIN p(x.chins, x.situps, x.jumps) AS t")
    assert len(joined) == 20
    assert rows(exercise, f"SELECT {MEASURES} FROM p WHERE source = 'x'") == [pytest.approx(row) for row in joined]
    asked = "SELECT json_group_array(json_array(chins, situps, jumps)) FROM x"
    assert rows(exercise, f"SELECT {MEASURES} FROM p(({asked}))") == [pytest.approx(row) for row in joined]
    told = [json.loads(said) for (said,) in rows(exercise, "SELECT ml_predict('p', chins, situps, jumps) FROM x")]
    assert [tuple(said.values()) for said in told] == [pytest.approx(row) for row in joined]
    assert [list(said) for said in told] == [MEASURES.split(", ")] * 20


def test_several_targets_are_those_of_three_predictors(exercise):
    [together] = rows(exercise, f"SELECT {MEASURES} FROM p(5, 100, 50)")
    for place, target in enumerate(MEASURES.split(", ")):
        declare(exercise, target, f"chins REAL, situps REAL, jumps REAL, {target}_ REAL TARGET", "regression")
        exercise.execute(f"INSERT INTO {target} SELECT chins, situps, jumps, {target} FROM x")
        command(exercise, "train", {"algorithm": "ridge"}, name=target)
        assert value(exercise, f"SELECT {target}_ FROM {target}(5, 100, 50)") == together[place]


def test_several_targets_have_metrics_each_and_their_means(exercise):
    metrics = dict(rows(exercise, "SELECT name, value FROM ml_metrics('p')"))
    names = ["r2_score", "mean_absolute_error", "explained_variance"]
    for name in names:
        each = [metrics[f"{name}[{target}]"] for target in MEASURES.split(", ")]
        assert metrics[name] == pytest.approx(sum(each) / 3)
    assert len(metrics) == 6 * 4
    [(score, baseline)] = rows(exercise, "SELECT score, baseline FROM ml_versions('p')")
    assert score == metrics["r2_score"]
    assert baseline < 0


def test_several_targets_are_held_out_as_json(exercise):
    for row, truth, said, chance in rows(exercise, "SELECT row, truth, prediction, probability FROM p_holdout"):
        stored = rows(exercise, f"SELECT {MEASURES} FROM p WHERE rowid = {row}")
        assert [tuple(json.loads(truth).values())] == stored
        assert list(json.loads(said)) == MEASURES.split(", ")
        assert chance is None
    assert value(exercise, "SELECT count(*) FROM p_holdout") == 5


def test_several_numbers_have_no_probability_and_no_label(exercise):
    columns = "probability, probabilities, probable, warning"
    assert rows(exercise, f"SELECT {columns} FROM p(5, 100, 50)") == [(None,) * 4]
    assert value(exercise, "SELECT warning FROM p(5, 100, 5000)").startswith(
        "jumps: 5000 is outside the training range"
    )
    assert value(exercise, "SELECT ml_predict_proba('p', 5, 100, 50)") is None


def test_versions_of_several_targets_are_deployed_and_rebuilt(exercise):
    first = rows(exercise, f"SELECT {MEASURES} FROM p(5, 100, 50)")
    command(exercise, "train", {"algorithm": "knn", "deploy": True})
    second = rows(exercise, f"SELECT {MEASURES} FROM p(5, 100, 50)")
    assert second != first
    assert rows(exercise, f"SELECT {MEASURES} FROM p(5, 100, 50) WHERE version = 1") == first
    command(exercise, "rollback")
    command(exercise, "rebuild", {"version": 1})
    assert rows(exercise, f"SELECT {MEASURES} FROM p(5, 100, 50)") == first


def test_a_row_without_one_of_its_targets_is_kept_and_not_learned_from(exercise):
    exercise.execute("INSERT INTO p VALUES (1, 2, 3, NULL, 30, 50)")
    command(exercise, "train", {"deploy": True})
    [trained_on] = rows(exercise, "SELECT rows_trained + rows_tested FROM ml_versions('p') WHERE version = 2")
    assert trained_on == (20,)
    assert value(exercise, "SELECT count(*) FROM p") == 21


def test_several_classes_have_probabilities_by_target(db):
    db.execute("CREATE VIRTUAL TABLE d USING ml_dataset('penguins'); CREATE TABLE x AS SELECT * FROM d; DROP TABLE d")
    declare(db, columns="bill_length_mm, bill_depth_mm, sex TEXT TARGET, species TEXT TARGET, algorithm=gaussian_nb")
    db.execute("INSERT INTO p SELECT bill_length_mm, bill_depth_mm, sex, species FROM x")
    command(db, "train")
    [(sex, species, chances)] = rows(db, "SELECT sex, species, probabilities FROM p(40, 18)")
    told = json.loads(chances)
    assert told == json.loads(value(db, "SELECT ml_predict_proba('p', 40, 18)"))
    assert max(told["sex"], key=told["sex"].get) == sex
    assert max(told["species"], key=told["species"].get) == species
    names = {name for (name,) in rows(db, "SELECT name FROM ml_metrics('p')")}
    assert {"accuracy", "accuracy[sex]", "accuracy[species]", "roc_auc[sex]"} <= names


def test_several_targets_without_a_portable_form_are_refitted(connect, path):
    db = connect(path)
    declare(db, columns="a REAL, u TARGET, v TARGET, algorithm=gaussian_process")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, i // 10, ["no", "yes"][i % 2]) for i in range(20)])
    command(db, "train")
    before = rows(db, "SELECT u, v, probabilities FROM p(3)")
    assert value(db, "SELECT scorer FROM ml_versions('p')").startswith("refit: ")
    db.close()
    assert rows(connect(path), "SELECT u, v, probabilities FROM p(3)") == before


# What is told of a version


def test_a_baseline_shows_a_model_that_learned_nothing(db):
    declare(db, columns="a REAL, y TARGET, algorithm=dummy")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i % 7, "no" if i % 3 else "yes") for i in range(60)])
    command(db, "train")
    assert rows(db, "SELECT score, baseline FROM ml_versions('p')") == [(10 / 15, 10 / 15)]
    declare(db, "q", "a REAL, y REAL TARGET, algorithm=dummy, split=none", "regression")
    db.execute("INSERT INTO q SELECT a, a FROM p")
    command(db, "train", name="q")
    assert rows(db, "SELECT score, baseline FROM ml_versions('q')") == [(None, None)]


def test_each_class_has_metrics_of_its_own(iris):
    declare(iris, columns="a, b, c, d, species TARGET, algorithm=lda")
    iris.execute("INSERT INTO p SELECT * FROM iris")
    command(iris, "train")
    metrics = dict(rows(iris, "SELECT name, value FROM ml_metrics('p')"))
    labels = ["setosa", "versicolor", "virginica"]
    assert sum(metrics[f"support[{label}]"] for label in labels) == 38
    for name in ("precision", "recall", "f1_score"):
        weighted = sum(metrics[f"{name}[{label}]"] * metrics[f"support[{label}]"] for label in labels) / 38
        assert metrics[name] == pytest.approx(weighted)


def test_the_library_of_an_extra_is_kept_with_the_version(iris):
    declare(iris, columns="a, b, c, d, species TARGET, algorithm=lightgbm")
    iris.execute("INSERT INTO p SELECT * FROM iris")
    command(iris, "train")
    command(iris, "train", {"algorithm": "bagging", "hyperparams": {"estimator": "xgboost", "n_estimators": 2}})
    environments = [json.loads(text) for (text,) in rows(iris, "SELECT environment FROM ml_versions('p')")]
    assert ["lightgbm" in one for one in environments] == [True, False]
    assert ["xgboost" in one for one in environments] == [False, True]


# Members and extras


def test_hyperparameters_name_members(iris):
    hyperparams = json.dumps(
        {
            "estimators": ["lda", {"algorithm": "knn", "hyperparams": {"n_neighbors": 3}}, "naive_bayes"],
            "weights": [3, 1, 1],
        }
    )
    declare(iris, columns=f"a, b, c, d, species TARGET, algorithm=voting, hyperparams='{hyperparams}'")
    iris.execute("INSERT INTO p SELECT * FROM iris")
    command(iris, "train")
    assert rows(iris, "SELECT scorer, score > 0.9 FROM ml_versions('p')") == [("portable: combined", 1)]
    assert value(iris, "SELECT species FROM p(5.1, 3.5, 1.4, 0.2)") == "setosa"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            """algorithm=voting, hyperparams='{"estimators": ["knn", "foo"]}'""",
            "DeclarationError: p: unknown algorithm 'foo'. Nearest algorithms: ",
        ),
        (
            """algorithm=voting, hyperparams='{"estimators": ["knn", 7]}'""",
            "DeclarationError: p: hyperparameter 'estimators' of 'voting' names algorithms, got 7. "
            'Write "knn" or {"algorithm": "knn", "hyperparams": {...}}.',
        ),
        (
            """algorithm=bagging, hyperparams='{"estimator": {"algorithm": "svc", "hyperparams": {"Cc": 1}}}'""",
            "DeclarationError: p: algorithm 'svc' has no hyperparameter 'Cc'. Nearest hyperparameters: C, ",
        ),
        (
            """algorithm=isotonic""",
            "DeclarationError: p: algorithm 'isotonic' reads one feature, got 2. Declare the others KEY.",
        ),
    ],
)
def test_members_are_checked_at_create(db, options, sentence):
    task = "regression" if "isotonic" in options else "classification"
    told = refusal(db, f"CREATE VIRTUAL TABLE p USING ml_{task}(a, b, y TARGET, {options})")
    assert told.startswith(sentence)
    assert value(db, "SELECT count(*) FROM sqlite_schema") == 0


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "xgboost_random_forest"])
def test_a_missing_extra_says_how_to_install_it(db, monkeypatch, name):
    monkeypatch.setattr(base, "find_spec", lambda module: None)
    extra = name.partition("_")[0]
    assert refusal(db, f"CREATE VIRTUAL TABLE p USING ml_regression(a, y TARGET, algorithm={name})") == (
        f"DeclarationError: p: algorithm '{name}' needs a package that is not installed. "
        f"Run: pip install 'sqlite-ml-vtab[{extra}]'."
    )


def test_an_alias_means_the_algorithm_for_the_task(db):
    for task, algorithm in (("classification", "svc"), ("regression", "svr")):
        declare(db, task, "a REAL, y TARGET, algorithm=svm", task)
        db.executemany(f"INSERT INTO {task} VALUES (?, ?)", [(i, i % 2) for i in range(20)])
        command(db, "train", name=task)
        assert value(db, f"SELECT algorithm FROM ml_versions('{task}')") == algorithm


# Tables as they come


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("split", ["", ", split=none"])
def test_a_table_of_one_row_ends_in_a_model_or_a_sentence(db, task, split):
    declare(db, columns=f"a REAL, c TEXT, y TARGET{split}", task=task)
    db.execute("INSERT INTO p VALUES (1, 'x', 7)")
    train = "INSERT INTO p(p) VALUES ('train')"
    if task == "classification":
        assert refusal(db, train) == (
            "TrainingError: p: the target is 7 in every row: there is nothing to tell apart. "
            "Insert rows of another class."
        )
    elif not split:
        assert refusal(db, train) == (
            "TrainingError: p: 1 row is too few for a train and a test part. Insert more rows, or use split='none'."
        )
    else:
        command(db, "train")
        assert rows(db, "SELECT y FROM p(1, 'x')") == [(7.0,)]


def test_a_table_without_rows_is_a_sentence(db):
    declare(db, columns="a REAL, y TARGET")
    assert refusal(db, "INSERT INTO p(p) VALUES ('train')").startswith("TrainingError: p: no row has a target. Insert")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_table_of_hundreds_of_columns_is_learned(db, task):
    count = 450
    names = [f"c{place}" for place in range(count)]
    declare(db, columns=", ".join([*(f"{name} REAL" for name in names), "y TARGET"]), task=task)
    draw = random.Random(0)
    table = [(*(draw.gauss(0, 1) for _ in names), place % 2) for place in range(60)]
    db.executemany(f"INSERT INTO p VALUES ({', '.join('?' * (count + 1))})", table)
    command(db, "train", {"algorithm": "ridge"})
    asked = json.dumps(table[0][:count])
    assert value(db, "SELECT y FROM p(?)", (asked,)) is not None
    assert len(rows(db, "SELECT y FROM p WHERE source = 'SELECT * FROM p_rows'")) == 60


def test_a_table_of_900_columns_is_learned_and_asked_with_json(db):
    declare(db, columns=", ".join([*(f"c{place} REAL" for place in range(900)), "y TARGET"]))
    table = [(*((place * (other + 1)) % 17 for other in range(900)), place % 2) for place in range(40)]
    db.executemany(f"INSERT INTO p VALUES ({', '.join('?' * 901)})", table)
    command(db, "train", {"algorithm": "gaussian_nb"})
    assert value(db, "SELECT y FROM p(?)", (json.dumps(table[0][:900]),)) in (0, 1)
    assert value(db, "SELECT ml_predict('p', ?)", (json.dumps({"c3": 1}),)) in (0, 1)


@pytest.mark.parametrize("options", ["mlp", "gaussian_process", "ridge, target_transform=log", "voting", "dummy"])
def test_a_constant_target_is_predicted_to_the_bit_and_said_to_be_one(db, options):
    declare(db, columns=f"a REAL, y REAL TARGET, algorithm={options}", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, 5.1) for i in range(40)])
    with pytest.warns(sqlite_ml_vtab.PredictorWarning, match=r"^p: the target is 5\.1 in every row; there is nothing"):
        command(db, "train")
    assert rows(db, "SELECT y, lower, upper FROM p(3)") == [(5.1, 5.1, 5.1)]
    name = options.partition(",")[0]
    assert rows(db, "SELECT algorithm, scorer FROM ml_versions('p')") == [(name, "portable: constant")]
    command(db, "rebuild")
    assert rows(db, "SELECT y FROM p(-1000)") == [(5.1,)]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("column", ["a", "b", "y"])
def test_infinity_cannot_be_stored(db, sign, column):
    declare(db, columns="a REAL, b, y REAL TARGET", task="regression")
    told = refusal(db, f"INSERT INTO p({column}) VALUES ({sign}9e999)")
    if column == "b":
        assert told == f"InputError: p: column 'b' takes no infinity, got {sign}inf. Store NULL for a missing value."
    else:
        assert told == f"InputError: p: column '{column}' is NUMBER, got {sign}inf. Use NULL for a missing value."


def test_infinity_in_a_source_is_refused_by_name(db):
    declare(db, columns="a REAL, y TARGET, algorithm=lda")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, i % 2) for i in range(20)])
    command(db, "train")
    assert refusal(db, "SELECT y FROM p WHERE source = 'SELECT 9e999 AS a'") == (
        "InputError: p: column 'a' is NUMBER, got inf. Use NULL for a missing value."
    )


ALIKE = {
    **dict.fromkeys(("random_forest", "knn", "logistic_regression", "svc", "hist_gradient_boosting"), "no"),
    **dict.fromkeys(("qda", "ada_boost"), "no"),
    **dict.fromkeys(("lda", "gaussian_nb"), ""),
}
"""What an algorithm says of rows that are all alike, three quarters of them 'no': '' where it ends in a sentence."""


@pytest.mark.parametrize("algorithm", ALIKE)
def test_rows_that_are_all_alike_end_in_a_model_or_a_sentence(db, algorithm):
    declare(db, columns=f"a REAL, c TEXT, y TARGET, algorithm={algorithm}")
    db.executemany("INSERT INTO p VALUES (1.5, 'x', ?)", [("no",)] * 30 + [("yes",)] * 10)
    if ALIKE[algorithm]:
        command(db, "train")
        assert value(db, "SELECT y FROM p(1.5, 'x')") == ALIKE[algorithm]
        assert rows(db, "SELECT score, baseline FROM ml_versions('p')") == [(0.8, 0.8)]
    else:
        told = refusal(db, "INSERT INTO p(p) VALUES ('train')")
        assert told.startswith(f"TrainingError: p: algorithm '{algorithm}' ")
        assert value(db, "SELECT count(*) FROM p_versions") == 0


def test_duplicate_rows_are_learned_from(db):
    declare(db, columns="a REAL, y TARGET, algorithm=knn")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i % 2, ["no", "yes"][i % 2]) for i in range(1000)])
    command(db, "train")
    assert rows(db, "SELECT score FROM ml_versions('p')") == [(1.0,)]
    assert rows(db, "SELECT (SELECT y FROM p(0)), (SELECT y FROM p(1))") == [("no", "yes")]


@pytest.mark.parametrize(
    ("clause", "algorithm", "note"),
    [
        ("", "ridge", None),
        ("ENCODE(target)", "random_forest", None),
        ("ENCODE(ordinal)", "decision_tree", None),
        ("ENCODE(onehot)", "lasso", "only the 1000 commonest values of column 'c' are told apart"),
    ],
)
def test_a_category_of_10_000_values_is_learned(db, clause, algorithm, note):
    declare(db, columns=f"c TEXT {clause}, a REAL, y REAL TARGET, algorithm={algorithm}", task="regression")
    table = [(f"key {place % 10_000}", place % 3, place % 10_000 % 7) for place in range(20_000)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", table)
    small = {"random_forest": {"n_estimators": 3}, "decision_tree": {"min_samples_leaf": 1}}.get(algorithm, {})
    if note:
        with pytest.warns(sqlite_ml_vtab.PredictorWarning, match=note):
            command(db, "train", {"hyperparams": small})
    else:
        command(db, "train", {"hyperparams": small})
    assert rows(db, "SELECT warning FROM p('key unheard of', 1)") == [("c: 'key unheard of' was not seen in training",)]
    # Each value stands for a number of its own, which a tree tells exactly where it has seen one of the value's two rows.
    far = [abs(value(db, "SELECT y FROM p(?, 1)", (f"key {place}",)) - place % 7) for place in range(50)]
    assert sum(far) / 50 < (0.5 if algorithm == "decision_tree" else 2)


def test_text_where_a_number_was_declared_is_refused_row_and_value_named(db):
    declare(db, columns="a REAL, y TARGET")
    assert refusal(db, "INSERT INTO p VALUES ('n/a', 'yes')") == (
        "InputError: p: column 'a' is NUMBER, got 'n/a'. Use NULL for a missing value."
    )
    assert refusal(db, "INSERT INTO p VALUES ('5', 'yes')") == (
        "InputError: p: column 'a' is NUMBER, got '5'. Write it as a number, CAST(... AS REAL), or declare the column without a type."
    )
    assert value(db, "SELECT count(*) FROM p") == 0


@pytest.mark.parametrize("kind", ["WORDS", "TEXT", "INTEGER CATEGORY"])
def test_numbers_where_text_was_declared_are_text(db, kind):
    declare(db, columns=f"a {kind}, y TARGET, algorithm=decision_tree")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i % 4, i % 4 // 2) for i in range(40)])
    command(db, "train")
    assert rows(db, "SELECT y FROM p(3) UNION ALL SELECT y FROM p('3') UNION ALL SELECT y FROM p(0)") == [
        (1,),
        (1,),
        (0,),
    ]


def test_words_of_any_value_are_predicted(db):
    declare(db, columns="a WORDS, y TARGET, algorithm=logistic_regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(["good", "bad"][i % 2], i % 2) for i in range(40)])
    command(db, "train")
    odd = ["", "😀", "a" * 100_000, "\x00", "‮", "good\nbad", "%_'\"--;", "𠮷野家", None]
    for text in odd:
        assert value(db, "SELECT y FROM p(json_array(?))", (text,)) in (0, 1)
    assert value(db, "SELECT y FROM p('good')") == 0
    assert refusal(db, "SELECT y FROM p(x'00')").startswith("InputError: p: ")


# What is checked at CREATE

BAD = {
    "algorithm": "forrest",
    "hyperparams": '{"alpha": -1}',
    "test_size": "-3",
    "split": "half",
    "seed": "-1",
    "class_weight": "heavy",
    "threshold": "1.5",
    "cost": "[1]",
    "calibrate": "platt",
    "target_transform": "sqrt",
    "confidence": "1.5",
    "sample": "-3",
    "max_memory": "2 parsecs",
    "fit": "partly",
}
"""The options of other tasks have theirs where these are tested, and so has `content`."""


def test_every_option_has_a_bad_value_here():
    theirs = {name for name, task in FOR_TASK.items() if task not in ("classification", "regression")}
    assert BAD.keys() == OPTIONS.keys() - {"content"} - theirs


@pytest.mark.parametrize("option", BAD)
def test_every_option_is_checked_at_create_and_at_train(db, option):
    task = "regression" if option == "target_transform" else "classification"
    told = refusal(
        db, f"CREATE VIRTUAL TABLE p USING ml_{task}(a REAL, y TARGET, algorithm=ridge, {option}='{BAD[option]}')"
        if option != "algorithm"
        else f"CREATE VIRTUAL TABLE p USING ml_{task}(a REAL, y TARGET, algorithm=forrest)"
    )  # fmt: skip
    assert told.startswith("DeclarationError: p: ")
    assert option in told or option == "hyperparams"
    assert BAD[option].strip('{}[]"').split(": ")[-1] in told
    assert told.endswith(".")
    assert value(db, "SELECT count(*) FROM sqlite_schema") == 0


@pytest.mark.parametrize("algorithm", ["knn", "lda", "qda", "radius_neighbors"])
def test_a_weight_is_refused_by_the_name_of_the_algorithm_that_takes_none(db, algorithm):
    declare(db, columns=f"a REAL, w REAL WEIGHT, y TARGET, algorithm={algorithm}")
    db.executemany("INSERT INTO p VALUES (?, 1, ?)", [(i, i % 2) for i in range(20)])
    assert refusal(db, "INSERT INTO p(p) VALUES ('train')") == (
        f"TrainingError: p: algorithm '{algorithm}' takes no weights. "
        "Leave out the WEIGHT column and class_weight, or use another algorithm."
    )
    assert rows(db, "SELECT count(*) FROM p_versions UNION ALL SELECT count(*) FROM p_metrics") == [(0,), (0,)]


@pytest.mark.parametrize(
    ("transform", "bent"),
    [
        ("log", {"func": np.log, "inverse_func": np.exp}),
        ("yeo_johnson", {"transformer": PowerTransformer("yeo-johnson")}),
    ],
)
def test_a_bent_target_is_that_of_scikit_learn(db, transform, bent):
    draw = random.Random(1)
    points = [(draw.gauss(0, 1), draw.gauss(0, 1)) for _ in range(60)]
    prices = [math.exp(1 + a - b / 2 + draw.gauss(0, 0.1)) for a, b in points]
    declare(
        db,
        columns=f"a REAL, b REAL, y REAL TARGET, algorithm=ridge, split=none, target_transform={transform}",
        task="regression",
    )
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(*point, price) for point, price in zip(points, prices)])
    command(db, "train")
    expected = TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge()), **bent).fit(points, prices)
    said = [y for (y,) in rows(db, "SELECT y FROM p WHERE source = 'p_rows'")]
    assert said == pytest.approx(expected.predict(points).tolist(), rel=1e-9)
