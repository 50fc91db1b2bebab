"""What refusals teach: how many requests a second an endpoint takes that does not say so."""

from __future__ import annotations

from collections import deque
from math import sqrt

RECENT = 50
WINDOW_S = 0.5
WINDOW_TAKEN = 5
"""A rate is observed over at least this time, and at least this many requests taken."""
SETTLE_S = 0.5
"""After a change of pace, before its effect is measured."""
QUIET_S = 5.0
"""Without a 429 for this long, the next one is the first of its kind."""
INTERVAL_S = 1.0
INTERVAL_ANSWERS = 30
NOISE = 0.02
"""Refusals over the usual share, above which a learned pace is trimmed."""
NEAR = (0.95, 1.1)
"""Around the pace that was last too fast, a learned one creeps; elsewhere it grows."""
CREEP, GROW, MOST_GROW = 0.005, 0.01, 0.1


class Meter:
    """Counts what was sent and refused, over the last 50 answers and over an open window."""

    def __init__(self, now: float) -> None:
        self.sent = self.refused = self.answers = 0
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._recent_refused = 0
        self._quiet_since = now - QUIET_S
        self.restart(now)

    def send(self) -> None:
        """Count a request that goes out."""
        self.sent += 1
        self._taken += 1

    def answer(self) -> None:
        """Count any answer but a 429."""
        self._note(False)

    def refuse(self, now: float, sent_at: float) -> None:
        """Count a 429. The first after a quiet time opens the window: a burst is over."""
        if now - self._quiet_since > QUIET_S:
            self.restart(now)
        self._quiet_since = max(now, self._quiet_since)
        if sent_at >= self._since:
            self._taken -= 1
        self.refused += 1
        self._note(True)

    def restart(self, now: float) -> None:
        """Observe from `now` on (which may be the end of a pause)."""
        self._since, self._taken = now, 0

    def quiet_until(self, when: float) -> None:
        """A pause: it is not silence of refusals."""
        self._quiet_since = max(when, self._quiet_since)

    @property
    def share(self) -> float:
        """429s as a share of 50, among the last 50 answers."""
        return self._recent_refused / RECENT

    @property
    def refusing(self) -> bool:
        """Whether the last answer was a 429."""
        return bool(self._recent) and self._recent[-1]

    def per_s(self, now: float) -> float | None:
        """Requests a second taken since the window was opened; None while that is too few."""
        passed = now - self._since
        if passed < WINDOW_S or self._taken < WINDOW_TAKEN:
            return None
        return self._taken / passed

    def _note(self, refused: bool) -> None:
        if len(self._recent) == RECENT:
            self._recent_refused -= self._recent[0]
        self._recent.append(refused)
        self._recent_refused += refused
        self.answers += 1


class Trim:
    """Keeps a learned pace at the edge: trimmed where refusals grow, else growing.

    A trim that does not help is taken back: an endpoint that refuses some calls at any pace must
    not be asked ever more slowly. What it refuses then is its usual share.
    """

    def __init__(self, per_s: float, now: float, meter: Meter) -> None:
        self.per_s = per_s
        self._meter = meter
        self._edge = per_s
        self._clean = 0
        self._usual = 0.0
        self._before: tuple[float, float] | None = None
        """Pace and share of refusals before the last trim, until it is known to have helped."""
        self._begin(now)
        self._settled = False

    def tick(self, now: float) -> float:
        """The pace from `now` on."""
        if not self._settled:
            if now - self._at >= SETTLE_S:
                self._begin(now)
            return self.per_s
        passed = now - self._at
        answers = self._meter.answers - self._answers
        if passed >= INTERVAL_S and answers >= min(INTERVAL_ANSWERS, 2 * self.per_s * passed):
            share = (self._meter.refused - self._refused) / max(1, answers)
            bound = self._meter.sent - self._sent >= 0.8 * self.per_s * passed
            before = self.per_s
            self._adjust(share, answers, bound)
            self._begin(now)
            self._settled = self.per_s >= before
        return self.per_s

    def _adjust(self, share: float, answers: int, bound: bool) -> None:
        doubt = 2 * sqrt(self._usual * (1 - self._usual) / max(1, answers))
        excess = share - self._usual
        if excess <= NOISE + doubt:
            self._before = None
            self._usual += 0.1 * min(0.0, excess)
            if bound:
                self._clean += 1
                near = NEAR[0] * self._edge <= self.per_s <= NEAR[1] * self._edge
                self.per_s *= 1 + (CREEP if near else min(MOST_GROW, GROW * self._clean))
            return
        self._clean = 0
        if self._before is not None and share > 0.7 * self._before[1]:
            self.per_s, self._usual = self._before[0], share
            self._before = None
            return
        self._before = (self.per_s, share)
        self.per_s *= 1 - min(0.5, excess)
        self._edge = self.per_s

    def _begin(self, now: float) -> None:
        self._at, self._settled = now, True
        self._answers, self._refused = self._meter.answers, self._meter.refused
        self._sent = self._meter.sent
