"""The columns lower, upper and probable, the option confidence and their metrics, by SQL."""

import json
import math

import numpy as np
import pytest
from asking import command, declare, refusal, rows, value
from test_forms import close

from sqlite_ml_vtab.portable import scoring

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

COUNT = 400


def uneven(count=COUNT, seed=0):
    """Return rows (a, b, c, y): y is made of a, and its error grows with b; one of nine has no b."""
    random = np.random.RandomState(seed)
    a, b = random.uniform(1, 5, size=(2, count))
    y = 20 + 3 * a + random.normal(size=count) * b**2 / 3
    return [
        (float(a[i]), None if i % 9 == 0 else float(b[i]), "rgb"[i % 3], float(abs(y[i]) + 0.01)) for i in range(count)
    ]


@pytest.fixture
def numbers(db):
    """A database with the regression p of uneven rows, and the table x of the same."""
    declare(db, columns="a REAL, b REAL, c TEXT, y REAL TARGET, algorithm=ridge", task="regression")
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, a REAL, b REAL, c TEXT, y REAL)")
    db.executemany("INSERT INTO p VALUES (?, ?, ?, ?)", uneven())
    db.execute("INSERT INTO x SELECT rowid, * FROM p")
    db.execute("CREATE TABLE asked(o TEXT PRIMARY KEY, id INTEGER)")
    db.execute("INSERT INTO asked SELECT json_array(a, b, c), id FROM x")
    return db


@pytest.fixture
def labels(db):
    """A database with the classification p of three classes that overlap, and the table x of the same."""
    declare(db, columns="a REAL, y TARGET, algorithm=logistic_regression")
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, a REAL, y)")
    random = np.random.RandomState(0)
    kinds = random.randint(3, size=COUNT)
    names = (7, "seven", "acht")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(1.5 * k + random.normal(), names[k]) for k in kinds.tolist()])
    db.execute("INSERT INTO x SELECT rowid, * FROM p")
    return db


FORMS = {
    "join": "SELECT p.{0} FROM x JOIN p(x.a, x.b, x.c) AS p ORDER BY x.id",
    "in": """SELECT t.{0} FROM (SELECT features AS o, {0} FROM p WHERE features IN (SELECT o FROM asked)) AS t
             CROSS JOIN asked USING (o) ORDER BY asked.id""",
    "source": "SELECT {0} FROM p WHERE source = 'x' ORDER BY rowid",
    "array": "SELECT {0} FROM p((SELECT json_group_array(json_array(a, b, c)) FROM x)) ORDER BY rowid",
}
ALIKE = {
    "ridge": {},
    "random_forest": {"hyperparams": {"n_estimators": 10}},
    "hist_gradient_boosting": {"hyperparams": {"max_iter": 60}},
    "knn": {},
    "gamma": {},
    "svr": {"target_transform": "log"},
    "linear_regression": {"target_transform": "yeo_johnson"},
}


@pytest.mark.parametrize("name", ALIKE)
def test_intervals_that_follow_the_row_are_the_same_in_every_form(numbers, name):
    command(numbers, "train", {"algorithm": name, **ALIKE[name]})
    lower, upper = (
        {form: [found for (found,) in rows(numbers, sql.format(side))] for form, sql in FORMS.items()}
        for side in ("lower", "upper")
    )
    widths = {round(high - low, 6) for low, high in zip(lower["join"], upper["join"], strict=True)}
    assert len(widths) > 20
    for side in (lower, upper):
        assert all(len(found) == COUNT for found in side.values())
        for form in FORMS:
            assert all(close(*pair, 1e-3) for pair in zip(side["join"], side[form], strict=True)), form


def test_each_array_of_rows_and_each_row_between_has_its_own_intervals(numbers):
    command(numbers, "train")
    numbers.execute(
        "CREATE TABLE many(o); INSERT INTO many VALUES ('[[1, 1, 1]]'), ('[2, 2, 2]'), ('[[3, 3, 3], [4, 4, 4]]')"
    )
    found = rows(numbers, "SELECT p.a, p.lower, p.upper FROM many JOIN p(many.o) AS p ORDER BY p.a")
    alone = [rows(numbers, "SELECT a, lower, upper FROM p(?, ?, ?)", (n, n, n))[0] for n in (1, 2, 3, 4)]
    assert found == [pytest.approx(row, rel=1e-12) for row in alone]
    assert len({low for _, low, _ in found}) == 4


def test_intervals_are_wide_where_errors_are_and_hold_what_was_asked(numbers):
    command(numbers, "train", {"test_size": 0.5})
    numbers.execute("CREATE TABLE unseen(a, b, c, y)")
    numbers.executemany("INSERT INTO unseen VALUES (?, ?, ?, ?)", uneven(2000, 1))
    asked = "FROM p JOIN unseen ON unseen.rowid = p.rowid WHERE p.source = 'unseen'"
    held = value(numbers, f"SELECT avg(unseen.y BETWEEN p.lower AND p.upper) {asked}")
    assert held == pytest.approx(0.9, abs=0.04)
    easy, hard = (
        value(numbers, f"SELECT avg(p.upper - p.lower) {asked} AND unseen.b {where}") for where in ("< 2", "> 4")
    )
    assert hard > 2 * easy


