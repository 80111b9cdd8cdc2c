"""What the tests of the portable model share: one small model of each family, and blobs with a true checksum."""

import hashlib
import warnings

import numpy as np
import orjson
import pytest

from sqlite_ml_vtab.portable import LISTED, Conformal, Golden, Model, Pattern, codec
from sqlite_ml_vtab.portable.encoder import ColumnEncoding, Encoder
from sqlite_ml_vtab.portable.families import FAMILIES
from sqlite_ml_vtab.portable.pattern import row_digest
from sqlite_ml_vtab.portable.values import ONE


def _estimators():
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import GradientBoostingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import BernoulliNB, GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    members = [("a", LogisticRegression()), ("b", KNeighborsClassifier(3))]
    return {
        "bayes": GaussianNB(),
        "combined": VotingClassifier(members, voting="soft"),
        "constant": DummyClassifier(),
        "discriminant": QuadraticDiscriminantAnalysis(reg_param=0.1),
        "events": BernoulliNB(),
        "kernel": SVC(),
        "linear": LogisticRegression(),
        "mlp": MLPClassifier((4,), max_iter=5, random_state=0),
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


CURVE = Encoder(
    columns=(
        ColumnEncoding("size", "NUMBER", ("value",), low=-1.0, high=1.0),
        ColumnEncoding("colour", "CATEGORY", categories=("blue", "red"), table=np.zeros((4, 0))),
        ColumnEncoding("day", "DATE"),
        ColumnEncoding("empty", "NUMBER"),
    ),
    fill=np.array([0.5]),
    centre=np.array([0.1]),
    scale=np.array([2.0]),
)
"""The same columns, of which only the first counts: an isotonic curve has one feature."""


CODES = Encoder(
    columns=(
        ColumnEncoding("size", "NUMBER", ("code",), edges=np.array([-0.5, 0.25, 0.5]), low=-1.0, high=1.0),
        ColumnEncoding("colour", "WORDS", categories=("green", "red"), idf=np.array([1.5, 1.0]), table=np.eye(2)),
        ColumnEncoding("day", "DATE", ("code",), edges=np.array([1e5]), low=0.0, high=86400.0),
        ColumnEncoding("empty", "NUMBER"),
    ),
    fill=np.zeros(4),
    centre=np.zeros(4),
    scale=np.ones(4),
)
"""The same columns as words and bins."""


def _model(family, estimator, encoder=ENCODER):
    random = np.random.RandomState(0)
    matrix, classes = random.normal(size=(40, encoder.width)), np.arange(40) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = FAMILIES[family].extract(estimator.fit(matrix, classes))
    golden = Golden(ROWS[:1], ((0.5, 0.25, 0.125),))
    costs = np.empty((0, 0))
    conformal = Conformal(0.25)
    return Model("classification", encoder, ("a", 2, 2.5), family, parameters, golden, costs, conformal=conformal)


def _curve():
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.isotonic import IsotonicRegression

    x = np.random.RandomState(0).normal(size=40)
    # Trees over the one column and the number behind it, so that tampering reaches them too.
    hard = RandomForestRegressor(2, max_depth=2, random_state=0).fit(np.column_stack((x, x**3)), np.abs(x))
    difficulty = FAMILIES["trees"].extract(hard) | {"baseline": np.ones(1)}
    parameters = FAMILIES["isotonic"].extract(IsotonicRegression(out_of_bounds="clip").fit(x, x**3))
    golden = Golden(ROWS[:1], ((0.5,),))
    return Model(
        "regression", CURVE, (), "isotonic", parameters, golden, np.empty((0, 0)), conformal=Conformal(1.0, difficulty)
    )


def _pattern(task, family, estimator, pattern):
    """Return a model without a target, over the same columns."""
    matrix = np.abs(np.random.RandomState(0).normal(size=(40, ENCODER.width)))
    parameters = {"link": "none"} if family == LISTED else FAMILIES[family].extract(estimator.fit(matrix))
    labels = (0, 1, 2) if family == "centres" else ()
    golden = Golden((), ()) if family == LISTED else Golden(ROWS[:1], ((0.5,) * (len(labels) or pattern.outputs),))
    return Model(task, ENCODER, labels, family, parameters, golden, np.empty((0, 0)), pattern=pattern)


IDS = np.array([-5, 1, 2, 2**62], dtype="<i8")
READ = [ONE[column.kind](column.name, value) for column, value in zip(ENCODER.columns, ROWS[0], strict=True)]
DIGESTS = np.full(4, row_digest(READ), dtype="<i8")
"""The four rows that are kept were all like the first of ROWS."""


def _patterns():
    from sklearn.cluster import KMeans
    from sklearn.covariance import EllipticEnvelope
    from sklearn.decomposition import NMF
    from sklearn.neighbors import LocalOutlierFactor

    kept = Pattern(1, 1.5, IDS, np.array([1.0, 2.0, 1.25, 1.5]), DIGESTS)
    return {
        "centres": _pattern("clustering", "centres", KMeans(3, random_state=0), Pattern()),
        "density": _pattern("anomaly", "density", LocalOutlierFactor(5, novelty=True), kept),
        "quadratic": _pattern("anomaly", "quadratic", EllipticEnvelope(random_state=0), Pattern(threshold=9.5)),
        "nonnegative": _pattern("projection", "nonnegative", NMF(2), Pattern(2)),
    }


@pytest.fixture(scope="session")
def listed():
    """A model that knows the clusters of four rows, the last one noise, and no others."""
    return _pattern("clustering", LISTED, None, Pattern(1, 0.0, IDS, np.array([0.0, 1.0, 1.0, -1.0]), DIGESTS))


@pytest.fixture(scope="session")
def models():
    """One model for each family over the same four columns: of three classes, or of a number where it is a curve."""
    found = {family: _model(family, estimator) for family, estimator in _estimators().items()}
    return found | {"isotonic": _curve()} | _patterns()


@pytest.fixture(params=[*sorted(FAMILIES), "words"])
def model(request, models):
    """The model of each family in turn, and a linear one over words and bins; a family without one fails here."""
    if request.param == "words":
        return _model("linear", _estimators()["linear"], CODES)
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
