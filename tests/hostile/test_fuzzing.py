"""A slice of each fuzzing campaign: nothing is found, and the same inputs are tried each time."""

import models
import pytest
import seeds
import text

from sqlite_ml_vtab.portable import LISTED, REFIT
from sqlite_ml_vtab.portable.families import FAMILIES

pytestmark = pytest.mark.filterwarnings("ignore::sqlite_ml_vtab.PredictorWarning")

SIZE = 300
"""Of each family; a release tries 10,000 (make fuzz)."""


def test_every_family_has_a_model_to_begin_from(stored):
    assert stored.keys() == seeds.ONE_EACH.keys() == {*FAMILIES, LISTED, REFIT}


@pytest.mark.parametrize(("kind", "size"), [("structure", SIZE), ("raw", SIZE // 3)])
def test_a_changed_model_is_refused_or_answers_and_no_more(seeds_file, kind, size):
    families = list(seeds.ONE_EACH)
    found = models.fuzz(seeds_file, families, kind, size, "0")
    assert found.failures == {}
    assert found.counts.total() == size * len(families)
    for family in families:
        believed = found.counts[f"{family} {'refit' if family == REFIT else 'accepted'}"]
        assert 0 < believed < size


def test_every_prefix_of_a_model_of_every_family_is_refused(seeds_file, stored):
    found = models.fuzz(seeds_file, ["constant"], "prefixes", 2 * len(stored["constant"]), "0")
    assert found.failures == {}
    assert found.counts["constant refused"] == 2 * len(stored["constant"]) - 1


@pytest.mark.parametrize("fuzzer", text.FUZZERS)
def test_what_is_written_is_refused_by_a_sentence_or_taken(fuzzer):
    assert [problem for _, problem in text.FUZZERS[fuzzer](2000, "0") if problem] == []
