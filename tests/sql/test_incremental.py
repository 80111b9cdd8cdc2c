"""fit='incremental': one pass in chunks, the same model each time, and new rows that an earlier version goes on with."""

import json
import random
import tracemalloc
import warnings
from itertools import pairwise

import numpy as np
import pytest
from asking import command, declare, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab.learning.chunks import incremental, survey
from sqlite_ml_vtab.learning.chunks.states import STATES
from sqlite_ml_vtab.learning.chunks.survey import Lowest, mixed, mixed_order

COLUMNS = "a REAL, b REAL, c TEXT, y TEXT TARGET, fit='incremental', algorithm='{}', content='x'"
CLASSIFIERS = sorted(STATES)
GO_ON = [name for name in CLASSIFIERS if STATES[name]]


def people(db, count, *, seed=0, first=1, is_sorted=True):
    """Insert so many rows of two classes into the table x, all of one class before all of the other."""
    db.execute("CREATE TABLE IF NOT EXISTS x(id INTEGER PRIMARY KEY, a, b, c, y)")
    source = random.Random(seed)
    drawn = []
    for _ in range(count):
        a, b, c = source.gauss(0, 1), source.gauss(0, 1), source.choice("uvw")
        drawn.append((a, None if source.random() < 0.05 else b, c, "yes" if a - b + (c == "u") > 0.3 else "no"))
    if is_sorted:
        drawn.sort(key=lambda row: row[-1])
    db.executemany("INSERT INTO x VALUES (?, ?, ?, ?, ?)", [(first + place, *row) for place, row in enumerate(drawn)])


@pytest.fixture
def small(monkeypatch):
    """Windows of 1,000 rows in blocks of 100, so that few rows make many windows."""
    monkeypatch.setattr(survey, "BLOCK", 100)
    monkeypatch.setattr(incremental, "WINDOW", 1_000)
    return monkeypatch


@pytest.fixture
def big(db, small):
    """The table x of 6,000 rows sorted by their class."""
    people(db, 6_000)
    return db


