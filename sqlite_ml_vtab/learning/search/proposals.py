"""What Optuna is asked: the next trial, and whether one under way is hopeless. Its storage is memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlite_ml_vtab.learning.search.folds import mean_and_spread
from sqlite_ml_vtab.learning.search.spaces import Range, Space

if TYPE_CHECKING:
    from sqlite_ml_vtab.learning.search.strategies import Trial

STARTUP_TRIALS = 5
"""So many trials are measured on every fold before any is given up."""


class Proposal:
    """One trial that Optuna proposes, after those of the history."""

    def __init__(self, space: Space, seed: int, number: int, history: Sequence[Trial]) -> None:
        """Propose the trial `number`; the same for the same history."""
        import optuna

        self._space = space
        distributions = {param: _distribution(where) for param, where in space.items()}
        with _silent():
            self._study = optuna.create_study(
                direction="maximize",
                sampler=optuna.samplers.TPESampler(seed=(seed * 1_000_003 + number) % 2**32),
                pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=0),
            )
            for trial in history:
                if trial.drawn and trial.score is not None:
                    self._study.add_trial(self._known(trial, distributions))
            self._trial = self._study.ask(distributions)

    @property
    def drawn(self) -> dict[str, Any]:
        """The hyperparameters that it proposes."""
        return {param: _value(self._space[param], value) for param, value in self._trial.params.items()}

    def is_hopeless(self, trial: Trial) -> bool:
        """Return whether its mean over the folds so far is below the median of the trials before it."""
        self._trial.report(_running_means(trial)[-1], len(trial.folds) - 1)
        return bool(self._trial.should_prune())

    def _known(self, trial: Trial, distributions: Mapping[str, Any]) -> Any:
        import optuna

        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.COMPLETE if trial.state == "complete" else optuna.trial.TrialState.PRUNED,
            params={param: _stored(self._space[param], trial.drawn[param]) for param in distributions},
            distributions=dict(distributions),
            value=trial.score,
            intermediate_values=dict(enumerate(_running_means(trial))),
        )


def _running_means(trial: Trial) -> list[float]:
    scores = [fold.score for fold in trial.folds]
    return [mean_and_spread(scores[: place + 1])[0] for place in range(len(scores))]


def _distribution(where: Any) -> Any:
    from optuna import distributions

    if not isinstance(where, Range):
        # Lists and objects are no categories to Optuna: it chooses their places.
        return distributions.CategoricalDistribution(range(len(where.values)))
    if where.whole:
        return distributions.IntDistribution(int(where.low), int(where.high), log=where.log)
    return distributions.FloatDistribution(where.low, where.high, log=where.log)


def _value(where: Any, said: Any) -> Any:
    return said if isinstance(where, Range) else where.values[said]


def _stored(where: Any, value: Any) -> Any:
    """Return what Optuna knows a value as."""
    if isinstance(where, Range):
        return value
    # Equal and of the same type: True equals 1.
    return next(place for place, one in enumerate(where.values) if one == value and type(one) is type(value))


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Optuna from logging each trial, and leave its verbosity to the host program."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
