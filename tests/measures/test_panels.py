"""Error correlation and effective votes: against NumPy, and against votes simulated."""

import numpy as np
import pytest

from rlaif.measures.panels import effective_votes, panel_figures


def test_correlations_are_numpys_and_errors_that_agree_are_one_vote():
    rng = np.random.default_rng(1)
    errors = (rng.random((300, 3)) < 0.3).astype(float)
    errors[:, 1] = errors[:, 0]
    found = panel_figures(("x", "y", "z"), errors, np.arange(300))
    expected = np.corrcoef(errors.T)
    assert np.array(found.correlation) == pytest.approx(expected)
    mean = (expected[0, 1] + expected[0, 2] + expected[1, 2]) / 3
    assert found.mean_correlation.value == pytest.approx(mean)
    assert found.effective_votes.value == pytest.approx(3 / (1 + 2 * mean))
    assert found.accuracy == pytest.approx(1 - errors.mean(axis=0))
    twins = panel_figures(("x", "y"), errors[:, :2], np.arange(300))
    assert twins.effective_votes.value == pytest.approx(1)


def test_effective_votes_are_what_the_variance_of_the_mean_vote_says():
    """Correlated votes: a common cause with probability sqrt(rho), else one's own."""
    rng = np.random.default_rng(2)
    n, m, rho = 200_000, 5, 0.4
    common = rng.random((n, 1)) < 0.3
    own = rng.random((n, m)) < 0.3
    errors = np.where(rng.random((n, m)) < np.sqrt(rho), common, own).astype(float)
    worth = errors[:, 0].var() / errors.mean(axis=1).var()
    found = panel_figures(tuple("abcde"), errors[:5000], np.arange(5000) % 10)
    assert found.effective_votes.value == pytest.approx(worth, rel=0.1)
    assert effective_votes(m, rho) == pytest.approx(worth, rel=0.05)


def test_independent_and_opposed_members_are_never_worth_more_than_they_are():
    assert effective_votes(3, 0.0) == 3
    assert effective_votes(3, -0.5) == 3
    found = panel_figures(("x", "y"), [[0, 1], [1, 0]] * 20, np.arange(40))
    assert found.mean_correlation.value == pytest.approx(-1)
    assert found.effective_votes.value == 2


def test_a_member_that_never_errs_has_no_correlation():
    found = panel_figures(("x", "y"), np.zeros((30, 2)), np.arange(30))
    assert np.isnan(found.mean_correlation.value)
    assert np.isnan(found.effective_votes.value)
    assert found.accuracy == (1.0, 1.0)
    with pytest.raises(ValueError, match="shape"):
        panel_figures(("x", "y"), np.zeros((30, 3)), np.arange(30))
