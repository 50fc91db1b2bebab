"""Which verdicts become preferences: the swap-consistency gate, then the most confident fraction.

The fraction is of what passed the gate. Absolute thresholds mean something only once confidence is
calibrated on human labels, which this selection does not claim: `p_kind` is raw.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from rlaif.records import Verdict

Gate = Literal["debiased", "raw", "none"]


def gate(verdict: Verdict, kind: Gate) -> str | None:
    """Why the gate drops a verdict, or None where it passes."""
    if verdict.winner is None:
        return "no verdict"
    if verdict.winner == "tie":
        return "tie"
    if kind == "raw" and not verdict.consistent:
        return "position-inconsistent"
    if kind == "debiased" and not verdict.consistent_debiased:
        return "position-inconsistent (bias removed)"
    return None


def _rank(verdict: Verdict) -> tuple[float, float]:
    """Confidence, then a hash of the pair: equal confidences are cut without favour, the same way
    on every run and whichever side a response stands on."""
    assert verdict.log_odds is not None
    return abs(verdict.log_odds), int(verdict.pair_key[:13], 16) / 16**13


@dataclass
class Selection:
    """Two passes over the verdicts: `look` at each once, then ask `keeps` of each.

    Holds 16 bytes for each verdict that passes the gate.
    """

    kind: Gate
    keep: float
    dropped: Counter[str] = field(default_factory=Counter)
    """Verdicts dropped, by reason."""
    kept: int = 0
    _confidence: array[float] = field(default_factory=lambda: array("d"))
    _breaker: array[float] = field(default_factory=lambda: array("d"))
    _cut: tuple[float, float] | None = None

    def look(self, verdicts: Iterable[Verdict]) -> None:
        """First pass: count what the gate drops and find the cut."""
        for verdict in verdicts:
            reason = gate(verdict, self.kind)
            if reason:
                self.dropped[reason] += 1
                continue
            confidence, breaker = _rank(verdict)
            self._confidence.append(confidence)
            self._breaker.append(breaker)
        self._find_cut()

    def _find_cut(self) -> None:
        ranks = sorted(zip(self._confidence, self._breaker, strict=True), reverse=True)
        self.kept = math.ceil(self.keep * len(ranks))
        if ranks:
            self._cut = ranks[self.kept - 1]
        below = len(ranks) - self.kept
        if below:
            self.dropped[f"not among the most confident {self.keep:.0%}"] = below

    @property
    def threshold(self) -> float | None:
        """The least |log-odds| kept; None where nothing is."""
        return self._cut[0] if self._cut else None

    def keeps(self, verdict: Verdict) -> bool:
        """Second pass: whether this verdict becomes a preference."""
        if self._cut is None or gate(verdict, self.kind):
            return False
        return _rank(verdict) >= self._cut
