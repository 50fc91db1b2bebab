"""Which responses to one prompt are compared: all, some by seed, or the most uncertain next.

Adaptive pairing is a loop: `next_pairs` names the pairs worth judging, a judge gives each a
probability, and `next_pairs` is asked again with what is known by then.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from rlaif.candidates.candidate import Answered, Candidate
from rlaif.records import Comparison, LabelledComparison, Response, digest

Pair = tuple[int, int]
"""Two places in the list of candidates, the lower first."""
Judged = tuple[int, int, float]
"""Items i and j, and the probability that i beats j."""
Floats = NDArray[np.float64]

PRIOR_VARIANCE = 4.0
"""Of an item's strength (log-odds), mean 0: two thirds of pairs within odds of 17 to 1."""
MAX_STEPS = 100


def all_pairs(n_items: int) -> list[Pair]:
    """Every pair of different items."""
    return list(combinations(range(n_items), 2))


def random_pairs(n_items: int, m: int, seed: int, key: str) -> list[Pair]:
    """`m` different pairs (all, where there are fewer), drawn by seed and the prompt's key."""
    pairs = all_pairs(n_items)
    dice = random.Random(digest("pairs", seed, key))
    return sorted(dice.sample(pairs, min(m, len(pairs))))


def next_pairs(
    n_items: int, judged: Sequence[Judged], m: int, seed: int, undecided: Iterable[Pair] = ()
) -> list[Pair]:
    """The `m` pairs whose verdicts would tell most about who is better; fewer at the end.

    Bradley-Terry strengths under a normal prior are fitted to `judged`; a pair is worth
    s(d) s(-d) var(d), d the difference of its strengths: what a verdict adds to the log-determinant
    of the posterior precision (D-optimal design), largest where the outcome is open and the items
    little known. Pairs of one round are picked one after another, each reckoned with the ones
    before it. A judged pair is not named again, nor one of `undecided`, which were asked about
    and brought no verdict; equal worth is settled by `seed`.
    """
    known = {(min(i, j), max(i, j)) for i, j, _ in judged} | set(undecided)
    left = [pair for pair in all_pairs(n_items) if pair not in known]
    random.Random(digest("next", seed, n_items)).shuffle(left)
    strengths, covariance = fit(n_items, judged)
    chosen: list[Pair] = []
    while left and len(chosen) < m:
        first, second = np.array(left).T
        gap = strengths[first] - strengths[second]
        spread = covariance[first, first] + covariance[second, second]
        spread = spread - 2 * covariance[first, second]
        # Rounded, so that pairs equal but for the last bits are settled by the shuffle.
        best = int(np.argmax(np.round(_slope(gap) * spread, 9)))
        i, j = left.pop(best)
        chosen.append((i, j))
        covariance = _after(covariance, i, j, float(_slope(gap[best])))
    return chosen


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
        precision = design.T @ (_slope(gap)[:, None] * design) + prior
        step = np.linalg.solve(precision, gradient)
        # At most one unit at a time: a full step can overshoot where the logistic is flat.
        strengths = strengths - step * min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    gap = design @ strengths
    precision = design.T @ (_slope(gap)[:, None] * design) + prior
    return strengths, np.asarray(np.linalg.inv(precision), dtype=np.float64)


def comparisons(
    answered: Answered, pairs: Iterable[Pair], seed: int
) -> Iterator[LabelledComparison]:
    """The pairs as comparisons to be judged.

    Which response is a is drawn by seed and content: a revision is not always b.
    """
    for i, j in pairs:
        yield _comparison(answered, answered.candidates[i], answered.candidates[j], seed)


def _comparison(
    answered: Answered, one: Candidate, other: Candidate, seed: int
) -> LabelledComparison:
    prompt = answered.prompt
    comparison = Comparison(
        id=f"{prompt.id}:{one.id}~{other.id}",
        prompt=prompt.prompt,
        a=Response(text=one.text, model=one.model),
        b=Response(text=other.text, model=other.model),
        domain=prompt.domain,
        source=prompt.source,
    )
    if int(digest("side", seed, comparison.pair_key), 16) % 2:
        comparison = comparison.swapped()
    return LabelledComparison(comparison=comparison, line=prompt.line)


def _after(covariance: Floats, i: int, j: int, weight: float) -> Floats:
    """The covariance once the pair (i, j) is judged too (Sherman-Morrison)."""
    column = covariance[:, i] - covariance[:, j]
    spread = column[i] - column[j]
    gain = np.outer(column, column) * (weight / (1 + weight * spread))
    return np.asarray(covariance - gain, dtype=np.float64)


def _logistic(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)), dtype=np.float64)


def _slope(x: Floats) -> Floats:
    """s(x) s(-x): the variance of an outcome with log-odds x."""
    return np.asarray(0.25 / np.cosh(np.clip(x, -500, 500) / 2) ** 2, dtype=np.float64)
