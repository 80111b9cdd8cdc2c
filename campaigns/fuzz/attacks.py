"""The same attacks on this project's models and on what others store a model in, and what each of them did.

Run, in an environment that has the rivals too (make attacks): python campaigns/fuzz/attacks.py
Every file is made here, in a temporary directory, and every payload makes an empty directory there and no more. Each
attack is made and read in a process of its own, under limits.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 10
"""So much processor time, importing the library included."""
GIGABYTES = 6
SECRET = b"0123456789abcdef" * 4


class Payload:
    """What runs when a pickle of it is read: a directory is made."""

    def __init__(self, marker: str) -> None:
        """Make the directory `marker`."""
        self.marker = marker

    def __reduce__(self) -> Any:
        """Have the reader call it."""
        return os.mkdir, (self.marker,)


class Swollen:
    """What takes 2 GB when a pickle of it is read."""

    def __reduce__(self) -> Any:
        """Have the reader call it."""
        return np.ones, (2**28,)


def _tree(kind: str) -> Any:
    """Return a fitted tree whose first node leads to itself, or out of its arrays, when it is read again."""
    from sklearn.tree import DecisionTreeClassifier

    draw = np.random.RandomState(0)
    model = DecisionTreeClassifier(random_state=0).fit(draw.normal(size=(200, 2)), draw.randint(2, size=200))
    state = model.tree_.__getstate__()
    nodes = state["nodes"].copy()
    nodes["left_child"][0] = nodes["right_child"][0] = 0 if kind == "loop" else 2**40
    model.tree_.__setstate__(state | {"nodes": nodes})
    return model


ASKED = np.array([[0.5, -0.5]])


# pickle, as sqlite-ml 0.1.2 has it: pickle.loads(a column of a table), then predict (sqlite_ml/sqml.py, line 398)


def _pickle_write(attack: str, folder: Path) -> bytes:
    objects: dict[str, Callable[[], Any]] = {
        "code": lambda: Payload(str(folder / "ran")),
        "memory": Swollen,
        "loop": lambda: _tree("loop"),
        "out": lambda: _tree("out"),
    }
    return pickle.dumps(objects[attack]()) if attack in objects else pickle.dumps(_Reads(str(folder / "secret")))


class _Reads:
    """What becomes the bytes of a file when a pickle of it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return np.fromfile, (self.path, "u1")


def _pickle_read(blob: bytes, folder: Path) -> Any:
    return _asked(pickle.loads(blob))


def _asked(found: Any) -> Any:
    return found.predict(ASKED).tolist() if hasattr(found, "predict") else found


# joblib


def _joblib_write(attack: str, folder: Path) -> bytes:
    import joblib

    file = io.BytesIO()
    joblib.dump(
        pickle.loads(_pickle_write(attack, folder)) if attack in ("loop", "out") else _object(attack, folder), file
    )
    return file.getvalue()


def _object(attack: str, folder: Path) -> Any:
    found = {"code": Payload(str(folder / "ran")), "memory": Swollen(), "read": _Reads(str(folder / "secret"))}
    return found[attack]


def _joblib_read(blob: bytes, folder: Path) -> Any:
    import joblib

    return _asked(joblib.load(io.BytesIO(blob)))


# skops, nothing trusted


def _skops_write(attack: str, folder: Path) -> bytes:
    import skops.io

    if attack == "loop":
        return bytes(skops.io.dumps(_tree(attack)))
    if attack == "out":
        return bytes(skops.io.dumps(_sparse()))
    if attack == "memory":
        return _zip_bomb(skops.io.dumps(np.ones(4)))
    path = "os.mkdir" if attack == "code" else "numpy.fromfile"
    module, _, name = path.rpartition(".")
    node = {"__class__": name, "__module__": module, "__loader__": "FunctionNode", "__id__": 1, "content": {}}
    node["content"] = {"function_path": module, "module_path": module, "function": name}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", json.dumps(node | {"protocol": 2, "_skops_version": "0.11"}))
    return file.getvalue()


