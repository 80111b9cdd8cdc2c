"""SHADOW_TABLES: what they are, and how all of them are made, dropped, renamed and checked together."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_ml_vtab.declaration import Column
from sqlite_ml_vtab.errors import DeclarationError, ModelError
from sqlite_ml_vtab.store.sql import Tables, folded, literal, quoted

FORMAT = 1
"""The layout of the shadow tables; raised whenever an older release could misread it."""

SHADOW_TABLES: dict[str, str] = {
    "rows": "",
    "versions": (
        "version INTEGER PRIMARY KEY, algorithm TEXT NOT NULL, hyperparams TEXT NOT NULL, options TEXT NOT NULL, "
        "seed INTEGER NOT NULL, rows_trained INTEGER NOT NULL, rows_tested INTEGER NOT NULL, score REAL, "
        "baseline REAL, seconds REAL NOT NULL, created_at TEXT NOT NULL, environment TEXT NOT NULL, "
        "scorer TEXT NOT NULL, notes TEXT NOT NULL, rows_digest TEXT NOT NULL"
    ),
    "models": "version INTEGER PRIMARY KEY, digest TEXT NOT NULL, model BLOB NOT NULL",
    "states": "version INTEGER PRIMARY KEY, model_digest TEXT NOT NULL, state BLOB NOT NULL",
    "parts": (
        "version INTEGER NOT NULL, of TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, "
        "PRIMARY KEY (version, of, part)"
    ),
    "metrics": "version INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY (version, name)",
    "holdout": (
        "version INTEGER NOT NULL, row INTEGER NOT NULL, truth, prediction, probability REAL, "
        "PRIMARY KEY (version, row)"
    ),
    "deployments": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, reason TEXT NOT NULL, "
        "deployed_at TEXT NOT NULL"
    ),
    "runs": (
        "run INTEGER PRIMARY KEY, command TEXT NOT NULL, options TEXT NOT NULL, rows_digest TEXT NOT NULL, "
        "started_at TEXT NOT NULL, seconds REAL NOT NULL, score REAL, spread REAL, version INTEGER, said TEXT NOT NULL"
    ),
    "folds": (
        "run INTEGER NOT NULL, trial INTEGER NOT NULL, repeat INTEGER NOT NULL, fold INTEGER NOT NULL, "
        "rows_trained INTEGER NOT NULL, rows_tested INTEGER NOT NULL, score REAL NOT NULL, baseline REAL, "
        "fit_seconds REAL NOT NULL, predict_seconds REAL NOT NULL, metrics TEXT NOT NULL, "
        "PRIMARY KEY (run, trial, repeat, fold)"
    ),
    "trials": (
        "run INTEGER NOT NULL, trial INTEGER NOT NULL, state TEXT NOT NULL, algorithm TEXT NOT NULL, "
        "hyperparams TEXT NOT NULL, drawn TEXT NOT NULL, score REAL, spread REAL, seconds REAL NOT NULL, error TEXT, "
        "PRIMARY KEY (run, trial)"
    ),
    "comparisons": (
        "run INTEGER NOT NULL, trial INTEGER NOT NULL, algorithm TEXT NOT NULL, hyperparams TEXT NOT NULL, "
        "state TEXT NOT NULL, score REAL, spread REAL, difference REAL, p_value REAL, fit_seconds REAL, "
        "predict_seconds REAL, model_bytes INTEGER, verdict TEXT NOT NULL, PRIMARY KEY (run, trial)"
    ),
    "config": "key TEXT PRIMARY KEY, value",
}
"""Suffix to column definitions; those of ``rows`` come from the declaration. One list drives everything below."""

ON_DEMAND = ("states", "parts", "runs", "folds", "trials", "comparisons")
"""Those that are made when something is first written to them: SQLite reads the definitions of all tables of all
predictors whenever it opens a file, and most have nothing for these. Where one is not there, it is as if empty."""


def columns(suffix: str) -> tuple[str, ...]:
    """Return the column names of a shadow table, none for those of ``rows``, which the declaration names."""
    listed, _, _ = SHADOW_TABLES[suffix].partition(", PRIMARY KEY (")
    return tuple(definition.split(" ")[0] for definition in listed.split(", ") if definition)


def row_key(columns: Sequence[Column]) -> str:
    """Return the name of the row id in the rows table: ``id``, or another where a declared column is called so."""
    taken = {folded(column.name) for column in columns}
    return next(name for name in ("id", "row_id", *(f"row_id{n}" for n in range(len(taken)))) if name not in taken)


def create(tables: Tables, columns: Sequence[Column], release: str) -> None:
    """Make all shadow tables.

    Raises DeclarationError where one of their names is taken.
    """
    _check_free(tables)
    create_missing(tables, columns)
    put_format(tables, release)


def is_there(tables: Tables, suffix: str) -> bool:
    """Return whether there is such a table; one of ON_DEMAND has our columns too, or it is somebody else's."""
    there = _columns_there(tables, suffix)
    return bool(there) and (suffix not in ON_DEMAND or there >= set(columns(suffix)))


def source(tables: Tables, suffix: str) -> str:
    """Return what stands behind FROM to read a shadow table: where it is not made yet, no rows."""
    if suffix not in ON_DEMAND or is_there(tables, suffix):
        return tables.of(suffix)
    return f"(SELECT {', '.join(f'NULL AS {quoted(name)}' for name in columns(suffix))} WHERE 0)"


