"""DuckDB with a Python function over Arrow columns that calls the estimator."""

from __future__ import annotations

from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_sqlite_scanner
import numpy as np
import pyarrow as pa
import sklearn
from estimators import fitted
from serving import serve
from threadpoolctl import threadpool_limits

# Nothing is downloaded: the reader of SQLite files is the one that came with its package.
db = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False, "threads": 1})
SCANNER = next(Path(duckdb_extension_sqlite_scanner.__file__).parent.rglob("*.duckdb_extension"))
threadpool_limits(1)


def begin(sqlite: str, own: str) -> str:
    """Attach the SQLite file, and copy its table to a file of DuckDB's own; return scikit-learn's release."""
    db.execute(f"LOAD '{SCANNER}'")
    db.execute(f"ATTACH '{sqlite}' AS lite (TYPE sqlite, READ_ONLY)")
    db.execute(f"ATTACH '{own}' AS own")
    db.execute("CREATE TABLE own.x AS SELECT * FROM lite.x")
    return str(sklearn.__version__)


def learn(name: str, estimator: dict[str, Any], features: int) -> None:
    """Fit the estimator, and register it as a function of so many numbers."""
    pipeline = fitted(**estimator)

    def predict(*columns: Any) -> Any:
        matrix = np.column_stack([column.to_numpy() for column in columns])
        return pa.array(pipeline.predict(matrix).astype(float))

    # DuckDB counts the parameters that a function says it has.
    names = [Parameter(f"f{place}", Parameter.POSITIONAL_ONLY) for place in range(features)]
    predict.__signature__ = Signature(names)  # type: ignore[attr-defined]
    db.create_function(name, predict, ["DOUBLE"] * features, "DOUBLE", type="arrow")


def answer(sql: str) -> float:
    """Return the only value of a query."""
    found = db.execute(sql).fetchone()
    assert found is not None
    return float(found[0])


serve({"begin": begin, "learn": learn, "answer": answer})
