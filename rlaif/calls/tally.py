"""What a run of calls came to, and the events that show it on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from rlaif.calls.request import Failure, Reply
from rlaif.records import Outcome

Stop = Literal["budget", "stall", "disk", "failures", "interrupted", "fatal"]

FAILED = frozenset({Outcome.TRANSPORT, Outcome.UNPARSEABLE, Outcome.TRUNCATED})
"""Outcomes that count against `max_failures`; a refusal or a filter is the model's answer."""


@dataclass(slots=True)
class Tally:
    """Counts of one run."""

    asked: int = 0
    """Calls started: keys with no answer to reuse."""
    reused: int = 0
    """Keys the ledger had an answer for, or that were being asked already."""
    finished: int = 0
    """Calls with a final recorded outcome."""
    unfinished: int = 0
    """Calls started and given up at a stop: not recorded, asked again by the next run."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """Calls by final outcome; `BUDGET` counts what the cap left unasked."""
    failures: Counter[Failure] = field(default_factory=Counter)
    """Attempts that brought no reply, by kind."""
    attempts: int = 0
    hedges: int = 0
    """Attempts sent while an earlier one of the same call was still awaited."""
    hedged_calls: int = 0
    late: int = 0
    """Replies that came after another attempt's had won."""
    possibly_billed: int = 0
    """Attempts without a reply that the provider may have charged."""
    cost_usd: float | None = 0.0
    """Of all replies, late ones included; None where the price is unknown."""
    possible_usd: float | None = 0.0
    """Worst case of what was possibly billed beside it."""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    seconds: float = 0.0
    stopped: Stop | None = None
    """Why the run ended before its end; None where it did not."""
    message: str = ""
    """What a user reads where it stopped."""

    def spend(self, reply: Reply, cost_usd: float | None) -> None:
        """Add what a reply took; a cost of None makes the whole unknown."""
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.tokens_cached += reply.tokens_cached
        if self.cost_usd is not None:
            self.cost_usd = None if cost_usd is None else self.cost_usd + cost_usd

    @property
    def rate_limited(self) -> int:
        """429s."""
        return self.failures[Failure.RATE_LIMITED]

    @property
    def failed(self) -> int:
        """Final outcomes that count against `max_failures`."""
        return sum(self.outcomes[outcome] for outcome in FAILED)

    @property
    def failed_share(self) -> float:
        """Failed calls as a share of all there is an outcome for, reused answers included."""
        return self.failed / max(1, self.finished + self.reused)


@dataclass(frozen=True, slots=True)
class Event:
    """Where a run stands; sent about once a second, and when it stops."""

    finished: int
    asked: int
    reused: int
    failed: int
    per_s: float
    """Calls finished a second, over the last few seconds."""
    cost_usd: float | None
    in_flight: int
    waiting_until: float | None
    """Seconds since the epoch; None unless the provider makes everybody wait."""
    stopped: Stop | None = None
