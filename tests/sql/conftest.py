"""Databases that are checked whole when a test is done with them."""

import apsw
import pytest
from asking import command, declare, fill, value

import sqlite_ml_vtab


@pytest.fixture
def connect():
    """Open loaded connections; at the end each database is checked, and closed."""
    opened = []

    def connect(path="", **settings):
        db = apsw.Connection(str(path))
        opened.append(db)
        sqlite_ml_vtab.load(db, **settings)
        return db

    yield connect
    for db in filter(_is_open, opened):
        if db.in_transaction:
            db.execute("ROLLBACK")
        assert value(db, "PRAGMA integrity_check") == "ok"
        db.close()


def _is_open(db):
    try:
        return db.filename is not None
    except apsw.ConnectionClosedError:
        return False


@pytest.fixture
def db(connect):
    """A database in memory."""
    return connect()


@pytest.fixture
def path(tmp_path):
    """The name of a database file that does not exist yet."""
    return tmp_path / "test.db"


@pytest.fixture
def points(db):
    """A database in memory with the predictor p of two numbers, filled and not trained."""
    declare(db)
    fill(db)
    return db


@pytest.fixture
def trained(points):
    """A database in memory with the predictor p of two numbers, trained once."""
    command(points, "train")
    return points


@pytest.fixture
def iris(db):
    """A database in memory with the table iris."""
    db.execute("CREATE VIRTUAL TABLE d USING ml_dataset('iris'); CREATE TABLE iris AS SELECT * FROM d; DROP TABLE d")
    return db
