"""Many fits that do not depend on each other, one after the other or on what joblib reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from sqlite_ml_vtab.errors import CommandError

BACKENDS = ("dask", "loky", "multiprocessing", "ray", "spark", "threading")
"""What joblib, and what is made for it, brings."""

Task = TypeVar("Task")
Found = TypeVar("Found")


class Workers(NamedTuple):
    """Where the fits of a search run."""

    backend: str | None = None
    """A backend of joblib, such as ``loky``, ``threading`` or ``dask``; None: this process, one after the other."""
    jobs: int = -1
    """How many at once; -1: as many as the backend has cores."""

    def each(self, run: Callable[[Task], Found], tasks: Iterable[Task]) -> Iterator[Found]:
        """Yield what `run` makes of each task, in the order of the tasks.

        `run` and the tasks must be picklable where the backend has processes of its own. What is not asked for any
        more, because the caller stops, is not begun.
        """
        if self.backend is None:
            return map(run, tasks)
        return self._parallel(run, tasks)

    def check(self) -> None:
        """Raise CommandError where joblib does not know the backend, or what it needs is not there."""
        from joblib import parallel_config

        try:
            with parallel_config(backend=self.backend, n_jobs=self.jobs):
                pass
        except (ValueError, ImportError, RuntimeError):
            raise CommandError(
                f"the backend {self.backend!r} is not registered with joblib. "
                "Import what brings it and start its client first, or leave backend out."
            ) from None

    def _parallel(self, run: Callable[[Task], Found], tasks: Iterable[Task]) -> Iterator[Found]:
        from joblib import Parallel, delayed, parallel_config
        from joblib.parallel import get_active_backend

        self.check()
        with parallel_config(backend=self.backend, n_jobs=self.jobs):
            active, _ = get_active_backend()
            how = "generator" if getattr(active, "supports_return_generator", False) else "list"
            found: Any = Parallel(return_as=how)(delayed(run)(task) for task in tasks)
            yield from found
