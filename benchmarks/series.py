"""Real series that installed packages carry, as (name, rows); nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Rows = list[tuple[Any, ...]]
"""(date, series, value)."""


def series() -> Iterator[tuple[str, Rows]]:
    """Yield every series, or family of series, whose package is installed: statsmodels and vega_datasets."""
    yield from _of_statsmodels()
    yield from _of_vega()


def _of_statsmodels() -> Iterator[tuple[str, Rows]]:
    from statsmodels import datasets

    def load(name: str) -> Any:
        return getattr(datasets, name).load_pandas().data

    co2 = load("co2")["co2"].dropna()
    yield "co2, weekly", _rows(co2.index, co2)
    monthly = co2.resample("MS").mean().dropna()
    yield "co2, monthly", _rows(monthly.index, monthly)
    spots = load("sunspots")
    yield "sunspots, yearly", [(f"{int(year)}-01-01", "", value) for year, value in spots.to_numpy()]
    nile = load("nile")
    yield "nile, yearly", [(f"{int(year)}-01-01", "", value) for year, value in nile.to_numpy()]
    elnino = load("elnino").to_numpy()
    yield (
        "el nino, monthly",
        [(f"{int(row[0])}-{month:02d}-01", "", value) for row in elnino for month, value in enumerate(row[1:], 1)],
    )
    macro = load("macrodata")
    quarters = [f"{int(y)}-{int(q) * 3 - 2:02d}-01" for y, q in zip(macro["year"], macro["quarter"], strict=True)]
    for column in ("realgdp", "unemp", "infl"):
        yield f"macro {column}, quarterly", [(at, "", float(v)) for at, v in zip(quarters, macro[column], strict=True)]


def _of_vega() -> Iterator[tuple[str, Rows]]:
    from vega_datasets import local_data

    weather = local_data("seattle-weather")
    yield "seattle maximum, daily", _rows(weather["date"], weather["temp_max"])
    temps = local_data("seattle-temps")
    yield "seattle, hourly", _rows(temps["date"].iloc[:2000], temps["temp"].iloc[:2000])
    stocks = local_data("stocks")
    yield (
        "5 stocks, monthly",
        [
            (str(at)[:10], name, float(v))
            for at, name, v in zip(stocks["date"], stocks["symbol"], stocks["price"], strict=True)
        ],
    )
    jobs = local_data("us-employment")
    names = [name for name in jobs.columns if name not in ("month", "nonfarm_change")]
    yield (
        f"{len(names)} branches' jobs, monthly",
        [(str(at)[:10], name, float(v)) for name in names for at, v in zip(jobs["month"], jobs[name], strict=True)],
    )
    power = local_data("iowa-electricity")
    yield (
        "3 sources of power, yearly",
        [
            (str(at)[:10], s, float(v))
            for at, s, v in zip(power["year"], power["source"], power["net_generation"], strict=True)
        ],
    )


def _rows(index: Any, values: Any) -> Rows:
    return [(at.isoformat(sep=" "), "", float(value)) for at, value in zip(index, values, strict=True)]
