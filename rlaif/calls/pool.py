"""Asks many questions at once: only what is missing, within every limit, nothing lost.

    pool = Pool(client, ledger, PoolSettings(), reader, price, budget)
    tally = await pool.run(groups)

A call takes a slot, is admitted by the limits, is sent, read, perhaps repaired, and keeps its slot
until its row is committed: a kill makes us pay twice for at most the calls in flight.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import sqrt

from rlaif.calls.call import Ask, Call
from rlaif.calls.collector import rare_collections
from rlaif.calls.deadlines import Deadlines
from rlaif.calls.feed import Feed
from rlaif.calls.ledger import Ledger, LedgerError
from rlaif.calls.limits import Limits
from rlaif.calls.money import Budget, Price
from rlaif.calls.request import Client
from rlaif.calls.resolve import Reader, Resolver
from rlaif.calls.rows import Answer, Attempt
from rlaif.calls.settings import PoolSettings
from rlaif.calls.slots import Slots
from rlaif.calls.tally import Event, Stop, Tally
from rlaif.calls.wire import BudgetReached, Wire
from rlaif.errors import ConfigError
from rlaif.records import Outcome

__all__ = ["Ask", "Event", "Pool", "PoolSettings", "Reader", "Tally"]

WATCH_S = 0.1
EVENT_S = 1.0
EARLY = 50
"""Outcomes before a run may be stopped for its failures."""
Z = 3.0


class Pool:
    """One endpoint's questions, asked within its limits. May be run several times, in one loop.

    `price` None means the price is unknown: costs are None then, and a budget is refused with a
    ConfigError. `clock` counts seconds.
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        settings: PoolSettings,
        reader: Reader,
        price: Price | None = None,
        budget: Budget | None = None,
        on_event: Callable[[Event], None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if budget is not None and price is None:
            raise ConfigError("a budget needs the model's price: state it in the card")
        most = min(settings.in_flight, client.concurrency or settings.in_flight)
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._reader = reader
        self._price = price
        self._budget = budget
        self._on_event = on_event
        self._clock = clock
        self._slots = Slots(most)
        self._limits = Limits(
            self._slots, rpm=settings.rpm, tpm=settings.tpm, seed=settings.seed, clock=clock
        )
        self._deadlines = Deadlines(settings.timeout_s)
        self._calls: set[Call] = set()
        self._ready: deque[Call] = deque()
        self._turn: asyncio.Future[None] | None = None
        self._dispatcher: asyncio.Task[None] | None = None
        self._killer: asyncio.TimerHandle | None = None
        self._stopped: tuple[Stop, str] | None = None
        self._error: Exception | None = None

    async def run(self, groups: Iterable[Sequence[Ask]]) -> Tally:
        """Ask what `groups` holds and the ledger has no answer for; returns the counts.

        Groups are read as they are needed. In a group, the second and further asks start when the
        first has answered. Failed calls are outcomes; only an error of `groups` itself is raised,
        after the calls in flight have landed.
        """
        self._tally = Tally(cost_usd=None if self._price is None else 0.0)
        self._tally.possible_usd = self._tally.cost_usd
        self._started = self._clock()
        self._feed = Feed(groups, self._ledger, self._tally)
        self._wire = self._new_wire()
        self._resolver = Resolver(
            self._wire,
            self._slots,
            self._reader,
            self._settings,
            self._price is not None,
            self._book,
        )
        self._writes: set[asyncio.Future[None]] = set()
        self._rates: deque[tuple[float, int]] = deque([(self._started, 0)], maxlen=6)
        if self._stopped is None:
            await self._run()
        return self._close_tally()

    def stop(self, why: Stop = "interrupted", message: str = "stopped on request") -> None:
        """Start no further call; those on the wire get `grace_s` to land and be committed."""
        if self._stopped is not None:
            return
        self._stopped = (why, message)
        if self._dispatcher is None:
            return
        self._resolver.stopping = True
        self._dispatcher.cancel()
        for call in self._calls:
            if not call.on_wire and call.task is not None:
                call.task.cancel()
        loop = asyncio.get_running_loop()
        self._killer = loop.call_later(self._settings.grace_s, self.cancel)

    def cancel(self) -> None:
        """Give up the calls on the wire as well; they are booked as possibly billed."""
        self.stop()
        for call in self._calls:
            if call.task is not None:
                call.task.cancel()

    def _new_wire(self) -> Wire:
        return Wire(
            self._client,
            self._settings,
            self._limits,
            self._deadlines,
            self._tally,
            self._price,
            self._budget,
            self._book,
            self._clock,
        )

    async def _run(self) -> None:
        watcher = asyncio.create_task(self._watch())
        watcher.add_done_callback(self._watched)
        try:
            with rare_collections():
                async with asyncio.TaskGroup() as tasks:
                    self._dispatcher = tasks.create_task(self._dispatch(tasks))
        finally:
            self._dispatcher = None
            if self._killer is not None:
                self._killer.cancel()
            watcher.cancel()
            await self._wire.close()
            while self._writes:
                await asyncio.wait(self._writes)
        if self._error is not None:
            raise self._error

    async def _dispatch(self, tasks: asyncio.TaskGroup) -> None:
        try:
            while (call := await self._next()) is not None:
                self._ready.appendleft(call)  # still there if a stop comes while it waits
                await self._slots.take()
                self._ready.remove(call)
                call.has_slot = True
                self._calls.add(call)
                self._tally.asked += 1
                call.task = tasks.create_task(self._answer(call))
        except Exception as error:  # of the groups: let what is paid for land first
            self._error = error

    async def _next(self) -> Call | None:
        """A follower whose leader has answered, else a fresh call; None when all is done."""
        while True:
            if self._ready:
                return self._ready.popleft()
            # Calls that rest between attempts hold no slot, but there must not be ever more.
            if len(self._calls) < 2 * self._slots.most:
                call = await self._feed.next()
                if call is not None:
                    return call
                if not self._calls and not self._ready:
                    return None
            if not self._ready:
                self._turn = asyncio.get_running_loop().create_future()
                await self._turn

    async def _answer(self, call: Call) -> None:
        """One call from its slot to its committed row; never raises."""
        try:
            answer, attempts = await self._resolver.resolve(call)
            call.on_wire = True
            await self._ledger.put(answer, attempts)
            self._count(answer)
        except asyncio.CancelledError:
            self._tally.unfinished += 1
        except BudgetReached:
            self._tally.unfinished += 1
            cap = self._budget.cap_usd if self._budget is not None else 0.0
            self.stop("budget", f"the next call might cost more than is left of USD {cap:g}")
        except LedgerError as error:
            self._tally.unfinished += 1
            self.stop("disk", str(error))
        except Exception as error:  # a fault of ours: let the other calls land, then raise it
            self._tally.unfinished += 1
            self._error = error
            self.stop("fatal", f"a call failed with {type(error).__name__}")
        finally:
            self._release(call)

    def _release(self, call: Call) -> None:
        if call.has_slot:
            call.has_slot = False
            self._slots.give()
        self._calls.discard(call)
        self._feed.live.discard(call.ask.key)
        self._ready.extend(Call(ask, ()) for ask in call.followers)
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def _count(self, answer: Answer) -> None:
        tally = self._tally
        tally.finished += 1
        tally.outcomes[answer.outcome] += 1
        if answer.failure is not None and answer.failure.fatal:
            self.stop("fatal", answer.error or answer.failure)
        n = tally.finished + tally.reused
        if n >= EARLY and _surely_over(tally.failed, n, self._settings.max_failures):
            self.stop("failures", self._too_many())

    def _book(self, attempt: Attempt) -> asyncio.Future[None]:
        """Queue an attempt's row without waiting; a write error stops the run."""
        written = self._ledger.put(None, [attempt])
        self._writes.add(written)
        written.add_done_callback(self._written)
        return written

    def _written(self, written: asyncio.Future[None]) -> None:
        self._writes.discard(written)
        error = None if written.cancelled() else written.exception()
        if error is not None:
            self.stop("disk", str(error))

    async def _watch(self) -> None:
        """Deadlines, growth, stalls and events: ten times a second."""
        told = self._clock()
        while True:
            await asyncio.sleep(WATCH_S)
            self._wire.watch()
            self._limits.tick()
            stalled = self._limits.stalled_s()
            if stalled > self._settings.stall_s:
                self.stop("stall", f"the provider has let nothing through for {stalled:.0f} s")
            if self._clock() - told >= EVENT_S:
                told = self._clock()
                self._tell()

    def _watched(self, watcher: asyncio.Task[None]) -> None:
        """Without the watch nothing hangs up: where an event's receiver fails, the run stops."""
        error = None if watcher.cancelled() else watcher.exception()
        if isinstance(error, Exception):
            self._error = error
            self.stop("fatal", f"showing progress failed with {type(error).__name__}")

    def _tell(self) -> None:
        """Send an event."""
        if self._on_event is None:
            return
        tally, now = self._tally, self._clock()
        self._rates.append((now, tally.finished))
        since, finished = self._rates[0]
        self._on_event(
            Event(
                finished=tally.finished,
                asked=tally.asked,
                reused=tally.reused,
                failed=tally.failed,
                per_s=(tally.finished - finished) / max(now - since, 1e-3),
                cost_usd=tally.cost_usd,
                in_flight=self._wire.in_flight,
                waiting_until=self._limits.waiting_until,
                stopped=None if self._stopped is None else self._stopped[0],
            )
        )

    def _close_tally(self) -> Tally:
        tally = self._tally
        tally.seconds = self._clock() - self._started
        if self._stopped is None and tally.failed_share > self._settings.max_failures:
            self._stopped = ("failures", self._too_many())
        if self._stopped is not None:
            tally.stopped, tally.message = self._stopped
        if tally.stopped == "budget":
            ready = sum(1 + len(call.followers) for call in self._ready)
            unasked = tally.unfinished + ready + self._feed.rest()
            tally.outcomes[Outcome.BUDGET] += unasked
            tally.unfinished = 0
        self._tell()
        return tally

    def _too_many(self) -> str:
        tally = self._tally
        return (
            f"{tally.failed} of {tally.finished + tally.reused} calls failed"
            f" (max_failures is {self._settings.max_failures:.0%})"
        )


def _surely_over(failed: int, n: int, share: float) -> bool:
    """Whether the true failure share is over `share` beyond doubt (Wilson's lower bound, z = 3)."""
    p = failed / n
    spread = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return (p + Z * Z / (2 * n) - spread) / (1 + Z * Z / n) > share
