"""The verbs of a predictor: the only place that sees the store, learning and the portable model together."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np

from sqlite_ml_vtab.declaration import Column, Declaration, Kind, Role, check_option
from sqlite_ml_vtab.declaration.parse import check_split
from sqlite_ml_vtab.errors import (
    CommandError,
    DeclarationError,
    InputError,
    ModelError,
    PredictorWarning,
    TrainingError,
    shown,
)
from sqlite_ml_vtab.learning.algorithms import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    Algorithm,
    check_hyperparams,
    find_algorithm,
)
from sqlite_ml_vtab.learning.rows import TrainingRows, collect, read_columns
from sqlite_ml_vtab.learning.splits import default_split
from sqlite_ml_vtab.learning.training import Fitted, Plan, fit
from sqlite_ml_vtab.portable import MAX_BYTES, REFIT, Model, Scorer, ScorerCache, digest, from_bytes, to_bytes
from sqlite_ml_vtab.portable.values import ONE
from sqlite_ml_vtab.store import relation, shadows, versions
from sqlite_ml_vtab.store.rows import Rows
from sqlite_ml_vtab.store.sql import Connection, Tables, written

SCORERS = ScorerCache(512 * 2**20)
"""The decoded models of this process, by digest; a refitted one by `_refit_key`."""

GOLDEN_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Host:
    """What the program that loads the extension decides, and never a file."""

    threads: int = 1
    """How many threads a fit may use."""
    algorithms: Mapping[str, Algorithm] = field(default_factory=lambda: dict(ALGORITHMS))
    """Every algorithm that may be named."""
    max_model_bytes: int = MAX_BYTES
    """The largest model that is decoded."""
    untrusted: bool = False
    """Whether files may be hostile: then nothing is refitted because a query asks for it."""
    release: str = ""
    """The version of this package, stored with what it makes."""


class Predictor:
    """One predictor in one database: its declaration, where it is stored, and how to reach it."""

    def __init__(self, connection: Connection, schema: str, name: str, declaration: Declaration, host: Host) -> None:
        """Describe the predictor `name`; nothing is read or written yet."""
        self.declaration = declaration
        self.host = host
        self.tables = Tables(connection, schema, name)
        self.rows = Rows(self.tables, declaration.columns)
        self.feature_names = [column.name for column in declaration.features]
        self.accepted = [(column, _accepted(declaration, column)) for column in declaration.columns]

    @property
    def sql_name(self) -> str:
        """The name as a user would write it in SQL."""
        return written(self.tables.name)

    def command(self, text: str, options: str = "") -> str:
        """Return the statement that runs the command `text` with JSON `options`, for sentences."""
        if options:
            return f"INSERT INTO {self.sql_name}({self.sql_name}, options) VALUES ('{text}', '{options}')"
        return f"INSERT INTO {self.sql_name}({self.sql_name}) VALUES ('{text}')"


# Making and unmaking


def create(predictor: Predictor) -> None:
    """Check what only the registry of algorithms knows, and make the shadow tables."""
    options = predictor.declaration.options
    task = predictor.declaration.task
    name, algorithm = find_algorithm(options.get("algorithm"), task, predictor.host.algorithms)
    check_hyperparams(name, task, algorithm, options.get("hyperparams", {}))
    shadows.create(predictor.tables, predictor.declaration.columns, predictor.host.release)


# Rows


def storable(predictor: Predictor, values: Sequence[Any]) -> Sequence[Any]:
    """Return `values` of the declared columns as they are stored.

    Raises InputError that names the column, the value and the remedy.
    """
    stored: list[Any] | None = None
    for place, (value, (column, accepted)) in enumerate(zip(values, predictor.accepted, strict=True)):
        kind = type(value)
        if kind not in accepted or (kind is float and value - value != 0.0):
            stored = stored or list(values)
            stored[place] = _storable_value(predictor, column, value)
    return stored or values


def _accepted(declaration: Declaration, column: Column) -> frozenset[type]:
    """Return the types whose values, but for infinity, need no closer look in `column`."""
    if column.role is Role.KEY:
        return frozenset((int, float, str, bytes, type(None)))
    if _is_class(declaration, column) or column.kind is Kind.ANY:
        return frozenset((int, float, str, type(None)))
    return _ACCEPTED[column.kind]


_ACCEPTED: Mapping[str, frozenset[type]] = {
    Kind.NUMBER: frozenset((int, float, type(None))),
    Kind.CATEGORY: frozenset((int, str, type(None))),
    Kind.DATE: frozenset((type(None),)),
}


def _is_class(declaration: Declaration, column: Column) -> bool:
    """Return whether it holds the classes: these may be of any type, as in any column of SQLite."""
    return column.role is Role.TARGET and declaration.task == "classification"


def _storable_value(predictor: Predictor, column: Column, value: Any) -> Any:
    """Return a value that needs a closer look, as it is stored; raise InputError where it cannot be."""
    if column.role is Role.KEY:
        return value
    if isinstance(value, bytes):
        raise InputError(f"column {column.name!r} is {column.kind}, got {shown(value)}. Store text or a number.")
    read = value
    if column.kind in ONE and not _is_class(predictor.declaration, column):
        read = ONE[column.kind](column.name, value)
    if isinstance(value, float) and value - value != 0.0:
        raise InputError(f"column {column.name!r} takes no infinity, got {value}. Store NULL for a missing value.")
    # A number in a CATEGORY as a prediction reads it: SQLite's releases do not agree on how a REAL becomes text.
    return read if column.kind is Kind.CATEGORY else value


# Training


def default_algorithm(task: str) -> str:
    """Return the algorithm that learns when none is named."""
    return DEFAULT_ALGORITHM[task]


def plan(predictor: Predictor, overrides: Mapping[str, Any]) -> Plan:
    """Return what a training run does: the declared options, `overrides` of this run, and every default.

    Raises CommandError with the legal choices.
    """
    declaration, host = predictor.declaration, predictor.host
    try:
        chosen = {name: check_option(name, value) for name, value in overrides.items()}
        options = _merged(declaration.options, chosen)
        name, algorithm = find_algorithm(options.get("algorithm"), declaration.task, host.algorithms)
        check_hyperparams(name, declaration.task, algorithm, options.get("hyperparams", {}))
        split = options.get("split") or default_split(declaration)
        check_split(declaration, split)
        if "class_weight" in options and declaration.task != "classification":
            raise DeclarationError("option 'class_weight' is for classification. Declare a WEIGHT column instead.")
    except DeclarationError as error:
        raise CommandError(*error.args) from None
    return Plan(
        task=declaration.task,
        name=name,
        algorithm=algorithm,
        hyperparams=options.get("hyperparams", {}),
        test_size=options.get("test_size", 0.25),
        split=split,
        seed=options.get("seed", 0),
        class_weight=options.get("class_weight"),
        threads=host.threads,
    )


def _merged(declared: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return both together; declared hyperparameters belong to the declared algorithm alone."""
    kept = dict(declared)
    if chosen.get("algorithm", kept.get("algorithm")) != kept.get("algorithm"):
        kept.pop("hyperparams", None)
    return kept | dict(chosen)


