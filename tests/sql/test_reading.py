"""What happened is read by table functions; the bundled data sets are tables."""

import pytest
from asking import command, declare, plan, refusal, rows, value

from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.learning.datasets import DATASETS
from sqlite_ml_vtab.store.reports import SUMMARY, VERSIONS

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


def names(db, sql):
    """Return the names of a query's columns."""
    cursor = db.execute(sql)
    found = [column[0] for column in cursor.get_description()]
    cursor.close()
    return found


@pytest.fixture
def versions(points):
    """The predictor p with two versions, of which the second is deployed."""
    command(points, "train", {"algorithm": "dummy"})
    command(points, "train")
    return points


def test_ml_tables_lists_every_predictor(versions):
    assert names(versions, "SELECT * FROM ml_tables") == ["schema", "name", "task", *SUMMARY, "protected"]
    declare(versions, "temp.empty", "a, z TARGET", "regression")
    assert rows(
        versions, "SELECT schema, name, task, rows, versions, deployed, algorithm, round(score, 3) FROM ml_tables"
    ) == [
        ("temp", "empty", "regression", 0, 0, None, None, None),
        ("main", "p", "classification", 24, 2, 2, "logistic_regression", 0.833),
    ]


def test_ml_tables_lists_no_other_table(versions):
    versions.execute("""
        CREATE TABLE "CREATE VIRTUAL TABLE x USING ml_classification(a)"(a);
        CREATE VIRTUAL TABLE words USING fts5(ml_classification);
        CREATE VIRTUAL TABLE d USING ml_dataset('iris')""")
    assert rows(versions, "SELECT name FROM ml_tables") == [("p",)]


def test_ml_algorithms_lists_every_algorithm_of_every_task(db):
    assert names(db, "SELECT * FROM ml_algorithms") == ["task", "algorithm", "family", "is_default", "doc"]
    listed = {(task, name, family) for task, name, family, *_ in rows(db, "SELECT * FROM ml_algorithms")}
    assert listed == {(task, name, a.family) for name, a in ALGORITHMS.items() for task in a.estimators}
    assert rows(db, "SELECT task, sum(is_default) FROM ml_algorithms GROUP BY task") == [
        ("anomaly", 1),
        ("classification", 1),
        ("clustering", 1),
        ("projection", 1),
        ("regression", 1),
    ]
    assert value(db, "SELECT count(*) FROM ml_algorithms('regression') WHERE task <> 'regression'") == 0
    assert rows(db, "SELECT * FROM ml_algorithms('ranking')") == []


def test_ml_versions_lists_what_is_kept_of_each(versions):
    assert names(versions, "SELECT * FROM ml_versions('p')") == list(VERSIONS)
    listed = rows(versions, "SELECT version, deployed, algorithm, hyperparams, seed, scorer FROM ml_versions('p')")
    assert listed == [
        (1, 0, "dummy", "{}", 0, "portable: constant"),
        (2, 1, "logistic_regression", "{}", 0, "portable: linear"),
    ]
    assert rows(versions, "SELECT model_bytes, digest FROM ml_versions('p')") == rows(
        versions, "SELECT length(model), digest FROM p_models"
    )


def test_ml_metrics_lists_all_versions_or_one(versions):
    assert names(versions, "SELECT * FROM ml_metrics('p')") == ["version", "name", "value"]
    assert rows(versions, "SELECT * FROM ml_metrics('p')") == rows(
        versions, "SELECT * FROM p_metrics ORDER BY version, name"
    )
    assert rows(versions, "SELECT version, value FROM ml_metrics('p', 1) WHERE name = 'accuracy'") == [(1, 0.5)]
    assert rows(versions, "SELECT v.column1, m.value FROM (VALUES (1), (2)) v JOIN ml_metrics('p', v.column1) AS m "
                "WHERE m.name = 'accuracy'") == [(1, 0.5), (2, 5 / 6)]  # fmt: skip
    assert rows(versions, "SELECT DISTINCT t.name, m.version FROM ml_tables AS t, ml_metrics(t.name) AS m") == [
        ("p", 1),
        ("p", 2),
    ]
    assert rows(versions, "SELECT predictor, of_version FROM ml_metrics('p', 1) LIMIT 1") == [("p", 1)]


def test_ml_deployments_lists_them_in_order(versions):
    assert names(versions, "SELECT * FROM ml_deployments('p')") == ["id", "version", "reason", "deployed_at"]
    command(versions, "rollback")
    assert rows(versions, "SELECT id, version, reason FROM ml_deployments('p')") == [
        (1, 1, "train: first version"),
        (2, 2, "train: score 0.833333 beats 0.5"),
        (3, 1, "rollback"),
    ]


def test_a_predictor_is_named_as_sql_names_it(versions):
    versions.execute("ATTACH '' AS aux")
    for name in ('"my table"', 'aux."my table"'):
        declare(versions, name)
    for text in ("p", "P", "main.p", '"p"', "main.[P]"):
        assert value(versions, "SELECT count(*) FROM ml_versions(?)", (text,)) == 2
    for text in ("my table", '"my table"', 'aux."my table"', "aux.my table"):
        assert value(versions, "SELECT count(*) FROM ml_versions(?)", (text,)) == 0


