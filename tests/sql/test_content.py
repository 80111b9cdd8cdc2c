"""content = '...': the rows of a table or a view are learned from where they stand."""

import pytest
from asking import command, declare, refusal, rows, value

import sqlite_ml_vtab
from sqlite_ml_vtab import PredictorWarning

COLUMNS = "a REAL, b REAL, y TEXT TARGET, algorithm='logistic_regression', content={}"


def points(db, name="x", count=24):
    """Create a table of points of two classes, its columns in another order and with one more."""
    db.execute(f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, Y TEXT, other, B REAL, A REAL)")
    found = [(10 * i, "low" if i < count // 2 else "high", "o", (i * 7) % 5, i) for i in range(count)]
    db.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?)", found)


@pytest.fixture
def external(db):
    """The table x of points, and the predictor p that learns from it where it stands."""
    points(db)
    declare(db, columns=COLUMNS.format("'x'"))
    return db


def test_the_rows_of_the_table_are_those_of_the_predictor(external):
    assert rows(external, "SELECT rowid, * FROM p LIMIT 2") == [(0, 0, 0, "low"), (10, 1, 2, "low")]
    assert rows(external, "SELECT a, y FROM p WHERE rowid = 230") == [(23, "high")]
    assert rows(external, "SELECT a FROM p WHERE y = 'high' AND b = 1 ORDER BY a") == [(13,), (18,), (23,)]
    assert value(external, "SELECT count(*) FROM p_rows") == 0


def test_it_trains_and_predicts_as_a_predictor_with_rows_of_its_own(external):
    declare(external, "own")
    external.execute("INSERT INTO own(rowid, a, b, y) SELECT id, a, b, y FROM x")
    for name in ("p", "own"):
        assert command(external, "train", name=name) == 1
    digests = rows(external, "SELECT digest FROM p_models UNION SELECT digest FROM own_models")
    assert len(digests) == 1
    assert len(rows(external, "SELECT rows_digest FROM p_versions UNION SELECT rows_digest FROM own_versions")) == 1
    assert rows(external, "SELECT y FROM p(20, 1)") == [("high",)]
    assert value(external, "SELECT count(*) FROM p_holdout h JOIN x ON x.id = h.row AND x.y = h.truth") == 6


def test_rows_written_to_the_table_are_there_at_once(external):
    external.execute("BEGIN; INSERT INTO x(id, a, b, y) VALUES (1000, 99, 1, NULL), (1001, 98, 1, 'high')")
    assert rows(external, "SELECT rowid, a FROM p WHERE a > 90") == [(1000, 99), (1001, 98)]
    command(external, "train")
    assert rows(external, "SELECT rows_trained + rows_tested FROM p_versions") == [(25,)]
    external.execute("ROLLBACK")
    assert rows(external, "SELECT count(*) FROM p UNION ALL SELECT count(*) FROM p_versions") == [(24,), (0,)]


WRITE_THERE = "InputError: p: the rows are those of x (content). Insert, change and delete them there."


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO p VALUES (1, 2, 'low')",
        "INSERT INTO p SELECT a, b, y FROM x",
        "INSERT INTO p VALUES ('text', 2, 'low')",
        "REPLACE INTO p(rowid, a) VALUES (0, 1)",
        "UPDATE p SET a = 1",
        "UPDATE p SET a = 1 WHERE rowid = 10",
        "DELETE FROM p",
        "DELETE FROM p WHERE rowid = 10",
        "INSERT INTO p(p) VALUES ('clear')",
    ],
)
def test_writing_says_where_the_rows_are_written(external, sql):
    assert refusal(external, sql) == WRITE_THERE
    assert value(external, "SELECT count(*) FROM x") == 24


def test_a_view_is_counted_from_one_and_rows_without_a_target_keep_their_number(external):
    external.execute("CREATE VIEW v AS SELECT a, b, CASE WHEN id <> 10 THEN y END AS y FROM x ORDER BY id")
    declare(external, "q", COLUMNS.format("'v'"))
    assert rows(external, "SELECT rowid, a, y FROM q LIMIT 3") == [(1, 0, "low"), (2, 1, None), (3, 2, "low")]
    assert rows(external, "SELECT rowid, a FROM q WHERE rowid = 3") == [(3, 2)]
    command(external, "train", {"test_size": 20, "split": "shuffle"}, name="q")
    held = rows(external, "SELECT row FROM q_holdout ORDER BY row")
    assert len(held) == 20
    assert (2,) not in held
    assert rows(external, "SELECT h.row FROM q_holdout h JOIN q ON q.rowid = h.row AND q.y = h.truth") == held


