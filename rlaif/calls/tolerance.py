"""How many calls may fail before a run ends for it."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from rlaif.calls.tally import Tally

EARLY = 50
"""Outcomes before a run may be stopped for its failures."""
Z = 3.0


@dataclass(frozen=True, slots=True)
class Tolerance:
    """`share` of the outcomes, reused answers included, may be failures."""

    share: float

    def is_over(self, tally: Tally) -> bool:
        """Whether too many have failed, at the end of a run."""
        return tally.failed_share > self.share

    def is_surely_over(self, tally: Tally) -> bool:
        """Whether too many will have failed beyond doubt (Wilson's lower bound, z = 3)."""
        n = tally.finished + tally.reused
        if n < EARLY:
            return False
        p = tally.failed / n
        spread = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return (p + Z * Z / (2 * n) - spread) / (1 + Z * Z / n) > self.share

    def words(self, tally: Tally) -> str:
        """What a user reads then."""
        return (
            f"{tally.failed} of {tally.finished + tally.reused} calls failed"
            f" (max_failures is {self.share:.0%})"
        )