def test_more_confidence_makes_wider_intervals(numbers):
    widths = []
    for number, confidence in enumerate((0.5, 0.8, 0.9, 0.95), 1):
        command(numbers, "train", {"confidence": confidence})
        [(low, answer, high)] = rows(numbers, f"SELECT lower, y, upper FROM p(2, 2, 'r') WHERE version = {number}")
        assert low < answer < high
        widths.append(high - low)
        metrics = dict(rows(numbers, f"SELECT name, value FROM ml_metrics('p', {number})"))
        assert metrics["interval_coverage"] == pytest.approx(confidence, abs=0.05)
        assert metrics["interval_width"] > 0
        assert "set_coverage" not in metrics
    assert widths == sorted(set(widths))


def test_the_declared_confidence_holds_and_is_recorded_and_rebuilt(db):
    declare(db, columns="a REAL, y REAL TARGET, algorithm=ridge, confidence=0.6", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, i * 2 + (i * 7) % 5) for i in range(80)])
    command(db, "train")
    command(db, "train", {"confidence": 0.95, "deploy": False})
    assert [json.loads(o)["confidence"] for (o,) in rows(db, "SELECT options FROM p_versions")] == [0.6, 0.95]
    said = rows(db, "SELECT lower, upper FROM p(3)")
    other = rows(db, "SELECT lower, upper FROM p(3) WHERE version = 2")
    assert other[0][0] < said[0][0] < said[0][1] < other[0][1]
    kept = rows(db, "SELECT digest FROM p_models")
    db.execute("UPDATE p_models SET model = x'00'")
    for version in (1, 2):
        command(db, "rebuild", {"version": version})
    assert rows(db, "SELECT digest FROM p_models") == kept
    assert rows(db, "SELECT lower, upper FROM p(3)") == said


def test_a_confidence_that_is_none_is_refused_at_create_and_at_train(numbers):
    sentence = "option 'confidence' takes a fraction between 0 and 1, such as 0.9, got"
    assert refusal(numbers, "INSERT INTO p(p, options) VALUES ('train', '{\"confidence\": 90}')") == (
        f"CommandError: p: {sentence} 90."
    )
    assert refusal(numbers, "CREATE VIRTUAL TABLE q USING ml_regression(a, y TARGET, confidence=1)") == (
        f"DeclarationError: q: {sentence} '1'."
    )


