"""Models of tasks without a target: what they say of new rows and of those they were trained on, and what they refuse."""

import hashlib
import math
import struct

import numpy as np
import pytest

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import Conformal, Pattern, PatternScorer, Scorer, from_bytes, scorer_of, to_bytes
from sqlite_ml_vtab.portable.families.nonnegative import scores as weights
from sqlite_ml_vtab.portable.model import DECIDES, WITHOUT_TARGET
from sqlite_ml_vtab.portable.pattern import row_digest

NO_NEW_ROWS = (
    "the algorithm of this version cannot place new rows; it gives the clusters of the rows it was trained on: "
    "SELECT rowid, cluster FROM the table, without features. Train kmeans, birch or gaussian_mixture to place new ones."
)


def test_a_model_can_have_every_task_that_can_be_declared():
    # A forecast is a model of its own, around one of a regression.
    assert {name: task.has_labels for name, task in TASKS.items() if name != "forecast"} == {
        name: how == "classification" for name, how in DECIDES.items()
    }
    assert {name for name, task in TASKS.items() if not task.has_target} == set(WITHOUT_TARGET)


def test_what_answers_follows_from_the_model(models, listed):
    assert {type(scorer_of(models[family], [None])) for family in ("centres", "density", "nonnegative")} == {
        PatternScorer
    }
    assert type(scorer_of(models["linear"], [None])) is Scorer
    assert to_bytes(from_bytes(to_bytes(listed))) == to_bytes(listed)


@pytest.mark.parametrize("family", ["centres", "density", "nonnegative"])
def test_one_row_is_answered_as_many(models, rows, family):
    scorer = PatternScorer(models[family])
    answers, scores = scorer.many(rows)
    assert repr([scorer.one(row)[0] for row in rows]) == repr(answers)
    names = {"centres": ("cluster", "distance"), "density": ("is_anomaly", "anomaly_score")}
    for name in names.get(family, ("pc1", "pc2")):
        many = [scorer.hidden(name, *each) for each in zip(rows, answers, scores, strict=True)]
        assert [scorer.hidden(name, row, *scorer.one(row)) for row in rows] == pytest.approx(many, rel=1e-12)


def test_a_row_that_was_trained_on_is_answered_as_it_was_then(models, rows):
    scorer = PatternScorer(models["density"])
    kept = [scorer.stored(rowid, rows[0]) for rowid in (-5, 1, 2, 2**62)]
    assert kept == [(0, (1.0,)), (1, (2.0,)), (0, (1.25,)), (0, (1.5,))]
    assert scorer.hidden("anomaly_score", rows[0], *kept[1]) == 2.0
    assert scorer.stored(3, rows[0]) == scorer.one(rows[0])


def test_a_row_that_has_changed_is_answered_as_a_new_one(models, listed, rows):
    scorer, of_listed = PatternScorer(models["density"]), PatternScorer(listed)
    assert scorer.stored(1, rows[1]) == scorer.one(rows[1])
    assert of_listed.stored(1, rows[1]) == (None, None)
    said = "the row is not as it was trained on, and "
    assert scorer.stored_warning(1, rows[1]).endswith(f"{said}is answered as a new one")
    assert of_listed.stored_warning(1, rows[1]).endswith(f"{said}has no cluster")
    for rowid, row in ((1, rows[0]), (3, rows[1])):
        assert said not in (of_listed.stored_warning(rowid, row) or "")


def test_the_digest_of_a_row_is_that_of_the_format():
    """As docs/portable-format.md writes it down: each value with a sign of its type before it."""
    text = b"\2" + (2).to_bytes(8, "little") + "ñ".encode()
    expected = hashlib.blake2b(b"\1" + struct.pack("<d", 1.5) + b"\0" + text, digest_size=8).digest()
    assert row_digest((1.5, math.nan, "ñ")) == row_digest((1.5, None, "ñ")) == struct.unpack("<q", expected)[0]
    assert row_digest((0.0,)) == row_digest((-0.0,))
    different = [("a", "b"), ("ab",), ("ab", ""), ("", "ab"), (1.0,), ("1.0",), (None,), (None, None), ()]
    assert len({row_digest(values) for values in different}) == len(different)


def test_a_model_of_listed_rows_answers_these_and_no_others(listed, rows):
    scorer = PatternScorer(listed)
    assert [scorer.stored(rowid, rows[0]) for rowid in (-5, 2, 2**62)] == [(0, None), (1, None), (-1, None)]
    assert scorer.stored(3, rows[0]) == (None, None)
    assert [scorer.hidden(name, rows[0], 1, None) for name in ("cluster", "distance")] == [1, None]
    assert scorer.hidden("cluster", rows[0], None, None) is None
    for ask in (lambda: scorer.one(rows[0]), lambda: scorer.many(rows), lambda: scorer.by_class((0.0,))):
        with pytest.raises(ModelError) as caught:
            ask()
        assert str(caught.value) == NO_NEW_ROWS


