"""Interrupts: db.interrupt() from another thread ends a command that is busy in Python or between C calls.

SQLite only notes the wish, and asks for it between its own steps; a fit takes none of them.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from sqlite_ml_vtab.learning.stopping import stoppable
from sqlite_ml_vtab.store.sql import T


def interruptible(db: apsw.Connection, run: Callable[[], T]) -> T:
    """Return what `run` returns; end it with apsw.InterruptError, as SQLite ends its own work, if `db` is interrupted.

    Outside a statement too: SQLite then keeps the wish until the next one begins.
    """

    def is_interrupted() -> bool:
        try:
            return db.is_interrupted
        except apsw.ConnectionClosedError:
            return False

    return stoppable(run, is_interrupted, lambda: apsw.InterruptError("interrupted"), "sqlite_ml_vtab interrupts")
