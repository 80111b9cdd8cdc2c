"""Faults of the disk: each operation of each change fails once, in each way, under both journals.

A clean run counts the operations. Then, for one of them, the file is made anew, the operation fails, and the file is
opened again by an undisturbed connection. It must hold the state before the change or the state after it; where the
change succeeded, the latter; and the predictors in it must work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

import apsw

from campaigns.faults.changes import CHANGES, prepare, restore, run
from campaigns.faults.reports import Report, timed
from campaigns.faults.states import State, differences, opened, state, state_of, unusable
from campaigns.faults.vfs import NAME, Disk, Faulty

JOURNALS = ("delete", "wal")
WAYS = {
    "write": ("error", "full", "torn"),
    "sync": ("error", "full"),
    "truncate": ("error", "full"),
    "delete": ("error",),
    "open": ("error",),
    "read": ("error",),
}
"""How each operation can fail."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    change: str
    journal: str
    page: int
    """Bytes in a page: small ones make more writes of the same change."""
    cache: int
    """Pages kept in memory; with 1 the change reaches the disk before it is committed."""
    place: int
    operation: str
    kind: str
    dies: bool

    def __str__(self) -> str:
        """Say it in one line."""
        what = f"{self.operation} {self.kind}{', then all' if self.dies else ''}"
        return f"{self.change}, {self.journal}, page {self.page}, cache {self.cache}: operation {self.place}, {what}"


class Bench:
    """One change in one setting: its database, and the states before and after."""

    def __init__(self, folder: Path, vfs: Faulty, setting: tuple[str, str, int, int]) -> None:
        """Make the database."""
        self.setting = setting
        self._name, self._journal, page, self._cache = setting
        self._change = CHANGES[self._name]
        self._vfs = vfs
        self._path = folder / "disk.db"
        self._seen: State | None = None
        """What the connection that met the fault saw afterwards; None where it saw nothing more."""
        self._content = prepare(self._path, self._change, self._journal, page)
        self.before = state_of(self._path)

    @cached_property
    def operations(self) -> list[str]:
        """What an undisturbed run asks of the disk."""
        disk = Disk()
        assert self._attempt(disk) is None
        return disk.operations

    @cached_property
    def after(self) -> State:
        """The state after an undisturbed run."""
        restore(self._path, self._content)
        db = opened(self._path)
        run(db, self._change.sql)
        db.close()
        return state_of(self._path)

    def faults(self) -> Iterator[Fault]:
        """Yield every fault that there can be."""
        for place, operation in enumerate(self.operations):
            for kind in WAYS[operation]:
                for dies in (False, True):
                    yield Fault(*self.setting, place, operation, kind, dies)

    def verdict(self, fault: Fault) -> str | None:
        """Inject a fault; return '' where all is well, None where it did not come about, else what is wrong."""
        disk = Disk(fault.kind, fault.place, fault.dies)
        refused = self._attempt(disk)
        if not disk.is_met():
            return None
        if refused == "":
            return "an exception without a sentence"
        found = state_of(self._path)
        if self._seen is not None and self._seen != found:
            return f"refused: {refused}; the connection itself saw otherwise in {differences(self._seen, found)}"
        if found not in ((self.after,) if refused is None else (self.before, self.after)):
            return f"refused: {refused}; differs from before in {differences(found, self.before)}, " + (
                f"from after in {differences(found, self.after)}"
            )
        return unusable(self._path)

    def _attempt(self, disk: Disk) -> str | None:
        """Run the change on a disk; return the sentence with which it was refused, None where it was not."""
        restore(self._path, self._content)
        self._seen = None
        self._vfs.disk = disk
        db = None
        try:
            db = opened(self._path, NAME)
            if self._journal == "wal":
                # A VFS of apsw has no shared memory, and WAL does without where nobody else may enter.
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute(f"PRAGMA cache_size = {self._cache}")
            run(db, self._change.sql)
        except Exception as error:
            if db is not None and not disk.dies:
                disk.kind = ""
                self._seen = _afterwards(db)
            return str(error)
        finally:
            if db is not None:
                _leave(db, disk)
        return None


def _afterwards(db: apsw.Connection) -> State:
    """Return the state that a connection sees when it has rolled back, on a disk that works again."""
    if db.in_transaction:
        db.execute("ROLLBACK")
    return state(db)


def _leave(db: apsw.Connection, disk: Disk) -> None:
    """Close a connection, whatever the disk says."""
    try:
        db.close()
    except apsw.Error:
        disk.kind = ""
        db.close()


def settings(changes: list[str]) -> list[tuple[str, str, int, int]]:
    """Return every (change, journal, page size, cache size)."""
    return [
        (name, journal, page, cache)
        for page, cache in ((4096, 2000), (1024, 1))
        for name in changes
        for journal in JOURNALS
    ]


def campaign(folder: Path, size: int, seed: int, changes: list[str] | None = None) -> Report:
    """Inject `size` faults, an equal share into every change and setting, those that `seed` draws."""
    report, vfs, random = Report("disk faults"), Faulty(), Random(seed)  # noqa: S311
    wanted = settings(changes or list(CHANGES))
    with timed(report):
        for number, setting in enumerate(wanted):
            bench = Bench(folder, vfs, setting)
            share = size * (number + 1) // len(wanted) - size * number // len(wanted)
            _inject(report, bench, random, share)
    return report


def _inject(report: Report, bench: Bench, random: Random, share: int) -> None:
    every = list(bench.faults())
    random.shuffle(every)
    for fault in every:
        if share <= 0:
            break
        verdict = bench.verdict(fault)
        if verdict is None:
            continue
        share -= 1
        report.tried[f"{fault.journal}: {fault.operation} {fault.kind}"] += 1
        if verdict:
            report.failures.append(f"{fault}: {verdict}")
