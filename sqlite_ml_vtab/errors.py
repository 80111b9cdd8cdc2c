"""The errors a user can meet, and how a sentence names the legal choices.

A floor that does not know the table's name raises the bare sentence; `about` adds the name once, on the way up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

LISTED = 12
"""Up to so many legal values are listed in a sentence; beyond, only the nearest three."""

LONGEST = 1_500
"""A sentence with more signs than this is cut in the middle: what is wrong and what to do stand at its ends."""


class Error(Exception):
    """Anything this package refuses, as one sentence that says what to do."""

    table: str | None = None

    def __str__(self) -> str:
        """Return the sentence, led by the table it is about where that is known; every stream can print it."""
        sentence = super().__str__()
        named = sentence if self.table is None else f"{self.table}: {sentence}"
        if len(named) > LONGEST:
            named = f"{named[: LONGEST // 2]} … {named[-LONGEST // 2 :]}"
        # Half a surrogate, which JSON can write, is no UTF-8: printing it would be an error of its own.
        return named.encode("utf-8", "backslashreplace").decode("utf-8")


class DeclarationError(Error):
    """The arguments of CREATE VIRTUAL TABLE cannot stand."""


class InputError(Error):
    """A value given to INSERT, UPDATE or a prediction is not what its column was declared for."""


class CommandError(Error):
    """A command, or its options, cannot be carried out."""


class TrainingError(Error):
    """The stored rows cannot be learned from."""


class ModelError(Error):
    """There is no model to answer, or the stored one cannot be read or does not belong here."""


class PredictorWarning(UserWarning):
    """Something was done that the user should know of; it is also kept with the version."""


@contextmanager
def about(table: str | None) -> Iterator[None]:
    """Name `table` in any `Error` that passes, unless a deeper floor named one.

    Text that SQLite holds and Python cannot read becomes one.
    """
    try:
        yield
    except Error as error:
        error.table = error.table or table
        let_go(error)
        raise
    except UnicodeDecodeError as error:
        let_go(error)
        raise not_utf8(error, table) from error


def let_go(error: BaseException) -> None:
    """Drop what the calls that ended with `error` hold.

    A statement of theirs that is under way would keep the database locked for as long as somebody keeps the error.
    """
    # As traceback.clear_frames does, whose import an audit hook would hear of.
    step = error.__traceback__
    while step is not None:
        with suppress(RuntimeError):
            step.tb_frame.clear()
        step = step.tb_next


def not_utf8(error: UnicodeDecodeError, table: str | None) -> InputError:
    """Return what to say of a text that was read out of a database and is not UTF-8: SQLite stores what it is given."""
    near = error.object[max(0, error.start - 12) : error.start + 4]
    found = InputError(
        f"a text in the database is not UTF-8: {shown(near.decode('utf-8', 'backslashreplace'))}. "
        f"Find it with instr(CAST(... AS BLOB), x'{near.hex()}'), and store it as UTF-8."
    )
    found.table = table
    return found


def damaged_id(value: object) -> ModelError:
    """Return what to say of a row id that is no integer: only a rows table that something else made has one."""
    return ModelError(f"the rows table has the row id {shown(value)}. Restore the shadow tables from a backup.")


def choices(word: str, legal: Iterable[str], noun: str) -> str:
    """Return the sentences that name the legal choices nearest to `word`.

    `noun` is the plural that introduces the list, such as ``Commands``.
    """
    names = sorted(legal)
    if len(names) > LISTED:
        return f"Nearest {noun.lower()}: {', '.join(nearest(word, names))}."
    near = nearest(word, names, 0.6)[:1]
    guess = f"Did you mean {near[0]!r}? " if near else ""
    return f"{guess}{noun}: {', '.join(names)}."


def nearest(word: str, names: list[str], cutoff: float = 0.0) -> list[str]:
    """Return up to three of `names` that are most like `word`, and like it by `cutoff` (0 to 1) at least."""
    from difflib import get_close_matches

    written = {name.lower(): name for name in names}
    return [written[name] for name in get_close_matches(word.lower(), written, n=3, cutoff=cutoff)]


def shown(value: object, width: int = 60) -> str:
    """Return `value` as a SQL literal, cut to `width`, for use in a sentence."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"a BLOB of {len(value)} bytes"
    if isinstance(value, str):
        return "'" + cut(value, width).replace("'", "''") + "'"
    if isinstance(value, int) and value.bit_length() > 8192:
        # Python itself refuses to write out more than 4,300 digits.
        return f"an integer of {value.bit_length()} bits"
    return cut(str(value), width)


def cut(text: str, width: int = 60) -> str:
    """Return `text` cut to `width`, for use in a sentence."""
    return text if len(text) <= width else text[: width - 1] + "…"