def quietly(db, text, options=None, name="p"):
    """Run a command that may tell of a deployment that was not made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return command(db, text, options, name)


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_every_algorithm_that_can_learns_a_table_sorted_by_its_class(big, algorithm):
    declare(big, columns=COLUMNS.format(algorithm))
    command(big, "train")
    [(score, baseline, trained, tested, scorer)] = rows(
        big, "SELECT score, baseline, rows_trained, rows_tested, scorer FROM p_versions"
    )
    assert trained + tested == 6_000
    assert 1_350 < tested < 1_650
    assert scorer.startswith("portable: ")
    # Which of its last mistakes a perceptron saw last decides much; complement naive Bayes knows no more here.
    least = {"complement_nb": 0.5, "multinomial_nb": 0.6, "perceptron": 0.65, "passive_aggressive": 0.65}
    assert score > least.get(algorithm, 0.72)
    assert score > baseline or algorithm == "complement_nb"
    predicted = "SELECT avg(x.y = p.y) FROM p JOIN x ON x.id = p.rowid WHERE source = 'x'"
    assert value(big, predicted) == pytest.approx(score, abs=0.05)


def test_rows_in_their_stored_order_would_teach_the_last_class_alone(big, small):
    declare(big, columns=COLUMNS.format("sgd"))
    command(big, "train")
    small.setattr(incremental, "mixed_order", lambda spans, together, seed: [[span] for span in spans])
    quietly(big, "train")
    shuffled, stored = [score for (score,) in rows(big, "SELECT score FROM p_versions ORDER BY version")]
    assert shuffled > stored + 0.1


@pytest.mark.parametrize(
    "algorithm", ["sgd", "passive_aggressive", "mlp', hyperparams='{\"learning_rate_init\": 0.02}"]
)
def test_numbers_are_learned_too(db, small, algorithm):
    columns = f"a REAL, b REAL, y REAL TARGET, fit='incremental', algorithm='{algorithm}'"
    declare(db, columns=columns, task="regression")
    source = random.Random(0)
    points = [(source.gauss(0, 1), source.gauss(0, 1)) for _ in range(8_000)]
    db.executemany("INSERT INTO p VALUES (?, ?, ?)", [(a, b, a - 2 * b) for a, b in points])
    command(db, "train")
    assert value(db, "SELECT score FROM p_versions") > 0.8
    lower, upper = rows(db, "SELECT lower, upper FROM p(0.1, 0.2)")[0]
    assert lower < -0.3 < upper


def test_it_is_the_same_model_each_time_and_can_be_rebuilt(big):
    declare(big, columns=COLUMNS.format("sgd"))
    for _ in range(2):
        quietly(big, "train")
    quietly(big, "train", {"seed": 1})
    digests = [digest for (digest,) in rows(big, "SELECT digest FROM p_models ORDER BY version")]
    assert digests[0] == digests[1] != digests[2]
    assert command(big, "rebuild", {"version": 2}) == 2
    assert value(big, "SELECT digest FROM p_models WHERE version = 2") == digests[1]
    big.execute("UPDATE x SET a = a + 0.5 WHERE id = 17")
    said = refusal(big, """INSERT INTO p(p, options) VALUES ('rebuild', '{"version": 2}')""")
    assert said.startswith("TrainingError: p: the rows of version 2 have changed since it was trained.")


def test_notes_and_options_say_which_rows_it_took(db, small):
    small.setattr(survey, "SAMPLED", 500)
    small.setattr(survey, "TESTED", 200)
    people(db, 3_000, first=11)
    declare(db, columns=COLUMNS.format("gaussian_nb"))
    command(db, "train")
    [(notes, options, tested, held)] = rows(
        db, "SELECT notes, options, rows_tested, (SELECT count(*) FROM p_holdout) FROM p_versions"
    )
    assert json.loads(options)["passes"] == [{"from": 11, "to": 3010}]
    assert json.loads(notes)[0].startswith("tested on a sample of 200 of ")
    assert json.loads(notes)[1:] == [
        "scaling, fill values and categories are those of a sample of 500 rows",
        "took rows 11 to 3010",
    ]
    assert tested == held == 200


def test_a_predictor_with_rows_of_its_own_learns_in_chunks_as_one_with_content(big):
    declare(big, columns=COLUMNS.format("sgd"))
    declare(big, "q", COLUMNS.format("sgd").replace(", content='x'", ""))
    big.execute("INSERT INTO q(rowid, a, b, c, y) SELECT id, a, b, c, y FROM x")
    command(big, "train")
    command(big, "train", name="q")
    assert len(rows(big, "SELECT digest FROM p_models UNION SELECT digest FROM q_models")) == 1


def test_a_view_is_read_in_its_own_order(big):
    big.execute("CREATE VIEW v AS SELECT a, b, c, y FROM x ORDER BY random() * 0 + id % 997")
    declare(big, columns=COLUMNS.format("sgd").replace("'x'", "'v'"))
    command(big, "train")
    notes = json.loads(value(big, "SELECT notes FROM p_versions"))
    assert notes[-1] == "took the rows of a view in its own order, shuffled within windows only"
    assert value(big, "SELECT score FROM p_versions") > 0.72
    said = refusal(big, """INSERT INTO p(p, options) VALUES ('train', '{"warm": true}')""")
    assert said.startswith("CommandError: p: warm needs row ids to know which rows are new, and a view has none.")


def test_weights_classes_groups_and_columns_count(big):
    big.execute("ALTER TABLE x ADD w; ALTER TABLE x ADD s; ALTER TABLE x ADD g")
    big.execute("UPDATE x SET w = iif(y = 'yes', 0, 1), s = iif(id % 3, 'train', 'test'), g = id % 50")
    declare(big, columns="w REAL WEIGHT, " + COLUMNS.format("sgd"))
    command(big, "train")
    assert value(big, "SELECT count(*) FROM p WHERE source = 'x' AND y = 'yes'") < 300
    declare(big, "q", COLUMNS.format("gaussian_nb") + """, class_weight='{"yes": 50}'""")
    command(big, "train", name="q")
    assert value(big, "SELECT count(*) FROM q WHERE source = 'x' AND y = 'no'") < 1_000
    declare(big, "r", "s TEXT SPLIT, " + COLUMNS.format("gaussian_nb"))
    command(big, "train", name="r")
    assert rows(big, "SELECT rows_trained, rows_tested FROM r_versions") == [(4_000, 2_000)]
    declare(big, "t", "g GROUP, " + COLUMNS.format("gaussian_nb"))
    command(big, "train", name="t")
    torn = """SELECT count(*) FROM (SELECT g, count(*) AS held, (SELECT count(*) FROM x AS o WHERE o.g = x.g) AS whole
              FROM x JOIN t_holdout ON row = id GROUP BY g) WHERE held <> whole"""
    assert value(big, torn) == 0
    balanced = COLUMNS.format("sgd") + ", class_weight='balanced', threshold=0.3"
    declare(big, "u", balanced)
    assert command(big, "train", name="u") == 1


def test_dates_words_and_columns_without_a_type_are_read_as_the_sample_says(db, small):
    small.setattr(survey, "SAMPLED", 300)
    db.execute("CREATE TABLE x(at, said, n, c, y)")
    drawn = [
        (f"2024-{1 + i % 12:02}-01", ("red sun", "blue sea")[i % 2] + f" {i % 9}", i % 5, "uvw"[i % 3], i % 2)
        for i in range(4_000)
    ]
    db.executemany("INSERT INTO x VALUES (?, ?, ?, ?, ?)", drawn)
    declare(db, columns="at DATE, said WORDS, n, c, y TARGET, fit='incremental', algorithm='sgd', content='x'")
    command(db, "train")
    assert value(db, "SELECT score FROM p_versions") == 1
    assert rows(db, "SELECT y FROM p('2024-05-01', 'red sun 4', 0, 'v')") == [(0,)]


def test_a_rare_class_is_in_the_sample(db, small):
    small.setattr(survey, "SAMPLED", 20)
    people(db, 3_000)
    db.execute("UPDATE x SET y = 'rare' WHERE id IN (7, 8, 9, 10, 11, 12)")
    declare(db, columns=COLUMNS.format("gaussian_nb"))
    command(db, "train")
    assert "rare" in json.loads(value(db, "SELECT probabilities FROM p(0, 0, 'u')"))


def test_memory_does_not_grow_with_the_rows(db, small):
    small.setattr(survey, "SAMPLED", 300)
    small.setattr(survey, "TESTED", 300)
    small.setattr("sqlite_ml_vtab.store.reading.CHUNK", 500)
    declare(db, columns=COLUMNS.format("gaussian_nb"))
    people(db, 4_000)
    command(db, "train")
    peaks = []
    for first in (4_001, 8_001):
        people(db, 4_000 if first == 4_001 else 24_000, seed=first, first=first)
        tracemalloc.start()
        quietly(db, "train")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_version_that_was_fitted_whole_is_rebuilt_whole_whatever_is_declared(big):
    declare(big, columns=COLUMNS.format("sgd"))
    command(big, "train", {"fit": "whole"})
    big.execute("UPDATE p_versions SET options = json_set(options, '$.fit', 'incremental')")
    assert command(big, "rebuild") == 1


# Going on


@pytest.mark.parametrize("algorithm", GO_ON)
def test_going_on_is_as_if_the_fit_had_never_stopped(db, small, algorithm, monkeypatch):
    """The estimator that stops, is stored and goes on equals the one that learns both passes without a pause."""
    people(db, 2_000)
    declare(db, columns=COLUMNS.format(algorithm))
    command(db, "train")
    people(db, 1_500, seed=1, first=2_001)
    quietly(db, "train", {"warm": True, "deploy": True})
    [(model,)] = rows(db, "SELECT digest FROM p_models WHERE version = 2")
    # rebuild learns both passes anew, one after the other, with one estimator that is never taken apart.
    assert quietly(db, "rebuild", {"version": 2}) == 2
    assert value(db, "SELECT digest FROM p_models WHERE version = 2") == model


@pytest.mark.parametrize("algorithm", ["sgd", "gaussian_nb", "multinomial_nb"])
def test_going_on_equals_the_bare_estimator_over_the_same_rows(db, small, algorithm):
    """The same partial_fit calls by hand, on the encoder that the first pass learned."""
    from sqlite_ml_vtab.portable import from_bytes
    from sqlite_ml_vtab.portable.scoring import read_columns, turned

    seen = []
    teach = incremental._Course._teach

    def watched(course, taught, order, weights):
        seen.append([(taught.ids[order]).tolist()])
        return teach(course, taught, order, weights)

    small.setattr(incremental._Course, "_teach", watched)
    people(db, 1_200)
    declare(db, columns=COLUMNS.format(algorithm))
    command(db, "train")
    people(db, 1_000, seed=1, first=1_201)
    quietly(db, "train", {"warm": True, "deploy": True})
    model = from_bytes(value(db, "SELECT model FROM p_models WHERE version = 2"))
    features = {row[0]: row[1:] for row in rows(db, "SELECT id, a, b, c, y FROM x")}
    by_hand = bare(algorithm)
    for [ids] in seen:
        matrix = model.encoder.matrix(
            read_columns(model.features, turned(model.features, [features[row][:3] for row in ids]))
        )
        if algorithm == "multinomial_nb":
            matrix = np.maximum(matrix, 0)
        by_hand.partial_fit(matrix, [int(features[row][3] == "yes") for row in ids], classes=[0, 1])
    matrix = model.encoder.matrix(
        read_columns(model.features, turned(model.features, [row[:3] for row in features.values()]))
    )
    expected = by_hand.predict_proba(matrix)[:, 1]
    told = [json.loads(text)["yes"] for (text,) in rows(db, "SELECT probabilities FROM p WHERE source = 'x'")]
    assert len(seen) >= 3
    assert sum(len(ids) for [ids] in seen) == value(db, "SELECT rows_trained FROM p_versions WHERE version = 2")
    assert np.allclose(told, expected, rtol=1e-9, atol=1e-12)


def bare(algorithm):
    """Return scikit-learn's own estimator with our defaults."""
    from sklearn.linear_model import SGDClassifier
    from sklearn.naive_bayes import GaussianNB, MultinomialNB

    made = {
        "sgd": lambda: SGDClassifier(loss="log_loss", random_state=0),
        "gaussian_nb": GaussianNB,
        "multinomial_nb": MultinomialNB,
    }
    return made[algorithm]()


