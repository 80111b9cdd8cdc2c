"""Tasks without a target: each algorithm against the bare library, every form of asking, and whatever can go wrong."""

import json
import math

import numpy as np
import pytest
from asking import command, refusal, rows, value
from sklearn import cluster, covariance, decomposition, ensemble, metrics, mixture, neighbors, random_projection, svm
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sqlite_ml_vtab.declaration import TASKS
from sqlite_ml_vtab.learning.algorithms import ALGORITHMS

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

EVERY = [
    (task, name)
    for name, algorithm in ALGORITHMS.items()
    for task in algorithm.estimators
    if not TASKS[task].has_target
]
each = pytest.mark.parametrize(("task", "name"), EVERY, ids=map("-".join, EVERY))

LISTED = ("dbscan", "hdbscan", "agglomerative")
SAYS = {"clustering": "cluster, distance", "anomaly": "is_anomaly, anomaly_score", "projection": "pc1, pc2"}
HYPERPARAMS = {
    "dbscan": {"eps": 0.7},
    "isolation_forest": {"n_estimators": 20},
    "one_class_svm": {"nu": 0.2},
    "mean_shift": {"bandwidth": 1.5},
}
COUNTED = ("kmeans", "mini_batch_kmeans", "birch", "gaussian_mixture", "agglomerative")
SEEDED = {"random_state": 0}
BARE = {
    "kmeans": lambda: cluster.KMeans(3, **SEEDED),
    "mini_batch_kmeans": lambda: cluster.MiniBatchKMeans(3, **SEEDED),
    "birch": lambda: cluster.Birch(n_clusters=3),
    "gaussian_mixture": lambda: mixture.GaussianMixture(3, **SEEDED),
    "dbscan": lambda: cluster.DBSCAN(eps=0.7),
    "hdbscan": lambda: cluster.HDBSCAN(copy=True),
    "agglomerative": lambda: cluster.AgglomerativeClustering(3),
    "mean_shift": lambda: cluster.MeanShift(bandwidth=1.5),
    "affinity_propagation": lambda: cluster.AffinityPropagation(**SEEDED),
    "isolation_forest": lambda: ensemble.IsolationForest(n_estimators=20, **SEEDED),
    "local_outlier_factor": lambda: neighbors.LocalOutlierFactor(novelty=True),
    "one_class_svm": lambda: svm.OneClassSVM(nu=0.2),
    "elliptic_envelope": lambda: covariance.EllipticEnvelope(**SEEDED),
    "pca": lambda: decomposition.PCA(2, **SEEDED),
    "truncated_svd": lambda: decomposition.TruncatedSVD(2, **SEEDED),
    "nmf": lambda: decomposition.NMF(2, max_iter=1000, **SEEDED),
    "fast_ica": lambda: decomposition.FastICA(2, max_iter=1000, **SEEDED),
    "random_projection": lambda: random_projection.GaussianRandomProjection(2, **SEEDED),
}
"""What a user of scikit-learn would write, and fit on numbers that are scaled by scikit-learn too."""

SCALED = {"isolation_forest": None, "nmf": MinMaxScaler}


def numbers(count=90):
    """Return rows of three numbers in three clouds, and a few strays."""
    random = np.random.RandomState(3)
    matrix = random.normal(size=(count, 3)) + 6 * (np.arange(count) % 3)[:, None] * [1, 0.5, 0]
    matrix[::30] *= 3
    return matrix.round(4)


ASKED = (numbers()[:20] + 0.01).round(4)


def declare(db, task, name, columns="a REAL, b REAL, c REAL, k TEXT KEY", table="p"):
    options = f"algorithm={name}, hyperparams='{json.dumps(HYPERPARAMS.get(name, {}))}'"
    if name in COUNTED:
        options += ", clusters=3"
    db.execute(f"CREATE VIRTUAL TABLE {table} USING ml_{task}({columns}, {options})")


@pytest.fixture
def learned(db):
    """Return what declares p for a task and an algorithm and trains it on `numbers`; x holds what is asked."""
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, a, b, c)")
    db.executemany("INSERT INTO x(a, b, c) VALUES (?, ?, ?)", ASKED.tolist())

    def learned(task, name, table="p"):
        declare(db, task, name, table=table)
        db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", [(*row, f"k{i}") for i, row in enumerate(numbers())])
        command(db, "train", name=table)
        return db

    return learned


