"""Requests and tokens a minute: given, advertised in headers, or learned from refusals.

Nothing is limited until there is a reason: a limit set by the user, headers that show the end of
an allowance, or refusals (429). One refusal says little, so it delays only its own call; an
endpoint that is *full* (its headers show nothing left, or over a fifth of the last 50 answers were
refusals) is asked more slowly by everybody.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from rlaif.calls.learning import WINDOW_S, Meter, Trim
from rlaif.calls.pace import RequestPace, TokenPace
from rlaif.calls.request import CallError, RateHeaders
from rlaif.calls.slots import Slots

FULL_SHARE = 0.2
COOLDOWN_S = 1.0
BACKOFF_S = 0.5
MOST_BACKOFF_S = 20.0
HEADROOM = 0.98
"""Share of an advertised limit that is used: our second and the provider's do not coincide."""
PLENTY = 4.0
"""Pacing by headers ends when this many times the margin is left."""
SLOWEST_PER_S = 0.05


class Limits:
    """Lets requests out at the pace the endpoint bears; `clock` counts seconds."""

    def __init__(
        self,
        slots: Slots,
        *,
        rpm: float | None = None,
        tpm: float | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slots = slots
        self.requests = RequestPace()
        self.tokens = TokenPace()
        self.paused_until = 0.0
        """On `clock`; no request goes out before it."""
        self._given = (None if rpm is None else rpm / 60, None if tpm is None else tpm / 60)
        self._clock = clock
        self._random = random.Random(seed)
        self._gate = asyncio.Lock()
        self._meter = Meter(clock())
        self._trim: Trim | None = None
        self._good_at = self._ticked_at = clock()
        self._cooldown_until = 0.0
        self._pauses = 0
        self._taken_before = 0
        self._typical_tokens = 0.0
        self.requests.set(self._given[0])
        self.tokens.set(self._given[1])

    async def admit(self, tokens: int) -> None:
        """Wait until a request of about `tokens` may go out. One caller waits, others queue."""
        self._typical_tokens += 0.1 * (tokens - self._typical_tokens)
        if self._gate.locked() or self._held():
            async with self._gate:
                # Whoever waits here is alone; the pause may grow meanwhile.
                while (pause := self.paused_until - self._clock()) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(pause)
                await self.requests.take()
                await self.tokens.take(tokens)
        self._meter.send()

    def answered(self, rate: RateHeaders | None) -> None:
        """Count a reply and heed what its headers advertise."""
        self._good_at = self._clock()
        self._meter.answer()
        self._pauses = 0
        if rate is not None:
            self._heed(rate)

    def failed(self) -> None:
        """Count an answer that was neither a reply nor a 429."""
        self._meter.answer()

    def refused(self, error: CallError, tokens: int, earlier: int, sent_at: float) -> float:
        """Count a 429; returns the seconds its own call waits.

        `earlier` is how many the call had before, `sent_at` (on `clock`) when it went out. Where
        the endpoint is full everybody waits.
        """
        now = self._clock()
        self._meter.refuse(now, sent_at)
        empty = _nothing_left(error.rate, tokens)
        if not any(empty) and self._meter.share <= FULL_SHARE:
            return self._backoff(earlier) if error.retry_after_s is None else error.retry_after_s
        wait = error.retry_after_s
        if any(empty) or wait is not None:
            wait = self._pause(now, wait)
        self._slow_down(now, error, *empty)
        return self._backoff(earlier) if wait is None else wait

    def tick(self) -> None:
        """Mend a learned pace, and grow back while answers are clean; called ten times a second."""
        now = self._clock()
        passed, self._ticked_at = now - self._ticked_at, now
        if now < self.paused_until:
            return
        if self._trim is not None:
            self.requests.set(self._capped(self._trim.tick(now)))
        if now >= self._cooldown_until and self._meter.share <= FULL_SHARE:
            self.slots.grow(0.05 * self.slots.most * passed)

    def stalled_s(self) -> float:
        """Seconds without one answer, the rest of the pause included; 0 where nothing refuses."""
        if not self._meter.refusing:
            return 0.0
        return max(self._clock(), self.paused_until) - self._good_at

    @property
    def waiting_until(self) -> float | None:
        """Seconds since the epoch at which a pause of over a second ends; None without one."""
        left = self.paused_until - self._clock()
        return time.time() + left if left > 1 else None

    def _held(self) -> bool:
        return (
            self.requests.per_s is not None
            or self.tokens.per_s is not None
            or self.paused_until > self._clock()
        )

    def _backoff(self, earlier: int) -> float:
        most = min(MOST_BACKOFF_S, BACKOFF_S * 2 ** min(earlier, 10))
        return self._random.uniform(most / 2, most)

    def _pause(self, now: float, wait: float | None) -> float:
        """Everybody waits; returns for how long."""
        if now >= self.paused_until:
            self._pauses += 1
            taken = self._meter.sent - self._meter.refused
            through, self._taken_before = taken - self._taken_before, taken
            self.paused_until = now + (self._backoff(self._pauses - 1) if wait is None else wait)
            if through > PLENTY * self.slots.most:
                # Not a pace but an allowance was used up; it will be there after the pause.
                self._meter.restart(self.paused_until)
        elif wait is not None:
            self.paused_until = max(self.paused_until, now + wait)
        self._meter.quiet_until(self.paused_until)
        return self.paused_until - now

    def _slow_down(self, now: float, error: CallError, no_requests: bool, no_tokens: bool) -> None:
        """Once a cooldown: fewer in flight, and the advertised pace, or else the observed one."""
        if now < self._cooldown_until:
            return
        rate, paced = error.rate, self.requests.per_s
        if no_tokens and rate is not None and rate.tokens_limit:
            self._pace_tokens(rate.tokens_limit / 60 * HEADROOM)
        elif no_requests and rate is not None and rate.requests_limit and self._trim is None:
            self.requests.set(self._capped(rate.requests_limit / 60 * HEADROOM))
        if self._trim is None and not no_tokens and paced == self.requests.per_s:
            observed = self._meter.per_s(now) if self._meter.share > FULL_SHARE else None
            if observed is not None:
                self._learn(observed if paced is None else min(observed, 0.95 * paced), now)
            elif not no_requests:  # too early to tell: what is on its way comes back first
                if error.retry_after_s is not None:
                    self._pause(now, max(error.retry_after_s, WINDOW_S))
                return
        self.slots.cut()
        self._meter.restart(max(now, self.paused_until))
        self._cooldown_until = max(now, self.paused_until) + COOLDOWN_S

    def _learn(self, per_s: float, now: float) -> None:
        pace = self._capped(max(SLOWEST_PER_S, per_s))
        self._trim = Trim(pace, now, self._meter)
        self.requests.set(pace)

    def _heed(self, rate: RateHeaders) -> None:
        if rate.requests_limit and rate.requests_left is not None and self._trim is None:
            per_s = rate.requests_limit / 60
            margin = max(self.slots.used, per_s)
            if rate.requests_left <= margin:
                self.requests.set(self._capped(per_s * HEADROOM))
            elif rate.requests_left > PLENTY * margin:
                self.requests.set(self._given[0])
        if rate.tokens_limit and rate.tokens_left is not None:
            per_s = rate.tokens_limit / 60
            margin = max(self.slots.used * self._typical_tokens, per_s)
            if rate.tokens_left <= margin:
                self._pace_tokens(per_s * HEADROOM)
            elif rate.tokens_left > PLENTY * margin:
                self.tokens.set(self._given[1])

    def _capped(self, per_s: float) -> float:
        return per_s if self._given[0] is None else min(per_s, self._given[0])

    def _pace_tokens(self, per_s: float) -> None:
        self.tokens.set(per_s if self._given[1] is None else min(per_s, self._given[1]))


def _nothing_left(rate: RateHeaders | None, tokens: int) -> tuple[bool, bool]:
    """Whether headers show the end of the allowance of (requests, tokens)."""
    if rate is None:
        return False, False
    return (
        rate.requests_left == 0,
        rate.tokens_left is not None and rate.tokens_left < tokens,
    )
