"""SEARCHES: how tune goes through a space of hyperparameters.

Trial 1 is what would be fitted without a search, so that none ends worse, by its own measure, than it began. Each trial
is drawn from the seed and its number alone, or from the trials before it: a run that is resumed goes on as if it had
never ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlite_ml_vtab.errors import CommandError
from sqlite_ml_vtab.learning.rows import TrainingRows
from sqlite_ml_vtab.learning.runs import Plan
from sqlite_ml_vtab.learning.search.folds import Fold, FoldScore, mean_and_spread, run_fold, subsampled
from sqlite_ml_vtab.learning.search.spaces import Space, draw, grid
from sqlite_ml_vtab.learning.search.workers import Workers
from sqlite_ml_vtab.learning.stopping import TimeOver, within

COMPLETE, FAILED, PRUNED, STOPPED = "complete", "failed", "pruned", "stopped"
"""The states of a trial: measured on every fold; refused; given up as hopeless; cut short by the timeout."""

FACTOR = 3
"""Successive halving keeps one of so many, and gives it so many times the rows."""

RUNGS = 3
LEAST_ROWS = 100
"""A rung of successive halving fits no fewer rows: below, scores are noise."""

REDRAWS = 50
"""So often a draw that was had before is drawn again before a space counts as exhausted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting of the hyperparameters, and how it did."""

    number: int
    """From 1."""
    drawn: Mapping[str, Any]
    """What the search chose; empty for trial 1."""
    plan: Plan
    state: str = ""
    folds: tuple[FoldScore, ...] = ()
    seconds: float = 0.0
    error: str | None = None

    @property
    def score(self) -> float | None:
        """The mean of the main metric over the folds, None where not all were measured."""
        whole = self.state in (COMPLETE, PRUNED) and self.folds
        return mean_and_spread([fold.score for fold in self.folds])[0] if whole else None

    @property
    def spread(self) -> float | None:
        """The standard deviation of the main metric over the folds."""
        return None if self.score is None else mean_and_spread([fold.score for fold in self.folds])[1]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search is asked for."""

    how: str
    """A key of SEARCHES."""
    space: Space
    trials: int | None
    """How many at most; None for all points of a grid, and for DEFAULT_TRIALS else."""
    ends_at: float | None
    """`time.time` after which nothing is begun, None for no end."""
    workers: Workers
    report: Callable[[Trial], None]
    """Called with each trial that ended."""
    final_fits: int = 1
    """How many fits to all rows come behind the search, and within its time."""


@dataclass(frozen=True, slots=True)
class Job:
    """One trial to be measured."""

    trial: Trial
    rows: TrainingRows
    folds: Sequence[Fold]
    ends_at: float | None
    weigh: bool = False
    """Whether the size of the model is asked for."""


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """Return the complete trial with the greatest mean, the earliest among equals; None where none is complete."""
    complete = [trial for trial in trials if trial.state == COMPLETE]
    return min(complete, key=_rank, default=None)


def run(rows: TrainingRows, plan: Plan, folds: Sequence[Fold], search: Search, before: Sequence[Trial]) -> list[Trial]:
    """Return the trials of `search` over `rows`, by number; `before` are those of the run that it resumes."""
    found = SEARCHES[search.how](_Bench(rows, plan, folds, search), before)
    return sorted(found, key=lambda trial: trial.number)


def trial_count(how: str, space: Space, trials: int | None) -> int | None:
    """Return how many trials a search has at most, None for halving, which measures some of them several times.

    Raises CommandError where a grid is too large.
    """
    if how == "grid":
        return len([{}, *grid(space, trials)][:trials])
    return None if how == "halving" else trials or DEFAULT_TRIALS


