"""What a call costs, and the cap that no run exceeds. Prices are USD per million tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass

from rlaif.calls.request import Reply, Request

MILLION = 1_000_000
MESSAGE_TOKENS = 16
"""More than any provider adds around one message."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. An unknown price is no `Price` at all (None), never zeros."""

    input: float
    output: float
    cached: float | None = None
    """Of input tokens read from the provider's cache; None where they cost what others do."""
    written: float | None = None
    """Of input tokens written to that cache, likewise."""

    def of(self, reply: Reply) -> float:
        """What this reply cost."""
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.written is None else self.written
        fresh = reply.tokens_in - reply.tokens_cached - reply.tokens_written
        spent = fresh * self.input + reply.tokens_cached * cached + reply.tokens_written * written
        return (spent + reply.tokens_out * self.output) / MILLION

    def worst(self, request: Request) -> float:
        """The most this request can cost: every byte a token, the output limit used up."""
        dearest = max(self.input, self.cached or 0.0, self.written or 0.0)
        return (most_tokens(request) * dearest + request.max_tokens * self.output) / MILLION


FREE = Price(0.0, 0.0)
"""A declared zero, for models that run here."""


class Budget:
    """A hard cap in USD: worst-case cost is reserved before sending and settled afterwards.

    spent + possible + reserved <= cap always holds, so that no reply can break the cap.
    """

    def __init__(self, cap_usd: float, spent_usd: float = 0.0) -> None:
        self.cap_usd = cap_usd
        self.spent_usd = spent_usd
        self.reserved_usd = 0.0
        self._open = 0
        self.possible_usd = 0.0
        """Worst-case cost of calls that brought no reply but may have been charged."""

    def reserve(self, worst_usd: float) -> bool:
        """Set the worst case aside; False where it does not fit under the cap."""
        if self.spent_usd + self.possible_usd + self.reserved_usd + worst_usd > self.cap_usd:
            return False
        self.reserved_usd += worst_usd
        self._open += 1
        return True

    def settle(self, worst_usd: float, actual_usd: float, possible: bool = False) -> None:
        """Book what a reservation came to; `possible` keeps all of it as perhaps spent."""
        self._open -= 1
        # Exactly 0 when nothing is open: a rest of rounding would be waited for without end.
        self.reserved_usd = max(0.0, self.reserved_usd - worst_usd) if self._open else 0.0
        if possible:
            self.possible_usd += worst_usd
        else:
            self.spent_usd += actual_usd


def most_tokens(request: Request) -> int:
    """An upper bound of the input tokens: no tokenizer in use makes more tokens than bytes."""
    size = sum(_bytes(message.content) for message in request.messages) + _bytes(request.prefill)
    if request.schema is not None:
        size += len(json.dumps(request.schema))
    return size + MESSAGE_TOKENS * (len(request.messages) + 1)


def likely_tokens(request: Request) -> int:
    """About how many input tokens a request has: four characters each."""
    size = sum(len(message.content) for message in request.messages)
    return size // 4 + 4 * len(request.messages)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
