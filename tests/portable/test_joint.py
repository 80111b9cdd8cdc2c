"""Several targets: one model for each, stored and asked together."""

import math

import numpy as np
import pytest

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import (
    REFIT,
    Conformal,
    Golden,
    JointModel,
    JointScorer,
    Model,
    Scorer,
    from_bytes,
    members,
    to_bytes,
)
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.pattern_scoring import scorer_of

COLUMNS = (
    ColumnEncoding("x", "NUMBER", ("value",), low=0.0, high=1.0),
    ColumnEncoding("c", "CATEGORY", categories=("a",), table=np.array([[1.0], [0.0], [-1.0]])),
)
ROWS = [(0.5, "a"), (None, None), (7.0, "unheard-of")]


def model(labels=(), slope=1.0, columns=COLUMNS, **changes):
    width = sum(column.width for column in columns)
    encoder = Encoder(columns, np.zeros(width), np.zeros(width), np.ones(width))
    outputs = max(1, len(labels))
    coef = np.arange(outputs * width, dtype=float).reshape(outputs, width) * slope + 1
    link = "softmax" if labels else "identity"
    fields = {
        "task": "classification" if labels else "regression",
        "encoder": encoder,
        "labels": labels,
        "family": "linear",
        "parameters": {"link": link, "coef": coef, "intercept": np.zeros(outputs)},
        "conformal": Conformal(0.25 if labels else 0.5),
        "golden": Golden((), ()),
        "costs": np.empty((0, 0)),
    }
    return Model(**fields | changes)


NUMBERS = JointModel(("u", "v"), (model(slope=1.0), model(slope=-2.0)))
CLASSES = JointModel(("kind", "sex"), (model(("k1", "k2", "k3")), model((0, 1), slope=-1.0)))


@pytest.fixture(params=[NUMBERS, CLASSES], ids=["numbers", "classes"])
def joint(request):
    return request.param


def scorer(joint):
    return JointScorer(joint, [None] * len(joint.models))


def test_it_comes_back_with_the_same_bytes_and_the_same_answers(joint):
    blob = to_bytes(joint)
    found = from_bytes(blob)
    assert isinstance(found, JointModel)
    assert to_bytes(found) == blob
    assert found.targets == joint.targets
    assert scorer(found).many(ROWS) == scorer(joint).many(ROWS)


def test_its_answers_are_those_of_each_target_alone(joint):
    together, alone = scorer(joint), [Scorer(one) for one in joint.models]
    values, scores = together.many(ROWS)
    assert values == list(zip(*(one.many(ROWS)[0] for one in alone), strict=True))
    assert scores == list(zip(*(one.many(ROWS)[1] for one in alone), strict=True))


def test_one_row_is_answered_as_many(joint):
    together = scorer(joint)
    values, scores = together.many(ROWS)
    ones = [together.one(row) for row in ROWS]
    assert [answer for answer, _ in ones] == values
    for (_, found), expected in zip(ones, scores, strict=True):
        for one, many in zip(found, expected, strict=True):
            np.testing.assert_allclose(list(one), many, rtol=1e-12)


def test_no_rows_have_no_answers(joint):
    assert scorer(joint).many([]) == ([], [])


def test_probabilities_are_told_by_target():
    together = scorer(CLASSES)
    _, scores = together.one(ROWS[0])
    found = together.by_class(scores)
    assert {target: list(chances) for target, chances in found.items()} == {
        "kind": ["k1", "k2", "k3"],
        "sex": ["0", "1"],
    }
    assert [pytest.approx(1.0)] * 2 == [sum(chances.values()) for chances in found.values()]
    assert together.probability(scores) is None


def test_numbers_have_no_probabilities():
    together = scorer(NUMBERS)
    assert together.by_class(together.one(ROWS[0])[1]) is None


def test_bounds_are_told_by_target():
    together = scorer(NUMBERS)
    (u, v), scores = together.one(ROWS[0])
    assert together.bounds(ROWS[0], scores) == ({"u": u - 0.5, "v": v - 0.5}, {"u": u + 0.5, "v": v + 0.5})
    assert together.probable(scores) is None


def test_bounds_of_many_rows_are_those_of_each(joint):
    together = scorer(joint)
    _, scores = together.many(ROWS)
    assert together.many_bounds(ROWS, scores) == [together.bounds(*asked) for asked in zip(ROWS, scores, strict=True)]
    assert together.many_bounds([], []) == []


def test_an_end_that_is_not_known_is_none_for_its_target_alone():
    together = scorer(JointModel(NUMBERS.targets, (NUMBERS.models[0], model(conformal=Conformal(math.inf)))))
    (u, _), scores = together.one(ROWS[0])
    assert together.bounds(ROWS[0], scores) == ({"u": u - 0.5, "v": None}, {"u": u + 0.5, "v": None})


