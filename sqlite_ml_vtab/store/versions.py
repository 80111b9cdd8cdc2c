"""Trained versions: their record, metrics, hold-out rows, models and deployments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlite_ml_vtab.store.parts import MODELS, STATES, put_others, size, split, whole
from sqlite_ml_vtab.store.shadows import is_there, make, source
from sqlite_ml_vtab.store.sql import Tables, following


class Version(NamedTuple):
    """One row of the versions table; the fields are its columns."""

    version: int
    algorithm: str
    hyperparams: str
    """JSON object, as the user wrote it."""
    options: str
    """JSON object: every option of the run, with which it can be repeated."""
    seed: int
    rows_trained: int
    rows_tested: int
    score: float | None
    baseline: float | None
    """The score of predicting the same for every row."""
    seconds: float
    created_at: str
    """ISO 8601, UTC."""
    environment: str
    """JSON object of library versions."""
    scorer: str
    notes: str
    """JSON array of sentences."""
    rows_digest: str
    """SHA-256 of the rows it was trained and tested on."""


_COLUMNS = ", ".join(Version._fields)
WITH_VERSION = ("models", "states", "parts", "metrics", "holdout")
"""The tables that hold rows of a version beside its record, and lose them when it is forgotten."""


def next_number(tables: Tables) -> int:
    """Return the number of the next version; that of a version that was ever deployed does not come back."""
    latest = tables.value(
        f"SELECT max(coalesce((SELECT max(version) FROM {tables.of('versions')}), 0), "
        f"coalesce((SELECT max(version) FROM {tables.of('deployments')} WHERE typeof(version) = 'integer'), 0))"
    )
    return following(latest, "version")


def add(tables: Tables, version: Version, digest: str, model: bytes) -> None:
    """Store a version and its model."""
    marks = ", ".join("?" * len(version))
    tables.rows(f"INSERT INTO {tables.of('versions')}({_COLUMNS}) VALUES ({marks})", version)
    put_model(tables, version.version, digest, model)


def put_model(tables: Tables, version: int, digest: str, model: bytes) -> None:
    """Store the model of a version, in place of the one it had; `digest` is that of the whole."""
    first, *others = split(tables, model)
    tables.rows(
        f"INSERT OR REPLACE INTO {tables.of('models')}(version, digest, model) VALUES (?, ?, ?)",
        (version, digest, first),
    )
    put_others(tables, MODELS, version, others)


def add_metrics(tables: Tables, version: int, metrics: Mapping[str, float]) -> None:
    """Store the metrics of a version."""
    sql = f"INSERT INTO {tables.of('metrics')}(version, name, value) VALUES (?, ?, ?)"
    tables.connection.run_many(sql, [(version, name, value) for name, value in metrics.items()])


def add_holdout(tables: Tables, version: int, rows: Iterable[tuple[int, Any, Any, float | None]]) -> None:
    """Store (row id, truth, prediction, probability) of test rows."""
    sql = f"INSERT INTO {tables.of('holdout')}(version, row, truth, prediction, probability) VALUES (?, ?, ?, ?, ?)"
    tables.connection.run_many(sql, [(version, *row) for row in rows])


def holdout(tables: Tables, version: int) -> list[tuple[Any, ...]]:
    """Return (row id, truth, prediction, probability) of the test rows of a version that are stored."""
    return tables.rows(
        f"SELECT row, truth, prediction, probability FROM {tables.of('holdout')} WHERE version = ?", (version,)
    )


def put_notes(tables: Tables, version: int, notes: str) -> None:
    """Replace the notes of a version, a JSON array."""
    tables.rows(f"UPDATE {tables.of('versions')} SET notes = ? WHERE version = ?", (notes, version))


def find(tables: Tables, number: int) -> Version | None:
    """Return a version, None where there is none of this number."""
    found = tables.rows(f"SELECT {_COLUMNS} FROM {tables.of('versions')} WHERE version = ?", (number,))
    return Version(*found[0]) if found else None


def numbers(tables: Tables) -> list[int]:
    """Return the numbers of all versions, ascending."""
    return [number for (number,) in tables.rows(f"SELECT version FROM {tables.of('versions')} ORDER BY version")]


def best(tables: Tables) -> int | None:
    """Return the version with the greatest score, the latest among equals; None where none has a score."""
    found: int | None = tables.value(
        f"SELECT version FROM {tables.of('versions')} WHERE score IS NOT NULL ORDER BY score DESC, version DESC LIMIT 1"
    )
    return found


def remove(tables: Tables, gone: Sequence[int]) -> None:
    """Delete versions with all that belongs to them; the record of deployments stays."""
    for number in gone:
        for suffix in filter(partial(is_there, tables), ("versions", *WITH_VERSION)):
            tables.rows(f"DELETE FROM {tables.of(suffix)} WHERE version = ?", (number,))


def deploy(tables: Tables, version: int, reason: str, moment: str) -> None:
    """Record that `version` answers from now on."""
    tables.rows(
        f"INSERT INTO {tables.of('deployments')}(version, reason, deployed_at) VALUES (?, ?, ?)",
        (version, reason, moment),
    )


def deployments(tables: Tables) -> list[tuple[int, str]]:
    """Return (version, reason) of every deployment, the oldest first."""
    return [
        (version, reason)
        for version, reason in tables.rows(f"SELECT version, reason FROM {tables.of('deployments')} ORDER BY id")
    ]


def deployed(tables: Tables) -> int | None:
    """Return the version that answers, None where nothing is deployed."""
    found: int | None = tables.value(f"SELECT version FROM {tables.of('deployments')} ORDER BY id DESC LIMIT 1")
    return found


def deployed_digest(tables: Tables) -> tuple[int, str | None] | None:
    """Return the version that answers and its model's digest (None where the model is gone)."""
    for version, digest in tables.connection.execute(
        f"SELECT d.version, m.digest FROM {tables.of('deployments')} AS d "
        f"LEFT JOIN {tables.of('models')} AS m ON m.version = d.version ORDER BY d.id DESC LIMIT 1"
    ):
        return version, digest
    return None


def digest_of(tables: Tables, version: int) -> str | None:
    """Return the digest of a version's model, None where there is none."""
    found: str | None = tables.value(f"SELECT digest FROM {tables.of('models')} WHERE version = ?", (version,))
    return found


def model_size(tables: Tables, version: int) -> int | None:
    """Return the length of a version's model, None where it is no BLOB."""
    return size(tables, MODELS, version)


def model(tables: Tables, version: int, limit: int) -> bytes | None:
    """Return the bytes of a version's model, None where it is no BLOB of up to `limit` bytes."""
    return whole(tables, MODELS, version, limit)


def put_state(tables: Tables, version: int, model_digest: str, state: bytes) -> None:
    """Store the numbers from which a version that was fitted in chunks can go on."""
    first, *others = split(tables, state)
    tables.rows(
        f"INSERT OR REPLACE INTO {make(tables, 'states')}(version, model_digest, state) VALUES (?, ?, ?)",
        (version, model_digest, first),
    )
    put_others(tables, STATES, version, others)


def state(tables: Tables, version: int, limit: int) -> tuple[str, bytes | None] | None:
    """Return the digest of the model that a version's state belongs to, and the state; None where there is none.

    The state is None where it is no BLOB of up to `limit` bytes.
    """
    found = tables.value(f"SELECT model_digest FROM {source(tables, 'states')} WHERE version = ?", (version,))
    return None if found is None else (found, whole(tables, STATES, version, limit))
