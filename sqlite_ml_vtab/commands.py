"""COMMANDS: what INSERT INTO t(t) VALUES ('...') can say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_ml_vtab import predictor as verbs
from sqlite_ml_vtab.declaration import OPTIONS
from sqlite_ml_vtab.errors import CommandError, choices, shown
from sqlite_ml_vtab.predictor import Predictor
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


def run(predictor: Predictor, text: Any, options: Any) -> int:
    """Carry out the command `text` with its JSON `options`; return the number it has to tell.

    Raises CommandError for an unknown command or option, and whatever the command raises.
    """
    name = text.strip().lower() if isinstance(text, str) else text
    command = COMMANDS.get(name)
    if command is None:
        raise CommandError(f"unknown command {shown(text)}. {choices(str(name), COMMANDS, 'Commands')}")
    return command.run(predictor, _read_options(name, command, options))


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
        if option not in command.options:
            legal = choices(option, command.options, "Options") if command.options else "It takes none."
            raise CommandError(f"command {name!r} has no option {option!r}. {legal}")
    return options


def _train(predictor: Predictor, options: Mapping[str, Any]) -> int:
    deploy = options.get("deploy")
    if deploy is not None and not isinstance(deploy, bool):
        raise CommandError(f"option 'deploy' takes true or false, got {_as_json(deploy)}.")
    return verbs.train(predictor, {name: value for name, value in options.items() if name != "deploy"}, deploy)


def _deploy(predictor: Predictor, options: Mapping[str, Any]) -> int:
    if len(options) != 1:
        raise CommandError('deploy needs a version or a strategy. Write {"version": 1} or {"strategy": "best"}.')
    if "version" in options:
        return verbs.deploy(predictor, _version(options), "deploy")
    strategy = options["strategy"]
    if strategy not in ("best", "latest"):
        raise CommandError(f'option \'strategy\' takes "best" or "latest", got {_as_json(strategy)}.')
    return verbs.deploy_by(predictor, strategy)


def _rollback(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.rollback(predictor)


def _forget(predictor: Predictor, options: Mapping[str, Any]) -> int:
    if len(options) != 1:
        raise CommandError('forget needs a version or a number to keep. Write {"version": 1} or {"keep": 3}.')
    if "version" in options:
        return verbs.forget(predictor, [verbs.known(predictor, _version(options))])
    keep = options["keep"]
    if type(keep) is not int or keep < 0:
        raise CommandError(f"option 'keep' takes a whole number of 0 or more, got {_as_json(keep)}.")
    return verbs.forget_all_but(predictor, keep)


def _clear(predictor: Predictor, options: Mapping[str, Any]) -> int:
    return verbs.clear(predictor)


def _rebuild(predictor: Predictor, options: Mapping[str, Any]) -> int:
    if "version" in options:
        return verbs.rebuild(predictor, _version(options))
    return verbs.rebuild(predictor, verbs.known(predictor, versions.deployed(predictor.tables)))


def _version(options: Mapping[str, Any]) -> int:
    number = options["version"]
    if type(number) is not int:
        raise CommandError(f"option 'version' takes a whole number, got {_as_json(number)}.")
    return number


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_WHICH = {"version": "The number of a version."}

COMMANDS: dict[str, Command] = {
    "train": Command(
        _train,
        {name: option.doc for name, option in OPTIONS.items()}
        | {"deploy": "true deploys the new version whatever its score, false does not."},
        "Fit on the train part, evaluate on the test part, store a new version, deploy it if it is better.",
    ),
    "deploy": Command(
        _deploy,
        _WHICH | {"strategy": '"best" (by score) or "latest".'},
        "Let a version answer from now on.",
    ),
    "rollback": Command(_rollback, {}, "Deploy the version that was deployed before."),
    "forget": Command(
        _forget,
        _WHICH | {"keep": "Delete all but so many of the newest versions; the deployed one stays."},
        "Delete versions that are not deployed, with their models and metrics.",
    ),
    "clear": Command(_clear, {}, "Delete all training rows; versions stay and go on predicting."),
    "rebuild": Command(
        _rebuild,
        {"version": "The number of a version; the deployed one if left out."},
        "Fit a version again from its own rows, options and seed, and store its model anew.",
    ),
}
"""By name."""