def _sparse() -> Any:
    """Return a linear model whose sparse coefficients stand in a column far beyond their matrix."""
    from sklearn.linear_model import LogisticRegression

    draw = np.random.RandomState(0)
    model = LogisticRegression().fit(draw.normal(size=(200, 2)), draw.randint(2, size=200)).sparsify()
    model.coef_.indices[:] = 2**30
    return model


def _zip_bomb(blob: bytes) -> bytes:
    """Return the file with its array made 2 GB of zeros, deflated."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(blob)) as old, zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if not name.endswith(".npy"):
                new.writestr(name, old.read(name))
                continue
            head = io.BytesIO()
            np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (2**28,)})
            with new.open(name, "w", force_zip64=True) as file:
                file.write(head.getvalue())
                for _ in range(2**11):
                    file.write(bytes(2**20))
    return found.getvalue()


def _skops_read(blob: bytes, folder: Path) -> Any:
    import skops.io

    return _asked(skops.io.loads(blob, trusted=[]))


# ONNX Runtime


def _onnx_write(attack: str, folder: Path) -> bytes:
    from onnx import TensorProto, helper

    if attack == "out":
        return _onnx_trees(2**40)
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    if attack == "memory":
        shape = helper.make_tensor("s", TensorProto.INT64, [1], [2**29])
        nodes = [helper.make_node("ConstantOfShape", ["s"], ["y"])]
        graph = helper.make_graph(nodes, "g", [x], [out], [shape])
    elif attack == "loop":
        graph = helper.make_graph(
            [_endless()], "g", [x], [out], [helper.make_tensor("m", TensorProto.INT64, [], [2**62])]
        )
    elif attack == "read":
        secret = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[16], data_location=TensorProto.EXTERNAL)
        secret.external_data.add(key="location", value="secret")
        graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [x], [out], [secret])
    else:
        graph = helper.make_graph([helper.make_node("os.mkdir", ["x"], ["y"], domain="os")], "g", [x], [out])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("os", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def _endless() -> Any:
    """Return a node that does nothing 2^62 times."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    steps = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])]
    inputs = [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, None)]
    outputs = [value("on", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, None)]
    return helper.make_node("Loop", ["m", "", "x"], ["y"], body=helper.make_graph(steps, "body", inputs, outputs))


def _onnx_trees(child: int) -> bytes:
    from onnx import TensorProto, helper

    node = helper.make_node(
        *("TreeEnsembleRegressor", ["x"], ["y"]),
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0, 0],
        nodes_nodeids=[0, 1],
        nodes_featureids=[0, 0],
        nodes_values=[0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF"],
        nodes_truenodeids=[child, 0],
        nodes_falsenodeids=[child, 0],
        target_treeids=[0],
        target_nodeids=[1],
        target_ids=[0],
        target_weights=[1.0],
    )
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    opsets = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 21)]
    graph = helper.make_graph([node], "g", [x], [y])
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def _onnx_read(blob: bytes, folder: Path) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    path = folder / "model.onnx"
    path.write_bytes(blob)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": ASKED.astype(np.float32)} if session.get_inputs() else {})[0]


# This project: the blob stands in the column of the deployed model, with its true digest


def _own_write(attack: str, folder: Path) -> bytes:
    import mutants

    if attack in ("code", "read"):
        return _pickle_write(attack, folder)
    tree = mutants.tree_of(_own_trained()[1])
    if attack == "memory":
        return mutants.seal(tree, _First(), lambda _, header: header["arrays"][0].update(shape=[2**28]))
    left = np.array(tree["parameters"]["left"])
    left[1 if attack == "loop" else 0] = 1 if attack == "loop" else 2**31 - 1
    tree["parameters"]["left"] = left
    return mutants.seal(tree)


class _First:
    """Stands for the random numbers that are not needed."""


def _own_trained() -> tuple[Any, bytes]:
    import apsw

    import sqlite_ml_vtab

    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    db.execute("CREATE VIRTUAL TABLE p USING ml_classification(a REAL, b REAL, y TEXT TARGET, algorithm=random_forest)")
    draw = np.random.RandomState(0)
    for a, b in draw.normal(size=(100, 2)).tolist():
        db.execute("INSERT INTO p VALUES (?, ?, ?)", (a, b, "up" if a > b else "down"))
    db.execute("INSERT INTO p(p) VALUES ('train')")
    [(blob,)] = db.execute("SELECT model FROM p_models")
    return db, blob