@pytest.mark.parametrize("function", ["ml_versions", "ml_metrics", "ml_deployments"])
def test_a_predictor_that_is_not_there_is_refused(versions, function):
    declare(versions, "penguins")
    assert refusal(versions, f"SELECT * FROM {function}('pengiuns')") == (
        "CommandError: no predictor 'pengiuns'. Did you mean 'penguins'? Predictors: p, penguins."
    )
    sentence = f"CommandError: {function} needs the name of a predictor. Write: SELECT * FROM {function}('...')."
    assert refusal(versions, f"SELECT * FROM {function}") == sentence
    assert refusal(versions, f"SELECT * FROM {function}(NULL)") == sentence
    assert refusal(versions, f"SELECT * FROM {function}(5)") == (
        "CommandError: a predictor is named by text, got 5. Write its name in quotes."
    )
    assert refusal(versions, f"SELECT * FROM {function}('p', 1, 2)").startswith(
        f"SQLError: too many arguments on {function}()"
    )


def test_a_version_that_is_not_there_is_refused(versions):
    assert refusal(versions, "SELECT * FROM ml_metrics('p', 9)") == "ModelError: p: no version 9. Versions: 1, 2."


def test_a_function_is_read_only_and_not_a_table_to_be_made(db):
    assert refusal(db, "INSERT INTO ml_tables(name) VALUES ('x')") == "SQLError: table ml_tables may not be modified"
    assert refusal(db, "CREATE VIRTUAL TABLE t USING ml_tables()") == "SQLError: no such module: ml_tables"


# Data sets

SHAPES = {
    "iris": (150, 5, {"setosa", "versicolor", "virginica"}),
    "wine": (178, 14, {"class_0", "class_1", "class_2"}),
    "breast_cancer": (569, 31, {"benign", "malignant"}),
    "digits": (1797, 65, set(range(10))),
    "diabetes": (442, 11, None),
    "linnerud": (20, 6, None),
    "penguins": (344, 8, {"Adelie", "Chinstrap", "Gentoo"}),
}


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_is_a_table(db, name):
    count, width, labels = SHAPES[name]
    db.execute(f"CREATE VIRTUAL TABLE d USING ml_dataset('{name}'); CREATE TABLE kept AS SELECT * FROM d")
    columns = rows(db, "SELECT name, type FROM pragma_table_info('d')")
    assert columns == list(DATASETS[name].columns)
    assert columns == rows(
        db, "SELECT name, replace(replace(type, 'INT', 'INTEGER'), 'NUM', 'REAL') FROM pragma_table_info('kept')"
    )
    assert (value(db, "SELECT count(*) FROM d"), len(columns)) == (count, width)
    if labels:
        assert {label for (label,) in rows(db, f'SELECT DISTINCT "{columns[-1][0]}" FROM d')} == labels
    for column, kind in columns:
        wanted = {"REAL": {"real"}, "INTEGER": {"integer"}, "TEXT": {"text"}}[kind] | (
            {"null"} if name == "penguins" else set()
        )
        assert {found for (found,) in rows(db, f'SELECT DISTINCT typeof("{column}") FROM d')} <= wanted, column


def test_the_first_iris_is_the_one_of_fisher(db):
    db.execute('CREATE VIRTUAL TABLE d USING ml_dataset("iris")')
    assert rows(db, "SELECT rowid, * FROM d WHERE rowid = 1") == [(1, 5.1, 3.5, 1.4, 0.2, "setosa")]
    assert plan(db, "SELECT * FROM d") == ["SCAN d VIRTUAL TABLE INDEX 0:"]


def test_penguins_have_nulls_where_nothing_was_measured(db):
    db.execute("CREATE VIRTUAL TABLE d USING ml_dataset(penguins)")
    assert value(db, "SELECT count(*) FROM d WHERE bill_length_mm IS NULL") == 2
    assert value(db, "SELECT count(*) FROM d WHERE sex IS NULL") == 11


LISTED = "Data sets: breast_cancer, diabetes, digits, iris, linnerud, penguins, wine."


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("'irs'", f"unknown data set 'irs'. Did you mean 'iris'? {LISTED}"),
        ("", f"ml_dataset takes one name, got 0. {LISTED}"),
        ("iris, wine", f"ml_dataset takes one name, got 2. {LISTED}"),
        ("'../../etc/passwd'", f"unknown data set '../../etc/passwd'. {LISTED}"),
    ],
)
def test_a_data_set_that_is_not_there_is_refused(db, argument, sentence):
    assert refusal(db, f"CREATE VIRTUAL TABLE x USING ml_dataset({argument})") == f"DeclarationError: x: {sentence}"
    assert rows(db, "SELECT * FROM sqlite_schema") == []


def test_a_data_set_is_read_only(db):
    db.execute("CREATE VIRTUAL TABLE d USING ml_dataset('iris')")
    for sql in ("INSERT INTO d VALUES (1, 2, 3, 4, 'x')", "DELETE FROM d", "UPDATE d SET class = 'x'"):
        assert refusal(db, sql) == "SQLError: table d may not be modified"


def test_a_data_set_outlives_its_connection_and_is_dropped(connect, path):
    connect(path).execute("CREATE VIRTUAL TABLE d USING ml_dataset('iris')")
    db = connect(path)
    assert value(db, "SELECT count(*) FROM d") == 150
    db.execute("DROP TABLE d")
    assert rows(db, "SELECT * FROM sqlite_schema") == []
