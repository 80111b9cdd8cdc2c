"""The kinds and clauses of a column: what they say, and the sentence of each that cannot stand."""

import pytest

from sqlite_ml_vtab.declaration import Kind, parse
from sqlite_ml_vtab.declaration.types import ENCODE_WORDS, IMPUTE_WORDS, SCALE_WORDS
from sqlite_ml_vtab.errors import DeclarationError


def first(declare, column):
    return declare(column).columns[0]


# Kinds


@pytest.mark.parametrize(
    ("column", "kind", "affinity"),
    [
        ("a words", Kind.WORDS, "TEXT"),
        ("a text words", Kind.WORDS, "TEXT"),
        ("a WORDS", Kind.WORDS, "TEXT"),
        ("a integer category", Kind.CATEGORY, "TEXT"),
        ("a category", Kind.CATEGORY, "TEXT"),
        ("a text number", Kind.NUMBER, "NUMERIC"),
        ("a integer number", Kind.NUMBER, "INTEGER"),
        ("a text date", Kind.DATE, ""),
        ("a boolean", Kind.NUMBER, "NUMERIC"),
        ("a", Kind.ANY, ""),
        ("a uuid", Kind.ANY, ""),
    ],
)
def test_a_kind_behind_the_type_overrides_it(declare, column, kind, affinity):
    found = first(declare, column)
    assert (found.kind, found.affinity) == (kind, affinity)


# A forgotten comma


@pytest.mark.parametrize(
    "type_",
    [
        *("double precision", "varying character(20)", "unsigned big int", "native character(70)", "int8"),
        *("decimal(10, 5)", "character varying(20)", "national character varying(20)", "long varchar", "long text"),
        *("int unsigned zerofill", "bigint signed", "signed integer", "medium int", "tiny int(1)", "double"),
        *("character large object", "timestamp with time zone", "time without time zone", "bit varying(3)"),
        *("timestamp with local time zone", "text binary", "uuid", "geometry", "enum('a', 'b')", '"my type"'),
    ],
)
@pytest.mark.parametrize("clause", ["", " target", " key", " category", " impute(most_frequent)"])
def test_a_legal_type_of_several_words_is_one_type(declare, type_, clause):
    found = first(declare, f"a {type_}{clause}")
    words = " ".join(type_.partition("(")[0].upper().replace('"', "").split())
    assert found.type == words + " CATEGORY" * ("category" in clause)


NO_COMMA = "is not a type or a clause. Is a comma missing between two columns?"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("a float b float", "FLOAT B FLOAT"),
        ("a b float", "B FLOAT"),
        ("a b c", "B C"),
        ("a float b", "FLOAT B"),
        ("a float points float", "FLOAT POINTS FLOAT"),
        ("a float double float", "FLOAT DOUBLE FLOAT"),
        ("a real date real", "REAL DATE REAL"),
        ("a int int", "INT INT"),
        ('a real "b" real', "REAL B REAL"),
        ("a decimal(10, 5) b", "DECIMAL B"),
        ("a enum('x', 'y') b", "ENUM B"),
        ("a double precision b double precision", "DOUBLE PRECISION B DOUBLE PRECISION"),
        ("a float /* so */ b float target", "FLOAT B FLOAT TARGET"),
        ("a text target b real", "TEXT TARGET B REAL"),
        ("a target b", "TARGET B"),
        ("a text key b text target", "TEXT KEY B TEXT TARGET"),
        ("a real impute(mean) b real", "REAL IMPUTE B REAL"),
        ("a real scale(none) b", "REAL SCALE B"),
        ("a words b words", "WORDS B WORDS"),
    ],
)
def test_a_forgotten_comma_is_asked_for(declare, columns, said):
    with pytest.raises(DeclarationError) as caught:
        declare(columns)
    assert str(caught.value) == f"column 'a': {said} {NO_COMMA}"


def test_a_forgotten_comma_before_an_option_is_asked_for(declare):
    with pytest.raises(DeclarationError) as caught:
        declare("a real algorithm=knn")
    assert str(caught.value) == "column 'a': '=' is not a type or a clause. Is a comma missing before the option?"


# Clauses


@pytest.mark.parametrize(
    ("column", "clauses"),
    [
        *((f"a real impute({word})", ((word,), "", "")) for word in IMPUTE_WORDS if word != "constant"),
        ("a real impute(constant, 0)", (("constant", "0"), "", "")),
        ("a real impute(constant, -1.5)", (("constant", "-1.5"), "", "")),
        ("a real impute(constant, 1e3)", (("constant", "1e3"), "", "")),
        ("a real impute(constant 7)", (("constant", "7"), "", "")),
        ("a text impute(constant, 'none of them')", (("constant", "none of them"), "", "")),
        ('a text impute(constant, "a, b")', (("constant", "a, b"), "", "")),
        ("a text impute(constant, unknown)", (("constant", "unknown"), "", "")),
        ("a text impute(constant, '')", (("constant", ""), "", "")),
        ("a text impute(most_frequent)", (("most_frequent",), "", "")),
        ("a date impute(constant, '2024-05-31')", (("constant", "2024-05-31"), "", "")),
        *((f"a text encode({word})", ((), word, "")) for word in ENCODE_WORDS),
        *((f"a real scale({word})", ((), "", word)) for word in SCALE_WORDS),
        ("a date scale(minmax)", ((), "", "minmax")),
        ("a REAL IMPUTE(MEAN) SCALE(Robust)", (("mean",), "", "robust")),
        ("a real scale(robust) impute(mean)", (("mean",), "", "robust")),
        ("a text encode(target) impute(constant, 'x')", (("constant", "x"), "target", "")),
        ("a decimal(10, 2) impute(median)", (("median",), "", "")),
        ("a impute(mean) scale(none)", (("mean",), "", "none")),
        ("a real /* why */ impute /* not */ ( mean )", (("mean",), "", "")),
        ("a real", ((), "", "")),
    ],
)
def test_a_clause_is_read_in_any_case_and_order(declare, column, clauses):
    found = first(declare, column)
    assert (found.impute, found.encode, found.scale) == clauses