def make(tables: Tables, suffix: str) -> str:
    """Return the name of a table of ON_DEMAND, which is made if it is not there yet.

    Raises ModelError where somebody else has taken its name.
    """
    if not is_there(tables, suffix):
        if folded(f"{tables.name}_{suffix}") in _present(tables):
            raise ModelError(_taken(f"{tables.name}_{suffix}"))
        tables.rows(f"CREATE TABLE {tables.of(suffix)}({SHADOW_TABLES[suffix]})")
    return tables.of(suffix)


def made(tables: Tables) -> list[str]:
    """Return the suffixes of the tables that must be there, and of those of ON_DEMAND that are."""
    return [suffix for suffix in SHADOW_TABLES if suffix not in ON_DEMAND or is_there(tables, suffix)]


def drop(tables: Tables) -> None:
    """Drop all shadow tables that are there."""
    for suffix in made(tables):
        tables.rows(f"DROP TABLE IF EXISTS {tables.of(suffix)}")


def rename(tables: Tables, name: str) -> None:
    """Give all shadow tables the names they have under the predictor's new name."""
    target = Tables(tables.connection, tables.schema, name)
    _check_free(target)
    for suffix in made(tables):
        tables.rows(f"ALTER TABLE {tables.of(suffix)} RENAME TO {quoted(f'{name}_{suffix}')}")


def missing(tables: Tables) -> list[str]:
    """Return the names of the shadow tables that are not there, and should be."""
    there = _present(tables)
    names = [f"{tables.name}_{suffix}" for suffix in SHADOW_TABLES if suffix not in ON_DEMAND]
    return [name for name in names if folded(name) not in there]


def replaced(tables: Tables) -> tuple[str, str] | None:
    """Return the name of a shadow table in whose place something else stands, and what: a view, say. Else None."""
    found = tables.rows(
        f"SELECT name, CASE type WHEN 'table' THEN 'virtual table' ELSE type END FROM {_schema(tables)} "
        f"WHERE lower(name) IN ({_listed(tables)}) AND (type <> 'table' OR rootpage = 0) LIMIT 1"
    )
    return found[0] if found else None


def create_missing(tables: Tables, columns: Sequence[Column]) -> None:
    """Make the shadow tables that are not there, empty, but those of ON_DEMAND."""
    there = _present(tables)
    for suffix in SHADOW_TABLES:
        if suffix not in ON_DEMAND and folded(f"{tables.name}_{suffix}") not in there:
            tables.rows(f"CREATE TABLE {tables.of(suffix)}({_definition(suffix, columns)})")


def has_columns(tables: Tables, columns: Sequence[Column]) -> bool:
    """Return whether every shadow table has the columns of this FORMAT, in any order, and no others."""
    return all(_columns_there(tables, suffix) == _wanted(suffix, columns) for suffix in made(tables))


def format_of(tables: Tables) -> object:
    """Return the format number that stands in the config table, None where there is none."""
    return config(tables, "format")


def put_format(tables: Tables, release: str) -> None:
    """Write that the tables are of this FORMAT, and the release, where none is named."""
    for conflict, key, value in (("REPLACE", "format", FORMAT), ("IGNORE", "created_with", release)):
        sql = f"INSERT OR {conflict} INTO {tables.of('config')}(key, value) VALUES (?, ?)"
        tables.rows(sql, (key, value))


def config(tables: Tables, key: str) -> object:
    """Return one value of the config table, None where it has none."""
    return tables.value(f"SELECT value FROM {tables.of('config')} WHERE key = ?", (key,))


def _columns_there(tables: Tables, suffix: str) -> set[str]:
    # The statement, and not the function pragma_table_info, whose name a table of the file may bear.
    found = tables.rows(f"PRAGMA {quoted(tables.schema)}.table_info({quoted(f'{tables.name}_{suffix}')})")
    return {folded(name) for _, name, *_ in found}


def _wanted(suffix: str, declared: Sequence[Column]) -> set[str]:
    names = columns(suffix) or (row_key(declared), *(column.name for column in declared))
    return set(map(folded, names))


def _definition(suffix: str, columns: Sequence[Column]) -> str:
    own = [f"{quoted(row_key(columns))} INTEGER PRIMARY KEY"]
    own += [f"{quoted(column.name)} {column.affinity}".rstrip() for column in columns]
    return SHADOW_TABLES[suffix] or ", ".join(own)


def _schema(tables: Tables) -> str:
    return f"{quoted(tables.schema)}.sqlite_schema"


def _listed(tables: Tables) -> str:
    return ", ".join(literal(folded(f"{tables.name}_{suffix}")) for suffix in SHADOW_TABLES)


def _present(tables: Tables) -> set[str]:
    found = tables.rows(f"SELECT lower(name) FROM {_schema(tables)} WHERE lower(name) IN ({_listed(tables)})")
    return {name for (name,) in found}


def _check_free(tables: Tables) -> None:
    taken = sorted(_present(tables))
    if taken:
        raise DeclarationError(f"{_taken(taken[0])[:-1]} or choose another name.")


def _taken(name: str) -> str:
    return f"a table named {name!r} exists already, and this predictor needs the name. Rename that table."