def test_a_table_without_row_ids_is_counted_from_one(external):
    external.execute("CREATE TABLE w(k TEXT PRIMARY KEY, a, b, y) WITHOUT ROWID")
    external.execute("INSERT INTO w SELECT printf('%04d', id), a, b, y FROM x")
    declare(external, "q", COLUMNS.format("'w'"))
    assert rows(external, "SELECT rowid, a FROM q WHERE a < 2") == [(1, 0), (2, 1)]
    assert command(external, "train", name="q") == 1


@pytest.mark.parametrize("text", ["'X'", "x", '"x"', "'\"x\"'", "'main.x'", "'main.\"X\"'", "' [x] '", "'`x`'"])
def test_the_table_is_named_in_every_way(external, text):
    declare(external, "q", COLUMNS.format(text))
    assert value(external, "SELECT count(*) FROM q") == 24


def test_odd_names_are_quoted(db):
    db.execute('CREATE TABLE "a ""b"" c"("SELECT" REAL, "x y" TEXT)')
    db.execute("""INSERT INTO "a ""b"" c" SELECT value, iif(value < 20, 'l', 'h') FROM json_each('[1,2,3,30,40,50]')""")
    declare(db, columns="""[SELECT] REAL, "x y" TEXT TARGET, algorithm='dummy', content='a "b" c'""")
    assert command(db, "train") == 1
    assert value(db, "SELECT count(*) FROM p") == 6


# What is gone, or does not fit


def test_the_table_need_not_exist_when_the_predictor_is_declared(db):
    declare(db, columns=COLUMNS.format("'x'"))
    sentence = "InputError: p: content 'x' names no table or view here. Create it, or declare another predictor."
    for sql in ("INSERT INTO p(p) VALUES ('train')", "SELECT * FROM p", "SELECT * FROM p WHERE rowid = 1"):
        assert refusal(db, sql) == sentence
    points(db)
    assert command(db, "train") == 1


def test_a_dropped_table_leaves_the_model_and_is_named(external):
    command(external, "train")
    external.execute("DROP TABLE x")
    assert rows(external, "SELECT y FROM p(20, 1)") == [("high",)]
    for sql in ("INSERT INTO p(p) VALUES ('train')", "INSERT INTO p(p) VALUES ('rebuild')", "SELECT * FROM p"):
        assert "content 'x' names no table or view here" in refusal(external, sql)


def test_a_column_that_is_gone_is_named(external):
    external.execute("ALTER TABLE x RENAME COLUMN b TO bb")
    sentence = "InputError: p: content 'x' has no column 'b'. Did you mean 'bb'? Columns: A, Y, bb, id, other."
    for sql in ("INSERT INTO p(p) VALUES ('train')", "SELECT * FROM p"):
        assert refusal(external, sql) in (sentence, sentence.replace("Did you mean 'bb'? ", ""))


def test_a_view_that_cannot_be_read_says_why(external):
    external.execute("CREATE TABLE y2(a, b, y); CREATE VIEW v AS SELECT * FROM y2; DROP TABLE y2")
    declare(external, "q", COLUMNS.format("'v'"))
    said = "InputError: q: content 'v' cannot be read: no such table: main.y2. Correct it."
    assert refusal(external, "INSERT INTO q(q) VALUES ('train')") == said


def test_two_columns_of_one_name_are_refused(external):
    external.execute("CREATE VIEW v AS SELECT x.a, z.a, x.b, x.y FROM x JOIN x AS z USING (id)")
    declare(external, "q", COLUMNS.format("'v'"))
    said = "InputError: q: content 'v' has two columns 'a'. Name them apart in the view."
    assert refusal(external, "SELECT * FROM q") == said


def test_text_in_a_number_is_refused_at_training_and_shown_when_read(external):
    external.execute("CREATE TABLE t(a, b, y); INSERT INTO t SELECT a, b, y FROM x; UPDATE t SET a = 'n/a' WHERE a = 5")
    declare(external, "q", COLUMNS.format("'t'"))
    assert rows(external, "SELECT a FROM q WHERE rowid = 6") == [("n/a",)]
    said = "InputError: q: column 'a' is NUMBER, got 'n/a'. Use NULL for a missing value."
    assert refusal(external, "INSERT INTO q(q) VALUES ('train')") == said


@pytest.mark.parametrize("name", ["p", "P", "main.p", "p_rows", "p_versions", '"p_Models"'])
def test_the_predictor_itself_is_refused(db, name):
    said = f"DeclarationError: p: content '{name}' belongs to the predictor itself. Name the table that has the rows."
    assert refusal(db, f"CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, content='{name}')") == said


