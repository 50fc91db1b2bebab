"""What the stub has seen, so that tests can count what was paid twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stats:
    """Counts since the start or the last reset."""

    calls: int = 0
    """Calls that arrived, refused ones included."""
    answered: int = 0
    """Good replies sent whole."""
    abandoned: int = 0
    """Calls whose asker went away first."""
    in_flight: int = 0
    max_in_flight: int = 0
    cached: int = 0
    """Replies that read a prefix from the cache."""
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seen: Counter[bytes] = field(default_factory=Counter)
    """Calls by body hash, whatever came of them."""
    billed: Counter[bytes] = field(default_factory=Counter)
    """Good replies begun, by body hash: a provider bills them even if nobody waits any more."""
    first_at: float | None = None
    last_at: float | None = None
    batches: int = 0
    prefixes: set[str] = field(default_factory=set)

    def report(self, bodies: bool) -> dict[str, Any]:
        """The counts as JSON values; `bodies` adds every body hash."""
        report: dict[str, Any] = {
            "calls": self.calls,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "cached": self.cached,
            "statuses": dict(self.statuses),
            "faults": dict(self.faults),
            "bodies": len(self.seen),
            "billed": sum(self.billed.values()),
            "billed_twice": sum(n - 1 for n in self.billed.values()),
            "seconds": (self.last_at or 0) - (self.first_at or 0),
            "batches": self.batches,
        }
        if bodies:
            report["seen_by_body"] = {k.hex(): v for k, v in self.seen.items()}
            report["billed_by_body"] = {k.hex(): v for k, v in self.billed.items()}
        return report