def test_a_version_says_which_rows_it_went_on_with_and_its_test_rows_stay(big):
    declare(big, columns=COLUMNS.format("sgd"))
    command(big, "train")
    held = set(rows(big, "SELECT row FROM p_holdout WHERE version = 1"))
    people(big, 2_000, seed=5, first=6_001)
    big.execute("UPDATE x SET y = NULL WHERE id = 8000")
    number = quietly(big, "train", {"warm": True, "deploy": True})
    [(options, notes, trained)] = rows(big, "SELECT options, notes, rows_trained FROM p_versions WHERE version = 2")
    assert json.loads(options)["passes"] == [{"from": 1, "to": 6000}, {"from": 6001, "to": 7999}]
    assert json.loads(notes)[-1] == "went on from version 1 with rows 6001 to 7999"
    assert "warm" not in options
    assert trained == value(big, "SELECT rows_trained FROM p_versions WHERE version = 1") + value(
        big, "SELECT 1999 - count(*) FROM p_holdout WHERE version = 2 AND row > 6000"
    )
    assert held == set(rows(big, "SELECT row FROM p_holdout WHERE version = ? AND row <= 6000", (number,)))
    people(big, 500, seed=6, first=8_001)
    quietly(big, "train", {"warm": True, "deploy": True})
    assert len(json.loads(value(big, "SELECT options FROM p_versions WHERE version = 3"))["passes"]) == 3
    assert quietly(big, "rebuild", {"version": 3}) == 3