def test_of_too_few_tested_rows_no_interval_is_known_and_every_label_is_probable(db):
    declare(db, columns="a REAL, y REAL TARGET, algorithm=ridge, test_size=8", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i, 2 * i + i % 3) for i in range(40)])
    command(db, "train")
    assert rows(db, "SELECT lower, upper FROM p(1)") == [(None, None)]
    assert value(db, "SELECT count(*) FROM p_metrics WHERE name LIKE 'interval%'") == 0
    command(db, "train", {"test_size": 9, "deploy": True})
    assert value(db, "SELECT upper > lower FROM p(1)") == 1
    declare(db, "q", "a REAL, y TEXT TARGET, algorithm=gaussian_nb, test_size=8")
    db.executemany("INSERT INTO q VALUES (?, ?)", [(i, "abc"[i // 14]) for i in range(40)])
    command(db, "train", name="q")
    assert json.loads(value(db, "SELECT probable FROM q(1)")) == ["a", "b", "c"]


def test_without_a_test_part_nothing_is_said(labels):
    command(labels, "train", {"split": "none"})
    assert rows(labels, "SELECT probable, lower, upper FROM p(1)") == [(None, None, None)]


def test_probable_labels_come_in_their_type_the_likeliest_first(labels):
    command(labels, "train", {"confidence": 0.95})
    sizes = set()
    for said, label, chance, chances in rows(
        labels, "SELECT probable, y, probability, probabilities FROM p WHERE source = 'x'"
    ):
        found, by_class = json.loads(said), json.loads(chances)
        assert found[0] == label
        assert by_class[str(found[0])] == chance
        inside = [by_class[str(each)] for each in found]
        assert inside == sorted(inside, reverse=True)
        assert all(by_class[name] <= inside[-1] for name in by_class.keys() - set(map(str, found)))
        sizes.add(len(found))
    assert sizes == {1, 2, 3} or sizes == {1, 2}
    assert {type(each) for each in found} <= {int, str}
    metrics = dict(rows(labels, "SELECT name, value FROM ml_metrics('p', 1)"))
    assert 0.9 <= metrics["set_coverage"] <= 1
    assert 1 < metrics["set_size"] < 3
    assert "interval_coverage" not in metrics


def test_probable_is_a_list_that_sql_can_ask(labels):
    command(labels, "train", {"confidence": 0.95})
    held = """SELECT avg(EXISTS (SELECT 1 FROM json_each(p.probable) WHERE value = x.y))
              FROM p JOIN x ON x.id = p.rowid WHERE p.source = 'x'"""
    assert value(labels, held) == pytest.approx(0.95, abs=0.03)


def test_a_threshold_moves_the_answer_and_the_set_has_it(labels):
    labels.execute("UPDATE p SET y = 'seven' WHERE y = 7")
    command(labels, "train", {"threshold": {"acht": 0.2}})
    answers = rows(labels, "SELECT y, probability, probable FROM p WHERE source = 'x'")
    assert all(label in json.loads(said) for label, _, said in answers)
    assert min(chance for label, chance, _ in answers if label == "acht") < 0.5


def test_several_targets_have_their_intervals_and_sets_by_name(db):
    random = np.random.RandomState(0)
    noise = random.normal(size=(120, 2)).tolist()
    declare(db, columns="a REAL, u REAL TARGET, v REAL TARGET, algorithm=ridge", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(i, i + e, 9 * i + 5 * f) for i, (e, f) in enumerate(noise)])
    command(db, "train")
    [(u, v, lower, upper, probable)] = rows(db, "SELECT u, v, lower, upper, probable FROM p(50)")
    low, high = json.loads(lower), json.loads(upper)
    assert list(low) == list(high) == ["u", "v"]
    assert low["u"] < u < high["u"]
    assert low["v"] < v < high["v"]
    assert probable is None
    [(again,)] = rows(db, "SELECT lower FROM p('[[50]]')")
    assert close(again, lower, 1e-3)
    names = {name for (name,) in rows(db, "SELECT name FROM p_metrics WHERE name LIKE 'interval%'")}
    assert names == {f"interval_{what}{of}" for what in ("coverage", "width") for of in ("", "[u]", "[v]")}
    declare(db, "q", "a REAL, s TEXT TARGET, t INT TARGET, algorithm=gaussian_nb")
    db.executemany("INSERT INTO q VALUES (?, ?, ?)", [(i, "ab"[i % 50 > 25], i % 2) for i in range(100)])
    command(db, "train", name="q")
    [(s, t, probable)] = rows(db, "SELECT s, t, probable FROM q(50)")
    found = json.loads(probable)
    assert list(found) == ["s", "t"]
    assert s in found["s"]
    assert t in found["t"]


def test_what_was_said_is_said_again_by_another_connection(connect, path):
    db = connect(path)
    declare(db, columns="a REAL, b REAL, c TEXT, y REAL TARGET, algorithm=ridge", task="regression")
    db.executemany("INSERT INTO p VALUES (?, ?, ?, ?)", uneven())
    command(db, "train")
    said = rows(db, "SELECT y, lower, upper FROM p(2, 3, 'g')")
    db.close()
    assert rows(connect(path), "SELECT y, lower, upper FROM p(2, 3, 'g')") == said


def test_a_column_that_is_not_asked_for_costs_nothing(numbers, monkeypatch):
    command(numbers, "train")
    asked = []
    monkeypatch.setattr(scoring.Scorer, "bounds", lambda *_: asked.append("one") or (1.0, 2.0))
    monkeypatch.setattr(scoring.Scorer, "many_bounds", lambda _, them, __: asked.append(len(them)) or [(1.0, 2.0)] * 9)
    monkeypatch.setattr(scoring.Scorer, "probable", lambda *_: asked.append("set"))
    x = "source = 'SELECT * FROM x LIMIT 9'"
    for sql in ("SELECT y FROM p(1, 2, 'r')", f"SELECT y, warning FROM p WHERE {x}"):
        rows(numbers, sql)
    assert asked == []
    assert rows(numbers, "SELECT lower, upper, lower FROM p(1, 2, 'r')") == [(1.0, 2.0, 1.0)]
    assert asked == ["one"]
    assert rows(numbers, f"SELECT lower, upper FROM p WHERE {x}") == [(1.0, 2.0)] * 9
    assert asked == ["one", 9]


def test_in_time_order_coverage_is_measured_by_blocks_of_time(db):
    declare(db, columns="at INTEGER ORDER, a REAL, y REAL TARGET, algorithm=dummy", task="regression")
    random = np.random.RandomState(0)
    wild = [(i, 0.0, float(random.normal() * (1 if i < 560 else 60))) for i in range(600)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", wild)
    command(db, "train", {"test_size": 200})
    in_time = value(db, "SELECT value FROM p_metrics WHERE name = 'interval_coverage'")
    command(db, "train", {"split": "shuffle", "test_size": 200})
    at_random = value(db, "SELECT value FROM p_metrics WHERE name = 'interval_coverage' AND version = 2")
    assert in_time < 0.85 < 0.88 < at_random
    assert math.isclose(at_random, 0.9, abs_tol=0.02)
