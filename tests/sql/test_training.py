"""Training: what a run takes, what it stores, and the sentence of every run that cannot be."""

import json

import pytest
from asking import command, declare, fill, refusal, rows, value

import sqlite_ml_vtab

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

CLASSIFICATION_METRICS = ["accuracy", "f1_score", "log_loss", "precision", "recall", "roc_auc"]
CLASS_METRICS = ["f1_score", "precision", "recall", "support"]
REGRESSION_METRICS = [
    "explained_variance",
    "mean_absolute_error",
    "mean_squared_error",
    "median_absolute_error",
    "r2_score",
    "root_mean_squared_error",
]


def train_refusal(db, options=None):
    """Return the sentence with which training p is refused."""
    return refusal(db, "INSERT INTO p(p, options) VALUES ('train', ?)", (options and json.dumps(options),))


def notes(db, version=1):
    """Return the notes of a version of p."""
    return json.loads(value(db, "SELECT notes FROM p_versions WHERE version = ?", (version,)))


def test_a_run_tells_its_version(points):
    assert [command(points, "train"), command(points, "train")] == [1, 2]
    assert points.changes() == 1


def test_a_version_keeps_all_that_is_known_of_it(points):
    command(points, "train", {"seed": 7, "hyperparams": {"C": 0.5}, "test_size": 6})
    [version] = rows(
        points,
        "SELECT version, algorithm, hyperparams, seed, rows_trained, rows_tested, score, baseline, scorer, notes "
        "FROM p_versions",
    )
    assert version == (1, "logistic_regression", '{"C": 0.5}', 7, 18, 6, 1.0, 0.5, "portable: linear", "[]")
    assert json.loads(value(points, "SELECT options FROM p_versions")) == {
        "algorithm": "logistic_regression",
        "hyperparams": {"C": 0.5},
        "test_size": 6,
        "split": "stratified",
        "seed": 7,
        "confidence": 0.9,
    }
    libraries = json.loads(value(points, "SELECT environment FROM p_versions"))
    assert set(libraries) == {"sqlite_ml_vtab", "python", "scikit-learn", "numpy", "scipy"}
    assert libraries["sqlite_ml_vtab"] == sqlite_ml_vtab.__version__
    assert value(points, "SELECT created_at IS datetime(created_at, 'subsec') AND seconds > 0 FROM p_versions") == 1


def test_metrics_have_their_contract_names(points):
    command(points, "train")
    of_each = [f"{name}[{label}]" for name in CLASS_METRICS for label in ("high", "low")]
    found = [name for (name,) in rows(points, "SELECT name FROM p_metrics ORDER BY name")]
    assert found == sorted([*CLASSIFICATION_METRICS, *of_each])
    declare(points, "r", "a REAL, b REAL, z REAL TARGET, algorithm=linear_regression", "regression")
    points.execute("INSERT INTO r SELECT a, b, 3 * a - b FROM p")
    command(points, "train", name="r")
    assert [name for (name,) in rows(points, "SELECT name FROM r_metrics ORDER BY name")] == REGRESSION_METRICS
    assert value(points, "SELECT score FROM r_versions") == value(
        points, "SELECT value FROM r_metrics WHERE name = 'r2_score'"
    )


def test_the_score_is_the_share_of_hold_out_rows_told_right(points):
    points.execute("UPDATE p SET y = CASE rowid % 3 WHEN 0 THEN 'low' ELSE 'high' END")
    command(points, "train")
    told = "SELECT avg(truth = prediction) FROM p_holdout WHERE version = 1"
    assert value(points, told) == pytest.approx(value(points, "SELECT score FROM p_versions"))
    assert value(points, "SELECT score FROM p_versions") == value(
        points, "SELECT value FROM p_metrics WHERE name = 'accuracy'"
    )


def test_hold_out_rows_are_stored_with_their_predictions(points):
    command(points, "train")
    held = rows(
        points, "SELECT h.version, r.y = h.truth, h.prediction FROM p_holdout AS h JOIN p_rows AS r ON r.id = row"
    )
    assert sorted(held) == [(1, 1, "high")] * 2 + [(1, 1, "low")] * 4
    again = "SELECT count(*) FROM p_holdout h JOIN p_rows r ON r.id = h.row JOIN p(r.a, r.b) q ON q.y = h.prediction"
    assert value(points, f"{again} AND abs(q.probability - h.probability) < 1e-12") == 6


