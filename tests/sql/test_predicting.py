"""What a prediction says beside its answer, and what it is asked with."""

import json

import apsw
import pytest
from asking import POINTS, command, declare, fill, refusal, rows, value

import sqlite_ml_vtab

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")


@pytest.fixture
def mixed(db):
    """A predictor of a number, a category and a date, trained on all of its rows."""
    declare(db, columns="n REAL, c TEXT, d DATE, k KEY, y TEXT TARGET, algorithm=decision_tree, split=none")
    db.executemany(
        "INSERT INTO p VALUES (?, ?, ?, ?, ?)",
        [(i, "rgb"[i % 3], f"2024-0{1 + i % 9}-11", i, "low" if i < 10 else "high") for i in range(20)],
    )
    command(db, "train")
    return db


def test_inputs_are_echoed_and_the_rest_is_null(mixed):
    assert rows(mixed, "SELECT * FROM p(3, 'g', '2024-02-11')") == [(3, "g", "2024-02-11", None, "low")]
    assert rows(mixed, 'SELECT n, c, d, k FROM p(\'{"c": "g", "n": true}\')') == [(1, "g", None, None)]


def test_arguments_can_be_read_back(mixed):
    sql = "SELECT features, arg2, arg3, version, source, options FROM p"
    assert rows(mixed, f"{sql}(3, 'g', NULL)") == [(3, "g", None, None, None, None)]
    assert rows(mixed, f"{sql}('[3, null, null]') WHERE version = 1") == [
        ("[3, null, null]", None, None, 1, None, None)
    ]
    assert rows(mixed, f"{sql} WHERE source = 'p_rows' LIMIT 1") == [(None, None, None, None, "p_rows", None)]


def test_a_call_has_the_rowid_1_and_an_array_counts_its_rows(mixed):
    assert rows(mixed, "SELECT rowid FROM p(3, 'g', NULL)") == [(1,)]
    assert rows(mixed, "SELECT rowid, n FROM p('[[5, null, null], {\"n\": 6}, {}]')") == [(1, 5), (2, 6), (3, None)]
    assert rows(mixed, "SELECT n FROM p('[[5, null, null], [6, null, null]]') WHERE rowid = 2") == [(6,)]


def test_an_empty_array_is_no_row(mixed):
    assert rows(mixed, "SELECT * FROM p('[]')") == []


@pytest.mark.parametrize(
    ("call", "warning"),
    [
        ("3, 'g', '2024-02-11'", None),
        ("NULL, NULL, NULL", None),
        ("3, 'pink', NULL", "c: 'pink' was not seen in training"),
        ("19.5, 'g', NULL", "n: 19.5 is outside the training range, 0 to 19"),
        (
            "-1, 'it''s', '1999-12-31 06:00'",
            "n: -1 is outside the training range, 0 to 19; c: 'it''s' was not seen in training; "
            "d: '1999-12-31 06:00' is outside the training range, 2024-01-11 00:00:00 to 2024-09-11 00:00:00",
        ),
    ],
)
def test_a_warning_says_why_to_distrust_a_row(mixed, call, warning):
    assert rows(mixed, f"SELECT warning FROM p({call})") == [(warning,)]


def test_probabilities_stand_beside_the_label(trained):
    [(label, chance, chances)] = rows(trained, "SELECT y, probability, probabilities FROM p(2, 3)")
    found = json.loads(chances)
    assert label == "low"
    assert chance == found["low"]
    assert found == {"high": pytest.approx(1 - chance), "low": chance}
    assert rows(trained, "SELECT round(probabilities ->> 'low', 3) = round(probability, 3) FROM p(2, 3)") == [(1,)]


def test_bounds_hold_the_number_between_them(db):
    declare(db, columns="a REAL, z REAL TARGET, algorithm=linear_regression", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, 2 * i + (i % 3 - 1)) for i in range(40)])
    command(db, "train")
    [(answer, lower, upper, chance)] = rows(db, "SELECT z, lower, upper, probability FROM p(10)")
    assert answer == pytest.approx(20, abs=0.5)
    assert upper - answer == pytest.approx(answer - lower)
    assert 0.5 < upper - answer < 3
    assert chance is None
    command(db, "train", {"split": "none"})
    assert rows(db, "SELECT lower, upper FROM p(10)") == [(None, None)]


