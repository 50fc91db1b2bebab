"""Two metronomes: requests a second, and tokens a second. Only one task waits on either."""

from __future__ import annotations

from aiolimiter import AsyncLimiter
from asyncio_throttle.throttler import Throttler

SPAN_S = 0.05
POLL_S = 0.001


class RequestPace:
    """At most `per_s` requests in any second; None lets everything through.

    What a second allows goes out in twentieths: many limiters take no larger burst.
    """

    def __init__(self) -> None:
        self.per_s: float | None = None
        self._throttle = Throttler(1, retry_interval=POLL_S)

    def set(self, per_s: float | None) -> None:
        """Change the pace; who is waiting feels it at once."""
        self.per_s = per_s
        if per_s is None:
            self._throttle.rate_limit, self._throttle.period = 1, 0.0
            return
        # The throttle counts whole requests, so the span is stretched to hold whole ones.
        whole = max(1, int(per_s * SPAN_S))
        self._throttle.rate_limit, self._throttle.period = whole, whole / per_s

    async def take(self) -> None:
        """Wait for one request's turn."""
        if self.per_s is not None:
            await self._throttle.acquire()  # type: ignore[no-untyped-call]


class TokenPace:
    """At most `per_s` tokens a second, in a bucket that holds one second's worth."""

    def __init__(self) -> None:
        self.per_s: float | None = None
        self._limiter: AsyncLimiter | None = None

    def set(self, per_s: float | None) -> None:
        """Change the pace; a new one starts with a full bucket."""
        if per_s != self.per_s:
            self.per_s = per_s
            self._limiter = None if per_s is None else AsyncLimiter(max(1.0, per_s), 1.0)

    async def take(self, tokens: float) -> None:
        """Wait for `tokens`; more than the bucket holds are taken a bucketful at a time."""
        limiter = self._limiter
        while limiter is not None and tokens > 0:
            part = min(tokens, limiter.max_rate)
            await limiter.acquire(part)
            tokens -= part
