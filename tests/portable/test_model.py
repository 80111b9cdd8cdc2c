"""The model as bytes: it comes back whole, and what does not fit together is refused before it is evaluated."""

import copy
import math
from contextlib import suppress

import numpy as np
import pytest

from sqlite_ml_vtab.errors import InputError, ModelError
from sqlite_ml_vtab.portable import REFIT, Conformal, Golden, Scorer, from_bytes, to_bytes


def refusal(blob):
    with pytest.raises(ModelError) as caught:
        from_bytes(blob)
    return str(caught.value)


def test_a_model_comes_back_with_the_same_bytes_and_the_same_answers(model, rows):
    blob = to_bytes(model)
    found = from_bytes(blob)
    assert to_bytes(found) == blob
    assert [Scorer(found).one(row) for row in rows] == [Scorer(model).one(row) for row in rows]
    assert found.encoder.warnings(rows[2]) == model.encoder.warnings(rows[2])
    assert (found.task, found.labels, found.family, found.golden, found.features) == (
        model.task,
        model.labels,
        model.family,
        model.golden,
        model.features,
    )


def test_labels_come_back_in_the_type_they_were_stored_in(models):
    labels = ("1", 1, 2.5)
    found = from_bytes(to_bytes(models["linear"]._replace(labels=labels)))
    assert [(type(label), label) for label in found.labels] == [(str, "1"), (int, 1), (float, 2.5)]


@pytest.mark.parametrize("labels", [(0, -(2**63), 2**63 - 1), ("", "\0", "größe \U0001f600"), (-0.5, 1e308, 5e-324)])
def test_any_label_that_sqlite_can_store_comes_back(models, labels):
    assert from_bytes(to_bytes(models["linear"]._replace(labels=labels))).labels == labels


@pytest.mark.parametrize("limit", [0.0, 1.5, 1e300, math.inf])
def test_how_far_the_truth_may_lie_comes_back(models, limit):
    model = regression(models, Conformal(limit))
    assert from_bytes(to_bytes(model)).conformal == Conformal(limit)
    assert from_bytes(to_bytes(model._replace(conformal=None))).conformal is None


def regression(models, conformal=None):
    model = models["linear"]
    parameters = {"link": "identity", "coef": model.parameters["coef"][:1], "intercept": np.zeros(1)}
    golden = Golden(model.golden.rows, ((0.5,),))
    return model._replace(task="regression", labels=(), parameters=parameters, golden=golden, conformal=conformal)


def test_a_model_without_a_portable_form_keeps_all_but_its_parameters(models):
    model = models["linear"]._replace(family=REFIT, parameters={"link": "none"})
    assert from_bytes(to_bytes(model)).family == REFIT


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"golden": Golden(((None,) * 4,), ((math.nan, 0.0, 0.0),))}, "golden scores"),
        ({"labels": ("a", "b", math.inf)}, "labels"),
        ({"labels": ("a", "b", b"c")}, "labels"),
        ({"family": "svm"}, "family"),
    ],
)
def test_a_model_that_could_not_be_read_back_is_not_written(models, change, problem):
    with pytest.raises(ModelError) as caught:
        to_bytes(models["linear"]._replace(**change))
    assert str(caught.value) == f"the stored model is damaged: {problem}."


def test_a_blob_beyond_the_limit_is_refused(models):
    blob = to_bytes(models["linear"])
    assert from_bytes(blob, limit=len(blob)).family == "linear"
    with pytest.raises(ModelError, match="more than the limit of 100"):
        from_bytes(blob, limit=100)


def test_every_prefix_of_a_model_is_refused(model):
    blob = to_bytes(model)
    for stop in range(len(blob)):
        refusal(blob[:stop])


