"""Imports point down only: cli, vtab, commands, predictor, store or learning over portable, declaration, errors."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import apsw
import pytest

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor
from sqlite_ml_vtab.store import runs, shadows

PACKAGE = Path(__file__).parent.parent / "sqlite_ml_vtab"
NAME = PACKAGE.name

MAY_IMPORT = {
    "errors": set(),
    "declaration": {"errors"},
    "portable": {"errors"},
    "learning": {"errors", "declaration", "portable"},
    "store": {"errors", "declaration"},
    "predictor": {"errors", "declaration", "portable", "learning", "store"},
    "commands": {"errors", "declaration", "portable", "learning", "store", "predictor"},
    "vtab": {"errors", "declaration", "portable", "learning", "store", "predictor", "commands"},
}
"""What each floor may import, beside itself. Every other module stands on the top floor, with cli and the face."""

SCIENCE = {"sklearn", "pandas", "scipy"}
LIBRARIES = {
    "errors": set(),
    "declaration": set(),
    "portable": {"numpy", "onnx", "onnxruntime", "orjson"},
    "learning": {"joblib", "numpy", "optuna", "threadpoolctl"} | SCIENCE,
}
"""What each lower floor may import from outside the standard library."""


def stands_below_the_binding(floor):
    return floor in MAY_IMPORT and floor != "vtab"


def floor_of(path):
    """Return the name of the module or package directly inside the package that `path` belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Yield (the module that is imported, whether it is imported when its importer is, the line) of a source file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    deferred = {id(node) for outer in ast.walk(tree) if _is_deferred(outer) for node in ast.walk(outer)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in deferred, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == NAME else [node.module]
            yield from ((name, id(node) not in deferred, node.lineno) for name in names)


def _is_deferred(node):
    """Return whether what stands inside `node` does not run on import: a function, or a block for types only."""
    types_only = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    return types_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


SOURCES = sorted(PACKAGE.rglob("*.py"))
IMPORTS = [(path, *found) for path in SOURCES for found in imports(path)]


def offences(condition):
    """Return the imports that meet `condition` (floor, imported module, whether at import time), as file:line."""
    return [
        f"{path.relative_to(PACKAGE)}:{line} imports {module}"
        for path, module, at_once, line in IMPORTS
        if condition(floor_of(path), module, at_once)
    ]


def test_there_is_something_to_read():
    assert {"errors", "declaration", "portable", "learning"} <= {floor_of(path) for path in SOURCES}
    assert len(IMPORTS) > 100


def test_imports_point_down_only():
    def points_up(floor, module, at_once):
        root, _, rest = module.partition(".")
        return root == NAME and floor in MAY_IMPORT and rest.split(".")[0] not in MAY_IMPORT[floor] | {floor}

    assert offences(points_up) == []


def test_the_store_knows_neither_learning_nor_the_portable_model():
    def looks_aside(floor, module, at_once):
        return floor == "store" and module.startswith((f"{NAME}.learning", f"{NAME}.portable"))

    assert offences(looks_aside) == []


def test_apsw_is_imported_by_the_binding_and_above_it_alone():
    assert offences(lambda floor, module, _: module.split(".")[0] == "apsw" and stands_below_the_binding(floor)) == []


def test_scikit_learn_and_pandas_are_imported_by_learning_alone_and_only_when_it_fits():
    def too_early(floor, module, at_once):
        return module.split(".")[0] in SCIENCE and (floor != "learning" or at_once)

    assert offences(too_early) == []


@pytest.mark.parametrize("floor", LIBRARIES)
def test_a_lower_floor_imports_no_other_library(floor):
    def is_foreign(here, module, at_once):
        root = module.split(".")[0]
        return here == floor and root not in {*sys.stdlib_module_names, NAME, *LIBRARIES[floor]}

    assert offences(is_foreign) == []


def test_no_floor_opens_the_database_a_second_way_or_unpickles():
    forbidden = {"sqlite3", "pickle", "cPickle", "joblib", "cloudpickle", "dill", "skops", "shelve", "marshal"}
    found = offences(lambda floor, module, _: module.split(".")[0] in forbidden)
    # joblib hands fits to other processes; it must not read what they, or a file, left.
    workers = [line for line in found if line.startswith("learning/search/workers.py:") and " imports joblib" in line]
    assert found == workers
    names = {
        alias.name
        for node in ast.walk(ast.parse((PACKAGE / "learning" / "search" / "workers.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("joblib")
        for alias in node.names
    }
    assert names == {"Parallel", "delayed", "parallel_config", "get_active_backend"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a, b.c", [("a", True), ("b.c", True)]),
        ("from a.b import c", [("a.b", True)]),
        ("def f():\n    import a", [("a", False)]),
        ("class C:\n    import a", [("a", True)]),
        ("class C:\n    def f(self):\n        from a import b", [("a", False)]),
        ("if TYPE_CHECKING:\n    import a", [("a", False)]),
        ("try:\n    import a\nexcept ImportError:\n    pass", [("a", True)]),
        ("from sqlite_ml_vtab import store, errors", [("sqlite_ml_vtab.store", True), ("sqlite_ml_vtab.errors", True)]),
    ],
)
def test_the_imports_of_a_source_are_found(tmp_path, source, expected):
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    assert [(module, at_once) for module, at_once, _ in imports(path)] == expected


@pytest.mark.parametrize("module", ["errors", "declaration", "portable", "learning.training", "learning.algorithms"])
def test_importing_a_floor_imports_no_scikit_learn(module):
    script = f"import sys, {NAME}.{module}; print(*sorted({SCIENCE} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert done.stdout.split() == []


def test_importing_the_portable_model_imports_numpy_and_orjson_alone():
    script = (
        f"import sys; before = set(sys.modules); import {NAME}.portable\n"
        "roots = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "own = {root for root in roots if root.startswith(('_cython_', '_sysconfigdata'))}\n"
        "print(*sorted(roots - own - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert set(done.stdout.split()) == {"numpy", "orjson", NAME}


PREDICTION = f"""
import sys, apsw, {NAME}
db = apsw.Connection(sys.argv[1])
{NAME}.load(db)
assert db.execute("SELECT y FROM t(2.0)").get == "b"
print(*sorted(sys.modules))
"""


@pytest.fixture
def trained(tmp_path):
    path = str(tmp_path / "t.db")
    db = apsw.Connection(path)
    sqlite_ml_vtab.load(db)
    db.execute(
        "CREATE VIRTUAL TABLE t USING ml_classification(x REAL, y TEXT TARGET, algorithm=gaussian_nb, split=none)"
    )
    db.execute("INSERT INTO t VALUES (0, 'a'), (0.5, 'a'), (1, 'a'), (2, 'b'), (2.5, 'b'), (3, 'b')")
    db.execute("INSERT INTO t(t) VALUES ('train')")
    assert db.execute("PRAGMA integrity_check").get == "ok"
    db.close()
    return path


def test_a_first_prediction_imports_nothing_that_fits_tunes_or_compares(trained):
    done = subprocess.run(
        [sys.executable, "-c", PREDICTION, trained], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    loaded = done.stdout.split()
    assert {name.split(".")[0] for name in loaded} & (
        SCIENCE | {"joblib", "onnx", "onnxruntime", "threadpoolctl"}
    ) == set()
    learning = {name for name in loaded if name.startswith(f"{NAME}.learning.")}
    assert learning == {f"{NAME}.learning.search", f"{NAME}.learning.search.workers"}
    verbs = {name.rpartition(".")[2] for name in loaded if name.startswith(f"{NAME}.predictor.")}
    assert verbs == {"accepted", "base", "belonging", "formats", "kept", "scoring", "versions"}
    assert {f"{NAME}.{name}" for name in ("commands", "cli", "vtab.forecast", "store.runs")} & set(loaded) == set()


def test_every_verb_comes_from_the_module_that_is_said_to_bring_it():
    eager = {"BACKENDS", "VERBS", "Host", "Predictor", "Progress", "Workers"}
    assert {verb for brought in predictor.VERBS.values() for verb in brought} == set(predictor.__all__) - eager
    for module, brought in predictor.VERBS.items():
        for verb in brought:
            assert getattr(predictor, verb) is getattr(import_module(f"{NAME}.predictor.{module}"), verb)


def test_what_is_no_verb_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'sqlite_ml_vtab.predictor' has no attribute 'tran'$"):
        _ = predictor.tran


@pytest.mark.parametrize("suffix", runs.RUN_TABLES)
def test_the_evidence_of_runs_is_named_alike_in_its_table_and_in_python(suffix):
    assert shadows.columns(suffix) == runs.columns(suffix)
