"""SPACES: every algorithm has one, all of it legal; and how a written space is read."""

import pytest
from needs import with_target

from sqlite_ml_vtab.errors import CommandError, DeclarationError
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS, check_hyperparams
from sqlite_ml_vtab.learning.search.spaces import Choice, Range, default_space, draw, grid, read_space

PAIRS = [(name, task) for name in ALGORITHMS for task in with_target(name)]


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_every_algorithm_has_a_space_and_every_end_of_it_is_legal(name, task):
    space = default_space(name, task, ALGORITHMS)
    assert space
    for param, where in space.items():
        ends = (where.at(0.0), where.at(1.0)) if isinstance(where, Range) else where.values
        for value in ends:
            check_hyperparams(name, task, ALGORITHMS, {param: value})


def read(written, name="random_forest", task="classification"):
    return read_space(name, task, ALGORITHMS, written)


def test_a_list_is_a_choice_and_an_object_a_range():
    space = read(
        {
            "max_depth": [2, None],
            "n_estimators": {"low": 10, "high": 100, "log": True},
            "max_features": {"low": 0.5, "high": 1.0},
        }
    )
    assert space == {
        "max_depth": Choice((2, None)),
        "n_estimators": Range(10, 100, True, True),
        "max_features": Range(0.5, 1.0, False, False),
    }


@pytest.mark.parametrize("written", [None, {}, [], 3, "x"])
def test_a_space_is_an_object(written):
    with pytest.raises(
        CommandError, match=r"^option 'space' takes a JSON object of hyperparameter to a list or a range"
    ):
        read(written)


@pytest.mark.parametrize(
    "where",
    [
        *(3, "x", [], {}, {"low": 1}, {"low": 2, "high": 1}, {"low": 1, "high": 1}, {"low": 0, "high": 1, "log": True}),
        *({"low": True, "high": 3}, {"low": 1, "high": 2, "log": 1}, {"low": 1, "high": 2, "step": 1}),
        {"low": 1, "high": float("inf")},
    ],
)
def test_what_is_neither_is_refused_by_name(where):
    with pytest.raises(CommandError, match=r"^the space of 'max_depth' is a list of values or a range, got "):
        read({"max_depth": where})


def test_each_end_and_value_is_checked_by_the_estimator():
    with pytest.raises(DeclarationError, match=r"^hyperparameter 'n_estimators' of 'random_forest' must be "):
        read({"n_estimators": {"low": 0, "high": 10}})
    with pytest.raises(DeclarationError, match=r"^hyperparameter 'max_depth' of 'random_forest' must be "):
        read({"max_depth": [2, "deep"]})
    with pytest.raises(DeclarationError, match=r"^algorithm 'random_forest' has no hyperparameter 'depth'\. "):
        read({"depth": [2]})


def test_a_range_keeps_within_its_ends():
    assert [Range(1, 100, log=True, whole=True).at(share) for share in (0.0, 0.5, 1.0)] == [1, 10, 100]
    assert [Range(0.1, 0.3).at(share) for share in (0.0, 1.0)] == [0.1, 0.3]
    assert Range(1, 1000, log=True).points() == (1.0, 10.0, 100.0, 1000.0)
    assert Range(1, 2, whole=True).points() == (1, 2)


def test_a_draw_depends_on_its_seed_and_number_alone():
    space = {"a": Range(0.0, 1.0), "b": Choice(("x", "y", "z"))}
    assert draw(space, 1, 2) == draw(dict(reversed(space.items())), 1, 2)
    assert len({draw(space, 1, number)["a"] for number in range(50)}) == 50
    assert {draw(space, 1, number)["b"] for number in range(50)} == {"x", "y", "z"}


def test_a_grid_has_every_combination():
    space = {"a": Choice((1, 2)), "b": Choice(("x", "y"))}
    expected = [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]
    assert grid(space, None) == expected
    assert grid(space, 3) == expected[:3]
    with pytest.raises(CommandError, match=r"^the grid has 1024 points, more than 1000\. "):
        grid({str(place): Range(0.0, 1.0) for place in range(5)}, None)
