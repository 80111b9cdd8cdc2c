"""COMMANDS: what INSERT INTO t(t) VALUES ('...') can say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration import OPTIONS, TASKS
from sqlite_ml_vtab.declaration.options import AT_CREATE
from sqlite_ml_vtab.errors import CommandError, choices, shown
from sqlite_ml_vtab.learning.stopping import in_time
from sqlite_ml_vtab.predictor import Predictor
from sqlite_ml_vtab.predictor.base import shown_json
from sqlite_ml_vtab.store import versions


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    run: Callable[[Predictor, Mapping[str, Any]], int]
    """(predictor, options) to the number that last_insert_rowid() then gives."""
    options: Mapping[str, str]
    """The options it takes, each with one sentence."""
    doc: str
    """One sentence."""
    divides_rows: bool = False
    """Whether it measures predictions over parts of the rows, which takes a target, and no series."""
    searches: bool = False
    """Whether it ends its search itself when the timeout nears, so as to fit the best within it."""


def run(predictor: Predictor, text: Any, options: Any) -> int:
    """Carry out the command `text` with its JSON `options`; return the number it has to tell.

    Raises CommandError for an unknown command or option, and whatever the command raises.
    """
    name = text.strip().lower() if isinstance(text, str) else text
    command = COMMANDS.get(name)
    if command is None:
        raise CommandError(f"unknown command {shown(text)}. {choices(str(name), COMMANDS, 'Commands')}")
    if name != "repair":
        verbs.check_format(predictor)
    if command.divides_rows:
        _check_divisible(predictor, name)
    chosen = _read_options(name, command, options)
    seconds = verbs.seconds_allowed(chosen)
    if not command.searches:
        chosen.pop("timeout", None)
    return in_time(name, seconds, partial(command.run, predictor, chosen), LEEWAY if command.searches else 1)


LEEWAY = 2
"""So many times its timeout may a search last, whose end is an estimate: the best is to be fitted."""


def _check_divisible(predictor: Predictor, name: str) -> None:
    """Refuse to measure predictions over parts of the rows where there are none to measure, or no parts to make."""
    declaration = predictor.declaration
    if declaration.has_series:
        # Folds take every row for itself, and would let a series foresee its own future.
        raise CommandError(
            f"{name} divides rows into folds, and a forecast is tested by a rolling origin. "
            f"Train with other options: {predictor.command('train', '{...}')}."
        )
    if not TASKS[declaration.task].has_target:
        raise CommandError(
            f"command {name!r} measures predictions of a target, and {declaration.task} has none. Use train."
        )


def _read_options(name: str, command: Command, text: Any) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        options = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict):
        raise CommandError(f"the options of {name!r} are a JSON object, got {shown(text)}. Write '{{...}}'.")
    for option in options:
        if option in AT_CREATE:
            raise CommandError(AT_CREATE[option])
        if option not in command.options:
            legal = choices(option, command.options, "Options") if command.options else "It takes none."
            raise CommandError(f"command {name!r} has no option {option!r}. {legal}")
    return options


def _train(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.train(predictor, *_with_deploy(options))


def _cross_validate(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.cross_validate(predictor, options)


def _tune(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.tune(predictor, *_with_deploy(options))


def _compare(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.compare(predictor, *_with_deploy(options))


def _with_deploy(options: Mapping[str, Any]) -> tuple[dict[str, Any], bool | None]:
    """Return the options without ``deploy``, and what it says."""
    deploy = options.get("deploy")
    if deploy is not None and not isinstance(deploy, bool):
        raise CommandError(f"option 'deploy' takes true or false, got {shown_json(deploy)}.")
    return {name: value for name, value in options.items() if name != "deploy"}, deploy


def _deploy(predictor: Predictor, options: Mapping[str, Any]) -> int:
    if len(options) != 1:
        raise CommandError('deploy needs a version or a strategy. Write {"version": 1} or {"strategy": "best"}.')
    if "version" in options:
        return verbs.deploy(predictor, _version(options), "deploy")
    strategy = options["strategy"]
    if strategy not in ("best", "latest"):
        raise CommandError(f'option \'strategy\' takes "best" or "latest", got {shown_json(strategy)}.')
    return verbs.deploy_by(predictor, strategy)


def _rollback(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.rollback(predictor)


def _forget(predictor: Predictor, options: Mapping[str, Any]) -> int:
    if len(options) != 1:
        raise CommandError(
            'forget needs a version, a number to keep or a run. Write {"version": 1}, {"keep": 3} or {"run": 1}.'
        )
    if "run" in options:
        return verbs.forget_run(predictor, _whole("run", options["run"]))
    if "version" in options:
        return verbs.forget(predictor, [verbs.known(predictor, _version(options))])
    keep = options["keep"]
    if type(keep) is not int or keep < 0:
        raise CommandError(f"option 'keep' takes a whole number of 0 or more, got {shown_json(keep)}.")
    return verbs.forget_all_but(predictor, keep)


def _clear(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.clear(predictor)


def _rebuild(predictor: Predictor, options: Mapping[str, Any]) -> int:
    if "version" in options:
        return verbs.rebuild(predictor, _version(options))
    return verbs.rebuild(predictor, verbs.known(predictor, versions.deployed(predictor.tables)))


def _repair(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.repair(predictor)


def _version(options: Mapping[str, Any]) -> int:
    return _whole("version", options["version"])


def _whole(name: str, number: Any) -> int:
    if type(number) is not int:
        raise CommandError(f"option {name!r} takes a whole number, got {shown_json(number)}.")
    return number


_TRAINING = {name: option.doc for name, option in OPTIONS.items() if name not in AT_CREATE}
_FOLDS = {
    "folds": "How many folds; 5 if left out.",
    "repeats": "How often the rows are divided anew.",
}
_TIMEOUT = {"timeout": "Seconds after which it stops, and stores nothing."}
_SEARCH_TIMEOUT = {"timeout": "Seconds within which the search stops and the best is fitted; what is done counts."}
_WHICH = {"version": "The number of a version."}

COMMANDS: dict[str, Command] = {
    "train": Command(
        _train,
        _TRAINING
        | {"warm": "true goes on from the last version with these options, with the rows that came since."}
        | {"deploy": "true deploys the new version whatever its score, false does not."}
        | _TIMEOUT,
        "Fit on the train part, evaluate on the test part, store a new version, deploy it if it is better.",
    ),
    "cross_validate": Command(
        _cross_validate,
        _TRAINING | _FOLDS | _TIMEOUT,
        "Measure what `train` would fit on every fold; `ml_folds` and `ml_runs` tell. No version is made.",
        divides_rows=True,
    ),
    "tune": Command(
        _tune,
        _TRAINING
        | {
            "search": '"random" (the default), "grid", "halving" or "optuna".',
            "space": "JSON object of hyperparameter to a list of values or a range; else one that suits the algorithm.",
            "trials": "How many settings are tried; 20 if left out, 27 by halving, all by grid.",
        }
        | _FOLDS
        | _SEARCH_TIMEOUT
        | {
            "resume": "The number of a run of tune that is to go on, with more trials.",
            "deploy": "true deploys the best whatever it scores, false does not.",
        },
        "Search hyperparameters over folds of the train part, then fit the best and store it as a new version.",
        divides_rows=True,
        searches=True,
    ),
    "compare": Command(
        _compare,
        _TRAINING
        | {"algorithms": '"all" (the default), or a list of names or {"algorithm": ..., "hyperparams": {...}}.'}
        | _FOLDS
        | _SEARCH_TIMEOUT
        | {"deploy": "false only compares."},
        "Measure algorithms on the same folds; train and deploy the best if it is better beyond noise.",
        divides_rows=True,
        searches=True,
    ),
    "deploy": Command(
        _deploy,
        _WHICH | {"strategy": '"best" (by score) or "latest".'},
        "Let a version answer from now on.",
    ),
    "rollback": Command(_rollback, {}, "Deploy the version that was deployed before."),
    "forget": Command(
        _forget,
        _WHICH
        | {
            "keep": "Delete all but so many of the newest versions; the deployed one stays.",
            "run": "Delete the evidence of a run of cross_validate, tune or compare.",
        },
        "Delete versions that are not deployed, with their models and metrics.",
    ),
    "clear": Command(_clear, {}, "Delete all training rows; versions stay and go on predicting."),
    "rebuild": Command(
        _rebuild,
        {"version": "The number of a version; the deployed one if left out."} | _TIMEOUT,
        "Fit a version again from its own rows, options and seed, and store its model anew.",
    ),
    "repair": Command(
        _repair,
        {},
        "Make missing shadow tables anew, and delete what belongs to no version or run; integrity_check says when.",
    ),
}
"""By name."""
