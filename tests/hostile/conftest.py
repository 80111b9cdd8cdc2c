"""What is tried here is made by campaigns/fuzz, which tries more of it before each release."""

import sys
from pathlib import Path

import apsw
import pytest
from asking import command, declare, fill, value

import sqlite_ml_vtab

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "campaigns" / "fuzz")]


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


@pytest.fixture
def trained(connect):
    """A database with a trained predictor, which answers."""
    db = connect()
    declare(db)
    fill(db)
    command(db, "train")
    assert value(db, "SELECT y FROM p(1, 2)") == "low"
    return db


def _is_open(db):
    try:
        return db.filename is not None
    except apsw.ConnectionClosedError:
        return False


@pytest.fixture(scope="session")
def seeds_file(tmp_path_factory):
    """A file with a trained model of each family."""
    import seeds

    path = tmp_path_factory.mktemp("seeds") / "seeds.json"
    seeds.write(path, set(seeds.ONE_EACH.values()))
    return path


@pytest.fixture(scope="session")
def stored(seeds_file):
    """The bytes of a trained model of each family."""
    import seeds

    return {family: blob for family, [(_, blob)] in seeds.read(seeds_file).items()}
