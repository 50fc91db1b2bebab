"""Bradley-Terry: how strong each of a few items is, from pairs of them that were judged.

A judged pair may be a probability, which counts as that share of a win. A normal prior keeps an
item that always wins finite. `choix.opt_pairwise` fits the same model to wins and losses alone
and cannot weigh them; the tests hold this fit to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Judged = tuple[int, int, float]
"""Items i and j, and the probability that i beats j."""
Floats = NDArray[np.float64]

PRIOR_VARIANCE = 4.0
"""Of an item's strength (log-odds), mean 0: two thirds of pairs within odds of 17 to 1."""
MAX_STEPS = 100


def fit(n_items: int, judged: Sequence[Judged]) -> tuple[Floats, Floats]:
    """Posterior mode (n,) and Laplace covariance (n, n) of Bradley-Terry strengths, log-odds.

    Minimises sum_k -[p log s(d) + (1-p) log s(-d)] + |x|^2 / (2 PRIOR_VARIANCE) by Newton's method,
    which the prior makes strictly convex. Raises ValueError for a p outside [0, 1].
    """
    if any(not 0 <= p <= 1 for _, _, p in judged):
        raise ValueError("p must be a probability")
    design = np.zeros((len(judged), n_items))
    for row, (i, j, _) in enumerate(judged):
        design[row, i], design[row, j] = 1.0, -1.0
    p = np.array([p for _, _, p in judged])
    strengths: Floats = np.zeros(n_items)
    prior = np.eye(n_items) / PRIOR_VARIANCE
    for _ in range(MAX_STEPS):
        gap = design @ strengths
        gradient = design.T @ (_logistic(gap) - p) + strengths / PRIOR_VARIANCE
        precision = design.T @ (slope(gap)[:, None] * design) + prior
        step = np.linalg.solve(precision, gradient)
        # At most one unit at a time: a full step can overshoot where the logistic is flat.
        strengths = strengths - step * min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    gap = design @ strengths
    precision = design.T @ (slope(gap)[:, None] * design) + prior
    return strengths, np.asarray(np.linalg.inv(precision), dtype=np.float64)


def slope(x: Floats) -> Floats:
    """s(x) s(-x): the variance of an outcome with log-odds x."""
    return np.asarray(0.25 / np.cosh(np.clip(x, -500, 500) / 2) ** 2, dtype=np.float64)


def _logistic(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)), dtype=np.float64)
