"""Which version answers, and which are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlite_ml_vtab.errors import (
    CommandError,
    ModelError,
    shown,
)
from sqlite_ml_vtab.portable import digest
from sqlite_ml_vtab.predictor.base import Predictor, now
from sqlite_ml_vtab.store import versions
from sqlite_ml_vtab.store.sql import LAST


def known(predictor: Predictor, number: Any) -> int:
    """Return `number` if there is such a version; raise ModelError with those there are."""
    if isinstance(number, int) and 0 <= number <= LAST and versions.find(predictor.tables, number):
        return number
    there = versions.numbers(predictor.tables)
    if not there:
        raise ModelError(f"no trained model. Run: {predictor.command('train')}.")
    raise ModelError(f"no version {shown(number)}. Versions: {_span(there)}.")


def _span(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers[-12:]))
    return listed if len(numbers) <= 12 else f"..., {listed}"


def deploy(predictor: Predictor, number: int, reason: str) -> int:
    """Let version `number` answer from now on."""
    versions.deploy(predictor.tables, known(predictor, number), reason, now())
    return number


def deploy_by(predictor: Predictor, strategy: str) -> int:
    """Deploy the ``best`` or the ``latest`` version."""
    if strategy == "best":
        number = versions.best(predictor.tables)
        if number is None and versions.numbers(predictor.tables):
            raise CommandError('no version was tested, so none is the best. Name one: {"version": 1}.')
    else:
        number = max(versions.numbers(predictor.tables), default=None)
    return deploy(predictor, known(predictor, number), f"deploy: {strategy}")


def rollback(predictor: Predictor) -> int:
    """Deploy the version that was deployed before the present one; again, the one before that."""
    stack = deployment_stack(predictor)
    if len(stack) < 2:
        raise CommandError('no version was deployed before. Deploy one by its number: {"version": 1}.')
    return deploy(predictor, stack[-2], ROLLBACK)


ROLLBACK = "rollback"
"""The reason that takes a deployment back instead of adding one."""


def deployment_stack(predictor: Predictor) -> list[int]:
    """Return the versions that rollback can go back through, the present one last; forgotten ones are left out."""
    there = set(versions.numbers(predictor.tables))
    stack: list[int] = []
    for number, reason in versions.deployments(predictor.tables):
        if reason == ROLLBACK and number in stack[:-1]:
            del stack[len(stack) - 1 - stack[-2::-1].index(number) :]
        else:
            stack.append(number)
    return [number for number, _ in groupby(number for number in stack if number in there)]


def forget(predictor: Predictor, gone: Sequence[int]) -> int:
    """Delete versions and all that belongs to them; return how many.

    Raises CommandError for the version that is deployed.
    """
    if versions.deployed(predictor.tables) in gone:
        number = versions.deployed(predictor.tables)
        raise CommandError(f"version {number} is deployed. Deploy another version first.")
    versions.remove(predictor.tables, gone)
    return len(gone)


def forget_all_but(predictor: Predictor, keep: int) -> int:
    """Delete all but the newest `keep` versions; the deployed one always stays. Return how many went."""
    there = versions.numbers(predictor.tables)
    stay = {*there[max(0, len(there) - keep) :], versions.deployed(predictor.tables)}
    return forget(predictor, [number for number in there if number not in stay])


def stored_options(record: versions.Version) -> dict[str, Any] | None:
    """Return the options with which a version was made, None where they cannot be read."""
    return as_object(record.options)


def stored_notes(record: versions.Version) -> list[Any]:
    """Return the notes of a version, none where they cannot be read."""
    found = as_object(f'{{"notes": {record.notes}}}')
    notes = found.get("notes") if found else None
    return notes if isinstance(notes, list) else []


def as_object(text: Any) -> dict[str, Any] | None:
    """Return the JSON object that a shadow table holds, None where it is none: a file may have been tampered with."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def mend(predictor: Predictor, number: int) -> str:
    """Return the sentence that says how to make the model of a version anew."""
    rebuild = predictor.command("rebuild", json.dumps({"version": number}))
    return f"Run: {rebuild}."


def undeployed(predictor: Predictor, number: Any) -> str:
    """Return the sentences for a deployed version that does not exist."""
    mending = predictor.command("repair")
    if versions.numbers(predictor.tables):
        mending = predictor.command("deploy", '{"strategy": "latest"}')
    return f"version {shown(number)} is deployed and does not exist. Run: {mending}."


def model_bytes(predictor: Predictor, number: int, name: Any) -> bytes:
    """Return the model of a version; raise ModelError where it is none, or not the one called `name`, its digest."""
    limit = predictor.host.max_model_bytes
    blob = versions.model(predictor.tables, number, limit)
    if blob is None:
        size = versions.model_size(predictor.tables, number)
        if size is not None and size > limit:
            raise ModelError(too_large(predictor, number, size))
        raise ModelError(f"the model of version {number} is no BLOB of allowed size. {mend(predictor, number)}")
    if digest(blob) != name:
        raise ModelError(f"the model of version {number} does not match its digest. {mend(predictor, number)}")
    return blob


def too_large(predictor: Predictor, number: int, size: int) -> str:
    """Return the sentences for a model of more bytes than the host program allows."""
    return (
        f"the model of version {number} has {size} bytes, more than the {predictor.host.max_model_bytes} that this "
        "program reads. Call load(connection, max_model_bytes=...) with more."
    )