def put(tree, path, value):
    """Return a copy of `tree` with `value` at `path`."""
    changed = copy.deepcopy(tree)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def paths(tree, path=()):
    """Yield the path of every value in `tree`."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in items:
        yield (*path, step)
        yield from paths(value, (*path, step))


def spliced(seal, unseal, model, change):
    header, arrays = unseal(to_bytes(model))
    return seal(change(header), arrays)


MODEL_PROBLEMS = [
    (("task",), "ranking", "task"),
    (("task",), "clustering", "pattern"),
    (("task",), "anomaly", "labels"),
    (("task",), "regression", "labels"),
    (("task",), ["classification"], "task"),
    (("labels",), ["a", 2, 2], "a label twice"),
    (("labels",), ["a", 2, 2.0], "a label twice"),
    (("labels",), ["a", "b", None], "labels"),
    (("labels",), ["a", "b", True], "labels"),
    (("labels",), ["a", "b", []], "labels"),
    (("labels",), ["a", "b", 2**63], "labels"),
    (("labels",), [], "labels"),
    (("labels",), {}, "labels"),
    (("labels",), ["a", "b"], "golden scores"),
    (("conformal",), -1, "conformal"),
    (("conformal",), [], "conformal"),
    (("conformal",), {"limit": 0.5}, "conformal"),
    (("conformal",), {"limit": -0.5, "difficulty": None}, "conformal limit"),
    (("conformal",), {"limit": "1", "difficulty": None}, "conformal limit"),
    (("conformal",), {"limit": True, "difficulty": None}, "conformal limit"),
    (("conformal",), {"limit": 1.5, "difficulty": None}, "conformal limit"),
    (("conformal",), {"limit": None, "difficulty": None}, "conformal limit"),
    (("conformal",), {"limit": 0.5, "difficulty": {}}, "difficulty"),
    (("family",), "pickle", "family"),
    (("family",), ["linear"], "family"),
    (("parameters",), [], "an array is not used"),
    (("parameters", "link"), "eval", "link"),
    (("parameters", "link"), None, "link"),
    (("parameters", "link"), "exp", "link"),
    (("parameters", "link"), "sigmoid", "link"),
    (("columns",), {}, "an array is not used"),
    (("columns", 1), {"name": "a", "kind": "CATEGORY", "categories": [], "table": None}, "an array is not used"),
    (("columns", 0), None, "a column"),
    (("columns", 0, "name"), 5, "a column"),
    (("columns", 0, "kind"), "ANY", "a column's kind"),
    (("columns", 0, "kind"), [], "a column's kind"),
    (("columns", 0, "kind"), "CATEGORY", "keys"),
    (("columns", 0, "parts"), "value", "parts"),
    (("columns", 0, "parts"), [1], "parts"),
    (("columns", 0, "parts"), ["value", "year"], "column parts ('value', 'year')"),
    (("columns", 0, "range"), [1], "a column's range"),
    (("columns", 0, "range"), [2, 1], "a column's range"),
    (("columns", 0, "range"), [None, 1], "a column's range"),
    (("columns", 0, "range"), ["a", "b"], "a column's range"),
    (("columns", 0, "range"), [False, True], "a column's range"),
    (("columns", 1, "categories"), ["red", "red"], "a category twice"),
    (("columns", 1, "categories"), ["red", 1], "categories"),
    (("columns", 1, "categories"), ["red"], "a category table's shape"),
    (("columns", 0, "edges"), {}, "edges"),
    (("columns", 0, "parts"), ["value", "code"], "bins without their edges"),
    (("costs",), None, "an array is not used"),
    (("inverse",), None, "keys"),
    (("inverse",), {"name": "none"}, "keys"),
    (("inverse", "name"), "eval", "inverse"),
    (("inverse", "name"), ["none"], "inverse"),
    (("inverse", "name"), "log", "inverse"),
    (("inverse",), {"name": "log", "parameters": [0.0]}, "inverse"),
    (("inverse", "parameters"), [1.0], "inverse"),
    (("inverse", "parameters"), {}, "parameters"),
    (("golden",), [], "keys"),
    (("golden", "rows"), [[]], "golden rows"),
    (("golden", "rows"), [[None, None, None, []]], "golden rows"),
    (("golden", "rows"), [None], "golden rows"),
    (("golden", "rows"), [], "golden rows"),
    (("golden", "scores"), [[0.5, 0.5]], "golden scores"),
    (("golden", "scores"), [["a", "b", "c"]], "golden scores"),
    (("golden", "scores"), [[None, 1, 1]], "golden scores"),
    (("more",), 1, "keys"),
]


@pytest.mark.parametrize(("path", "value", "problem"), MODEL_PROBLEMS)
def test_a_header_whose_values_do_not_fit_together_is_refused(seal, unseal, models, path, value, problem):
    blob = spliced(seal, unseal, models["linear"], lambda header: put(header, path, value))
    assert refusal(blob) == f"the stored model is damaged: {problem}."


def test_a_key_too_few_is_refused(seal, unseal, models):
    header, arrays = unseal(to_bytes(models["constant"]))
    for key in header.keys() - {"arrays"}:
        fewer = {name: value for name, value in header.items() if name != key}
        assert refusal(seal(fewer, arrays)).startswith("the stored model is damaged: ")


def test_a_model_that_uses_no_column_is_refused(seal, models):
    blob = to_bytes(models["constant"])
    column = {"name": "a", "kind": "NUMBER", "parts": [], "range": [None, None], "edges": None}
    empty = {"dtype": "<f8", "shape": [0]}
    tree = {
        "task": "regression",
        "columns": [column],
        **{name: {"array": place} for place, name in enumerate(("fill", "centre", "scale"))},
        "labels": [],
        "family": REFIT,
        "parameters": {"link": "identity"},
        "conformal": None,
        "costs": {"array": 3},
        "inverse": {"name": "none", "parameters": []},
        "golden": {"rows": [], "scores": []},
        "arrays": [*[empty] * 3, {"dtype": "<f8", "shape": [0, 0]}],
    }
    assert refusal(seal(tree)) == "the stored model is damaged: no column is used."
    assert refusal(seal(tree | {"columns": []})) == "the stored model is damaged: columns."
    assert from_bytes(blob).encoder.width == 6


JUNK = [
    None,
    True,
    -1,
    2**64 - 1,
    1e308,
    "",
    "value",
    "softmax",
    [],
    [[]],
    {},
    {"a": 1},
    {"array": 0},
    {"array": 10**6},
]


def test_junk_anywhere_in_a_header_is_refused_or_harmless(seal, unseal, model, rows):
    header, arrays = unseal(to_bytes(model))
    places = [path for path in paths(header) if path[0] != "arrays"]
    for path in places:
        for value in JUNK:
            _is_refused_or_answers(seal(put(header, path, value), arrays), rows)


def test_two_values_of_a_header_exchanged_are_refused_or_harmless(seal, unseal, model, rows):
    header, arrays = unseal(to_bytes(model))
    references = [
        path for path in paths(header) if isinstance(_at(header, path), dict) and "array" in _at(header, path)
    ]
    places = [path for path in paths(header) if path[0] != "arrays"]
    for one in references:
        for other in places:
            if one[: len(other)] != other and other[: len(one)] != one:
                exchanged = put(put(header, one, _at(header, other)), other, _at(header, one))
                _is_refused_or_answers(seal(exchanged, arrays), rows)


def _at(tree, path):
    for step in path:
        tree = tree[step]
    return tree


def test_arrays_whose_type_or_shape_is_changed_are_refused_or_harmless(seal, unseal, model, rows):
    header, arrays = unseal(to_bytes(model))
    for place, entry in enumerate(header["arrays"]):
        shapes = [entry["shape"][::-1], [1, *entry["shape"]], [math.prod(entry["shape"])], [0], []]
        others = [entry | {"shape": shape} for shape in shapes]
        others += [entry | {"dtype": dtype} for dtype in ("<f8", "<i8", "<f4", "<i4", "|u1")]
        for other in others:
            _is_refused_or_answers(seal(put(header, ("arrays", place), other), arrays), rows)


def test_random_bytes_in_arrays_are_refused_or_harmless(seal, unseal, model, rows):
    header, arrays = unseal(to_bytes(model))
    random = np.random.RandomState(0)
    for _ in range(300):
        damaged = bytearray(arrays)
        start = int(random.randint(len(arrays) // 8)) * 8
        special = [np.array(value).tobytes() for value in (np.nan, np.inf, -0.0, 5e-324, 1e308, -1e308)]
        damaged[start : start + 8] = special[random.randint(6)] if random.randint(2) else random.bytes(8)
        _is_refused_or_answers(seal(header, bytes(damaged)), rows)


def _is_refused_or_answers(blob, rows):
    """Require that `blob` is refused as a model, or else answers rows, one as many, without any other error."""
    problem = ""
    try:
        scorer = Scorer(from_bytes(blob))
    except ModelError as error:
        problem = str(error)
    assert problem == "" or problem.startswith("the stored model is damaged: ")
    if not problem:
        with suppress(InputError):
            values, _ = scorer.many(rows)
            assert repr([_answered(scorer, row) for row in rows]) == repr(values)
            _says_as_much_of_one_as_of_many(scorer, rows)


def _says_as_much_of_one_as_of_many(scorer, rows):
    """Require that bounds of rows asked together are those of each, and that a set of labels has the answer."""
    values, scores = scorer.many(rows)
    found = [scorer.bounds(*asked) for asked in zip(rows, scores, strict=True)]
    assert repr(scorer.many_bounds(rows, scores)) == repr(found)
    for value, its in zip(values, scores, strict=True):
        probable = scorer.probable(its)
        assert probable is None or value in probable


def _answered(scorer, row):
    value, scores = scorer.one(row)
    scorer.distribution(scores)
    scorer.warning(row)
    return value
