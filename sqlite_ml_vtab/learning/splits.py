"""SPLITS: how rows are divided into a train part and a test part."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from sqlite_ml_vtab.declaration import TASKS, Declaration, Role
from sqlite_ml_vtab.errors import TrainingError, shown
from sqlite_ml_vtab.learning.rows import TrainingRows

Places: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
"""Places of rows in TrainingRows, ascending."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A division of the rows."""

    train: Places
    test: Places
    """Empty for split='none'."""
    notes: tuple[str, ...] = ()
    """What the user should know of it."""


def default_split(declaration: Declaration) -> str:
    """Return the split that stands when none is written: what the declared columns ask for, else by the task."""
    for role, name in ((Role.SPLIT, "column"), (Role.GROUP, "group"), (Role.ORDER, "last")):
        if declaration.one(role):
            return name
    return TASKS[declaration.task].split


def split_rows(name: str, rows: TrainingRows, codes: Places | None, test_size: float | int, seed: int) -> Parts:
    """Divide `rows` by the split called `name`.

    `codes` are the classes of the rows, None for regression. Raises TrainingError where a part would be too small.
    """
    parts = SPLITS[name](rows, codes, test_size, seed)
    if name != "none" and (len(parts.train) < 2 or len(parts.test) < 1):
        count = "1 row is" if len(rows.ids) == 1 else f"{len(rows.ids)} rows are"
        raise TrainingError(f"{count} too few for a train and a test part. Insert more rows, or use split='none'.")
    return parts


def test_count(rows: int, test_size: float | int) -> int:
    """Return how many of so many rows are tested.

    Raises TrainingError where it would leave nothing to train on.
    """
    count = math.ceil(rows * test_size) if test_size < 1 else int(test_size)
    if count > rows - 2 and rows > 2:
        raise TrainingError(
            f"test_size={test_size} leaves too little to train on, of {rows} rows. Use a fraction such as 0.25."
        )
    return min(count, rows)


def _none(rows: TrainingRows, codes: Places | None, test_size: float | int, seed: int) -> Parts:
    return Parts(np.arange(len(rows.ids)), np.arange(0))


def _shuffle(rows: TrainingRows, codes: Places | None, test_size: float | int, seed: int) -> Parts:
    count = len(rows.ids)
    return _parts(np.random.RandomState(seed).permutation(count)[: test_count(count, test_size)], count)


def _last(rows: TrainingRows, codes: Places | None, test_size: float | int, seed: int) -> Parts:
    count = len(rows.ids)
    return _parts(np.arange(count)[count - test_count(count, test_size) :], count)


def _stratified(rows: TrainingRows, codes: Places | None, test_size: float | int, seed: int) -> Parts:
    """Give each class its share of the test part, and at least one row in the train part."""
    assert codes is not None
    sizes = np.bincount(codes)
    shared = np.flatnonzero(sizes[codes] > 1)
    count, classes = test_count(len(codes), test_size), int((sizes > 1).sum())
    notes = _single_note(rows, codes, sizes)
    if count < classes or len(shared) - count < classes:
        note = f"too few rows to divide {len(sizes)} classes alike; rows were drawn without regard to class"
        return _keep_classes(_shuffle(rows, codes, test_size, seed), codes, (*notes, note))
    test = stratified_draw(codes[shared], count, seed)
    return _keep_classes(_parts(shared[test], len(codes)), codes, notes)


def stratified_draw(codes: Places, count: int, seed: int) -> Places:
    """Return the places that sklearn.model_selection.StratifiedShuffleSplit draws for a test part of `count` rows.

    Its own lists of Python's numbers take longer, for a million rows, than reading half of them.
    """
    random = np.random.RandomState(seed)
    sizes = np.bincount(codes)
    sizes = sizes[sizes > 0]
    trained = _shares(sizes, len(codes) - count, random)
    tested = _shares(sizes - trained, count, random)
    classes = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    drawn = zip(classes, trained.tolist(), tested.tolist(), strict=True)
    return np.concatenate([rows[random.permutation(len(rows))[first : first + more]] for rows, first, more in drawn])


def _shares(sizes: Places, count: int, random: np.random.RandomState) -> Places:
    """Divide `count` among classes of these sizes, what is left over to those whose share was cut most."""
    exact = sizes / sizes.sum() * count
    shares = np.floor(exact)
    left = int(count - shares.sum())
    for cut in np.unique(exact - shares)[::-1].tolist():
        alike = np.flatnonzero(exact - np.floor(exact) == cut)
        chosen = random.choice(alike, size=min(len(alike), left), replace=False) if left > 0 else alike[:0]
        shares[chosen] += 1
        left -= len(chosen)
    return np.asarray(shares, dtype=np.int64)


