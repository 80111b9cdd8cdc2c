"""Clusters, anomalies and components in daily use: their columns, versions and commands, and what is refused."""

import json
import math

import apsw
import numpy as np
import pytest
from asking import command, refusal, rows, value
from sklearn.base import BaseEstimator, ClusterMixin, OutlierMixin, TransformerMixin

import sqlite_ml_vtab

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

CLOUDS = [(i % 3 * 10 + i % 7 / 7, i % 3 * 5 + i % 5 / 5, f"row {i}") for i in range(60)]
TRAIN = "INSERT INTO p(p) VALUES ('train')"


def declare(db, task, more="", table="p"):
    db.execute(f"CREATE VIRTUAL TABLE {table} USING ml_{task}(a REAL, b REAL, k TEXT KEY{more})")


def fill(db, table="p", points=CLOUDS):
    db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", points)


@pytest.fixture
def clusters(db):
    """Sixty rows in three clouds, clustered."""
    declare(db, "clustering")
    fill(db)
    command(db, "train")
    return db


def test_the_columns_of_a_task_are_hidden_so_that_rows_are_inserted_as_they_are_selected(db):
    for task, says in {
        "clustering": ["cluster", "distance"],
        "anomaly": ["is_anomaly", "anomaly_score"],
        "projection": ["pc1", "pc2", "pc3"],
    }.items():
        declare(db, task, ", components=3" if task == "projection" else "", table=task)
        hidden = [name for name, hidden in rows(db, f"SELECT name, hidden FROM pragma_table_xinfo('{task}')") if hidden]
        assert hidden == [
            *("features", "arg2", "too_many_arguments", *says, "warning", "version", "source", task, "options")
        ]
        db.execute(f"CREATE TABLE {task}_source(a, b, k); INSERT INTO {task}_source VALUES (1, 2, 'x')")
        db.execute(f"INSERT INTO {task} SELECT * FROM {task}_source")
        assert rows(db, f"SELECT * FROM {task}") == [(1.0, 2.0, "x")]


def test_a_table_without_options_finds_the_clouds_and_says_how_many(clusters):
    assert rows(clusters, "SELECT algorithm, score, baseline FROM p_versions") == [
        ("kmeans", pytest.approx(0.93, abs=0.02), None)
    ]
    assert json.loads(value(clusters, "SELECT notes FROM p_versions")) == [
        "clusters is 3, the best of 2 to 10 by silhouette; write clusters=... to have another"
    ]
    assert rows(clusters, "SELECT count(DISTINCT cluster), count(*) FROM p") == [(3, 60)]
    together = rows(clusters, "SELECT group_concat(DISTINCT (rowid - 1) % 3) FROM p GROUP BY cluster")
    assert sorted(together) == [("0",), ("1",), ("2",)]


def test_what_a_model_says_of_stored_rows_can_be_filtered_sorted_and_joined(clusters):
    assert value(clusters, "SELECT count(*) FROM p WHERE cluster = (SELECT cluster FROM p(0, 0))") == 20
    farthest = value(clusters, "SELECT max(distance) FROM p")
    assert rows(clusters, "SELECT distance FROM p ORDER BY distance DESC LIMIT 1") == [(farthest,)]
    assert rows(clusters, "SELECT p.cluster = q.cluster, p.k FROM p JOIN p(p.a, p.b) AS q WHERE p.rowid = 7") == [
        (1, "row 6")
    ]
    assert rows(clusters, "SELECT warning, version, source, features FROM p WHERE rowid = 1") == [(None,) * 4]


def test_before_the_first_training_stored_rows_have_no_cluster(db):
    declare(db, "clustering")
    fill(db)
    assert len(rows(db, "SELECT *, rowid FROM p")) == 60
    sentence = "ModelError: p: no trained model. Run: INSERT INTO p(p) VALUES ('train')."
    assert refusal(db, "SELECT cluster FROM p") == sentence
    assert refusal(db, "SELECT cluster FROM p(1, 2)") == sentence


