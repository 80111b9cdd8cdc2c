"""Wrong input to a prediction: one error, whose sentence names the column, the value and what is expected."""

import pytest
from asking import command, declare, refusal, rows

TAKES = "takes 3 features (n, c, d), got"
EACH = "Pass a value, or NULL, for each."
DATES = "Write ISO 8601 text such as '2024-05-31' or '2024-05-31 12:30:00', a julian day or a unix time, of the years 1 to 9999."

CALLS = {
    "1, 'g'": f"{TAKES} 2. {EACH}",
    "1, 'g', NULL, 4": f"{TAKES} 4. {EACH}",
    "1, 'g', NULL, 4, 5, 6": f"{TAKES} 6. {EACH}",
    "'[1, 2]'": f"{TAKES} 2. {EACH}",
    "'[1, 2, 3, 4]'": f"{TAKES} 4. {EACH}",
    "'[[1, \"g\", null], [1]]'": f"{TAKES} 1. {EACH}",
    "'[[]]'": f"{TAKES} 0. {EACH}",
    "5": f"{TAKES} 1. {EACH}",
    "''": f"{TAKES} 1. {EACH}",
    "'n=5'": f"{TAKES} 1. {EACH}",
    "NULL": "features is NULL. Pass a JSON array, a JSON object or a value for each feature.",
    "x'5b5d'": "features is JSON text, got a BLOB of 2 bytes. Use json_array(...), not jsonb.",
    "jsonb('[1, 2, 3]')": "features is JSON text, got a BLOB of 7 bytes. Use json_array(...), not jsonb.",
    "'[1, [2], 3]'": "features holds 1 beside whole rows. Make every element an array or an object.",
    '\'[{"n": 1}, "g"]\'': "features holds 'g' beside whole rows. Make every element an array or an object.",
    "'{\"m\": 1}'": "unknown feature 'm'. Features: c, d, n.",
    '\'{"n": 1, "nn": 2}\'': "unknown feature 'nn'. Did you mean 'n'? Features: c, d, n.",
    '\'{"y": "low"}\'': "unknown feature 'y'. Features: c, d, n.",
    '\'{"n": 1, "n": 2}\'': "feature 'n' is given twice. Give it once.",
    '\'{"n": 1, "N": 2}\'': "feature 'n' is given twice. Give it once.",
    '\'[{"n": 1}, {"c": "g", "c": "r"}]\'': "feature 'c' is given twice. Give it once.",
    "'x', 'g', NULL": "column 'n' is NUMBER, got 'x'. Use NULL for a missing value.",
    "' 7 ', 'g', NULL": "column 'n' is NUMBER, got ' 7 '. Write it as a number, CAST(... AS REAL), or declare the column without a type.",
    "x'07', 'g', NULL": "column 'n' is NUMBER, got a BLOB of 1 bytes. Use NULL for a missing value.",
    "9e999, 'g', NULL": "column 'n' is NUMBER, got inf. Use NULL for a missing value.",
    "-9e999, 'g', NULL": "column 'n' is NUMBER, got -inf. Use NULL for a missing value.",
    '\'["7", "g", null]\'': "column 'n' is NUMBER, got '7'. Write it as a number, CAST(... AS REAL), or declare the column without a type.",
    '\'{"n": "NaN"}\'': "column 'n' is NUMBER, got 'NaN'. Use NULL for a missing value.",
    "1, x'67', NULL": "column 'c' is CATEGORY, got a BLOB of 1 bytes. Give text, a number or NULL.",
    "1, 'g', 'May'": f"column 'd' is DATE, got 'May'. {DATES}",
    "1, 'g', '2024-13-01'": f"column 'd' is DATE, got '2024-13-01'. {DATES}",
    "1, 'g', 1e300": f"column 'd' is DATE, got 1e+300. {DATES}",
    "1, 'g', x'00'": f"column 'd' is DATE, got a BLOB of 1 bytes. {DATES}",
}


@pytest.fixture
def mixed(db):
    """A predictor of a number, a category and a date."""
    declare(db, columns="n REAL, c TEXT, d DATE, y TEXT TARGET, algorithm=decision_tree, split=none")
    db.executemany(
        "INSERT INTO p VALUES (?, ?, ?, ?)", [(i, "rgb"[i % 3], "2024-05-31", "ab"[i % 2]) for i in range(9)]
    )
    command(db, "train")
    return db


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_refused(mixed, call):
    assert refusal(mixed, f"SELECT * FROM p({call})") == f"InputError: p: {CALLS[call]}"


@pytest.mark.parametrize("call", [call for call in CALLS if not call.startswith("'[[")])
def test_a_scalar_call_is_refused_alike(mixed, call):
    assert refusal(mixed, f"SELECT ml_predict('p', {call})") == f"InputError: p: {CALLS[call]}"
    assert refusal(mixed, f"SELECT ml_predict_proba('p', {call})") == f"InputError: p: {CALLS[call]}"