def bare(name):
    """Return the estimator of the bare library, fitted, with the matrix of the training rows and that of `ASKED`."""
    scaler = SCALED.get(name, StandardScaler)
    matrix, asked = numbers(), ASKED
    if scaler:
        scaled = scaler().fit(matrix)
        matrix, asked = scaled.transform(matrix), scaled.transform(asked)
    return BARE[name]().fit(matrix), matrix, asked


def says(estimator, matrix):
    """Return what the bare library says of new rows, as (n, 2): a cluster and its distance, an anomaly and its score."""
    if hasattr(estimator, "score_samples") and hasattr(estimator, "offset_"):
        return np.column_stack((estimator.predict(matrix) == -1, -estimator.score_samples(matrix)))
    if not hasattr(estimator, "predict"):
        return estimator.transform(matrix)
    named = estimator.predict(matrix)
    if hasattr(estimator, "transform"):
        return np.column_stack((named, estimator.transform(matrix).min(axis=1)))
    centres = estimator.means_ if hasattr(estimator, "means_") else estimator.cluster_centers_
    return np.column_stack((named, np.linalg.norm(matrix - centres[named], axis=1)))


def says_of_training(estimator, matrix):
    """Return the same of the rows it was fitted on."""
    if hasattr(estimator, "negative_outlier_factor_"):
        own = -estimator.negative_outlier_factor_
        return np.column_stack((own > -estimator.offset_, own))
    if not hasattr(estimator, "predict") and hasattr(estimator, "labels_"):
        return np.column_stack((estimator.labels_, np.full(len(matrix), np.nan)))
    return says(estimator, matrix)


def as_numbers(found):
    return np.array([[math.nan if value is None else value for value in row] for row in found], dtype=float)


TOLERANCE = {"nmf": 1e-4, "birch": 1e-7}
"""scikit-learn stops NMF's steps at a tolerance of 1e-4, and makes 6e-8 of a distance of 0; else 1e-9."""


def test_every_algorithm_is_compared_with_the_bare_library():
    assert BARE.keys() == {name for _, name in EVERY}
    assert {task for task, _ in EVERY} == SAYS.keys()


@each
def test_an_algorithm_says_what_the_bare_library_says(learned, task, name):
    db = learned(task, name)
    estimator, matrix, asked = bare(name)
    near = {"rtol": 0, "atol": TOLERANCE[name]} if name in TOLERANCE else {"rtol": 1e-9, "atol": 1e-9}
    found = as_numbers(rows(db, f"SELECT {SAYS[task]} FROM p ORDER BY rowid"))
    np.testing.assert_allclose(found, says_of_training(estimator, matrix), **near)
    if name not in LISTED:
        found = as_numbers(rows(db, f"SELECT {SAYS[task]} FROM x JOIN p(x.a, x.b, x.c) ORDER BY x.id"))
        np.testing.assert_allclose(found, says(estimator, asked), **near)


@each
def test_an_algorithm_has_its_portable_form(learned, task, name):
    scorer = "listed: no new rows" if name in LISTED else f"portable: {ALGORITHMS[name].family}"
    assert value(learned(task, name), "SELECT scorer FROM p_versions") == scorer


@each
def test_metrics_are_those_of_the_bare_library_over_the_training_rows(learned, task, name):
    db = learned(task, name)
    found = dict(rows(db, "SELECT name, value FROM p_metrics"))
    estimator, matrix, _ = bare(name)
    said = says_of_training(estimator, matrix)
    if task == "clustering":
        named = said[:, 0]
        expected = {
            "silhouette": metrics.silhouette_score(matrix, named),
            "davies_bouldin": metrics.davies_bouldin_score(matrix, named),
            "calinski_harabasz": metrics.calinski_harabasz_score(matrix, named),
            "clusters": len(set(named.tolist()) - {-1}),
            "noise": (named == -1).mean(),
        }
    elif task == "anomaly":
        expected = {"anomaly_share": said[:, 0].mean(), "threshold": -np.ravel(estimator.offset_)[0]}
    else:
        rebuilt = estimator.inverse_transform(said)
        shares = getattr(estimator, "explained_variance_ratio_", [])
        kept = metrics.r2_score(matrix, rebuilt, multioutput="variance_weighted")
        expected = {
            "explained_variance_ratio": sum(shares) if len(shares) else kept,
            "reconstruction_error": metrics.mean_squared_error(matrix, rebuilt) ** 0.5,
            **{f"explained_variance_ratio[pc{place}]": share for place, share in enumerate(shares, 1)},
        }
    assert found == pytest.approx(expected, rel=1e-6 if name == "nmf" else 1e-8)
    main = TASKS[task].main
    assert value(db, "SELECT score FROM p_versions") == (found[main] if main else None)