def test_two_trainings_of_the_same_rows_give_the_same_digest(points):
    for seed in (0, 0, 5):
        command(points, "train", {"algorithm": "random_forest", "seed": seed, "hyperparams": {"n_estimators": 5}})
    first, second, third = rows(points, "SELECT digest FROM p_models ORDER BY version")
    assert first == second != third


def test_the_order_of_insertion_aside_a_copy_trains_to_the_same_digest(points):
    declare(points, "q")
    points.execute("INSERT INTO q SELECT a, b, y FROM p")
    command(points, "train")
    command(points, "train", name="q")
    assert rows(points, "SELECT digest FROM p_models") == rows(points, "SELECT digest FROM q_models")


def test_options_of_a_run_override_the_declared_ones_for_that_run(db):
    declare(
        db, columns="a, b, y TARGET, algorithm=random_forest, hyperparams='{\"n_estimators\": 3}', seed=4, test_size=6"
    )
    fill(db)
    command(db, "train")
    command(db, "train", {"algorithm": "knn", "seed": 1})
    command(db, "train", {"hyperparams": {"max_depth": 2}, "split": "none"})
    assert rows(db, "SELECT algorithm, hyperparams, seed, rows_tested FROM p_versions") == [
        ("random_forest", '{"n_estimators": 3}', 4, 6),
        ("knn", "{}", 1, 6),
        ("random_forest", '{"max_depth": 2}', 4, 0),
    ]


def test_no_algorithm_is_the_default_one(db):
    declare(db, columns="a, b, y TARGET")
    fill(db)
    command(db, "train")
    assert value(db, "SELECT algorithm FROM p_versions") == value(
        db, "SELECT algorithm FROM ml_algorithms('classification') WHERE is_default"
    )


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("TEXT", ["no", "yes"]),
        ("INTEGER", [-3, 12]),
        ("BOOLEAN", [0, 1]),
        ("REAL", [0.5, 2.0]),
        ("", ["1", "one"]),
        ("", [1, "one"]),
        ("", [1.5, 2]),
        ("INTEGER", ["setosa", "versicolor"]),
        ("TEXT", ["", "日本"]),
        ("", [2**62, 2**62 + 1]),
    ],
)
def test_labels_come_back_as_they_were_stored(db, kind, labels):
    declare(db, columns=f"a REAL, y {kind} TARGET, algorithm=decision_tree")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, labels[i > 9]) for i in range(20)])
    command(db, "train")
    predicted = [value(db, "SELECT y FROM p(?)", (a,)) for a in (0, 19)]
    assert predicted == labels
    assert list(map(type, predicted)) == list(map(type, labels))
    assert [value(db, "SELECT ml_predict('p', ?)", (a,)) for a in (0, 19)] == labels
    assert list(json.loads(value(db, "SELECT probabilities FROM p(0)"))) == list(map(str, labels))
    assert rows(db, "SELECT DISTINCT typeof(truth) = typeof(prediction) FROM p_holdout WHERE truth = prediction") == [
        (1,)
    ]


def test_numbers_are_predicted_as_real(db):
    declare(db, columns="a REAL, z INTEGER TARGET, algorithm=decision_tree", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, i // 5) for i in range(20)])
    command(db, "train", {"split": "none"})
    assert rows(db, "SELECT z, typeof(z) FROM p(17)") == [(3.0, "real")]


def test_weights_count(db):
    declare(db, columns="a REAL, w REAL WEIGHT, y TEXT TARGET, algorithm=dummy, split=none")
    db.execute("INSERT INTO p VALUES (1, 1, 'many'), (2, 1, 'many'), (3, 1, 'many'), (4, 5, 'heavy')")
    command(db, "train")
    assert rows(db, "SELECT y, probability FROM p(1)") == [("heavy", 0.625)]


def test_class_weight_counts(db):
    declare(db, columns="a REAL, y TEXT TARGET, algorithm=logistic_regression, split=none")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, "common" if i < 18 else "rare") for i in range(20)])
    command(db, "train")
    command(db, "train", {"class_weight": "balanced"})
    command(db, "train", {"class_weight": {"rare": 50}})
    chance = "SELECT probabilities ->> 'rare' FROM p(12) WHERE version = ?"
    plain, balanced, heavy = (value(db, chance, (version,)) for version in (1, 2, 3))
    assert plain < balanced < heavy


