"""Fuzzing of what is written: the arguments of CREATE VIRTUAL TABLE, and the values that a prediction is asked with.

Run: python campaigns/fuzz/text.py declarations|inputs [--size N] [--seed TEXT]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apsw

import sqlite_ml_vtab
from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.declaration.options import OPTIONS
from sqlite_ml_vtab.errors import DeclarationError, InputError
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS
from sqlite_ml_vtab.store.shadows import SHADOW_TABLES
from trying import signature

# Names

NAMES = (
    *("a", "b", "y", "A", "a b", 'a"b', "a'b", "a`b", "a]b", "[a", "größe", "\u0131", "\u212a", "\U0001f600", "\u202e"),
    *("", " ", "select", "table", "rowid", "_rowid_", "oid", "id", "row_id", "features", "arg2", "version", "source"),
    *("options", "probability", "warning", "t", "p", "main", "temp", "too_many_arguments", "lower", "cluster", "pc1"),
    *("t_rows", "t_models", "x" * 300, "a\nb", "a--b", "a/*b", "a;b", "a,b", "a(b", "a)b", "%s", "{}", "\\", "\x7f"),
    *(
        "\ufeff",
        "e\u0301",
        "\xe9",
        "1a",
        "$a",
        "?1",
        ":a",
        "sqlite_x",
        "pragma_table_info",
        "json_each",
        "ml",
        "generate",
    ),
)
TYPES = ("", "REAL", "INTEGER", "TEXT", "DATE", "BLOB", "float", "VARCHAR(255)", "DOUBLE PRECISION", "ANY", "\u00fc")
CLAUSES = (
    *(
        "",
        "",
        "",
        "TARGET",
        "TARGET",
        "KEY",
        "WEIGHT",
        "SPLIT",
        "ORDER",
        "GROUP",
        "NUMBER",
        "CATEGORY",
        "WORDS",
        "DATE",
    ),
    *("IMPUTE(mean)", "IMPUTE(constant, 5)", "IMPUTE(constant, 'x')", "ENCODE(onehot)", "ENCODE(target)", "ENCODE()"),
    *(
        "SCALE(none)",
        "SCALE(standard)",
        "SCALE((((",
        "NOT NULL",
        "PRIMARY KEY",
        "DEFAULT 5",
        "TARGET TARGET",
        "TARGET()",
    ),
)
VALUES = (
    *(
        "0",
        "1",
        "-1",
        "0.25",
        "1e400",
        "-1e400",
        "1e-400",
        "99999999999999999999",
        "''",
        "NULL",
        "true",
        "x'00'",
        "0x10",
    ),
    *(
        "'{}'",
        "'[]'",
        "'{\"C\": 1}'",
        "'{\"C\": NaN}'",
        '\'{"a": 1, "a": 2}\'',
        "'null'",
        "'\"x\"'",
        "'" + "[" * 3000 + "'",
    ),
    *("'" + '{"a":' * 1500 + "1" + "}" * 1500 + "'", "'1" + "0" * 5000 + "'", "'\u0661'", "'nan'", "'inf'", "'1_000'"),
    *(
        "none",
        "last",
        "group",
        "column",
        "stratified",
        "shuffle",
        "balanced",
        "'main.t'",
        "'t_rows'",
        "'SELECT 1'",
        "auto",
    ),
    *(
        "sigmoid",
        "isotonic",
        "log",
        "direct",
        "'month'",
        "chunks",
        "whole",
        '"x"',
        "[x]",
        "`x`",
        "- 5",
        "+5",
        "1 2",
        "(1)",
    ),
)
NOISE = (
    *("--", "/*", "*/", "'", '"', "`", "[", "]", "(", ")", ",", ";", "=", "\n", "\t", "\x0b", "\xa0", "\u2028", "."),
    *("SELECT", "DROP TABLE t", "USING", "0", "'x'", '"', "x'zz'", "\\", "\x01", "\ud7ff", "\U0010ffff", "=" * 50),
)


def quoted(name: str, draw: random.Random) -> str:
    """Return a name in one of the ways in which SQLite lets it be written, or bare."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda text: '"' + text.replace('"', '""') + '"',
        lambda text: "`" + text.replace("`", "``") + "`",
        lambda text: f"[{text}]",
        lambda text: "'" + text.replace("'", "''") + "'",
        lambda text: text,
    )
    return draw.choice(ways)(name)


