"""TABLE_FUNCTIONS: what SELECT ... FROM ml_...() can read, and the scalar functions that predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import apsw
import orjson

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration import MODULES
from sqlite_ml_vtab.errors import CommandError, Error, InputError, about
from sqlite_ml_vtab.portable import AnyScorer, JointScorer
from sqlite_ml_vtab.portable.inputs import is_json, read_flat, read_json, wrong_count
from sqlite_ml_vtab.store import catalog, reports, shadows
from sqlite_ml_vtab.store.content import Content
from sqlite_ml_vtab.store.sql import Tables, quoted
from sqlite_ml_vtab.vtab.listing import Listing
from sqlite_ml_vtab.vtab.module import Loaded
from sqlite_ml_vtab.vtab.table import Table


class TableFunction(NamedTuple):
    """One table function."""

    columns: Sequence[str]
    """The result's columns."""
    parameters: Sequence[str]
    """The arguments' names. All may be left out but `predictor`, which is the first."""
    rows: Callable[..., Iterable[tuple[Any, ...]]]
    """(loaded, the arguments, None where left out) to rows."""
    doc: str
    """One sentence."""


def _tables(loaded: Loaded) -> Iterable[tuple[Any, ...]]:
    with about(None):
        there = list(catalog.predictors(loaded.connection))
    for entry in there:
        tables = Tables(loaded.connection, entry.schema, entry.name)
        with about(entry.name):
            summary = (None,) * len(reports.SUMMARY) if shadows.missing(tables) else reports.summary(tables)
        if entry.content is not None:
            summary = (_external_rows(loaded, tables, entry.content), *summary[1:])
        yield entry.schema, entry.name, MODULES[entry.module], *summary, int(loaded.is_protected)


def _external_rows(loaded: Loaded, tables: Tables, text: str) -> int | None:
    """Return how many rows the relation `text` has, None where it cannot be told, or where telling may never end."""
    try:
        content = Content(tables, (), text, lambda: loaded.host.untrusted)
        return None if content.is_view() else content.count()
    except (InputError, apsw.SQLError):
        return None


def _algorithms(loaded: Loaded, task: str | None = None) -> Iterable[tuple[Any, ...]]:
    for name, algorithm in sorted(loaded.host.algorithms.items()):
        for its_task in algorithm.estimators:
            if task in (None, its_task):
                default = int(verbs.default_algorithm(its_task) == name)
                yield its_task, name, algorithm.family, default, algorithm.doc


def _report(read: Callable[..., Iterable[tuple[Any, ...]]], loaded: Loaded, *args: Any) -> Iterable[tuple[Any, ...]]:
    name, *rest = args
    return loaded.ask(name, lambda table: read(table.predictor, *(value for value in rest if value is not None)))


def _versions(predictor: verbs.Predictor) -> Iterable[tuple[Any, ...]]:
    return reports.versions(predictor.tables)


def _metrics(predictor: verbs.Predictor, number: Any = None) -> Iterable[tuple[Any, ...]]:
    return reports.metrics(predictor.tables, None if number is None else verbs.known(predictor, number))


def _deployments(predictor: verbs.Predictor) -> Iterable[tuple[Any, ...]]:
    return reports.deployments(predictor.tables)


def _evidence(suffix: str, predictor: verbs.Predictor, run: Any = None) -> Iterable[tuple[Any, ...]]:
    from sqlite_ml_vtab.store import runs

    return runs.listed(predictor.tables, suffix, run)


def _run_table(suffix: str, doc: str) -> TableFunction:
    """Return the table function over the evidence of runs that is stored under `suffix`."""
    return TableFunction(
        shadows.columns(suffix), ("predictor", "of_run"), partial(_report, partial(_evidence, suffix)), doc
    )


TABLE_FUNCTIONS: dict[str, TableFunction] = {
    "ml_tables": TableFunction(
        ("schema", "name", "task", *reports.SUMMARY, "protected"),
        (),
        _tables,
        "Every predictor of every open database.",
    ),
    "ml_algorithms": TableFunction(
        ("task", "algorithm", "family", "is_default", "doc"),
        ("of_task",),
        _algorithms,
        "Every algorithm, with its portable form.",
    ),
    "ml_versions": TableFunction(
        reports.VERSIONS, ("predictor",), partial(_report, _versions), "The trained versions of a predictor."
    ),
    "ml_metrics": TableFunction(
        ("version", "name", "value"),
        ("predictor", "of_version"),
        partial(_report, _metrics),
        "The metrics of its versions, or of one.",
    ),
    "ml_deployments": TableFunction(
        ("id", "version", "reason", "deployed_at"),
        ("predictor",),
        partial(_report, _deployments),
        "Which version answered since when, and why.",
    ),
    "ml_runs": _run_table("runs", "The runs of cross_validate, tune and compare, and what came of each."),
    "ml_folds": _run_table("folds", "The folds of a run: how each trial, or candidate, did on each."),
    "ml_trials": _run_table("trials", "The trials of tune."),
    "ml_comparisons": _run_table("comparisons", "The candidates of compare, and the verdict on each."),
}
"""By name."""


