"""The statements of the README's first screen, word for word, wherever a predictor can stand."""

import gc
from contextlib import suppress

import apsw
import pytest
from asking import command, declare, fill, refusal, rows, value

import sqlite_ml_vtab

DECLARE = """
CREATE VIRTUAL TABLE iris_prediction USING ml_classification(
  algorithm="logistic_regression",
  sepal_length float, sepal_width float, petal_length float, petal_width float,
  class integer TARGET
);
"""
INSERT = """
INSERT INTO iris_prediction SELECT * FROM iris;                  -- rows live in a shadow table
"""
TRAIN = """
INSERT INTO iris_prediction(iris_prediction) VALUES ('train');   -- fit, evaluate, store, deploy
"""
POSITIONAL = "SELECT class FROM iris_prediction(5.1, 3.5, 1.4, 0.2);           -- one row, positional"
JSON = "SELECT class FROM iris_prediction(json_array(5.1, 3.5, 1.4, 0.2));"
JOIN = """
SELECT iris.class AS actual, prediction.class AS predicted       -- batch scoring is a join
FROM iris JOIN iris_prediction(iris.sepal_length, iris.sepal_width,
                               iris.petal_length, iris.petal_width) AS prediction;
"""
DATA = "CREATE VIRTUAL TABLE d USING ml_dataset('iris'); CREATE TABLE iris AS SELECT * FROM d; DROP TABLE d"
SHADOWS = ["config", "deployments", "holdout", "metrics", "models", "rows", "versions"]


def assert_answers(db, name="iris_prediction"):
    """Assert that the first screen's queries answer as they should, of the predictor under `name`."""
    short = name.rpartition(".")[2]
    assert rows(db, POSITIONAL.replace("iris_prediction", short)) == [("setosa",)]
    assert rows(db, JSON.replace("iris_prediction", name)) == [("setosa",)]
    joined = rows(db, JOIN.replace("iris_prediction", name))
    assert len(joined) == 150
    assert sum(actual == predicted for actual, predicted in joined) == 144


def test_the_first_screen_runs_in_memory(db):
    db.execute(DATA)
    db.execute(DECLARE + INSERT + TRAIN)
    assert_answers(db)


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate", "persist", "memory", "off"])
def test_the_first_screen_runs_in_a_file_and_after_reopening(connect, path, journal):
    db = connect(path)
    assert db.pragma("journal_mode", journal) == journal
    db.execute(DATA)
    db.execute(DECLARE + INSERT + TRAIN)
    assert_answers(db)
    db.close()
    assert_answers(connect(path))


def test_the_first_screen_runs_after_a_rename(iris):
    iris.execute(DECLARE + INSERT + TRAIN)
    iris.execute("ALTER TABLE iris_prediction RENAME TO flower")
    assert_answers(iris, "flower")
    command(iris, "train", {"deploy": True}, name="flower")
    assert_answers(iris, "flower")
    assert refusal(iris, POSITIONAL) == "SQLError: no such table: iris_prediction"


def test_the_first_screen_runs_in_an_attached_database(iris, connect, path):
    iris.execute("ATTACH ? AS aux", (str(path),))
    iris.execute(DECLARE.replace("iris_prediction", "aux.iris_prediction") + INSERT + TRAIN)
    assert_answers(iris, "aux.iris_prediction")
    assert value(iris, "SELECT count(*) FROM main.sqlite_schema WHERE name LIKE 'iris_prediction%'") == 0
    iris.execute("DETACH aux")
    assert value(connect(path), POSITIONAL) == "setosa"


def test_the_first_screen_runs_as_a_temp_table(iris):
    iris.execute(DECLARE.replace("iris_prediction", "temp.iris_prediction") + INSERT + TRAIN)
    assert_answers(iris)
    assert value(iris, "SELECT count(*) FROM main.sqlite_schema WHERE name LIKE 'iris_prediction%'") == 0


def test_a_generated_column_of_features_is_joined(iris):
    names = "sepal_length, sepal_width, petal_length, petal_width"
    iris.execute(f"ALTER TABLE iris ADD COLUMN labels AS (json_array({names}))")
    iris.execute(DECLARE + f"INSERT INTO iris_prediction SELECT {names}, class FROM iris;" + TRAIN)
    joined = rows(iris, "SELECT iris.class, p.class FROM iris JOIN iris_prediction(iris.labels) AS p")
    assert len(joined) == 150
    assert sum(actual == predicted for actual, predicted in joined) == 144


