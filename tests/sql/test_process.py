"""What only a process of its own can show: what is imported, what an audit hook sees, and what a kill leaves."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from asking import command, declare, fill, rows, value
from needs import LIGHT, ONE_FEATURE, REFITTED, with_target

from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def run(script, *args):
    """Run a script in a process of its own; return the JSON it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _light(name):
    return f"algorithm={name}, hyperparams='{json.dumps(LIGHT.get(name, {}))}'"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file with a trained predictor for every algorithm and task."""
    import apsw

    import sqlite_ml_vtab

    path = tmp_path_factory.mktemp("process") / "all.db"
    db = apsw.Connection(str(path))
    sqlite_ml_vtab.load(db)
    db.execute(
        "CREATE TABLE x(n, c, d); INSERT INTO x VALUES (1, 'r', '2024-05-31'), (NULL, 'unseen', NULL), (99, NULL, 1717200000)"
    )
    for name in ALGORITHMS:
        for task in with_target(name):
            if name in ONE_FEATURE or (name, task) in REFITTED:
                continue
            kind = "TEXT" if task == "classification" else "REAL"
            declare(db, f"{name}_{task}", f"n REAL, c TEXT, d DATE, y {kind} TARGET, {_light(name)}", task)
            db.executemany(
                f"INSERT INTO {name}_{task} VALUES (?, ?, ?, ?)",
                [
                    (i % 13, "rgb"[i % 3], f"20{10 + i}-01-01", 1 + i * 3 % 20 if kind == "REAL" else "ab"[i % 13 > 6])
                    for i in range(40)
                ],
            )
            command(db, "train", name=f"{name}_{task}")
    db.close()
    return path


IMPORTED = """
import json, sys, apsw, sqlite_ml_vtab
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db)
tables = [name for (name,) in db.execute("SELECT name FROM ml_tables")]
for name in tables:
    assert len(list(db.execute(f"SELECT *, probability, probabilities, lower, warning FROM {name} WHERE source = 'x'"))) == 3
    list(db.execute(f"SELECT p.y FROM x JOIN {name}(x.n, x.c, x.d) AS p"))
    list(db.execute(f"SELECT ml_predict('{name}', n, c, d), ml_predict_proba('{name}', n, c, d) FROM x"))
    list(db.execute("SELECT * FROM ml_versions(?)", (name,)))
db.execute(f"INSERT INTO {tables[0]} SELECT * FROM {tables[0]}; PRAGMA integrity_check")
print(json.dumps(sorted({"sklearn", "scipy", "pandas", "onnxruntime"} & set(sys.modules))))
"""


def test_opening_inserting_and_predicting_import_no_scikit_learn(file):
    assert run(IMPORTED, file) == []


AUDITED = """
import json, sys, apsw, sqlite_ml_vtab
warm = apsw.Connection("")
sqlite_ml_vtab.load(warm)
list(warm.execute("CREATE VIRTUAL TABLE w USING ml_regression(a REAL, y REAL TARGET); PRAGMA integrity_check"))
seen = []
watching = False
def hook(event, args):
    if watching and not event.startswith(("apsw.", "sys._getframe", "object.__", "builtins.id", "array.__new__")):
        seen.append([event, str(args)[:200]])
sys.addaudithook(hook)
watching = True
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db, untrusted=sys.argv[2] == "untrusted")
answers = {}
for (name,) in list(db.execute("SELECT name FROM ml_tables")):
    answers[name] = list(db.execute(f"SELECT p.y FROM x JOIN {name}(x.n, x.c, x.d) AS p"))
    list(db.execute(f"SELECT *, probability, probabilities, lower, upper, warning FROM {name} WHERE source = 'x'"))
    list(db.execute(f"SELECT y FROM {name} WHERE features IN (SELECT json_array(n, c, d) FROM x)"))
    list(db.execute(f"SELECT ml_predict('{name}', n, c, d), ml_predict_proba('{name}', n, c, d) FROM x"))
list(db.execute("PRAGMA integrity_check"))
db.close()
watching = False
warm.close()
print(json.dumps([seen, len(answers)]))
"""


@pytest.mark.parametrize("trust", ["trusted", "untrusted"])
def test_loading_decoding_and_predicting_import_compile_open_and_execute_nothing(file, trust):
    seen, count = run(AUDITED, file, trust)
    assert seen == []
    every = [(name, task) for name in ALGORITHMS for task in with_target(name)]
    assert count == len([pair for pair in every if pair[0] not in ONE_FEATURE and pair not in REFITTED])


ANSWERED = """
import json, sys, apsw, sqlite_ml_vtab
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db)
names = [name for (name,) in db.execute("SELECT name FROM ml_tables")]
print(json.dumps({name: list(db.execute(f"SELECT y, probabilities FROM {name} WHERE source = 'x'")) for name in names}))
"""


def test_another_process_answers_bit_for_bit_alike(file, connect):
    db = connect(file)
    for name, answers in run(ANSWERED, file).items():
        assert [tuple(row) for row in answers] == rows(db, f"SELECT y, probabilities FROM {name} WHERE source = 'x'"), (
            name
        )


HOSTED = """
import json, sys, apsw, sqlite_ml_vtab
from sklearn.neighbors import KNeighborsClassifier
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db, algorithms={"near": KNeighborsClassifier})
try:
    print(json.dumps(list(db.execute("SELECT y, probability FROM p('[[1, 2], [20, 2]]')"))))
