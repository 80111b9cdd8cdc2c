"""How SQLite plans a query that asks a predictor: calls are not scans, and joins take the right order."""

import pytest
from asking import command, declare, fill, plan, rows

CALL = "VIRTUAL TABLE INDEX 2:call"
CALL_VERSION = "VIRTUAL TABLE INDEX 10:call"
CALLS = "VIRTUAL TABLE INDEX 3:calls"
SOURCE = "VIRTUAL TABLE INDEX 4:source"
STORED = "VIRTUAL TABLE INDEX 0:rows"

PLANS = {
    "SELECT * FROM p": [f"SCAN p {STORED}"],
    "SELECT * FROM p WHERE y = 'low'": [f"SCAN p {STORED}"],
    "SELECT * FROM p WHERE rowid > 5": [f"SCAN p {STORED}"],
    "SELECT * FROM p WHERE features IS NULL": [f"SCAN p {STORED}"],
    "SELECT * FROM p WHERE rowid = 5 AND y = 'low'": ["SCAN p VIRTUAL TABLE INDEX 1:row"],
    "SELECT * FROM p(1, 2)": [f"SCAN p {CALL}"],
    "SELECT * FROM p('[1, 2]')": [f"SCAN p {CALL}"],
    "SELECT * FROM p(1, 2) WHERE version = 1 AND y = 'low'": [f"SCAN p {CALL_VERSION}"],
    "SELECT * FROM p WHERE features = '[1, 2]' AND rowid = 1": [f"SCAN p {CALL}"],
    "SELECT * FROM p WHERE features IN ('[1, 2]', '[3, 4]')": [f"SCAN p {CALLS}"],
    "SELECT * FROM p WHERE features IN ('[1, 2]', '[3, 4]') AND version = 1": ["SCAN p VIRTUAL TABLE INDEX 11:calls"],
    "SELECT * FROM p WHERE features IN (SELECT json_array(a, b) FROM x)": [
        *(f"SCAN p {CALLS}", "LIST SUBQUERY 1", "SCAN x"),
    ],
    "SELECT * FROM p WHERE features = '[1, 2]' OR features = '[3, 4]'": [f"SCAN p {CALLS}"],
    "SELECT * FROM p WHERE source = 'x'": [f"SCAN p {SOURCE}"],
    "SELECT * FROM p WHERE source = 'x' AND version = 1": ["SCAN p VIRTUAL TABLE INDEX 12:source"],
    "SELECT * FROM x JOIN p(x.a, x.b)": ["SCAN x", f"SCAN p {CALL}"],
    "SELECT * FROM p(x.a, x.b) JOIN x": ["SCAN x", f"SCAN p {CALL}"],
    "SELECT * FROM p, x WHERE p.features = json_array(x.a, x.b)": ["SCAN x", f"SCAN p {CALL}"],
    "SELECT * FROM x LEFT JOIN p(x.a, x.b)": ["SCAN x", f"SCAN p {CALL} LEFT-JOIN"],
    "SELECT * FROM x JOIN p(x.a, x.b) WHERE x.id = 5": [
        "SEARCH x USING INTEGER PRIMARY KEY (rowid=?)",
        f"SCAN p {CALL}",
    ],
    "SELECT * FROM p(1, 2) JOIN x ON x.id = p.rowid": [
        *(f"SCAN p {CALL}", "SEARCH x USING INTEGER PRIMARY KEY (rowid=?)"),
    ],
    "SELECT * FROM p JOIN x ON x.id = p.rowid WHERE p.source = 'x'": [
        *(f"SCAN p {SOURCE}", "SEARCH x USING INTEGER PRIMARY KEY (rowid=?)"),
    ],
    "SELECT * FROM x JOIN p(x.a, x.b) JOIN q(x.b, x.a) JOIN r(x.a, x.a)": [
        *("SCAN x", f"SCAN p {CALL}", f"SCAN q {CALL}", f"SCAN r {CALL}"),
    ],
    "SELECT * FROM scored WHERE id = 5": ["SEARCH x USING INTEGER PRIMARY KEY (rowid=?)", f"SCAN p {CALL}"],
    "SELECT *, (SELECT y FROM p(x.a, x.b)) FROM x": ["SCAN x", "CORRELATED SCALAR SUBQUERY 1", f"SCAN p {CALL}"],
    "SELECT * FROM x WHERE EXISTS (SELECT 1 FROM p(x.a, x.b) WHERE y = 'low')": ["SCAN x", f"SCAN p EXISTS {CALL}"],
    "SELECT ml_predict('p', a, b) FROM x WHERE ml_predict('q', a, b) = 'low'": ["SCAN x"],
    "SELECT * FROM ml_versions('p')": ["SCAN ml_versions VIRTUAL TABLE INDEX 0:0"],
    "SELECT * FROM ml_metrics('p', 1)": ["SCAN ml_metrics VIRTUAL TABLE INDEX 0:0,1"],
    "SELECT * FROM ml_metrics(t.name) AS m JOIN ml_tables AS t": [
        *("SCAN t VIRTUAL TABLE INDEX 0:", "SCAN m VIRTUAL TABLE INDEX 0:0"),
    ],
}


