"""What the table functions read."""

from __future__ import annotations

from typing import Any

from sqlite_ml_vtab.store.shadows import source
from sqlite_ml_vtab.store.sql import Tables

SUMMARY = ("rows", "versions", "deployed", "algorithm", "score")
"""The columns of `summary`."""

VERSIONS = (
    *(
        "version",
        "deployed",
        "algorithm",
        "hyperparams",
        "score",
        "baseline",
        "rows_trained",
        "rows_tested",
        "seed",
        "seconds",
    ),
    *("created_at", "scorer", "notes", "model_bytes", "digest", "options", "environment"),
)
"""The columns of `versions`."""

_DEPLOYED = "(SELECT version FROM {deployments} ORDER BY id DESC LIMIT 1)"


def summary(tables: Tables) -> tuple[Any, ...]:
    """Return the number of rows and of versions, the deployed version, its algorithm and its score."""
    deployed = _DEPLOYED.format(deployments=tables.of("deployments"))
    return tables.rows(
        f"SELECT (SELECT count(*) FROM {tables.of('rows')}), (SELECT count(*) FROM {tables.of('versions')}), "
        f"{deployed}, v.algorithm, v.score "
        f"FROM (SELECT 1) LEFT JOIN {tables.of('versions')} AS v ON v.version = {deployed}"
    )[0]


def versions(tables: Tables) -> list[tuple[Any, ...]]:
    """Return every version, with whether it is deployed and the size and digest of its model."""
    deployed = _DEPLOYED.format(deployments=tables.of("deployments"))
    return tables.rows(
        f"SELECT v.version, v.version IS {deployed}, v.algorithm, v.hyperparams, v.score, v.baseline, v.rows_trained, "
        "v.rows_tested, v.seed, v.seconds, v.created_at, v.scorer, v.notes, length(m.model) + coalesce("
        f"(SELECT sum(length(bytes)) FROM {source(tables, 'parts')} WHERE version = v.version AND of = 'models'), 0), "
        f"m.digest, v.options, v.environment FROM {tables.of('versions')} AS v "
        f"LEFT JOIN {tables.of('models')} AS m ON m.version = v.version ORDER BY v.version"
    )


def metrics(tables: Tables, version: int | None) -> list[tuple[Any, ...]]:
    """Return (version, name, value) of every metric, or of those of one version."""
    return tables.rows(
        f"SELECT version, name, value FROM {tables.of('metrics')} "
        "WHERE ? IS NULL OR version = ? ORDER BY version, name",
        (version, version),
    )


def deployments(tables: Tables) -> list[tuple[Any, ...]]:
    """Return (id, version, reason, deployed_at) of every deployment."""
    return tables.rows(f"SELECT id, version, reason, deployed_at FROM {tables.of('deployments')} ORDER BY id")