def test_a_table_and_its_columns_may_have_any_name(db):
    odd = '"group ""by"" [x] `y` z é 表"'
    columns = '"sepal ""length""" float, [sepal width] float, `select` float, \'größe -- " \' float, "表" text TARGET'
    db.execute(f"CREATE VIRTUAL TABLE {odd} USING ml_classification({columns})")
    db.execute(DATA)
    db.execute(f"INSERT INTO {odd} SELECT * FROM iris")
    db.execute(f"INSERT INTO {odd}({odd}) VALUES ('train')")
    assert rows(db, f"SELECT 表 FROM {odd}(5.1, 3.5, 1.4, 0.2)") == [("setosa",)]
    wanted = '{"größe -- \\" ": 0.2, "select": 1.4, "SEPAL WIDTH": 3.5, "sepal \\"length\\"": 5.1}'
    assert rows(db, f"SELECT 表 FROM {odd}(?)", (wanted,)) == [("setosa",)]
    name = odd[1:-1].replace('""', '"')
    assert value(db, "SELECT ml_predict(?, 5.1, 3.5, 1.4, 0.2)", (name,)) == "setosa"
    assert value(db, "SELECT name FROM ml_tables") == name
    assert rows(db, f"SELECT name, hidden FROM pragma_table_xinfo('{name.replace(chr(39), chr(39) * 2)}') LIMIT 7") == [
        ('sepal "length"', 0), ("sepal width", 0), ("select", 0), ('größe -- " ', 0), ("表", 0), ("features", 1),
        ("arg2", 1),
    ]  # fmt: skip
    db.execute(f"DROP TABLE {odd}")
    assert value(db, "SELECT count(*) FROM sqlite_schema WHERE name NOT IN ('iris', 'sqlite_sequence')") == 0


def test_names_differ_by_case_only_within_a_to_z(db):
    for name in ('"É"', '"é"'):
        declare(db, name)
    fill(db, '"É"')
    db.execute('INSERT INTO "É"("É") VALUES (\'train\')')
    assert value(db, "SELECT ml_predict('É', 1, 2)") == "low"
    assert refusal(db, "SELECT ml_predict('é', 1, 2)") == (
        'ModelError: é: no trained model. Run: INSERT INTO "é"("é") VALUES (\'train\').'
    )


@pytest.mark.parametrize("name", ["order", "Select", "values", "index"])
def test_a_remedy_quotes_a_name_that_is_a_keyword(db, name):
    declare(db, f'"{name}"')
    fill(db, f'"{name}"')
    sentence = refusal(db, f'SELECT * FROM "{name}"(1, 2)')
    assert sentence == f'ModelError: {name}: no trained model. Run: INSERT INTO "{name}"("{name}") VALUES (\'train\').'
    db.execute(sentence.partition("Run: ")[2].removesuffix("."))
    assert value(db, f'SELECT y FROM "{name}"(1, 2)') == "low"


