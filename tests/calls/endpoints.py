"""Rate limiters as endpoints have them, on any clock, and a client that meets one."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from rlaif.calls.request import RateHeaders, Reply, Request
from tests.calls.fakes import FakeClient, refused, reply


class Bucket:
    """Refills at `rpm` a minute, holds `holds`."""

    def __init__(self, rpm: int, holds: int) -> None:
        self.limit, self.holds, self.level, self.at = rpm, holds, float(holds), 0.0

    def take(self, now: float) -> float:
        """0 where a request passes, else the seconds until one would."""
        self.level = min(self.holds, self.level + (now - self.at) * self.limit / 60)
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) * 60 / self.limit

    def best(self, calls: int) -> float:
        """The least seconds in which that many calls can pass."""
        return max(0.0, (calls - self.holds) * 60 / self.limit)


class Window:
    """All of `rpm` anew at each turn of a minute."""

    def __init__(self, rpm: int) -> None:
        self.limit, self.level, self.minute = rpm, 0.0, -1.0

    def take(self, now: float) -> float:
        """0 where a request passes, else the seconds until one would."""
        if now // 60 != self.minute:
            self.minute, self.level = now // 60, self.limit
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (self.minute + 1) * 60 - now

    def best(self, calls: int) -> float:
        """The least seconds in which that many calls can pass."""
        return (calls - 1) // self.limit * 60.0


@dataclass
class Manners:
    """How an endpoint says no."""

    headers: bool = True
    retry_after: bool = True
    sporadic: float = 0.0
    """Share of calls refused for no reason, with a Retry-After of 1 s."""


class LimitedClient(FakeClient):
    """Answers in 0.1 s what its limiter lets through; a refusal takes 5 ms."""

    def __init__(self, limiter: Bucket | Window | None, manners: Manners) -> None:
        super().__init__()
        self.limiter = limiter
        self.manners = manners
        self.dice = random.Random(1)
        self.refusals = 0

    async def send(self, request: Request, timeout_s: float) -> Reply:
        await asyncio.sleep(0.005)
        if self.dice.random() < self.manners.sporadic:
            self.refusals += 1
            raise refused(1.0)
        rate = None
        if self.limiter is not None:
            wait = self.limiter.take(asyncio.get_running_loop().time())
            if self.manners.headers:
                rate = RateHeaders(self.limiter.limit, int(self.limiter.level))
            if wait:
                self.refusals += 1
                raise refused(wait if self.manners.retry_after else None, rate)
        await asyncio.sleep(self.dice.uniform(0.09, 0.11))
        return reply(rate=rate)