except sqlite_ml_vtab.Error as error:
    print(json.dumps(str(error)))
"""


def test_an_algorithm_of_the_host_is_refitted_in_a_new_process(connect, path):
    from sklearn.neighbors import KNeighborsClassifier

    db = connect(path, algorithms={"near": KNeighborsClassifier})
    declare(db, columns="a REAL, b REAL, y TEXT TARGET, algorithm=near")
    fill(db)
    command(db, "train")
    assert run(HOSTED, path) == [list(row) for row in rows(db, "SELECT y, probability FROM p('[[1, 2], [20, 2]]')")]
    db.execute("UPDATE p SET a = a + 1 WHERE rowid = 1")
    assert run(HOSTED, path) == (
        "p: the rows of version 1 have changed since it was trained. "
        "Train a new version: INSERT INTO p(p) VALUES ('train'); once that is deployed, forget this one: "
        """INSERT INTO p(p, options) VALUES ('forget', '{"version": 1}')."""
    )


# Kill -9

KILLED = """
import sys, apsw, sqlite_ml_vtab
from sqlite_ml_vtab.vtab.connection import PlainConnection
path, prefix, count, statement = sys.argv[1:]
original = {name: getattr(PlainConnection, name) for name in ("execute", "run_many")}
left = int(count)
def waiting(name):
    def method(self, sql, *args):
        global left
        found = original[name](self, sql, *args)
        if sql.startswith(prefix):
            left -= 1
            if not left:
                print("ready", flush=True)
                sys.stdin.read()
        return found
    return method
for name in original:
    setattr(PlainConnection, name, waiting(name))
if prefix == "fit":
    from sqlite_ml_vtab.predictor import training
    def fit(*args):
        print("ready", flush=True)
        sys.stdin.read()
    training.fit = fit
db = apsw.Connection(path)
sqlite_ml_vtab.load(db)
db.execute("PRAGMA cache_size = 1; PRAGMA cache_spill = 1")
db.execute(statement)
"""

KILLS = {
    "train, while it fits": ("fit", 1, "INSERT INTO p(p) VALUES ('train')"),
    "train, before it deploys": (
        *('INSERT INTO "main"."p_holdout"', 1),
        'INSERT INTO p(p, options) VALUES (\'train\', \'{"algorithm": "dummy", "deploy": true}\')',
    ),
    "train, before its transaction ends": (
        *('INSERT INTO "main"."p_deployments"', 1),
        'BEGIN; INSERT INTO p(p, options) VALUES (\'train\', \'{"algorithm": "dummy", "deploy": true}\')',
    ),
    "insert": (
        'INSERT INTO "main"."p_rows"',
        1,
        "INSERT INTO p SELECT a, b, y FROM p, json_each('[1, 2, 3, 4, 5, 6, 7, 8, 9]')",
    ),
    "insert, in a transaction": (
        'INSERT INTO "main"."p_rows"',
        7,
        "BEGIN;" + "INSERT INTO p VALUES (1, 2, 'new');" * 9,
    ),
    "delete": ('DELETE FROM "main"."p_rows"', 5, "DELETE FROM p"),
    "rename": ("ALTER TABLE", 4, "ALTER TABLE p RENAME TO q"),
    "drop": ("DROP TABLE", 4, "DROP TABLE p"),
    "create": ('CREATE TABLE "main"."z_models"', 1, "CREATE VIRTUAL TABLE z USING ml_classification(a, y TARGET)"),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The bytes of a database with the trained predictor p."""
    import apsw

    import sqlite_ml_vtab

    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    declare(db)
    fill(db)
    command(db, "train")
    content = db.serialize("main")
    db.close()
    return content


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_process_leaves_the_old_state(connect, path, original, kill, journal):
    path.write_bytes(original)
    db = connect(path)
    db.pragma("journal_mode", journal)
    before = {
        name: rows(db, f"SELECT * FROM {name}")
        for (name,) in rows(db, "SELECT name FROM sqlite_schema WHERE rootpage > 0 AND type = 'table'")
    }
    db.close()
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), *map(str, KILLS[kill])],
        env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with child:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    db = connect(path)
    assert value(db, "PRAGMA integrity_check") == "ok"
    after = {
        name: rows(db, f"SELECT * FROM {name}")
        for (name,) in rows(db, "SELECT name FROM sqlite_schema WHERE rootpage > 0 AND type = 'table'")
    }
    assert after == before
    assert value(db, "SELECT y FROM p(1, 2)") == "low"
    db.execute("INSERT INTO p VALUES (1, 2, 'low'); ALTER TABLE p RENAME TO q; DROP TABLE q")