def _own_read(blob: bytes, folder: Path) -> Any:
    from hashlib import sha256

    db, _ = _own_trained()
    db.execute("UPDATE p_models SET model = ?, digest = ?", (blob, sha256(blob).hexdigest()))
    return list(db.execute("SELECT y FROM p(0.5, -0.5)"))


FORMATS: dict[str, tuple[Callable[[str, Path], bytes], Callable[[bytes, Path], Any]]] = {
    "sqlite_ml_vtab": (_own_write, _own_read),
    "pickle (sqlite-ml)": (_pickle_write, _pickle_read),
    "joblib": (_joblib_write, _joblib_read),
    "skops, nothing trusted": (_skops_write, _skops_read),
    "ONNX Runtime": (_onnx_write, _onnx_read),
}
ATTACKS = {
    "code": "names a function to call",
    "read": "names a file to read",
    "loop": "never comes to an end",
    "out": "points out of its arrays",
    "memory": "is small, and 2 GB when it is read",
}


# One process for each


def run(name: str, attack: str, folder: Path) -> None:
    """Read what `made` wrote, and tell what became of it."""
    _, read = FORMATS[name]
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES * 2**30, GIGABYTES * 2**30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    blob = (folder / "blob").read_bytes()
    told = {"outcome": "answered", "detail": ""}
    try:
        found = read(blob, folder)
        data = found[:64].tobytes() if isinstance(found, np.ndarray) else repr(found).encode()
        told["detail"] = f"{data[:40]!r}"
        if SECRET[:16] in data:
            told["outcome"] = "read the file"
    except MemoryError:
        told["outcome"] = "used all memory"
    except Exception as error:
        told = {"outcome": "refused", "detail": f"{type(error).__name__}: {error}"[:120]}
    print(json.dumps(told))


def measured(name: str, attack: str) -> tuple[str, str]:
    """Return what an attack did, in a word, and what was said."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "secret").write_bytes(SECRET)
        made = _child("make", name, attack, folder)
        if made.returncode:
            return "could not be made", made.stderr.decode()[-200:]
        child = _child("run", name, attack, folder)
        if (folder / "ran").exists():
            return "ran code", child.stdout.decode()[:100]
        if child.returncode == -signal.SIGXCPU:
            return f"hung (over {SECONDS} s)", ""
        if child.returncode < 0:
            return f"crashed ({signal.Signals(-child.returncode).name})", ""
        if child.returncode:
            return f"exit {child.returncode}", child.stderr.decode()[-200:]
        *_, said, peak = child.stdout.decode().splitlines()
        told = json.loads(said)
        outcome = told["outcome"]
        if int(peak) > 2**20 and attack == "memory":
            outcome = f"used {int(peak) / 2**20:.1f} GB"
        return outcome, told["detail"]


def _child(what: str, name: str, attack: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60 if what == "make" else SECONDS, 80))

    return subprocess.run(
        [sys.executable, __file__, what, name, attack, str(folder)],
        capture_output=True,
        preexec_fn=limited,
        check=False,
    )


def main() -> int:
    """Print the table."""
    if len(sys.argv) == 5:
        _, what, name, attack, text = sys.argv
        folder = Path(text)
        if what == "make":
            (folder / "blob").write_bytes(FORMATS[name][0](attack, folder))
        else:
            run(name, attack, folder)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return 0
    print("| attack | " + " | ".join(FORMATS) + " |\n|---" * 1 + "|---" * len(FORMATS) + "|")
    failed = 0
    for attack, what in ATTACKS.items():
        with ThreadPool() as pool:
            outcomes = pool.starmap(measured, [(name, attack) for name in FORMATS])
        print(f"| {what} | " + " | ".join(outcome for outcome, _ in outcomes) + " |", flush=True)
        for name, (outcome, detail) in zip(FORMATS, outcomes, strict=True):
            print(f"    {name}: {outcome}: {detail}", file=sys.stderr)
        failed += outcomes[0][0] != "refused"
    return failed


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    sys.exit(main())
