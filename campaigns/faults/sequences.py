"""Random sequences of everything a user can do to predictors, beside a model in memory of what the tables must hold.

A savepoint is a copy of the model. After every step all of it is compared.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import apsw
from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import sqlite_ml_vtab
from campaigns.faults.changes import run
from campaigns.faults.model import Database, Predictor, expected, seen, written
from campaigns.faults.reports import Report, timed
from campaigns.faults.states import opened

NAMES = st.sampled_from(("p", "q"))
SCHEMAS = st.sampled_from(("main", "aux"))
NUMBERS = st.one_of(st.none(), st.integers(-9, 9), st.sampled_from((0.5, -2.25)))
VALUES = st.tuples(NUMBERS, NUMBERS, NUMBERS)
CLAUSES = st.sampled_from(("", "OR ABORT", "OR IGNORE", "OR REPLACE", "OR FAIL", "OR ROLLBACK"))
MOST_ROWS = 60
STEPS: Counter[str] = Counter()
"""How often each rule was run in this process."""


class Predictors(RuleBasedStateMachine):
    """Everything a user can do, and what must come of it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="sequences")
        self.model: Database = {"main": {}, "aux": {}}
        self.committed: Database = deepcopy(self.model)
        self.savepoints: list[Database] = []
        self.is_open = False
        """Whether a transaction is."""
        self.begun = False
        """Whether BEGIN opened it: then no RELEASE ends it."""
        self.has_aux = True

    @initialize(journal=st.sampled_from(("delete", "wal")))
    def start(self, journal: str) -> None:
        """Make the files."""
        self.paths = {schema: Path(self.folder.name) / f"{schema}.db" for schema in ("main", "aux")}
        self.db = opened(self.paths["main"])
        self.attach_aux()
        for schema in self.paths:
            self.db.execute(f"PRAGMA {schema}.journal_mode = {journal}")
        self.other = opened(self.paths["main"])

    def attach_aux(self) -> None:
        """Attach the second file."""
        self.db.execute("ATTACH ? AS aux", (str(self.paths["aux"]),))
        self.has_aux = True

    # What the rules have in common

    def of(self, schema: str, name: str) -> Predictor | None:
        """Return a predictor of the model, None where there is none."""
        return self.model[schema].get(name) if schema == "main" or self.has_aux else None

    def run(self, sql: str) -> None:
        """Run a statement that must succeed."""
        run(self.db, sql)
        self.settle()

    def settle(self) -> None:
        """Outside a transaction, every statement commits."""
        if not self.is_open:
            self.committed = deepcopy(self.model)

    def refused(self, sql: str) -> None:
        """Run a statement that must fail, and change nothing."""
        sentence = None
        try:
            run(self.db, sql)
        except (sqlite_ml_vtab.Error, apsw.Error) as error:
            sentence = str(error)
        assert sentence, f"{sql} was not refused"

    def command(self, schema: str, name: str, text: str, **options: Any) -> str:
        """Return the statement of a command."""
        return f"INSERT INTO {schema}.{name}({name}, options) VALUES ('{text}', '{json.dumps(options)}')"

    # Declaring

    @rule(schema=SCHEMAS, name=NAMES)
    def create(self, schema: str, name: str) -> None:
        """Declare a predictor, or fail to where there is one."""
        sql = (
            f"CREATE VIRTUAL TABLE {schema}.{name} "
            "USING ml_regression(a REAL, b REAL, y REAL TARGET, algorithm=dummy, split=none)"
        )
        if (schema == "aux" and not self.has_aux) or self.of(schema, name):
            self.refused(sql)
        else:
            self.model[schema][name] = Predictor()
            self.run(sql)

    @rule(schema=SCHEMAS, name=NAMES)
    def drop(self, schema: str, name: str) -> None:
        """Drop a predictor."""
        if self.of(schema, name) is None:
            self.refused(f"DROP TABLE {schema}.{name}")
        else:
            del self.model[schema][name]
            self.run(f"DROP TABLE {schema}.{name}")

    @rule(schema=SCHEMAS, name=NAMES, to=NAMES)
    def rename(self, schema: str, name: str, to: str) -> None:
        """Rename a predictor."""
        sql = f"ALTER TABLE {schema}.{name} RENAME TO {to}"
        if self.of(schema, name) is None or self.of(schema, to):
            self.refused(sql)
        else:
            self.model[schema][to] = self.model[schema].pop(name)
            self.run(sql)

    # Rows

    @rule(schema=SCHEMAS, name=NAMES, rows=st.lists(VALUES, min_size=1, max_size=5))
    def insert(self, schema: str, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows."""
        found = self.of(schema, name)
        sql = f"INSERT INTO {schema}.{name} VALUES {', '.join(map(written, rows))}"
        if found is None:
            self.refused(sql)
            return
        for row in rows:
            found.rows[max(found.rows, default=0) + 1] = row
        self.run(sql)

    @rule(schema=SCHEMAS, name=NAMES, clause=CLAUSES, ids=st.lists(st.integers(1, 12), min_size=1, max_size=4))
    def insert_ids(self, schema: str, name: str, clause: str, ids: list[int]) -> None:
        """Insert rows whose ids may be taken, with each conflict clause."""
        found = self.of(schema, name)
        if found is None:
            return
        sql = f"INSERT {clause} INTO {schema}.{name}(rowid, a) VALUES {', '.join(f'({one}, {one})' for one in ids)}"
        before = dict(found.rows)
        for one in ids:
            if one not in found.rows or clause == "OR REPLACE":
                found.rows[one] = (one, None, None)
            elif clause != "OR IGNORE":
                break
        else:
            self.run(sql)
            return
        self.refused(sql)
        if clause != "OR FAIL":
            found.rows = before
        if clause == "OR ROLLBACK":
            self.undo_all()
        self.settle()

    @rule(schema=SCHEMAS, name=NAMES)
    def insert_own(self, schema: str, name: str) -> None:
        """Insert a predictor's rows into itself."""
        found = self.of(schema, name)
        if found is None or len(found.rows) > MOST_ROWS:
            return
        for one in sorted(found.rows):
            a, b, y = found.rows[one]
            found.rows[max(found.rows) + 1] = (None if a is None else a + 1, b, y)
        self.run(f"INSERT INTO {schema}.{name} SELECT a + 1, b, y FROM {schema}.{name}_rows")

    @rule(schema=SCHEMAS, name=NAMES, rows=st.lists(VALUES, max_size=3))
    def insert_refused(self, schema: str, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows of which the last cannot be stored."""
        values = [*map(written, rows), "(1, 'text', 1)"]
        self.refused(f"INSERT INTO {schema}.{name} VALUES {', '.join(values)}")

    @rule(schema=SCHEMAS, name=NAMES, least=st.integers(-9, 9))
    def update(self, schema: str, name: str, least: int) -> None:
        """Change rows."""
        found = self.of(schema, name)
        if found is None:
            return
        for one, (a, _, y) in found.rows.items():
            if a is not None and a >= least:
                found.rows[one] = (a, a, None if y is None else y + 1)
        self.run(f"UPDATE {schema}.{name} SET b = a, y = y + 1 WHERE a >= {least}")

    @rule(schema=SCHEMAS, name=NAMES, one=st.integers(1, 12), other=st.integers(1, 12))
    def move(self, schema: str, name: str, one: int, other: int) -> None:
        """Change the id of a row, perhaps to one that is taken."""
        found = self.of(schema, name)
        if found is None or one not in found.rows:
            return
        sql = f"UPDATE {schema}.{name} SET rowid = {other} WHERE rowid = {one}"
        if other in found.rows and other != one:
            self.refused(sql)
            return
        found.rows[other] = found.rows.pop(one)
        self.run(sql)

    @rule(schema=SCHEMAS, name=NAMES, least=st.integers(-9, 9))
    def delete(self, schema: str, name: str, least: int) -> None:
        """Delete rows."""
        found = self.of(schema, name)
        if found is None:
            return
        found.rows = {one: row for one, row in found.rows.items() if row[0] is None or row[0] < least}
        self.run(f"DELETE FROM {schema}.{name} WHERE a >= {least}")

    # Commands

    @rule(schema=SCHEMAS, name=NAMES)
    def clear(self, schema: str, name: str) -> None:
        """Delete all rows."""
        found = self.of(schema, name)
        if found is not None:
            found.rows = {}
            self.run(self.command(schema, name, "clear"))

    @rule(schema=SCHEMAS, name=NAMES, algorithm=st.sampled_from(("dummy", "dummy", "ridge")), deploy=st.booleans())
    def train(self, schema: str, name: str, algorithm: str, deploy: bool) -> None:
        """Train."""
        found = self.of(schema, name)
        if found is None:
            return
        learned = [row for row in found.rows.values() if row[2] is not None]
        targets = [row[2] for row in learned]
        sql = self.command(schema, name, "train", algorithm=algorithm, deploy=deploy)
        if all(row[:2] == (None, None) for row in learned):
            self.refused(sql)
            return
        number = max([found.used, *found.versions], default=0) + 1
        run(self.db, sql)
        assert self.db.last_insert_rowid() == number
        digest = self.db.execute(f"SELECT digest FROM {schema}.{name}_models WHERE version = {number}").get
        answer = self.asked(schema, name, number)
        if algorithm == "dummy":
            assert abs(answer - sum(targets) / len(targets)) < 1e-9
        found.versions[number] = (digest, answer)
        if deploy:
            found.deploy(number)
        self.settle()

    @rule(schema=SCHEMAS, name=NAMES, number=st.integers(1, 6))
    def deploy(self, schema: str, name: str, number: int) -> None:
        """Deploy a version."""
        found = self.of(schema, name)
        sql = self.command(schema, name, "deploy", version=number)
        if found is None or number not in found.versions:
            self.refused(sql)
            return
        found.deploy(number)
        self.run(sql)

    @rule(schema=SCHEMAS, name=NAMES)
    def roll_back_a_deployment(self, schema: str, name: str) -> None:
        """Deploy what was deployed before."""
        found = self.of(schema, name)
        sql = self.command(schema, name, "rollback")
        if found is None or len(found.stack) < 2:
            self.refused(sql)
            return
        found.stack.pop()
        self.run(sql)

    @rule(schema=SCHEMAS, name=NAMES, number=st.integers(1, 6))
    def forget(self, schema: str, name: str, number: int) -> None:
        """Forget a version."""
        found = self.of(schema, name)
        sql = self.command(schema, name, "forget", version=number)
        if found is None or number not in found.versions or found.stack[-1:] == [number]:
            self.refused(sql)
            return
        del found.versions[number]
        found.tidy()
        self.run(sql)

    @rule(schema=SCHEMAS, name=NAMES)
    def unknown_command(self, schema: str, name: str) -> None:
        """Ask for what there is not."""
        self.refused(self.command(schema, name, "tarin"))

    # Transactions

    @precondition(lambda self: not self.is_open)
    @rule(how=st.sampled_from(("BEGIN", "BEGIN IMMEDIATE")))
    def begin(self, how: str) -> None:
        """Begin a transaction."""
        self.db.execute(how)
        self.is_open = self.begun = True

    @precondition(lambda self: len(self.savepoints) < 4)
    @rule()
    def savepoint(self) -> None:
        """Open a savepoint, which opens a transaction where there is none."""
        self.db.execute(f"SAVEPOINT s{len(self.savepoints)}")
        self.savepoints.append(deepcopy(self.model))
        self.is_open = True

    @precondition(lambda self: self.savepoints)
    @rule(data=st.data())
    def rollback_to(self, data: st.DataObject) -> None:
        """Undo what came behind a savepoint, which stays."""
        depth = data.draw(st.integers(0, len(self.savepoints) - 1))
        self.db.execute(f"ROLLBACK TO s{depth}")
        self.model = deepcopy(self.savepoints[depth])
        del self.savepoints[depth + 1 :]

    @precondition(lambda self: self.savepoints)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """Release a savepoint; the outermost one commits, where no BEGIN stands around it."""
        depth = data.draw(st.integers(0, len(self.savepoints) - 1))
        self.db.execute(f"RELEASE s{depth}")
        del self.savepoints[depth:]
        if depth == 0 and not self.begun:
            self.is_open = False
            self.settle()

    @precondition(lambda self: self.is_open)
    @rule(how=st.sampled_from(("COMMIT", "COMMIT", "ROLLBACK")))
    def end(self, how: str) -> None:
        """End the transaction."""
        self.db.execute(how)
        if how == "ROLLBACK":
            self.undo_all()
        self.savepoints, self.is_open, self.begun = [], False, False
        self.settle()

    def undo_all(self) -> None:
        """Go back to what is committed."""
        self.model = deepcopy(self.committed)
        self.savepoints, self.is_open, self.begun = [], False, False

    # Files

    @precondition(lambda self: not self.is_open)
    @rule()
    def attach_or_detach(self) -> None:
        """Attach the second file, or detach it."""
        if self.has_aux:
            self.db.execute("DETACH aux")
            self.has_aux = False
        else:
            self.attach_aux()

    @precondition(lambda self: not self.is_open)
    @rule()
    def vacuum(self) -> None:
        """Write the file anew."""
        self.db.execute("VACUUM")

    @rule()
    def reopen(self) -> None:
        """Close the connection, which undoes an open transaction, and open the file again."""
        self.db.close()
        self.undo_all()
        self.db = opened(self.paths["main"])
        self.attach_aux()

    @rule()
    def another_connection_reads(self) -> None:
        """See from elsewhere what is committed."""
        assert seen(self.other, "main") == expected(self.committed["main"])

    # What must hold

    def asked(self, schema: str, name: str, number: int) -> Any:
        """Return what a version answers."""
        return self.db.execute(f"SELECT y FROM {schema}.{name}(1, 2) WHERE version = {number}").get

    @invariant()
    def holds_what_it_must(self) -> None:
        """Compare everything."""
        if not hasattr(self, "db"):
            return
        STEPS["compared"] += 1
        assert self.db.in_transaction == self.is_open
        for schema in ("main", "aux") if self.has_aux else ("main",):
            assert seen(self.db, schema) == expected(self.model[schema])

    def teardown(self) -> None:
        """Check the file whole, and close it."""
        if hasattr(self, "db"):
            assert list(self.db.execute("PRAGMA integrity_check")) == [("ok",)]
            self.db.close()
            self.other.close()
        self.folder.cleanup()


def campaign(size: int, seed: int, steps: int = 50) -> Report:
    """Run `size` sequences of `steps` steps, those that `seed` draws; a divergence comes with its shortest one."""
    report = Report("random sequences")
    STEPS.clear()
    chosen = settings(
        max_examples=size, stateful_step_count=steps, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    with timed(report):
        try:
            run_state_machine_as_test(seeded(seed)(Predictors), settings=chosen)
        except Exception as error:
            report.failures.append("\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]))
    report.tried["steps, each compared whole"] = STEPS["compared"]
    return report