def test_the_same_date_in_every_notation_is_the_same(db):
    declare(db, columns="d DATE, y TEXT TARGET, algorithm=knn, hyperparams='{\"n_neighbors\": 1}', split=none")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(f"2024-05-{i:02}", f"day {i % 7}") for i in range(1, 29)])
    command(db, "train")
    notations = ["'2024-05-12'", "'2024-05-12 00:00:00'", "'2024-05-12T00:00:00Z'", "'2024-05-12T02:00+02:00'"]
    notations += ["julianday('2024-05-12')", "unixepoch('2024-05-12')", "json_array('2024-05-12')"]
    assert [value(db, f"SELECT y FROM p({notation})") for notation in notations] == ["day 5"] * 7


def test_numbers_are_not_read_out_of_text(trained):
    assert refusal(trained, "SELECT * FROM p('1', 2)") == (
        "InputError: p: column 'a' is NUMBER, got '1'. Write it as a number, CAST(... AS REAL), or declare the column without a type."
    )


def test_a_predictor_of_one_feature_takes_a_value_or_json(db):
    declare(db, columns="c TEXT, y TEXT TARGET, algorithm=decision_tree, split=none")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(c, c.upper()) for c in "abcabc"])
    command(db, "train")
    calls = ["'a'", "'[\"a\"]'", '\'{"C": "a"}\'', "'[[\"a\"]]'", "json_array('a')"]
    assert [value(db, f"SELECT y FROM p({call})") for call in calls] == ["A"] * 5
    assert rows(db, "SELECT y FROM p WHERE features IN ('a', 'b', '[\"c\"]')") == [("C",), ("A",), ("B",)]
    assert [value(db, f"SELECT ml_predict('p', {call})") for call in calls[:3]] == ["A"] * 3


def test_arguments_are_bound(trained):
    sql = "SELECT y FROM p(?, ?)"
    assert [value(trained, sql, point) for point in ((1, 2), (20, None))] == ["low", "high"]
    assert value(trained, "SELECT y FROM p(:json)", {"json": "[20, 1]"}) == "high"
    assert value(trained, "SELECT y FROM p WHERE features = ?1 AND version = ?2", ("[20, 1]", 1)) == "high"
    assert refusal(trained, sql, (b"\x00", 1)) == (
        "InputError: p: column 'a' is NUMBER, got a BLOB of 1 bytes. Use NULL for a missing value."
    )


def test_a_statement_that_is_run_again_sees_the_new_model(points):
    command(points, "train")
    sql = "SELECT y, ml_predict('p', 1, 2) FROM p(1, 2)"
    assert rows(points, sql) == [("low", "low")]
    points.execute("UPDATE p SET y = iif(y = 'low', 'small', 'large')")
    command(points, "train", {"deploy": True})
    assert rows(points, sql) == [("small", "small")]
    command(points, "rollback")
    assert rows(points, sql) == [("low", "low")]


def test_an_open_query_keeps_its_model(points):
    command(points, "train")
    cursor = points.execute("SELECT y FROM p('[[1, 2], [2, 2], [3, 2]]')")
    joined = points.execute("SELECT q.y FROM p AS x JOIN p(x.a, x.b) AS q WHERE x.a < 3")
    seen = [next(cursor), next(joined)]
    points.execute("UPDATE p SET y = iif(y = 'low', 'small', 'large')")
    command(points, "train", {"deploy": True})
    assert {*seen, *cursor, *joined} == {("low",)}


def test_predictions_are_filtered_sorted_and_grouped(trained):
    assert rows(trained, "SELECT q.y, count(*) FROM p AS x JOIN p(x.a, x.b) q GROUP BY q.y") == [
        ("high", 11),
        ("low", 13),
    ]
    assert rows(
        trained, "SELECT a FROM p WHERE source = 'p_rows' AND y = 'high' ORDER BY probability DESC LIMIT 2"
    ) == [
        (23.0,),
        (20.0,),
    ]
    assert rows(trained, "SELECT a FROM p_rows WHERE ml_predict('p', a, b) <> y") == [(12.0,)]
    assert value(trained, "SELECT count(*) FROM p_rows ORDER BY ml_predict_proba('p', a, b) ->> 'low'") == 24


