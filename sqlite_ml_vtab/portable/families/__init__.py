"""FAMILIES: how the models of each family are stored and evaluated.

A family is imported when it is first asked for: a prediction by one does not wait for the others. Its module is the one
that MODULES names; a name that comes out of a file is looked up there, and imports nothing else.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module

from sqlite_ml_vtab.portable.families.base import Family, NotPortable

MODULES = {
    "bayes": f"{__name__}.bayes",
    "centres": f"{__name__}.centres",
    "combined": f"{__name__}.combined",
    "constant": f"{__name__}.constant",
    "density": f"{__name__}.density",
    "discriminant": f"{__name__}.discriminant",
    "events": f"{__name__}.events",
    "isotonic": f"{__name__}.isotonic",
    "kernel": f"{__name__}.kernel",
    "linear": f"{__name__}.linear",
    "mlp": f"{__name__}.mlp",
    "neighbors": f"{__name__}.neighbors",
    "nonnegative": f"{__name__}.nonnegative",
    "quadratic": f"{__name__}.quadratic",
    "trees": f"{__name__}.trees",
}
"""By name, the module that has the family, under the same name in capitals."""


class _Families(Mapping[str, Family]):
    """The families by name, each imported when it is first asked for."""

    def __init__(self) -> None:
        self._imported: dict[str, Family] = {}

    def __getitem__(self, name: str) -> Family:
        found = self._imported.get(name)
        if found is None:
            found = self._imported[name] = getattr(import_module(MODULES[name]), name.upper())
        return found

    def __contains__(self, name: object) -> bool:
        return name in MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


FAMILIES: Mapping[str, Family] = _Families()

__all__ = ["FAMILIES", "MODULES", "Family", "NotPortable"]
