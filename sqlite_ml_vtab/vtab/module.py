"""load(): registers the modules and functions on a connection, and remembers the tables it meets there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import apsw

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration import MODULES, TASKS, Declaration, parse
from sqlite_ml_vtab.errors import CommandError, DeclarationError, Error, about, shown
from sqlite_ml_vtab.store.catalog import find_predictor
from sqlite_ml_vtab.store.shadows import SHADOW_TABLES
from sqlite_ml_vtab.store.sql import T, folded, quoted
from sqlite_ml_vtab.vtab.connection import PlainConnection
from sqlite_ml_vtab.vtab.layout import Layout
from sqlite_ml_vtab.vtab.table import Table, key

if TYPE_CHECKING:
    from sqlite_ml_vtab.learning.algorithms import Algorithm
    from sqlite_ml_vtab.portable import AnyScorer
    from sqlite_ml_vtab.vtab.landing import Landing


_READS = apsw.SQLITE_TXN_READ
"""The state of a transaction that has not written."""


class Answering(NamedTuple):
    """What answers for a name, and the state of the database in which it does."""

    kept: ref[AnyScorer]
    """Weakly: the cache of the process decides how many models are kept."""
    schema: str
    data_version: int
    total_changes: int


class Loaded:
    """What one connection has been given."""

    def __init__(self, db: apsw.Connection, host: verbs.Host) -> None:
        """Describe the loading on `db`."""
        self.connection = PlainConnection(db)
        self._reference = ref(db)
        # A connection that ends with the interpreter disconnects its tables by names that apsw frees with its module:
        # https://github.com/rogerbinns/apsw/issues/622. As long as a connection holds this, the module stays.
        self._library = apsw
        self.host = host
        self.is_protected = True
        """Whether SQLite guards the shadow tables under DEFENSIVE; not where its 33 slots were used up."""
        self.landing: dict[tuple[str, str], Landing] = {}
        """What was fitted outside a statement, for the command that stores it."""
        self._tables: dict[tuple[str, str], Table] = {}
        self._named: dict[str, Table] = {}
        self._answering: dict[Any, Answering] = {}

    @property
    def db(self) -> apsw.Connection:
        """The connection."""
        return self.connection.db

    def settle(self, host: verbs.Host) -> None:
        """Take the settings of another call of load, for the tables that are connected already too."""
        self.host = host
        self._forget_names()
        for table in self._tables.values():
            table.predictor.host = host

    def enter(self, table: Table) -> Table:
        """Remember a table that was connected."""
        self._forget_names()
        self._tables[table.key] = table
        return table

    def leave(self, table: Table) -> None:
        """Forget a table that was disconnected."""
        self._forget_names()
        if self._tables.get(table.key) is table:
            del self._tables[table.key]

    def _forget_names(self) -> None:
        self._named.clear()
        self._answering.clear()

    def answering(self, asked: Any) -> AnyScorer | None:
        """Return what answers for a table's key, or the name of a predictor; None where it must be looked up.

        Between two rows of one statement nothing changes: its read transaction sees one state of the database. The data
        version tells it from that of other statements, whoever wrote between them; what this connection itself has
        written and not committed is looked up each time (https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntldataversion).
        """
        found = self._answering.get(asked)
        db = self._reference()
        if found is None or db is None:
            return None
        kept, schema, data_version, total_changes = found
        if (
            db.txn_state(schema) == _READS
            and db.data_version(schema) == data_version
            and db.total_changes() == total_changes
        ):
            return kept()
        return None

    def remember(self, asked: Any, table: Table, scorer: AnyScorer) -> None:
        """Note what answers for `asked` at this moment, if this is a transaction that only reads."""
        db, schema = self.db, table.predictor.tables.schema
        if (asked == table.key or _stays(asked, schema)) and db.txn_state(schema) == _READS:
            self._answering[asked] = Answering(ref(scorer), schema, db.data_version(schema), db.total_changes())

    def table(self, text: Any) -> Table:
        """Return the predictor called `text`: a name, or schema.name.

        Raises CommandError with the nearest names where there is none.
        """
        with about(None):
            schema, name = find_predictor(self.connection, text)
        # Preparing a statement makes SQLite connect the table, if it is not, which enters it here.
        self.connection.execute(f"SELECT 1 FROM {quoted(schema)}.{quoted(name)} LIMIT 0")
        found = self._tables[key(schema, name)]
        if _stays(text, schema):
            self._named[text] = found
        return found

    def ask(self, text: Any, question: Callable[[Table], T]) -> T:
        """Return the answer to `question` of the predictor called `text`, which is looked up once.

        Where the answer is an error, it is looked up anew: ROLLBACK or another connection may have changed it.
        """
        remembered = self._named.get(text)
        if remembered is not None:
            try:
                return question(remembered)
            except (Error, apsw.SQLError, UnicodeDecodeError):
                self._named.clear()
        table = self.table(text)
        with table.naming:
            return question(table)


def _stays(text: Any, schema: str) -> bool:
    """Return whether `text` means this schema for as long as nobody of this connection says otherwise.

    A bare name that means an attached database's predictor means another one as soon as main has one of the name, and
    another connection may have made it.
    """
    return folded(schema) in ("main", "temp") or "." in str(text)


class PredictorModule:
    """The module of one task. Create and Connect share one builder; Connect touches nothing stored."""

    def __init__(self, loaded: Loaded, task: str) -> None:
        """Make predictors of `task` on the connection of `loaded`."""
        self._loaded = loaded
        self._task = task

    def Create(self, db: apsw.Connection, module: str, schema: str, name: str, *args: Any) -> tuple[str, Table]:
        """Declare a predictor and make its shadow tables."""
        with about(name):
            sql, table = self._build(db, schema, name, args)
            verbs.create(table.predictor)
        return sql, self._loaded.enter(table)

    def Connect(self, db: apsw.Connection, module: str, schema: str, name: str, *args: Any) -> tuple[str, Table]:
        """Find a predictor that was declared before."""
        with about(name):
            sql, table = self._build(db, schema, name, args)
        return sql, self._loaded.enter(table)

    def ShadowName(self, suffix: str) -> bool:
        """Say which table names are ours."""
        return suffix in SHADOW_TABLES

    def _build(self, db: apsw.Connection, schema: str, name: str, args: tuple[Any, ...]) -> tuple[str, Table]:
        declaration = parse(self._task, name, [str(argument) for argument in args])
        layout = Layout(declaration, name, db.limit(apsw.SQLITE_LIMIT_COLUMN))
        if len(layout.names) > layout.column_limit:
            raise DeclarationError(
                f"{len(layout.visible)} columns, beside {len(layout.names) - len(layout.visible)} hidden ones, are "
                f"more than SQLite's limit of {layout.column_limit}. Declare fewer columns."
            )
        predictor = verbs.Predictor(self._loaded.connection, schema, name, declaration, self._loaded.host)
        db.vtab_config(apsw.SQLITE_VTAB_CONSTRAINT_SUPPORT, 1)
        if self._loaded.host.untrusted:
            db.vtab_config(apsw.SQLITE_VTAB_DIRECTONLY)
        return layout.schema(), _kind(declaration)(self._loaded, predictor, layout)


def _kind(declaration: Declaration) -> type[Table]:
    """Return what stands for a predictor, which for a forecast is imported when one is met."""
    if not declaration.has_series:
        return Table
    from sqlite_ml_vtab.vtab.forecast import ForecastTable

    return ForecastTable


LOADED: WeakKeyDictionary[apsw.Connection, Loaded] = WeakKeyDictionary()
"""The connections that were loaded; loading again changes the host's settings and nothing else."""


