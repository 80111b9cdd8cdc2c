"""The first look at a table that is not read into memory: which rows teach, which test, which stand for the others.

Everything follows from a row's id and the seed, never from its place: a row that is a test row stays one when others
come, and the sample is the same in whatever order the rows are read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sqlite_ml_vtab.declaration import Declaration, Role
from sqlite_ml_vtab.errors import TrainingError, shown
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.portable.values import whole

BLOCK = 1_000
"""Neighbouring rows that are read together."""
MAX_BLOCKS = 50_000
"""So many blocks at most; a table of more rows has larger ones."""
SAMPLED = 20_000
"""So many train rows the encoder is learned from."""
TESTED = 50_000
"""So many test rows are tested at most."""
MAX_CLASSES = 1_000

Ids = np.ndarray[Any, np.dtype[np.int64]]
Span = tuple[int, int]


class Source(Protocol):
    """Where rows that have a target come from, a chunk of tuples at a time: (id, columns by name ...)."""

    has_ids: bool
    """Whether ids are those of the rows themselves, and not places that change."""

    def chunks(self, names: Sequence[str], span: Span | None) -> Iterable[Sequence[tuple[Any, ...]]]:
        """Yield the rows with ids in `span`, both ends included; None for all."""

    def take(self, names: Sequence[str], ids: Sequence[int]) -> Iterable[Sequence[tuple[Any, ...]]]:
        """Yield the rows with these ids, ascending."""


def divides(plan: Plan, declaration: Declaration) -> list[str]:
    """Return the names of the columns that, beside its id, say in which part a row stands."""
    role = {"column": Role.SPLIT, "group": Role.GROUP}.get(plan.split)
    return [column.name for column in declaration.having(role)] if role else []


def parts_of(plan: Plan, ids: Ids, said: Sequence[Any]) -> tuple[Any, Any]:
    """Return which rows teach and which test, two masks of shape (n,); `said` are the values of `divides`, if any."""
    if plan.split == "none":
        return np.ones(len(ids), dtype=bool), np.zeros(len(ids), dtype=bool)
    if plan.split == "column":
        words = [None if value is None else str(value).strip().lower() for value in said]
        for row, word in zip(ids.tolist(), words, strict=True):
            if word not in (None, "train", "test"):
                raise TrainingError(f"the SPLIT column says {shown(word)} in row {row}. Write 'train' or 'test'.")
        return np.array([word == "train" for word in words]), np.array([word == "test" for word in words])
    tested = (mixed(ids, plan.seed) if not said else _of_groups(ids, said, plan.seed)) < plan.test_size * 2.0**64
    return ~tested, tested


def _of_groups(ids: Ids, groups: Sequence[Any], seed: int) -> Any:
    """Return a number for each row that is the same within a group; a row without a group is a group of its own."""
    found = mixed(ids, seed)
    for place, group in enumerate(groups):
        if group is not None:
            # As `fit='whole'` and SQLite have it, 1 and 1.0 are one group.
            text = f"{seed} {whole(group)!r}".encode("utf-8", "surrogatepass")
            found[place] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return found


def mixed(ids: Ids, seed: int) -> Any:
    """Return uint64 numbers that look random, one for each id: Steele et al. 2014, Fast Splittable PRNGs, mix64."""
    with np.errstate(over="ignore"):
        z = ids.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class Lowest:
    """The ids with the lowest numbers so far: a sample that does not depend on the order in which ids come."""

    def __init__(self, count: int) -> None:
        """Keep so many."""
        self._count = count
        self._found = (np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64))

    def add(self, numbers: Any, ids: Ids) -> None:
        """Look at more ids and their numbers."""
        both = np.concatenate((self._found[0], numbers)), np.concatenate((self._found[1], ids))
        self._found = both if len(both[0]) < 2 * self._count else self._cut(*both)

    def _cut(self, numbers: Any, ids: Ids) -> tuple[Any, Ids]:
        if len(numbers) <= self._count:
            return numbers, ids
        chosen = np.argpartition(numbers, self._count - 1)[: self._count]
        return numbers[chosen], ids[chosen]

    def ids(self) -> Ids:
        """Return them."""
        return self._cut(*self._found)[1]


@dataclass(slots=True)
class Survey:
    """What a pass over ids and targets tells."""

    labels: dict[Any, int] = field(default_factory=dict)
    """Classification: how many train rows each class has."""
    trained: int = 0
    """How many rows teach."""
    tested: int = 0
    """How many rows test."""
    first: int = 0
    """The lowest id."""
    last: int = 0
    """The highest id."""
    spans: list[Span] = field(default_factory=list)
    """Blocks of neighbouring rows, first and last id."""
    sample: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Ids of train rows, ascending: the encoder's, with at least one of every class."""
    tests: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Ids of test rows, ascending."""


def survey(source: Source, declaration: Declaration, plan: Plan, span: Span | None) -> Survey:
    """Look once at the ids and targets of the rows in `span`.

    Raises TrainingError where there are too many classes, or no row to learn from.
    """
    found, by_class = Survey(), dict[Any, tuple[int, int]]()
    samples, tests = Lowest(SAMPLED), Lowest(TESTED)
    target = declaration.targets[0].name
    for chunk in source.chunks([target, *divides(plan, declaration)], span):
        ids = np.array([row[0] for row in chunk], dtype=np.int64)
        train, test = parts_of(plan, ids, [row[2] for row in chunk] if len(chunk[0]) > 2 else [])
        numbers = mixed(ids, plan.seed ^ 0x5A5A5A5A)
        samples.add(numbers[train], ids[train])
        tests.add(numbers[test], ids[test])
        found.trained, found.tested = found.trained + int(train.sum()), found.tested + int(test.sum())
        _extend(found.spans, ids)
        if plan.task == "classification":
            values = [row[1] for row, teaches in zip(chunk, train.tolist(), strict=True) if teaches]
            _count_classes(found.labels, by_class, values, numbers[train].tolist(), ids[train].tolist())
    _check(found, plan)
    found.first, found.last = found.spans[0][0], found.spans[-1][1]
    found.sample = np.union1d(samples.ids(), np.array([row for _, row in by_class.values()], dtype=np.int64))
    found.tests = np.sort(tests.ids())
    return found


def _check(found: Survey, plan: Plan) -> None:
    if not found.spans:
        raise TrainingError("no row has a target. Insert rows first: INSERT INTO ... SELECT ... FROM ...")
    if plan.split != "none" and (found.trained < 2 or found.tested < 1):
        count = found.trained + found.tested
        raise TrainingError(f"{count} rows are too few for a train and a test part. Insert more, or use split='none'.")
    if plan.task == "classification" and len(found.labels) < 2:
        label = shown(next(iter(found.labels), None))
        raise TrainingError(f"the train part holds only the class {label}. Insert rows of another class.")


def _count_classes(
    labels: dict[Any, int],
    by_class: dict[Any, tuple[int, int]],
    values: Sequence[Any],
    numbers: Sequence[int],
    ids: Sequence[int],
) -> None:
    """Count the classes of a chunk, and keep of each the row with the lowest number."""
    for label, count in Counter(values).items():
        labels[label] = labels.get(label, 0) + count
    if len(labels) > MAX_CLASSES:
        raise TrainingError(
            f"the target has more than {MAX_CLASSES} different values. Use ml_regression for a number. Is it a key?"
        )
    for label, number, row in zip(values, numbers, ids, strict=True):
        if label not in by_class or number < by_class[label][0]:
            by_class[label] = number, row


def _extend(spans: list[Span], ids: Ids) -> None:
    """Add blocks of the ids of a chunk, which ascend; join pairs of blocks where they become too many."""
    starts = range(0, len(ids), BLOCK)
    spans += [(int(ids[start]), int(ids[min(start + BLOCK, len(ids)) - 1])) for start in starts]
    if len(spans) > MAX_BLOCKS:
        spans[:] = [(low, spans[min(place + 1, len(spans) - 1)][1]) for place, (low, _) in enumerate(spans)][::2]


def mixed_order(spans: Sequence[Span], together: int, seed: int) -> Iterator[list[Span]]:
    """Yield groups of `together` blocks in random order: rows may stand sorted by the very class."""
    order = np.random.RandomState(seed).permutation(len(spans)).tolist()
    for start in range(0, len(order), together):
        yield sorted(spans[place] for place in order[start : start + together])
