"""What an attacker would put in a model's place: each its exact sentence, and nothing of it is imported, run or opened."""

from hashlib import sha256

import corpus
import pytest
import trying
from asking import refusal, value

import sqlite_ml_vtab
from sqlite_ml_vtab import predictor
from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import from_bytes

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

EVENTS = trying.Events()


def refused(blob):
    """Return the sentence that refuses a blob, and what happened meanwhile."""
    with EVENTS.listening() as seen, pytest.raises(ModelError) as caught:
        from_bytes(blob)
    return str(caught.value), seen


def test_the_hook_hears_what_it_must_not():
    with EVENTS.listening() as seen:
        compile("1", "x", "exec")
        with pytest.raises(OSError, match="No such file"):
            open("/nowhere/at/all")  # noqa: SIM115 - it is never opened
    assert [event.partition(" ")[0] for event in seen] == ["compile", "open"]


@pytest.mark.parametrize("name", corpus.FOREIGN)
def test_a_blob_of_another_format_is_refused_and_nothing_happens(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, sentence = corpus.FOREIGN[name]
    assert refused(make()) == (sentence, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("family", "path", "change", "problem"), corpus.CHANGED)
def test_a_model_with_one_thing_changed_is_refused(stored, family, path, change, problem):
    sentence, seen = refused(corpus.changed(stored[family], path, change))
    assert (sentence.partition(" (")[0].removesuffix("."), seen) == (f"the stored model is damaged: {problem}", [])


def test_what_stands_in_the_models_place_is_refused_by_every_way_to_ask(trained):
    mend = "Run: INSERT INTO p(p, options) VALUES ('rebuild', '{\"version\": 1}')."
    assert value(trained, "PRAGMA integrity_check") == "ok"
    for make, sentence in corpus.FOREIGN.values():
        blob = make()
        trained.execute("SAVEPOINT s")
        trained.execute("UPDATE p_models SET model = ?, digest = ?", (blob, sha256(blob).hexdigest()))
        with EVENTS.listening() as seen:
            for ask in ("SELECT y FROM p(1, 2)", "SELECT ml_predict('p', 1, 2)", "SELECT y FROM p WHERE source = 'p'"):
                assert refusal(trained, ask) == f"ModelError: p: version 1: {sentence} {mend}"
            assert value(trained, "PRAGMA integrity_check") == f"p: version 1: {sentence} {mend}"
        assert seen == []
        trained.execute("ROLLBACK TO s; RELEASE s")


def test_a_prediction_opens_nothing_and_imports_nothing(trained):
    predictor.SCORERS._scorers.clear()
    with EVENTS.listening() as seen:
        assert value(trained, "SELECT y FROM p(1, 2)") == "low"
        assert value(trained, "SELECT warning FROM p WHERE source = 'SELECT 1e9 AS a, NULL AS b'") is not None
        assert value(trained, "SELECT ml_predict('p', '[1, 2]')") == "low"
    assert seen == []


def test_looking_at_the_schema_decodes_no_model(trained, monkeypatch):
    sqlite_ml_vtab.load(trained, untrusted=True)
    for where in ("portable.codec.decode", "predictor.integrity.decode", "predictor.integrity.from_bytes"):
        monkeypatch.setattr(f"sqlite_ml_vtab.{where}", lambda *_: pytest.fail("a model was decoded"))
    for ask in ("SELECT * FROM sqlite_schema", "PRAGMA table_list", "PRAGMA table_xinfo(p)", "PRAGMA quick_check"):
        assert list(trained.execute(ask)) != []
    assert value(trained, "PRAGMA integrity_check") == "ok"
    assert value(trained, "SELECT count(*) FROM ml_tables") == 1
