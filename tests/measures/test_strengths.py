"""Bradley-Terry strengths, against choix and against what they must keep."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import choix
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rlaif.measures.strengths import PRIOR_VARIANCE, fit


def test_strengths_agree_with_choix_on_hard_outcomes() -> None:
    wins = [(0, 1), (1, 2), (0, 2), (3, 2), (0, 3), (2, 1), (2, 1)]
    strengths, _ = fit(4, [(i, j, 1.0) for i, j in wins])
    # choix weighs the squared norm by alpha; a normal prior by 1 / (2 variance).
    expected = choix.opt_pairwise(4, wins, alpha=1 / (2 * PRIOR_VARIANCE), tol=1e-10)
    np.testing.assert_allclose(strengths, expected, atol=1e-5)


def test_a_probability_is_that_share_of_wins() -> None:
    """p = .75 once equals three wins and a loss of a quarter each: the gradient is linear in p."""
    soft, _ = fit(2, [(0, 1, 0.75)] * 4)
    hard, _ = fit(2, [(0, 1, 1.0)] * 3 + [(1, 0, 1.0)])
    np.testing.assert_allclose(soft, hard, atol=1e-8)


def test_covariance_is_the_inverse_of_choix_hessian() -> None:
    from choix.opt import PairwiseFcts

    wins = [(0, 1), (1, 2), (0, 2), (2, 1)]
    strengths, covariance = fit(3, [(i, j, 1.0) for i, j in wins])
    hessian: Any = PairwiseFcts(wins, 1 / (2 * PRIOR_VARIANCE)).hessian(strengths)
    np.testing.assert_allclose(covariance, np.linalg.inv(hessian), atol=1e-10)


def test_who_always_wins_stays_finite_and_first() -> None:
    strengths, _ = fit(20, [(i, i + 1, 1.0) for i in range(19)])
    assert np.isfinite(strengths).all()
    assert (np.diff(strengths) < 0).all()


@given(st.integers(2, 6), st.data())
def test_where_all_pairs_are_judged_the_order_is_that_of_the_summed_probabilities(
    n: int, data: st.DataObject
) -> None:
    judged = [(i, j, data.draw(st.integers(0, 8)) / 8) for i, j in combinations(range(n), 2)]
    total = np.zeros(n)
    for i, j, p in judged:
        total[i] += p
        total[j] += 1 - p
    strengths = np.round(fit(n, judged)[0], 6)
    for i, j in combinations(range(n), 2):
        assert np.sign(strengths[i] - strengths[j]) == np.sign(total[i] - total[j])