def register(db: apsw.Connection, host: verbs.Host) -> Loaded:
    """Register the predictor modules on `db`, once."""
    loaded = LOADED.get(db)
    if loaded is not None:
        loaded.settle(host)
        return loaded
    loaded = LOADED[db] = Loaded(db, host)
    for name, task in MODULES.items():
        _create_module(db, name, loaded, task)
    return loaded


def _create_module(db: apsw.Connection, name: str, loaded: Loaded, task: str) -> None:
    module: Any = PredictorModule(loaded, task)
    # Where hidden columns of stored rows have values, an UPDATE would compute them, and hand them back to be stored.
    settings = {"use_bestindex_object": True, "use_no_change": not TASKS[task].has_target}
    try:
        db.create_module(name, module, iVersion=4, **settings)
    except Exception as error:
        if "xShadowName" not in str(error):
            raise
        # 33 slots a process: without one, everything works but the protection under DEFENSIVE.
        loaded.is_protected = False
        db.create_module(name, module, iVersion=2, **settings)


def host_algorithms(extra: Mapping[str, Any]) -> dict[str, Algorithm]:
    """Return the algorithms that a host program adds as estimator classes or as Algorithm entries.

    Raises CommandError for a name that is taken or an entry that cannot be fitted.
    """
    if not extra:
        return {}
    from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, Algorithm

    added = {}
    for name, entry in extra.items():
        if not isinstance(name, str) or name != name.strip().lower() or not name:
            raise CommandError(f"an algorithm is named by lower-case text, got {shown(name)}. Give it another name.")
        if name in ALGORITHMS:
            raise CommandError(f"algorithm {name!r} exists already. Give yours another name.")
        if isinstance(entry, Algorithm):
            added[name] = entry
        elif isinstance(entry, type) and hasattr(entry, "fit") and any(hasattr(entry, verb) for verb in _VERBS):
            doc = f"Registered by the host program: {entry.__name__}."
            added[name] = Algorithm(doc, None, {_task_of(entry): entry})
        else:
            raise CommandError(f"algorithm {name!r} is an estimator class, got {shown(entry)}. Pass the class itself.")
    return added


def _task_of(estimator_class: type) -> str:
    """Return the task that scikit-learn's mixins say it has, by their names: this imports nothing."""
    bases = {base.__name__ for base in estimator_class.__mro__}
    for mixin, task in _MIXINS.items():
        if mixin in bases:
            return task
    if not hasattr(estimator_class, "predict"):
        return "projection" if hasattr(estimator_class, "transform") else "clustering"
    return "classification" if hasattr(estimator_class, "predict_proba") else "regression"


_MIXINS = {
    "RegressorMixin": "regression",
    "ClassifierMixin": "classification",
    "ClusterMixin": "clustering",
    "OutlierMixin": "anomaly",
}
"""What scikit-learn derives an estimator from, and the task it tells; the first that is found counts."""

_VERBS = ("predict", "transform", "fit_predict")
"""An estimator answers by one of these."""