def test_going_on_is_undone_with_its_transaction(big):
    declare(big, columns=COLUMNS.format("gaussian_nb"))
    command(big, "train")
    people(big, 100, seed=2, first=6_001)
    big.execute("BEGIN")
    quietly(big, "train", {"warm": True})
    big.execute("ROLLBACK")
    assert rows(big, "SELECT version FROM p_states") == [(1,)]
    assert quietly(big, "train", {"warm": True}) == 2
    quietly(big, "deploy", {"version": 2})
    command(big, "forget", {"version": 1})
    assert rows(big, "SELECT version FROM p_states") == [(2,)]


def test_python_goes_on_outside_the_lock(big):
    declare(big, columns=COLUMNS.format("gaussian_nb"))
    assert sqlite_ml_vtab.train(big, "p") == 1
    people(big, 300, seed=2, first=6_001)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sqlite_ml_vtab.train(big, "p", warm=True) == 2


def test_rows_that_change_while_python_fits_are_noticed(big, monkeypatch):
    from sqlite_ml_vtab.predictor import training

    fit_anew = training.fit_anew

    def meddled(predictor, plan):
        done = fit_anew(predictor, plan)
        big.execute("UPDATE x SET a = 9 WHERE id = 3000; INSERT INTO x VALUES (99999, 1, 1, 'u', 'yes')")
        return done

    monkeypatch.setattr(training, "fit_anew", meddled)
    declare(big, columns=COLUMNS.format("gaussian_nb"))
    with pytest.raises(sqlite_ml_vtab.TrainingError, match="the rows changed while the model was fitted"):
        sqlite_ml_vtab.train(big, "p")


