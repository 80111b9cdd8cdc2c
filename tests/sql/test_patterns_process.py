"""What a process does that opens a file of clusters, anomalies and projections: it computes, and nothing else."""

import json
import subprocess
import sys

import apsw
import pytest
from asking import command, rows

import sqlite_ml_vtab
from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

EVERY = {
    name: task for name, algorithm in ALGORITHMS.items() for task in algorithm.estimators if not TASKS[task].has_target
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file with a trained predictor for every algorithm without a target, and what is asked in x."""
    path = tmp_path_factory.mktemp("process") / "all.db"
    db = apsw.Connection(str(path))
    sqlite_ml_vtab.load(db)
    db.execute("CREATE TABLE x(n, c, d); INSERT INTO x VALUES (1, 'r', '2024-05-31'), (NULL, 'unseen', NULL)")
    for name, task in EVERY.items():
        db.execute(f"CREATE VIRTUAL TABLE {name} USING ml_{task}(n REAL, c TEXT, d DATE, algorithm={name})")
        values = [(i % 13, "rgb"[i % 3], f"20{10 + i}-01-01") for i in range(40)]
        db.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", values)
        command(db, "train", name=name)
    db.close()
    return path


ASKED = """
import json, sys, apsw, sqlite_ml_vtab
warm = apsw.Connection("")
sqlite_ml_vtab.load(warm)
list(warm.execute("CREATE VIRTUAL TABLE w USING ml_regression(a REAL, y REAL TARGET); PRAGMA integrity_check"))
watching, seen, answers = False, [], {}
def hook(event, args):
    if watching and not event.startswith(("apsw.", "sys._getframe", "object.__", "builtins.id", "array.__new__")):
        seen.append([event, str(args)[:200]])
sys.addaudithook(hook)
watching = True
db = apsw.Connection(sys.argv[1])
sqlite_ml_vtab.load(db, untrusted=sys.argv[2] == "untrusted")
SAYS = {"clustering": "cluster, distance", "anomaly": "is_anomaly, anomaly_score", "projection": "pc1, pc2"}
for name, task in list(db.execute("SELECT name, task FROM ml_tables")):
    answers[name] = list(db.execute(f"SELECT rowid, {SAYS[task]}, warning FROM {name}"))
    try:
        answers[name] += list(db.execute(f"SELECT p.* FROM (SELECT {SAYS[task]} FROM {name} WHERE source = 'x') AS p"))
        answers[name] += list(db.execute(f"SELECT ml_predict('{name}', n, c, d) FROM x"))
    except sqlite_ml_vtab.ModelError as error:
        answers[name].append(str(error)[:40])
list(db.execute("PRAGMA integrity_check"))
db.close()
watching = False
warm.close()
print(json.dumps([seen, answers, sorted({"sklearn", "scipy", "pandas"} & set(sys.modules))]))
"""


def asked(file, trust):
    """Return what a process of its own answers."""
    script = [sys.executable, "-c", ASKED, str(file), trust]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("trust", ["trusted", "untrusted"])
def test_answering_imports_compiles_opens_and_executes_nothing(file, trust):
    seen, answers, imported = asked(file, trust)
    assert (seen, imported) == ([], [])
    assert answers.keys() == EVERY.keys()


def test_another_process_answers_bit_for_bit_alike(file, connect):
    db = connect(file)
    says = {"clustering": "cluster, distance", "anomaly": "is_anomaly, anomaly_score", "projection": "pc1, pc2"}
    _, answers, _ = asked(file, "trusted")
    for name, task in EVERY.items():
        own = rows(db, f"SELECT rowid, {says[task]}, warning FROM {name}")
        assert [tuple(row) for row in answers[name][:40]] == own, name
