"""What the registries hold, as tables: the shell's `.ml` prints them, and docs/sql-reference.md consists of them.

Things that have no registry with documentation of their own (roles, kinds, splits, hidden columns, shadow tables) are
described here; a test says that nothing is missing and nothing invented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlite_ml_vtab.commands import COMMANDS
from sqlite_ml_vtab.declaration import OPTIONS, TASKS, Kind, Role
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, DEFAULT_ALGORITHM
from sqlite_ml_vtab.learning.datasets import DATASETS
from sqlite_ml_vtab.learning.forecasts.backtest import MEASURES, SAYS
from sqlite_ml_vtab.learning.metrics import MAIN, METRICS
from sqlite_ml_vtab.store import shadows
from sqlite_ml_vtab.store.shadows import SHADOW_TABLES
from sqlite_ml_vtab.vtab.functions import TABLE_FUNCTIONS

Rows = Iterable[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Topic:
    """One table of the reference."""

    columns: Sequence[str]
    rows: Callable[[], Rows]
    doc: str
    """One sentence that introduces it."""


ROLES: dict[Role, str] = {
    Role.FEATURE: "Learned from, and asked for in a prediction. The word is not written: a column without a clause.",
    Role.TARGET: "Predicted. One column, or several. A row whose target is NULL is kept and not learned from.",
    Role.KEY: "Kept beside the features and never learned from. Any number of columns.",
    Role.WEIGHT: "How much the row counts: a number of 0 or more.",
    Role.SPLIT: "'train' or 'test', for split='column'; a row where it is NULL stands in neither part.",
    Role.ORDER: "The order in time, for split='last' and of a forecast.",
    Role.GROUP: "Rows of one group never stand on both sides of a split; of a forecast, a series.",
}

KINDS: dict[Kind, tuple[str, str]] = {
    Kind.NUMBER: (
        "INT, REAL, FLOAT, DOUBLE, NUMERIC, DECIMAL, BOOLEAN and the like",
        "Numbers. NULL is filled with the median and marked as missing, unless the algorithm has its own way with it.",
    ),
    Kind.CATEGORY: (
        "TEXT, CHAR, VARCHAR, CLOB",
        "Text or numbers, compared for equality alone. NULL is a category; so is, together, what training never saw.",
    ),
    Kind.DATE: (
        "DATE, DATETIME, TIMESTAMP, TIME",
        "ISO 8601 text, a julian day or a unix time. Becomes year, month, weekday, hour and elapsed days; where the "
        "algorithm draws straight lines, the parts that begin anew also become points on a circle.",
    ),
    Kind.WORDS: (
        "none: write WORDS",
        "Free text of any script. Its words, pairs of words and groups of letters are weighed (TF-IDF) and become "
        "30 numbers at most; of the naive Bayes that count, 1,000 words at most are counted. NULL is an empty text.",
    ),
    Kind.ANY: (
        "no type, or one that SQLite does not know",
        "NUMBER, DATE or CATEGORY, decided by the values at training.",
    ),
}

CLAUSES: dict[str, tuple[str, str]] = {
    "IMPUTE(mean)": ("NUMBER, DATE", "NULL becomes the mean of the train part."),
    "IMPUTE(median)": ("NUMBER, DATE", "NULL becomes the median; the default, which also marks it as missing."),
    "IMPUTE(most_frequent)": ("NUMBER, DATE, CATEGORY", "NULL becomes the commonest value."),
    "IMPUTE(constant, value)": ("NUMBER, DATE, CATEGORY", "NULL becomes this value."),
    "ENCODE(onehot)": ("CATEGORY", "A column of 0 and 1 for each of the 1,000 commonest values at most."),
    "ENCODE(ordinal)": ("CATEGORY", "The place of the value in sorted order."),
    "ENCODE(target)": ("CATEGORY", "The mean of the target by value, fitted so that no row sees its own target."),
    "SCALE(standard)": ("NUMBER, DATE", "Less the mean, divided by the standard deviation."),
    "SCALE(minmax)": ("NUMBER, DATE", "Brought to the range 0 to 1."),
    "SCALE(maxabs)": ("NUMBER, DATE", "Divided by the greatest distance from 0."),
    "SCALE(robust)": ("NUMBER, DATE", "Less the median, divided by the distance of the quartiles."),
    "SCALE(none)": ("NUMBER, DATE", "Left as it is."),
}

SPLITS: dict[str, str] = {
    "stratified": "At random, each class with its share in both parts. Classification only.",
    "shuffle": "At random.",
    "last": "The last rows by the ORDER column are the test part.",
    "group": "At random, by whole groups of the GROUP column.",
    "column": "As the SPLIT column says.",
    "none": "Every row trains and none tests: no metrics, and the version is always deployed.",
}

HIDDEN_COLUMNS: dict[str, tuple[str, str]] = {
    "features": ("you", "A JSON array, a JSON object by name, an array of these, or the first positional value."),
    "arg2 ... argN": ("you", "The other positional values, one a feature."),
    "too_many_arguments": ("nobody", "Catches one argument too many, which would silently filter otherwise."),
    "probability": ("a prediction", "The probability of the predicted class; NULL for regression."),
    "probabilities": ("a prediction", "A JSON object of class to probability."),
    "lower": (
        "a prediction",
        "Regression: the lower end of the interval that holds the truth with the confidence asked for.",
    ),
    "upper": ("a prediction", "Regression: its upper end."),
    "probable": (
        "a prediction",
        "Classification: a JSON list, the likeliest first: the labels that hold the truth with that confidence.",
    ),
    "warning": ("a prediction", "NULL, or why to distrust this row: a category or a value unlike the training rows."),
    "version": ("you", "Ask this version instead of the deployed one."),
    "source": ("you", "A table, a view or a SELECT to score whole."),
    "<the table's name>": ("you", "The command column: INSERT INTO t(t) VALUES ('train')."),
    "options": ("you", "The command's options, a JSON object."),
}

FOUND_COLUMNS: dict[str, tuple[str, str]] = {
    "cluster": ("clustering", "The number of the row's cluster, from 0; -1 for noise."),
    "distance": ("clustering", "How far it is from the nearest centre of its cluster, scaled; NULL without centres."),
    "is_anomaly": ("anomaly", "1 where the score is greater than the metric `threshold`, else 0."),
    "anomaly_score": (
        "anomaly",
        "How unlike the others a row is: scikit-learn's score_samples, with the other sign.",
    ),
    "pc1 ... pcN": ("projection", "The components, as many as the option `components` says."),
}

SHADOWS: dict[str, str] = {
    "rows": "The training rows, one column each as declared.",
    "versions": "Every trained version: how it was asked for, how it scored, what will predict.",
    "models": "The model of each version as bytes (portable-format.md), and their SHA-256.",
    "states": "Of versions fitted in chunks: the numbers from which new rows go on, and the model they belong to.",
    "parts": "What of a model or a state goes beyond the 64 MiB of a row: its bytes in order, behind the first ones.",
    "metrics": "The metrics of each version on its test part.",
    "holdout": "Up to 10,000 test rows of each version with the truth and the prediction.",
    "deployments": "Which version answered since when, and why.",
    "config": "The format of these tables and the release that made them.",
    "runs": "Each run of cross_validate, tune and compare: what was asked, and what came of it.",
    "folds": "How each trial, or candidate, of a run did on each fold.",
    "trials": "The trials of tune; `drawn` is what the search chose.",
    "comparisons": "The candidates of compare, their difference to the deployed version, and the verdict.",
}

SCALAR_FUNCTIONS: dict[str, tuple[str, str]] = {
    "ml_predict": ("predictor, value, ... or predictor, json", "The predicted value of one row."),
    "ml_predict_proba": ("predictor, value, ... or predictor, json", "Its probabilities, a JSON object by class."),
}


def _tasks() -> Rows:
    for task in TASKS.values():
        yield f"{task.module}", task.main or "none", "yes" if task.has_target else "no", task.doc


def _splits() -> Rows:
    return SPLITS.items()


def _kinds() -> Rows:
    return ((kind.value if kind is not Kind.ANY else "(open)", *texts) for kind, texts in KINDS.items())


def _commands() -> Rows:
    for name, command in COMMANDS.items():
        yield name, ", ".join(command.options) or "none", command.doc


def _functions() -> Rows:
    for name, function in TABLE_FUNCTIONS.items():
        yield f"{name}({', '.join(function.parameters)})", ", ".join(function.columns), function.doc


def _scalar_functions() -> Rows:
    return ((f"{name}({arguments})", doc) for name, (arguments, doc) in SCALAR_FUNCTIONS.items())


def _algorithms() -> Rows:
    for name, algorithm in sorted(ALGORITHMS.items()):
        tasks = [task + " (default)" * (DEFAULT_ALGORITHM[task] == name) for task in algorithm.estimators]
        yield name, ", ".join(tasks), algorithm.family or "none", algorithm.doc


def _metrics() -> Rows:
    for name, metric in METRICS.items():
        yield name, metric.task + " (main)" * (MAIN[metric.task] == name), metric.doc
    for name, measure in MEASURES.items():
        yield name, "forecast", measure.doc
    for name, doc in SAYS.items():
        yield name, "forecast" + " (main)" * (MAIN["forecast"] == name), doc


def _datasets() -> Rows:
    for name, dataset in sorted(DATASETS.items()):
        yield name, ", ".join(column for column, _ in _shortened(dataset.columns)), dataset.doc


def _shortened(columns: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    return columns if len(columns) <= 14 else (*columns[:3], ("...", ""), *columns[-2:])


def _shadows() -> Rows:
    for suffix in SHADOW_TABLES:
        listed = ", ".join(shadows.columns(suffix)) or "id, and the declared columns"
        when = " Made with its first row." if suffix in shadows.ON_DEMAND else ""
        yield f"t_{suffix}", listed, SHADOWS[suffix] + when


TOPICS: dict[str, Topic] = {
    "tasks": Topic(("module", "main score", "has a TARGET", "meaning"), _tasks, "What can be learned."),
    "roles": Topic(("clause", "meaning"), lambda: ROLES.items(), "What a column is for."),
    "kinds": Topic(("kind", "declared types", "meaning"), _kinds, "What the values of a column are."),
    "clauses": Topic(
        ("clause", "for", "meaning"),
        lambda: ((name, *texts) for name, texts in CLAUSES.items()),
        "How one column is prepared, where the default should not hold.",
    ),
    "options": Topic(
        ("option", "default", "meaning"),
        lambda: ((name, option.default, option.doc) for name, option in OPTIONS.items()),
        "What may be written as name=value in CREATE, and in the options of train.",
    ),
    "splits": Topic(("split", "meaning"), _splits, "How rows are divided into a train part and a test part."),
    "commands": Topic(("command", "options", "meaning"), _commands, "What INSERT INTO t(t) VALUES ('...') can say."),
    "columns": Topic(
        ("column", "given by", "meaning"),
        lambda: ((name, *texts) for name, texts in HIDDEN_COLUMNS.items()),
        "The hidden columns of every predictor.",
    ),
    "found": Topic(
        ("column", "task", "meaning"),
        lambda: ((name, *texts) for name, texts in FOUND_COLUMNS.items()),
        "The hidden columns that a task without a target fills, of stored rows too.",
    ),
    "functions": Topic(("table function", "columns", "meaning"), _functions, "What SELECT ... FROM can read."),
    "scalars": Topic(("scalar function", "meaning"), _scalar_functions, "Predictions in any expression."),
    "algorithms": Topic(("algorithm", "task", "portable form", "meaning"), _algorithms, "What can learn."),
    "metrics": Topic(("metric", "task", "meaning"), _metrics, "How a version is measured on its test part."),
    "datasets": Topic(("data set", "columns", "meaning"), _datasets, "What USING ml_dataset('...') can name."),
    "tables": Topic(("shadow table", "columns", "meaning"), _shadows, "The ordinary tables behind a predictor t."),
}
"""By name, in the order of docs/sql-reference.md."""