@pytest.mark.parametrize(
    ("columns", "split", "tested"),
    [
        ("o INTEGER ORDER", "last", [3, 4, 5, 6, 7]),
        ("o INTEGER GROUP", "group", None),
        ("o TEXT SPLIT", "column", [1, 2]),
    ],
)
def test_a_split_by_a_column_divides_as_it_says(db, columns, split, tested):
    declare(db, columns=f"a REAL, {columns}, y TEXT TARGET, algorithm=decision_tree")
    by = {"last": lambda i: -i, "group": lambda i: i % 4, "column": lambda i: "test" if i < 2 else "Train"}[split]
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, by(i), "ab"[i % 2]) for i in range(20)])
    if split == "last":
        tested = [1, 2, 3, 4, 5]
    command(db, "train")
    assert json.loads(value(db, "SELECT options FROM p_versions"))["split"] == split
    held = [row for (row,) in rows(db, "SELECT row FROM p_holdout ORDER BY row")]
    if split == "group":
        assert rows(db, "SELECT count(DISTINCT o) FROM p_rows WHERE id IN (SELECT row FROM p_holdout)") == [(1,)]
        assert len(held) == 5
    else:
        assert held == tested


def test_a_stratified_split_keeps_the_shares_of_the_classes(db):
    declare(db, columns="a REAL, y TEXT TARGET, algorithm=dummy")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, "a" if i % 10 else "b") for i in range(200)])
    command(db, "train", {"split": "stratified", "test_size": 0.2})
    assert rows(db, "SELECT truth, count(*) FROM p_holdout GROUP BY truth") == [("a", 36), ("b", 4)]


def test_another_seed_tests_other_rows(points):
    command(points, "train", {"seed": 1})
    command(points, "train", {"seed": 2})
    command(points, "train", {"seed": 1})
    first, second, third = (
        rows(points, "SELECT row FROM p_holdout WHERE version = ? ORDER BY row", (version,)) for version in (1, 2, 3)
    )
    assert first == third != second


def test_without_a_split_nothing_is_tested(points):
    command(points, "train", {"split": "none"})
    assert rows(points, "SELECT rows_trained, rows_tested, score FROM p_versions") == [(24, 0, None)]
    assert value(points, "SELECT (SELECT count(*) FROM p_metrics) + (SELECT count(*) FROM p_holdout)") == 0


def test_rows_without_a_target_are_not_trained_on(points):
    points.execute("UPDATE p SET y = NULL WHERE rowid % 4 = 0")
    command(points, "train")
    assert value(points, "SELECT rows_trained + rows_tested FROM p_versions") == 18


def test_a_column_of_nulls_is_warned_of_and_left_out(db):
    declare(db, columns="a REAL, empty REAL, y TEXT TARGET, algorithm=logistic_regression")
    db.executemany("INSERT INTO p(a, y) VALUES (?, ?)", [(i, "ab"[i > 9]) for i in range(20)])
    with pytest.warns(sqlite_ml_vtab.PredictorWarning) as caught:
        command(db, "train")
    sentence = "column 'empty' is NULL in every row of the train part; it was not used"
    assert [str(warning.message) for warning in caught] == [f"p: {sentence}"]
    assert notes(db) == [sentence]
    assert value(db, "SELECT y FROM p(3, 7)") == "a"


def test_a_class_of_one_row_is_warned_of(points):
    points.execute("INSERT INTO p VALUES (1, 1, 'lonely')")
    command(points, "train")
    assert notes(points) == ["class 'lonely' has a single row; it was put into the train part, and nothing tests it"]
    assert value(points, "SELECT count(*) FROM p_holdout WHERE truth = 'lonely'") == 0