def measure_trial(job: Job) -> Trial:
    """Return the trial, measured on its folds; what a fit refuses, with whatever error, is kept with it."""
    began = time.perf_counter()
    trial, scores = job.trial, list[FoldScore]()
    state, error = COMPLETE, None
    for fold in job.folds:
        if job.ends_at is not None and time.time() >= job.ends_at:
            state = STOPPED
            break
        fit = partial(run_fold, job.rows, trial.plan, fold, weigh=job.weigh and not scores)
        try:
            scores.append(within(None if job.ends_at is None else job.ends_at - time.time(), fit))
        except TimeOver:
            state = STOPPED
            break
        except Exception as problem:
            # Any: an algorithm of the host program can raise what it likes, and the other trials go on.
            state, error = FAILED, f"{problem}" or type(problem).__name__
            break
    return replace(
        trial, state=state, folds=tuple(scores), seconds=trial.seconds + time.perf_counter() - began, error=error
    )


SLACK = 1.5
"""So many times as long as it is expected to last may a fit to all rows last: it is evaluated and compared too."""


def search_ends(ends_at: float | None, trials: Iterable[Trial], rows: int, final_fits: int) -> float | None:
    """Return when a search ends that leaves time for `final_fits` of the best of `trials` to so many `rows`."""
    best = best_of(trials)
    if ends_at is None or best is None:
        return ends_at
    longest = max((fold.fit_seconds + fold.predict_seconds) * rows / fold.rows_trained for fold in best.folds)
    return ends_at - SLACK * final_fits * longest


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all trials of a run share."""

    rows: TrainingRows
    plan: Plan
    folds: Sequence[Fold]
    search: Search

    def trial(self, number: int, drawn: Mapping[str, Any]) -> Trial:
        """Return a trial that is not measured yet."""
        return Trial(number, drawn, replace(self.plan, hyperparams={**self.plan.hyperparams, **drawn}))

    def measured(self, trials: Iterable[Trial], folds: Sequence[Fold] | None = None) -> Iterator[Trial]:
        """Yield the trials measured, until the time is over."""
        done: list[Trial] = []
        jobs = (Job(trial, self.rows, self.folds if folds is None else folds, self.ends_at(done)) for trial in trials)
        for trial in self.search.workers.each(measure_trial, jobs):
            self.search.report(trial)
            done.append(trial)
            yield trial
            if self.is_over(done):
                return

    def ends_at(self, done: Iterable[Trial]) -> float | None:
        """Return when the search ends, as things stand after the trials that are `done`."""
        return search_ends(self.search.ends_at, done, len(self.rows.ids), self.search.final_fits)

    def is_over(self, done: Iterable[Trial]) -> bool:
        """Return whether it has ended."""
        ends_at = self.ends_at(done)
        return ends_at is not None and time.time() >= ends_at


def _random(bench: _Bench, before: Sequence[Trial]) -> Iterator[Trial]:
    """Draw at random (Bergstra & Bengio 2012, Random Search for Hyper-Parameter Optimization)."""
    yield from bench.measured(_drawn(bench, before, bench.search.trials or DEFAULT_TRIALS))


def _drawn(bench: _Bench, before: Sequence[Trial], count: int) -> Iterator[Trial]:
    """Yield so many new trials, none drawn twice; fewer where the space has no more."""
    seen = {_written(trial.drawn) for trial in before}
    first = len(before) + 1
    for number in range(first, first + count):
        drawn: Mapping[str, Any] | None = {} if number == 1 else _new(bench, number, seen)
        if drawn is None:
            return
        seen.add(_written(drawn))
        yield bench.trial(number, drawn)


def _new(bench: _Bench, number: int, seen: set[str]) -> Mapping[str, Any] | None:
    for again in range(REDRAWS):
        drawn = draw(bench.search.space, bench.plan.seed, number + 1_000_000 * again)
        if _written(drawn) not in seen:
            return drawn
    return None


def _written(drawn: Mapping[str, Any]) -> str:
    """Return what tells one setting from another: values may be lists."""
    return json.dumps(drawn, sort_keys=True)


def _grid(bench: _Bench, before: Sequence[Trial]) -> Iterator[Trial]:
    """Try every combination of the points of the space."""
    done = len(before)
    most = None if bench.search.trials is None else done + bench.search.trials
    points = [{}, *grid(bench.search.space, most)][:most]
    yield from bench.measured([bench.trial(place + 1, drawn) for place, drawn in enumerate(points) if place >= done])


def _halving(bench: _Bench, before: Sequence[Trial]) -> Iterator[Trial]:
    """Try many on few rows, and the better third on thrice as many, again and again.

    Successive halving (Jamieson & Talwalkar 2016, Non-stochastic Best Arm Identification and Hyperparameter
    Optimization). A trial that is left behind is pruned; its score is that of its last rung, of fewer rows.
    """
    if before:
        raise CommandError('a search by halving cannot be resumed. Run it anew, or use {"search": "random"}.')
    alive = list(_drawn(bench, before, bench.search.trials or FACTOR**RUNGS))
    for folds in _rungs(bench):
        found = list(bench.measured(alive, folds))
        if folds is bench.folds:
            yield from found
        elif len(found) < len(alive):
            yield from (replace(trial, state=STOPPED) if trial.state == COMPLETE else trial for trial in found)
            return
        else:
            alive, left = _better_third(found)
            yield from left


def _rungs(bench: _Bench) -> Iterator[Sequence[Fold]]:
    """Yield the folds of each rung, each with more rows to fit than the one before; the whole ones last."""
    for rung in range(RUNGS - 1, 0, -1):
        few = [subsampled(fold, float(FACTOR) ** -rung, LEAST_ROWS, bench.plan.seed) for fold in bench.folds]
        if any(len(one.parts.train) < len(fold.parts.train) for one, fold in zip(few, bench.folds, strict=True)):
            yield few
    yield bench.folds


def _better_third(found: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    """Return the trials that go on, in their order, and those that are left behind; trial 1 always goes on."""
    complete = sorted((trial for trial in found if trial.state == COMPLETE), key=_rank)
    go_on = {1, *(trial.number for trial in complete[: -(-len(found) // FACTOR)])}
    left = [
        replace(trial, state=PRUNED) if trial.state == COMPLETE else trial
        for trial in found
        if trial.number not in go_on
    ]
    return [trial for trial in found if trial.number in go_on], left


def _rank(trial: Trial) -> tuple[float, int]:
    """Return the order of trials, the best first, the earlier among equals."""
    return -(trial.score or 0.0), trial.number


def _optuna(bench: _Bench, before: Sequence[Trial]) -> Iterator[Trial]:
    """Draw where good trials lie dense (TPE: Bergstra et al. 2011), and give up those behind the median.

    Optuna proposes and judges; the loop, and what is kept, are ours. Each trial gets a sampler of its own, seeded by
    its number, so that a resumed run goes on as if it had never ended.
    """
    history, first = list(before), len(before) + 1
    for number in range(first, first + (bench.search.trials or DEFAULT_TRIALS)):
        if history and bench.is_over(history):
            return
        trial = proposed_trial(bench, number, history)
        bench.search.report(trial)
        history.append(trial)
        yield trial


def proposed_trial(bench: _Bench, number: int, history: Sequence[Trial]) -> Trial:
    """Return the trial `number`, measured fold by fold until it is done, or behind the median."""
    from sqlite_ml_vtab.learning.search.proposals import Proposal

    if number == 1:
        return measure_trial(Job(bench.trial(1, {}), bench.rows, bench.folds, bench.search.ends_at))
    ends_at = bench.ends_at(history)
    proposal = Proposal(bench.search.space, bench.plan.seed, number, history)
    trial = bench.trial(number, proposal.drawn)
    for place in range(len(bench.folds)):
        found = measure_trial(Job(trial, bench.rows, bench.folds[place : place + 1], ends_at))
        trial = replace(found, folds=trial.folds + found.folds)
        if trial.state != COMPLETE:
            return trial
        if place + 1 < len(bench.folds) and proposal.is_hopeless(trial):
            return replace(trial, state=PRUNED)
    return trial


DEFAULT_TRIALS = 20
"""So many trials where the user does not say."""

SEARCHES: dict[str, Callable[[_Bench, Sequence[Trial]], Iterator[Trial]]] = {
    "random": _random,
    "grid": _grid,
    "halving": _halving,
    "optuna": _optuna,
}
"""By name: what all trials share, and the trials of the run that is resumed, to new trials."""

EXTRAS = {"optuna": "optuna"}
"""The searches that need a package beside scikit-learn, and its name."""
