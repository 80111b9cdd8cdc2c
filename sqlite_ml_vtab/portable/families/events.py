"""The events family: Bernoulli and categorical naive Bayes, a log probability for each code of each column."""

from __future__ import annotations

from itertools import pairwise
from operator import add
from typing import Any

import numpy as np

from sqlite_ml_vtab.portable.families.base import Family, Parameters, RowScores, array, names, require, word
from sqlite_ml_vtab.portable.values import Floats


def extract(estimator: Any) -> dict[str, Any]:
    """Take a BernoulliNB, whose codes are 0 and 1 (above the threshold), or a CategoricalNB."""
    prior = np.maximum(np.asarray(estimator.class_log_prior_, dtype=np.float64), -1e300)
    if hasattr(estimator, "binarize"):
        yes = np.asarray(estimator.feature_log_prob_, dtype=np.float64)
        no = np.log(1.0 - np.exp(yes))
        columns = [np.column_stack((no[:, j], yes[:, j])) for j in range(yes.shape[1])]
        threshold = None if estimator.binarize is None else float(estimator.binarize)
    else:
        columns = [np.asarray(table, dtype=np.float64) for table in estimator.feature_log_prob_]
        threshold = None
    starts = np.cumsum([0] + [column.shape[1] for column in columns]).astype("<i4")
    tables = np.hstack(columns)
    return {"link": "softmax", "tables": tables, "starts": starts, "prior": prior, "threshold": threshold}


def validate(parameters: Parameters, width: int, outputs: int) -> None:
    """Require at least one code a column, and a finite log probability for each."""
    names(parameters, "tables", "starts", "prior", "threshold")
    starts = array(parameters, "starts", "<i4", (width + 1,))
    # Compared, not subtracted: the difference of two places can overflow.
    require(starts[0] == 0 and bool((starts[1:] > starts[:-1]).all()), "codes of columns")
    array(parameters, "tables", "<f8", (outputs, int(starts[-1])))
    array(parameters, "prior", "<f8", (outputs,))
    threshold = parameters["threshold"]
    require(threshold is None or (type(threshold) in (int, float) and abs(threshold) < 1e300), "threshold")
    word(parameters, "link", "softmax")


def scores(parameters: Parameters, matrix: Floats) -> Floats:
    """Return the joint log likelihood of each class; a code beyond the last counts as the last, NaN as the first."""
    starts, tables, threshold = parameters["starts"], parameters["tables"], parameters["threshold"]
    total = np.zeros((len(matrix), len(tables)))
    for j, (start, last) in enumerate(zip(starts[:-1], np.diff(starts) - 1, strict=True)):
        column = matrix[:, j] if threshold is None else (matrix[:, j] > threshold).astype(np.float64)
        codes = np.where(column >= 0, np.minimum(column, last), 0.0).astype(np.int64)
        total += tables[:, start + codes].T
    return np.asarray(total + parameters["prior"])


def row(parameters: Parameters) -> RowScores:
    """Return the same for one row: for each column the log probabilities of every class, by code."""
    by_code, prior = parameters["tables"].T.tolist(), parameters["prior"].tolist()
    columns = [by_code[start:stop] for start, stop in pairwise(parameters["starts"].tolist())]
    threshold = parameters["threshold"]

    def one(x: list[float]) -> list[float]:
        total = [0.0] * len(prior)
        for value, codes in zip(x, columns, strict=True):
            code = value if threshold is None else float(value > threshold)
            likely = codes[int(min(code, len(codes) - 1)) if code >= 0 else 0]
            total = list(map(add, total, likely))
        return list(map(add, total, prior))

    return one


EVENTS = Family(extract, validate, scores, row)
