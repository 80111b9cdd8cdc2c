"""These tests run short slices of the campaigns, which stand beside the tests."""

import sys
from pathlib import Path

import apsw
import pytest

import sqlite_ml_vtab

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture
def db():
    """A database in memory, checked when the test is done."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    yield db
    assert list(db.execute("PRAGMA integrity_check")) == [("ok",)]
    db.close()