@pytest.mark.parametrize("algorithm", ["kmeans", "dbscan"])
def test_rows_are_inserted_changed_and_deleted_as_on_any_table(db, algorithm):
    declare(db, "clustering", f", algorithm={algorithm}")
    fill(db)
    db.execute("UPDATE p SET a = a + 1 WHERE rowid = 1")
    command(db, "train")
    was = value(db, "SELECT cluster FROM p WHERE rowid = 3")
    db.execute("UPDATE p SET k = 'renamed' WHERE rowid = 3; UPDATE p SET rowid = 99 WHERE rowid = 4")
    assert rows(db, "SELECT k, cluster FROM p WHERE rowid = 3") == [("renamed", was)]
    db.execute("INSERT INTO p VALUES (0, 0, 'new'); DELETE FROM p WHERE rowid = 5")
    new = rows(db, "SELECT cluster IS NULL FROM p WHERE k = 'new' OR rowid = 99")
    assert new == [(int(algorithm == "dbscan"),)] * 2
    db.execute("UPDATE p SET k = 'many', b = b WHERE cluster = ?", (was,))
    assert value(db, "SELECT count(*) FROM p WHERE k = 'many'") > 10


@pytest.mark.parametrize("algorithm", ["dbscan", "hdbscan", "agglomerative"])
def test_a_row_that_takes_the_place_of_another_does_not_take_its_cluster(db, algorithm):
    declare(db, "clustering", f", algorithm={algorithm}")
    fill(db)
    command(db, "train")
    db.execute("UPDATE p SET a = 500 WHERE rowid = 1; DELETE FROM p WHERE rowid = 60")
    db.execute("INSERT INTO p(a, b) VALUES (500, 500)")
    gone = "the row is not as it was trained on, and has no cluster"
    assert rows(db, "SELECT rowid, cluster, distance FROM p WHERE cluster IS NULL") == [
        (1, None, None),
        (60, None, None),
    ]
    assert [row[0].endswith(gone) for row in rows(db, "SELECT warning FROM p WHERE warning IS NOT NULL")] == [True] * 2
    db.execute("UPDATE p SET a = ? WHERE rowid = 1", (CLOUDS[0][0],))
    assert rows(db, "SELECT cluster IS NULL, warning FROM p WHERE rowid = 1") == [(0, None)]


def test_rows_of_a_view_that_have_moved_have_no_cluster_of_another(db):
    db.execute("CREATE TABLE s(id INTEGER PRIMARY KEY, a, b, k, d)")
    db.executemany("INSERT INTO s(a, b, k, d) VALUES (?, ?, ?, '2024-01-31')", CLOUDS)
    db.execute("CREATE VIEW v AS SELECT a, b, k, d FROM s")
    db.execute(
        "CREATE VIRTUAL TABLE p USING ml_clustering(content='v', algorithm=dbscan, a, b REAL, k CATEGORY, d DATE)"
    )
    command(db, "train")
    before = dict(rows(db, "SELECT k, cluster FROM p"))
    assert None not in before.values()
    db.execute("DELETE FROM s WHERE id = 30")
    after = rows(db, "SELECT k, cluster, warning FROM p")
    assert [cluster for _, cluster, _ in after] == [before[name] for name, *_ in after[:29]] + [None] * 30
    said = "the row is not as it was trained on, and has no cluster"
    assert [warning.endswith(said) for *_, warning in after[29:]] == [True] * 30


@pytest.mark.parametrize("change", ["cluster = 1", "distance = 0.5", "warning = 'x'", "cluster = 1, a = 2"])
def test_what_a_model_says_cannot_be_stored(clusters, change):
    name = change.partition(" ")[0]
    sentence = f"InputError: p: column '{name}' is computed and cannot be stored. Leave it out."
    assert refusal(clusters, f"UPDATE p SET {change} WHERE rowid = 1") == sentence
    assert refusal(clusters, f"INSERT INTO p(a, {name}) VALUES (1, 1)") == sentence


def test_noise_is_the_cluster_minus_one_and_every_row_of_it_is_told(db):
    declare(db, "clustering", """, algorithm=dbscan, hyperparams='{"eps": 0.2}'""")
    fill(db)
    db.execute("INSERT INTO p VALUES (500, -500, 'far')")
    command(db, "train")
    assert rows(db, "SELECT k, cluster, distance FROM p WHERE cluster = -1") == [("far", -1, None)]
    command(db, "train", {"hyperparams": {"eps": 1e-9}, "deploy": True})
    assert "every row is noise: dbscan found no cluster; change its hyperparams" in value(
        db, "SELECT notes FROM p_versions WHERE version = 2"
    )