def test_a_cluster_has_no_class_and_no_bounds(models, rows):
    scorer = PatternScorer(models["centres"])
    _, scores = scorer.one(rows[0])
    assert (scorer.probability(scores), scorer.bounds(rows[0], scores), scorer.by_class(scores)) == (None, None, None)
    assert (scorer.probable(scores), scorer.many_bounds([rows[0]], [scores])) == (None, [None])
    assert scorer.warning(rows[2]) == Scorer(models["linear"]).warning(rows[2])


def refusal(model):
    with pytest.raises(ModelError) as caught:
        to_bytes(model)
    return str(caught.value).removeprefix("the stored model is damaged: ")


IDS = np.array([1, 2], dtype="<i8")


@pytest.mark.parametrize(
    ("family", "changes", "problem"),
    [
        ("centres", {"labels": (0, 2, 1)}, "labels."),
        ("centres", {"labels": (0, True, 2)}, "labels."),
        ("centres", {"labels": (0.0, 1, 2)}, "labels."),
        ("centres", {"labels": ()}, "labels."),
        ("centres", {"pattern": None}, "pattern."),
        ("centres", {"pattern": Pattern(2)}, "outputs."),
        ("centres", {"conformal": Conformal(1.0)}, "decisions."),
        ("centres", {"costs": np.zeros((3, 3))}, "decisions."),
        ("centres", {"task": "classification"}, "pattern."),
        ("density", {"task": "clustering"}, "labels."),
        ("density", {"family": "listed", "parameters": {"link": "identity"}}, "the clusters of rows."),
        ("density", {"pattern": Pattern(threshold=math.nan)}, "threshold."),
        ("density", {"pattern": Pattern(threshold=True)}, "threshold."),
        ("density", {"pattern": Pattern(ids=IDS)}, "the values of rows."),
        ("density", {"pattern": Pattern(ids=IDS[::-1].copy(), values=np.zeros(2))}, "row ids."),
        ("density", {"pattern": Pattern(ids=IDS * 0, values=np.zeros(2))}, "row ids."),
        ("density", {"pattern": Pattern(ids=IDS.astype("<i4"), values=np.zeros(2))}, "row ids."),
        ("density", {"pattern": Pattern(ids=IDS, values=np.array([0.0, math.inf]))}, "the values of rows."),
        ("density", {"pattern": Pattern(ids=IDS, values=np.zeros(2))}, "the digests of rows."),
        ("density", {"pattern": Pattern(ids=IDS, values=np.zeros(2), digests=np.zeros(2))}, "the digests of rows."),
        ("density", {"pattern": Pattern(ids=IDS, values=np.zeros(2), digests=IDS[:1])}, "the digests of rows."),
        ("nonnegative", {"pattern": Pattern(0)}, "outputs."),
        ("nonnegative", {"pattern": Pattern(True)}, "outputs."),
        ("nonnegative", {"pattern": Pattern(1001)}, "outputs."),
        ("nonnegative", {"pattern": Pattern(3)}, "golden scores."),
        ("linear", {"pattern": Pattern()}, "pattern."),
    ],
)
def test_a_pattern_that_does_not_fit_its_model_is_refused(models, family, changes, problem):
    assert refusal(models[family]._replace(**changes)) == problem


@pytest.mark.parametrize("values", [[0.5, 0.0], [-2.0, 0.0], [2.0**31, 0.0]])
def test_what_is_listed_is_a_cluster_for_each_row(listed, values):
    pattern = Pattern(ids=IDS, values=np.array(values), digests=IDS)
    assert refusal(listed._replace(pattern=pattern)) == "the clusters of rows."
    assert refusal(listed._replace(pattern=Pattern())) == "the clusters of rows."
    assert refusal(listed._replace(labels=(0,))) == "labels."


def test_the_ends_of_what_a_row_id_can_be_are_found(listed, rows):
    ends = np.array([-(2**63), 2**63 - 1], dtype="<i8")
    pattern = Pattern(ids=ends, values=np.array([1.0, 0.0]), digests=listed.pattern.digests[:2])
    scorer = PatternScorer(from_bytes(to_bytes(listed._replace(pattern=pattern))))
    assert [scorer.stored(rowid, rows[0])[0] for rowid in (-(2**63), 0, 2**63 - 1)] == [1, None, 0]


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_weights_of_parts_are_the_best_that_are_not_negative(count):
    """The conditions of Karush, Kuhn and Tucker, which a least sum of squares under signs meets alone."""
    random = np.random.RandomState(count)
    parts, matrix = random.uniform(size=(count, 12)), random.normal(size=(200, 12))
    parameters = {"parts": parts, "products": parts @ parts.T, "penalty": 0.0}
    found = weights(parameters, matrix)
    slope = found @ parameters["products"] - matrix @ parts.T
    assert (found >= 0).all()
    assert slope[found == 0].min() > -1e-9
    assert np.abs(slope[found > 0]).max() < 1e-9


@pytest.mark.parametrize("value", [1e308, -1e308, math.inf, math.nan, 0.0])
def test_weights_of_parts_end_for_every_row(value):
    parts = np.random.RandomState(0).uniform(size=(4, 6))
    parameters = {"parts": parts, "products": parts @ parts.T, "penalty": 0.0}
    with np.errstate(all="ignore"):
        assert weights(parameters, np.full((1, 6), value)).shape == (1, 4)
