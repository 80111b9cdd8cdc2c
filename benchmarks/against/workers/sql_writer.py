"""orbital: a pipeline as a SELECT."""

from __future__ import annotations

from typing import Any

import orbital
import orbital.types
from estimators import fitted
from serving import serve


def export(estimator: dict[str, Any], features: list[str]) -> str:
    """Fit the estimator, and return the statement that predicts from the table x; raise what orbital raises."""
    pipeline = orbital.parse_pipeline(
        fitted(**estimator), features={name: orbital.types.DoubleColumnType() for name in features}
    )
    return str(orbital.export_sql("x", pipeline, dialect="sqlite"))


serve({"export": export})