def test_an_or_of_two_calls_gives_both(trained):
    assert rows(trained, "SELECT a, y FROM p WHERE features = '[1, 2]' OR features = '[20, 2]'") == [
        (1, "low"),
        (20, "high"),
    ]
    assert rows(trained, "SELECT x.a, q.a FROM p AS x, p AS q WHERE x.rowid = 3 AND "
                "(q.features = json_array(x.a, x.b) OR q.features = json_array(x.b, x.a))") == [(2.0, 2.0), (2.0, 4.0)]  # fmt: skip


def test_an_or_of_two_versions_is_asked(trained):
    command(trained, "train", {"algorithm": "dummy"})
    sql = "SELECT probability FROM p WHERE features = '[1, 2]' AND version = 2 OR rowid = 1 AND y = 'none'"
    assert rows(trained, sql) == [(0.5,)]


def test_the_same_value_in_in_is_asked_once(trained):
    assert value(trained, "SELECT count(*) FROM p WHERE features IN ('[1, 2]', '[1, 2]', '[2, 2]')") == 2


def test_in_has_one_order(trained):
    texts = [f"[{a}, {b}]" for a in range(9) for b in range(9)]
    sql = f"SELECT rowid, features FROM p WHERE features IN ({', '.join('?' * len(texts))})"
    assert rows(trained, sql, texts[::-1]) == list(enumerate(sorted(texts), 1))


def test_in_may_hold_arrays_of_rows(trained):
    sql = "SELECT rowid, a, features FROM p WHERE features IN ('[[1, 2], [3, 4]]', '[5, 6]', '[]')"
    assert rows(trained, sql) == [(1, 5, "[5, 6]"), (2, 1, "[[1, 2], [3, 4]]"), (3, 3, "[[1, 2], [3, 4]]")]


def test_predictors_are_nested(trained):
    declare(trained, "q", "y TEXT, z TEXT TARGET, algorithm=decision_tree, split=none")
    trained.execute("INSERT INTO q VALUES ('low', 'L'), ('high', 'H'), ('low', 'L'), ('high', 'H')")
    command(trained, "train", name="q")
    assert rows(
        trained, "SELECT q.z FROM p(1, 2) AS x JOIN q(x.y) UNION ALL SELECT z FROM q((SELECT y FROM p(20, 1)))"
    ) == [
        ("L",),
        ("H",),
    ]
    assert value(trained, "SELECT ml_predict('q', ml_predict('p', 20, 1))") == "H"


def test_a_view_over_a_predictor_asks_it(trained):
    trained.execute("""
        CREATE TABLE x(id, a, b); INSERT INTO x VALUES (1, 1, 2), (2, 20, 1);
        CREATE VIEW scored AS SELECT x.id, p.y, p.probability FROM x JOIN p(x.a, x.b) AS p""")
    assert rows(trained, "SELECT id, y FROM scored WHERE id > 1") == [(2, "high")]
    assert rows(trained, "SELECT y FROM scored ORDER BY probability DESC LIMIT 1") == [("low",)]


def test_predictions_are_stored_in_a_table_and_by_a_trigger(trained):
    trained.execute("""
        CREATE TABLE x(a, b, said);
        CREATE TRIGGER t AFTER INSERT ON x BEGIN
          UPDATE x SET said = (SELECT y FROM p(new.a, new.b)) WHERE rowid = new.rowid;
        END;
        INSERT INTO x(a, b) VALUES (1, 2), (20, 1);
        CREATE TABLE kept AS SELECT rowid AS id, y, probability FROM p WHERE source = 'x'""")
    assert rows(trained, "SELECT said, y FROM x JOIN kept ON x.rowid = id") == [("low", "low"), ("high", "high")]


def test_a_prediction_of_the_own_rows_becomes_rows(trained):
    trained.execute("INSERT INTO p SELECT q.a, q.b, q.y FROM p AS x JOIN p(x.a + 100, x.b) AS q WHERE x.a < 3")
    assert rows(trained, "SELECT a, y FROM p WHERE a >= 100") == [(100.0, "high"), (101.0, "high"), (102.0, "high")]


def test_a_left_join_on_an_answer_keeps_the_row(trained):
    sql = "SELECT x.column1, q.y FROM (VALUES (1), (20)) AS x LEFT JOIN p(x.column1, 2) AS q ON q.y = 'high'"
    assert rows(trained, sql) == [(1, None), (20, "high")]


def test_a_right_join_asks_for_each_row(trained):
    sql = "SELECT x.column1, q.y FROM (VALUES (1), (20)) AS x RIGHT JOIN p(x.column1, 2) AS q"
    assert rows(trained, sql) == [(1, "low"), (20, "high")]


