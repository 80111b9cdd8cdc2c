"""What a prediction is asked with, as JSON: an array, an object by name, or an array of either."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

from sqlite_ml_vtab.errors import InputError, choices, shown


def wrong_count(names: Sequence[str], got: int) -> InputError:
    """Return the error for a call with another number of values than there are features."""
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    noun = "feature" if len(names) == 1 else "features"
    return InputError(f"takes {len(names)} {noun} ({listed}), got {got}. Pass a value, or NULL, for each.")


def is_json(value: Any) -> bool:
    """Return whether `value` is text that can only be meant as a JSON array or object."""
    return isinstance(value, str) and value.lstrip()[:1] in ("[", "{")


def read_json(text: Any, names: Sequence[str]) -> tuple[list[Sequence[Any]], bool]:
    """Return the rows of feature values in the order of `names`, and whether there can be many.

    Raises InputError for anything that is not an array of values, an object by name, or an array of these.
    """
    if not is_json(text):
        raise _not_json(text, names)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"features {shown(text)} is not JSON: {error}. Use json_array(...).") from None
    if isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        _check_duplicates(text, value)
        return [_row(item, names) for item in value], True
    if isinstance(value, list) and not value and names:
        return [], True
    _check_duplicates(text, [value])
    return [_row(value, names)], False


def read_flat(text: Any, count: int) -> list[Any] | None:
    """Return the values of one JSON array of `count` values, None for anything else: `read_json` reads or refuses it.

    The way of a join with json_array(...): what is no array inside, and no object, needs no look at each value.
    """
    if type(text) is str and text[:1] == "[" and text.find("[", 1) < 0 and "{" not in text:
        try:
            values = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        if len(values) == count:
            return values  # type: ignore[no-any-return]
    return None


def _not_json(value: Any, names: Sequence[str]) -> InputError:
    if isinstance(value, bytes):
        return InputError(f"features is JSON text, got {shown(value)}. Use json_array(...), not jsonb.")
    if value is None:
        return InputError("features is NULL. Pass a JSON array, a JSON object or a value for each feature.")
    return wrong_count(names, 1)


def _row(value: Any, names: Sequence[str]) -> Sequence[Any]:
    if isinstance(value, list):
        if len(value) != len(names):
            raise wrong_count(names, len(value))
        return value
    if isinstance(value, dict):
        return _by_name(value, names)
    raise InputError(f"features holds {shown(value)} beside whole rows. Make every element an array or an object.")


def _by_name(value: dict[str, Any], names: Sequence[str]) -> Sequence[Any]:
    """Return the values by feature; a missing name is NULL, and names match in any case, as columns do."""
    if value.keys() <= set(names):
        return [value.get(name) for name in names]
    places = {name.lower(): place for place, name in enumerate(names)}
    row: list[Any] = [None] * len(names)
    seen: set[int] = set()
    for name, item in value.items():
        place = places.get(name.lower())
        if place is None:
            raise InputError(f"unknown feature {name!r}. {choices(name, names, 'Features')}")
        if place in seen:
            raise InputError(f"feature {names[place]!r} is given twice. Give it once.")
        seen.add(place)
        row[place] = item
    return row


def _check_duplicates(text: str, values: Sequence[Any]) -> None:
    """Refuse an object that has a name twice: the parser keeps the last without a word.

    Each name is followed by a colon, so as many colons as names prove that nothing was lost; only else is it read anew.
    """
    names = sum(len(value) for value in values if isinstance(value, dict))
    if text.count(":") == names:
        return
    try:
        json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise InputError(f"features {shown(text)} is nested too deep. Use json_array(...).") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise InputError(f"feature {twice!r} is given twice. Give it once.")
    return found