WARM = """INSERT INTO p(p, options) VALUES ('train', '{"warm": true}')"""


def test_there_must_be_something_to_go_on_from_and_with(big):
    declare(big, columns=COLUMNS.format("sgd"))
    nothing = (
        "CommandError: p: no version to go on from: none was fitted in chunks with these options. "
        "Train one first: INSERT INTO p(p) VALUES ('train')."
    )
    assert refusal(big, WARM) == nothing
    command(big, "train")
    said = "TrainingError: p: no row came after row 6000, the last one taken. Insert rows first."
    assert refusal(big, WARM) == said
    people(big, 100, first=6_001)
    assert refusal(big, WARM.replace("true}", 'true, "seed": 5}')) == nothing
    assert refusal(big, WARM.replace("true}", "1}")) == "CommandError: p: option 'warm' takes true or false, got 1."
    whole = refusal(big, WARM.replace("true}", 'true, "fit": "whole"}'))
    assert whole == "CommandError: p: warm goes on from a version fitted in chunks. Write fit='incremental' too."
    assert rows(big, "SELECT version FROM p_versions") == [(1,)]


def test_a_class_that_is_new_cannot_be_learned_later(big):
    declare(big, columns=COLUMNS.format("sgd"))
    command(big, "train")
    people(big, 100, first=6_001)
    big.execute("UPDATE x SET y = 'maybe' WHERE id > 6000")
    said = (
        "TrainingError: p: class 'maybe' was in no row before, and cannot be learned later. Train anew, without warm."
    )
    assert refusal(big, WARM) == said


