"""Whether a difference is noise: the tests of the literature, computed by hand."""

import math

import numpy as np
import pytest
from scipy.stats import t, ttest_rel

from sqlite_ml_vtab.learning.search.comparing import above_baseline, holm, over_folds, over_rows, together
from sqlite_ml_vtab.learning.search.folds import FoldScore


def folds(scores, baseline=0.5, trained=80, tested=20):
    return [FoldScore(1, n, trained, tested, score, baseline, {}, 0.0, 0.0) for n, score in enumerate(scores, 1)]


def test_over_folds_is_the_corrected_resampled_t_test():
    one, other = [0.9, 0.8, 0.85, 0.95, 0.9], [0.8, 0.8, 0.8, 0.85, 0.9]
    differences = np.subtract(one, other)
    statistic = differences.mean() / math.sqrt((1 / 5 + 20 / 80) * differences.var(ddof=1))
    found = over_folds(one, other, folds(one))
    assert (found.mean, found.p_value) == pytest.approx((0.05, t.sf(statistic, 4)))


def test_over_rows_is_the_paired_t_test():
    losses, others = [0, 0, 1, 0, 0, 0, 1, 0], [1, 0, 1, 1, 0, 1, 0, 1]
    found = over_rows(losses, others)
    assert found.p_value == pytest.approx(ttest_rel(others, losses, alternative="greater").pvalue)


@pytest.mark.parametrize(
    ("one", "other", "p_value"),
    [([0.5, 0.5], [0.5, 0.5], 1.0), ([0.6, 0.6], [0.5, 0.5], 0.0), ([0.4, 0.4], [0.5, 0.5], 1.0), ([0.9], [0.5], 1.0)],
)
def test_differences_without_spread(one, other, p_value):
    assert over_folds(one, other, folds(one)).p_value == p_value


def test_holm_is_as_published():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_two_findings_weigh_more_than_one_and_cancel():
    assert together(0.05, 0.05) == pytest.approx(0.01, abs=0.002)
    assert together(0.3, 0.7) == pytest.approx(0.5)
    assert 0.0 < together(0.0, 1.0) < 1.0


def test_noise_is_not_above_the_baseline():
    assert above_baseline(folds([0.7, 0.72, 0.69, 0.71, 0.7]))
    assert not above_baseline(folds([0.7, 0.3, 0.6, 0.55, 0.5]))
    assert not above_baseline(folds([0.5] * 5))
