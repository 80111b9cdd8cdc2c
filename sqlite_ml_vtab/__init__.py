"""Machine learning inside SQLite: a predictor is a table.

`load` registers everything on an apsw connection; from there on it is SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from sqlite_ml_vtab.errors import (
    CommandError,
    DeclarationError,
    Error,
    InputError,
    ModelError,
    PredictorWarning,
    TrainingError,
)

if TYPE_CHECKING:
    import apsw

    from sqlite_ml_vtab.predictor import Progress

__version__ = "0.1.0"

__all__ = [
    "CommandError",
    "DeclarationError",
    "Error",
    "InputError",
    "ModelError",
    "PredictorWarning",
    "TrainingError",
    "__version__",
    "load",
    "train",
]


def load(
    connection: apsw.Connection,
    *,
    threads: int = 1,
    algorithms: Mapping[str, Any] | None = None,
    max_model_bytes: int = 2**30,
    untrusted: bool = False,
    progress: Callable[[Progress], object] | None = None,
    backend: str | None = None,
    jobs: int = -1,
    max_memory: int | str | None = None,
    cache_bytes: int | None = None,
) -> None:
    """Register the modules and functions on `connection`; loading again changes the settings and nothing else.

    `threads` is how many threads a fit may use. `algorithms` adds estimator classes by name. `max_model_bytes` is the
    size of the largest model that is decoded. `untrusted=True` is for a file from someone else: predictors cannot be
    used by its views and triggers, its schema is not trusted, and its shadow tables cannot be written; once said, it
    stays. `progress` is called as cross_validate, tune and compare go on, with a value that has the fields table,
    command, done, total, best and seconds. `backend` names a backend of joblib (``loky``, ``threading``, ``dask``) on
    which their fits run, `jobs` at a time; the results are those of one process. `max_memory`, in bytes or as
    ``'2 GB'``, refuses fits that are expected to take more. `cache_bytes` is how much memory the models that were used
    last may take; they are shared by all connections of the process, and so is this setting (512 MB; None leaves it).

    Also fit for ``apsw.connection_hooks.append(sqlite_ml_vtab.load)``. Raises CommandError for settings it cannot take.
    """
    from sqlite_ml_vtab.vtab.load import load as load_on

    load_on(
        connection,
        threads=threads,
        algorithms=algorithms or {},
        max_model_bytes=max_model_bytes,
        untrusted=untrusted,
        release=__version__,
        progress=progress,
        backend=backend,
        jobs=jobs,
        max_memory=max_memory,
        cache_bytes=cache_bytes,
    )


def train(
    connection: apsw.Connection,
    table: str,
    *,
    deploy: bool | None = None,
    if_changed: Literal["refuse", "refit"] = "refuse",
    wait: float = 10.0,
    **options: Any,
) -> int:
    """Train the predictor called `table` as its command would, but fit outside the write lock; return the version.

    `options` are those of the command ``train``. The rows are read, the fit runs while others may write, and the
    result is stored in one short transaction. Where the rows have changed meanwhile it raises TrainingError, or with
    `if_changed` ``"refit"`` fits once more to the rows that there are then. While another connection writes, storing is
    tried again for `wait` seconds, beyond the busy timeout of the connection. Raises whatever the command raises.
    """
    from sqlite_ml_vtab.vtab.train import train as train_on

    return train_on(connection, table, options, deploy, if_changed, wait)