@pytest.fixture
def planned(trained):
    """Three trained predictors, a table of ten rows, one of a thousand, and a view."""
    for name in ("q", "r"):
        declare(trained, name)
        fill(trained, name)
        command(trained, "train", name=name)
    trained.execute("""
        CREATE TABLE x(id INTEGER PRIMARY KEY, a, b);
        CREATE TABLE big(id INTEGER PRIMARY KEY, c);
        CREATE VIEW scored AS SELECT x.id, p.y FROM x JOIN p(x.a, x.b) AS p;
        INSERT INTO x SELECT value, value, 1 FROM json_each('[1,2,3,4,5,6,7,8,9,10]');
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO big SELECT i, i FROM n;
        ANALYZE""")
    return trained


@pytest.mark.parametrize("sql", PLANS)
def test_a_query_is_planned(planned, sql):
    assert [line for line in plan(planned, sql) if "BLOOM" not in line] == PLANS[sql]


@pytest.fixture
def counted(planned, monkeypatch):
    """The same, and a list that notes the way and the number of values of each xFilter."""
    from sqlite_ml_vtab.vtab.table import Table

    noted, opened = [], Table.Open

    class Counted:
        def __init__(self, cursor):
            self.cursor = cursor

        def __getattr__(self, name):
            return getattr(self.cursor, name)

        def Filter(self, number, text, arguments):
            noted.append(text)
            self.cursor.Filter(number, text, arguments)

    monkeypatch.setattr(Table, "Open", lambda table: Counted(opened(table)))
    return planned, noted


@pytest.mark.parametrize(
    ("sql", "filters"),
    [
        ("SELECT y FROM p(1, 2)", ["call"]),
        ("SELECT y FROM p((SELECT json_group_array(json_array(a, b)) FROM x))", ["call"]),
        ("SELECT y FROM p WHERE features IN (SELECT json_array(a, b) FROM x)", ["calls"]),
        ("SELECT y FROM p WHERE features = '[1, 2]' OR features = '[3, 4]' OR features = '[5, 6]'", ["calls"]),
        ("SELECT y FROM p WHERE source = 'x'", ["source"]),
        ("SELECT y FROM x JOIN p(x.a, x.b)", ["call"] * 10),
        ("SELECT y FROM x JOIN p(x.a, x.b) WHERE x.id < 4", ["call"] * 3),
        ("SELECT y FROM x JOIN p(x.a, x.b) LIMIT 2", ["call"] * 2),
        ("SELECT y FROM scored WHERE id = 5", ["call"]),
        ("SELECT p.y, q.y, r.y FROM x JOIN p(x.a, x.b) JOIN q(x.a, x.b) JOIN r(x.a, x.b)", ["call"] * 30),
        ("SELECT count(*) FROM x JOIN p ON p.rowid = x.id", ["row"] * 10),
    ],
)
def test_a_query_asks_no_more_than_it_must(counted, sql, filters):
    db, noted = counted
    assert rows(db, sql)
    assert noted == filters


def test_a_model_is_looked_up_once_a_query(planned, monkeypatch):
    from sqlite_ml_vtab import predictor

    noted = []
    original = predictor.scorer
    monkeypatch.setattr(predictor, "scorer", lambda *args: noted.append(1) or original(*args))
    assert len(rows(planned, "SELECT y, probability, warning FROM x JOIN p(x.a, x.b)")) == 10
    assert len(noted) == 1


def test_stored_rows_and_look_ups_ask_no_model(planned, monkeypatch):
    from sqlite_ml_vtab import predictor

    monkeypatch.setattr(predictor, "scorer", None)
    assert len(rows(planned, "SELECT * FROM p UNION ALL SELECT * FROM p WHERE rowid = 3")) == 25
    assert rows(planned, "PRAGMA quick_check") == [("ok",)]


@pytest.mark.parametrize(
    "sql",
    ["SELECT y FROM p(x.a, x.b) CROSS JOIN x", "SELECT y FROM p CROSS JOIN x WHERE p.features = json_array(x.a, x.b)"],
)
def test_an_order_that_is_forced_the_wrong_way_finds_no_call(planned, sql):
    assert plan(planned, sql)[0] == f"SCAN p {STORED}"
    assert rows(planned, sql) == []
