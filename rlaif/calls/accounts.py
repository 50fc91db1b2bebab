"""What attempts came to: money set aside and settled, tokens and failures counted, rows written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rlaif.calls.call import Call, Flight, Landed, Sent
from rlaif.calls.deadlines import Deadlines
from rlaif.calls.ledger import Ledger
from rlaif.calls.limits import Limits
from rlaif.calls.money import Budget, Price, likely_tokens
from rlaif.calls.request import CallError, Failure, Reply, Request
from rlaif.calls.rows import Attempt
from rlaif.calls.tally import Tally


class BudgetReached(Exception):
    """The next call's worst case does not fit under the cap, with nothing left to settle."""


class Accounts:
    """One run's books. `clock` counts seconds; `failed_write` hears of rows that were not written.

    `price` None means that costs are unknown.
    """

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        deadlines: Deadlines,
        tally: Tally,
        price: Price | None,
        budget: Budget | None,
        clock: Callable[[], float],
        failed_write: Callable[[BaseException], None],
    ) -> None:
        self._ledger = ledger
        self._limits = limits
        self._deadlines = deadlines
        self._tally = tally
        self._price = price
        self._budget = budget
        self._clock = clock
        self._failed_write = failed_write
        self._writes: set[asyncio.Future[None]] = set()
        self._purse = asyncio.Lock()
        self._settled = asyncio.Event()
        self._output = 0.0

    async def afford(self, request: Request) -> float:
        """Set the worst case aside, waiting for calls on the wire to give theirs back.

        Returns it, in USD (0 without a budget). Raises BudgetReached.
        """
        worst = self._worst(request)
        if self._budget is None:
            return worst
        async with self._purse:
            while not self._budget.reserve(worst):
                if self._budget.reserved_usd <= 0:
                    cap = f"USD {self._budget.cap_usd:g}"
                    raise BudgetReached(f"the next call might cost more than is left of {cap}")
                self._settled.clear()
                await self._settled.wait()
        return worst

    def reserve(self, request: Request) -> float | None:
        """Set the worst case aside at once and return it; None where there is no room for it."""
        worst = self._worst(request)
        return worst if self._budget is None or self._budget.reserve(worst) else None

    def settle(self, worst: float, actual: float, *, possible: bool = False) -> None:
        """Give back what was set aside; see `Budget.settle`."""
        if self._budget is not None:
            self._budget.settle(worst, actual, possible)
            self._settled.set()

    def tokens(self, request: Request) -> int:
        """What a request is likely to weigh: input by length, output by what came so far."""
        expected = self._output if self._output else request.max_tokens
        return likely_tokens(request) + int(min(expected, request.max_tokens))

    def cost(self, call: Call) -> float | None:
        """What a call's replies cost so far, in USD; None where the price is unknown."""
        return None if self._price is None else call.cost_usd

    def replied(self, flight: Flight, sent: Sent, reply: Reply) -> Landed:
        """Account for a reply; its row is written by whoever reads it."""
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

    def failed(self, flight: Flight, sent: Sent, error: CallError) -> None:
        """Account for an attempt without a reply, its row included."""
        self._count_error(flight, sent, error)
        flight.call.booked = self.book(
            Attempt(
                *(flight.call.ask.key, sent.n, sent.kind, sent.started, self._clock() - sent.at),
                failure=error.kind,
                status=error.status,
                possibly_billed=error.billed,
            )
        )

    def book(self, attempt: Attempt) -> asyncio.Future[None]:
        """Queue an attempt's row without waiting."""
        written = self._ledger.put(None, [attempt])
        self._writes.add(written)
        written.add_done_callback(self._written)
        return written

    async def close(self) -> None:
        """Wait until every row is written."""
        while self._writes:
            await asyncio.wait(self._writes)

    def _written(self, written: asyncio.Future[None]) -> None:
        self._writes.discard(written)
        error = None if written.cancelled() else written.exception()
        if error is not None:
            self._failed_write(error)

    def _worst(self, request: Request) -> float:
        if self._budget is None or self._price is None:
            return 0.0
        return self._price.worst(request)

    def _count_reply(
        self, flight: Flight, sent: Sent, reply: Reply, latency: float
    ) -> float | None:
        tally, call = self._tally, flight.call
        cost = None if self._price is None else self._price.of(reply)
        self.settle(sent.worst_usd, cost or 0.0)
        self._limits.answered(reply.rate)
        self._deadlines.add(flight.bucket, latency)
        self._output += 0.05 * (reply.tokens_out - self._output)
        tally.spend(reply, cost)
        call.tokens_in += reply.tokens_in
        call.tokens_out += reply.tokens_out
        call.tokens_cached += reply.tokens_cached
        call.cost_usd += cost or 0.0
        return cost

    def _count_error(self, flight: Flight, sent: Sent, error: CallError) -> None:
        tally, call = self._tally, flight.call
        tally.failures[error.kind] += 1
        self.settle(sent.worst_usd, 0.0, possible=error.billed)
        if error.billed:
            tally.possibly_billed += 1
            if tally.possible_usd is not None:
                worst = None if self._price is None else self._price.worst(flight.request)
                tally.possible_usd = None if worst is None else tally.possible_usd + worst
        if error.kind is Failure.RATE_LIMITED:
            call.counted -= 1
            tokens = self.tokens(flight.request)
            call.wait_s = self._limits.refused(error, tokens, call.limited, sent.at)
            call.limited += 1
            call.limited_s += call.wait_s
        elif error.status is not None:
            self._limits.failed()
