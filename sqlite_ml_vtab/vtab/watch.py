"""Interrupts: db.interrupt() from another thread ends a command that is busy in Python or between C calls.

SQLite only notes the wish, and asks for it between its own steps; a fit takes none of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread, get_ident

import apsw

PERIOD = 0.02
"""So many seconds pass between two looks at the connection."""


class _Interrupted(BaseException):
    """What is raised in the thread that runs the command; a BaseException, so that no estimator swallows it."""


class _Watch:
    """Looks at a connection from a thread of its own, and interrupts the thread that made it."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._thread = get_ident()
        self._over = Event()
        self._lock = Lock()
        self._has_raised = False

    def run(self) -> None:
        while not self._over.wait(PERIOD):
            if self._is_interrupted():
                with self._lock:
                    if not self._over.is_set():
                        self._has_raised = True
                        _raise_in(self._thread, _Interrupted)
                return

    def _is_interrupted(self) -> bool:
        try:
            return self._db.is_interrupted
        except apsw.ConnectionClosedError:
            return False

    def end(self) -> None:
        """Let nothing be raised from now on, not even what was and has not arrived."""
        with self._lock:
            self._over.set()
            if self._has_raised:
                _take_back()


@contextmanager
def interruptible(db: apsw.Connection) -> Iterator[None]:
    """End the block with apsw.InterruptError, as SQLite ends its own work, soon after `db` is interrupted."""
    watch = _Watch(db)
    Thread(target=watch.run, name="sqlite_ml_vtab interrupts", daemon=True).start()
    try:
        try:
            yield
        finally:
            watch.end()
    except _Interrupted:
        watch.end()
        raise apsw.InterruptError("interrupted") from None


def _take_back() -> None:
    """Let what was raised in this thread, and may not have arrived, arrive here.

    Cleared with None it would leave CPython before 3.13 looking for it for ever, which never ends under a tracer or a
    profiler (`eval_frame_handle_pending` in ceval.c).
    """
    try:
        # In the place of one that waits: there is only one.
        _raise_in(get_ident(), _Interrupted)
        while True:
            pass
    except _Interrupted:
        pass


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    """Let a thread raise at its next bytecode.

    https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))
