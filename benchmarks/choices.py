"""ENCODINGS: each choice that learning makes about columns, taken the other way, and where that changes anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent.parent))

from sqlite_ml_vtab.learning import columns

NEVER = 10**9


def _unmarked(feature: Any, column: Any, known: Any, wish: Any) -> bool:
    return False


def _always_marked(feature: Any, column: Any, known: Any, wish: Any) -> bool:
    return not feature.impute and not wish.one_column and len(known) < len(column)


def _only_days(known: Any, *, linear: bool, has_missing: bool) -> tuple[str, ...]:
    return ("days", "missing") if has_missing else ("days",)


_date_parts = columns._date_parts


def _always_circles(known: Any, *, linear: bool, has_missing: bool) -> tuple[str, ...]:
    return _date_parts(known, linear=True, has_missing=has_missing)


def _never_circles(known: Any, *, linear: bool, has_missing: bool) -> tuple[str, ...]:
    return _date_parts(known, linear=False, has_missing=has_missing)


ENCODINGS: dict[str, dict[str, Any]] = {
    "one-hot to 10 values": {"MAX_ONE_HOT": 10},
    "one-hot to 20 values": {"MAX_ONE_HOT": 20},
    "one-hot to 50 values": {"MAX_ONE_HOT": 50},
    "one-hot to 100 values": {"MAX_ONE_HOT": 100},
    "never a mean of the target": {"MIN_TARGET_ROWS": NEVER},
    "means from 30 rows on": {"MIN_TARGET_ROWS": 30},
    "NULL never a column": {"_marks_missing": _unmarked},
    "NULL always a column": {"_marks_missing": _always_marked},
    "dates: only days": {"_date_parts": _only_days},
    "dates: never circles": {"_date_parts": _never_circles},
    "dates: always circles": {"_date_parts": _always_circles},
    "text: never words": {"MIN_WORDS": NEVER},
    "text: words from 1 word on": {"MIN_WORDS": 0},
    "text: words from 2 words on": {"MIN_WORDS": 2},
    "text: words if 20 % differ": {"UNIQUE_SHARE": 0.2},
    "text: words if 90 % differ": {"UNIQUE_SHARE": 0.9},
    "text: 10 topics": {"MAX_TOPICS": 10},
    "text: 100 topics": {"MAX_TOPICS": 100},
}
"""What stands in sqlite_ml_vtab.learning instead of its own values and functions."""


@contextmanager
def taken_otherwise(constants: Mapping[str, Any]) -> Iterator[None]:
    """Let `constants` stand wherever a module of sqlite_ml_vtab.learning has those names."""
    modules = [module for name, module in sys.modules.items() if name.startswith("sqlite_ml_vtab.learning.")]
    with ExitStack() as stack:
        for name, value in constants.items():
            holders = [module for module in modules if hasattr(module, name)]
            assert holders, f"nothing in learning is called {name}"
            for module in holders:
                stack.enter_context(patch.object(module, name, value))
        yield