def test_no_parentheses_content_is_the_stored_rows(trained):
    assert value(trained, "SELECT count(*) FROM p()") == 24


@pytest.mark.parametrize("before", [0, 1, 2])
def test_null_behind_the_sixteenth_argument_is_refused_not_lost(db, before):
    names = [f"c{i}" for i in range(20)]
    declare(db, columns=", ".join(names) + ", y TARGET, algorithm=naive_bayes")
    db.executemany(
        f"INSERT INTO p VALUES ({', '.join('?' * 21)})",
        [[i % 2 + j for j in range(20)] + ["ab"[i % 2]] for i in range(9)],
    )
    command(db, "train")
    conditions = ["y IS NOT NULL", "c0 = 1", "probability > 0"][1 : before + 1]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"SELECT y FROM p({', '.join('?' * 20)}) {where}"
    first = 17 - before
    for place in range(20):
        values = [1 + i for i in range(20)]
        values[place] = None
        if place == 0 and before:
            continue
        if place < first - 1:
            assert rows(db, sql, values) == [("b",)], place
            continue
        assert refusal(db, sql, values) == (
            f"InputError: p: feature 'c{place}' is NULL, and SQLite loses a row with NULL in an argument behind "
            "16 conditions. Pass JSON: p(json_array(...))."
        )
        assert rows(db, "SELECT y FROM p(?)", (json.dumps(values),)) == [("b",)]


def test_null_behind_sixteen_conditions_is_refused_and_json_there_is_answered(trained):
    conditions = " AND ".join(["y IS NOT NULL AND y <> 'none'", *["a < 99"] * 16])
    asked = f"SELECT y FROM (SELECT 1) JOIN p ON {conditions} AND features = ?"
    expected = (
        "InputError: p: feature 'a' is NULL, and SQLite loses a row with NULL in an argument behind 16 conditions. "
    )
    assert refusal(trained, f"{asked} AND arg2 = ?", (None, 2)) == f"{expected}Pass JSON: p(json_array(...))."
    assert rows(trained, asked, ("[1, 2]",)) == [("low",)]
    # No feature in particular is NULL here.
    assert refusal(trained, asked, (None,)) == (
        "InputError: p: features is NULL. Pass a JSON array, a JSON object or a value for each feature."
    )


def test_a_query_that_is_abandoned_leaves_nothing_behind(trained):
    for _ in range(50):
        cursor = trained.execute("SELECT y FROM p WHERE source = 'p_rows'")
        next(cursor)
        cursor.close()
    trained.execute("DROP TABLE p")
    assert rows(trained, "SELECT * FROM ml_tables") == []


def test_booleans_and_large_integers_in_json_are_numbers(trained):
    assert rows(trained, "SELECT a, b FROM p('[true, 18446744073709551615]')") == [(1, 18446744073709551615.0)]
    assert rows(trained, "SELECT a, typeof(a) FROM p('[9223372036854775807, 0]')") == [(2**63 - 1, "integer")]


def test_the_columns_of_a_query_have_their_names(trained):
    cursor = trained.execute("SELECT * FROM p(1, 2)")
    assert [column[0] for column in cursor.get_description()] == ["a", "b", "y"]


def test_all_connections_of_a_process_answer_alike(connect, path):
    first = connect(path)
    declare(first, columns=POINTS)
    fill(first)
    command(first, "train")
    assert [value(connect(path), "SELECT probability FROM p(1, 2)") for _ in range(3)] == [
        value(first, "SELECT probability FROM p(1, 2)")
    ] * 3


def test_a_model_larger_than_the_host_allows_is_refused(connect, path):
    db = connect(path)
    declare(db)
    fill(db)
    command(db, "train")
    from sqlite_ml_vtab.predictor import SCORERS

    SCORERS._scorers.clear()
    sqlite_ml_vtab.load(db, max_model_bytes=100)
    size = value(db, "SELECT length(model) FROM p_models")
    assert refusal(db, "SELECT * FROM p(1, 2)") == (
        f"ModelError: p: the model of version 1 has {size} bytes, more than the 100 that this program reads. "
        "Call load(connection, max_model_bytes=...) with more."
    )
    sqlite_ml_vtab.load(db)
    assert value(db, "SELECT y FROM p(1, 2)") == "low"
    assert isinstance(db, apsw.Connection)


