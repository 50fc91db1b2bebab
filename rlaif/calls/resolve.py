"""From a question to its final answer: attempts, retries, one repair, one raised limit."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from rlaif.calls.accounts import Accounts
from rlaif.calls.call import Call, Landed
from rlaif.calls.reader import Reader, outcome_of, outcome_of_failure
from rlaif.calls.request import CallError, Reply, Request
from rlaif.calls.retry import retrying
from rlaif.calls.rows import Answer, Attempt, AttemptKind
from rlaif.calls.settings import PoolSettings
from rlaif.calls.slots import Slots
from rlaif.calls.wire import Wire
from rlaif.records import Outcome

RAISE = 4
"""How much larger an output limit is when it is raised."""


class Resolver:
    """Brings calls to their end."""

    def __init__(
        self,
        wire: Wire,
        slots: Slots,
        reader: Reader,
        settings: PoolSettings,
        accounts: Accounts,
    ) -> None:
        self._wire = wire
        self._slots = slots
        self._reader = reader
        self._settings = settings
        self._accounts = accounts
        self._dice = random.Random(settings.seed)
        self.stopping = False
        """No further attempt is wanted."""

    async def resolve(self, call: Call) -> tuple[Answer, list[Attempt]]:
        """The final answer of a call, and the row of the attempt that brought it.

        Raises CancelledError where a stop left it without one.
        """
        request = call.ask.request
        kind: AttemptKind = "first"
        done: Landed | None = None
        outcome, trouble = Outcome.TRANSPORT, None
        while True:
            try:
                landed = await self._try(call, request, kind)
            except CallError as error:
                if done is not None:  # the repair failed: what the first reply said holds
                    return self._final(call, done, outcome, trouble), []
                if self.stopping and error.kind.retried:
                    raise asyncio.CancelledError from None
                return self._failed(call, error), []
            call.paid = True
            outcome, trouble = outcome_of(self._reader, landed.reply, request)
            landed = replace(landed, attempt=replace(landed.attempt, outcome=outcome))
            chance = None if self.stopping else self._chance(call, outcome, request, landed.reply)
            if chance is None:
                return self._final(call, landed, outcome, trouble), [landed.attempt]
            self._accounts.book(landed.attempt)
            done, (kind, request) = landed, chance
            call.chances.add(kind)

    async def _try(self, call: Call, request: Request, kind: AttemptKind) -> Landed:
        """Send until a reply comes or the policy ends it with a CallError."""
        try:
            return await self._wire.ask(call, request, kind)
        except CallError as error:
            failed = [error]

        async def again() -> Landed:
            if failed:  # the attempt above: only calls that fail pay for the machinery
                raise failed.pop()
            if not call.has_slot:
                await self._slots.take(urgent=True)
                call.has_slot = True
            return await self._wire.ask(call, request, "retry")

        trying = _Trying(self, call)
        return await retrying(trying, self._settings.attempts, self._dice)(again)

    def gives_up(self, call: Call) -> bool:
        """Whether a call is not to be tried again: a stop, silence, or too long refused by itself.

        (Where the whole endpoint is stalled, the run stops and the call stays unfinished.)
        """
        refused = call.limited_s > self._settings.stall_s and not self._wire.stalled
        return self.stopping or call.silent or refused

    async def rest(self, call: Call, seconds: float) -> None:
        """Wait before the next attempt, without a slot unless a paid reply is in hand."""
        call.on_wire = False
        if call.has_slot and not call.paid:
            if call.booked is not None:
                await call.booked
            call.has_slot = False
            self._slots.give()
        await asyncio.sleep(seconds)

    def _chance(
        self, call: Call, outcome: Outcome, request: Request, reply: Reply
    ) -> tuple[AttemptKind, Request] | None:
        """One repair of an unreadable reply, one raised limit for a cut one; else None."""
        if outcome is Outcome.TRUNCATED and "raised" not in call.chances:
            limit = min(RAISE * request.max_tokens, self._settings.max_output)
            if reply.finish == "length" and limit > request.max_tokens:
                return "raised", replace(request, max_tokens=limit)
        if outcome is Outcome.UNPARSEABLE and "repair" not in call.chances:
            repaired = self._reader.repair(request, reply)
            return None if repaired is None else ("repair", repaired)
        return None

    def _final(self, call: Call, landed: Landed, outcome: Outcome, trouble: str | None) -> Answer:
        return Answer(
            key=call.ask.key,
            outcome=outcome,
            reply=landed.reply,
            error=trouble,
            cost_usd=self._accounts.cost(call),
            latency_s=landed.attempt.latency_s,
            attempts=call.sent,
            tokens_in=call.tokens_in,
            tokens_out=call.tokens_out,
            tokens_cached=call.tokens_cached,
        )

    def _failed(self, call: Call, error: CallError) -> Answer:
        return Answer(
            key=call.ask.key,
            outcome=outcome_of_failure(error),
            error=str(error),
            failure=error.kind,
            cost_usd=self._accounts.cost(call),
            attempts=call.sent,
        )


class _Trying:
    """What the retry policy sees of a call."""

    def __init__(self, resolver: Resolver, call: Call) -> None:
        self._resolver = resolver
        self._call = call

    @property
    def counted(self) -> int:
        return self._call.counted

    @property
    def wait_s(self) -> float:
        return self._call.wait_s

    @property
    def ended(self) -> bool:
        return self._resolver.gives_up(self._call)

    async def rest(self, seconds: float) -> None:
        await self._resolver.rest(self._call, seconds)