def register_table_functions(loaded: Loaded) -> None:
    """Register all table functions on the connection of `loaded`."""
    for name, function in TABLE_FUNCTIONS.items():
        module: Any = _FunctionModule(function, partial(_read, loaded, name, function))
        loaded.db.create_module(
            name, module, use_bestindex_object=True, eponymous_only=True, iVersion=1, read_only=True
        )


class _FunctionModule:
    """The module of one table function, which SQLite connects when it is first named."""

    def __init__(self, function: TableFunction, rows: Callable[..., Iterable[tuple[Any, ...]]]) -> None:
        columns = [*map(quoted, function.columns), *(f"{quoted(name)} HIDDEN" for name in function.parameters)]
        self._schema = f"CREATE TABLE x({', '.join(columns)})"
        self._listing = Listing(len(function.columns), len(function.parameters), rows)

    def Connect(self, db: apsw.Connection, module: str, schema: str, name: str, *args: Any) -> tuple[str, Listing]:
        return self._schema, self._listing


def _read(loaded: Loaded, name: str, function: TableFunction, *values: Any) -> Iterable[tuple[Any, ...]]:
    if "predictor" in function.parameters and values[0] is None:
        raise CommandError(f"{name} needs the name of a predictor. Write: SELECT * FROM {name}('...').")
    return function.rows(loaded, *values)


def register_scalar_functions(loaded: Loaded) -> None:
    """Register the scalar functions on the connection of `loaded`; once more where its settings have changed."""
    db = loaded.db
    flags = apsw.SQLITE_DIRECTONLY if loaded.host.untrusted else 0
    for name, answer in (("ml_predict", _answer), ("ml_predict_proba", _chances)):
        db.create_scalar_function(name, _function(loaded, name, answer), flags=flags)


# Scalar functions


def _function(loaded: Loaded, name: str, answer: Callable[[AnyScorer, Sequence[Any]], Any]) -> Callable[..., Any]:
    """Return the function `name`: (table, value, ...) or (table, json) to what `answer` makes of the features."""
    answering = loaded.answering

    def asked(*args: Any) -> Any:
        if len(args) > 2:
            scorer = answering(args[0])
            if scorer is not None and len(scorer.names) == len(args) - 1:
                try:
                    return answer(scorer, args[1:])
                except Error:
                    # Raised again below, where the table's name is put before it.
                    pass
        if len(args) < 2:
            raise InputError(f"{name} takes a predictor's name and its features. Write: {name}('table', value, ...).")
        return _looked_up(loaded, answer, *args)

    return asked


def _looked_up(loaded: Loaded, answer: Callable[[AnyScorer, Sequence[Any]], Any], text: Any, *given: Any) -> Any:
    """Return the answer of the predictor called `text`, looked up where it is not remembered."""
    known = loaded.answering(text)
    if known is not None:
        try:
            return answer(known, _values(known.names, given))
        except Error:
            pass

    def question(table: Table) -> Any:
        scorer = verbs.scorer(table.predictor)
        loaded.remember(text, table, scorer)
        return answer(scorer, _values(table.predictor.feature_names, given))

    return loaded.ask(text, question)


def _answer(scorer: AnyScorer, values: Sequence[Any]) -> Any:
    """Return the predicted value. Several targets come as a JSON object by name, components as a JSON array."""
    answer = scorer.answer(values)
    if type(answer) is not tuple:
        return answer
    if not isinstance(scorer, JointScorer):
        return orjson.dumps(answer).decode()
    return orjson.dumps(dict(zip(scorer.targets, answer, strict=True))).decode()


def _chances(scorer: AnyScorer, values: Sequence[Any]) -> str | None:
    """Return the probabilities as a JSON object."""
    chances = scorer.by_class(scorer.one(values)[1])
    return None if chances is None else orjson.dumps(chances).decode()


def _values(names: Sequence[str], given: Sequence[Any]) -> Sequence[Any]:
    if len(given) == len(names) and not (len(given) == 1 and is_json(given[0])):
        return given
    if len(given) > 1:
        raise wrong_count(names, len(given))
    flat = read_flat(given[0], len(names))
    if flat is not None:
        return flat
    rows, many = read_json(given[0], names)
    if many:
        raise InputError(
            "a scalar function predicts one row, got an array of rows. Use the table: SELECT ... FROM t(...)."
        )
    return rows[0]
