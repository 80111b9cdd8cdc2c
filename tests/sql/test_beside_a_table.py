"""Random statements on a predictor's rows and on an ordinary table beside it: the two never differ."""

import random

import pytest
from asking import declare, rows

CONFLICTS = ["", "", "OR IGNORE", "OR REPLACE", "OR FAIL", "OR ABORT", "OR ROLLBACK"]
CONDITIONS = ["a = 1", "a > 0", "a IS NULL", "y = 'x'", "{id} < 4", "{id} = 3", "{id} IN (2, 10)", "1", "0"]


class Statements:
    """A source of statements on the table {t}, which is read as {r} with the row id {id}."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def number(self):
        return self.pick("NULL", "1", "2.5", "-3", "7")

    def rowid(self):
        return self.pick(1, 2, 3, 4, 5, 7, 10, 50, -2)

    def row(self):
        label = self.pick("'x'", "'y'", "NULL")
        return f"({self.number()}, {self.number()}, {label})"

    def condition(self):
        return self.pick(*CONDITIONS)

    def next(self):
        """Return the next statement."""
        conflict, kind = self.pick(*CONFLICTS), self.random.randrange(8)
        if kind < 2:
            return f"INSERT {conflict} INTO {{t}} VALUES {', '.join(self.row() for _ in range(self.pick(1, 1, 3)))}"
        if kind == 2:
            ids = ", ".join(f"({self.rowid()}, {self.number()})" for _ in range(self.pick(1, 2, 4)))
            return f"INSERT {conflict} INTO {{t}}(rowid, a) VALUES {ids}"
        if kind == 3:
            return f"INSERT {conflict} INTO {{t}} {self.own()} WHERE {self.condition()}"
        if kind == 4:
            order = f"ORDER BY {{id}} {self.pick('', 'DESC')}"
            select = f"SELECT {{id}} + {self.pick(0, 1, 100)}, a, b, y FROM {{r}} WHERE {self.condition()} {order}"
            return f"INSERT {conflict} INTO {{t}}(rowid, a, b, y) {select}"
        if kind == 5:
            return self.change(conflict)
        if kind == 6:
            return f"INSERT INTO triggering SELECT value FROM json_each('[1, 2, 7]') WHERE {self.pick('1', '0', 'value = 1')}"
        return self.pick(
            "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "SAVEPOINT z", "ROLLBACK TO s", "RELEASE s", "RELEASE z"
        )

    def own(self):
        return self.pick(
            *("SELECT a, b, y FROM {t}", "SELECT a, b, y FROM {r}", "SELECT a, explode(a), y FROM {r}"),
            "SELECT a, value, y FROM {r}, json_each('[1, 2]')",
        )

    def change(self, conflict):
        # Several new ids under OR REPLACE: SQLite gives a virtual table the values from before the first one.
        where = "{id} = 3" if conflict == "OR REPLACE" else self.condition()
        return self.pick(
            f"UPDATE {conflict} {{t}} SET a = a + 1, y = 'z' WHERE {where}",
            f"UPDATE {conflict} {{t}} SET rowid = rowid + {self.pick(1, -1, 10)} WHERE {where}",
            f"DELETE FROM {{t}} WHERE {where}",
        )


def explode(number):
    """Return the number, or raise."""
    if number == 7:
        raise ZeroDivisionError
    return number


def outcome(db, sql):
    """Run a statement; return the name of the error it ends with, and whether a transaction is open."""
    try:
        db.execute(sql)
    except Exception as error:
        return type(error).__name__, db.in_transaction
    return "", db.in_transaction


@pytest.mark.parametrize("seed", range(150))
def test_rows_behave_as_those_of_an_ordinary_table(connect, seed):
    mine, ordinary = connect(), connect()
    declare(mine, "t")
    ordinary.execute("CREATE TABLE t(a REAL, b REAL, y TEXT)")
    for db in (mine, ordinary):
        db.create_scalar_function("explode", explode, 1)
        db.execute("""
            CREATE TABLE triggering(a);
            CREATE TRIGGER inserting AFTER INSERT ON triggering BEGIN INSERT INTO t(a) VALUES (new.a); END""")
    statements = Statements(seed)
    history = []
    for _ in range(30):
        statement = statements.next()
        history.append(statement)
        key = "id" if "{r}" in statement else "rowid"
        found = outcome(mine, statement.format(t="t", r="t_rows", id=key))
        assert found == outcome(ordinary, statement.format(t="t", r="t", id="rowid")), history
        expected = rows(ordinary, "SELECT rowid, * FROM t ORDER BY rowid")
        assert rows(mine, "SELECT rowid, * FROM t ORDER BY rowid") == expected, history
        assert rows(mine, "SELECT id, a, b, y FROM t_rows ORDER BY id") == expected, history
