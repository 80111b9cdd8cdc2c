"""What `sqlite_ml_vtab.train` calls: a fit outside the write lock, stored in a moment."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.errors import CommandError, TrainingError, about, shown
from sqlite_ml_vtab.learning.stopping import in_time
from sqlite_ml_vtab.vtab.landing import Landing, land, moment
from sqlite_ml_vtab.vtab.module import LOADED
from sqlite_ml_vtab.vtab.table import Table
from sqlite_ml_vtab.vtab.watch import interruptible


def train(
    db: apsw.Connection, table: str, options: Mapping[str, Any], deploy: bool | None, if_changed: str, wait: float
) -> int:
    """Train outside the write lock; see `sqlite_ml_vtab.train`."""
    loaded = LOADED.get(db)
    if loaded is None:
        raise CommandError("the connection is not loaded. Call sqlite_ml_vtab.load(connection) first.")
    _check(deploy, if_changed, wait)
    options = _plain(options)
    found = loaded.table(table)
    with about(found.name):
        for is_last in (False, True) if if_changed == "refit" else (True,):
            landing = _fitted(found, options, deploy)
            try:
                return land(loaded, landing, wait)
            except TrainingError:
                if not landing.has_changed or (is_last and if_changed == "refuse"):
                    raise
        raise TrainingError(
            "the rows changed while the model was fitted, and again while it was refitted. "
            f"Hold the lock meanwhile: {found.predictor.command('train')}."
        )


def _check(deploy: Any, if_changed: Any, wait: Any) -> None:
    if deploy is not None and not isinstance(deploy, bool):
        raise CommandError(f"deploy is True, False or None, got {shown(deploy)}.")
    if if_changed not in ("refuse", "refit"):
        raise CommandError(f"if_changed is 'refuse' or 'refit', got {shown(if_changed)}.")
    if type(wait) not in (int, float) or not 0 <= wait <= sys.float_info.max:
        raise CommandError(f"wait is a number of seconds, 0 or more, got {shown(wait)}.")


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as JSON would have them: numbers of numpy are numbers too.

    Raises CommandError for what is no JSON.
    """
    try:
        found: dict[str, Any] = json.loads(json.dumps(options, default=lambda value: value.item()))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise CommandError(f"the options are values that JSON can hold, got {shown(dict(options))}.") from None
    return found


def _fitted(table: Table, options: Mapping[str, Any], deploy: bool | None) -> Landing:
    """Read the rows and fit, stopped by an interrupt or by the option ``timeout``."""
    before, seconds = moment(table), verbs.seconds_allowed(options)
    chosen = {name: value for name, value in options.items() if name != "timeout"}
    run = partial(in_time, "train", seconds, partial(verbs.attempt, table.predictor, chosen))
    return Landing(table, before, interruptible(table.loaded.db, run), deploy)
