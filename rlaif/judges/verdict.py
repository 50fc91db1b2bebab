"""Folding: all judgements of one comparison become one verdict.

For each principle the log-odds of the first shown, `l_ab` and `l_ba`, give the debiased log-odds
that a beats b, `(l_ab - l_ba) / 2`, and the position bias, `(l_ab + l_ba) / 2`. Over principles and
judges the weighted mean of log-odds counts. Swapping a comparison negates its log-odds exactly.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from rlaif.records import Comparison, Judgement, Label, Named, Order, PrinciplePart, Verdict

CLIP = 0.001
"""Probabilities are clipped to [CLIP, 1 - CLIP] before the logit: no saturated order decides."""

VOTE_PRIOR = 1.0
"""Beta(1, 1) prior on sampled votes: n votes for A of n give (n + 1) / (n + 2)."""

SHRINKAGE = 20.0
"""Judgements' worth of pull of a principle's position bias to the judge's, and of that to 0."""

Biases = Mapping[tuple[str, str], float]
"""Position bias in log-odds by (judge, principle)."""


def logit(p: float) -> float:
    """Log-odds of p, clipped; odd in p - 1/2 up to rounding."""
    p = min(max(p, CLIP), 1 - CLIP)
    return math.log(p / (1 - p))


def sigmoid(x: float) -> float:
    """Probability of log-odds x, without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


@dataclass(frozen=True, slots=True)
class _Side:
    """One principle in one order: log-odds and tie probability of the first shown."""

    log_odds: float
    p_first: float
    p_tie: float
    written: int
    """Rationales or votes behind it; 0 where a probability was read without any."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both orders of one principle by one judge."""

    judge: str
    principle: str
    weight: float
    ab: _Side
    ba: _Side


def fold(
    comparison: Comparison,
    judge: str,
    judgements: Sequence[Judgement],
    *,
    weights: Mapping[str, float] | None = None,
    biases: Biases | None = None,
    stage: int = 1,
) -> Verdict:
    """Fold the judgements of one comparison; their order does not matter.

    `weights` are by principle id (1 where absent). A principle counts where it has a vote in both
    orders. Without any, the verdict has no winner and `reason` says what came instead.
    """
    pairs = _pairs(judgements, weights or {})
    if not pairs:
        return _no_verdict(comparison, judge, judgements, stage)
    log_odds = _mean(pairs, [(p.ab.log_odds - p.ba.log_odds) / 2 for p in pairs])
    named_ab = _named(pairs, [p.ab for p in pairs])
    named_ba = _named(pairs, [p.ba for p in pairs])
    parts = tuple(
        PrinciplePart(
            principle=p.principle,
            judge=p.judge,
            l_ab=p.ab.log_odds,
            l_ba=p.ba.log_odds,
            weight=p.weight,
        )
        for p in pairs
    )
    return Verdict(
        comparison=comparison.id,
        pair_key=comparison.pair_key,
        judge=judge,
        winner=_winner(pairs, log_odds),
        log_odds=log_odds,
        p=sigmoid(log_odds),
        position_bias=_mean(pairs, [(p.ab.log_odds + p.ba.log_odds) / 2 for p in pairs]),
        consistent=_agree(named_ab, named_ba),
        consistent_debiased=agree_debiased(parts, named_ab, named_ba, biases or {}),
        named_ab=named_ab,
        named_ba=named_ba,
        parts=parts,
        stage=stage,
        low_resolution=any(
            sum(side.written for side in sides) == 1
            for sides in ([p.ab for p in pairs], [p.ba for p in pairs])
        ),
    )


def _pairs(judgements: Sequence[Judgement], weights: Mapping[str, float]) -> list[_Pair]:
    votes: dict[tuple[str, str], dict[Order, list[Judgement]]] = defaultdict(
        lambda: {"ab": [], "ba": []}
    )
    for judgement in judgements:
        if judgement.outcome.votes:
            votes[judgement.judge, judgement.principle][judgement.order].append(judgement)
    return [
        _Pair(
            judge, principle, weights.get(principle, 1.0), _side(orders["ab"]), _side(orders["ba"])
        )
        for (judge, principle), orders in sorted(votes.items())
        if orders["ab"] and orders["ba"]
    ]


def _side(judgements: list[Judgement]) -> _Side:
    """Mean probability over rationales; counted votes get their Beta prior."""
    ordered = sorted(judgements, key=lambda j: j.sample)
    p_tie = fmean([j.p_tie or 0.0 for j in ordered])
    firsts = [j.p_first for j in ordered if j.p_first is not None]
    if all(j.confidence_source == "votes" for j in ordered):
        p_first = (math.fsum(firsts) + VOTE_PRIOR) / (len(firsts) + 2 * VOTE_PRIOR)
    else:
        p_first = fmean(firsts)
    written = sum(j.confidence_source == "votes" or bool(j.rationale) for j in ordered)
    return _Side(logit(p_first), fmean(firsts), p_tie, written)


