"""What the tests of the portable model share: one small model of each family, and blobs with a true checksum."""

import hashlib
import math

import numpy as np
import orjson
import pytest

from sqlite_ml_vtab.portable import Golden, Model, codec
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.families import FAMILIES


def _estimators():
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier

    return {
        "bayes": GaussianNB(),
        "constant": DummyClassifier(),
        "linear": LogisticRegression(),
        "neighbors": KNeighborsClassifier(),
        "trees": GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0),
    }


ENCODER = Encoder(
    columns=(
        ColumnEncoding("size", "NUMBER", ("value", "missing"), low=-1.0, high=1.0),
        ColumnEncoding("colour", "CATEGORY", categories=("blue", "red"), table=np.eye(4)[:, [0, 1]]),
        ColumnEncoding("day", "DATE", ("year", "days"), low=0.0, high=86400.0),
        ColumnEncoding("empty", "NUMBER"),
    ),
    fill=np.array([0.5, np.nan, np.nan, np.nan, 1970.0, 0.5]),
    centre=np.array([0.1, 0.0, 0.0, 0.0, 1970.0, 0.0]),
    scale=np.array([2.0, 1.0, 1.0, 1.0, 4.0, 1.0]),
)
ROWS = ((0.25, "red", "1970-01-01 12:00:00", None), (None, None, None, None), (-1, "green", 1717158600, 3))


def _model(family, estimator):
    random = np.random.RandomState(0)
    matrix, classes = random.normal(size=(40, ENCODER.width)), np.arange(40) % 3
    parameters = FAMILIES[family].extract(estimator.fit(matrix, classes))
    golden = Golden(ROWS[:1], ((0.5, 0.25, 0.125),))
    return Model("classification", ENCODER, ("a", 2, 2.5), family, parameters, math.nan, golden)


@pytest.fixture(scope="session")
def models():
    """One classifier of three classes for each family, over the same four columns."""
    return {family: _model(family, estimator) for family, estimator in _estimators().items()}


@pytest.fixture(params=sorted(FAMILIES))
def model(request, models):
    """The model of each family in turn; a family without one fails here."""
    return models[request.param]


@pytest.fixture(scope="session")
def rows():
    """Feature values that every model of `models` takes: known, NULL, unseen and out of range."""
    return ROWS


@pytest.fixture(scope="session")
def seal():
    """Bytes with a true checksum around a header (a tree, or its text) and the bytes of its arrays."""

    def seal(header, arrays=b"", number=codec.FORMAT):
        text = header if isinstance(header, bytes) else orjson.dumps(header)
        body = codec.MAGIC + number.to_bytes(4, "little") + len(text).to_bytes(4, "little") + text
        body += bytes(-len(body) % 8) + arrays
        return body + hashlib.sha256(body).digest()

    return seal


@pytest.fixture(scope="session")
def unseal():
    """The header's tree and the bytes of the arrays of a blob."""

    def unseal(blob):
        stop = 16 + int.from_bytes(blob[12:16], "little")
        return orjson.loads(blob[16:stop]), blob[stop + -stop % 8 : -32]

    return unseal
