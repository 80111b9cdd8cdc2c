"""FAMILIES: how the models of each family are stored and evaluated."""

from sqlite_ml_vtab.portable.families.base import Family, NotPortable
from sqlite_ml_vtab.portable.families.bayes import BAYES
from sqlite_ml_vtab.portable.families.centres import CENTRES
from sqlite_ml_vtab.portable.families.combined import COMBINED
from sqlite_ml_vtab.portable.families.constant import CONSTANT
from sqlite_ml_vtab.portable.families.density import DENSITY
from sqlite_ml_vtab.portable.families.discriminant import DISCRIMINANT
from sqlite_ml_vtab.portable.families.events import EVENTS
from sqlite_ml_vtab.portable.families.isotonic import ISOTONIC
from sqlite_ml_vtab.portable.families.kernel import KERNEL
from sqlite_ml_vtab.portable.families.linear import LINEAR
from sqlite_ml_vtab.portable.families.mlp import MLP
from sqlite_ml_vtab.portable.families.neighbors import NEIGHBORS
from sqlite_ml_vtab.portable.families.nonnegative import NONNEGATIVE
from sqlite_ml_vtab.portable.families.quadratic import QUADRATIC
from sqlite_ml_vtab.portable.families.trees import TREES

FAMILIES: dict[str, Family] = {
    "bayes": BAYES,
    "centres": CENTRES,
    "combined": COMBINED,
    "constant": CONSTANT,
    "density": DENSITY,
    "discriminant": DISCRIMINANT,
    "events": EVENTS,
    "isotonic": ISOTONIC,
    "kernel": KERNEL,
    "linear": LINEAR,
    "mlp": MLP,
    "neighbors": NEIGHBORS,
    "nonnegative": NONNEGATIVE,
    "quadratic": QUADRATIC,
    "trees": TREES,
}

__all__ = ["FAMILIES", "Family", "NotPortable"]