def test_the_type_is_kept_without_the_clauses(declare):
    assert first(declare, "a decimal(10, 2) impute(mean) scale(none)").type == "DECIMAL"


@pytest.mark.parametrize("word", ENCODE_WORDS)
def test_a_column_without_a_type_that_is_encoded_is_a_category(declare, word):
    found = first(declare, f"a encode({word})")
    assert (found.kind, found.encode) == (Kind.CATEGORY, word)


IMPUTE = "column 'a': IMPUTE takes one of mean, median, most_frequent, constant, got "
ENCODE = "column 'a': ENCODE takes one of onehot, ordinal, target, got "
SCALE = "column 'a': SCALE takes one of standard, minmax, maxabs, robust, none, got "
NO_MEAN = "Write IMPUTE(most_frequent) or IMPUTE(constant, '...')."


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("a real impute(meen)", IMPUTE + "'meen'."),
        ("a real impute", IMPUTE + "nothing."),
        ("a real impute()", IMPUTE + "nothing."),
        ("a real impute(-1)", IMPUTE + "'-'."),
        ("a real impute((mean))", IMPUTE + "'('."),
        ("a text encode(one_hot)", ENCODE + "'one_hot'."),
        ("a text encode()", ENCODE + "nothing."),
        ("a real scale(zscore)", SCALE + "'zscore'."),
        ("a real scale(1)", SCALE + "'1'."),
        (
            "a real impute(constant)",
            "column 'a': IMPUTE(constant) takes one value, got 0. Write IMPUTE(constant, 0).",
        ),
        (
            "a real impute(constant, 1, 2)",
            "column 'a': IMPUTE(constant) takes one value, got 2. Write IMPUTE(constant, 0).",
        ),
        ("a real impute(mean, 2)", "column 'a': IMPUTE(mean) takes no value, got 1. Write IMPUTE(mean)."),
        ("a real scale(standard, 2)", "column 'a': SCALE(standard) takes no value, got 1. Write SCALE(standard)."),
        ("a real impute(mean) impute(mean)", "column 'a': IMPUTE is written twice. Keep one."),
        ("a real scale(none) scale(robust)", "column 'a': SCALE is written twice. Keep one."),
        (
            "a real impute(constant, 'x')",
            "column 'a' is NUMBER, and IMPUTE(constant, ...) gives it 'x'. Write a number.",
        ),
        (
            "a real impute(constant, nan)",
            "column 'a' is NUMBER, and IMPUTE(constant, ...) gives it 'nan'. Write a number.",
        ),
        (
            "a real impute(constant, 1e38)",
            "column 'a' is NUMBER, and IMPUTE(constant, ...) gives it '1e38'. Write a number.",
        ),
        ("a text impute(mean)", f"column 'a': a CATEGORY has no mean. {NO_MEAN}"),
        ("a text impute(median)", f"column 'a': a CATEGORY has no median. {NO_MEAN}"),
        ("a impute(mean) encode(onehot)", f"column 'a': a CATEGORY has no mean. {NO_MEAN}"),
        ("a words impute(mean)", "column 'a': WORDS need no IMPUTE; NULL is an empty text. Leave it out."),
        ("a text scale(standard)", "column 'a': SCALE is for numbers, got CATEGORY. Leave it out."),
        ("a words scale(standard)", "column 'a': SCALE is for numbers, got WORDS. Leave it out."),
        ("a encode(ordinal) scale(standard)", "column 'a': SCALE is for numbers, got CATEGORY. Leave it out."),
        *(
            (
                f"a {type_} encode(onehot)",
                f"column 'a': ENCODE is for CATEGORY, got {kind}. Write CATEGORY behind the type, or leave ENCODE out.",
            )
            for type_, kind in (("real", "NUMBER"), ("date", "DATE"), ("words", "WORDS"))
        ),
        ("a real key impute(mean)", "column 'a' is KEY; IMPUTE is for features. Leave it out."),
        ("a text group encode(onehot)", "column 'a' is GROUP; ENCODE is for features. Leave it out."),
        ("a real weight scale(none)", "column 'a' is WEIGHT; SCALE is for features. Leave it out."),
        ("a real imputed(mean)", "column 'a': unknown clause IMPUTED. Did you mean IMPUTE?"),
        ("a text encod(onehot)", "column 'a': unknown clause ENCOD. Did you mean ENCODE?"),
        ("a word", "column 'a': unknown clause WORD. Did you mean WORDS?"),
        ("a real impute(mean", "column 'a': a parenthesis is never closed. Close it."),
        ("a real impute(mean))", "column 'a': a parenthesis closes nothing. Take it out."),
        (
            "a real 'impute'",
            "column 'a': 'impute' is not a type or a clause. Write: name [TYPE] [CLAUSE].",
        ),
    ],
)
def test_a_clause_that_cannot_stand_says_why(declare, column, sentence):
    with pytest.raises(DeclarationError) as caught:
        declare(column)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("clause", ["impute(mean)", "encode(onehot)", "scale(none)"])
