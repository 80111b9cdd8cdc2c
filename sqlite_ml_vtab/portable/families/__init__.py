"""FAMILIES: how the models of each family are stored and evaluated."""

from sqlite_ml_vtab.portable.families.base import Family, NotPortable
from sqlite_ml_vtab.portable.families.bayes import BAYES
from sqlite_ml_vtab.portable.families.constant import CONSTANT
from sqlite_ml_vtab.portable.families.linear import LINEAR
from sqlite_ml_vtab.portable.families.neighbors import NEIGHBORS
from sqlite_ml_vtab.portable.families.trees import TREES

FAMILIES: dict[str, Family] = {
    "bayes": BAYES,
    "constant": CONSTANT,
    "linear": LINEAR,
    "neighbors": NEIGHBORS,
    "trees": TREES,
}

__all__ = ["FAMILIES", "Family", "NotPortable"]
