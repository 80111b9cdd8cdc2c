"""The verb compare: several algorithms over the same folds, and a promotion only beyond noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_ml_vtab.errors import CommandError, DeclarationError, TrainingError
from sqlite_ml_vtab.learning.algorithms import check_hyperparams, find_algorithm, for_task
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.learning.search.comparing import (
    ALPHA,
    Difference,
    above_baseline,
    holm,
    losses,
    over_folds,
    over_rows,
    together,
)
from sqlite_ml_vtab.learning.search.folds import Fold, make_folds, searched_rows
from sqlite_ml_vtab.learning.search.strategies import (
    COMPLETE,
    FAILED,
    STOPPED,
    Job,
    Trial,
    best_of,
    measure_trial,
    search_ends,
)
from sqlite_ml_vtab.learning.training import fit
from sqlite_ml_vtab.predictor.base import Predictor, as_json, shown_json
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
from sqlite_ml_vtab.predictor.training import Attempt, say, search_plan, store_version, training_rows
from sqlite_ml_vtab.predictor.tuning import as_deployed
from sqlite_ml_vtab.store import runs, versions

OWN_OPTIONS = ("algorithms", "folds", "repeats", "timeout")


@dataclass(frozen=True, slots=True)
class _Field:
    """The candidates of a run; the version that is deployed stands first where there is one."""

    version: int | None
    """The deployed version."""
    unreadable: int | None
    """The same, where it cannot be fitted again and is no candidate."""
    candidates: Sequence[Plan]


def compare(predictor: Predictor, options: Mapping[str, Any], deploy_it: bool | None) -> int:
    """Measure candidates on the same folds; train and deploy the best if it is better beyond noise; return the run.

    The folds divide the train part alone; the hold-out must confirm what they say. `deploy_it` False only compares.
    Raises CommandError for options that cannot be, before the first fit, and TrainingError where no candidate can be
    fitted.
    """
    if deploy_it:
        raise CommandError("compare deploys what is better beyond noise, and 'deploy' can only be false. Leave it out.")
    chosen = search_plan(predictor, {name: value for name, value in options.items() if name not in OWN_OPTIONS})
    field = _field(predictor, chosen, options.get("algorithms", "all"))
    count = whole_number(options, "folds", DEFAULT_FOLDS, 2, MAX_FOLDS)
    repeats = whole_number(options, "repeats", 2 if chosen.split != "last" else 1, 1, MAX_FOLDS)
    clock = Clock(predictor, "compare", seconds_allowed(options), len(field.candidates))
    rows = training_rows(predictor, chosen.split)
    kind, ordered = divided_rows(predictor, chosen, rows)
    searched = searched_rows(ordered, chosen)
    folds = make_folds(searched, chosen, kind, count, repeats)
    trials = list(_measured(predictor, clock, field, searched, folds))
    best = best_of(trials)
    if best is None:
        failed = next((trial.error for trial in trials if trial.error), None)
        raise TrainingError(
            f"no candidate came through; the first one says: {failed}"
            if failed
            else f"no candidate ended within {clock.timeout:g} s. Allow more time, or fewer folds."
        )
    differences = _differences(field, trials)
    version, said = _promoted(predictor, field, rows, trials, differences, deploy_it)
    written = {"algorithms": options.get("algorithms", "all"), "folds": count, "repeats": repeats}
    evidence = {
        "comparisons": [_row(field, trial, differences.get(trial.number)) for trial in trials],
        "folds": [row for trial in trials for row in fold_rows(trial.number, trial.folds)],
    }
    outcome = Outcome(best.score, best.spread, version, said)
    run = store_run(clock, chosen, written, rows_digest(rows), outcome, evidence)
    say(predictor, [said])
    return run


# Candidates


def _field(predictor: Predictor, chosen: Plan, written: Any) -> _Field:
    current = versions.deployed(predictor.tables)
    record = None if current is None else versions.find(predictor.tables, current)
    deployed = None if record is None else as_deployed(predictor, record, chosen)
    candidates = [one for one in _candidates(predictor, chosen, written) if not _alike(one, deployed)]
    first = [] if deployed is None else [deployed]
    if len(candidates) + len(first) < 2:
        raise CommandError(
            'compare needs two candidates, and there is one. Write {"algorithms": ["knn", "ridge"]}, or "all".'
        )
    unreadable = current if record is not None and deployed is None else None
    return _Field(current if first else None, unreadable, [*first, *candidates])


def _candidates(predictor: Predictor, chosen: Plan, written: Any) -> Iterable[Plan]:
    if written == "all":
        features = len(predictor.declaration.features)
        names = [
            name
            for name in for_task(chosen.task, chosen.algorithms)
            if chosen.algorithms[name].is_installed and not (chosen.algorithms[name].one_column and features > 1)
        ]
        return [_candidate(chosen, name, {}) for name in names]
    if not isinstance(written, list) or not written:
        raise CommandError(
            f"option 'algorithms' takes \"all\" or a list of algorithms, got {shown_json(written)}. "
            'Write ["knn", {"algorithm": "ridge", "hyperparams": {"alpha": 10}}].'
        )
    named = [_named(chosen, entry) for entry in written]
    # The same one twice would only be in its own way.
    return [one for place, one in enumerate(named) if not any(_alike(one, other) for other in named[:place])]


def _named(chosen: Plan, entry: Any) -> Plan:
    asked: Any = {"algorithm": entry} if isinstance(entry, str) else entry
    is_object = isinstance(asked, dict) and {"algorithm"} <= asked.keys() <= {"algorithm", "hyperparams"}
    if not (is_object and isinstance(asked["algorithm"], str) and isinstance(asked.get("hyperparams", {}), dict)):
        raise CommandError(
            f"option 'algorithms' lists algorithms, got {shown_json(entry)}. "
            'Write "knn" or {"algorithm": "knn", "hyperparams": {...}}.'
        )
    try:
        return _candidate(chosen, asked["algorithm"].strip().lower(), asked.get("hyperparams", {}))
    except DeclarationError as error:
        raise CommandError(*error.args) from None


def _candidate(chosen: Plan, name: str, hyperparams: Mapping[str, Any]) -> Plan:
    if not hyperparams and name == chosen.name:
        hyperparams = chosen.hyperparams
    found, algorithm = find_algorithm(name, chosen.task, chosen.algorithms)
    check_hyperparams(found, chosen.task, chosen.algorithms, hyperparams)
    return replace(chosen, name=found, algorithm=algorithm, hyperparams=hyperparams)


def _alike(one: Plan, other: Plan | None) -> bool:
    return other is not None and replace(one, hyperparams=dict(one.hyperparams)) == replace(
        other, hyperparams=dict(other.hyperparams)
    )


# Measuring


def _measured(
    predictor: Predictor, clock: Clock, field: _Field, rows: TrainingRows, folds: Sequence[Fold]
) -> Iterable[Trial]:
    """Yield every candidate measured; those that the timeout leaves no time for are named too."""
    trials = [Trial(number, {}, candidate) for number, candidate in enumerate(field.candidates, 1)]
    done: list[Trial] = []
    final_fits = 1 if field.version is None else 2

    def ends_at() -> float | None:
        return search_ends(clock.ends_at, done, len(rows.ids), final_fits)

    jobs = (Job(trial, rows, folds, ends_at(), weigh=True) for trial in trials)
    found = predictor.host.workers.each(measure_trial, jobs)
    for trial in trials:
        late = ends_at()
        measured = replace(trial, state=STOPPED) if late is not None and time.time() >= late else next(found)
        done.append(measured)
        clock.tick(measured.score)
        yield measured


def _differences(field: _Field, trials: Sequence[Trial]) -> dict[int, Difference]:
    """Return, by the number of the candidate, its difference to the deployed version, or to the baseline.

    The p-values are adjusted for the number of candidates.
    """
    first = trials[0]
    if field.version is not None and first.state != COMPLETE:
        return {}
    rivals = [trial for trial in trials[0 if field.version is None else 1 :] if trial.state == COMPLETE]
    found = []
    for trial in rivals:
        others = first.folds if field.version is not None else trial.folds
        against = [fold.score if field.version is not None else fold.baseline for fold in others]
        found.append(over_folds([fold.score for fold in trial.folds], against, trial.folds))
    adjusted = holm([one.p_value for one in found])
    return {
        trial.number: Difference(one.mean, p_value) for trial, one, p_value in zip(rivals, found, adjusted, strict=True)
    }


# Promoting


def _promoted(
    predictor: Predictor,
    field: _Field,
    rows: TrainingRows,
    trials: Sequence[Trial],
    differences: Mapping[int, Difference],
    deploy_it: bool | None,
) -> tuple[int | None, str]:
    """Return the version that was stored, if any, and what came of the run in words."""
    if field.unreadable is not None:
        return None, (
            f"version {field.unreadable} is deployed and cannot be fitted again to compare, so nothing is promoted; "
            "deploy another version first"
        )
    against = "the baseline" if field.version is None else f"version {field.version} ({trials[0].plan.name})"
    rivals = [trial for trial in trials if trial.number in differences]
    if not rivals:
        return None, f"nothing was compared with {against}; the verdicts say why"
    best = min(rivals, key=lambda trial: (-(trial.score or 0.0), trial.number))
    found = differences[best.number]
    ahead = f"{best.plan.name} is ahead of {against} by {found.mean:.3g} over the folds, p = {found.p_value:.2g}"
    if found.mean <= 0:
        return None, f"nothing is better than {against}; the nearest, {best.plan.name}, is {abs(found.mean):.3g} behind"
    if not above_baseline(best.folds):
        return None, f"{ahead}; not deployed: it is not better than the baseline beyond noise"
    if deploy_it is False:
        return None, ahead
    return _confirmed(predictor, field, rows, best, found, ahead)


def _confirmed(
    predictor: Predictor, field: _Field, rows: TrainingRows, best: Trial, found: Difference, ahead: str
) -> tuple[int | None, str]:
    """Train the winner, and deploy it if the folds and the hold-out, which no fold saw, say so together."""
    made = Attempt(best.plan, fit(rows, best.plan), rows_digest(rows))
    p_value = found.p_value
    if field.version is not None and made.fitted.rows_tested:
        tested = over_rows(losses(made.fitted), losses(fit(rows, field.candidates[0])))
        p_value = together(p_value, tested.p_value)
        ahead += f", on the test part p = {tested.p_value:.2g}, together p = {p_value:.2g}"
    if not p_value < ALPHA:
        return None, f"{ahead}; not deployed: chance alone could do it"
    version = store_version(predictor, made, f"compare: {ahead}", [])
    return version, f"{ahead}; deployed as version {version}"


def _row(field: _Field, trial: Trial, difference: Difference | None) -> Callable[[int], runs.ComparisonRow]:
    fits, answers = ([getattr(fold, name) for fold in trial.folds] for name in ("fit_seconds", "predict_seconds"))
    return lambda run: runs.ComparisonRow(
        run=run,
        trial=trial.number,
        algorithm=trial.plan.name,
        hyperparams=as_json(trial.plan.hyperparams),
        state=trial.state,
        score=trial.score,
        spread=trial.spread,
        difference=None if difference is None else difference.mean,
        p_value=None if difference is None else difference.p_value,
        fit_seconds=round(sum(fits) / len(fits), 6) if fits else None,
        predict_seconds=round(sum(answers) / len(answers), 6) if answers else None,
        model_bytes=trial.folds[0].model_bytes if trial.folds else None,
        verdict=_verdict(field, trial, difference),
    )


def _verdict(field: _Field, trial: Trial, difference: Difference | None) -> str:
    if trial.state == FAILED:
        return f"failed: {trial.error}"
    if trial.state == STOPPED:
        return "the time was over before it was measured"
    if trial.number == 1 and field.version is not None:
        return f"the deployed version {field.version}"
    if difference is None:
        return "the deployed version was not measured"
    if difference.mean <= 0:
        return "not better"
    return "better beyond noise" if difference.p_value < ALPHA else "better, but not beyond noise"
