"""Which fault a call meets: a function of (seed, body, attempt), so that a run can be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from tests.provider.settings import Settings

TRANSIENT = ("rate_429", "rate_500", "rate_529", "hang", "garbage", "empty")
STICKY = ("never", "filtered", "refusal", "truncated", "reasoning")


def body_hash(body: bytes, seed: int) -> bytes:
    """16 bytes that stand for a body under a seed."""
    return blake2b(body, digest_size=16, key=str(seed).encode()).digest()


def uniform(digest: bytes, *parts: str) -> float:
    """A number in [0, 1) drawn from the digest and `parts`."""
    data = blake2b("/".join(parts).encode(), digest_size=8, key=digest).digest()
    return int.from_bytes(data, "big") / 2**64


@dataclass
class Faults:
    """Draws a call's fault by name, or "" for none; sticky faults come first."""

    settings: Settings

    def __post_init__(self) -> None:
        self.transient = self._shares(TRANSIENT)
        self.sticky = self._shares(STICKY)

    def _shares(self, names: tuple[str, ...]) -> list[tuple[str, float]]:
        """Cumulative shares of the faults that are switched on."""
        total, shares = 0.0, []
        for name in names:
            share = getattr(self.settings, name)
            if share:
                total += share
                shares.append((name, total))
        return shares

    def draw(self, digest: bytes, attempt: int) -> str:
        """The fault of the `attempt`-th call (from 0) with this body."""
        for shares, parts in ((self.sticky, ("s",)), (self.transient, ("t", str(attempt)))):
            if not shares:
                continue
            u = uniform(digest, *parts)
            for name, bound in shares:
                if u < bound:
                    return name
        return ""
