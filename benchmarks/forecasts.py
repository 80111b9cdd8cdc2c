"""How well ml_forecast forecasts real series: `python benchmarks/forecasts.py`.

Needs statsmodels and vega_datasets, whose series it reads (see series.py). Of each series the last part is held back.
ml_forecast is trained once, at its defaults, on what comes before; then it is asked at ten origins, the rows up to each
inserted. The rivals are fitted anew at every origin: Theta, and exponential smoothing (additive trend, damped, and a
season of at most 24 steps), both of statsmodels. The figure is MASE, the mean over origins, steps and series; below,
the geometric mean of the ratio to the better of naive and seasonal naive.
"""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import apsw
import numpy as np
from series import Rows, series
from threadpoolctl import threadpool_limits

import sqlite_ml_vtab

ORIGINS = 10
MAX_SERIES = 6
OURS = {
    "ml_forecast": {},
    "direct": {"strategy": "direct"},
    "random_forest": {"algorithm": "random_forest"},
    "boosting": {"algorithm": "hist_gradient_boosting"},
}
NAMES = [*OURS, "theta", "smoothing", "naive", "seasonal"]


def main() -> None:
    """Print a line for each series, and the means."""
    warnings.simplefilter("ignore")
    ratios = defaultdict(list)
    print("| series | steps | " + " | ".join(NAMES) + " |\n|---|---:|" + "---:|" * len(NAMES))
    held = []
    for name, rows in series():
        held.append(coverage(_fewer(rows)))
        found = measured(_fewer(rows))
        best = min(found["naive"], found["seasonal"])
        for method in NAMES:
            ratios[method].append(found[method] / best)
        print(
            f"| {name} | {len(rows):,} | " + " | ".join(f"{found[method]:.2f}" for method in NAMES) + " |", flush=True
        )
    means = (f"{np.exp(np.mean(np.log(ratios[method]))):.2f}" for method in NAMES)
    print("| ratio to the better naive |  | " + " | ".join(means) + " |")
    print(f"\nIntervals of 0.9 hold {np.mean(held):.3f} of the truths ({min(held):.2f} to {max(held):.2f}).")


def _fewer(rows: Rows) -> Rows:
    kept = list(dict.fromkeys(name for _, name, _ in rows))[:MAX_SERIES]
    return [row for row in rows if row[1] in kept]


