"""Finds what is missing: a streaming anti-join of the asked-for keys with the ledger."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from rlaif.calls.call import Ask, Call
from rlaif.calls.ledger import Ledger
from rlaif.calls.tally import Tally

CHUNK = 128
"""Asks looked up at once. What is held in memory is one chunk and the keys in flight."""


class Feed:
    """Reads groups lazily and gives a `Call` for each that has something to ask.

    Equal keys are asked once: a key in flight is in `live`, a finished one in the ledger.
    """

    def __init__(self, groups: Iterable[Sequence[Ask]], ledger: Ledger, tally: Tally) -> None:
        self._groups: Iterator[Sequence[Ask]] = iter(groups)
        self._ledger = ledger
        self._tally = tally
        self._found: deque[Call] = deque()
        self.live: set[str] = set()
        """Keys found missing and not finished yet."""

    async def next(self) -> Call | None:
        """The leader of the next group with a missing key; None at the end."""
        while not self._found:
            if not self._scan():
                return None
            # A long answered stretch must not hold up the calls in flight.
            await asyncio.sleep(0)
        return self._found.popleft()

    def rest(self) -> int:
        """Read to the end and count the asks that are missing (after a budget stop)."""
        count = 0
        while self._found or self._scan():
            while self._found:
                count += 1 + len(self._found.popleft().followers)
        return count

    def _scan(self) -> bool:
        chunk = list(self._chunk())
        done = self._ledger.answered([ask.key for group in chunk for ask in group])
        for group in chunk:
            missing = [ask for ask in group if self._is_missing(ask.key, done)]
            if missing:
                self._found.append(Call(missing[0], missing[1:]))
        return bool(chunk)

    def _chunk(self) -> Iterator[Sequence[Ask]]:
        size = 0
        while size < CHUNK:
            group = next(self._groups, None)
            if group is None:
                return
            size += max(1, len(group))
            yield group

    def _is_missing(self, key: str, done: set[str]) -> bool:
        if key in done or key in self.live:
            self._tally.reused += 1
            return False
        self.live.add(key)
        return True
