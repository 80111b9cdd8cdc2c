"""The verb cross_validate: a row for each fold, and their mean and spread."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlite_ml_vtab.learning.metrics import MAIN
from sqlite_ml_vtab.learning.search.folds import make_folds, mean_and_spread, run_fold, validated_rows
from sqlite_ml_vtab.predictor.base import Predictor
from sqlite_ml_vtab.predictor.digests import rows_digest
from sqlite_ml_vtab.predictor.searching import (
    DEFAULT_FOLDS,
    MAX_FOLDS,
    Clock,
    Outcome,
    divided_rows,
    fold_rows,
    store_run,
    whole_number,
)
from sqlite_ml_vtab.predictor.training import say, search_plan, training_rows

OWN_OPTIONS = ("folds", "repeats")


def cross_validate(predictor: Predictor, options: Mapping[str, Any]) -> int:
    """Measure what `train` would fit on every fold; return the number of the run. No version is made."""
    count = whole_number(options, "folds", DEFAULT_FOLDS, 2, MAX_FOLDS)
    repeats = whole_number(options, "repeats", 1, 1, MAX_FOLDS)
    chosen = search_plan(predictor, {name: value for name, value in options.items() if name not in OWN_OPTIONS})
    rows = training_rows(predictor, chosen.split)
    kind, ordered = divided_rows(predictor, chosen, rows)
    divided = validated_rows(ordered, chosen)
    folds = make_folds(divided, chosen, kind, count, repeats)
    clock = Clock(predictor, "cross_validate", total=len(folds))
    found = []
    for fold in predictor.host.workers.each(partial(run_fold, divided, chosen), folds):
        clock.tick(fold.score)
        found.append(fold)
    mean, spread = mean_and_spread([fold.score for fold in found])
    least = mean_and_spread([fold.baseline for fold in found])[0]
    said = (
        f"{chosen.name}: {MAIN[chosen.task]} {mean:.4g} ± {spread:.2g} over {len(found)} folds; "
        f"the baseline has {least:.4g}"
    )
    written = {"folds": count, "repeats": repeats}
    outcome = Outcome(mean, spread, None, said)
    run = store_run(clock, chosen, written, rows_digest(rows), outcome, {"folds": fold_rows(1, found)})
    say(predictor, [said])
    return run