def measured(rows: Rows) -> dict[str, float]:
    """Return the MASE of each method on the last part of every series of `rows`."""
    by_series: dict[str, Rows] = defaultdict(list)
    for row in sorted(rows):
        by_series[row[1]].append(row)
    shortest = min(map(len, by_series.values()))
    tested = max(4, min(shortest // 4, 200))
    season, horizon = _shape(rows, by_series, tested)
    origins = np.unique(np.linspace(-tested, -horizon, ORIGINS).astype(int)).tolist()
    errors: dict[str, list[float]] = defaultdict(list)
    for name, options in OURS.items():
        said = _ours(by_series, tested, horizon, origins, options)
        for key, values in said.items():
            _note(errors[name], by_series[key[0]], key[1], values, season, tested)
    for known in by_series.values():
        values = [value for _, _, value in known]
        for origin in origins:
            history = np.array(values[: len(values) + origin])
            for name, forecast in RIVALS.items():
                _note(errors[name], known, origin, forecast(history, season, horizon), season, tested)
    return {name: float(np.mean(found)) for name, found in errors.items()}


def _note(errors: list[float], known: Rows, origin: int, said: Sequence[float], season: int, tested: int) -> None:
    values = np.array([value for _, _, value in known])
    before = values[:-tested]
    unit = np.abs(before[season:] - before[:-season]).mean()
    truth = values[len(values) + origin :][: len(said)]
    errors.append(float(np.abs(np.array(said[: len(truth)]) - truth).mean() / unit))


def _table(options: dict[str, Any], rows: Rows) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    sqlite_ml_vtab.load(db)
    db.execute("CREATE VIRTUAL TABLE t USING ml_forecast(at DATE ORDER, series TEXT GROUP, value REAL TARGET)")
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    db.execute("INSERT INTO t(t, options) VALUES ('train', ?)", (json.dumps(options),))
    return db


def _shape(rows: Rows, by_series: dict[str, Rows], tested: int) -> tuple[int, int]:
    """Return the season and the horizon that ml_forecast finds."""
    db = _table({}, [row for known in by_series.values() for row in known[:-tested]])
    horizon = min(tested, db.execute("SELECT max(ahead) FROM t(NULL)").get)
    db.close()
    first, second = (np.datetime64(rows[place][0].replace(" ", "T")).astype("datetime64[h]") for place in (0, 1))
    hours = (second - first).astype(int)
    season = next(
        (m for least, m in ((8000, 1), (2000, 4), (600, 12), (160, 52), (24, 7), (1, 24)) if hours >= least), 1
    )
    return (season if 3 * season < min(map(len, by_series.values())) - tested else 1), horizon


def _ours(
    by_series: dict[str, Rows], tested: int, horizon: int, origins: list[int], options: dict[str, Any]
) -> dict[tuple[str, int], list[float]]:
    db = _table(options, [row for known in by_series.values() for row in known[:-tested]])
    said, shown = {}, -tested
    for origin in origins:
        with db:
            db.executemany(
                "INSERT INTO t VALUES (?, ?, ?)", [row for known in by_series.values() for row in known[shown:origin]]
            )
        shown = origin
        for name in by_series:
            asked = db.execute("SELECT value FROM t(NULL, ?, ?)", (horizon, name))
            said[name, origin] = [value for (value,) in asked]
    db.close()
    return said


def coverage(rows: Rows) -> float:
    """Return the share of truths of the held-back part that lie between `lower` and `upper`, from twice the origins."""
    by_series: dict[str, Rows] = defaultdict(list)
    for row in sorted(rows):
        by_series[row[1]].append(row)
    tested = max(4, min(min(map(len, by_series.values())) // 4, 200))
    _, horizon = _shape(rows, by_series, tested)
    db = _table({}, [row for known in by_series.values() for row in known[:-tested]])
    inside, shown = [], -tested
    for origin in np.unique(np.linspace(-tested, -horizon, 2 * ORIGINS).astype(int)).tolist():
        with db:
            db.executemany(
                "INSERT INTO t VALUES (?, ?, ?)", [row for known in by_series.values() for row in known[shown:origin]]
            )
        shown = origin
        for name, known in by_series.items():
            truth = [value for _, _, value in known[len(known) + origin :]]
            bounds = db.execute("SELECT lower, upper FROM t(NULL, ?, ?)", (horizon, name))
            inside += [low <= value <= high for (low, high), value in zip(bounds, truth, strict=False)]
    db.close()
    return float(np.mean(inside))


def _naive(history: Any, season: int, horizon: int) -> Sequence[float]:
    return [history[-1]] * horizon


def _seasonal(history: Any, season: int, horizon: int) -> Sequence[float]:
    return list(np.resize(history[-season:], horizon))


def _theta(history: Any, season: int, horizon: int) -> Sequence[float]:
    from statsmodels.tsa.forecasting.theta import ThetaModel

    fitted = ThetaModel(history, period=max(season, 1), deseasonalize=season > 1).fit()
    return np.asarray(fitted.forecast(horizon)).tolist()


def _smoothing(history: Any, season: int, horizon: int) -> Sequence[float]:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    warnings.simplefilter("ignore")  # statsmodels turns its own back on when it is imported
    has_season = 1 < season <= 24
    model = ExponentialSmoothing(
        history,
        trend="add",
        damped_trend=True,
        seasonal="add" if has_season else None,
        seasonal_periods=season if has_season else None,
    )
    return np.asarray(model.fit().forecast(horizon)).tolist()


RIVALS: dict[str, Callable[[Any, int, int], Sequence[float]]] = {
    "theta": _theta,
    "smoothing": _smoothing,
    "naive": _naive,
    "seasonal": _seasonal,
}


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
