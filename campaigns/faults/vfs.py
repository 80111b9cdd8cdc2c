"""A VFS whose disk fails at the operation it is told to: SQLite sees what a broken, full or dying disk would say."""

from __future__ import annotations

from dataclasses import dataclass, field

import apsw

NAME = "faulty"

ERRORS = {
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "delete": apsw.SQLITE_IOERR_DELETE,
    "open": apsw.SQLITE_CANTOPEN,
}
"""The operations that can fail, and what SQLite calls the failure."""


@dataclass(slots=True)
class Disk:
    """What the disk does: it counts its operations, and fails at one of them, or from one on."""

    kind: str = ""
    """``error``, ``full`` or ``torn`` (half of a write arrives, then it fails); '' where nothing fails."""
    place: int = -1
    """The number of the operation that fails, from 0."""
    dies: bool = False
    """Whether every later operation fails too, as if the process had died there."""
    operations: list[str] = field(default_factory=list)
    """What was asked of the disk so far."""

    def is_met(self) -> bool:
        """Return whether the failure has come about."""
        return 0 <= self.place < len(self.operations)

    def fails(self, operation: str) -> bool:
        """Count an operation; return whether it fails."""
        here = len(self.operations)
        self.operations.append(operation)
        return bool(self.kind) and (here == self.place or (self.dies and here > self.place >= 0))

    def error(self, operation: str) -> Exception:
        """Return what is raised for a failed operation."""
        if self.kind == "full" and operation in ("write", "truncate", "sync"):
            return apsw.FullError("the disk is full")
        made: apsw.Error = (apsw.CantOpenError if operation == "open" else apsw.IOError)(f"{operation} failed")
        made.extendedresult = ERRORS[operation]
        return made

    def check(self, operation: str) -> None:
        """Raise where this operation fails."""
        if self.fails(operation):
            raise self.error(operation)


class Faulty(apsw.VFS):
    """The default VFS over a `Disk`."""

    def __init__(self) -> None:
        """Register it as `NAME`."""
        self.disk = Disk()
        super().__init__(NAME, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file whose operations may fail."""
        self.disk.check("open")
        return FaultyFile(self.disk, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:
        """Delete a file."""
        self.disk.check("delete")
        super().xDelete(name, syncdir)


class FaultyFile(apsw.VFSFile):
    """A file on a `Disk`."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        """Open it by the default VFS."""
        self._disk = disk
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        """Read."""
        self._disk.check("read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write, or half of it."""
        if self._disk.fails("write"):
            if self._disk.kind == "torn" and len(self._disk.operations) == self._disk.place + 1:
                super().xWrite(data[: len(data) // 2], offset)
            raise self._disk.error("write")
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        """Cut off."""
        self._disk.check("truncate")
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        """Make durable."""
        self._disk.check("sync")
        super().xSync(flags)