def test_a_predictor_that_takes_the_name_of_its_content_is_refused(external):
    external.execute("ALTER TABLE p RENAME TO q")
    assert value(external, "SELECT count(*) FROM q") == 24
    declare(external, "r", "a, y TARGET, content='s_rows'")
    external.execute("ALTER TABLE r RENAME TO s")
    said = "InputError: s: content 's_rows' belongs to the predictor itself. Name the table that has the rows."
    assert refusal(external, "SELECT * FROM s") == said


@pytest.mark.parametrize(
    "view",
    [
        "SELECT * FROM q",
        "SELECT a, b, y FROM x UNION ALL SELECT a, b, y FROM q",
        "SELECT 1 AS a, 2 AS b, name AS y FROM ml_tables JOIN q",
        "SELECT a, b, (SELECT count(*) FROM r) AS y FROM x",
    ],
)
def test_a_view_that_leads_back_to_the_predictor_is_refused(external, view):
    external.execute(f"CREATE VIEW v AS {view}; CREATE VIEW w AS SELECT * FROM q")
    declare(external, "q", COLUMNS.format("'v'"))
    declare(external, "r", COLUMNS.format("'w'"))
    said = "content is a view that reads the predictor itself. Let it read the table behind."
    assert said in refusal(external, "SELECT * FROM q")
    assert said in refusal(external, "INSERT INTO q(q) VALUES ('train')")
    counted = value(external, "SELECT rows FROM ml_tables WHERE name = 'q'")
    assert counted is None
    assert rows(external, "SELECT count(*) FROM p AS a JOIN p AS b") == [(24 * 24,)]


def test_a_view_may_ask_another_predictor(external):
    command(external, "train")
    external.execute("CREATE VIEW v AS SELECT x.a, p.y AS y, x.b FROM x JOIN p(x.a, x.b)")
    declare(external, "q", COLUMNS.format("'v'"))
    assert command(external, "train", name="q") == 1


def test_the_rows_of_another_predictor_may_be_learned_from(external):
    declare(external, "own")
    external.execute("INSERT INTO own(rowid, a, b, y) SELECT id, a, b, y FROM x")
    declare(external, "q", COLUMNS.format("own"))
    assert rows(external, "SELECT rowid, a FROM q WHERE a > 21") == [(220, 22), (230, 23)]
    external.execute("BEGIN; INSERT INTO own SELECT a, b, y FROM x LIMIT 2")
    assert value(external, "SELECT count(*) FROM q") == 26
    external.execute("COMMIT")
    assert command(external, "train", name="q") == 1


@pytest.mark.parametrize("text", ["''", "' '", "'SELECT a, b, y FROM x'", "'with c as (select 1) select * from c'"])
def test_content_is_a_name(db, text):
    said = refusal(db, f"CREATE VIRTUAL TABLE p USING ml_classification(a, y TARGET, content={text})")
    assert said.startswith("DeclarationError: p: option 'content' takes the name of a table or a view, got '")


def test_no_command_takes_it(external):
    said = "CommandError: p: option 'content' is written in CREATE alone. Declare another predictor for another table."
    assert refusal(external, """INSERT INTO p(p, options) VALUES ('train', '{"content": "x"}')""") == said
    with pytest.raises(sqlite_ml_vtab.CommandError, match="is written in CREATE alone"):
        sqlite_ml_vtab.train(external, "p", content="x")


# Where it stands


def test_the_predictors_own_database_comes_first(db, path):
    db.execute("ATTACH ? AS side", (str(path),))
    points(db, "x", 24)
    db.execute("CREATE TABLE side.x AS SELECT a, b, y FROM main.x WHERE a IN (1, 2, 3, 20, 21, 22)")
    db.execute("CREATE TEMP TABLE x AS SELECT a, b, y FROM main.x WHERE a = 1")
    declare(db, "side.p", COLUMNS.format("'x'"))
    declare(db, "q", COLUMNS.format("'x'"))
    declare(db, "r", COLUMNS.format("'side.x'"))
    declare(db, "temp.s", COLUMNS.format("'main.x'"))
    assert [value(db, f"SELECT count(*) FROM {name}") for name in "pqrs"] == [6, 24, 6, 24]
    assert rows(db, "SELECT name, rows FROM ml_tables ORDER BY name") == [("p", 6), ("q", 24), ("r", 6), ("s", 24)]


def test_it_is_found_again_when_the_file_is_opened_anew(connect, path):
    db = connect(path)
    points(db)
    declare(db, columns=COLUMNS.format("'x'"))
    command(db, "train")
    db.close()
    db = connect(path)
    assert value(db, "SELECT count(*) FROM p") == 24
    assert value(db, "SELECT rows FROM ml_tables") == 24
    db.execute("DROP TABLE p")
    assert value(db, "SELECT count(*) FROM x") == 24


