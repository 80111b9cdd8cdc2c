"""What the tests of the declaration share."""

from collections.abc import Callable

import pytest

from sqlite_ml_vtab.declaration import Declaration, parse


@pytest.fixture
def declare() -> Callable[..., Declaration]:
    """Declare a classification (or another task) of the given arguments, with a feature and a target beside."""

    def declare(*arguments: str, task: str = "classification") -> Declaration:
        return parse(task, "t", [*arguments, "other real", "class text target"])

    return declare
