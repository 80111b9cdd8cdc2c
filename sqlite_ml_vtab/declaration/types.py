"""What a predictor is declared to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from sqlite_ml_vtab.declaration.tasks import TASKS


class Role(StrEnum):
    """What a column is for."""

    FEATURE = "FEATURE"
    TARGET = "TARGET"
    KEY = "KEY"
    WEIGHT = "WEIGHT"
    SPLIT = "SPLIT"
    ORDER = "ORDER"
    GROUP = "GROUP"


IMPUTE_WORDS = ("mean", "median", "most_frequent", "constant")
"""What may stand for NULL: IMPUTE(mean), IMPUTE(constant, 0)."""

ENCODE_WORDS = ("onehot", "ordinal", "target")
"""How a category becomes numbers."""

SCALE_WORDS = ("standard", "minmax", "maxabs", "robust", "none")
"""How numbers are scaled."""


class Kind(StrEnum):
    """What the values of a column are."""

    NUMBER = "NUMBER"
    CATEGORY = "CATEGORY"
    DATE = "DATE"
    WORDS = "WORDS"
    ANY = "ANY"
    """Declared with no type: decided at train time from the values."""


class Column(NamedTuple):
    """One declared column."""

    name: str
    """As written, without its quotes."""
    type: str
    """The declared type in upper case, '' for none."""
    role: Role
    kind: Kind
    impute: tuple[str, ...] = ()
    """What IMPUTE says: a strategy of IMPUTE_WORDS, and the value of ``constant``; empty for the default."""
    encode: str = ""
    """What ENCODE says: one of ENCODE_WORDS; '' for the default."""
    scale: str = ""
    """What SCALE says: one of SCALE_WORDS; '' for the default."""

    @property
    def affinity(self) -> str:
        """The type under which SQLite stores and compares it: INTEGER, REAL, NUMERIC, TEXT or '' (as it comes)."""
        if self.kind in {Kind.CATEGORY, Kind.WORDS}:
            return "TEXT"
        if self.kind is not Kind.NUMBER:
            return ""
        if "INT" in self.type:
            return "INTEGER"
        return "REAL" if any(word in self.type for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


@dataclass(frozen=True)
class Declaration:
    """A predictor as its CREATE statement declares it."""

    task: str
    """A key of TASKS."""
    columns: tuple[Column, ...]
    """All columns, in the order in which they were declared."""
    options: Mapping[str, Any]
    """The options that were written, checked; the others have the defaults of OPTIONS."""

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The feature columns, in declared order."""
        return self.having(Role.FEATURE)

    @cached_property
    def targets(self) -> tuple[Column, ...]:
        """The columns to predict, in declared order."""
        return self.having(Role.TARGET)

    @cached_property
    def says(self) -> tuple[str, ...]:
        """The hidden columns that a prediction fills, in their order."""
        return (*TASKS[self.task].says(self.options), "warning")

    @cached_property
    def learner(self) -> str:
        """The task whose algorithms learn this one."""
        return TASKS[self.task].learner or self.task

    @cached_property
    def has_series(self) -> bool:
        """Whether rows are the steps of series."""
        return TASKS[self.task].has_series

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """The hidden columns that the arguments of a call bind to: ``features`` and ``arg2`` ... as a rule."""
        count = len(self.features)
        return TASKS[self.task].arguments or ("features", *(f"arg{n}" for n in range(2, count + 1)))

    def having(self, role: Role) -> tuple[Column, ...]:
        """Return the columns of `role`, in declared order."""
        return tuple(column for column in self.columns if column.role is role)

    def one(self, role: Role) -> Column | None:
        """Return the column of `role`, None where none was declared."""
        return next(iter(self.having(role)), None)
