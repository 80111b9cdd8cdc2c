"""Real free text that is always here: the functions of installed packages, and what their docstrings say first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Any

import pandas as pd
from sources import package_file

PACKAGES = ("joblib", "numpy", "pandas", "sklearn")


@cache
def functions() -> pd.DataFrame:
    """Return the functions whose docstring starts with several words: its first line, and their shape."""
    return pd.DataFrame([found for package in PACKAGES for found in _of_package(package)])


def _of_package(package: str) -> Iterator[dict[str, Any]]:
    root = package_file(package, ".")
    for path in sorted(root.rglob("*.py")):
        if "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef):
                said = ast.get_docstring(node) or ""
                first = said.partition("\n")[0].strip()
                if len(first.split()) >= 3:
                    yield _described(package, node, said, first)


def _described(package: str, node: ast.FunctionDef, said: str, first: str) -> dict[str, Any]:
    assert node.end_lineno is not None
    return {
        "summary": first,
        "name": node.name,
        "arguments": len(node.args.args),
        "defaults": len(node.args.defaults) or None,
        "decorator": ast.unparse(node.decorator_list[0])[:40] if node.decorator_list else None,
        "lines": node.end_lineno - node.lineno - said.count("\n"),
        "package": package,
    }