@pytest.mark.parametrize("call", [call for call in CALLS if call[0] in "'jxN5" and "', " not in call])
def test_an_in_list_is_refused_alike(mixed, call):
    sentence = refusal(mixed, f"SELECT * FROM p WHERE features IN ({call}, '[1, null, null]')")
    assert sentence == f"InputError: p: {CALLS[call]}"


@pytest.mark.parametrize(
    "call", [call for call in CALLS if call.count(",") == 2 and "[" not in call and "{" not in call]
)
def test_a_source_is_refused_alike(mixed, call):
    n, c, d = call.split(", ")
    mixed.execute("CREATE TABLE x(n, c, d); INSERT INTO x VALUES (1, 'g', NULL)")
    mixed.execute(f"INSERT INTO x VALUES ({n}, {c}, {d})")
    assert refusal(mixed, "SELECT * FROM p WHERE source = 'x'") == f"InputError: p: {CALLS[call]}"


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2",
        "[1, 2, 3]]",
        "[1, 2, 3] x",
        "{",
        '{"n": }',
        "[NaN, 1, 2]",
        "[1e999, 1, 2]",
        "[1, 2, 3,]",
        "[" * 100_000,
        "{n: 1}",
    ],
)
def test_text_that_is_not_json_is_refused(mixed, text):
    sentence = refusal(mixed, "SELECT * FROM p(?)", (text,))
    assert sentence.startswith(f"InputError: p: features '{text[:59]}")
    assert "is not JSON: " in sentence
    assert sentence.endswith(" Use json_array(...).")


def test_a_refused_row_of_a_join_ends_the_query(mixed):
    sql = "SELECT p.y FROM (VALUES (1), ('x'), (3)) AS x JOIN p(x.column1, 'g', NULL) AS p"
    cursor = mixed.execute(sql)
    assert next(cursor)[0] in "ab"
    with pytest.raises(Exception, match="^p: column 'n' is NUMBER, got 'x'"):
        next(cursor)


def test_a_value_is_cut_where_it_is_long(mixed):
    assert refusal(mixed, "SELECT * FROM p(?, NULL, NULL)", ("x" * 10_000,)) == (
        f"InputError: p: column 'n' is NUMBER, got '{'x' * 59}…'. Use NULL for a missing value."
    )


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT * FROM p WHERE version = 1", "version belongs to a prediction. Pass features too, or source."),
        ("SELECT * FROM p WHERE arg2 = 'g'", f"{TAKES} 1. {EACH}"),
        ("SELECT * FROM p WHERE arg2 = 'g' AND arg3 = 1", f"{TAKES} 2. {EACH}"),
        ("SELECT * FROM p WHERE too_many_arguments = 1", f"{TAKES} 4. {EACH}"),
        (
            "SELECT * FROM p(1, 'g', NULL) WHERE source = 'p_rows'",
            "features and source are both given. Give one of them.",
        ),
    ],
)
def test_constraints_that_make_no_call_are_refused(mixed, sql, sentence):
    assert refusal(mixed, sql) == f"InputError: p: {sentence}"


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT ml_predict()", "InputError: ml_predict takes a predictor's name and its features. "
         "Write: ml_predict('table', value, ...)."),
        ("SELECT ml_predict_proba('p')", "InputError: ml_predict_proba takes a predictor's name and its features. "
         "Write: ml_predict_proba('table', value, ...)."),
        ("SELECT ml_predict('q', 1)", "CommandError: no predictor 'q'. Predictors: p."),
        ("SELECT ml_predict(NULL, 1)", "CommandError: a predictor is named by text, got NULL. Write its name in quotes."),
        ("SELECT ml_predict(5, 1)", "CommandError: a predictor is named by text, got 5. Write its name in quotes."),
        ("SELECT ml_predict('x.p', 1)", "CommandError: no predictor 'x.p'. Predictors: p."),
        ("SELECT ml_predict('p', '[[1, \"g\", null]]')", "InputError: p: a scalar function predicts one row, got an array "
         "of rows. Use the table: SELECT ... FROM t(...)."),
    ],
)  # fmt: skip
def test_a_scalar_function_says_how_it_is_called(mixed, sql, sentence):
    assert refusal(mixed, sql) == sentence


def test_no_predictor_at_all_is_said(db):
    assert refusal(db, "SELECT ml_predict('p', 1)") == (
        "CommandError: no predictor 'p', nor any other. Declare one with CREATE VIRTUAL TABLE."
    )


def test_an_untrained_predictor_says_the_statement_to_run(db):
    declare(db, '"my table"', "a, y TARGET")
    sentence = 'ModelError: my table: no trained model. Run: INSERT INTO "my table"("my table") VALUES (\'train\').'
    for sql in (
        'SELECT * FROM "my table"(1)',
        "SELECT * FROM \"my table\" WHERE features IN ('[1]', '[2]')",
        "SELECT * FROM \"my table\" WHERE source = 'SELECT 1 AS a'",
        "SELECT ml_predict('my table', 1)",
    ):
        assert refusal(db, sql) == sentence
    assert rows(db, 'SELECT * FROM "my table"') == []
