"""Attempts on the wire: admitted, sent, hedged where they hang, abandoned, booked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from rlaif.calls.call import Call, Flight, Landed, Sent
from rlaif.calls.deadlines import Deadlines, bucket
from rlaif.calls.limits import Limits
from rlaif.calls.money import Budget, Price, likely_tokens
from rlaif.calls.request import CallError, Client, Failure, Reply, Request
from rlaif.calls.rows import Attempt, AttemptKind
from rlaif.calls.settings import PoolSettings
from rlaif.calls.tally import Tally

HEDGES = 2
"""Most hedges of one call that wait at once, beside its first attempt."""

HEDGE_AGAIN_S = 0.5
"""After a hedge that failed, before the next."""


class BudgetReached(Exception):
    """The next call's worst case does not fit under the cap, with nothing left to settle."""


class Wire:
    """Sends what it is asked to, once or with hedges, and accounts for every attempt.

    `book` writes an attempt's row; `clock` counts seconds.
    """

    def __init__(
        self,
        client: Client,
        settings: PoolSettings,
        limits: Limits,
        deadlines: Deadlines,
        tally: Tally,
        price: Price | None,
        budget: Budget | None,
        book: Callable[[Attempt], asyncio.Future[None]],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._settings = settings
        self._limits = limits
        self._deadlines = deadlines
        self._tally = tally
        self._price = price
        self._budget = budget
        self._book = book
        self._clock = clock
        self._flights: set[Flight] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._purse = asyncio.Lock()
        self._settled = asyncio.Event()
        self._output = 0.0
        self._overdrawn = False

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
        worst = await self._afford(request)
        try:
            await self._limits.admit(self._tokens(request))
        except asyncio.CancelledError:
            self._settle(worst, 0.0)
            raise
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
        now, card_s = self._clock(), self._settings.timeout_s
        self._overdrawn = any(self._is_denied(flight, now) for flight in self._flights)
        for flight in list(self._flights):
            if not flight.pending:
                continue
            overdue = now - flight.pending[-1].at >= self._due_s(flight)
            if (overdue and now >= flight.rests_until) or now - flight.pending[0].at >= card_s:
                flight.hurry()

    async def close(self) -> None:
        """Abandon whatever is still on the wire and wait until it is booked."""
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

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
        call, now = flight.call, self._clock()
        expired = [one for one in flight.pending if now - one.at >= self._settings.timeout_s]
        if expired:
            _abandon(expired)
            return
        if not call.hurried:
            if not self._may_hedge():
                return
            call.hurried = True
            self._tally.hedged_calls += 1
        if self._is_last(flight):
            call.silent = True
            _abandon(flight.pending)
            return
        worst = self._worst(flight.request)
        if self._budget is not None and not self._budget.reserve(worst):
            return
        try:
            await self._limits.admit(self._tokens(flight.request))
        except asyncio.CancelledError:
            self._settle(worst, 0.0)
            raise
        if flight.has_landed:
            self._settle(worst, 0.0)
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
        reply, error = None, None
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
        flight.pending.remove(sent)
        if reply is not None:
            self._bring(flight, self._replied(flight, sent, reply))
        elif error is not None:
            flight.call.booked = self._book(self._failed(flight, sent, error))
            limited = error.kind is Failure.RATE_LIMITED
            rest_s = flight.call.wait_s if limited else HEDGE_AGAIN_S
            flight.rests_until = self._clock() + rest_s
            if not flight.left:
                flight.land(error)

    def _bring(self, flight: Flight, landed: Landed) -> None:
        if flight.left:
            self._tally.late += 1
            self._book(replace(landed.attempt, late=True))
        else:
            flight.land(landed)

    def _failed(self, flight: Flight, sent: Sent, error: CallError) -> Attempt:
        self._count_error(flight, sent, error)
        return Attempt(
            *(flight.call.ask.key, sent.n, sent.kind, sent.started, self._clock() - sent.at),
            failure=error.kind,
            status=error.status,
            possibly_billed=error.billed,
        )

    def _replied(self, flight: Flight, sent: Sent, reply: Reply) -> Landed:
        latency = self._clock() - sent.at
        cost = self._count_reply(flight, sent, reply, latency)
        attempt = Attempt(
            *(flight.call.ask.key, sent.n, sent.kind, sent.started, latency),
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            tokens_cached=reply.tokens_cached,
            cost_usd=cost,
            request_id=reply.request_id,
        )
        return Landed(attempt, reply)

    def _count_reply(
        self, flight: Flight, sent: Sent, reply: Reply, latency: float
    ) -> float | None:
        tally, call = self._tally, flight.call
        cost = None if self._price is None else self._price.of(reply)
        self._settle(sent.worst_usd, cost or 0.0)
        self._limits.answered(reply.rate)
        self._deadlines.add(flight.bucket, latency)
        self._output += 0.05 * (reply.tokens_out - self._output)
        tally.tokens_in += reply.tokens_in
        tally.tokens_out += reply.tokens_out
        tally.tokens_cached += reply.tokens_cached
        call.tokens_in += reply.tokens_in
        call.tokens_out += reply.tokens_out
        call.tokens_cached += reply.tokens_cached
        call.cost_usd += cost or 0.0
        if tally.cost_usd is not None:
            tally.cost_usd = None if cost is None else tally.cost_usd + cost
        return cost

    def _count_error(self, flight: Flight, sent: Sent, error: CallError) -> None:
        tally, call = self._tally, flight.call
        tally.failures[error.kind] += 1
        self._settle(sent.worst_usd, 0.0, possible=error.billed)
        if error.billed:
            tally.possibly_billed += 1
            if tally.possible_usd is not None:
                worst = None if self._price is None else self._price.worst(flight.request)
                tally.possible_usd = None if worst is None else tally.possible_usd + worst
        if error.kind is Failure.RATE_LIMITED:
            call.counted -= 1
            tokens = self._tokens(flight.request)
            call.wait_s = self._limits.refused(error, tokens, call.limited, sent.at)
            call.limited += 1
            call.limited_s += call.wait_s
        elif error.status is not None:
            self._limits.failed()

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

    def _may_hedge(self) -> bool:
        share = self._settings.hedge_share
        return share > 0 and self._tally.hedged_calls < max(1.0, share * self._tally.asked)

    def _is_denied(self, flight: Flight, now: float) -> bool:
        """Whether a call is past the learned deadline and no hedge is left for it."""
        if not flight.pending or flight.call.hurried or not flight.request.hedge:
            return False
        overdue = now - flight.pending[0].at >= self._deadlines.of(flight.bucket)
        return overdue and not self._may_hedge()

    def _is_last(self, flight: Flight) -> bool:
        """Whether the attempt that went out last is not to be followed by another hedge."""
        spent = flight.call.counted >= self._settings.attempts
        return len(flight.pending) > HEDGES or spent

    def _due_s(self, flight: Flight) -> float:
        """How long the latest attempt may take: the learned deadline, or the card's.

        Where more calls are late than may be hedged, the endpoint is slow and nothing hangs: the
        card's deadline holds then, also for calls that were hedged before.
        """
        if not flight.request.hedge:
            return self._settings.timeout_s
        patient = self._overdrawn and self._is_last(flight)
        if patient if flight.call.hurried else not self._may_hedge():
            return self._settings.timeout_s
        return self._deadlines.of(flight.bucket)

    async def _afford(self, request: Request) -> float:
        """Set the worst case aside, waiting for calls on the wire to give theirs back."""
        worst = self._worst(request)
        if self._budget is None:
            return worst
        async with self._purse:
            while not self._budget.reserve(worst):
                if self._budget.reserved_usd <= 0:
                    raise BudgetReached
                self._settled.clear()
                await self._settled.wait()
        return worst

    def _settle(self, worst: float, actual: float, *, possible: bool = False) -> None:
        if self._budget is not None:
            self._budget.settle(worst, actual, possible)
            self._settled.set()

    def _worst(self, request: Request) -> float:
        if self._budget is None or self._price is None:
            return 0.0
        return self._price.worst(request)

    def _tokens(self, request: Request) -> int:
        """What a request is likely to weigh: input by length, output by what came so far."""
        expected = self._output if self._output else request.max_tokens
        return likely_tokens(request) + int(min(expected, request.max_tokens))


def _abandon(attempts: Iterable[Sent]) -> None:
    """Cancel them; they are booked as possibly billed when they land."""
    for sent in attempts:
        if sent.task is not None:
            sent.task.cancel()