def test_an_optimiser_with_a_memory_cannot_go_on(big):
    declare(big, columns=COLUMNS.format("mlp"))
    command(big, "train")
    people(big, 100, first=6_001)
    assert refusal(big, WARM) == (
        "CommandError: p: algorithm 'mlp' cannot go on from an earlier version: its optimiser has a memory of its own. "
        f"Train anew, or use one of {', '.join(GO_ON)}."
    )
    average = WARM.replace("true}", 'true, "algorithm": "sgd", "hyperparams": {"average": true}}')
    said = "CommandError: p: sgd with average cannot go on from an earlier version. Train anew, or leave out average."
    assert refusal(big, average) == said


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM p_states",
        "UPDATE p_states SET model_digest = 'x'",
        "UPDATE p_states SET state = zeroblob(100)",
        "UPDATE p_states SET state = 'text'",
        "UPDATE p_states SET state = (SELECT state FROM q_states)",
        "UPDATE p_states SET state = (SELECT state FROM r_states)",
        "UPDATE p_states SET state = substr(state, 1, length(state) - 1)",
        "UPDATE p_versions SET options = json_set(options, '$.passes', 'x')",
        "UPDATE p_versions SET options = json_set(options, '$.passes', json('[{\"from\": 1, \"to\": 1e300}]'))",
        "UPDATE p_versions SET options = json_set(options, '$.passes', json('[]'))",
        "UPDATE p_versions SET options = json_set(options, '$.passes', json('[{\"from\": 9, \"to\": 1}]'))",
        "UPDATE p_versions SET rows_trained = 'many'",
        "UPDATE p_versions SET rows_trained = 9223372036854775807",
        "UPDATE p_versions SET rows_trained = -1",
        "UPDATE p_versions SET rows_digest = x'00'",
    ],
)
def test_a_tampered_state_is_refused(big, sql):
    declare(big, columns=COLUMNS.format("sgd"))
    declare(big, "q", COLUMNS.format("gaussian_nb"))
    declare(big, "r", COLUMNS.format("sgd").replace("c TEXT,", ""))
    for name in "pqr":
        command(big, "train", name=name)
    people(big, 100, first=6_001)
    big.execute(sql)
    assert refusal(big, WARM).startswith("ModelError: p: ")
    assert rows(big, "SELECT version FROM p_versions") == [(1,)]
    big.execute("DROP TABLE p")


@pytest.mark.parametrize(
    "change",
    [
        "model_digest = 'x'",
        "model_digest = x'00'",
        "state = x''",
        "state = 'text'",
        "state = 5",
        "state = zeroblob(100)",
        "state = substr(state, 1, length(state) - 1)",
        "state = (SELECT model FROM p_models)",
    ],
)
def test_a_tampered_state_is_told_by_integrity_check_and_rebuilt(big, change):
    declare(big, columns=COLUMNS.format("sgd"))
    command(big, "train")
    people(big, 500, seed=2, first=6_001)
    quietly(big, "train", {"warm": True})
    assert value(big, "PRAGMA integrity_check") == "ok"
    before = rows(big, "SELECT * FROM p_states")
    big.execute(f"UPDATE p_states SET {change}")
    said = (
        "p: the state of version {} is damaged or of another model. "
        "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{{\"version\": {}}}')."
    )
    assert value(big, "PRAGMA quick_check") == "ok"
    for number in (1, 2):
        assert value(big, "PRAGMA integrity_check") == said.format(number, number)
        command(big, "rebuild", {"version": number})
    assert value(big, "PRAGMA integrity_check") == "ok"
    assert rows(big, "SELECT * FROM p_states") == before


@pytest.mark.parametrize("columns", ["a TEXT, b REAL, c TEXT", "a REAL, b DATE, c TEXT", "a REAL, b REAL, c REAL"])
def test_the_state_of_a_predictor_of_the_same_names_and_other_kinds_is_refused(db, small, columns):
    numbers, texts = range(400), ("u", "v")
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, a, b, c, y)")
    kinds = {"TEXT": lambda i: texts[i % 2], "REAL": float, "DATE": lambda i: f"{1900 + i % 100}-01-31"}
    for name, declared in (("q", columns), ("p", "a REAL, b REAL, c TEXT")):
        read = [kinds[column.split()[1]] for column in declared.split(", ")]
        db.execute("DELETE FROM x")
        drawn = [(i + 1, *(make(i) for make in read), "yes" if i % 3 else "no") for i in numbers]
        db.executemany("INSERT INTO x VALUES (?, ?, ?, ?, ?)", drawn)
        declare(db, name, f"{declared}, y TEXT TARGET, fit='incremental', algorithm='sgd', content='x'")
        command(db, "train", name=name)
    db.execute("UPDATE p_models SET (model, digest) = (SELECT model, digest FROM q_models)")
    db.execute("UPDATE p_states SET (state, model_digest) = (SELECT state, model_digest FROM q_states)")
    db.execute("INSERT INTO x SELECT id + 400, a, b, c, y FROM x")
    said = "ModelError: p: the state of version 1 is of another predictor. Train anew, without warm."
    assert refusal(db, WARM) == said
    db.execute("DROP TABLE p; DROP TABLE q")


