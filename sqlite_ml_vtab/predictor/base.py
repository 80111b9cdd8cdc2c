"""A predictor as the verbs see it: what is declared, where it is stored, what the host program decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlite_ml_vtab.declaration import Declaration
from sqlite_ml_vtab.errors import cut
from sqlite_ml_vtab.learning.search.workers import Workers
from sqlite_ml_vtab.portable import (
    MAX_BYTES,
)
from sqlite_ml_vtab.predictor.accepted import Plain, accepted
from sqlite_ml_vtab.store.content import Content
from sqlite_ml_vtab.store.rows import Rows
from sqlite_ml_vtab.store.sql import Connection, Tables, written

if TYPE_CHECKING:
    from sqlite_ml_vtab.learning.algorithms import Algorithm


class Progress(NamedTuple):
    """How far a search has come; the host program's callback is told after each step."""

    table: str
    """The predictor's name."""
    command: str
    """``cross_validate``, ``tune`` or ``compare``."""
    done: int
    """How many folds, trials or candidates are done."""
    total: int | None
    """How many there will be at most, None where nobody knows."""
    best: float | None
    """The best score so far."""
    seconds: float
    """Since the command began."""


class Host(NamedTuple):
    """What the program that loads the extension decides, and never a file."""

    threads: int = 1
    """How many threads a fit may use."""
    added: Mapping[str, Algorithm] = {}
    """The algorithms that the program brings itself."""
    max_model_bytes: int = MAX_BYTES
    """The largest model that is decoded."""
    untrusted: bool = False
    """Whether files may be hostile: then nothing is refitted because a query asks for it."""
    release: str = ""
    """The version of this package, stored with what it makes."""
    progress: Callable[[Progress], object] | None = None
    """Called as a search goes on."""
    workers: Workers = Workers()
    """Where the fits of a search run."""
    max_memory: int | None = None
    """So many bytes a fit may be expected to take; None for no limit."""

    @property
    def algorithms(self) -> Mapping[str, Algorithm]:
        """Every algorithm that may be named."""
        from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

        return {**ALGORITHMS, **self.added}


class Predictor:
    """One predictor in one database: its declaration, where it is stored, and how to reach it."""

    def __init__(self, connection: Connection, schema: str, name: str, declaration: Declaration, host: Host) -> None:
        """Describe the predictor `name`; nothing is read or written yet."""
        self.declaration = declaration
        self.host = host
        self.tables = Tables(connection, schema, name)
        content = declaration.options.get("content")
        self.rows: Rows | Content = (
            Rows(self.tables, declaration.columns)
            if content is None
            else Content(self.tables, declaration.columns, content, lambda: self.host.untrusted)
        )
        self.feature_names = [column.name for column in declaration.features]
        self.is_of_this_format = False
        """Whether the shadow tables were seen to have the layout of this release."""
        self.accepted = [(column, accepted(declaration, column)) for column in declaration.columns]
        self.plain = Plain([types for _, types in self.accepted])

    @property
    def sql_name(self) -> str:
        """The name as a user would write it in SQL."""
        return written(self.tables.name)

    def command(self, text: str, options: str = "") -> str:
        """Return the statement that runs the command `text` with JSON `options`, for sentences."""
        if options:
            return f"INSERT INTO {self.sql_name}({self.sql_name}, options) VALUES ('{text}', '{options}')"
        return f"INSERT INTO {self.sql_name}({self.sql_name}) VALUES ('{text}')"


def as_json(value: Any) -> str:
    """Return `value` as the JSON text that is stored."""
    return json.dumps(value, ensure_ascii=False)


def shown_json(value: Any) -> str:
    """Return `value` as the JSON that an option was given, for use in a sentence."""
    return cut(as_json(value))


def now() -> str:
    """Return the present moment as it is stored: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
