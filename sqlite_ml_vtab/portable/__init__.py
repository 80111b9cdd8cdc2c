"""The portable model: stored as plain arrays, evaluated by numpy, independent of any library's version."""

from sqlite_ml_vtab.portable.cache import ScorerCache
from sqlite_ml_vtab.portable.codec import MAX_BYTES, digest
from sqlite_ml_vtab.portable.model import REFIT, Golden, Model, from_bytes, to_bytes
from sqlite_ml_vtab.portable.scoring import Scorer

__all__ = ["MAX_BYTES", "REFIT", "Golden", "Model", "Scorer", "ScorerCache", "digest", "from_bytes", "to_bytes"]