def argument(draw: random.Random) -> str:
    """Return one argument: a column, an option, or noise."""
    kind = draw.random()
    if kind < 0.55:
        parts = [quoted(draw.choice(NAMES), draw), draw.choice(TYPES), draw.choice(CLAUSES), draw.choice(CLAUSES[:4])]
        return " ".join(filter(None, parts))
    if kind < 0.9:
        name = draw.choice((*OPTIONS, *OPTIONS, "algoritm", "", "a b"))
        value = draw.choice((*VALUES, *ALGORITHMS)) if name != "algorithm" else draw.choice((*ALGORITHMS, *VALUES))
        return f"{name}{draw.choice(('=', ' = ', '=='[:1]))}{value}"
    return "".join(draw.choice((*NOISE, *NAMES)) for _ in range(draw.randrange(6)))


def declaration(number: int, salt: str) -> tuple[str, str]:
    """Return the name of a table, and the statement that declares it; half of them could stand."""
    draw = random.Random(f"{salt}/{number}")
    name = draw.choice(("t", "t", *NAMES))
    module = draw.choice([task.module for task in TASKS.values()])
    arguments = [argument(draw) for _ in range(draw.choice((0, 1, 2, 3, 3, 4, 6)))]
    if draw.random() < 0.6:
        good = {"ml_forecast": ["at DATE ORDER", "v REAL TARGET"], "ml_regression": ["k REAL", "v REAL TARGET"]}
        arguments += good.get(module, ["k REAL", "v TEXT TARGET"] if module == "ml_classification" else ["k REAL"])
    if draw.random() < 0.01:
        arguments += [f"c{n} REAL" for n in range(draw.choice((900, 1100, 2100)))]
    text = ", ".join(arguments)
    if draw.random() < 0.1 and text:
        at = draw.randrange(len(text))
        text = text[:at] + draw.choice(NOISE) + text[at + draw.randrange(3) :]
    table = '"' + name.replace('"', '""') + '"'
    return name, f"CREATE VIRTUAL TABLE {draw.choice(('', 'main.', 'temp.'))}{table} USING {module}({text})"


SQLITES_OWN = (
    *("near ", "unrecognized token", "incomplete input", "object name reserved for internal use", "unknown database"),
    *(
        "no such module",
        "You can only execute",
        "there is already",
        "too many columns on",
        "vtable constructor called recursively",
    ),
)
"""How the errors begin that SQLite's own parser gives, before any of our code runs."""

TOUCHED = ("ml_tables", "sqlite_master", "sqlite_temp_master", "sqlite_sequence")


class Authorizer:
    """What statements touch: SQLite asks it of each of them, those inside our code too."""

    def __init__(self, db: apsw.Connection) -> None:
        """Listen on `db`."""
        self.touched: set[str] = set()
        self.odd: set[str] = set()
        db.authorizer = self

    def __call__(self, code: int, one: str | None, two: str | None, schema: str | None, trigger: str | None) -> int:
        """Note the tables, and what reaches out of the database."""
        if code in _TABLES:
            self.touched.add(str(one))
        if code in (apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH, apsw.SQLITE_CREATE_TRIGGER, apsw.SQLITE_CREATE_VIEW):
            self.odd.add(str(one))
        if code == apsw.SQLITE_FUNCTION and two in ("load_extension", "writefile", "readfile", "fts3_tokenizer"):
            self.odd.add(two)
        return int(apsw.SQLITE_OK)


_TABLES = (
    *(apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE, apsw.SQLITE_CREATE_TABLE, apsw.SQLITE_DROP_TABLE),
    *(apsw.SQLITE_CREATE_TEMP_TABLE, apsw.SQLITE_DROP_TEMP_TABLE, apsw.SQLITE_ALTER_TABLE, apsw.SQLITE_READ),
    *(apsw.SQLITE_CREATE_VTABLE, apsw.SQLITE_DROP_VTABLE, apsw.SQLITE_CREATE_INDEX),
)


