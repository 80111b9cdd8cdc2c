"""Comparisons on the same splits: a difference between two contenders, and how far chance alone would move it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

TEST_SIZE = 0.25

LOWER_IS_BETTER = {"log_loss"}

WORST_R2 = -1.0
"""A lower r2_score counts as this: below it, how bad is noise."""

MUCH = 0.02
"""A shortfall of more than this is too much."""


def scores(measured: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a metric by (table, seed) and contender; of tables where a contender failed, what is there."""
    found = measured.pivot_table(index=["table", "seed"], columns="contender", values=metric)
    return found.clip(lower=WORST_R2) if metric == "r2_score" else found


def versus(measured: pd.DataFrame, metric: str, ours: str, others: Sequence[str]) -> pd.DataFrame:
    """Return by table our mean score, the best of `others`, our lead over it and the standard error of that.

    The best is picked by its mean on these very splits, which flatters it.
    """
    rows = {}
    for table, found in scores(measured, metric).groupby(level="table", sort=False):
        means = found[list(others)].mean()
        best = means.idxmin() if metric in LOWER_IS_BETTER else means.idxmax()
        lead = (found[ours] - found[best]) * (-1 if metric in LOWER_IS_BETTER else 1)
        rows[table] = [found[ours].mean(), means[best], lead.mean(), split_error(lead.to_numpy()), best]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["ours", "best", "lead", "error", "by"])


def split_error(leads: np.ndarray) -> float:
    """Return the standard error of a mean over random splits of one table, which share most of their rows.

    Nadeau and Bengio (2003), Inference for the Generalization Error, section 3: the variance of the mean of J splits
    is 1/J + test rows / training rows times that of one.
    """
    if len(leads) < 2:
        return float("nan")
    return float(np.sqrt((1 / len(leads) + TEST_SIZE / (1 - TEST_SIZE)) * leads.var(ddof=1)))


def table_error(leads: pd.Series) -> float:
    """Return the standard error of a mean over tables."""
    return float(leads.std(ddof=1) / np.sqrt(len(leads)))


def lost(leads: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return which tables lag by more than MUCH, and which of them by more than two standard errors as well."""
    much = leads["lead"] < -MUCH
    return much, much & (leads["lead"] < -2 * leads["error"])
