"""Human votes and a judge's probability become one: people decide where they spoke.

For a pair with `n` votes, of which `s` (a tie is half a vote) are for the chosen response, and the
judge's `p` that it is better:

    P(a fresh annotator prefers the chosen one) = (s + kappa p) / (n + kappa)

the mean of a Beta posterior whose prior is the judge, worth `kappa` votes. People agree with each
other in .66 to .85 of cases, so one vote is not p = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KAPPA = 2.0
"""Votes that a judge is worth where too few pairs have several votes to fit it."""
MIN_PAIRS = 20
"""Pairs with two votes or more from which kappa is fitted."""
BOUNDS = (0.05, 200.0)
EDGE = 0.001
"""The judge's p is clipped to [EDGE, 1 - EDGE]: it is never certain."""


@dataclass(frozen=True, slots=True)
class Kappa:
    """How many votes the judge is worth; `n` pairs with several votes were there to fit it."""

    value: float
    fitted: bool
    n: int


def blend(votes_a: Floats, votes: Floats, p_a: Floats, kappa: float) -> Floats:
    """P(a fresh annotator prefers a). Shapes (n,); `votes_a` counts a tie as a half.

    Where the judge has no p (NaN) its prior is even.
    """
    prior = np.where(np.isnan(p_a), 0.5, p_a)
    return np.asarray((votes_a + kappa * prior) / (votes + kappa), dtype=float)


def fit_kappa(a: Floats, b: Floats, ties: Floats, p_a: Floats) -> Kappa:
    """The kappa that best foretells each vote from the pair's other votes and the judge.

    `a`, `b` and `ties` count votes, shape (n,); pairs with fewer than two votes say nothing and
    are left out, as are those the judge has no p for.
    """
    from scipy.optimize import minimize_scalar

    several = (a + b + ties >= 2) & ~np.isnan(p_a)
    n = int(several.sum())
    if n < MIN_PAIRS:
        return Kappa(KAPPA, False, n)
    counts = [side[several].astype(float) for side in (a, b, ties)]
    p = np.clip(p_a[several], EDGE, 1 - EDGE)
    found: Any = minimize_scalar(
        lambda log: _loss(float(np.exp(log)), counts, p),
        bounds=tuple(np.log(BOUNDS)),
        method="bounded",
    )
    return Kappa(float(np.exp(found.x)), True, n)


def _loss(kappa: float, counts: list[Floats], p: Floats) -> float:
    """Cross-entropy of each vote given the others: leave one vote out."""
    a, b, ties = counts
    n, share = a + b + ties, a + ties / 2
    loss = 0.0
    for count, value in ((a, 1.0), (b, 0.0), (ties, 0.5)):
        told = (np.maximum(share - value, 0.0) + kappa * p) / (n - 1 + kappa)
        told = np.clip(told, 1e-9, 1 - 1e-9)
        loss -= float(count @ (value * np.log(told) + (1 - value) * np.log1p(-told)))
    return loss
