"""Made-up messy tables: many categories in several scripts, dates, NULLs that mean something, skewed numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

_SYLLABLES = {
    "latin": ["bre", "stol", "mün", "çan", "lo", "vár", "øst", "riga", "ham", "ton"],
    "cyrillic": ["но", "во", "град", "ми", "лен", "ска", "я", "бе", "ро", "зов"],
    "greek": ["θή", "βα", "λα", "μία", "νί", "κη", "σπά", "ρτη", "ρό", "δος"],
    "arabic": ["با", "دي", "مر", "نو", "سا", "قر", "طب", "عين", "لي", "حم"],
    "chinese": ["北", "南", "京", "海", "山", "河", "州", "安", "平", "东"],
}


def churn() -> pd.DataFrame:
    """Return customers who left or stayed: 300 cities, dates, skewed spending, NULLs more often where they left."""
    rng = np.random.RandomState(1)
    count = 2000
    city = _skewed_picks(rng, 300, count)
    plan = rng.choice(["basic", "plus", "профи", "企业"], count, p=[0.5, 0.3, 0.15, 0.05])
    joined = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.randint(0, 1500, count), unit="D")
    seen = joined + pd.to_timedelta(rng.exponential(200, count).astype(int), unit="D")
    spent = rng.lognormal(4, 1.5, count)
    calls = rng.poisson(2, count).astype(float)
    idle = (pd.Timestamp("2024-06-01") - seen).days.to_numpy() / 600
    risk = rng.normal(0, 1, 300)[city] + idle - 0.5 * np.log(spent) + 0.4 * calls - 1.0 * (plan == "企业")
    left = risk + rng.logistic(0, 0.7, count) > np.median(risk) + 0.7
    calls[rng.rand(count) < np.where(left, 0.3, 0.05)] = np.nan
    return pd.DataFrame(
        {
            "customer": [f"C-{number:06d}" for number in rng.permutation(count)],
            "city": _with_nulls(rng, _names(rng, 300)[city], 0.05),
            "plan": _with_nulls(rng, plan, 0.1),
            "joined": joined.strftime("%Y-%m-%d"),
            "last_seen": _with_nulls(rng, seen.strftime("%Y-%m-%d").to_numpy(), 0.15),
            "spent": np.where(rng.rand(count) < 0.1, np.nan, spent.round(2)),
            "calls": calls,
            "age": rng.randint(18, 90, count),
            "left": np.where(left, "yes", "no"),
        }
    )


def tickets() -> pd.DataFrame:
    """Return support tickets in 5 unequal queues: short texts that repeat, the hour of day, NULLs."""
    rng = np.random.RandomState(2)
    count = 900
    queues = np.array(["billing", "войти", "配送", "returns", "أخرى"])
    queue = rng.choice(5, count, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    subjects = _names(rng, 120)
    topic = np.where(rng.rand(count) < 0.6, queue * 24 + rng.randint(0, 24, count), rng.randint(0, 120, count))
    hour = (rng.normal(9 + 2.5 * queue, 2.5) % 24).astype(int)
    opened = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(0, 366, count) * 24 + hour, unit="h")
    worth = rng.lognormal(3 + 0.6 * (queue == 3), 1.2)
    return pd.DataFrame(
        {
            "subject": _with_nulls(rng, subjects[topic], 0.1),
            "opened": opened.strftime("%Y-%m-%d %H:%M:%S"),
            "channel": _with_nulls(rng, rng.choice(["mail", "phone", "chat"], count), 0.3),
            "worth": np.where(rng.rand(count) < np.where(queue == 1, 0.7, 0.1), np.nan, worth),
            "earlier": rng.poisson(1 + (queue == 0)),
            "queue": queues[queue],
        }
    )


def orders() -> pd.DataFrame:
    """Return orders whose amount is skewed: 300 products, a season, a weekday, a discount code that is mostly NULL."""
    rng = np.random.RandomState(3)
    count = 1500
    product = _skewed_picks(rng, 300, count)
    quantity = rng.geometric(0.35, count)
    day = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.randint(0, 1095, count), unit="D")
    season = 0.3 * np.sin(2 * np.pi * day.dayofyear.to_numpy() / 365) + 0.2 * (day.dayofweek.to_numpy() >= 5)
    code = rng.choice(np.array(["WELCOME", "夏日", "ЛЕТО", None], dtype=object), count, p=[0.1, 0.05, 0.05, 0.8])
    cheaper = np.where(pd.isna(code), 0.0, -0.4)
    amount = np.exp(rng.normal(3, 0.8, 300)[product] + 0.8 * np.log(quantity) + season + cheaper)
    return pd.DataFrame(
        {
            "product": _names(rng, 300)[product],
            "quantity": np.where(rng.rand(count) < 0.08, np.nan, quantity),
            "day": day.strftime("%Y-%m-%d"),
            "code": code,
            "country": _with_nulls(rng, rng.choice(["DE", "RU", "中国", "مصر", "GR"], count), 0.1),
            "weight_g": rng.lognormal(6, 1.5, count).round(),
            "amount": (amount * rng.lognormal(0, 0.2, count)).round(2),
        }
    )


def sensors() -> pd.DataFrame:
    """Return readings with wild outliers and a third of the values NULL; two of the sensors act only together."""
    rng = np.random.RandomState(4)
    count = 1200
    values = rng.normal(0, 1, (count, 8))
    load = 2 * values[:, 0] + np.where(values[:, 1] > 0, values[:, 2], -values[:, 2]) + np.abs(values[:, 3])
    measured = values.copy()
    measured[rng.rand(count, 8) < 0.01] *= 1e5
    measured[rng.rand(count, 8) < 0.3] = np.nan
    frame = pd.DataFrame(measured, columns=[f"sensor_{place}" for place in range(8)])
    return frame.assign(site=rng.choice(["north", "юг", "西"], count), load=load + rng.normal(0, 0.5, count))


def _names(rng: np.random.RandomState, count: int) -> np.ndarray:
    """Return different names of 2 to 4 syllables, each in one script."""
    scripts = list(_SYLLABLES.values())
    names: dict[str, None] = {}
    while len(names) < count:
        names["".join(rng.choice(scripts[rng.randint(len(scripts))], rng.randint(2, 5)))] = None
    return np.array(list(names), dtype=object)


def _skewed_picks(rng: np.random.RandomState, choices: int, count: int) -> np.ndarray:
    """Return picks of 0 to `choices` - 1, a few of which are common and most rare."""
    chances = 1 / np.arange(1, choices + 1) ** 0.8
    return rng.choice(choices, count, p=chances / chances.sum())


def _with_nulls(rng: np.random.RandomState, values: np.ndarray, share: float) -> np.ndarray:
    return np.where(rng.rand(len(values)) < share, None, np.asarray(values, dtype=object))