def training_rows(predictor: Predictor, split: str) -> TrainingRows:
    """Return the stored rows that have a target, in time order where the split needs it."""
    declaration = predictor.declaration
    order = declaration.one(Role.ORDER)
    names = [column.name for column in read_columns(declaration)]
    by = order.name if order and split == "last" else None
    predictor.rows.flush()
    return collect(declaration, predictor.rows.chunks(names, declaration.target.name, by))


def rows_digest(rows: TrainingRows) -> str:
    """Return the SHA-256 of everything a fit sees of `rows`."""
    state = hashlib.sha256(rows.ids.tobytes())
    for kind, column in zip(rows.kinds, rows.features, strict=True):
        state.update(kind.encode())
        state.update(repr(column.tolist()).encode() if kind == "CATEGORY" else column.tobytes())
    state.update(repr((rows.target, sorted(rows.sides.items()))).encode())
    return state.hexdigest()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A fit that is not stored yet."""

    plan: Plan
    fitted: Fitted
    digest: str
    """Of the rows it was fitted on."""


def attempt(predictor: Predictor, overrides: Mapping[str, Any]) -> Attempt:
    """Read the rows and fit; nothing is written."""
    chosen = plan(predictor, overrides)
    rows = training_rows(predictor, chosen.split)
    return Attempt(chosen, fit(rows, chosen), rows_digest(rows))


def train(predictor: Predictor, overrides: Mapping[str, Any], deploy_it: bool | None = None) -> int:
    """Fit, evaluate, store and perhaps deploy a version; return its number.

    `deploy_it` forces the deployment, or forbids it; with None the better score decides.
    """
    return land(predictor, attempt(predictor, overrides), deploy_it)


def land_unchanged(predictor: Predictor, made: Attempt, deploy_it: bool | None) -> int:
    """Store an attempt as `land` does, if the rows are still those it was fitted on; else raise TrainingError."""
    if rows_digest(training_rows(predictor, made.plan.split)) != made.digest:
        raise TrainingError("the rows changed while the model was fitted. Train again.")
    return land(predictor, made, deploy_it)


def land(predictor: Predictor, made: Attempt, deploy_it: bool | None) -> int:
    """Store what came of a run as the next version; deploy it if it should be; return its number."""
    tables, fitted = predictor.tables, made.fitted
    number = versions.next_number(tables)
    because, kept = _deployment(predictor, fitted, deploy_it)
    notes = [*fitted.notes, *kept]
    blob = to_bytes(fitted.model)
    versions.add(tables, _record(predictor, number, made, notes), digest(blob), blob)
    versions.add_metrics(tables, number, fitted.metrics)
    versions.add_holdout(tables, number, fitted.holdout)
    if because:
        versions.deploy(tables, number, because, _now())
    _remember(predictor, number, fitted, blob)
    for note in notes:
        warnings.warn(f"{tables.name}: {note}", PredictorWarning, stacklevel=2)
    return number


def _deployment(predictor: Predictor, fitted: Fitted, deploy_it: bool | None) -> tuple[str, list[str]]:
    """Return why the version is to be deployed ('' if it is not), and the note that says why it is not."""
    current = versions.deployed(predictor.tables)
    if deploy_it is not None:
        return ("train, deploy: true" if deploy_it else ""), []
    record = None if current is None else versions.find(predictor.tables, current)
    if record is None:
        return "train: first version", []
    if fitted.score is None or not isinstance(record.score, float):
        return "train: not tested" if fitted.score is None else "train: the deployed version was not tested", []
    if fitted.score > record.score:
        return f"train: score {fitted.score:.6g} beats {record.score:.6g}", []
    note = (
        f"not deployed: score {fitted.score:.6g} is not better than {record.score:.6g} of version {current}; "
        """force it with {"deploy": true}"""
    )
    return "", [note]


def _record(predictor: Predictor, number: int, made: Attempt, notes: Sequence[str]) -> versions.Version:
    from sqlite_ml_vtab.learning.estimator import library_versions

    chosen, fitted = made.plan, made.fitted
    options = {
        "algorithm": chosen.name,
        "hyperparams": chosen.hyperparams,
        "test_size": chosen.test_size,
        "split": chosen.split,
        "seed": chosen.seed,
    }
    if chosen.class_weight is not None:
        options["class_weight"] = chosen.class_weight
    return versions.Version(
        version=number,
        algorithm=chosen.name,
        hyperparams=_json(chosen.hyperparams),
        options=_json(options),
        seed=chosen.seed,
        rows_trained=fitted.rows_trained,
        rows_tested=fitted.rows_tested,
        score=fitted.score,
        seconds=round(fitted.seconds, 6),
        created_at=_now(),
        environment=_json({"sqlite_ml_vtab": predictor.host.release, **library_versions()}),
        scorer=fitted.scorer,
        notes=_json(notes),
        rows_digest=made.digest,
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


# Versions


def known(predictor: Predictor, number: Any) -> int:
    """Return `number` if there is such a version; raise ModelError with those there are."""
    if isinstance(number, int) and versions.find(predictor.tables, number):
        return number
    there = versions.numbers(predictor.tables)
    if not there:
        raise ModelError(f"no trained model. Run: {predictor.command('train')}.")
    raise ModelError(f"no version {shown(number)}. Versions: {_span(there)}.")


def _span(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers[-12:]))
    return listed if len(numbers) <= 12 else f"..., {listed}"


def deploy(predictor: Predictor, number: int, reason: str) -> int:
    """Let version `number` answer from now on."""
    versions.deploy(predictor.tables, known(predictor, number), reason, _now())
    return number


def deploy_by(predictor: Predictor, strategy: str) -> int:
    """Deploy the ``best`` or the ``latest`` version."""
    if strategy == "best":
        number = versions.best(predictor.tables)
        if number is None and versions.numbers(predictor.tables):
            raise CommandError('no version was tested, so none is the best. Name one: {"version": 1}.')
    else:
        number = max(versions.numbers(predictor.tables), default=None)
    return deploy(predictor, known(predictor, number), f"deploy: {strategy}")


def rollback(predictor: Predictor) -> int:
    """Deploy the version that was deployed before the present one; again, the one before that."""
    stack = deployment_stack(predictor)
    if len(stack) < 2:
        raise CommandError('no version was deployed before. Deploy one by its number: {"version": 1}.')
    return deploy(predictor, stack[-2], ROLLBACK)


ROLLBACK = "rollback"
"""The reason that takes a deployment back instead of adding one."""


def deployment_stack(predictor: Predictor) -> list[int]:
    """Return the versions that rollback can go back through, the present one last; forgotten ones are left out."""
    there = set(versions.numbers(predictor.tables))
    stack: list[int] = []
    for number, reason in versions.deployments(predictor.tables):
        if reason == ROLLBACK and number in stack[:-1]:
            del stack[len(stack) - 1 - stack[-2::-1].index(number) :]
        else:
            stack.append(number)
    return [number for number, _ in groupby(number for number in stack if number in there)]


def forget(predictor: Predictor, gone: Sequence[int]) -> int:
    """Delete versions and all that belongs to them; return how many.

    Raises CommandError for the version that is deployed.
    """
    if versions.deployed(predictor.tables) in gone:
        number = versions.deployed(predictor.tables)
        raise CommandError(f"version {number} is deployed. Deploy another version first.")
    versions.remove(predictor.tables, gone)
    return len(gone)


def forget_all_but(predictor: Predictor, keep: int) -> int:
    """Delete all but the newest `keep` versions; the deployed one always stays. Return how many went."""
    there = versions.numbers(predictor.tables)
    stay = {*there[max(0, len(there) - keep) :], versions.deployed(predictor.tables)}
    return forget(predictor, [number for number in there if number not in stay])


def clear(predictor: Predictor) -> int:
    """Delete all training rows; return how many there were."""
    count = predictor.rows.count()
    predictor.rows.clear()
    return count


def rebuild(predictor: Predictor, number: int) -> int:
    """Fit version `number` again from its rows and store its model anew; return the number.

    Raises TrainingError where the rows have changed or the new model answers its golden rows otherwise.
    """
    fitted = _refit(predictor, number)
    old = _stored_model(predictor, number)
    if old is not None and not _same_answers(old, fitted):
        raise TrainingError(
            f"version {number}, fitted again, answers its golden rows otherwise; the libraries have changed. "
            f"Train a new version: {predictor.command('train')}."
        )
    blob = to_bytes(fitted.model)
    versions.put_model(predictor.tables, number, digest(blob), blob)
    _remember(predictor, number, fitted, blob)
    return number


def _refit(predictor: Predictor, number: int) -> Fitted:
    """Fit a stored version again, by its own options, on its own rows."""
    record = versions.find(predictor.tables, known(predictor, number))
    assert record is not None
    try:
        options = json.loads(record.options)
    except (ValueError, TypeError, RecursionError):
        options = None
    if not isinstance(options, dict):
        train_anew = predictor.command("train")
        raise ModelError(f"the options of version {number} cannot be read. Train a new version: {train_anew}.")
    if record.algorithm not in predictor.host.algorithms:
        raise ModelError(
            f"version {number} was fitted by the algorithm {shown(record.algorithm)}, which is not loaded here. "
            "Pass it to sqlite_ml_vtab.load(connection, algorithms={...})."
        )
    chosen = plan(predictor, options)
    rows = training_rows(predictor, chosen.split)
    if rows_digest(rows) != record.rows_digest:
        raise TrainingError(
            f"the rows of version {number} have changed since it was trained. "
            f"Train a new version: {predictor.command('train')}."
        )
    return fit(rows, chosen)


def _stored_model(predictor: Predictor, number: int) -> Model | None:
    """Return the stored model of a version, None where there is none to be believed."""
    if not _is_whole(predictor, number):
        return None
    try:
        model = from_bytes(versions.model(predictor.tables, number), predictor.host.max_model_bytes)
    except ModelError:
        return None
    return model if _belongs(predictor, model) else None


def _same_answers(old: Model, fitted: Fitted) -> bool:
    if old.features != fitted.model.features or old.labels != fitted.model.labels:
        return False
    scorer = Scorer(fitted.model, fitted.refitted)
    found = np.array([scorer.one(row)[1] for row in old.golden.rows])
    expected = np.array(old.golden.scores)
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=GOLDEN_TOLERANCE, atol=1e-12))


# Predicting


def scorer(predictor: Predictor, number: Any = None) -> Scorer:
    """Return what answers for version `number`, or for the deployed one.

    Read anew for each query, so that it is the model of the query's own snapshot; only its bytes are cached.
    Raises ModelError where there is none or it cannot be believed.
    """
    number, name = _digest(predictor, number)
    found = SCORERS.get(name) or _load(predictor, number, name)
    _check_belongs(predictor, number, found)
    return found


def _digest(predictor: Predictor, number: Any) -> tuple[int, str]:
    if number is None:
        row = versions.deployed_digest(predictor.tables)
        if row is None:
            raise ModelError(f"no trained model. Run: {predictor.command('train')}.")
        number, name = row
        if name is None and number not in versions.numbers(predictor.tables):
            raise ModelError(_undeployed(predictor, number))
    else:
        name = versions.digest_of(predictor.tables, known(predictor, number))
    if not isinstance(name, str):
        raise ModelError(f"the model of version {number} is gone. {_mend(predictor, number)}")
    return number, name


def _load(predictor: Predictor, number: int, name: str) -> Scorer:
    blob = versions.model(predictor.tables, number)
    if not isinstance(blob, bytes) or len(blob) > predictor.host.max_model_bytes:
        raise ModelError(f"the model of version {number} is no BLOB of allowed size. {_mend(predictor, number)}")
    if digest(blob) != name:
        raise ModelError(f"the model of version {number} does not match its digest. {_mend(predictor, number)}")
    try:
        model = from_bytes(blob, predictor.host.max_model_bytes)
    except ModelError as error:
        raise ModelError(f"version {number}: {error} {_mend(predictor, number)}") from None
    if model.family == REFIT:
        return SCORERS.get(_refit_key(predictor, number, name)) or _refitted(predictor, number, model, blob)
    found = Scorer(model)
    SCORERS.put(name, found, len(blob))
    return found


def _remember(predictor: Predictor, number: int, fitted: Fitted, blob: bytes) -> Scorer:
    """Keep what answers for a version that was just fitted, and return it."""
    name = digest(blob)
    found = Scorer(fitted.model, fitted.refitted)
    SCORERS.put(_refit_key(predictor, number, name) if fitted.refitted else name, found, len(blob))
    return found


def _refit_key(predictor: Predictor, number: int, name: str) -> str:
    """Return what tells a refitted estimator from all others: its model says little of it, and two may be alike."""
    record = versions.find(predictor.tables, number)
    algorithm = predictor.host.algorithms.get(record.algorithm) if record else None
    fitted_by = id(algorithm.estimators.get(predictor.declaration.task)) if algorithm else None
    return _json([name, fitted_by, record and [record.options, record.rows_digest]])


def _refitted(predictor: Predictor, number: int, model: Model, blob: bytes) -> Scorer:
    """Return what answers for an estimator without a portable form, fitted again from its rows."""
    if predictor.host.untrusted:
        raise ModelError(
            f"version {number} has no portable form, and fitting it again was ruled out by untrusted=True. "
            "Train with an algorithm that has one; ml_algorithms lists them."
        )
    fitted = _refit(predictor, number)
    if fitted.refitted is None or not _same_answers(model, fitted):
        raise ModelError(f"version {number}, fitted again, answers otherwise than it did. {_mend(predictor, number)}")
    return _remember(predictor, number, fitted, blob)


def _mend(predictor: Predictor, number: int) -> str:
    rebuild = predictor.command("rebuild", json.dumps({"version": number}))
    return f"Run: {rebuild}."


def _check_belongs(predictor: Predictor, number: int, found: Scorer) -> None:
    """Refuse a model of another predictor that was put in this one's place."""
    if not _belongs(predictor, found.model):
        raise ModelError(f"the model of version {number} was trained for other columns. {_mend(predictor, number)}")