def test_nothing_comes_after_the_last_row_there_can_be(big):
    declare(big, columns=COLUMNS.format("sgd"))
    big.execute("UPDATE x SET id = 9223372036854775807 WHERE id = 6000")
    command(big, "train")
    assert refusal(big, WARM) == (
        "CommandError: p: no row can come after row 9223372036854775807, the last one that version 1 took. Train anew."
    )


@pytest.mark.parametrize("fit", ["whole", "incremental"])
def test_a_group_is_the_same_whether_its_number_is_written_with_a_point_or_not(db, small, fit):
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, a, g, y)")
    drawn = [(i, float(i % 11), (float if i % 2 else int)(i // 4), "yes" if i % 3 else "no") for i in range(1, 2_001)]
    db.executemany("INSERT INTO x VALUES (?, ?, ?, ?)", drawn)
    options = f"split=group, fit={fit}, algorithm=sgd, content='x'"
    db.execute(f"CREATE VIRTUAL TABLE p USING ml_classification(a REAL, g GROUP, y TEXT TARGET, {options})")
    command(db, "train")
    tested = "SELECT count(*) AS n FROM x JOIN p_holdout ON row = id GROUP BY g"
    assert 0 < value(db, f"SELECT count(*) FROM ({tested})") < 500
    assert value(db, f"SELECT count(*) FROM ({tested}) WHERE n < 4") <= 1


# What it cannot do


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            "algorithm='random_forest'",
            "algorithm 'random_forest' cannot be fitted in chunks, as fit='incremental' asks. Algorithms that can: "
            "bernoulli_nb, categorical_nb, complement_nb, gaussian_nb, mlp, multinomial_nb, passive_aggressive, "
            "perceptron, sgd.",
        ),
        (
            "algorithm='sgd', calibrate='sigmoid'",
            "fit='incremental' and calibrate do not go together. Leave one of them out.",
        ),
        ("algorithm='sgd', sample=5", "fit='incremental' and sample do not go together. Leave one of them out."),
        (
            "algorithm='sgd', test_size=50",
            "fit='incremental' takes test_size as a fraction, got a count. Write 0.25, say.",
        ),
        ("algorithm='sgd', z TARGET", "fit='incremental' learns one target, got 2. Declare one."),
        (
            "algorithm='sgd', s SPLIT, g GROUP",
            "fit='incremental' cannot tell whether the SPLIT column keeps groups whole. Declare GROUP or SPLIT alone.",
        ),
        (
            "algorithm='sgd', o ORDER",
            "fit='incremental' cannot hold back the last rows. Write split='column' with a SPLIT column, or 'shuffle'.",
        ),
    ],
)
def test_what_chunks_cannot_give_is_refused_when_it_is_declared_and_when_it_is_trained(db, options, said):
    declared = f"CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, fit='incremental', {options})"
    assert refusal(db, declared) == f"DeclarationError: p: {said}"
    db.execute(declared.replace("fit='incremental', ", ""))
    asked = """INSERT INTO p(p, options) VALUES ('train', '{"fit": "incremental"}')"""
    assert refusal(db, asked) == f"CommandError: p: {said}"


def test_hyperparameters_that_chunks_cannot_have_are_refused_or_noted(big):
    declare(big, columns=COLUMNS.format("sgd"))
    early = """INSERT INTO p(p, options) VALUES ('train', '{"hyperparams": {"early_stopping": true}}')"""
    assert refusal(big, early) == (
        "TrainingError: p: algorithm 'sgd' cannot be fitted to these rows: "
        "early_stopping should be False with partial_fit"
    )
    lbfgs = """INSERT INTO p(p, options) VALUES ('train', '{"algorithm": "mlp", "hyperparams": {"solver": "lbfgs"}}')"""
    assert refusal(big, lbfgs).startswith("TrainingError: p: algorithm 'mlp' cannot be fitted to these rows: ")
    command(big, "train", {"hyperparams": {"max_iter": 5}})
    notes = json.loads(value(big, "SELECT notes FROM p_versions"))
    assert "max_iter is not heeded: the rows are passed over once" in notes


