"""How a pool asks: every limit and patience of it, in one record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Settings of one pool. Nothing here is part of a ledger key."""

    in_flight: int = 64
    """Most calls on the wire at once; a client's own bound wins where it is lower."""
    rpm: float | None = None
    """Requests a minute; None learns from headers and answers."""
    tpm: float | None = None
    """Tokens a minute; None learns likewise."""
    timeout_s: float = 120.0
    """The card's deadline for one attempt."""
    attempts: int = 5
    """Attempts a call, 429s not counted."""
    hedge_share: float = 0.02
    """Most calls that may be asked again before they time out, as a share of those started."""
    stall_s: float = 600.0
    """The run stops where refusals let no answer through for this long."""
    max_failures: float = 0.05
    """Share of failed calls over which the run stops."""
    max_output: int = 16384
    """An output limit that was used up is raised once, fourfold, up to this."""
    grace_s: float = 20.0
    """What calls on the wire get to land after a stop."""
    seed: int = 0
    """Of the jitter between retries; draws nothing else."""
