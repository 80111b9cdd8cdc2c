"""A virtual environment for each rival, made from PyPI when it is first asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv-rivals"


@dataclass(frozen=True, slots=True)
class Environment:
    """What a rival needs."""

    name: str
    requirements: tuple[str, ...]

    def python(self) -> Path:
        """Return its interpreter; make the environment where there is none, or one with other requirements."""
        folder = FOLDER / self.name
        python, ready = folder / "bin" / "python", folder / "ready"
        wanted = "\n".join(self.requirements)
        if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *self.requirements], check=True)
            ready.write_text(wanted, encoding="utf-8")
        return python

    def releases(self) -> str:
        """Return the releases of its packages, for the printout."""
        command = [str(self.python()), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
        listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        named = {_plain(wanted) for wanted in self.requirements}
        return ", ".join(item.replace("==", " ") for item in listed if _plain(item) in named)

    def find(self, pattern: str) -> Path:
        """Return the file of that name among its packages."""
        return next(self.python().parents[1].glob(f"lib/python*/site-packages/{pattern}"))


def _plain(requirement: str) -> str:
    """Return the name that a requirement begins with, as pip compares names."""
    name = requirement.partition("==")[0].partition(">")[0].partition("<")[0]
    return name.lower().replace("_", "-")


SQLITE_ML = Environment("sqlite-ml", ("sqlite-ml==0.1.2", "scikit-learn==1.2.2", "pandas<2.1", "numpy<2"))
"""The newest scikit-learn that it works with: from 1.4 on its training fails on an argument that is gone."""
SQLITE_PREDICT = Environment("sqlite-predict", ("sqlite-predict==0.2.1",))
ORBITAL = Environment("orbital", ("orbital==0.6.0",))
DUCKDB = Environment(
    "duckdb", ("duckdb==1.5.5", "duckdb-extension-sqlite-scanner==1.5.5", "pyarrow", "scikit-learn", "threadpoolctl")
)
"""DuckDB's reader of SQLite files comes as a package too, for this release."""
