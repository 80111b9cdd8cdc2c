"""TARGETS: what each row is to reach, as data."""

from __future__ import annotations

from dataclasses import dataclass

from .timing import Figure, digits


@dataclass(frozen=True, slots=True)
class Target:
    """The limit of a row of a section."""

    section: str
    row: str
    """The row's name, or its part before the colon, for all of these."""
    limit: float
    is_least: bool = False
    """Whether the limit is what the row must reach, not what it must stay under."""

    def holds(self, figure: Figure) -> bool:
        """Return whether a figure is on the right side."""
        return figure.judged >= self.limit if self.is_least else figure.judged <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {digits(self.limit)}"


def _joins(limit: float, *algorithms: str) -> list[Target]:
    return [Target("scoring", f"join: {algorithm}", limit) for algorithm in algorithms]


TARGETS = (
    *_joins(2, "logistic_regression", "ridge"),
    *_joins(2.5, "random_forest", "extra_trees"),
    *_joins(3.5, "gradient_boosting"),
    *_joins(0.7, "hist_gradient_boosting"),
    *_joins(4, "gaussian_nb", "mlp", "lda", "svc", "knn"),
    Target("scoring", "json_array", 1.5),
    Target("scoring", "texts and NULLs", 1.5),
    Target("scoring", "ml_predict", 1),
    Target("chunks", "source", 1.2),
    Target("chunks", "features IN", 1.2),
    Target("one", "linear", 15),
    Target("one", "forest of 100", 40),
    Target("intake", "INSERT INTO t SELECT", 2.5),
    Target("training", "time", 1.15),
    Target("training", "memory", 2),
    Target("start", "first prediction: linear", 1.5),
    Target("start", "first prediction: forest of 100", 2.5),
    Target("start", "opening, 200 beside 1", 1),
    Target("start", "first prediction, 200 beside 1", 1),
    Target("growth", "a row by join, beside 10,000", 1.2),
    Target("growth", "a row by source, beside 10,000", 1.2),
    Target("growth", "memory of source", 100),
    Target("sqlite-ml", "logistic_regression", 400, is_least=True),
    Target("sqlite-ml", "random_forest", 500, is_least=True),
    Target("sqlite-ml", "knn", 50, is_least=True),
    Target("sqlite-predict", "fit", 1),
    Target("sqlite-predict", "held-out errors", 1),
    Target("sqlite-predict", "one call a row", 1),
    Target("sqlite-predict", "batch", 1),
    Target("orbital", "a row", 1),
    Target("duckdb", "on a SQLite file", 1),
    Target("duckdb", "on its own file", 1.5),
)


def target_of(figure: Figure) -> Target | None:
    """Return the target of a figure's row, or None where it is only reported."""
    names = (figure.row, figure.row.partition(":")[0])
    of_section = {target.row: target for target in TARGETS if target.section == figure.section}
    return next((of_section[name] for name in names if name in of_section), None)
