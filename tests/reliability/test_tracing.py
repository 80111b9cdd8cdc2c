"""A program that is traced, profiled or measured for coverage goes on after a command, interrupted or not."""

import subprocess
import sys

SCRIPT = """
import sys, threading, apsw, sqlite_ml_vtab
from sklearn.dummy import DummyRegressor

class Endless(DummyRegressor):
    def fit(self, X, y):
        threading.Thread(target=db.interrupt).start()
        while True:
            pass

def called():
    return sum(range(9))

db = apsw.Connection("")
sqlite_ml_vtab.load(db, algorithms={"endless": Endless})
db.execute("CREATE VIRTUAL TABLE p USING ml_regression(a REAL, y REAL TARGET, algorithm=dummy, split=none)")
db.execute("INSERT INTO p VALUES (1, 2), (3, 4)")
for options in ("{}", '{"algorithm": "endless"}'):
    try:
        db.execute("INSERT INTO p(p, options) VALUES ('train', ?)", (options,))
    except apsw.InterruptError:
        print("interrupted")
    for hook in (sys.settrace, sys.setprofile):
        hook(lambda *event: None)
        print(called())
        hook(None)
db.close()
"""


def test_a_traced_program_goes_on_after_a_command():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr, done.returncode) == ("36\n36\ninterrupted\n36\n36\n", "", 0)
