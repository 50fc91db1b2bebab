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
from collections import deque
from collections.abc import Callable

from rlaif.calls.pace import RequestPace, TokenPace
from rlaif.calls.request import CallError, RateHeaders
from rlaif.calls.slots import Slots

RECENT = 50
FULL_SHARE = 0.2
COOLDOWN_S = 1.0
LOOK_BACK_S = 5.0
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
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._refused = 0
        self._good = 0
        self._good_at = self._ticked_at = clock()
        self._marks: deque[tuple[float, int]] = deque([(clock(), 0)])
        self._cooldown_until = 0.0
        self._fulls = 0
        self._typical_tokens = 0.0
        self._learned = False
        self.requests.set(self._given[0])
        self.tokens.set(self._given[1])

    async def admit(self, tokens: int) -> None:
        """Wait until a request of about `tokens` may go out. One caller waits, others queue."""
        self._typical_tokens += 0.1 * (tokens - self._typical_tokens)
        if not self._gate.locked() and not self._held():
            return
        async with self._gate:
            # Whoever waits here is alone; the pause may grow meanwhile.
            while (pause := self.paused_until - self._clock()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(pause)
            await self.requests.take()
            await self.tokens.take(tokens)

    def answered(self, rate: RateHeaders | None) -> None:
        """Count a reply and heed what its headers advertise."""
        self._note(refused=False)
        self._good += 1
        self._good_at = self._clock()
        self._fulls = 0
        if rate is not None:
            self._heed(rate)

    def failed(self) -> None:
        """Count an answer that was neither a reply nor a 429."""
        self._note(refused=False)

    def refused(self, error: CallError, tokens: int, earlier: int) -> float:
        """Count a 429; returns the seconds its own call waits.

        `earlier` is how many the call had before. Where the endpoint is full everybody waits.
        """
        self._note(refused=True)
        wait = error.retry_after_s
        out_of_requests, out_of_tokens = _nothing_left(error.rate, tokens)
        full = out_of_requests or out_of_tokens or self._share() > FULL_SHARE
        if wait is None:
            wait = self._backoff(self._fulls if full else earlier)
        now = self._clock()
        if not full:
            return wait
        if now >= self._cooldown_until:
            self._cooldown_until = now + wait + COOLDOWN_S
            self._fulls += 1
            self.slots.cut()
            self._slow_down(error.rate, out_of_requests, out_of_tokens, now, wait)
            self.paused_until = max(self.paused_until, now + wait)
        return wait

    def tick(self) -> None:
        """Grow back while the answers are clean; called a few times a second."""
        now = self._clock()
        passed, self._ticked_at = now - self._ticked_at, now
        if now - self._marks[-1][0] >= LOOK_BACK_S / 20:
            self._marks.append((now, self._good))
        while len(self._marks) > 1 and now - self._marks[0][0] > LOOK_BACK_S:
            self._marks.popleft()
        if now < max(self._cooldown_until, self.paused_until):
            return
        if self._share() < FULL_SHARE / 2:
            self.slots.grow(0.05 * self.slots.most * passed)
        if self._learned and self._refused == 0 and self.requests.per_s is not None:
            # A learned pace probes upwards by a hundredth a second, until the next refusal.
            self.requests.set(self._capped(self.requests.per_s * (1 + 0.01 * passed)))

    def stalled_s(self) -> float:
        """Seconds without one answer, the rest of the pause included; 0 where nothing refuses."""
        if not self._recent or not self._recent[-1]:
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

    def _note(self, *, refused: bool) -> None:
        if len(self._recent) == RECENT:
            self._refused -= self._recent[0]
        self._recent.append(refused)
        self._refused += refused

    def _share(self) -> float:
        return self._refused / RECENT

    def _backoff(self, earlier: int) -> float:
        most = min(MOST_BACKOFF_S, BACKOFF_S * 2 ** min(earlier, 10))
        return self._random.uniform(most / 2, most)

    def _slow_down(
        self,
        rate: RateHeaders | None,
        out_of_requests: bool,
        out_of_tokens: bool,
        now: float,
        wait: float,
    ) -> None:
        """Pace at the advertised rate, or at the observed one where none is or it is too fast."""
        observed = self._observed(now, wait)
        if out_of_tokens and rate is not None and rate.tokens_limit:
            self._pace_tokens(rate.tokens_limit / 60 * HEADROOM)
        if out_of_requests and rate is not None and rate.requests_limit:
            advertised = rate.requests_limit / 60 * HEADROOM
            if self.requests.per_s is None or self.requests.per_s > advertised:
                self._learned = False
                self.requests.set(self._capped(advertised))
                return
        if self._share() > FULL_SHARE and not out_of_tokens:
            paced = self.requests.per_s
            if paced is not None:
                observed = min(0.95 * paced, max(observed, paced / 2))
            if observed > 0:  # where nothing came through yet, the pause alone must do
                self._learned = True
                self.requests.set(self._capped(max(SLOWEST_PER_S, observed)))

    def _observed(self, now: float, wait: float) -> float:
        """Answers a second since the last decision, at most 5 s back.

        Where few got through before the refusals, the coming pause counts as well: what came was
        a burst. Where many did, an allowance was used up and will be there again after the pause.
        """
        since, good = self._marks[0]
        got = self._good - good
        span = now - since
        if got <= PLENTY * self.slots.limit:
            span += wait
        self._marks.clear()
        self._marks.append((now + wait, self._good))
        return got / max(span, 0.1)

    def _heed(self, rate: RateHeaders) -> None:
        if rate.requests_limit and rate.requests_left is not None:
            per_s = rate.requests_limit / 60
            margin = max(self.slots.used, per_s)
            if rate.requests_left <= margin:
                if self.requests.per_s is None:
                    self._learned = False
                    self.requests.set(self._capped(per_s * HEADROOM))
            elif rate.requests_left > PLENTY * margin and not self._learned:
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