def test_a_version_can_be_asked_of_stored_rows_too(clusters):
    command(clusters, "train", {"clusters": 2, "deploy": False})
    counts = "SELECT count(DISTINCT cluster), max(version) FROM p WHERE version = ?"
    assert [rows(clusters, counts, (number,)) for number in (1, 2)] == [[(3, 1)], [(2, 2)]]
    assert rows(clusters, "SELECT count(*) FROM p WHERE version = 2 AND rowid = 5") == [(1,)]
    assert refusal(clusters, counts, (3,)) == "ModelError: p: no version 3. Versions: 1, 2."


def test_the_greater_silhouette_is_deployed_and_commands_work_as_for_every_predictor(clusters):
    assert command(clusters, "train", {"clusters": 7}) == 2
    assert "not deployed: score" in value(clusters, "SELECT notes FROM p_versions WHERE version = 2")
    deployed = "SELECT version, algorithm FROM ml_versions('p') WHERE deployed"
    command(clusters, "train", {"algorithm": "agglomerative", "deploy": True})
    assert rows(clusters, deployed) == [(3, "agglomerative")]
    command(clusters, "rollback")
    command(clusters, "rebuild", {"version": 3})
    command(clusters, "rebuild")
    command(clusters, "forget", {"version": 3})
    assert rows(clusters, deployed) == [(1, "kmeans")]
    command(clusters, "clear")
    assert rows(clusters, "SELECT cluster FROM p") == []
    assert value(clusters, "SELECT cluster FROM p(0, 0)") in (0, 1, 2)


@pytest.mark.parametrize("algorithm", ["dbscan", "kmeans"])
def test_a_version_whose_rows_have_changed_is_not_rebuilt(db, algorithm):
    declare(db, "clustering", f", algorithm={algorithm}")
    fill(db)
    command(db, "train")
    command(db, "rebuild")
    db.execute("UPDATE p SET a = 3 WHERE rowid = 9")
    assert "the rows of version 1 have changed" in refusal(db, "INSERT INTO p(p) VALUES ('rebuild')")


def test_a_declared_number_of_clusters_belongs_to_algorithms_that_take_one(db):
    declare(db, "clustering", ", clusters=5")
    fill(db)
    for algorithm, count in (("birch", 5), ("mean_shift", None), ("hdbscan", None), ("agglomerative", 5)):
        command(db, "train", {"algorithm": algorithm, "deploy": True})
        assert value(db, "SELECT options ->> 'clusters' FROM p_versions ORDER BY version DESC LIMIT 1") == count
        command(db, "rebuild")


@pytest.mark.parametrize("algorithm", ["kmeans", "birch"])
def test_fewer_clusters_than_were_asked_for_are_told(db, algorithm):
    declare(db, "clustering", f", clusters=4, algorithm={algorithm}")
    fill(db, points=[(i % 3 * 10, 0, None) for i in range(30)])
    command(db, "train")
    assert json.loads(value(db, "SELECT notes FROM p_versions")) == [
        f"4 clusters were asked for, and {algorithm} finds 3 in these rows"
    ]


def test_the_newest_anomalies_are_deployed_for_nothing_tells_which_are_better(db):
    declare(db, "anomaly")
    fill(db)
    command(db, "train")
    command(db, "train", {"contamination": 0.1})
    assert rows(db, "SELECT version, score, reason FROM ml_deployments('p') JOIN p_versions USING (version)") == [
        (1, None, "train: first version"),
        (2, None, "train: not tested"),
    ]


@pytest.mark.parametrize(
    "algorithm", ["isolation_forest", "local_outlier_factor", "elliptic_envelope", "one_class_svm"]
)
def test_contamination_is_the_share_of_anomalies(db, algorithm):
    random = np.random.RandomState(0)
    declare(db, "anomaly", f", algorithm={algorithm}, contamination=0.1")
    fill(db, points=[(*point, None) for point in random.normal(size=(200, 2)).tolist()])
    db.execute("INSERT INTO p VALUES (30, -30, 'far')")
    command(db, "train")
    assert value(db, "SELECT avg(is_anomaly) FROM p") == pytest.approx(0.1, abs=0.02)
    assert rows(db, "SELECT k FROM p ORDER BY anomaly_score DESC LIMIT 1") == [("far",)]
    assert rows(db, "SELECT is_anomaly FROM p(50, 50)") == [(1,)]
    assert value(db, "SELECT ml_predict('p', 0, 0)") == 0
    found, least = (
        rows(db, "SELECT value FROM p_metrics"),
        value(db, "SELECT min(anomaly_score) FROM p WHERE is_anomaly"),
    )
    assert least > dict(rows(db, "SELECT name, value FROM p_metrics"))["threshold"]
    assert len(found) == 2


