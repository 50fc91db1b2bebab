"""An in-memory client with faults, and the small things around a pool."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from rlaif.calls.pool import Ask
from rlaif.calls.request import CallError, Failure, RateHeaders, Reply, Request
from rlaif.records import Message, Outcome

Behaviour = Callable[[Request, int], Awaitable[Reply]]


def request(text: str = "hello", **fields: Any) -> Request:
    return Request("m", (Message.model_construct(role="user", content=text),), 64, **fields)


def ask(n: int | str, **fields: Any) -> Ask:
    return Ask(f"{n:>064}", request(f"question {n}", **fields))


def asks(count: int, **fields: Any) -> Iterable[tuple[Ask, ...]]:
    return ((ask(n, **fields),) for n in range(count))


def reply(text: str = "A", **fields: Any) -> Reply:
    return Reply(
        **{"finish": "stop", "model": "m-1", "tokens_in": 10, "tokens_out": 2} | fields, text=text
    )


def refused(retry_after_s: float | None = None, rate: RateHeaders | None = None) -> CallError:
    return CallError(
        Failure.RATE_LIMITED, "429", status=429, retry_after_s=retry_after_s, rate=rate
    )


class FakeClient:
    """Answers after `latency` seconds as `behaviour(request, attempt)` says; counts what it saw."""

    endpoint = "memory://"

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        latency: float = 0.0,
        concurrency: int | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.behaviour = behaviour
        self.latency = latency
        self.seen: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.order: list[str] = []
        self.in_flight = self.most_in_flight = 0

    def body(self, request: Request) -> dict[str, Any]:
        return {"text": request.messages[-1].content, "max_tokens": request.max_tokens}

    async def send(self, request: Request, timeout_s: float) -> Reply:
        text = request.messages[-1].content
        self.seen[text] += 1
        self.order.append(text)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
            answer = (
                reply()
                if self.behaviour is None
                else await self.behaviour(request, self.seen[text])
            )
            self.answered[text] += 1
            return answer
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        pass


class FakeReader:
    """ "A" and "B" are verdicts, "tie" a tie; a cut reply is truncated; else unparseable."""

    def __init__(self, repairs: bool = True) -> None:
        self.repairs = repairs

    def read(self, reply: Reply, request: Request) -> Outcome:
        if reply.finish == "length":
            return Outcome.TRUNCATED
        outcomes = {"A": Outcome.VERDICT, "B": Outcome.VERDICT, "tie": Outcome.TIE}
        return outcomes.get(reply.text, Outcome.UNPARSEABLE)

    def repair(self, request: Request, reply: Reply) -> Request | None:
        if not self.repairs:
            return None
        more = Message.model_construct(role="user", content=request.messages[-1].content + " again")
        return Request("m", (*request.messages, more), request.max_tokens)
