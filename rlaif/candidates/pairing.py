"""Which responses to one prompt are compared: all, some by seed, or the most uncertain next.

Adaptive pairing is a loop: `next_pairs` names the pairs worth judging, a judge gives each a
probability, and `next_pairs` is asked again with what is known by then.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np

from rlaif.candidates.candidate import Answered, Candidate
from rlaif.measures.strengths import Floats, Judged, fit, slope
from rlaif.records import Comparison, LabelledComparison, Response, digest

Pair = tuple[int, int]
"""Two places in the list of candidates, the lower first."""


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
        best = int(np.argmax(np.round(slope(gap) * spread, 9)))
        i, j = left.pop(best)
        chosen.append((i, j))
        covariance = _after(covariance, i, j, float(slope(gap[best])))
    return chosen


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