def forms(said):
    """Return by name every statement that asks about the rows of x, in the order of id."""
    asked = ", ".join(f"p.{name}" for name in said.split(", "))
    return {
        "positional": f"SELECT {asked} FROM x JOIN p(x.a, x.b, x.c) AS p ORDER BY x.id",
        "array": f"SELECT {asked} FROM x, p(json_array(x.a, x.b, x.c)) AS p ORDER BY x.id",
        "object": f"SELECT {asked} FROM x, p(json_object('C', x.c, 'b', x.b, 'a', x.a)) AS p ORDER BY x.id",
        "array of arrays": f"SELECT {said} FROM p((SELECT json_group_array(json_array(a, b, c)) FROM x)) ORDER BY rowid",
        "in": f"""SELECT {asked} FROM (SELECT features AS o, {said} FROM p WHERE features IN
            (SELECT json_array(a, b, c) FROM x)) AS p
            JOIN (SELECT id, json_array(a, b, c) AS o FROM x) AS x USING (o) ORDER BY x.id""",
        "source": f"SELECT {said} FROM p WHERE source = 'x' ORDER BY rowid",
        "source and version": f"SELECT {said} FROM p WHERE source = 'SELECT c, b, a FROM x' AND version = 1",
    }


@each
def test_all_forms_agree(learned, task, name):
    db = learned(task, name)
    db.execute("INSERT INTO x VALUES (21, NULL, 1, 2), (22, 1e6, -1e6, 0), (23, NULL, NULL, NULL)")
    if name in LISTED:
        for form, sql in forms("cluster").items():
            assert "ModelError: p: the algorithm of this version cannot place new rows; it gives" in refusal(db, sql), (
                form
            )
        return
    every = forms(f"{SAYS[task]}, warning")
    expected = rows(db, every["positional"])
    assert len(expected) == 23
    assert None not in [answer for row in expected for answer in row[:2]]
    for form, sql in every.items():
        found = rows(db, sql)
        assert [row[2] for row in found] == [row[2] for row in expected], form
        np.testing.assert_allclose(as_numbers(row[:2] for row in found), as_numbers(row[:2] for row in expected), 1e-9)
    scalar = [value for (value,) in rows(db, "SELECT ml_predict('p', a, b, c) FROM x ORDER BY id")]
    if task == "projection":
        assert [json.loads(one) for one in scalar] == [pytest.approx(row[:2], rel=1e-9) for row in expected]
    else:
        assert scalar == [row[0] for row in expected]


@each
def test_a_file_opened_again_answers_to_the_bit_alike_and_the_same_rows_give_the_same_model(connect, path, task, name):
    db = connect(path)
    for table in ("p", "q"):
        declare(db, task, name, table=table)
        db.executemany(f"INSERT INTO {table}(a, b, c) VALUES (?, ?, ?)", numbers().tolist())
        command(db, "train", name=table)
    assert value(db, "SELECT digest FROM p_models") == value(db, "SELECT digest FROM q_models")
    asks = f"SELECT rowid, *, {SAYS[task]}, warning FROM p"
    calls = "SELECT ml_predict('p', 1.5, 2, 3), ml_predict('p', NULL, 1, 1)"
    before = [rows(db, asks), None if name in LISTED else rows(db, calls)]
    again = connect(path)
    assert [rows(again, asks), None if name in LISTED else rows(again, calls)] == before


MIXED = "n REAL, i INTEGER, c TEXT, d DATE, z, w WORDS"


def mixed(count=80):
    """Return rows of every kind of column, with NULLs in all of them."""
    found = []
    for i in range(count):
        row = [
            i % 7 / 3,
            i % 11,
            "rgb"[i % 3],
            f"20{10 + i % 15}-0{1 + i % 9}-15",
            i * 1.5 % 13,
            f"word{i % 4} and {i % 9}",
        ]
        if i % 5 == 4:
            row[i % 6] = None
        found.append(row)
    return found