def declarations(size: int, salt: str) -> Iterator[tuple[str, str]]:
    """Declare `size` tables; yield what became of each, and what is wrong with that."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    db.execute("CREATE TABLE other(x)")
    authorizer = Authorizer(db)
    empty = _everything(db)
    for number in range(size):
        name, sql = declaration(number, salt)
        authorizer.touched, authorizer.odd = set(), set()
        outcome, problem = _declared(db, name, sql)
        own = {name, *(f"{name}_{suffix}" for suffix in SHADOW_TABLES), *TOUCHED}
        index = f"sqlite_autoindex_{name}_"
        strange = {one for one in authorizer.touched if one not in own and not one.startswith(index)} | authorizer.odd
        if strange:
            problem = f"touched {sorted(strange)[:3]}"
        if _everything(db) != empty:
            problem = problem or "something was left behind"
            db.close()
            db = apsw.Connection("")
            sqlite_ml_vtab.load(db)
            db.execute("CREATE TABLE other(x)")
            authorizer = Authorizer(db)
        yield outcome, f"{problem} in {number}: {sql[:300]!r}" if problem else ""
    db.close()


def _declared(db: apsw.Connection, name: str, sql: str) -> tuple[str, str]:
    try:
        db.execute(sql)
    except DeclarationError as error:
        return "refused", "" if _is_sentence(str(error)) else f"no sentence: {error}"
    except apsw.SQLError as error:
        text = str(error)
        return "SQLite's error", "" if text.startswith(SQLITES_OWN) else f"SQLError: {text}"
    except BaseException as error:
        return "failed", signature(error)
    table = '"' + name.replace('"', '""') + '"'
    try:
        list(db.execute(f"SELECT * FROM {table} LIMIT 1"))
        list(db.execute("SELECT * FROM ml_tables"))
    except InputError as error:
        # What is named as content need not be there yet.
        if not str(error).partition(": ")[2].startswith("content "):
            return "failed", "after it was declared: " + signature(error)
    except BaseException as error:
        return "failed", "after it was declared: " + signature(error)
    db.execute(f"DROP TABLE {table}")
    return "declared", ""


def _is_sentence(text: str) -> bool:
    return text.endswith((".", "?")) and "Traceback" not in text


def _everything(db: apsw.Connection) -> list[Any]:
    return list(db.execute(f"{_SCHEMA.format('main')} UNION ALL {_SCHEMA.format('temp')}"))


# The sequence of AUTOINCREMENT is SQLite's own, and stays when it is made once.
_SCHEMA = "SELECT name FROM {}.sqlite_schema WHERE name NOT LIKE 'sqlite%'"


# What a prediction is asked with

FEATURES = (("n", "NUMBER"), ("c", "CATEGORY"), ("d", "DATE"), ("w", "WORDS"))
NUMBERS = (
    *(
        0,
        1,
        -1,
        5.5,
        -0.0,
        2**31,
        2**53 + 1,
        2**63 - 1,
        -(2**63),
        1e308,
        -1e308,
        5e-324,
        math.inf,
        -math.inf,
        1721425.5,
    ),
    *(5373484.5, 5373484.4999, -62135596800, 253402300800, 253402300799.999, 1e18, 0.1, 1e15, 123456789012345678),
)
TEXTS = (
    *(
        "",
        " ",
        "r",
        "g",
        "unseen",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1",
        "1.0",
        " 7 ",
        "0x10",
        "1e5",
        "1_000",
        "\u0661",
    ),
    *("null", "NULL", "true", "2024-05-31", "2024-05-31T12:30:00Z", "2024-02-30", "12:30", "2024-W05", "20240531"),
    *("0000-01-01", "9999-12-31 23:59:59.999999", "0001-01-01T00:00:00+23:59", "10000-01-01", "now", "2024-05", "-"),
    *("\u0000", "a\u0000b", "\ufffe", "\U0010ffff", "\u202e\u0301", "e\u0301", "\ufdfa" * 50, "\n", "'\"`"),
    *("[", "{", "[1]", "{}", "[[1]]", '{"n": 1}', "\u3000[1]"),
)
HUGE = ("x" * 100_000, "word " * 5000, "\u4e2d" * 20_001, "\ufdfa" * 20_000, "[" * 100_000, bytes(100_000), "9" * 5000)
BLOBS = (b"", b"\x00", b"1", b"[1]", b"\xff\xfe")


def asked(number: int, salt: str) -> list[Any]:
    """Return the values of one call."""
    draw = random.Random(f"{salt}/{number}")
    values = [_asked_value(draw, kind) for _, kind in FEATURES]
    for _ in range(draw.choice((0, 0, 1, 1, 2))):
        chosen = HUGE if draw.random() < 0.01 else (*NUMBERS, *TEXTS, *BLOBS, None)
        values[draw.randrange(len(values))] = draw.choice(chosen)
    return values


def _asked_value(draw: random.Random, kind: str) -> Any:
    if draw.random() < 0.1:
        return None
    if kind == "NUMBER":
        return draw.choice((draw.gauss(0, 1), draw.randrange(-9, 9), draw.choice(NUMBERS)))
    if kind == "DATE":
        return draw.choice(("2024-05-31", "2023-01-01 05:00", draw.uniform(0, 1e9), draw.uniform(2e6, 3e6), "1999-12"))
    return draw.choice(("r", "g", "b", "a high day", "", "\u4e2d\u6587", 5, 2.5))


def trained() -> apsw.Connection:
    """Return a database with the predictor p, over a column of each kind."""
    db = apsw.Connection("")
    sqlite_ml_vtab.load(db)
    db.execute(
        "CREATE VIRTUAL TABLE p USING ml_classification(n REAL, c TEXT CATEGORY, d DATE, w TEXT WORDS, y TEXT TARGET, "
        "algorithm=logistic_regression, split=none)"
    )
    draw = random.Random(0)
    for place in range(60):
        signal = draw.gauss(0, 1)
        label = "high" if signal > 0 else "low"
        db.execute(
            "INSERT INTO p VALUES (?, ?, ?, ?, ?)",
            (signal, "rgb"[place % 3], f"20{10 + place % 15}-01-01", f"a {label} day {place % 4}", label),
        )
    db.execute("INSERT INTO p(p) VALUES ('train'); CREATE TEMP TABLE given(n, c, d, w)")
    return db


def inputs(size: int, salt: str) -> Iterator[tuple[str, str]]:
    """Ask `size` calls in every form; yield what became of each, and what is wrong with that."""
    db = trained()
    for number in range(size):
        yield _json(db, number, salt) if number % 4 == 3 else _values(db, asked(number, salt), number)
    db.close()


FORMS: dict[str, tuple[str, Callable[[Sequence[Any]], Sequence[Any]]]] = {
    "positional": ("SELECT y, probability FROM p(?, ?, ?, ?)", tuple),
    "scalar": ("SELECT ml_predict('p', ?, ?, ?, ?), NULL", tuple),
    "source": ("SELECT y, probability FROM p WHERE source = 'temp.given'", lambda _: ()),
    "array": ("SELECT y, probability FROM p(json_array(?, ?, ?, ?))", tuple),
    "object": ("SELECT y, probability FROM p(json_object('w', ?4, 'D', ?3, 'n', ?1, 'c', ?2))", tuple),
    "rows": ("SELECT y, probability FROM p(json_array(json_array(?, ?, ?, ?)))", tuple),
}
JSON = ("array", "object", "rows")


def _values(db: apsw.Connection, values: list[Any], number: int) -> tuple[str, str]:
    db.execute("DELETE FROM temp.given")
    db.execute("INSERT INTO temp.given VALUES (?, ?, ?, ?)", values)
    said: dict[str, tuple[str, Any]] = {}
    for form, (sql, bound) in FORMS.items():
        # JSON has no BLOB and no infinity: SQLite's own json_array refuses the one, and writes 9e999 for the other.
        if form in JSON and any(isinstance(value, bytes) or _is_infinite(value) for value in values):
            continue
        said[form] = _said(db, sql, bound(values))
    problem = _compared(said, values)
    return said["positional"][0], f"{problem} in {number}: {values!r:.300}" if problem else ""


def _said(db: apsw.Connection, sql: str, bound: Sequence[Any]) -> tuple[str, Any]:
    try:
        [(answer, chance)] = db.execute(sql, bound)
    except InputError as error:
        return "refused", str(error)
    except BaseException as error:
        return "failed", signature(error)
    return "answered", (answer, chance)


def _compared(said: dict[str, tuple[str, Any]], values: Sequence[Any]) -> str:
    """Return what is wrong with the answers of the forms, '' where nothing is."""
    for form, (outcome, found) in said.items():
        if outcome == "failed":
            return f"{form}: {found}"
    outcome, found = said["positional"]
    for form, (other, its) in said.items():
        if other != outcome:
            return f"{form} {other}, positional {outcome}: {its!r:.200}, {found!r:.200}"
        if outcome == "answered" and (its[0] != found[0] or (its[1] is not None and not _near(its[1], found[1]))):
            return f"{form} answers {its}, positional {found}"
        if outcome == "refused" and not any(f"'{name}'" in its for name, _ in FEATURES):
            return f"{form} names no column: {its:.200}"
    return ""


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _json(db: apsw.Connection, number: int, salt: str) -> tuple[str, str]:
    """Ask with text that is JSON, or nearly."""
    draw = random.Random(f"json {salt}/{number}")
    text = json_text(draw)
    found = [_said_any(db, sql, text) for sql in ("SELECT * FROM p(?)", "SELECT * FROM p WHERE features IN (?, '[]')")]
    problem = next((said for outcome, said in found if outcome == "failed"), "")
    return "json " + found[0][0], f"{problem} in {number}: {text!r:.300}" if problem else ""


def _said_any(db: apsw.Connection, sql: str, text: str) -> tuple[str, str]:
    try:
        list(db.execute(sql, (text,)))
    except InputError as error:
        return "refused", str(error)
    except BaseException as error:
        return "failed", signature(error)
    return "answered", ""


def json_text(draw: random.Random) -> str:
    """Return text that is JSON, or nearly."""
    way = draw.random()
    if way < 0.1:
        depth = draw.choice((10, 500, 990, 1010, 1023, 1024, 1025, 100_000))
        middle = draw.choice(("", '{"n": 1}', "1", '":"'))
        return draw.choice(('{"n": %s, "c": ":"}', "%s", '[1, "r", null, %s]')) % ("[" * depth + middle + "]" * depth)
    value = _json_value(draw, 3)
    text = json.dumps(value, ensure_ascii=draw.random() < 0.5)
    if way < 0.4:
        at = draw.randrange(len(text) + 1)
        noise = draw.choice(
            ('"', "[", "]", "{", "}", ":", ",", "NaN", "1e999", "\\ud800", "\\u0000", "\x00", "//", "-")
        )
        text = text[:at] + noise + text[at + draw.randrange(2) :]
    return text


def _json_value(draw: random.Random, depth: int) -> Any:
    way = draw.random()
    if depth and way < 0.35:
        return [_json_value(draw, depth - 1) for _ in range(draw.choice((0, 1, 3, 4, 4, 5)))]
    if depth and way < 0.7:
        names = ("n", "c", "d", "w", "N", "C", "y", "nn", "", "\u212a", "p", "features")
        return {draw.choice(names): _json_value(draw, depth - 1) for _ in range(draw.choice((0, 1, 2, 4, 5)))}
    return draw.choice(
        (None, True, False, 0, 1.5, -1, 2**63, 2**64, -(2**70), 10**300, "r", "", "2024-05-31", ":", "\u4e2d")
    )


FUZZERS = {"declarations": declarations, "inputs": inputs}


def main() -> int:
    """Run one of FUZZERS and print what became of its inputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=FUZZERS)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--seed", default="0")
    given = parser.parse_args()
    begun, counts, failures = time.monotonic(), Counter[str](), 0
    for outcome, problem in FUZZERS[given.what](given.size, given.seed):
        counts[outcome] += 1
        if problem:
            failures += 1
            if failures <= 40:
                print(problem, flush=True)
    listed = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.most_common())
    print(f"{given.what}: {given.size:,} tried, {failures} failures, {time.monotonic() - begun:.0f} s: {listed}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
