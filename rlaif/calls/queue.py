"""Which call starts next: one at a time takes a slot, followers before fresh calls."""

from __future__ import annotations

import asyncio
from collections import deque

from rlaif.calls.call import Call
from rlaif.calls.feed import Feed
from rlaif.calls.slots import Slots


class Queue:
    """The calls of one run: those that wait for a slot, and those under way."""

    def __init__(self, feed: Feed, slots: Slots) -> None:
        self._feed = feed
        self._slots = slots
        self._ready: deque[Call] = deque()
        self._turn: asyncio.Future[None] | None = None
        self.calls: set[Call] = set()
        """Started and not released yet."""

    async def next(self) -> Call | None:
        """The next call, with a slot; None when all is done."""
        call = await self._find()
        if call is None:
            return None
        self._ready.appendleft(call)  # still there if a stop comes while it waits
        await self._slots.take()
        self._ready.remove(call)
        call.has_slot = True
        self.calls.add(call)
        return call

    def release(self, call: Call) -> None:
        """A call is over: its slot is free, and its followers may start."""
        if call.has_slot:
            call.has_slot = False
            self._slots.give()
        self.calls.discard(call)
        self._feed.live.discard(call.ask.key)
        self._ready.extend(Call(ask, ()) for ask in call.followers)
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def rest(self) -> int:
        """Read the feed to its end: how many asks were never started."""
        return sum(1 + len(call.followers) for call in self._ready) + self._feed.rest()

    async def _find(self) -> Call | None:
        """A follower whose leader has answered, else a fresh call; None when all is done."""
        while True:
            if self._ready:
                return self._ready.popleft()
            # Calls that rest between attempts hold no slot, but there must not be ever more.
            if len(self.calls) < 2 * self._slots.most:
                call = await self._feed.next()
                if call is not None:
                    return call
                if not self.calls and not self._ready:
                    return None
            if not self._ready:
                self._turn = asyncio.get_running_loop().create_future()
                await self._turn
