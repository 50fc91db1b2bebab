"""An A/B test of two policies: how many prompts, which ones, and what counts as success.

    plan = make_plan(detect=0.55)               # before anybody has looked: n, seed, criterion
    drawn = draw(plan, keys)                    # the prompts, in an order nobody chose
    decide(plan, scores)                        # B won, A won, or it is not shown

A prompt's score is 1 where B's response is preferred, 0 where A's is, .5 for a tie or no answer.
Success was fixed in the plan: the 95 % interval of B's win rate over exactly n prompts is above a
half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from rlaif.evaluation.results import Value, told
from rlaif.measures.intervals import MIN_CLUSTERS, Estimate, clustered_mean
from rlaif.measures.length_control import length_controlled
from rlaif.measures.resampling import Resamples
from rlaif.records import Comparison, Record, digest

EVEN = 0.5


class Plan(Record):
    """What was decided before the first response was compared."""

    detect: float = Field(gt=EVEN, lt=1)
    """The least win rate of the better policy that is worth finding."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance of a verdict, either way, where the two are alike."""
    power: float = Field(default=0.8, gt=0.5, lt=1)
    """Chance of a verdict where the better one wins as often as `detect`."""
    n: int = Field(ge=1)
    """Prompts: all of them are compared before anything is decided."""
    seed: int = 0
    criterion: str
    seal: str = ""
    """Digest of all the rest: what was changed after the plan was made does not fit it."""

    @property
    def whole(self) -> bool:
        """Whether the plan is as it was made."""
        return self.seal == _seal(self)


class Outcome(Record):
    """What the test came to."""

    winner: Literal["a", "b"] | None
    """None: not shown."""
    win_rate: Value
    """Of B over all prompts; a tie is a half, and so is no answer."""
    length_controlled: Value
    """The same were both responses of one length (logistic)."""
    n: int
    silent: int
    """Prompts without an answer."""


def sample_size(detect: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Prompts for a two-sided test of a win rate against a half (Fleiss 1981, 1.3, no ties).

    Ties only make the needed number smaller.
    """
    from scipy.stats import norm

    z = float(norm.ppf(1 - alpha / 2)), float(norm.ppf(power))
    spread = z[0] * math.sqrt(EVEN * EVEN) + z[1] * math.sqrt(detect * (1 - detect))
    return math.ceil((spread / (detect - EVEN)) ** 2)


def make_plan(detect: float, alpha: float = 0.05, power: float = 0.8, seed: int = 0) -> Plan:
    """A plan with the sample size it needs. Raises ValueError for numbers out of range."""
    if not EVEN < detect < 1:
        raise ValueError(f"the win rate to detect must be over .5 and under 1, not {detect}")
    n = max(sample_size(detect, alpha, power), MIN_CLUSTERS)  # under these there is no interval
    criterion = (
        f"the {1 - alpha:.0%} interval of B's win rate over {n:,} prompts, a tie or no answer"
        " counting half, is above .5 (B wins) or below it (A wins)"
    )
    plan = Plan(detect=detect, alpha=alpha, power=power, n=n, seed=seed, criterion=criterion)
    return plan.model_copy(update={"seal": _seal(plan)})


def _seal(plan: Plan) -> str:
    return digest("abtest plan", plan.model_dump(mode="json", exclude={"seal"}))


def draw(plan: Plan, keys: Sequence[str]) -> list[str]:
    """The plan's n prompts of those with outputs of both, by seed; fewer where there are fewer."""
    return sorted(set(keys), key=lambda key: digest("abtest", plan.seed, key))[: plan.n]


def placed(pair: Comparison, seed: int) -> tuple[Comparison, bool]:
    """The pair (a is policy A's) with its sides by a coin, and whether they were exchanged."""
    turned = int(digest("abtest side", seed, pair.pair_key), 16) % 2 == 1
    return (pair.swapped() if turned else pair), turned


def verdict(plan: Plan, scores: ArrayLike) -> tuple[Estimate, Literal["a", "b"] | None]:
    """B's win rate with its interval, and who wins by it; `scores` (n,) are one a prompt."""
    flat = np.asarray(scores, dtype=float)
    rate = clustered_mean(flat, np.arange(len(flat)), seed=plan.seed, level=1 - plan.alpha)
    if rate.low is None or rate.high is None:
        return rate, None
    return rate, "b" if rate.low > EVEN else "a" if rate.high < EVEN else None


def decide(plan: Plan, toward_b: ArrayLike, gap: ArrayLike) -> Outcome:
    """The verdict of the plan's criterion.

    `toward_b` (n,) is +1 where B's response is preferred, -1 where A's, 0 for a tie, NaN without
    an answer; `gap` (n,) is B's length minus A's.
    """
    side, lengths = np.asarray(toward_b, dtype=float), np.asarray(gap, dtype=float)
    there = np.isfinite(side)
    # No answer is a half and not left out: the plan's n prompts are all compared.
    rate, winner = verdict(plan, np.where(there, (1 + side) / 2, EVEN))
    prompts = np.arange(int(there.sum()))
    figure = length_controlled(side[there], np.ones(len(prompts)), lengths[there])
    return Outcome(
        winner=winner,
        win_rate=told(rate),
        length_controlled=told(Resamples(prompts, plan.seed).estimate(figure)),
        n=len(side),
        silent=int((~there).sum()),
    )
