"""SQL text to tokens, by SQLite's lexical rules (https://sqlite.org/lang_keywords.html, src/tokenize.c)."""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlite_ml_vtab.errors import DeclarationError

_TOKEN = re.compile(
    r"""
      (?P<space>   [ \t\n\v\f\r]+ | --[^\n]*(?:\n|\Z) | /\*(?:.|\n)*?(?:\*/|\Z) )
    | (?P<string>  '(?:[^']|'')*' )
    | (?P<quoted>  "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
    | (?P<number>  [0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)? | \.[0-9]+(?:[eE][+-]?[0-9]+)? )
    | (?P<word>    [^\0-@\[-^`{-\x7f][^\0-\#%-/:-@\[-^`{-\x7f]* )  # letters, _ and all beyond ASCII; then 0-9 and $ too
    | (?P<mark>    . )
    """,
    re.VERBOSE,
)
# A word is told by the ASCII it leaves out: a set that reaches up to U+10FFFF takes ten times as long to compile.
_UNCLOSED = {"'", '"', "`", "["}


class Token(NamedTuple):
    """One token of SQL text."""

    kind: str
    """``word``, ``quoted`` (an identifier), ``string``, ``number`` or ``mark`` (one character)."""
    value: str
    """The text with its quotes taken off and doubled quotes made single."""
    start: int
    """Where it begins in the text."""
    end: int
    """Where it ends in the text."""

    def is_word(self, *words: str) -> bool:
        """Return whether this is one of `words`, unquoted, in any case."""
        return self.kind == "word" and self.value.upper() in words

    def is_mark(self, mark: str) -> bool:
        """Return whether this is the punctuation `mark`."""
        return self.kind == "mark" and self.value == mark


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text`, white space and comments left out.

    Raises DeclarationError for a quote that is never closed and for a NUL character.
    """
    if "\0" in text:
        raise DeclarationError("the text holds a NUL character. Take it out.")
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "mark"
        if kind != "space":
            tokens.append(Token(kind, _unquote(kind, match.group()), match.start(), match.end()))
    for token in tokens:
        if token.kind == "mark" and token.value in _UNCLOSED:
            raise DeclarationError(f"a quote is never closed, at {text[token.start : token.start + 20]!r}. Close it.")
    return tokens


def _unquote(kind: str, text: str) -> str:
    if kind not in {"string", "quoted"}:
        return text
    close = text[-1]
    return text[1:-1] if close == "]" else text[1:-1].replace(close * 2, close)
