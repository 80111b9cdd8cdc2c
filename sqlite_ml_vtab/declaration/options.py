"""OPTIONS: everything that may be written as name=value in CREATE, and in the options of train."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlite_ml_vtab.declaration.series_options import SERIES_OPTIONS
from sqlite_ml_vtab.errors import DeclarationError, choices, shown

MAX_COUNT = 1000
"""So many clusters or components may be asked for: each component is a column."""

SPLIT_NAMES = ("stratified", "shuffle", "last", "group", "column", "none")


class Option(NamedTuple):
    """One option: how its text is read, what stands when it is not written, and its documentation."""

    check: Callable[[Any], Any]
    """Text, or a JSON value, to the checked value; raises ValueError with what is expected."""
    default: str
    """What stands when the option is left out, in words."""
    doc: str
    """One sentence."""


def _name(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip().lower()
    raise ValueError("a name")


def _json_object(value: Any) -> dict[str, Any]:
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    raise ValueError("a JSON object such as '{\"max_iter\": 500}'")


def _test_size(value: Any) -> float | int:
    number = _number(value)
    if 0 < number < 1:
        return number
    if number >= 1 and number == int(number):
        return int(number)
    raise ValueError("a fraction between 0 and 1 or a count of rows")


def _seed(value: Any) -> int:
    number = _number(value)
    if number == int(number) and 0 <= number < 2**32:
        return int(number)
    raise ValueError("a whole number from 0 to 4294967295")


def _split(value: Any) -> str:
    name = _name(value)
    if name not in SPLIT_NAMES:
        raise ValueError(f"one of {', '.join(SPLIT_NAMES)}")
    return name


def _class_weight(value: Any) -> str | dict[str, float]:
    if value == "balanced":
        return "balanced"
    try:
        weights = {str(label): _number(weight) for label, weight in _json_object(value).items()}
    except (ValueError, TypeError, OverflowError):
        weights = {}
    if weights and all(weight >= 0 for weight in weights.values()):
        return weights
    raise ValueError("'balanced' or a JSON object of label to weight")


def _threshold(value: Any) -> float | dict[str, float]:
    """Return a probability, or the one label it is for and the probability."""
    try:
        if isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{")):
            named = {str(label): _number(share) for label, share in _json_object(value).items()}
            if len(named) == 1 and all(0 < share < 1 for share in named.values()):
                return named
        elif 0 < (share := _number(value)) < 1:
            return share
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError("a probability between 0 and 1, or a JSON object of one label to it")


def _cost(value: Any) -> dict[str, dict[str, float]]:
    try:
        rows = {
            str(actual): {str(predicted): _number(cost) for predicted, cost in row.items()}
            for actual, row in _json_object(value).items()
        }
    except (AttributeError, TypeError, ValueError, OverflowError):
        rows = {}
    if any(rows.values()) and all(cost >= 0 for row in rows.values() for cost in row.values()):
        return rows
    raise ValueError("a JSON object of actual label to predicted label to cost, which is 0 or more")


def _calibrate(value: Any) -> str:
    name = _name(value)
    if name not in ("sigmoid", "isotonic"):
        raise ValueError("'sigmoid' or 'isotonic'")
    return name


def _target_transform(value: Any) -> str:
    name = _name(value)
    if name not in ("log", "yeo_johnson"):
        raise ValueError("'log' or 'yeo_johnson'")
    return name


def _confidence(value: Any) -> float:
    number = _number(value)
    if not 0 < number < 1:
        raise ValueError("a fraction between 0 and 1, such as 0.9")
    return number


def _fit_way(value: Any) -> str:
    name = _name(value)
    if name not in ("whole", "incremental"):
        raise ValueError("'whole' or 'incremental'")
    return name


def _content(value: Any) -> str:
    if (
        not isinstance(value, str)
        or not value.strip()
        or re.match(r"\s*(SELECT|WITH|VALUES)\b.*\s", value, re.I | re.S)
    ):
        raise ValueError("the name of a table or a view")
    return value.strip()


_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


def memory(value: Any) -> int:
    """Return a number of bytes, written as a number or as text with a unit; raise ValueError with what is expected."""
    found = re.fullmatch(r"([0-9.]+)\s*([KMGT]?B)?", str(value).strip(), re.I)
    try:
        size = _number(found[1]) * _UNITS[(found[2] or "B").upper()] if found else 0
    except (ValueError, OverflowError, KeyError):
        size = 0
    if isinstance(value, bool) or not 1 <= size < 2**63:
        raise ValueError("a number of bytes, or text such as '2 GB'")
    return int(size)


def _count(value: Any) -> int:
    number = _number(value)
    if number == int(number) and 1 <= number <= MAX_COUNT:
        return int(number)
    raise ValueError(f"a whole number from 1 to {MAX_COUNT}")


def _contamination(value: Any) -> str | float:
    if isinstance(value, str) and value.strip().lower() == "auto":
        return "auto"
    try:
        if 0 < (share := _number(value)) <= 0.5:
            return share
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError("'auto' or a share of the rows, above 0 and up to 0.5")


def _number(value: Any) -> float:
    number = math.nan if isinstance(value, bool) or value is None else float(value)
    if not math.isfinite(number):
        raise ValueError("a number")
    return number


FOR_TASK = {
    "class_weight": "classification",
    "threshold": "classification",
    "cost": "classification",
    "calibrate": "classification",
    "target_transform": "regression",
    "clusters": "clustering",
    "contamination": "anomaly",
    "components": "projection",
    **dict.fromkeys(SERIES_OPTIONS, "forecast"),
}
"""The options that only one task has."""

OPTIONS: dict[str, Option] = {
    "algorithm": Option(_name, "a default for the task", "What learns; `ml_algorithms` lists the names."),
    "hyperparams": Option(
        _json_object,
        "ours, measured on small tables, where they differ from the library's",
        "JSON object of the algorithm's hyperparameters.",
    ),
    "test_size": Option(_test_size, "0.25", "The test part: a fraction below 1, or a count of rows."),
    "split": Option(
        _split,
        "column, group or last where such a column is declared; else stratified (classification), shuffle (regression)",
        "How rows are divided into a train part and a test part.",
    ),
    "seed": Option(_seed, "0", "The same rows, options and seed give the same model."),
    "class_weight": Option(
        _class_weight, "every row counts alike", "'balanced', or a JSON object of label to weight (classification)."
    ),
    "threshold": Option(
        _threshold,
        "the likelier class",
        "Two classes: predict the second label (or the named one) from this probability on.",
    ),
    "cost": Option(
        _cost, "every error costs alike", "JSON object actual -> predicted -> cost: predict what costs least."
    ),
    "calibrate": Option(
        _calibrate, "no calibration", "'sigmoid' or 'isotonic': bend probabilities by 5 folds of the train part."
    ),
    "target_transform": Option(
        _target_transform,
        "none",
        "'log' or 'yeo_johnson': learn the bent target, predict in its own unit (regression).",
    ),
    "confidence": Option(
        _confidence, "0.9", "The share of truths that `lower` and `upper`, or the labels in `probable`, shall hold."
    ),
    "sample": Option(
        _test_size,
        "every row",
        "The model is fitted on a seeded sample of the train part, a fraction or a count; the whole test part tests.",
    ),
    "fit": Option(
        _fit_way,
        "whole",
        "'incremental': one pass in chunks, in memory that does not grow with the table, where the algorithm can.",
    ),
    "max_memory": Option(
        memory,
        "no limit, or that of the host program",
        "Refuse a fit that is expected to take more memory than this, before it begins: bytes, or text such as '2 GB'.",
    ),
    "content": Option(
        _content,
        "rows of its own",
        "The table or view whose rows are learned from, by column name, where they stand (CREATE only).",
    ),
    "clusters": Option(
        _count, "of 2 to 10, the one with the greatest silhouette", "How many clusters to make (clustering)."
    ),
    "contamination": Option(
        _contamination,
        "auto: the algorithm's own threshold",
        "The share of the training rows that are anomalies, up to 0.5 (anomaly).",
    ),
    "components": Option(
        _count, "2", "How many columns pc1, pc2 ... a projection has (projection); fixed when it is created."
    ),
    **{name: Option(*entry) for name, entry in SERIES_OPTIONS.items()},
}

AT_CREATE = {"content": "option 'content' is written in CREATE alone. Declare another predictor for another table."}
"""The options that no command takes, with what to say to whoever gives one."""


def check_option(name: str, value: Any) -> Any:
    """Return the checked value of option `name`.

    Raises DeclarationError for an unknown name and for a value that it does not take.
    """
    option = OPTIONS.get(name)
    if option is None:
        raise DeclarationError(f"unknown option {name!r}. {choices(name, OPTIONS, 'Options')}")
    try:
        return option.check(value)
    except (ValueError, TypeError, OverflowError) as error:
        expected = str(error) if isinstance(error, ValueError) and "could not" not in str(error) else "a number"
        raise DeclarationError(f"option {name!r} takes {expected}, got {shown(value)}.") from None
