"""DATASETS: the small data sets that scikit-learn carries, and the penguins, with readable names and labels."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set."""

    columns: tuple[tuple[str, str], ...]
    """The name and the declared type of each column, the target last."""
    rows: Callable[[], Iterator[Row]]
    """Reads the rows; nothing is read before it is called."""
    doc: str
    """One sentence."""


def _bundled(loader: str, *, integer: bool = False) -> Callable[[], Iterator[Row]]:
    """Return the reader of scikit-learn's `loader`: features, then the target, named classes by their names."""

    def rows() -> Iterator[Row]:
        import sklearn.datasets

        data = getattr(sklearn.datasets, loader)(**({"scaled": False} if loader == "load_diabetes" else {}))
        names = [str(name) for name in getattr(data, "target_names", [])] if loader not in _NUMERIC else []
        for values, target in zip(data.data.tolist(), data.target.tolist(), strict=True):
            answer = [names[target]] if names else target if isinstance(target, list) else [target]
            yield (*(map(int, values) if integer else values), *answer)

    return rows


_NUMERIC = ("load_diabetes", "load_linnerud", "load_digits")
"""The loaders whose target is a number."""


def _penguins() -> Iterator[Row]:
    """Yield the rows of penguins.csv, its empty fields as NULL."""
    path = resources.files("sqlite_ml_vtab") / "data" / "penguins.csv"
    with path.open(encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for island, *measures, sex, year, species in reader:
            numbers = [kind(text) if text else None for kind, text in zip(_MEASURES, measures, strict=True)]
            yield island or None, *numbers, sex or None, int(year), species


_MEASURES = (float, float, int, int)
"""The bill is measured in tenths of a millimetre, the flipper in millimetres, the body in grams."""


def _real(names: str, target: str, kind: str) -> tuple[tuple[str, str], ...]:
    return (*((name, "REAL") for name in names.split()), (target, kind))


_WINE = (
    "alcohol malic_acid ash alcalinity_of_ash magnesium total_phenols flavanoids nonflavanoid_phenols "
    "proanthocyanins color_intensity hue od280_od315_of_diluted_wines proline"
)
_CELL = "radius texture perimeter area smoothness compactness concavity concave_points symmetry fractal_dimension"
_CANCER = " ".join(f"{part}_{name}" for part in ("mean", "error", "worst") for name in _CELL.split())

DATASETS: dict[str, Dataset] = {
    "iris": Dataset(
        _real("sepal_length sepal_width petal_length petal_width", "class", "TEXT"),
        _bundled("load_iris"),
        "150 iris flowers of 3 species (Fisher 1936).",
    ),
    "wine": Dataset(_real(_WINE, "class", "TEXT"), _bundled("load_wine"), "178 wines of 3 growers, 13 measurements."),
    "breast_cancer": Dataset(
        _real(_CANCER, "diagnosis", "TEXT"),
        _bundled("load_breast_cancer"),
        "569 tumours, malignant or benign, 30 measurements of their cells.",
    ),
    "digits": Dataset(
        (*((f"pixel_{row}_{column}", "INTEGER") for row in range(8) for column in range(8)), ("digit", "INTEGER")),
        _bundled("load_digits", integer=True),
        "1797 handwritten digits of 8 by 8 pixels.",
    ),
    "diabetes": Dataset(
        _real("age sex bmi blood_pressure tc ldl hdl tch ltg glucose", "progression", "REAL"),
        _bundled("load_diabetes"),
        "442 patients and how their diabetes progressed in a year.",
    ),
    "linnerud": Dataset(
        (*_real("chins situps jumps weight", "waist", "REAL"), ("pulse", "REAL")),
        _bundled("load_linnerud"),
        "20 men: 3 exercises, and weight, waist and pulse.",
    ),
    "penguins": Dataset(
        (
            *(("island", "TEXT"), ("bill_length_mm", "REAL"), ("bill_depth_mm", "REAL")),
            *(("flipper_length_mm", "INTEGER"), ("body_mass_g", "INTEGER"), ("sex", "TEXT"), ("year", "INTEGER")),
            ("species", "TEXT"),
        ),
        _penguins,
        "344 penguins of 3 species, with NULLs, text and numbers (palmerpenguins, CC0).",
    ),
}
"""By name."""
