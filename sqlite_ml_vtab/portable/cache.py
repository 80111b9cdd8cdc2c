"""Decoded models, kept by the digest of their bytes: ids come back after ROLLBACK, a digest does not."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from sqlite_ml_vtab.portable.stored import StoredScorer


class ScorerCache:
    """The scorers used last, up to so many bytes of model. Shared by all connections and threads of a process."""

    def __init__(self, limit: int) -> None:
        """Keep models of at most `limit` bytes together; one is always kept."""
        self.limit = limit
        self._scorers: OrderedDict[str, tuple[StoredScorer, int]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, digest: str) -> StoredScorer | None:
        """Return the scorer of the model with this digest, None where it is not here."""
        with self._lock:
            found = self._scorers.get(digest)
            if found is None:
                return None
            self._scorers.move_to_end(digest)
            return found[0]

    def put(self, digest: str, scorer: StoredScorer, size: int) -> None:
        """Keep `scorer`, of a model of `size` bytes; the ones used longest ago go."""
        with self._lock:
            self._drop(digest)
            self._scorers[digest] = (scorer, size)
            self._bytes += size
            while self._bytes > self.limit and len(self._scorers) > 1:
                self._drop(next(iter(self._scorers)))

    def _drop(self, digest: str) -> None:
        _, size = self._scorers.pop(digest, (None, 0))
        self._bytes -= size
