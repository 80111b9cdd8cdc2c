"""Stopping: work ends between two calls of compiled code, because somebody wishes it or its time is over.

A thread of its own looks, and raises in the thread that works. Only one exception can wait to be raised in a thread, so
that what is watched within watched work gives way to what stops all of it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from threading import Event, Lock, Thread, get_ident
from typing import TypeVar

from sqlite_ml_vtab.errors import TrainingError

T = TypeVar("T")

PERIOD = 0.02
"""So many seconds pass between two looks."""

AGAIN = 1.0
"""So many seconds later it is raised once more: libraries lose exceptions where they swallow all, or clean up."""


class _Stopped(BaseException):
    """What is raised in the thread that works; a BaseException, so that no estimator swallows it."""


class TimeOver(BaseException):
    """The time of one fit among many is over; whoever runs them goes on from there."""


_LOCK = Lock()
_DEPTH: dict[int, int] = {}
"""By thread, how many watches stand around what it does."""
_WAITING: dict[int, _Watch] = {}
"""By thread, the watch whose exception was raised last and has not arrived at its end."""


class _Watch:
    """Asks whether it is time, and stops the thread that made it."""

    def __init__(self, is_due: Callable[[], bool]) -> None:
        self._is_due = is_due
        self._thread = get_ident()
        self._over = Event()
        self.kind = type("_Stopped", (_Stopped,), {})
        self.has_raised = False
        """Whether the thread was told to stop."""
        with _LOCK:
            self._depth = _DEPTH[self._thread] = _DEPTH.get(self._thread, 0) + 1

    def run(self) -> None:
        while not self._over.wait(PERIOD):
            if self._is_due():
                self._stop()
                while not self._over.wait(AGAIN):
                    self._stop()

    def _stop(self) -> None:
        with _LOCK:
            before = _WAITING.get(self._thread)
            if not self._over.is_set() and (before is None or before._depth >= self._depth):
                _WAITING[self._thread] = self
                self.has_raised = True
                _raise_in(self._thread, self.kind)

    def end(self) -> None:
        """Let nothing be raised from now on, not even what was and has not arrived."""
        with _LOCK:
            if self._over.is_set():
                return
            self._over.set()
            try:
                if _WAITING.get(self._thread) is self:
                    del _WAITING[self._thread]
                    _take_back()
            finally:
                _DEPTH[self._thread] -= 1
                if not _DEPTH[self._thread]:
                    del _DEPTH[self._thread]


def stoppable(run: Callable[[], T], is_due: Callable[[], bool], error: Callable[[], BaseException], name: str) -> T:
    """Return what `run` returns; raise `error` soon after `is_due` has become true. `name` is that of the thread."""
    watch = _Watch(is_due)
    Thread(target=watch.run, name=name, daemon=True).start()
    # Not a context manager: between the end of its block and its exit the exception could arrive, and pass unseen.
    try:
        try:
            return run()
        finally:
            watch.end()
    except _Stopped as stopped:
        watch.end()
        if type(stopped) is not watch.kind:
            raise
        raise error() from None
    except TimeOver:
        # The time of something within was over first; where this is due as well, this is what ended the work.
        if is_due():
            raise error() from None
        raise
    except Exception as failed:
        # Compiled code can turn what stopped it into an error of its own, which would tell of something else.
        if watch.has_raised:
            raise error() from failed
        raise


def within(seconds: float | None, run: Callable[[], T], error: Callable[[], BaseException] = TimeOver) -> T:
    """Return what `run` returns; raise `error` if it has not ended after so many seconds. None is no limit."""
    if seconds is None:
        return run()
    ends_at = time.monotonic() + seconds
    return stoppable(run, lambda: time.monotonic() >= ends_at, error, "sqlite_ml_vtab timeout")


def in_time(command: str, seconds: float | None, run: Callable[[], T], times: int = 1) -> T:
    """Return what `run` returns; raise TrainingError where the `command` lasts longer than its timeout allows.

    `times` is how often the timeout may pass.
    """
    if seconds is None:
        return run()
    allowed = f"its timeout of {seconds:g} s" if times == 1 else f"{times} times its timeout of {seconds:g} s"
    sentence = f"{command} did not end within {allowed}; nothing is stored. Allow more time, or learn from fewer rows."
    return within(seconds * times, run, lambda: TrainingError(sentence))


def _take_back() -> None:
    """Let what was raised in this thread, and may not have arrived, arrive here.

    Cleared with None it would leave CPython before 3.13 looking for it for ever, which never ends under a tracer or a
    profiler (`eval_frame_handle_pending` in ceval.c).
    """
    try:
        # In the place of one that waits: there is only one.
        _raise_in(get_ident(), _Stopped)
        while True:
            pass
    except _Stopped:
        pass


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    """Let a thread raise at its next bytecode.

    https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))