def test_a_drop_leaves_nothing_behind(iris):
    before = rows(iris, "SELECT name FROM sqlite_schema ORDER BY name")
    iris.execute(DECLARE + INSERT + TRAIN)
    made = {name for (name,) in rows(iris, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {f"iris_prediction_{suffix}" for suffix in SHADOWS} < made
    iris.execute("DROP TABLE iris_prediction; DROP TABLE IF EXISTS iris_prediction")
    assert rows(iris, "SELECT name FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name") == before
    assert rows(iris, "SELECT * FROM ml_tables") == []


def test_columns_may_be_called_id_and_rowid(db):
    declare(db, columns="id INTEGER KEY, rowid TEXT KEY, a REAL, y TEXT TARGET")
    db.execute("INSERT INTO p VALUES (7, 'r', 1, 'low'), (8, 's', 2, 'high')")
    assert rows(db, "SELECT _rowid_, id, rowid, a FROM p") == [(1, 7, "r", 1.0), (2, 8, "s", 2.0)]
    assert rows(db, "SELECT * FROM p_rows WHERE row_id = 2") == [(2, 8, "s", 2.0, "high")]
    db.execute("UPDATE p SET a = 5 WHERE rowid = 'r'; DELETE FROM p WHERE _rowid_ = 2")
    assert rows(db, "SELECT * FROM p") == [(7, "r", 5.0, "low")]


def test_if_not_exists_leaves_a_predictor_as_it_is(trained):
    trained.execute("CREATE VIRTUAL TABLE IF NOT EXISTS p USING ml_regression(z REAL TARGET, x)")
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


def test_a_name_that_is_taken_is_refused_and_nothing_is_made(db):
    db.execute("CREATE TABLE p_metrics(x)")
    assert refusal(db, "CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET)") == (
        "DeclarationError: p: a table named 'p_metrics' exists already, and this predictor needs the name. "
        "Rename that table or choose another name."
    )
    assert rows(db, "SELECT name FROM sqlite_schema") == [("p_metrics",)]


def test_a_bad_declaration_makes_nothing(db):
    for arguments in (
        "a",
        "a, a, y TARGET",
        "a, y TARGET, algorithm=none_such",
        "a, y TARGET, hyperparams='{\"C\":1}'",
    ):
        refusal(db, f"CREATE VIRTUAL TABLE p USING ml_classification({arguments})")
    assert rows(db, "SELECT name FROM sqlite_schema") == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("features", "a predictor cannot be named 'features': every predictor has a column of that name. "),
        ("Y", "a column is named 'Y', as the command column would be. "),
        ("q", "a table named 'q_rows' exists already, and this predictor needs the name. Rename that table or "),
    ],
)
def test_a_rename_that_cannot_be_changes_nothing(trained, name, sentence):
    trained.execute("CREATE TABLE q_rows(x)")
    ending = "choose another name." if name == "q" else "Choose another name."
    assert refusal(trained, f"ALTER TABLE p RENAME TO {name}") == f"DeclarationError: p: {sentence}{ending}"
    assert value(trained, "SELECT count(*) FROM p") == 24
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


def test_a_rename_is_undone_by_rollback(trained):
    trained.execute("BEGIN; ALTER TABLE p RENAME TO q; INSERT INTO q VALUES (1, 2, 'low')")
    command(trained, "train", {"deploy": True}, name="q")
    assert value(trained, "SELECT ml_predict('q', 1, 2)") == "low"
    trained.execute("ROLLBACK")
    assert value(trained, "SELECT count(*) FROM p") == 24
    assert value(trained, "SELECT ml_predict('p', 1, 2)") == "low"
    assert rows(trained, "SELECT version FROM ml_versions('p')") == [(1,)]
    assert refusal(trained, "SELECT ml_predict('q', 1, 2)") == "CommandError: no predictor 'q'. Predictors: p."


def test_a_rename_is_undone_by_rollback_to_a_savepoint(trained):
    trained.execute("SAVEPOINT s; ALTER TABLE p RENAME TO q; INSERT INTO q VALUES (1, 2, 'low'); ROLLBACK TO s")
    trained.execute("INSERT INTO p VALUES (1, 2, 'low'); RELEASE s")
    assert value(trained, "SELECT count(*) FROM p") == 25


def test_a_drop_is_undone_by_rollback(trained):
    trained.execute("BEGIN; DROP TABLE p")
    assert refusal(trained, "SELECT y FROM p(1, 2)") == "SQLError: no such table: p"
    trained.execute("ROLLBACK")
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"
    assert value(trained, "SELECT ml_predict('p', 1, 2)") == "low"


def test_a_creation_is_undone_by_rollback_and_can_be_repeated(db):
    db.execute("BEGIN; SAVEPOINT s")
    declare(db)
    fill(db, count=6)
    db.execute("ROLLBACK TO s")
    assert refusal(db, "SELECT * FROM p") == "SQLError: no such table: p"
    declare(db)
    assert value(db, "SELECT count(*) FROM p") == 0
    db.execute("ROLLBACK")
    assert rows(db, "SELECT name FROM sqlite_schema") == []
    assert rows(db, "SELECT * FROM ml_tables") == []


