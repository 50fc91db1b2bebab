"""How many calls may be in flight: a semaphore whose size moves, urgent callers first."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """At most `limit` holders; callers that held a slot before go ahead of fresh ones."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.used = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._fresh: deque[asyncio.Future[None]] = deque()

    async def take(self, *, urgent: bool = False) -> None:
        """Wait for a slot and hold it until `give`."""
        blocked = self._urgent or (self._fresh and not urgent)
        if not blocked and self.used < int(self.limit):
            self.used += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._fresh).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Hand a slot back."""
        self.used -= 1
        self._wake()

    def cut(self) -> None:
        """A fifth less, at least one."""
        self.limit = max(1.0, self.limit * 0.8)

    def grow(self, by: float) -> None:
        """Room for `by` more, up to the most."""
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + by)
            self._wake()

    def _wake(self) -> None:
        while self.used < int(self.limit) and (self._urgent or self._fresh):
            turn = (self._urgent or self._fresh).popleft()
            if not turn.done():
                self.used += 1
                turn.set_result(None)