def _single_note(rows: TrainingRows, codes: Places, sizes: Places) -> tuple[str, ...]:
    single = np.flatnonzero(sizes == 1)
    if not len(single):
        return ()
    label = shown(rows.target[int(np.flatnonzero(codes == single[0])[0])])
    more = f" and {len(single) - 1} more" if len(single) > 1 else ""
    return (f"class {label}{more} has a single row; it was put into the train part, and nothing tests it",)


def _keep_classes(parts: Parts, codes: Places, notes: tuple[str, ...]) -> Parts:
    """Move one row of each class that would only be tested into the train part."""
    lost = np.setdiff1d(np.flatnonzero(np.bincount(codes[parts.test])), codes[parts.train]).tolist()
    if not lost:
        return Parts(parts.train, parts.test, notes)
    test = list(parts.test.tolist())
    for code in lost:
        test.remove(next(place for place in test if codes[place] == code))
    return Parts(*_divide(np.array(test, dtype=np.int64), len(codes)), notes)


def _group(rows: TrainingRows, codes: Places | None, test_size: float | int, seed: int) -> Parts:
    """Draw whole groups until the test part has its share; a row without a group is a group of its own."""
    groups: list[Any] = [
        ("row", place) if group is None else ("group", group) for place, group in enumerate(rows.sides[Role.GROUP])
    ]
    sizes = Counter(groups)
    if len(sizes) < 2:
        raise TrainingError("split='group' needs two groups, got one. Insert rows of another group.")
    wanted = test_count(len(groups), test_size)
    chosen = _draw_groups(list(sizes), sizes, wanted, seed)
    return _parts(np.array([place for place, group in enumerate(groups) if group in chosen]), len(groups))


def _draw_groups(names: Sequence[Any], sizes: Counter[Any], wanted: int, seed: int) -> set[Any]:
    """Return groups in random order as long as each brings the number of rows nearer to `wanted`."""
    chosen: set[Any] = set()
    total = 0
    for place in np.random.RandomState(seed).permutation(len(names)).tolist():
        size = sizes[names[place]]
        if len(chosen) < len(names) - 1 and abs(total + size - wanted) < abs(total - wanted):
            chosen.add(names[place])
            total += size
    if not chosen:
        chosen.add(min(names, key=sizes.__getitem__))
    return chosen


def _column(rows: TrainingRows, codes: Places | None, test_size: float | int, seed: int) -> Parts:
    """Do as the SPLIT column says; a row where it is NULL stands in neither part."""
    said = [value if value is None else str(value).strip().lower() for value in rows.sides[Role.SPLIT]]
    for place, value in enumerate(said):
        if value not in {None, "train", "test"}:
            raise TrainingError(
                f"the SPLIT column says {shown(value)} in row {rows.ids[place]}. Write 'train' or 'test'."
            )
    train, test = (np.array([i for i, value in enumerate(said) if value == name], dtype=np.int64) for name in _NAMES)
    if not len(train) or not len(test):
        missing = "train" if not len(train) else "test"
        raise TrainingError(f"the SPLIT column says {missing!r} in no row. Write it in some, or use split='none'.")
    _check_groups(rows, train, test)
    return Parts(train, test)


_NAMES = ("train", "test")


def _check_groups(rows: TrainingRows, train: Places, test: Places) -> None:
    groups = rows.sides.get(Role.GROUP)
    if groups is None:
        return
    trained = {groups[place] for place in train} - {None}
    torn = [groups[place] for place in test if groups[place] in trained]
    if torn:
        raise TrainingError(f"group {shown(torn[0])} stands in both parts of the SPLIT column. Keep it whole.")


def _parts(test: Places, count: int) -> Parts:
    return Parts(*_divide(test, count))


def _divide(test: Places, count: int) -> tuple[Places, Places]:
    """Return the places of the train part and of the test part, ascending."""
    tested = np.zeros(count, dtype=bool)
    tested[test] = True
    return np.flatnonzero(~tested), np.flatnonzero(tested)


SPLITS: dict[str, Callable[[TrainingRows, Places | None, float | int, int], Parts]] = {
    "stratified": _stratified,
    "shuffle": _shuffle,
    "last": _last,
    "group": _group,
    "column": _column,
    "none": _none,
}
"""By name: (rows, classes of the rows, test_size, seed) to the two parts."""