def test_rows_that_are_all_alike_are_no_anomalies_whatever_their_share(db):
    declare(db, "anomaly", ", contamination=0.3")
    fill(db, points=[(1, 1, None)] * 30)
    command(db, "train")
    assert value(db, "SELECT sum(is_anomaly) FROM p") == 0


def test_a_row_that_was_trained_on_is_not_its_own_neighbour(db):
    declare(db, "anomaly", ", algorithm=local_outlier_factor")
    fill(db)
    db.execute("INSERT INTO p VALUES (100, 100, 'far')")
    command(db, "train")
    own, new = (
        rows(db, "SELECT anomaly_score FROM p WHERE k = 'far'"),
        rows(db, "SELECT anomaly_score FROM p(100, 100)"),
    )
    assert own[0][0] > 1.01 * new[0][0]
    db.execute("UPDATE p SET a = 100, b = 100 WHERE rowid = 1")
    changed = rows(db, "SELECT anomaly_score, is_anomaly, warning FROM p WHERE rowid = 1")
    assert changed == [(new[0][0], 1, "the row is not as it was trained on, and is answered as a new one")]


def test_probabilities_of_a_mixture_are_told_by_cluster(db):
    declare(db, "clustering", ", algorithm=gaussian_mixture, clusters=3")
    fill(db)
    command(db, "train")
    chances = json.loads(value(db, "SELECT ml_predict_proba('p', 0, 0)"))
    assert list(chances) == ["0", "1", "2"]
    assert math.isclose(sum(chances.values()), 1.0)
    assert chances[str(value(db, "SELECT ml_predict('p', 0, 0)"))] == max(chances.values())
    command(db, "train", {"algorithm": "kmeans", "deploy": True})
    assert value(db, "SELECT ml_predict_proba('p', 0, 0)") is None


def test_a_projection_becomes_the_features_of_another_predictor_through_a_view(iris):
    iris.execute("""
        CREATE VIRTUAL TABLE flat USING ml_projection(
          sepal_length REAL, sepal_width REAL, petal_length REAL, petal_width REAL, class TEXT KEY, components=3);
        INSERT INTO flat SELECT * FROM iris;
        INSERT INTO flat(flat) VALUES ('train');
        CREATE VIEW seen AS SELECT pc1, pc2, pc3, class FROM flat;
        CREATE VIRTUAL TABLE kind USING ml_classification(
          pc1 REAL, pc2 REAL, pc3 REAL, class TEXT TARGET, algorithm=logistic_regression);
        INSERT INTO kind SELECT * FROM seen;
        INSERT INTO kind(kind) VALUES ('train')""")
    assert value(iris, "SELECT score FROM kind_versions") > 0.85
    asked = """SELECT kind.class FROM flat(5.1, 3.5, 1.4, 0.2) AS flat
        JOIN kind(flat.pc1, flat.pc2, flat.pc3) AS kind"""
    assert rows(iris, asked) == [("setosa",)]
    right = "SELECT avg(k.class = seen.class) FROM seen JOIN kind(seen.pc1, seen.pc2, seen.pc3) AS k"
    assert value(iris, right) > 0.9
    assert value(iris, "SELECT count(*) FROM kind WHERE source = 'seen'") == 150


@pytest.mark.parametrize("name", ["pca", "truncated_svd", "nmf", "fast_ica", "random_projection"])
def test_more_components_than_columns_of_numbers_are_refused(db, name):
    declare(db, "projection", f", components=5, algorithm={name}")
    fill(db)
    assert refusal(db, TRAIN) == (
        "TrainingError: p: components is 5, and the features become 2 columns of numbers. "
        "Create the table with fewer components, or with more features."
    )


def test_a_rolled_back_training_leaves_nothing(clusters):
    before = rows(clusters, "SELECT rowid, cluster, distance FROM p")
    clusters.execute("BEGIN")
    clusters.execute("DELETE FROM p WHERE rowid > 30")
    command(clusters, "train", {"algorithm": "dbscan", "deploy": True})
    assert value(clusters, "SELECT count(cluster) FROM p") == 30
    clusters.execute("ROLLBACK")
    assert rows(clusters, "SELECT rowid, cluster, distance FROM p") == before
    assert rows(clusters, "SELECT version FROM p_versions") == [(1,)]
    assert refusal(clusters, "INSERT INTO p(p, options) VALUES ('train', '{\"clusters\": 99}')").startswith("Training")
    assert rows(clusters, "SELECT version FROM p_versions") == [(1,)]