def test_predictors_of_one_name_in_three_databases_are_told_apart(db):
    db.execute("ATTACH '' AS aux")
    for schema, label in (("main", "m"), ("aux", "x"), ("temp", "t")):
        declare(db, f"{schema}.p", "a, y TARGET, algorithm=dummy")
        db.execute(f"INSERT INTO {schema}.p VALUES (1, '{label}'), (2, '{label}'), (3, '{label}'), (4, 'z'), (5, 'z')")
        command(db, "train", name=f"{schema}.p")
    asked = {name: value(db, f"SELECT y FROM {name}(1)") for name in ("p", "main.p", "aux.p", "temp.p")}
    assert asked == {"p": "t", "main.p": "m", "aux.p": "x", "temp.p": "t"}
    assert {name: value(db, "SELECT ml_predict(?, 1)", (name,)) for name in asked} == asked
    assert rows(db, "SELECT schema, name FROM ml_tables") == [("temp", "p"), ("main", "p"), ("aux", "p")]
    assert value(db, "SELECT y FROM main.p WHERE source = 'p' LIMIT 1") == "m"
    db.execute("DROP TABLE temp.p")
    assert value(db, "SELECT ml_predict('p', 1)") == "m"
    db.execute("DETACH aux")
    assert refusal(db, "SELECT ml_predict('aux.p', 1)") == "CommandError: no predictor 'aux.p'. Predictors: p."


def test_a_database_attached_anew_under_the_same_name_answers_for_itself(db, connect, tmp_path):
    for label in ("x", "y"):
        other = connect(tmp_path / f"{label}.db")
        declare(other, columns="a, y TARGET, algorithm=dummy, split=none")
        other.execute(f"INSERT INTO p VALUES (1, '{label}'), (2, '{label}'), (3, 'z')")
        command(other, "train")
    for label in ("x", "y"):
        db.execute("ATTACH ? AS aux", (str(tmp_path / f"{label}.db"),))
        assert value(db, "SELECT ml_predict('aux.p', 1)") == label
        db.execute("DETACH aux")


@pytest.mark.parametrize("count", [2, 16, 17, 900])
def test_many_features_are_asked_for_one_by_one_or_as_json(db, count):
    declare(db, columns=", ".join(f"c{i}" for i in range(count)) + ", y TARGET, algorithm=naive_bayes")
    marks = ", ".join("?" * count)
    points = [[(i * j) % 7 + (i % 2) * 9 for j in range(count)] + ["ab"[i % 2]] for i in range(20)]
    db.executemany(f"INSERT INTO p VALUES ({marks}, ?)", points)
    command(db, "train")
    values = [9] * count
    assert value(db, f"SELECT y FROM p({marks})", values) == "b"
    assert value(db, "SELECT y FROM p(?)", (str(values),)) == "b"
    assert value(db, f"SELECT ml_predict('p', {marks})", values) == "b"


def test_more_features_than_arguments_are_asked_for_as_json(db):
    declare(db, columns=", ".join(f"c{i}" for i in range(1500)) + ", y TARGET, algorithm=naive_bayes")
    points = [[i % 2] * 1500 + ["ab"[i % 2]] for i in range(12)]
    db.executemany(f"INSERT INTO p VALUES ({', '.join('?' * 1501)})", points)
    command(db, "train")
    assert value(db, "SELECT y FROM p(?)", (str([1] * 1500),)) == "b"
    assert refusal(db, "SELECT y FROM p(1, 2)") == (
        "InputError: p: takes 1500 features, more than SQLite has arguments for. Pass them as one JSON array."
    )


def test_more_columns_than_sqlite_has_are_refused(db):
    db.limit(apsw.SQLITE_LIMIT_COLUMN, 20)
    declare(db, "p", "a, b, c, d, e, f, g, y TARGET")
    assert refusal(db, "CREATE VIRTUAL TABLE q USING ml_classification(a, b, c, d, e, f, g, h, i, y TARGET)") == (
        "DeclarationError: q: 10 columns, beside 12 hidden ones, are more than SQLite's limit of 20. "
        "Declare fewer columns."
    )
    assert value(db, "SELECT count(*) FROM p") == 0


def test_a_table_outlives_a_lowered_column_limit(db):
    declare(db, columns="a REAL, b REAL, c REAL, y TEXT TARGET, algorithm='logistic_regression'")
    db.executemany("INSERT INTO p VALUES (?, ?, 0, ?)", [(i, i % 5, "low" if i < 12 else "high") for i in range(24)])
    command(db, "train")
    columns = "SELECT count(*) FROM pragma_table_xinfo('p')"
    assert value(db, columns) == 18
    db.limit(apsw.SQLITE_LIMIT_COLUMN, 16)
    db.execute("PRAGMA writable_schema = RESET")
    assert value(db, "SELECT y FROM p('[1, 2, 0]')") == "low"
    assert value(db, columns) < 18


