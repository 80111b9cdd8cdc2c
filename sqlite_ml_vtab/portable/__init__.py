"""The portable model: plain arrays, evaluated by numpy and ONNX Runtime, independent of what any library stores."""

from sqlite_ml_vtab.portable.cache import ScorerCache
from sqlite_ml_vtab.portable.codec import MAX_BYTES, digest
from sqlite_ml_vtab.portable.families.base import MatrixScores
from sqlite_ml_vtab.portable.intervals import Conformal
from sqlite_ml_vtab.portable.model import LISTED, REFIT, AnyModel, Golden, JointModel, Model
from sqlite_ml_vtab.portable.pattern import Pattern
from sqlite_ml_vtab.portable.pattern_scoring import AnyScorer, PatternScorer
from sqlite_ml_vtab.portable.scoring import JointScorer, Scorer
from sqlite_ml_vtab.portable.stored import StoredModel, StoredScorer, from_bytes, members, scorer_of, to_bytes

__all__ = [
    "LISTED",
    "MAX_BYTES",
    "REFIT",
    "AnyModel",
    "AnyScorer",
    "Conformal",
    "Golden",
    "JointModel",
    "JointScorer",
    "MatrixScores",
    "Model",
    "Pattern",
    "PatternScorer",
    "Scorer",
    "ScorerCache",
    "StoredModel",
    "StoredScorer",
    "digest",
    "from_bytes",
    "members",
    "scorer_of",
    "to_bytes",
]