@each
def test_every_kind_of_column_null_and_what_was_never_seen_is_taken(db, task, name):
    declare(db, task, name, MIXED)
    db.executemany("INSERT INTO p VALUES (?, ?, ?, ?, ?, ?)", mixed())
    command(db, "train")
    assert rows(db, "SELECT count(*), count(cluster) FROM p") == [(80, 80)] if task == "clustering" else True
    if name not in LISTED:
        [answer] = rows(
            db, f"SELECT {SAYS[task]}, warning FROM p(json_array(NULL, 1e5, 'unseen', NULL, NULL, 'new word'))"
        )
        assert None not in answer[:2]
        assert "c: 'unseen' was not seen in training" in answer[2]
        assert rows(db, f"SELECT {SAYS[task]} FROM p(json_array(NULL, NULL, NULL, NULL, NULL, NULL))") != []


@each
def test_a_column_of_very_many_categories_is_told_apart_by_the_commonest(db, task, name):
    declare(db, task, name, "a REAL, c TEXT")
    db.executemany("INSERT INTO p VALUES (?, ?)", [(i % 9, f"c{i % 40}") for i in range(120)])
    command(db, "train")
    note = "only the 30 commonest values of column 'c' are told apart"
    assert note in json.loads(value(db, "SELECT notes FROM p_versions"))


SMALL = {
    "no rows": ([], "TrainingError: p: there is no row. Insert rows first: INSERT INTO ... SELECT ... FROM ..."),
    "one row": ([(1.0, 2.0)], ""),
    "two rows": ([(1.0, 2.0), (3.0, 5.0)], ""),
    "rows all alike": ([(1.0, 2.0)] * 12, ""),
    "a column that never changes": ([(i * i % 7, 5.0) for i in range(20)], ""),
    "the largest numbers": ([((i * 7 % 12 - 6) * 1e37, i % 5) for i in range(24)], ""),
    "NULL alone": (
        [(None, None)] * 5,
        "TrainingError: p: every feature is NULL in every row. Insert rows with values.",
    ),
    "beyond what can be computed": (
        [(1e39, 1.0), (1.0, 2.0)],
        "TrainingError: p: column 'a' holds 1e+39 in row 1, too large to learn from. "
        "Store it in a larger unit, or NULL.",
    ),
}


@each
@pytest.mark.parametrize("size", SMALL)
def test_few_rows_give_a_model_or_a_sentence(db, task, name, size):
    points, sentence = SMALL[size]
    db.execute(f"CREATE VIRTUAL TABLE p USING ml_{task}(a REAL, b REAL, algorithm={name})")
    db.executemany("INSERT INTO p VALUES (?, ?)", points)
    train = "INSERT INTO p(p) VALUES ('train')"
    try:
        db.execute(train)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        assert said == sentence or (not sentence and said.startswith("TrainingError: p: "))
        assert rows(db, "SELECT * FROM p_versions") == []
        return
    assert not sentence
    found = rows(db, f"SELECT {SAYS[task]} FROM p")
    assert len(found) == len(points)
    assert None not in [row[0] for row in found]


@each
def test_one_feature_is_enough_or_there_is_a_sentence(db, task, name):
    db.execute(f"CREATE VIRTUAL TABLE p USING ml_{task}(a REAL, algorithm={name})")
    db.executemany("INSERT INTO p VALUES (?)", [(i * i % 17,) for i in range(40)])
    if task == "projection":
        assert refusal(db, "INSERT INTO p(p) VALUES ('train')") == (
            "TrainingError: p: components is 2, and the features become 1 column of numbers. "
            "Create the table with fewer components, or with more features."
        )
        db.execute(f"DROP TABLE p; CREATE VIRTUAL TABLE p USING ml_{task}(a REAL, algorithm={name}, components=1)")
        db.executemany("INSERT INTO p VALUES (?)", [(i * i % 17,) for i in range(40)])
    if name == "truncated_svd":
        assert "with 1 feature(s) (shape=(40, 1)) while a minimum of 2 is required by TruncatedSVD." in refusal(
            db, "INSERT INTO p(p) VALUES ('train')"
        )
        return
    command(db, "train")
    said = SAYS[task].split(", ")[0]
    assert rows(db, f"SELECT count({said}) FROM p") == [(40,)]
    if name not in LISTED:
        assert value(db, f"SELECT {said} FROM p(3.5)") is not None