def test_a_worse_version_is_not_deployed_and_says_so(points):
    command(points, "train")
    with pytest.warns(sqlite_ml_vtab.PredictorWarning) as caught:
        command(points, "train", {"algorithm": "dummy"})
    sentence = 'not deployed: score 0.5 is not better than 0.833333 of version 1; force it with {"deploy": true}'
    assert [str(warning.message) for warning in caught] == [f"p: {sentence}"]
    assert notes(points, 2) == [sentence]
    assert rows(points, "SELECT version, reason FROM p_deployments") == [(1, "train: first version")]


def test_a_better_version_is_deployed(points):
    command(points, "train", {"algorithm": "dummy"})
    command(points, "train")
    assert rows(points, "SELECT version, reason FROM p_deployments") == [
        (1, "train: first version"),
        (2, "train: score 0.833333 beats 0.5"),
    ]


def test_deploy_forces_or_forbids(points):
    command(points, "train", {"deploy": False})
    assert rows(points, "SELECT version FROM p_deployments") == []
    assert refusal(points, "SELECT * FROM p(1, 2)") == (
        "ModelError: p: no trained model. Run: INSERT INTO p(p) VALUES ('train')."
    )
    assert value(points, "SELECT y FROM p(1, 2) WHERE version = 1") == "low"
    command(points, "train", {"algorithm": "dummy"})
    command(points, "train", {"algorithm": "dummy", "deploy": True})
    command(points, "train", {"deploy": False})
    assert rows(points, "SELECT version, reason FROM p_deployments") == [
        (2, "train: first version"),
        (3, "train, deploy: true"),
    ]


def test_a_version_that_was_not_tested_is_deployed(points):
    command(points, "train")
    command(points, "train", {"split": "none"})
    command(points, "train", {"algorithm": "dummy"})
    assert rows(points, "SELECT version, reason FROM p_deployments") == [
        (1, "train: first version"),
        (2, "train: not tested"),
        (3, "train: the deployed version was not tested"),
    ]


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        ("DELETE FROM p", "no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ..."),
        ("UPDATE p SET y = NULL", "no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ..."),
        (
            "UPDATE p SET y = 'only'",
            "the target is 'only' in every row: there is nothing to tell apart. Insert rows of another class.",
        ),
        (
            "DELETE FROM p WHERE rowid NOT IN (1, 24)",
            "2 rows are too few for a train and a test part. Insert more rows, or use split='none'.",
        ),
        (
            "UPDATE p SET a = NULL, b = NULL",
            "every feature is NULL in every row of the train part. Insert rows with values.",
        ),
        ("UPDATE p SET y = rowid", "the target has 24 different values in 24 rows. Is it a key?"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(points, statements, sentence):
    points.execute(statements)
    assert train_refusal(points) == f"TrainingError: p: {sentence}"
    assert value(points, "SELECT count(*) FROM p_versions") == 0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("('1', 1), ('2', 2)", "column 'a' holds numbers written as text, such as '1'. "
         "Convert them with CAST(... AS REAL), or declare the column TEXT if they are codes."),
        ("(1, 1), ('n/a', 2)", "column 'a' holds numbers and text such as 'n/a'. "
         "Store NULL for a missing value, or declare the column TEXT."),
        ("(1, 1), (2, 'many')", "regression predicts numbers, got 'many' in row 2. "
         "Store NULL for a missing value, or use ml_classification."),
        ("(1, '1'), (2, '2')", "regression predicts numbers, got '1' in row 1. Convert it with CAST(... AS REAL)."),
    ],
)  # fmt: skip
def test_text_where_numbers_belong_is_refused(db, values, sentence):
    declare(db, columns="a, y TARGET, algorithm=ridge", task="regression")
    db.execute(f"INSERT INTO p VALUES {values}, {values}, {values}")
    assert train_refusal(db) == f"TrainingError: p: {sentence}"