def _belongs(predictor: Predictor, model: Model) -> bool:
    """Return whether `model` has the task, the features and the kinds that are declared."""
    features = model.features
    if model.task != predictor.declaration.task or [name for name, _ in features] != predictor.feature_names:
        return False
    kinds = [column.kind for column in predictor.declaration.features]
    return all(kind in (Kind.ANY, has) for kind, (_, has) in zip(kinds, features, strict=True))


def source_chunks(predictor: Predictor, text: Any) -> Iterator[list[tuple[Any, ...]]]:
    """Yield chunks of (row id, features ...) of the table, view or SELECT that `text` names."""
    connection = predictor.tables.connection
    found = relation.resolve(connection, text)
    return relation.read(connection, found, predictor.feature_names)


# Integrity


def missing(predictor: Predictor) -> ModelError | None:
    """Return the error that names the shadow tables that are gone, None where all are there."""
    gone = shadows.missing(predictor.tables)
    return ModelError(f"missing shadow tables {', '.join(gone)}. Restore them from a backup.") if gone else None


def problems(predictor: Predictor, *, quick: bool) -> str | None:
    """Return what is wrong with the stored predictor as text, None where all is well. Models are not evaluated."""
    gone = missing(predictor)
    if gone:
        return f"{predictor.tables.name}: {gone}"
    bad = [] if quick else [number for number in versions.numbers(predictor.tables) if not _is_whole(predictor, number)]
    if bad:
        return f"{predictor.tables.name}: the model of version {bad[0]} is damaged. {_mend(predictor, bad[0])}"
    current = versions.deployed(predictor.tables)
    if current is not None and current not in versions.numbers(predictor.tables):
        return f"{predictor.tables.name}: {_undeployed(predictor, current)}"
    return None


def _undeployed(predictor: Predictor, number: Any) -> str:
    deploy_latest = predictor.command("deploy", '{"strategy": "latest"}')
    return f"version {shown(number)} is deployed and does not exist. Run: {deploy_latest}."


def _is_whole(predictor: Predictor, number: int) -> bool:
    blob = versions.model(predictor.tables, number)
    return isinstance(blob, bytes) and digest(blob) == versions.digest_of(predictor.tables, number)