def test_one_join_may_pass_values_arrays_and_arrays_of_rows(db):
    declare(db, columns="a REAL, y REAL TARGET, algorithm=linear_regression", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(n, 2 * n) for n in range(8)])
    command(db, "train")
    db.execute("CREATE TABLE asked(o); INSERT INTO asked VALUES (1), (2), ('[3]'), ('[[4], [5]]'), (6), ('[]'), (7)")
    asked = rows(db, "SELECT o, p.rowid, a, round(y, 6) FROM asked JOIN p(o)")
    assert asked == [
        *((1, 1, 1, 2.0), (2, 1, 2, 4.0), ("[3]", 1, 3, 6.0), ("[[4], [5]]", 1, 4, 8.0), ("[[4], [5]]", 2, 5, 10.0)),
        *((6, 1, 6, 12.0), (7, 1, 7, 14.0)),
    ]


def test_what_a_join_asks_for_later_belongs_to_its_own_row(trained):
    sql = "SELECT x.a, p.y, iif(x.a > 2, probability, NULL), p.a, p.features FROM p_rows AS x JOIN p(x.a, x.b) AS p"
    for a, label, chance, echoed, features in rows(trained, sql):
        alone = rows(trained, "SELECT y, probability FROM p(?, ?)", (a, (int(a) * 7) % 5))
        assert [(label, chance if a > 2 else alone[0][1])] == alone
        assert a == echoed == features


def test_every_argument_behind_the_sixteenth_is_its_own_row_s(db):
    names = [f"c{n}" for n in range(20)]
    declare(
        db, columns=f"{', '.join(f'{name} REAL' for name in names)}, y REAL TARGET, algorithm=ridge", task="regression"
    )
    db.executemany(
        f"INSERT INTO p VALUES ({', '.join('?' * 21)})", [[n * (k + 1) for k in range(20)] + [n] for n in range(9)]
    )
    command(db, "train")
    joined = rows(
        db, f"SELECT x.y, p.y, arg20 FROM p_rows AS x JOIN p({', '.join(f'x.{name}' for name in names)}) AS p"
    )
    assert [round(found, 6) for found, *_ in joined] == list(range(9))
    for truth, found, last in joined:
        assert last == truth * 20
        assert found == rows(db, "SELECT y FROM p(?)", (str([truth * (k + 1) for k in range(20)]),))[0][0]


@pytest.mark.parametrize("condition", ["a > -1", "a = 1"])
def test_in_and_source_give_what_was_asked_behind_sixteen_conditions(trained, condition):
    conditions = " AND ".join([condition] * 17)
    assert rows(trained, f"SELECT y, features FROM p WHERE {conditions} AND features IN ('[1,2]', '[-1,2]')") == [
        ("low", "[1,2]")
    ]
    assert rows(trained, f"SELECT y, features, source FROM p WHERE {conditions} AND source = 'SELECT 1 a, 2 b'") == [
        ("low", None, "SELECT 1 a, 2 b")
    ]


@pytest.mark.parametrize("call", ["x.a, x.b", "json_array(x.a, x.b)"])
def test_a_join_that_leaves_a_call_half_read_goes_on_with_the_next(trained, call):
    trained.execute("CREATE TABLE x AS SELECT a, b FROM p_rows")
    found = rows(trained, f"SELECT y FROM x JOIN p({call})")
    assert len(set(found)) == 2
    once = f"SELECT (SELECT y FROM p({call}) LIMIT 1) FROM x WHERE EXISTS (SELECT 1 FROM p({call}))"
    assert rows(trained, once) == found
    assert rows(trained, f"SELECT y FROM x LEFT JOIN p({call}) ON x.a > 1") == [
        (y if a > 1 else None,) for (y,), (a,) in zip(found, rows(trained, "SELECT a FROM x"), strict=True)
    ]


@pytest.mark.parametrize("call", ["x.a, x.b", "json_array(x.a, x.b)"])
def test_a_row_of_a_join_that_is_refused_names_the_predictor(trained, call):
    trained.execute("CREATE TABLE x(a, b); INSERT INTO x VALUES (1, 2), (3, 4), (5, 'six')")
    assert refusal(trained, f"SELECT y FROM x JOIN p({call})") == (
        "InputError: p: column 'b' is NUMBER, got 'six'. Use NULL for a missing value."
    )
    assert rows(trained, f"SELECT y FROM x JOIN p({call}) WHERE x.a < 5") == [("low",), ("low",)]
