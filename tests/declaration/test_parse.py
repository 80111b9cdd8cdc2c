"""The arguments of CREATE VIRTUAL TABLE to a Declaration."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_ml_vtab.declaration import OPTIONS, TASKS, Column, Kind, Role, check_option, parse
from sqlite_ml_vtab.declaration.options import FOR_TASK
from sqlite_ml_vtab.declaration.parse import GUARD, RESERVED, check_split
from sqlite_ml_vtab.errors import DeclarationError


def refusal(*arguments, task="classification", table="t"):
    with pytest.raises(DeclarationError) as caught:
        parse(task, table, arguments)
    return str(caught.value)


def test_columns_keep_their_order_names_types_and_roles():
    declared = parse("classification", "t", ["id integer key", "Age real", "city", "class text target"])
    assert declared.columns == (
        Column("id", "INTEGER", Role.KEY, Kind.NUMBER),
        Column("Age", "REAL", Role.FEATURE, Kind.NUMBER),
        Column("city", "", Role.FEATURE, Kind.ANY),
        Column("class", "TEXT", Role.TARGET, Kind.CATEGORY),
    )
    assert [column.name for column in declared.features] == ["Age", "city"]
    assert [column.name for column in declared.targets] == ["class"]
    assert declared.one(Role.KEY) == declared.columns[0]
    assert declared.one(Role.WEIGHT) is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.FEATURE])
def test_every_role_is_a_clause_in_any_case(role):
    declared = parse(
        "classification", "t", ["a real", "c text TARGET", f"b int {role.value.lower()}"][: 3 - (role == "TARGET")]
    )
    assert declared.one(role).role is role


@pytest.mark.parametrize("written", ['"a b"', "[a b]", "`a b`", "'a b'"])
def test_a_name_is_quoted_in_every_way_of_sqlite(declare, written):
    assert declare(f"{written} real").columns[0] == Column("a b", "REAL", Role.FEATURE, Kind.NUMBER)


@pytest.mark.parametrize("name", ["target", "select", "a=b", "it's", "naïve", "年齢", "a--b", "/*", "1st", ""])
def test_any_name_but_the_empty_one_can_be_quoted(name):
    arguments = [f'"{name}" real', "y text target"]
    if name:
        assert parse("classification", "t", arguments).columns[0].name == name
    else:
        assert refusal(*arguments) == "a column begins with its name, got ''. Quote an odd name: \"...\"."


def test_comments_and_newlines_stand_anywhere(declare):
    declared = declare(
        "-- how old\n age /* in\nyears */ real -- end", "split /* how */ = -- so\n 'shuffle'", "/* no column */"
    )
    assert declared.columns[0] == Column("age", "REAL", Role.FEATURE, Kind.NUMBER)
    assert declared.options == {"split": "shuffle"}


@pytest.mark.parametrize("size", ["(10)", "(10, 2)", "( 10 , ( 2 ) )", "(max)"])
def test_a_length_behind_a_type_means_nothing(declare, size):
    assert declare(f"a decimal{size}").columns[0] == Column("a", "DECIMAL", Role.FEATURE, Kind.NUMBER)


@pytest.mark.parametrize(
    ("kind", "affinity", "types"),
    [
        (Kind.NUMBER, "INTEGER", ["int", "INTEGER", "tinyint", "unsigned big int", "int8", "bigint"]),
        (Kind.NUMBER, "REAL", ["real", "double", "double precision", "float", "float(24)"]),
        (
            Kind.NUMBER,
            "NUMERIC",
            ["numeric", "numeric(10, 2)", "number", "num", "decimal(10,5)", "dec", "bool", "boolean"],
        ),
        (
            Kind.CATEGORY,
            "TEXT",
            [
                "text",
                "clob",
                "varchar(255)",
                "character(20)",
                "native character",
                "nchar(5)",
                "category",
                "int category",
            ],
        ),
        (
            Kind.DATE,
            "",
            ["date", "datetime", "timestamp", "timestamptz", "time", "text date", "time without time zone"],
        ),
        (
            Kind.ANY,
            "",
            ["", "string", "uuid", "json", "enum('a', 'b')", "serial", "money", "year", "geometry", "bit", "long"],
        ),
    ],
)
def test_a_declared_type_means_its_kind_and_affinity(declare, kind, affinity, types):
    declared = declare(*(f"c{place} {text}" for place, text in enumerate(types)))
    found = [(text, column.kind, column.affinity) for text, column in zip(types, declared.columns, strict=False)]
    assert found == [(text, kind, affinity) for text in types]


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("algorithm=knn", "algorithm", "knn"),
        ("algorithm='Random_Forest'", "algorithm", "random_forest"),
        ('ALGORITHM = "knn"', "algorithm", "knn"),
        ("'algorithm'=[knn]", "algorithm", "knn"),
        ("hyperparams='{\"n_neighbors\": 3}'", "hyperparams", {"n_neighbors": 3}),
        ('hyperparams="{""n_neighbors"": 3}"', "hyperparams", {"n_neighbors": 3}),
        ("test_size=0.2", "test_size", 0.2),
        ("test_size='0.2'", "test_size", 0.2),
        ("test_size=100", "test_size", 100),
        ("test_size=1", "test_size", 1),
        ("split=none", "split", "none"),
        ("seed=+7", "seed", 7),
        ("seed=4294967295", "seed", 4294967295),
        ("class_weight=balanced", "class_weight", "balanced"),
        ('class_weight=\'{"yes": 10, "no": 0}\'', "class_weight", {"yes": 10.0, "no": 0.0}),
    ],
)
def test_an_option_is_written_in_every_way(declare, option, name, value):
    found = declare(option).options
    assert found == {name: value}
    assert type(found[name]) is type(value)


def test_an_option_that_is_not_written_is_not_there(declare):
    assert declare().options == {}


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "algoritm=knn",
            "unknown option 'algoritm'. Nearest options: algorithm, calibrate, split.",
        ),
        (
            "zzz=1",
            "unknown option 'zzz'. Nearest options: horizon, test_size, threshold.",
        ),
        ("algorithm=''", "option 'algorithm' takes a name, got ''."),
        (
            "hyperparams='[1]'",
            "option 'hyperparams' takes a JSON object such as '{\"max_iter\": 500}', got '[1]'.",
        ),
        (
            "hyperparams='{'",
            "option 'hyperparams' takes a JSON object such as '{\"max_iter\": 500}', got '{'.",
        ),
        ("test_size=0", "option 'test_size' takes a fraction between 0 and 1 or a count of rows, got '0'."),
        ("test_size=-3", "option 'test_size' takes a fraction between 0 and 1 or a count of rows, got '-3'."),
        ("test_size=1.5", "option 'test_size' takes a fraction between 0 and 1 or a count of rows, got '1.5'."),
        ("test_size=much", "option 'test_size' takes a number, got 'much'."),
        ("test_size=inf", "option 'test_size' takes a number, got 'inf'."),
        ("seed=-1", "option 'seed' takes a whole number from 0 to 4294967295, got '-1'."),
        ("seed=4294967296", "option 'seed' takes a whole number from 0 to 4294967295, got '4294967296'."),
        ("seed=1.5", "option 'seed' takes a whole number from 0 to 4294967295, got '1.5'."),
        ("seed=nan", "option 'seed' takes a number, got 'nan'."),
        (
            "split=random",
            "option 'split' takes one of stratified, shuffle, last, group, column, none, got 'random'.",
        ),
        (
            "class_weight=heavy",
            "option 'class_weight' takes 'balanced' or a JSON object of label to weight, got 'heavy'.",
        ),
        (
            "class_weight='{}'",
            "option 'class_weight' takes 'balanced' or a JSON object of label to weight, got '{}'.",
        ),
        (
            "class_weight='{\"a\": -1}'",
            "option 'class_weight' takes 'balanced' or a JSON object of label to weight, got '{\"a\": -1}'.",
        ),
        (
            "class_weight='{\"a\": []}'",
            "option 'class_weight' takes 'balanced' or a JSON object of label to weight, got '{\"a\": []}'.",
        ),
        ("confidence=1", "option 'confidence' takes a fraction between 0 and 1, such as 0.9, got '1'."),
        ("confidence=0", "option 'confidence' takes a fraction between 0 and 1, such as 0.9, got '0'."),
        ("confidence=90", "option 'confidence' takes a fraction between 0 and 1, such as 0.9, got '90'."),
        ("confidence=nan", "option 'confidence' takes a number, got 'nan'."),
        ("confidence=high", "option 'confidence' takes a number, got 'high'."),
        ("seed=", "option 'seed' needs one value. Quote it: seed='...'."),
        ("seed=1 2", "option 'seed' needs one value. Quote it: seed='...'."),
        ("seed=(1)", "option 'seed' needs one value. Quote it: seed='...'."),
        ("split=a-b", "option 'split' needs one value. Quote it: split='...'."),
    ],
)
def test_an_option_that_cannot_stand_says_what_it_takes(option, sentence):
    assert refusal(option, "a real", "y text target") == sentence


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("seed", True, "option 'seed' takes a number, got True."),
        ("seed", None, "option 'seed' takes a number, got NULL."),
        ("seed", [1], "option 'seed' takes a number, got [1]."),
        ("seed", 10**400, f"option 'seed' takes a number, got 1{'0' * 58}…."),
        ("algorithm", 5, "option 'algorithm' takes a name, got 5."),
        ("split", {}, "option 'split' takes a name, got {}."),
        ("hyperparams", 5, "option 'hyperparams' takes a JSON object such as '{\"max_iter\": 500}', got 5."),
    ],
)
def test_an_option_of_a_command_is_checked_as_in_create(name, value, sentence):
    with pytest.raises(DeclarationError) as caught:
        check_option(name, value)
    assert str(caught.value) == sentence


def test_json_nested_without_end_is_refused_like_any_other_text():
    with pytest.raises(DeclarationError, match="takes a JSON object"):
        check_option("hyperparams", '{"a":' * 100_000)


def test_an_option_is_written_once():
    assert refusal("seed=1", "SEED=2", "a", "y target") == "option 'seed' is written twice. Write it once."


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_says_what_stands_when_it_is_left_out(name):
    assert OPTIONS[name].default
    assert OPTIONS[name].doc.endswith((".", ")."))


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("1st real", "a column begins with its name, got '1'. Quote an odd name: \"...\"."),
        ("(a) real", "a column begins with its name, got '('. Quote an odd name: \"...\"."),
        ("a real target key", "column 'a' has two roles, TARGET and KEY. Keep one."),
        ("a text key key", "column 'a' has two roles, KEY and KEY. Keep one."),
        ("a 'text'", "column 'a': 'text' is not a type or a clause. Write: name [TYPE] [CLAUSE]."),
        ("a int, b", "column 'a': ',' is not a type or a clause. Write: name [TYPE] [CLAUSE]."),
        ("a -1", "column 'a': '-' is not a type or a clause. Write: name [TYPE] [CLAUSE]."),
        ("a decimal(10", "column 'a': a parenthesis is never closed. Close it."),
        ("a int) (", "column 'a': a parenthesis closes nothing. Take it out."),
        ("a wrods", "column 'a': unknown clause WRODS. Did you mean WORDS?"),
        ("a real impute", "column 'a': IMPUTE takes one of mean, median, most_frequent, constant, got nothing."),
        ("a text encode(hash)", "column 'a': ENCODE takes one of onehot, ordinal, target, got 'hash'."),
        ("a real scale(1)", "column 'a': SCALE takes one of standard, minmax, maxabs, robust, none, got '1'."),
        (
            "a integer primary key",
            "column 'a': a predictor has no PRIMARY clause. Write KEY to keep a column beside the features.",
        ),
        ("a integer not null", "column 'a': a predictor has no NOT clause. Leave it out."),
        ("a integer default 0", "column 'a': a predictor has no DEFAULT clause. Leave it out."),
        ("a text collate nocase", "column 'a': a predictor has no COLLATE clause. Leave it out."),
        ("a text tagret", "column 'a': unknown clause TAGRET. Did you mean TARGET?"),
        ("a text categoric", "column 'a': unknown clause CATEGORIC. Did you mean CATEGORY?"),
        ("a real weigth", "column 'a': unknown clause WEIGTH. Did you mean WEIGHT?"),
        ("a blob", "column 'a': a BLOB cannot be learned from. Make it a KEY or leave it out."),
        ("a text weight", "column 'a': a WEIGHT is a number, got TEXT. Declare it REAL."),
    ],
)
def test_a_column_that_cannot_stand_says_what_to_write(column, sentence):
    assert refusal(column, "b real", "y text target") == sentence


def test_several_columns_can_be_predicted(declare):
    declared = declare("z int target")
    assert [column.name for column in declared.targets] == ["z", "class"]
    assert declared.one(Role.TARGET).name == "z"


@pytest.mark.parametrize("option", FOR_TASK)
def test_an_option_of_one_task_is_refused_by_the_other(option):
    other = "regression" if FOR_TASK[option] != "regression" else "classification"
    written = EXAMPLES[option]
    sentence = f"option '{option}' is for {FOR_TASK[option]}, and this is {other}. Leave it out."
    assert refusal("a", "y target", f"{option}='{written}'", task=other) == sentence
    task = TASKS[FOR_TASK[option]]
    columns = ["a integer order" if task.has_series else "a", *["y target"] * task.has_target]
    assert parse(FOR_TASK[option], "t", [*columns, f"{option}='{written}'"]).options.keys() == {option}


EXAMPLES = {
    "calendar": "none",
    "class_weight": "balanced",
    "difference": "mean",
    "horizon": "7",
    "lags": "[1, 7]",
    "season": "auto",
    "step": "day",
    "strategy": "direct",
    "threshold": "0.3",
    "cost": '{"yes": {"no": 5}}',
    "calibrate": "sigmoid",
    "target_transform": "log",
    "clusters": "3",
    "contamination": "0.1",
    "components": "3",
}


def test_a_blob_can_be_a_key(declare):
    assert declare("photo blob key").columns[0].role is Role.KEY


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a real"], "no column to predict. Write TARGET behind one: class TEXT TARGET."),
        ([], "no column to predict. Write TARGET behind one: class TEXT TARGET."),
        (["y text target", "k key"], "no feature column. Declare at least one column without a clause."),
        (["a real", "y target", "v order", "w order"], "ORDER is written at 2 columns, 'v', 'w'. Keep one."),
        (["a real", "y target", "Y target"], "column 'Y' is declared twice. Rename the column."),
        (["a real", "y target", "v weight", "w weight"], "WEIGHT is written at 2 columns, 'v', 'w'. Keep one."),
        (["a real", "A text", "y target"], "column 'A' is declared twice. Rename the column."),
        (
            ["T real", "y target"],
            "column 'T' is the name of the table, which is its command column. Rename the column.",
        ),
        (["a", "arg2", "y target"], "column 'arg2' is a column every predictor has. Rename the column."),
    ],
)
def test_columns_that_cannot_stand_together_say_why(arguments, sentence):
    assert refusal(*arguments) == sentence


SAYS = [*TASKS["classification"].says({}), "warning"]


@pytest.mark.parametrize("name", [*RESERVED, *SAYS, GUARD])
def test_a_column_never_hides_one_that_every_predictor_has(name):
    sentence = f"column '{name.upper()}' is a column every predictor has. Rename the column."
    assert refusal(f"{name.upper()} real", "y text target") == sentence


@pytest.mark.parametrize("name", [*RESERVED, *SAYS, GUARD, "arg2"])
def test_a_table_is_never_named_as_a_column_that_every_predictor_has(name):
    sentence = f"a predictor cannot be named '{name}': every predictor has a column of that name. Choose another name."
    assert refusal("a real", "b real", "y text target", table=name) == sentence


def test_an_argument_column_that_the_predictor_lacks_is_a_free_name(declare):
    assert declare("arg3 real").columns[0].name == "arg3"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["a", "y text target"],
            "target 'y' is TEXT, and regression predicts numbers. Declare it REAL, or use ml_classification.",
        ),
        (
            ["a", "y date target"],
            "target 'y' is DATE, and regression predicts numbers. Declare it REAL, or use ml_classification.",
        ),
        (
            ["a", "y real target", "class_weight=balanced"],
            "option 'class_weight' is for classification, and this is regression. Leave it out.",
        ),
        (
            ["a", "y real target", "split=stratified"],
            "split='stratified' is for classification. Use split='shuffle'.",
        ),
    ],
)
def test_regression_refuses_what_is_for_classes(arguments, sentence):
    assert refusal(*arguments, task="regression") == sentence


@pytest.mark.parametrize(("split", "clause"), [("last", "ORDER"), ("group", "GROUP"), ("column", "SPLIT")])
def test_a_split_needs_its_column(split, clause):
    sentence = f"split='{split}' needs a column with the clause {clause}. Declare one."
    assert refusal(f"split={split}", "a", "y target") == sentence
    parse("classification", "t", [f"split={split}", "a", "y target", f"b {clause}"])


@pytest.mark.parametrize("split", ["stratified", "shuffle", "last"])
def test_a_split_that_would_tear_groups_is_refused(split):
    sentence = f"split='{split}' would tear groups apart. Use split='group', or drop the GROUP clause."
    assert refusal(f"split={split}", "a", "y target", "g group", "o order") == sentence


@pytest.mark.parametrize("split", [None, "none", "group"])
def test_a_split_that_keeps_groups_whole_stands(split):
    check_split(parse("classification", "t", ["a", "y target", "g group"]), split)


def outcome(call, *arguments):
    """Return what `call` returns, and the sentence of its refusal or ''."""
    try:
        return call(*arguments), ""
    except DeclarationError as error:
        return None, str(error)


words = st.sampled_from(
    [
        *("a", "b", "target", "key", "group", "real", "text", "=", "'x'", '"y"', "[z]", "(", ")", ",", "split", "1"),
        *("-", "impute", "(mean)", "(constant", "encode", "(target)", "scale", "words"),
    ]
)
sql_text = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=string.printable, max_size=40),
    st.lists(words, max_size=8).map(" ".join),
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["classification", "regression"]), st.text(min_size=1, max_size=8), st.lists(sql_text, max_size=5)
)
def test_arbitrary_text_is_declared_or_refused_and_nothing_else(task, table, arguments):
    declared, sentence = outcome(parse, task, table, arguments)
    assert sentence.endswith((".", "?")) or (declared.features and {t.role for t in declared.targets} == {Role.TARGET})


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda name: "\0" not in name))
def test_any_text_is_a_name_once_it_is_quoted(name):
    quoted = '"' + name.replace('"', '""') + '"'
    declared, sentence = outcome(parse, "classification", "my table", [f"{quoted} real", "class target"])
    assert "Rename the column." in sentence or declared.columns[0].name == name


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(OPTIONS)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
)
def test_any_value_of_an_option_is_taken_or_refused_and_nothing_else(name, value):
    _, sentence = outcome(check_option, name, value)
    assert sentence == "" or sentence.startswith(f"option '{name}' takes ")
