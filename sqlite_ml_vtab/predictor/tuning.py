"""The verb tune: trials over folds of the train part, then a version of the best, judged by what no trial saw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import takewhile
from typing import Any

from sqlite_ml_vtab.errors import CommandError, DeclarationError, ModelError, TrainingError, choices, shown
from sqlite_ml_vtab.learning.algorithms import check_hyperparams
from sqlite_ml_vtab.learning.metrics import MAIN
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Fitted, Plan
from sqlite_ml_vtab.learning.search.comparing import above_baseline, losses, over_rows
from sqlite_ml_vtab.learning.search.folds import FoldScore, make_folds, searched_rows
from sqlite_ml_vtab.learning.search.spaces import Space, default_space, read_space
from sqlite_ml_vtab.learning.search.strategies import (
    COMPLETE,
    EXTRAS,
    FAILED,
    PRUNED,
    SEARCHES,
    STOPPED,
    Search,
    Trial,
    best_of,
    run,
    trial_count,
)
from sqlite_ml_vtab.learning.training import fit
from sqlite_ml_vtab.predictor.base import Predictor, as_json
from sqlite_ml_vtab.predictor.digests import rows_digest
from sqlite_ml_vtab.predictor.searching import (
    DEFAULT_FOLDS,
    MAX_FOLDS,
    Clock,
    Outcome,
    divided_rows,
    fold_rows,
    seconds_allowed,
    store_run,
    whole_number,
)
from sqlite_ml_vtab.predictor.training import Attempt, search_plan, store_version, training_rows
from sqlite_ml_vtab.predictor.versions import as_object, stored_options
from sqlite_ml_vtab.store import runs, versions

OWN_OPTIONS = ("search", "space", "trials", "folds", "repeats", "timeout", "resume")


def tune(predictor: Predictor, options: Mapping[str, Any], deploy_it: bool | None) -> int:
    """Search, then fit the best on the whole train part and store it as a version; return its number.

    `deploy_it` forces the deployment, or forbids it; with None it must be better over the folds than the baseline,
    beyond noise, and better on the hold-out than the deployed version.
    Raises CommandError for options that cannot be, before the first fit, and TrainingError where no trial came through.
    """
    resumed = _resumed(predictor, options)
    asked = {**({} if resumed is None else _options_of(resumed)), **options}
    chosen = search_plan(predictor, {name: value for name, value in asked.items() if name not in OWN_OPTIONS})
    clock, search = _search(predictor, chosen, asked)
    rows = training_rows(predictor, chosen.split)
    digest = rows_digest(rows)
    if resumed is not None and resumed.rows_digest != digest:
        raise CommandError(f'the rows have changed since run {resumed.run}. Run tune anew, without "resume".')
    kind, ordered = divided_rows(predictor, chosen, rows)
    searched = searched_rows(ordered, chosen)
    count = whole_number(asked, "folds", DEFAULT_FOLDS, 2, MAX_FOLDS)
    repeats = whole_number(asked, "repeats", 1, 1, MAX_FOLDS)
    before = [] if resumed is None else _trials_before(predictor, chosen, resumed.run)
    trials = [*before, *run(searched, chosen, make_folds(searched, chosen, kind, count, repeats), search, before)]
    best = _best(trials, clock)
    made = Attempt(best.plan, fit(rows, best.plan), digest)
    because, notes = _deployment(predictor, made, best, rows, deploy_it)
    version = store_version(predictor, made, because, [_said(trials, best), *notes])
    outcome = Outcome(best.score, best.spread, version, "; ".join([_said(trials, best), *notes]))
    written = {name: asked[name] for name in OWN_OPTIONS if name in asked and name != "resume"}
    written |= {"folds": count, "repeats": repeats}
    evidence = {
        "trials": [_trial_row(trial) for trial in trials],
        "folds": [row for trial in trials for row in fold_rows(trial.number, trial.folds)],
    }
    store_run(clock, chosen, written, digest, outcome, evidence)
    return version


def _options_of(resumed: runs.Run) -> dict[str, Any]:
    """Return the options of a stored run; raise ModelError where they cannot be read."""
    options = as_object(resumed.options)
    if options is None:
        raise ModelError(f'the options of run {resumed.run} cannot be read. Run tune anew, without "resume".')
    return options


def _search(predictor: Predictor, chosen: Plan, options: Mapping[str, Any]) -> tuple[Clock, Search]:
    """Return the search that the options describe, all of it checked."""
    how = options.get("search", "random")
    if not isinstance(how, str) or how not in SEARCHES:
        raise CommandError(f"unknown search {shown(how)}. {choices(str(how), SEARCHES, 'Searches')}")
    if how in EXTRAS and find_spec(EXTRAS[how]) is None:
        raise CommandError(
            f"search {how!r} needs a package that is not installed. Run: pip install 'sqlite-ml-vtab[{EXTRAS[how]}]'."
        )
    clock = Clock(predictor, "tune", seconds_allowed(options))
    trials = None if options.get("trials") is None else whole_number(options, "trials", 1, 1)
    space = _space(predictor, chosen, options)
    clock.total = trial_count(how, space, trials)

    def report(trial: Trial) -> None:
        clock.tick(trial.score if trial.state == COMPLETE else None)

    # The deployed version is fitted once more, to be compared with.
    final_fits = 1 if versions.deployed(predictor.tables) is None else 2
    return clock, Search(how, space, trials, clock.ends_at, predictor.host.workers, report, final_fits)


def _space(predictor: Predictor, chosen: Plan, options: Mapping[str, Any]) -> Space:
    try:
        if options.get("space") is None:
            return default_space(chosen.name, chosen.task, chosen.algorithms)
        return read_space(chosen.name, chosen.task, chosen.algorithms, options["space"])
    except DeclarationError as error:
        raise CommandError(*error.args) from None


def _resumed(predictor: Predictor, options: Mapping[str, Any]) -> runs.Run | None:
    """Return the run that is to be gone on with, None where none is named."""
    if options.get("resume") is None:
        return None
    number = whole_number(options, "resume", 1, 1)
    others = sorted(set(options) - {"resume", "trials", "timeout", "deploy"})
    if others:
        raise CommandError(f"option {others[0]!r} cannot change in a run that is resumed. Leave it out.")
    known: dict[int, runs.Run] = {run.run: run for run in runs.read(predictor.tables, "runs") if run.command == "tune"}
    if number not in known:
        listed = f"Runs: {', '.join(map(str, known))}." if known else "There are none."
        raise CommandError(f"no run {number} of tune. {listed}")
    return known[number]


def _trials_before(predictor: Predictor, chosen: Plan, number: int) -> list[Trial]:
    """Return the trials of a stored run, as the search left them; one that the timeout cut short is had again.

    Raises ModelError where the file holds no such run: every value of it is checked.
    """
    try:
        folds = [_fold(row) for row in runs.read(predictor.tables, "folds", number)]
        trials = [_trial(chosen, row, folds) for row in runs.read(predictor.tables, "trials", number)]
    except (DeclarationError, ValueError, TypeError, OverflowError):
        trials = None
    if trials is None or [trial.number for trial in trials] != list(range(1, len(trials) + 1)):
        raise ModelError(f'the evidence of run {number} cannot be read. Run tune anew, without "resume".')
    return list(takewhile(lambda trial: trial.state != STOPPED, trials))


def _trial(chosen: Plan, row: runs.TrialRow, folds: Sequence[tuple[int, FoldScore]]) -> Trial:
    """Return a stored trial; raise DeclarationError for hyperparameters that cannot be, ValueError for what is none."""
    drawn = as_object(row.drawn)
    if drawn is None or row.state not in (COMPLETE, FAILED, PRUNED, STOPPED):
        raise ValueError
    check_hyperparams(chosen.name, chosen.task, chosen.algorithms, drawn)
    return Trial(
        number=row.trial,
        drawn=drawn,
        plan=replace(chosen, hyperparams={**chosen.hyperparams, **drawn}),
        state=row.state,
        folds=tuple(fold for trial, fold in folds if trial == row.trial),
        seconds=_finite(row.seconds),
        error=None if row.error is None else str(row.error),
    )


def _fold(row: runs.FoldRow) -> tuple[int, FoldScore]:
    """Return the trial of a stored fold, and the fold; raise ValueError for what is none."""
    metrics = as_object(row.metrics)
    counts = (row.trial, row.repeat, row.fold, row.rows_trained, row.rows_tested)
    if metrics is None or any(type(count) is not int or count < 1 for count in counts):
        raise ValueError
    return row.trial, FoldScore(
        repeat=row.repeat,
        number=row.fold,
        rows_trained=row.rows_trained,
        rows_tested=row.rows_tested,
        score=_finite(row.score),
        baseline=math.nan if row.baseline is None else _finite(row.baseline),
        metrics={str(name): _finite(value) for name, value in metrics.items()},
        fit_seconds=_finite(row.fit_seconds),
        predict_seconds=_finite(row.predict_seconds),
    )


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _best(trials: Sequence[Trial], clock: Clock) -> Trial:
    best = best_of(trials)
    if best is not None:
        return best
    failed = next((trial.error for trial in trials if trial.error), None)
    if failed is not None:
        raise TrainingError(f"no trial came through; the first one says: {failed}")
    raise TrainingError(f"no trial ended within {clock.timeout:g} s. Allow more time, or fewer folds.")


def _said(trials: Sequence[Trial], best: Trial) -> str:
    drawn = "what was declared" if not best.drawn else as_json(best.drawn)
    first = trials[0].score
    gain = "" if first is None or not best.drawn else f", against {first:.4g} of what was declared"
    failed = sum(trial.state == "failed" for trial in trials)
    also = f"; {failed} trials failed" if failed > 1 else "; 1 trial failed" if failed else ""
    name = MAIN[best.plan.task]
    return f"the best of {len(trials)} trials is {drawn}: {name} {best.score:.4g} over the folds{gain}{also}"


def _deployment(
    predictor: Predictor, made: Attempt, best: Trial, rows: TrainingRows, deploy_it: bool | None
) -> tuple[str, list[str]]:
    """Return why the version is to be deployed ('' if it is not), and the notes that say why it is not."""
    if deploy_it is not None:
        return ("tune, deploy: true" if deploy_it else ""), []
    current = versions.deployed(predictor.tables)
    record = None if current is None else versions.find(predictor.tables, current)
    if record is None:
        return "tune: first version", []
    force = """force it with {"deploy": true}"""
    if not above_baseline(best.folds):
        return "", [f"not deployed: over the folds it is not better than the baseline beyond noise; {force}"]
    if not made.fitted.rows_tested:
        return "", [f"not deployed: without a test part nothing tells whether it is better; {force}"]
    rival = _fitted_again(as_deployed(predictor, record, made.plan), rows)
    if rival is None:
        return "", [f"not deployed: version {current} cannot be fitted again to compare; {force}"]
    return _judged(made, rival, current, force)


def _fitted_again(chosen: Plan | None, rows: TrainingRows) -> Fitted | None:
    try:
        return None if chosen is None else fit(rows, chosen)
    except TrainingError:
        return None


def _judged(made: Attempt, rival: Fitted, current: int | None, force: str) -> tuple[str, list[str]]:
    """Compare, as `train` does, with the deployed version, fitted to the same train part, on rows that neither saw."""
    score, other = made.fitted.score, rival.score
    assert score is not None
    found = over_rows(losses(made.fitted), losses(rival))
    scores = f"{MAIN[made.plan.task]} {score:.4g} against {other:.4g} of version {current} on the test part"
    if other is None or score > other:
        return f"tune: {scores}, p = {found.p_value:.2g}", []
    return "", [f"not deployed: it has {scores}; {force}"]


def as_deployed(predictor: Predictor, record: versions.Version, chosen: Plan) -> Plan | None:
    """Return the plan of a stored version over the split of `chosen`, None where it cannot be read any more."""
    options = stored_options(record)
    if options is None:
        return None
    split = {"split": chosen.split, "test_size": chosen.test_size, "seed": chosen.seed}
    try:
        return search_plan(predictor, {**{name: value for name, value in options.items() if name != "passes"}, **split})
    except CommandError:
        return None


def _trial_row(trial: Trial) -> Callable[[int], runs.TrialRow]:
    return lambda run: runs.TrialRow(
        run=run,
        trial=trial.number,
        state=trial.state,
        algorithm=trial.plan.name,
        hyperparams=as_json(trial.plan.hyperparams),
        drawn=as_json(trial.drawn),
        score=trial.score,
        spread=trial.spread,
        seconds=round(trial.seconds, 6),
        error=trial.error,
    )