def test_a_model_of_another_task_or_another_number_of_components_is_not_believed(db):
    declare(db, "projection")
    declare(db, "projection", ", components=1", table="q")
    declare(db, "anomaly", table="r")
    for table in "pqr":
        fill(db, table)
        command(db, "train", name=table)
    for table in "qr":
        db.execute(f"UPDATE p_models SET (digest, model) = (SELECT digest, model FROM {table}_models)")
        assert "the model of version 1 was trained for other columns" in refusal(db, "SELECT pc1 FROM p(1, 2)")
        assert "the model of version 1 was trained for other columns" in refusal(db, "SELECT pc1 FROM p")
    db.execute("UPDATE p_models SET digest = 'x', model = zeroblob(9)")
    assert "does not match its digest" in refusal(db, "SELECT pc1 FROM p")
    assert value(db, "PRAGMA integrity_check").startswith("p: the model of version 1 is damaged.")
    command(db, "rebuild")


def test_a_weight_counts_where_the_algorithm_takes_weights(db):
    declare(db, "clustering", ", clusters=1, w REAL WEIGHT")
    db.executemany("INSERT INTO p VALUES (?, ?, NULL, ?)", [(0, 0, 0.0), (0, 0, 0.0), (8, 8, 1.0), (8, 8, 1.0)])
    command(db, "train")
    assert value(db, "SELECT distance FROM p(8, 8)") == pytest.approx(0.0)
    assert refusal(db, "INSERT INTO p(p, options) VALUES ('train', '{\"algorithm\": \"gaussian_mixture\"}')") == (
        "TrainingError: p: algorithm 'gaussian_mixture' takes no weights. "
        "Leave out the WEIGHT column and class_weight, or use another algorithm."
    )