def test_the_schema_is_listed_without_a_look_at_any_model(trained):
    trained.execute("UPDATE p_models SET model = x'00'")
    kinds = {name: kind for _, name, kind, *_ in rows(trained, "PRAGMA main.table_list")}
    assert kinds["p"] == "virtual"
    assert {kinds[f"p_{suffix}"] for suffix in SHADOWS} == {"shadow"}
    command(trained, "rebuild", {"version": 1})


def test_an_abandoned_connection_lets_go_of_its_file(connect, path):
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train")
    other = apsw.Connection(str(path))
    sqlite_ml_vtab.load(other)
    other.execute("BEGIN; INSERT INTO p VALUES (1, 2, 'low')")
    del other
    gc.collect()
    db.execute("INSERT INTO p VALUES (1, 2, 'low')")
    assert value(db, "SELECT count(*) FROM p") == 25


def test_a_table_that_is_being_read_is_not_dropped(trained):
    for sql in ("SELECT y FROM p WHERE source = 'p_rows'", "SELECT rowid FROM p"):
        cursor = trained.execute(sql)
        next(cursor)
        assert refusal(trained, "DROP TABLE p") == "LockedError: database table is locked"
        assert len(list(cursor)) == 23
    assert value(trained, "SELECT y FROM p(1, 2)") == "low"


@pytest.mark.parametrize(
    "pragma",
    [
        *(
            "legacy_alter_table",
            "foreign_keys",
            "reverse_unordered_selects",
            "case_sensitive_like",
            "recursive_triggers",
        ),
        *("secure_delete", "cell_size_check", "ignore_check_constraints", "defer_foreign_keys"),
    ],
)
def test_no_pragma_of_the_user_disturbs(db, pragma):
    db.pragma(pragma, True)
    declare(db)
    fill(db)
    command(db, "train")
    db.execute("ALTER TABLE p RENAME TO Q; INSERT INTO q SELECT * FROM q")
    assert rows(db, "SELECT count(*), ml_predict('q', 1, 2) FROM q_rows") == [(48, "low")]
    assert rows(db, "SELECT rowid, y FROM q WHERE source = 'q_rows' AND rowid IN (1, 48) ORDER BY 1") == [
        (1, "low"),
        (48, "high"),
    ]
    assert rows(db, "SELECT name FROM ml_tables") == [("Q",)]
    db.execute("DROP TABLE q")


def test_double_quoted_strings_may_be_switched_off(db):
    db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    db.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    db.execute(DATA + ";" + DECLARE + INSERT + TRAIN)
    assert_answers(db)


@pytest.mark.parametrize("name", ["{}", "{0}", "%s", "{name!r}"])
def test_a_name_of_braces_is_a_name(db, name):
    db.execute(f'CREATE VIRTUAL TABLE "{name}" USING ml_regression(a REAL, y REAL TARGET, algorithm=ridge)')
    db.executemany(f'INSERT INTO "{name}" VALUES (?, ?)', [(n, n) for n in range(9)])
    db.execute(f'INSERT INTO "{name}"("{name}") VALUES (\'train\')')
    assert value(db, f'SELECT count(y) FROM "{name}"(5)') == 1
    assert value(db, "SELECT ml_predict(?, 5) IS NOT NULL", (f'"{name}"',)) == 1


def test_what_one_statement_asked_does_not_reach_into_the_next(trained):
    command(trained, "train", {"algorithm": "dummy", "deploy": False})
    alone = rows(trained, "SELECT * FROM p(20, 3)")
    for other in (
        "SELECT y, probability FROM p(1, 2) WHERE version = 2",
        "SELECT y FROM p('[[1, 2], [20, 3]]')",
        "SELECT y FROM p('[1]')",
        "SELECT y FROM p('x', 2)",
        "SELECT y FROM p(1, 2) WHERE version = 9",
        "SELECT y, probabilities, warning FROM p(1000, 2)",
        "SELECT q.y, r.y FROM p(1, 2) AS q JOIN p(20, 3) AS r",
        "SELECT q.y FROM (SELECT 1 AS a UNION ALL SELECT 20) AS x JOIN p(x.a, 2) AS q LIMIT 1",
    ):
        with suppress(sqlite_ml_vtab.Error):
            rows(trained, other)
        assert rows(trained, "SELECT * FROM p(20, 3)") == alone, other
    command(trained, "deploy", {"version": 2})
    assert value(trained, "SELECT y FROM p(20, 3)") == value(trained, "SELECT y FROM p(1, 2)")
