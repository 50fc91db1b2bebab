"""The blend of votes and judge, against a Beta posterior and simulated annotators."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rlaif.curation.hybrid import KAPPA, blend, fit_kappa


def arrays(*values):
    return [np.asarray(value, dtype=float) for value in values]


def test_the_blend_is_the_mean_of_a_beta_posterior_with_the_judge_as_prior():
    told = blend(*arrays([3], [4], [0.8]), 2.0)
    assert told[0] == pytest.approx(stats.beta(2 * 0.8 + 3, 2 * 0.2 + 1).mean())


@given(st.integers(0, 9), st.integers(0, 9), st.floats(0.01, 0.99), st.floats(0.1, 50))
def test_swapping_the_sides_turns_p_around(a, b, p, kappa):
    one = blend(*arrays([a], [a + b], [p]), kappa)[0]
    other = blend(*arrays([b], [a + b], [1 - p]), kappa)[0]
    assert one == pytest.approx(1 - other)
    assert 0 < one < 1


def test_without_a_judge_the_prior_is_even():
    assert blend(*arrays([1], [1], [np.nan]), 2.0)[0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("worth", [1.0, 4.0, 16.0])
def test_kappa_is_recovered_from_annotators_drawn_around_the_judge(worth):
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 4000)
    truth = rng.beta(worth * p, worth * (1 - p))
    a = rng.binomial(4, truth)
    found = fit_kappa(*arrays(a, 4 - a, np.zeros(4000), p))
    assert found.fitted
    assert found.value == pytest.approx(worth, rel=0.25)


def test_single_votes_say_nothing_of_kappa():
    found = fit_kappa(*arrays(np.ones(500), np.zeros(500), np.zeros(500), np.full(500, 0.7)))
    assert (found.value, found.fitted, found.n) == (KAPPA, False, 0)