def test_a_weight_that_is_missing_is_refused(db):
    declare(db, columns="a REAL, w REAL WEIGHT, y TEXT TARGET")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, None if i == 3 else 1, "ab"[i % 2]) for i in range(8)])
    assert train_refusal(db) == "TrainingError: p: the WEIGHT of row 4 is NULL. Store a number of 0 or more, such as 1."


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"algoritm": "knn"}, "command 'train' has no option 'algoritm'. Nearest options: algorithm, warm, "
         "calibrate."),
        ({"algorithm": "none_such"}, "unknown algorithm 'none_such'. Nearest algorithms: nu_svc, linear_svc, "
         "random_forest."),
        ({"algorithm": "lasso"}, "algorithm 'lasso' is not for classification. Nearest classification algorithms: lda, "
         "linear_svc, gaussian_process."),
        ({"algorithm": 5}, "option 'algorithm' takes a name, got 5."),
        ({"hyperparams": {"c": 1}}, "algorithm 'logistic_regression' has no hyperparameter 'c'. Did you mean 'C'? "
         "Hyperparameters: C, class_weight, dual, fit_intercept, intercept_scaling, l1_ratio, max_iter, penalty, solver, "
         "tol, warm_start."),
        ({"hyperparams": {"C": -1}}, "hyperparameter 'C' of 'logistic_regression' must be a float in the range "
         "(0.0, inf], got -1. Write another value."),
        ({"hyperparams": {"n_jobs": 4}}, "hyperparameter 'n_jobs' is set by the program that loads this extension. "
         "Leave it out."),
        ({"hyperparams": [1]}, "option 'hyperparams' takes a JSON object such as '{\"max_iter\": 500}', got [1]."),
        ({"test_size": 0}, "option 'test_size' takes a fraction between 0 and 1 or a count of rows, got 0."),
        ({"seed": -1}, "option 'seed' takes a whole number from 0 to 4294967295, got -1."),
        ({"split": "random"}, "option 'split' takes one of stratified, shuffle, last, group, column, none, got 'random'."),
        ({"split": "last"}, "split='last' needs a column with the clause ORDER. Declare one."),
        ({"class_weight": "heavy"}, "option 'class_weight' takes 'balanced' or a JSON object of label to weight, "
         "got 'heavy'."),
        ({"deploy": "yes"}, "option 'deploy' takes true or false, got \"yes\"."),
    ],
)  # fmt: skip
def test_a_misuse_of_train_is_refused(points, options, sentence):
    assert train_refusal(points, options) == f"CommandError: p: {sentence}"
    assert value(points, "SELECT count(*) FROM p_versions") == 0


def test_a_count_of_test_rows_that_leaves_nothing_is_refused(points):
    assert train_refusal(points, {"test_size": 24}) == (
        "TrainingError: p: test_size=24 leaves too little to train on, of 24 rows. Use a fraction such as 0.25."
    )


def test_an_unknown_label_in_class_weight_is_refused(points):
    assert train_refusal(points, {"class_weight": {"hihg": 2}}) == (
        "TrainingError: p: class_weight names 'hihg', which no train row has. Did you mean 'high'? Classes: high, low."
    )


def test_what_the_estimator_says_is_passed_on(points):
    options = {"algorithm": "knn", "hyperparams": {"n_neighbors": 500}}
    sentence = train_refusal(points, options)
    assert sentence.startswith("TrainingError: p: 'knn' cannot be fitted to these rows: ") or "500" in sentence
    assert value(points, "SELECT count(*) FROM p_versions") == 0


def test_a_trigger_may_train(points):
    points.execute("CREATE TABLE o(x); CREATE TRIGGER t AFTER INSERT ON o BEGIN INSERT INTO p(p) VALUES ('train'); END")
    points.execute("INSERT INTO o VALUES (1), (2)")
    points.execute("BEGIN; INSERT INTO o VALUES (3); ROLLBACK")
    assert rows(points, "SELECT version FROM p_versions") == [(1,), (2,)]
    assert value(points, "SELECT y FROM p(1, 2)") == "low"


def test_a_trigger_that_cannot_train_undoes_its_statement(points):
    points.execute("CREATE TABLE o(x); CREATE TRIGGER t AFTER INSERT ON o BEGIN INSERT INTO p(p) VALUES ('train'); END")
    points.execute("UPDATE p SET y = 'only'")
    assert refusal(points, "INSERT INTO o VALUES (1)").startswith("TrainingError: p: the target is 'only'")
    assert value(points, "SELECT count(*) FROM o") == 0


def test_a_command_is_run_for_each_row_of_a_select(points):
    points.execute("INSERT INTO p(p, options) SELECT 'train', json_object('seed', value) FROM json_each('[3, 4]')")
    assert rows(points, "SELECT version, seed FROM p_versions") == [(1, 3), (2, 4)]
