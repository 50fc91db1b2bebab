"""Which of a model's prompt caches a call takes, so that a shared prefix is read once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple


class Taken(NamedTuple):
    """A cache and how many of the prompt's leading tokens it already has."""

    number: int
    held: int


@dataclass(slots=True)
class _Slot:
    """One prompt cache: the tokens it holds and when it was used last."""

    tokens: list[int] = field(default_factory=list)
    used: int = 0
    free: bool = True


class CacheSlots:
    """Hands out free caches; the caller never runs more jobs than there are.

    A call whose shared prefix lies in a cache takes that one. A new group takes the cache that has
    most of its prompt, until a group is seen to come back: from then on it takes the one unused for
    longest, since a group's further calls arrive after the next group's first.
    """

    def __init__(self, count: int) -> None:
        self._slots = [_Slot() for _ in range(count)]
        self._lock = threading.Lock()
        self._clock = 0
        self._groups_return = False

    def take(self, tokens: list[int], shared: int) -> Taken:
        """A cache for a prompt whose first `shared` tokens its group repeats."""
        with self._lock:
            free = [slot for slot in self._slots if slot.free]
            held = {id(slot): common(slot.tokens, tokens) for slot in free}
            best = max(free, key=lambda slot: (held[id(slot)], -slot.used))
            if held[id(best)] >= shared > 0:
                self._groups_return = True
            elif self._groups_return:
                best = min(free, key=lambda slot: slot.used)
            self._clock += 1
            best.tokens, best.used, best.free = tokens, self._clock, False
            return Taken(self._slots.index(best), held[id(best)])

    def give(self, number: int) -> None:
        """The call is over; what it read stays in the cache."""
        with self._lock:
            self._slots[number].free = True


def common(a: list[int], b: list[int]) -> int:
    """How many leading tokens two prompts have in common."""
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return index
    return min(len(a), len(b))