def _mean(pairs: Sequence[_Pair | PrinciplePart], values: Sequence[float]) -> float:
    """Weighted mean; `fsum` makes it exact in sign and free of the order of the terms."""
    if len(pairs) == 1 and pairs[0].weight == 1:  # most often: nothing to sum
        return values[0] + 0.0
    total = math.fsum([pair.weight for pair in pairs])
    return math.fsum([p.weight * v for p, v in zip(pairs, values, strict=True)]) / total


def _tie_leads(p_first: float, p_tie: float) -> bool:
    return p_tie > p_first - p_tie / 2 and p_tie > 1 - p_first - p_tie / 2


def _named(pairs: Sequence[_Pair], sides: Sequence[_Side]) -> Named | None:
    """The side named in one order as answered; None where the evidence is exactly even."""
    if _tie_leads(_mean(pairs, [s.p_first for s in sides]), _mean(pairs, [s.p_tie for s in sides])):
        return "tie"
    log_odds = _mean(pairs, [s.log_odds for s in sides])
    return None if log_odds == 0 else "A" if log_odds > 0 else "B"


def _winner(pairs: Sequence[_Pair], log_odds: float) -> Label:
    p_a = _mean(pairs, [(p.ab.p_first + 1 - p.ba.p_first) / 2 for p in pairs])
    p_tie = _mean(pairs, [(p.ab.p_tie + p.ba.p_tie) / 2 for p in pairs])
    if log_odds == 0 or _tie_leads(p_a, p_tie):
        return "tie"
    return "a" if log_odds > 0 else "b"


def _agree(named_ab: Named | None, named_ba: Named | None) -> bool:
    return (named_ab, named_ba) in {("A", "B"), ("B", "A"), ("tie", "tie")}


def agree_debiased(
    parts: Sequence[PrinciplePart], named_ab: Named | None, named_ba: Named | None, biases: Biases
) -> bool:
    """Whether both orders name the same side once `biases` are off: `consistent_debiased`.

    It takes no more than a verdict holds, since biases are known only once all are folded.
    """
    if not parts:
        return False
    if "tie" in (named_ab, named_ba):
        return named_ab == named_ba
    off = [biases.get((p.judge, p.principle), 0.0) for p in parts]
    l_ab = _mean(parts, [p.l_ab - m for p, m in zip(parts, off, strict=True)])
    l_ba = _mean(parts, [p.l_ba - m for p, m in zip(parts, off, strict=True)])
    return l_ab * l_ba < 0


def _no_verdict(
    comparison: Comparison, judge: str, judgements: Sequence[Judgement], stage: int
) -> Verdict:
    return Verdict(
        comparison=comparison.id,
        pair_key=comparison.pair_key,
        judge=judge,
        winner=None,
        log_odds=None,
        p=None,
        position_bias=None,
        consistent=False,
        consistent_debiased=False,
        named_ab=None,
        named_ba=None,
        reason=_reason(judgements),
        stage=stage,
    )


def _reason(judgements: Sequence[Judgement]) -> str:
    """Which order has no vote, and what came instead."""
    parts = []
    for order in ("ab", "ba"):
        there = [j for j in judgements if j.order == order]
        if any(j.outcome.votes for j in there):
            continue
        kinds = sorted({j.outcome.value for j in there}) or ["not asked"]
        parts.append(f"no vote in order {order}: {', '.join(kinds)}")
    return "; ".join(parts) or "no principle has a vote in both orders"


class BiasEstimate:
    """Position bias per judge and principle over a pool: medians, shrunk; 8 bytes a part."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))

    def add(self, parts: Iterable[PrinciplePart]) -> None:
        """Take in the parts of one verdict."""
        for part in parts:
            self._values[part.judge, part.principle].append(part.position_bias)

    def estimate(self) -> dict[tuple[str, str], float]:
        """Shrunk medians: a principle's to its judge's, a judge's to 0, by n / (n + SHRINKAGE)."""
        by_judge: dict[str, list[float]] = defaultdict(list)
        for (judge, _), values in self._values.items():
            by_judge[judge].extend(values)
        judges = {j: _shrunk(median(v), len(v), 0.0) for j, v in by_judge.items()}
        return {
            key: _shrunk(median(values), len(values), judges[key[0]])
            for key, values in sorted(self._values.items())
        }


def _shrunk(value: float, n: int, towards: float) -> float:
    return (n * value + SHRINKAGE * towards) / (n + SHRINKAGE)