@pytest.mark.parametrize(
    ("task", "arguments", "sentence"),
    [
        ("clustering", "a, y TARGET", "column 'y' is TARGET, and clustering has no target. Declare it KEY."),
        ("anomaly", "a, g GROUP", "column 'g' is GROUP, and anomaly has no test part. Declare it KEY."),
        ("projection", "a, s SPLIT", "column 's' is SPLIT, and projection has no test part. Declare it KEY."),
        ("clustering", "a, d DATE ORDER", "column 'd' is ORDER, and clustering has no test part. Declare it KEY."),
        (
            "clustering",
            "a TEXT ENCODE(target)",
            "column 'a' has ENCODE(target), and clustering has no target. Write ENCODE(onehot).",
        ),
        ("clustering", "k KEY", "no feature column. Declare at least one column without a clause."),
        (
            "clustering",
            "a, test_size=0.5",
            "option 'test_size' is of no use to clustering, which has no test part. Leave it out.",
        ),
        ("clustering", "a, split=shuffle", "split='shuffle' makes a test part, and clustering has none. Leave it out."),
        ("anomaly", "a, clusters=3", "option 'clusters' is for clustering, and this is anomaly. Leave it out."),
        ("regression", "a, y TARGET, components=3", "option 'components' is for projection, and this is regression. Leave it out."),
        ("projection", "a, threshold=0.5", "option 'threshold' is for classification, and this is projection. Leave it out."),
        ("clustering", "a, clusters=0", "option 'clusters' takes a whole number from 1 to 1000, got '0'."),
        ("clustering", "a, clusters=2.5", "option 'clusters' takes a whole number from 1 to 1000, got '2.5'."),
        ("projection", "a, components=1001", "option 'components' takes a whole number from 1 to 1000, got '1001'."),
        (
            "anomaly",
            "a, contamination=0.6",
            "option 'contamination' takes 'auto' or a share of the rows, above 0 and up to 0.5, got '0.6'.",
        ),
        (
            "clustering",
            "a, algorithm=dbscan, clusters=3",
            "algorithm 'dbscan' takes no clusters: it finds their number itself. Leave it out.",
        ),
        (
            "clustering",
            """a, clusters=3, hyperparams='{"n_clusters": 4}'""",
            "clusters is 3 and hyperparameter 'n_clusters' is 4. Write the option alone.",
        ),
        (
            "projection",
            """a, components=3, hyperparams='{"n_components": 2}'""",
            "components is 3 and hyperparameter 'n_components' is 2. Write the option alone.",
        ),
        (
            "anomaly",
            "a, algorithm=kmeans",
            "algorithm 'kmeans' is not for anomaly. Anomaly algorithms: elliptic_envelope, isolation_forest, "
            "local_outlier_factor, one_class_svm.",
        ),
        ("clustering", "a, cluster INT", "column 'cluster' is a column every predictor has. Rename the column."),
        ("projection", "a, pc2 REAL", "column 'pc2' is a column every predictor has. Rename the column."),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_stand_says_what_to_write(db, task, arguments, sentence):
    assert refusal(db, f"CREATE VIRTUAL TABLE p USING ml_{task}({arguments})") == f"DeclarationError: p: {sentence}"


def test_columns_of_other_tasks_are_free_names(db):
    db.execute("CREATE VIRTUAL TABLE p USING ml_clustering(probability, lower, pc1)")
    db.execute("CREATE VIRTUAL TABLE q USING ml_classification(cluster, distance, pc1, y TARGET)")
    visible = rows(db, "SELECT name FROM pragma_table_info('p')")
    assert visible == [("probability",), ("lower",), ("pc1",)]


@pytest.mark.parametrize(
    ("task", "options", "sentence"),
    [
        (
            "clustering",
            {"clusters": 61},
            "TrainingError: p: clusters is 61, and there are 60 rows. Insert more rows, or ask for fewer clusters.",
        ),
        ("clustering", {"split": "shuffle"}, "CommandError: p: split='shuffle' makes a test part, and clustering has none. Leave it out."),
        (
            "clustering",
            {"algorithm": "mean_shift", "clusters": 3},
            "CommandError: p: algorithm 'mean_shift' takes no clusters: it finds their number itself. Leave it out.",
        ),
        (
            "projection",
            {"components": 1},
            "CommandError: p: components is 1, and the table was created with 2 columns pc1 ... pc2. "
            "Create another table with components=1.",
        ),
        (
            "projection",
            {"hyperparams": {"n_components": 1}},
            "CommandError: p: components is 2 and hyperparameter 'n_components' is 1. Write the option alone.",
        ),
        (
            "anomaly",
            {"algorithm": "local_outlier_factor", "hyperparams": {"novelty": False}},
            "TrainingError: p: algorithm 'local_outlier_factor' cannot score new rows. Leave 'novelty' out of hyperparams.",
        ),
        (
            "clustering",
            {"algorithm": "affinity_propagation", "hyperparams": {"max_iter": 1}},
            "TrainingError: p: algorithm 'affinity_propagation' found no cluster in these rows. Change its hyperparams.",
        ),
    ],
)  # fmt: skip
def test_a_training_that_cannot_be_carried_out_says_why(db, task, options, sentence):
    declare(db, task)
    fill(db)
    assert refusal(db, "INSERT INTO p(p, options) VALUES ('train', ?)", (json.dumps(options),)) == sentence
    assert rows(db, "SELECT * FROM p_versions") == []


def test_an_algorithm_that_compares_all_rows_says_how_many_it_takes(db):
    declare(db, "clustering", ", algorithm=affinity_propagation")
    fill(db, points=[(i, i, None) for i in range(5001)])
    assert refusal(db, TRAIN) == (
        "TrainingError: p: algorithm 'affinity_propagation' compares every row with every other, 5000 rows at most, "
        "got 5001. Use another algorithm, such as mini_batch_kmeans, or insert a sample of the rows."
    )


def test_a_call_says_what_is_wrong_with_its_features(clusters):
    assert refusal(clusters, "SELECT cluster FROM p(1)") == (
        "InputError: p: takes 2 features (a, b), got 1. Pass a value, or NULL, for each."
    )
    assert refusal(clusters, "SELECT cluster FROM p('x', 2)") == (
        "InputError: column 'a' is NUMBER, got 'x'. Use NULL for a missing value."
    ).replace("column", "p: column", 1)


def test_a_distance_threshold_decides_the_number_of_clusters(db):
    declare(db, "clustering", """, algorithm=agglomerative, hyperparams='{"distance_threshold": 4.0}'""")
    fill(db)
    command(db, "train")
    assert value(db, "SELECT count(DISTINCT cluster) FROM p") == 3


class Halves(ClusterMixin, BaseEstimator):
    def fit(self, matrix, y=None):
        self.labels_ = self.predict(matrix)
        return self

    def predict(self, matrix):
        return (matrix[:, 0] > 0).astype(int)


class Far(OutlierMixin, BaseEstimator):
    def fit(self, matrix, y=None):
        self.offset_ = -2.0
        return self

    def predict(self, matrix):
        return np.where(self.score_samples(matrix) < self.offset_, -1, 1)

    def score_samples(self, matrix):
        return -np.abs(matrix).max(axis=1)


class Turned(TransformerMixin, BaseEstimator):
    def __init__(self, n_components=2):
        self.n_components = n_components

    def fit(self, matrix, y=None):
        return self

    def transform(self, matrix):
        return matrix[:, ::-1]


def test_an_algorithm_of_the_host_program_serves_and_is_fitted_again_where_it_is_needed(connect, path):
    mine = {"halves": Halves, "far": Far, "turned": Turned}
    db = connect(path, algorithms=mine)
    asks = []
    for task, name, says in (
        ("clustering", "halves", "cluster, distance"),
        ("anomaly", "far", "is_anomaly, anomaly_score"),
        ("projection", "turned", "pc1, pc2"),
    ):
        db.execute(
            f"CREATE VIRTUAL TABLE {name} USING ml_{task}(a REAL SCALE(none), b REAL SCALE(none), algorithm={name})"
        )
        db.execute(f"INSERT INTO {name} VALUES (1, 2), (-1, 3), (2, -7)")
        command(db, "train", name=name)
        assert value(db, f"SELECT scorer FROM {name}_versions").startswith("refit: ")
        asks.append(f"SELECT {says} FROM {name}(-1, 3) UNION ALL SELECT {says} FROM {name}")
    found = [rows(db, ask) for ask in asks]
    assert found[0][0] == (0, None)
    assert found[2][0] == (3.0, -1.0)
    again = apsw.Connection(str(path))
    sqlite_ml_vtab.load(again, algorithms=mine)
    assert [rows(again, ask) for ask in asks] == found
    again.close()


def test_every_row_of_a_large_table_has_its_answer_and_a_sample_is_measured(db):
    declare(db, "clustering", ", clusters=3, algorithm=mini_batch_kmeans")
    fill(db, points=[CLOUDS[i % 60] for i in range(10_500)])
    command(db, "train")
    assert rows(db, "SELECT count(*), count(DISTINCT cluster) FROM p") == [(10_500, 3)]
    assert rows(db, "SELECT rows_trained, rows_tested, score > 0.9 FROM p_versions") == [(10_500, 0, 1)]


def test_rows_that_an_algorithm_makes_no_numbers_of_are_refused(connect):
    class Lost(Far):
        def score_samples(self, matrix):
            return np.full(len(matrix), np.nan)

    db = connect(algorithms={"lost": Lost})
    declare(db, "anomaly", ", algorithm=lost")
    fill(db)
    assert refusal(db, TRAIN) == (
        "TrainingError: p: algorithm 'lost' gives no finite number for these rows. Use another algorithm or hyperparams."
    )


def test_the_table_can_be_renamed_attached_and_copied(clusters, tmp_path):
    before = rows(clusters, "SELECT rowid, cluster, distance FROM p")
    clusters.execute("ALTER TABLE p RENAME TO clouds")
    assert rows(clusters, "SELECT rowid, cluster, distance FROM clouds") == before
    copy = str(tmp_path / "copy.db")
    clusters.execute("VACUUM INTO ?", (copy,))
    clusters.execute("ATTACH ? AS other", (copy,))
    assert rows(clusters, "SELECT rowid, cluster, distance FROM other.clouds") == before
    assert rows(clusters, "SELECT task, count(*) FROM ml_tables GROUP BY task") == [("clustering", 2)]
    clusters.execute("DETACH other")


def test_python_trains_outside_the_lock_with_the_same_options(db):
    declare(db, "clustering")
    fill(db)
    assert sqlite_ml_vtab.train(db, "p", clusters=4, algorithm="agglomerative") == 1
    assert value(db, "SELECT count(DISTINCT cluster) FROM p") == 4


@pytest.mark.parametrize("text", ["cross_validate", "tune", "compare"])
def test_commands_that_measure_predictions_of_a_target_are_refused(clusters, text):
    assert refusal(clusters, "INSERT INTO p(p) VALUES (?)", (text,)) == (
        f"CommandError: p: command '{text}' measures predictions of a target, and clustering has none. Use train."
    )
