"""A process that ends with its connection open ends well, whoever still holds the connection then."""

import subprocess
import sys

import pytest

SCRIPT = """
import json, apsw, sqlite_ml_vtab

db = apsw.Connection(":memory:")
sqlite_ml_vtab.load(db)
db.execute("CREATE TABLE x(a, day, y); INSERT INTO x VALUES (1, '2024-01-01', 'b'), (2, '2024-01-02', 'c')")
db.execute("CREATE VIRTUAL TABLE p USING ml_classification(a REAL, y TEXT TARGET, content='x')")
db.execute("CREATE VIRTUAL TABLE f USING ml_forecast(day DATE ORDER, a REAL TARGET)")
db.execute("CREATE VIRTUAL TABLE c USING ml_clustering(a REAL); INSERT INTO c VALUES (1), (2)")
db.execute("SELECT * FROM ml_tables()").get

def held():
    return db

class Ring:
    pass
"""
HOLDERS = {
    "nobody": "",
    "a cycle": "ring = Ring(); ring.db, ring.ring = db, ring",
    "its own function": "db.create_scalar_function('held', held)",
    "a module that is older": "json.held = held",
    "a module that is older, and a cursor in the middle": "json.held = held, iter(db.execute('SELECT * FROM c'))",
    "this package": "sqlite_ml_vtab.held = held",
    "the library": "apsw.held = held",
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_process_that_leaves_its_connection_open_ends_well(holder):
    # The interpreter took apsw's names away before the tables were disconnected: a segmentation fault.
    script = SCRIPT + HOLDERS[holder]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