def test_a_target_takes_no_clause(clause):
    kind = "text" if "encode" in clause else "real"
    with pytest.raises(DeclarationError) as caught:
        parse("regression", "t", ["a real", f"y {kind} target {clause}"])
    word = clause.partition("(")[0].upper()
    assert str(caught.value) == f"column 'y' is TARGET; {word} is for features. Leave it out."


# Several targets


def test_several_columns_may_be_targets():
    declared = parse("regression", "t", ["a real", "x real target", "y target"])
    assert [column.name for column in declared.targets] == ["x", "y"]


def test_every_target_of_a_regression_is_a_number():
    with pytest.raises(DeclarationError) as caught:
        parse("regression", "t", ["a real", "x real target", "y text target"])
    assert str(caught.value) == (
        "target 'y' is TEXT, and regression predicts numbers. Declare it REAL, or use ml_classification."
    )


# Options of decisions


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("threshold=0.3", 0.3),
        ("threshold='0.3'", 0.3),
        ("""threshold='{"yes": 0.3}'""", {"yes": 0.3}),
        ("""cost='{"a": {"b": 5, "c": 0}}'""", {"a": {"b": 5.0, "c": 0.0}}),
        ("calibrate=Sigmoid", "sigmoid"),
        ("calibrate='isotonic'", "isotonic"),
        ("class_weight=balanced", "balanced"),
    ],
)
def test_an_option_of_a_decision_is_read(declare, option, value):
    assert declare(option).options == {option.partition("=")[0]: value}


A_PROBABILITY = "a probability between 0 and 1, or a JSON object of one label to it"
COSTS = "a JSON object of actual label to predicted label to cost, which is 0 or more"


@pytest.mark.parametrize(
    ("options", "task", "sentence"),
    [
        *(
            ([f"threshold={value}"], "classification", f"option 'threshold' takes {A_PROBABILITY}, got {shown}.")
            for value, shown in (
                ("0", "'0'"),
                ("1", "'1'"),
                ("-0.5", "'-0.5'"),
                ("high", "'high'"),
                ("'{}'", "'{}'"),
                ("'{\"a\": 2}'", "'{\"a\": 2}'"),
                ("'{\"a\": [0.5]}'", "'{\"a\": [0.5]}'"),
                ('\'{"a": 0.5, "b": 0.5}\'', '\'{"a": 0.5, "b": 0.5}\''),
                ("'{nonsense'", "'{nonsense'"),
            )
        ),
        *(
            ([f"cost={value}"], "classification", f"option 'cost' takes {COSTS}, got {shown}.")
            for value, shown in (
                ("3", "'3'"),
                ("'{}'", "'{}'"),
                ("'[1]'", "'[1]'"),
                ("'{\"a\": 1}'", "'{\"a\": 1}'"),
                ("'{\"a\": {}}'", "'{\"a\": {}}'"),
                ('\'{"a": {"b": "c"}}\'', '\'{"a": {"b": "c"}}\''),
                ('\'{"a": {"b": null}}\'', '\'{"a": {"b": null}}\''),
            )
        ),
        (["calibrate=platt"], "classification", "option 'calibrate' takes 'sigmoid' or 'isotonic', got 'platt'."),
        (
            ["target_transform=sqrt"],
            "regression",
            "option 'target_transform' takes 'log' or 'yeo_johnson', got 'sqrt'.",
        ),
        *(
            ([option], "regression", f"option '{name}' is for classification, and this is regression. Leave it out.")
            for name, option in (
                ("threshold", "threshold=0.3"),
                ("cost", 'cost=\'{"a": {"b": 3}}\''),
                ("calibrate", "calibrate=sigmoid"),
                ("class_weight", "class_weight=balanced"),
            )
        ),
        (
            ["target_transform=log"],
            "classification",
            "option 'target_transform' is for regression, and this is classification. Leave it out.",
        ),
        (
            ["threshold=0.3", 'cost=\'{"a": {"b": 3}}\''],
            "classification",
            "threshold and cost both decide what is predicted. Write one of them.",
        ),
    ],
)
def test_an_option_that_cannot_stand_says_why(options, task, sentence):
    with pytest.raises(DeclarationError) as caught:
        parse(task, "t", ["a real", "y target", *options])
    assert str(caught.value) == sentence
