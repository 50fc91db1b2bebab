"""How long an answer may take, learned from the answers so far."""

from __future__ import annotations

import math
from collections import deque

from rlaif.calls.money import likely_tokens
from rlaif.calls.request import Request

LEARN = 50
"""Answers before a bucket's deadline is learned, and between two looks at its latencies."""
FLOOR_S = 2.0
TIMES_P99 = 4.0
WINDOW = 1000
QUANTILE = 0.99


def bucket(request: Request) -> int:
    """Requests whose input and output limits together are within a factor of 4 share a bucket."""
    return (likely_tokens(request) + request.max_tokens).bit_length() // 2


class Deadlines:
    """Per length bucket: max(2 s, 4 x p99) of valid answers, and never over the card's timeout."""

    def __init__(self, card_s: float) -> None:
        self.card_s = card_s
        self._latencies: dict[int, deque[float]] = {}
        self._seen: dict[int, int] = {}
        self._learned: dict[int, float] = {}

    def add(self, where: int, latency_s: float) -> None:
        """Count one valid answer."""
        window = self._latencies.setdefault(where, deque(maxlen=WINDOW))
        window.append(latency_s)
        self._seen[where] = seen = self._seen.get(where, 0) + 1
        if seen % LEARN == 0:
            p99 = sorted(window)[math.ceil(QUANTILE * len(window)) - 1]
            self._learned[where] = min(self.card_s, max(FLOOR_S, TIMES_P99 * p99))

    def of(self, where: int) -> float:
        """Seconds a call of this bucket may take.

        A bucket with too few answers borrows the deadline of the next longer one that has enough:
        longer calls take longer. Where there is none, the card's holds.
        """
        if where in self._learned:
            return self._learned[where]
        longer = [known for known in self._learned if known > where]
        return self._learned[min(longer)] if longer else self.card_s
