"""Attempts on the wire: admitted, sent, hedged where they hang, abandoned, booked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from rlaif.calls.accounts import Accounts
from rlaif.calls.call import Call, Flight, Landed, Sent
from rlaif.calls.deadlines import Deadlines, bucket
from rlaif.calls.hedging import Hedging
from rlaif.calls.limits import Limits
from rlaif.calls.request import CallError, Client, Failure, Request
from rlaif.calls.rows import AttemptKind
from rlaif.calls.settings import PoolSettings
from rlaif.calls.tally import Tally

HEDGE_AGAIN_S = 0.5
"""After a hedge that failed, before the next."""


class Wire:
    """Sends what it is asked to, once or with hedges; `accounts` hear of every attempt.

    `clock` counts seconds.
    """

    def __init__(
        self,
        client: Client,
        settings: PoolSettings,
        limits: Limits,
        deadlines: Deadlines,
        tally: Tally,
        accounts: Accounts,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._settings = settings
        self._limits = limits
        self._deadlines = deadlines
        self._tally = tally
        self._accounts = accounts
        self._clock = clock
        self._hedging = Hedging(settings, deadlines, tally)
        self._flights: set[Flight] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def stalled(self) -> bool:
        """Whether refusals have let nothing through for longer than is allowed."""
        return self._limits.stalled_s() > self._settings.stall_s

    @property
    def in_flight(self) -> int:
        """Attempts on the wire, hedges and late ones included."""
        return len(self._tasks)

    async def ask(self, call: Call, request: Request, kind: AttemptKind) -> Landed:
        """Send and wait for the first reply. Raises CallError, or BudgetReached unsent."""
        call.on_wire = False
        worst = await self._accounts.afford(request)
        await self._admit(request, worst)
        call.on_wire = True
        flight = Flight(call, request, bucket(request))
        self._launch(flight, kind, worst)
        self._flights.add(flight)
        won = False
        try:
            landed = await self._first_reply(flight)
            won = True
            return landed
        finally:
            self._flights.discard(flight)
            self._leave(flight, linger=won)

    def watch(self) -> None:
        """Wake the flights whose deadline has passed; called ten times a second.

        A deadline learned meanwhile holds for calls that are waiting already.
        """
        now = self._clock()
        self._hedging.look(self._flights, now)
        for flight in list(self._flights):
            if self._hedging.is_due(flight, now):
                flight.hurry()

    async def close(self) -> None:
        """Abandon whatever is still on the wire and wait until it is booked."""
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _admit(self, request: Request, worst: float) -> None:
        """Wait until the limits let it out; a stop meanwhile gives back what was set aside."""
        try:
            await self._limits.admit(self._accounts.tokens(request))
        except asyncio.CancelledError:
            self._accounts.settle(worst, 0.0)
            raise

    async def _first_reply(self, flight: Flight) -> Landed:
        while True:
            landed = await flight.landing()
            if landed is None:
                await self._hurry(flight)
            elif isinstance(landed, Landed):
                return landed
            elif not flight.pending:
                raise landed

    async def _hurry(self, flight: Flight) -> None:
        """Past the deadline: ask again beside what is waiting, or give it up."""
        now = self._clock()
        expired = [one for one in flight.pending if now - one.at >= self._settings.timeout_s]
        if expired:
            _abandon(expired)
        elif not self._hedging.grant(flight.call):
            return
        elif self._hedging.is_last(flight):
            flight.call.silent = True
            _abandon(flight.pending)
        else:
            await self._hedge(flight)

    async def _hedge(self, flight: Flight) -> None:
        """Ask again, if the budget has room and nothing has landed by then."""
        worst = self._accounts.reserve(flight.request)
        if worst is None:
            return
        await self._admit(flight.request, worst)
        if flight.has_landed:
            self._accounts.settle(worst, 0.0)
            return
        self._tally.hedges += 1
        self._launch(flight, "hedge", worst)

    def _launch(self, flight: Flight, kind: AttemptKind, worst: float) -> None:
        call = flight.call
        call.sent += 1
        call.counted += 1
        self._tally.attempts += 1
        sent = Sent(call.sent, kind, self._clock(), time.time(), worst)
        sent.task = asyncio.create_task(self._send(flight, sent))
        self._tasks.add(sent.task)
        sent.task.add_done_callback(self._tasks.discard)
        flight.pending.append(sent)

    async def _send(self, flight: Flight, sent: Sent) -> None:
        try:
            reply = await self._client.send(flight.request, self._settings.timeout_s)
        except CallError as failure:
            error = failure
        except asyncio.CancelledError:
            waited = self._clock() - sent.at
            error = CallError(Failure.TIMEOUT, f"no answer in {waited:.1f} s", billed=True)
        except Exception as failure:
            # Its text may quote a header or a body, so only its kind is told.
            kind = type(failure).__name__
            error = CallError(Failure.BAD_REPLY, f"the client failed with {kind}", billed=True)
        else:
            flight.pending.remove(sent)
            self._bring(flight, self._accounts.replied(flight, sent, reply))
            return
        flight.pending.remove(sent)
        self._fail(flight, sent, error)

    def _bring(self, flight: Flight, landed: Landed) -> None:
        if flight.left:
            self._tally.late += 1
            self._accounts.book(replace(landed.attempt, late=True))
        else:
            flight.land(landed)

    def _fail(self, flight: Flight, sent: Sent, error: CallError) -> None:
        self._accounts.failed(flight, sent, error)
        limited = error.kind is Failure.RATE_LIMITED
        flight.rests_until = self._clock() + (flight.call.wait_s if limited else HEDGE_AGAIN_S)
        if not flight.left:
            flight.land(error)

    def _leave(self, flight: Flight, *, linger: bool) -> None:
        """Nobody waits any more: the losers get one more deadline to land late, or are given up."""
        flight.left = True
        if not linger:
            _abandon(flight.pending)
            return
        loop = asyncio.get_running_loop()
        for sent in flight.pending:
            if sent.task is not None:
                loop.call_later(self._deadlines.of(flight.bucket), sent.task.cancel)


def _abandon(attempts: Iterable[Sent]) -> None:
    """Cancel them; they are booked as possibly billed when they land."""
    for sent in attempts:
        if sent.task is not None:
            sent.task.cancel()
