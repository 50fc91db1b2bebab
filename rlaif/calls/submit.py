"""Cuts what the ledger lacks into batches and starts them, so that a kill loses none."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from rlaif.calls.call import Ask
from rlaif.calls.collect import Purse
from rlaif.calls.job import BatchClient, Job, JobWire
from rlaif.calls.ledger import Ledger
from rlaif.calls.request import CallError, Failure
from rlaif.calls.tally import Tally

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Patience:
    """Calls of a batch API, tried again while that can help."""

    attempts: int

    async def __call__(self, call: Callable[[], Awaitable[Value]]) -> Value:
        """What `call` gives. Raises CallError."""

        async def once() -> Value:
            try:
                return await call()
            except (KeyError, TypeError, ValueError, AttributeError):
                message = "the batch API's reply could not be read"
            raise CallError(Failure.BAD_REPLY, message)

        return await AsyncRetrying(
            retry=retry_if_exception(lambda e: isinstance(e, CallError) and e.kind.retried),
            stop=stop_after_attempt(self.attempts),
            wait=_wait_s,
            reraise=True,
        )(once)


class Submitter:
    """Starts batches at one endpoint."""

    def __init__(
        self,
        client: BatchClient,
        ledger: Ledger,
        wire: JobWire,
        patience: Patience,
        tally: Tally,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._wire = wire
        self._patience = patience
        self._tally = tally
        self.broke = False
        """The budget had no room for an ask."""

    def lacking(
        self,
        groups: Iterable[Sequence[Ask]],
        asked: set[str],
        purse: Purse,
        stop: asyncio.Event,
    ) -> Iterator[Ask]:
        """The asks without an answer that are not `asked` yet, until a stop or the budget ends it.

        Their keys join `asked`. Money is set aside for those that run already as well.
        """
        for group in groups:
            answered = self._ledger.answered([ask.key for ask in group])
            self._tally.reused += len(answered)
            for ask in group:
                if ask.key in answered:
                    continue
                self.broke = not purse.reserve(ask)
                if self.broke or stop.is_set():
                    return
                if ask.key not in asked:
                    asked.add(ask.key)
                    yield ask

    async def submit(self, asks: Iterable[Ask], most: int) -> AsyncIterator[Job]:
        """The jobs that were started for `asks`, `most` requests each at the most."""
        most = min(most, self._wire.max_requests)
        keys: list[str] = []
        lines: list[bytes] = []
        size = 0
        for ask in asks:
            line = self._wire.line(ask.key, self._client.body(ask.request))
            if keys and (len(keys) == most or size + len(line) > self._wire.max_bytes):
                yield await self._create(keys, lines)
                keys, lines, size = [], [], 0
            keys.append(ask.key)
            lines.append(line)
            size += len(line) + 1
        if keys:
            yield await self._create(keys, lines)

    async def _create(self, keys: list[str], lines: list[bytes]) -> Job:
        """Record, create, record the id: in this order, so that no batch is ever lost."""
        job = Job(secrets.token_hex(8), self._client.endpoint, time.time(), tuple(keys))
        await self._ledger.put_job(job)
        tries = 0

        async def once() -> str:
            nonlocal tries
            tries += 1
            # A create whose answer was lost may have been done all the same.
            found = (
                await self._wire.find(job, taken(self._ledger, job.endpoint)) if tries > 1 else None
            )
            return found or await self._wire.create(lines, job.tag)

        job = replace(job, id=await self._patience(once), state="open")
        await self._ledger.put_job(job)
        self._tally.asked += len(keys)
        return job


def taken(ledger: Ledger, endpoint: str) -> frozenset[str]:
    """Every provider's id of a job that is recorded already."""
    return frozenset(job.id for job in ledger.jobs(endpoint) if job.id)


def _wait_s(state: RetryCallState) -> float:
    """What the provider asks for, else 1 s doubling to 30 s."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, CallError) else None
    return asked if asked is not None else float(min(30.0, 2.0 ** (state.attempt_number - 1)))