def test_probable_labels_are_told_by_target():
    together, alone = scorer(CLASSES), [Scorer(one) for one in CLASSES.models]
    _, scores = together.one(ROWS[0])
    kinds, sexes = (one.probable(its) for one, its in zip(alone, scores, strict=True))
    assert together.probable(scores) == {"kind": kinds, "sex": sexes}
    assert together.bounds(ROWS[0], scores) is None


def test_where_one_target_was_not_tested_nothing_is_told():
    untested = [
        JointModel(joint.targets, (joint.models[0], joint.models[1]._replace(conformal=None)))
        for joint in (NUMBERS, CLASSES)
    ]
    for joint in untested:
        _, scores = scorer(joint).one(ROWS[0])
        assert scorer(joint).bounds(ROWS[0], scores) is None
        assert scorer(joint).probable(scores) is None


def test_probabilities_are_none_where_one_target_has_none():
    votes = CLASSES.models[1]._replace(parameters=CLASSES.models[1].parameters | {"link": "none"})
    together = scorer(JointModel(CLASSES.targets, (CLASSES.models[0], votes)))
    assert together.by_class(together.one(ROWS[0])[1]) is None


def test_a_row_is_warned_of_once():
    assert scorer(CLASSES).warning(ROWS[2]) == (
        "x: 7.0 is outside the training range, 0 to 1; c: 'unheard-of' was not seen in training"
    )
    assert scorer(CLASSES).warning(ROWS[0]) is None


def test_the_scorer_of_a_model_follows_from_its_kind(joint):
    assert isinstance(scorer_of(joint, [None, None]), JointScorer)
    assert isinstance(scorer_of(joint.models[0], [None]), Scorer)
    assert members(joint) == joint.models
    assert members(joint.models[0]) == (joint.models[0],)


def test_a_target_without_a_portable_form_makes_the_whole_refitted():
    refit = NUMBERS.models[1]._replace(family=REFIT, parameters={"link": "identity"})
    joint = JointModel(NUMBERS.targets, (NUMBERS.models[0], refit))
    assert (joint.family, NUMBERS.family) == (REFIT, "linear")
    together = JointScorer(from_bytes(to_bytes(joint)), [None, lambda matrix: matrix[:, :1] * 10])
    assert together.one((0.5, None))[0][1] == 5.0


@pytest.mark.parametrize(
    ("joint", "problem"),
    [
        (JointModel(("u",), NUMBERS.models[:1]), "targets"),
        (JointModel(("u",), NUMBERS.models), "targets"),
        (JointModel(("u", "v", "w"), NUMBERS.models), "targets"),
        (JointModel(("u", "u"), NUMBERS.models), "a target twice"),
        (JointModel(("u", "v"), (NUMBERS.models[0], CLASSES.models[0])), "targets"),
        (JointModel(("u", "v"), (model(), model(columns=COLUMNS[:1]))), "targets"),
        (JointModel(("u", "v"), (model(), model(columns=(COLUMNS[1], COLUMNS[0])))), "targets"),
        (JointModel(("u", "v"), (model(), model(conformal=Conformal(-1.0)))), "conformal limit"),
        (JointModel(("u", "v"), (model(), model(family="voodoo"))), "family"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_targets_that_do_not_belong_together_are_not_written(joint, problem):
    with pytest.raises(ModelError) as caught:
        to_bytes(joint)
    assert str(caught.value) == f"the stored model is damaged: {problem}."


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"targets": ["u", 1]}, "targets"),
        ({"targets": "uv"}, "targets"),
        ({"targets": None}, "targets"),
        ({"models": {}}, "an array is not used"),
        ({"models": []}, "an array is not used"),
        ({"models": [{}, {}]}, "an array is not used"),
        ({"more": 1}, "keys"),
    ],
)
def test_bytes_that_lie_about_the_targets_are_refused(seal, unseal, change, problem):
    tree, arrays = unseal(to_bytes(NUMBERS))
    with pytest.raises(ModelError) as caught:
        from_bytes(seal(tree | change, arrays))
    assert str(caught.value) == f"the stored model is damaged: {problem}."


def test_every_prefix_of_its_bytes_is_refused():
    blob = to_bytes(NUMBERS)
    for stop in range(0, len(blob), 7):
        with pytest.raises(ModelError):
            from_bytes(blob[:stop])


def test_a_joint_model_within_a_joint_model_is_refused(seal, unseal):
    tree, arrays = unseal(to_bytes(NUMBERS))
    inner = {"targets": ["u", "v"], "models": tree["models"]}
    with pytest.raises(ModelError) as caught:
        from_bytes(seal({**tree, "models": [inner, inner]}, arrays))
    assert str(caught.value) == "the stored model is damaged: an array is missing or used twice."