def test_rebuild_refits_over_the_rows_of_the_table_and_notices_a_change(external):
    command(external, "train")
    before = rows(external, "SELECT digest FROM p_models")
    assert command(external, "rebuild") == 1
    assert rows(external, "SELECT digest FROM p_models") == before
    external.execute("UPDATE x SET a = a + 1 WHERE id = 10")
    assert "the rows of version 1 have changed since it was trained" in refusal(
        external, "INSERT INTO p(p) VALUES ('rebuild')"
    )


def test_training_outside_the_lock_notices_a_change_of_the_table(external):
    from sklearn.dummy import DummyClassifier

    class Nosy(DummyClassifier):
        """Changes the table while the model is fitted."""

        def fit(self, matrix, answers):
            external.execute("DELETE FROM x WHERE id = 0")
            return super().fit(matrix, answers)

    sqlite_ml_vtab.load(external, algorithms={"nosy": Nosy})
    with pytest.raises(sqlite_ml_vtab.TrainingError, match="the rows changed while the model was fitted"):
        sqlite_ml_vtab.train(external, "p", algorithm="nosy")


# A file from someone else


def untrusted(connect, path, sql):
    """Return a loaded connection to a file that someone else has made."""
    db = connect(path)
    points(db)
    db.execute(sql)
    declare(db, columns=COLUMNS.format("'v'"))
    db.close()
    return connect(path, untrusted=True)


def test_an_untrusted_file_reads_its_own_tables_and_views(connect, path):
    db = untrusted(connect, path, "CREATE VIEW v AS SELECT * FROM x")
    assert value(db, "SELECT count(*) FROM p") == 24
    assert command(db, "train") == 1


def test_an_untrusted_file_reads_no_other_database(connect, path, tmp_path):
    db = untrusted(connect, path, "SELECT 1")
    db.execute("ATTACH ? AS mine", (str(tmp_path / "mine.db"),))
    db.execute("CREATE TABLE mine.v AS SELECT a, b, y FROM main.x; CREATE TEMP TABLE v AS SELECT * FROM mine.v")
    said = (
        "InputError: p: content 'v' is no table or view of the predictor's own database, and untrusted=True reads "
        "no other. Create it there."
    )
    assert refusal(db, "SELECT * FROM p") == said
    assert refusal(db, "INSERT INTO p(p) VALUES ('train')") == said


def test_an_untrusted_file_reads_no_virtual_table_and_no_function_with_a_risk(connect, path, tmp_path):
    db = untrusted(connect, path, "CREATE VIRTUAL TABLE v USING ml_dataset('iris')")
    said = "InputError: p: content 'v' is a virtual table, which untrusted=True does not read. Copy it to a table."
    assert refusal(db, "SELECT * FROM p") == said
    assert value(db, "SELECT rows FROM ml_tables") is None
    db = untrusted(connect, tmp_path / "other.db", "CREATE VIEW v AS SELECT a, b, spied(y) AS y FROM x")
    calls = []
    db.create_scalar_function("spied", lambda value: calls.append(value), 1)
    assert "unsafe use of spied()" in refusal(db, "INSERT INTO p(p) VALUES ('train')")
    assert calls == []


def test_a_view_without_end_is_not_counted_in_an_untrusted_file(connect, path):
    endless = "WITH RECURSIVE n(a) AS (VALUES (1) UNION ALL SELECT a + 1 FROM n) SELECT a, a AS b, a AS y FROM n"
    db = untrusted(connect, path, f"CREATE VIEW v AS {endless}")
    assert rows(db, "SELECT name, rows FROM ml_tables") == [("p", None)]
    assert rows(db, "SELECT a FROM p LIMIT 2") == [(1,), (2,)]


def test_a_user_who_stops_the_reading_stops_it(external):
    external.execute(
        "CREATE VIEW v AS WITH RECURSIVE n(a) AS (VALUES (1) UNION ALL SELECT a + 1 FROM n) "
        "SELECT a, a AS b, a AS y FROM n"
    )
    declare(external, "q", COLUMNS.format("'v'"))
    external.set_progress_handler(lambda: True, 100_000)
    assert refusal(external, "INSERT INTO q(q) VALUES ('train')").startswith("InterruptError")
    external.set_progress_handler(None)
    assert command(external, "train") == 1


def test_versions_of_the_same_rows_are_compared(external):
    command(external, "train")
    with pytest.warns(PredictorWarning, match="not deployed"):
        command(external, "train", {"algorithm": "dummy"})