def test_fit_is_whole_or_incremental(db):
    said = refusal(db, "CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, fit='partial')")
    assert said == "DeclarationError: p: option 'fit' takes 'whole' or 'incremental', got 'partial'."


def test_rows_that_cannot_be_learned_are_named(big):
    declare(big, columns=COLUMNS.format("sgd"))
    big.execute("UPDATE x SET a = 'n/a' WHERE id = 5000")
    said = "InputError: p: column 'a' is NUMBER, got 'n/a'. Use NULL for a missing value."
    assert refusal(big, "INSERT INTO p(p) VALUES ('train')") == said
    big.execute("UPDATE x SET a = 1e39 WHERE id = 5000")
    assert "column 'a' holds 1e+39 in row 5000, too large to learn from" in refusal(
        big, "INSERT INTO p(p) VALUES ('train')"
    )
    big.execute("UPDATE x SET a = 1, y = 'yes'")
    said = "TrainingError: p: the train part holds only the class 'yes'. Insert rows of another class."
    assert refusal(big, "INSERT INTO p(p) VALUES ('train')") == said
    big.execute("UPDATE x SET y = id")
    assert "the target has more than 1000 different values" in refusal(big, "INSERT INTO p(p) VALUES ('train')")
    big.execute("UPDATE x SET y = NULL")
    assert "no row has a target" in refusal(big, "INSERT INTO p(p) VALUES ('train')")
    big.execute("UPDATE x SET y = 'yes' WHERE id = 1")
    assert "1 rows are too few for a train and a test part" in refusal(big, "INSERT INTO p(p) VALUES ('train')")


def test_a_kind_is_decided_once(db, small):
    db.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, a, y)")
    db.executemany("INSERT INTO x(a, y) VALUES (?, ?)", [(i % 7, "yes" if i % 7 > 3 else "no") for i in range(4_000)])
    declare(db, columns="a, y TARGET, fit='incremental', algorithm='sgd', content='x'")
    command(db, "train")
    small.setattr(survey, "SAMPLED", 100)
    small.setattr(survey, "TESTED", 100)
    db.execute("UPDATE x SET a = '2024-01-01' WHERE id = 2")
    assert "column 'a' is NUMBER, got '2024-01-01'" in refusal(db, "INSERT INTO p(p) VALUES ('train')")


# The parts


def test_the_lowest_numbers_do_not_depend_on_the_order():
    ids = np.arange(10_000)
    numbers = mixed(ids, 3)
    found = []
    for order in (ids, ids[::-1], np.random.RandomState(0).permutation(ids)):
        lowest = Lowest(100)
        for start in range(0, 10_000, 700):
            some = order[start : start + 700]
            lowest.add(numbers[some], ids[some])
        found.append(sorted(lowest.ids().tolist()))
    assert found[0] == found[1] == found[2] == sorted(np.argsort(numbers)[:100].tolist())


def test_the_numbers_of_ids_are_spread_evenly_and_differ_by_seed():
    numbers = mixed(np.arange(-50_000, 50_000), 0) / 2.0**64
    counts, _ = np.histogram(numbers, bins=10, range=(0, 1))
    assert abs(counts - 10_000).max() < 400
    assert len(set(mixed(np.arange(10), 0).tolist()) & set(mixed(np.arange(10), 1).tolist())) == 0


def test_blocks_come_once_each_in_another_order():
    spans = [(i, i) for i in range(97)]
    groups = list(mixed_order(spans, 10, 0))
    assert sorted(span for group in groups for span in group) == spans
    assert [span for group in groups for span in group] != spans
    assert max(map(len, groups)) == 10


def test_blocks_grow_where_they_would_be_too_many(monkeypatch):
    monkeypatch.setattr(survey, "BLOCK", 2)
    monkeypatch.setattr(survey, "MAX_BLOCKS", 8)
    spans = []
    for start in range(0, 100, 10):
        survey._extend(spans, np.arange(start, start + 10) * 3)
    assert len(spans) <= 8 + 5
    assert spans[0][0] == 0
    assert spans[-1][1] == 297
    assert all(low <= high < following for (low, high), (following, _) in pairwise(spans))
