"""Asks many questions at once: only what is missing, within every limit, nothing lost.

    pool = Pool(client, ledger, PoolSettings(), reader, price, budget)
    tally = await pool.run(groups)

A call takes a slot, is admitted by the limits, is sent, read, perhaps repaired, and keeps its slot
until its row is committed: a kill makes us pay twice for at most the calls in flight.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from rlaif.calls.accounts import Accounts, BudgetReached
from rlaif.calls.call import Ask, Call
from rlaif.calls.collector import rare_collections
from rlaif.calls.deadlines import Deadlines
from rlaif.calls.feed import Feed
from rlaif.calls.ledger import Ledger, LedgerError
from rlaif.calls.limits import Limits
from rlaif.calls.money import Budget, Price
from rlaif.calls.progress import Progress
from rlaif.calls.queue import Queue
from rlaif.calls.reader import Reader
from rlaif.calls.request import Client
from rlaif.calls.resolve import Resolver
from rlaif.calls.rows import Answer
from rlaif.calls.settings import PoolSettings
from rlaif.calls.slots import Slots
from rlaif.calls.tally import Event, Stop, Tally
from rlaif.calls.tolerance import Tolerance
from rlaif.calls.wire import Wire
from rlaif.errors import ConfigError
from rlaif.records import Outcome

__all__ = ["Ask", "Event", "Pool", "PoolSettings", "Reader", "Tally"]

WATCH_S = 0.1


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
        self._tolerance = Tolerance(settings.max_failures)
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
        nothing = None if self._price is None else 0.0
        self._tally = Tally(cost_usd=nothing, possible_usd=nothing)
        self._started = self._clock()
        self._progress = Progress(self._tally, self._on_event, self._clock)
        self._queue = Queue(Feed(groups, self._ledger, self._tally), self._slots)
        self._accounts = self._new_accounts()
        self._wire = self._new_wire()
        self._resolver = Resolver(
            self._wire, self._slots, self._reader, self._settings, self._accounts
        )
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
        for call in self._queue.calls:
            if not call.on_wire and call.task is not None:
                call.task.cancel()
        loop = asyncio.get_running_loop()
        self._killer = loop.call_later(self._settings.grace_s, self.cancel)

    def cancel(self) -> None:
        """Give up the calls on the wire as well; they are booked as possibly billed."""
        self.stop()
        if self._dispatcher is None:
            return
        for call in self._queue.calls:
            if call.task is not None:
                call.task.cancel()

    def _new_accounts(self) -> Accounts:
        return Accounts(
            self._ledger,
            self._limits,
            self._deadlines,
            self._tally,
            self._price,
            self._budget,
            self._clock,
            lambda error: self.stop("disk", str(error)),
        )

    def _new_wire(self) -> Wire:
        return Wire(
            self._client,
            self._settings,
            self._limits,
            self._deadlines,
            self._tally,
            self._accounts,
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
            await self._accounts.close()
        if self._error is not None:
            raise self._error

    async def _dispatch(self, tasks: asyncio.TaskGroup) -> None:
        try:
            while (call := await self._queue.next()) is not None:
                self._tally.asked += 1
                tasks.create_task(self._answer(call))
        except Exception as error:  # of the groups: let what is paid for land first
            self._error = error

    async def _answer(self, call: Call) -> None:
        """One call from its slot to its committed row; never raises."""
        # Set here: a task that is cancelled before its first step would never be released.
        call.task = asyncio.current_task()
        try:
            if self._stopped is not None:
                raise asyncio.CancelledError
            answer, attempts = await self._resolver.resolve(call)
            call.on_wire = True
            await self._ledger.put(answer, attempts)
            self._count(answer)
        except asyncio.CancelledError:
            self._tally.unfinished += 1
        except BudgetReached as error:
            self._tally.unfinished += 1
            self.stop("budget", str(error))
        except LedgerError as error:
            self._tally.unfinished += 1
            self.stop("disk", str(error))
        except Exception as error:  # a fault of ours: let the other calls land, then raise it
            self._tally.unfinished += 1
            self._error = error
            self.stop("fatal", f"a call failed with {type(error).__name__}")
        finally:
            self._queue.release(call)

    def _count(self, answer: Answer) -> None:
        tally = self._tally
        tally.finished += 1
        tally.outcomes[answer.outcome] += 1
        if answer.failure is not None and answer.failure.fatal:
            self.stop("fatal", answer.error or answer.failure)
        if self._tolerance.is_surely_over(tally):
            self.stop("failures", self._tolerance.words(tally))

    async def _watch(self) -> None:
        """Deadlines, growth, stalls and events: ten times a second."""
        while True:
            await asyncio.sleep(WATCH_S)
            self._wire.watch()
            self._limits.tick()
            stalled = self._limits.stalled_s()
            if stalled > self._settings.stall_s:
                self.stop("stall", f"the provider has let nothing through for {stalled:.0f} s")
            if self._progress.is_due():
                self._tell()

    def _watched(self, watcher: asyncio.Task[None]) -> None:
        """Without the watch nothing hangs up: where an event's receiver fails, the run stops."""
        error = None if watcher.cancelled() else watcher.exception()
        if isinstance(error, Exception):
            self._error = error
            self.stop("fatal", f"showing progress failed with {type(error).__name__}")

    def _tell(self) -> None:
        stopped = None if self._stopped is None else self._stopped[0]
        self._progress.tell(self._wire.in_flight, self._limits.waiting_until, stopped)

    def _close_tally(self) -> Tally:
        tally = self._tally
        tally.seconds = self._clock() - self._started
        if self._stopped is None and self._tolerance.is_over(tally):
            self._stopped = ("failures", self._tolerance.words(tally))
        if self._stopped is not None:
            tally.stopped, tally.message = self._stopped
        if tally.stopped == "budget":
            tally.outcomes[Outcome.BUDGET] += tally.unfinished + self._queue.rest()
            tally.unfinished = 0
        self._tell()
        return tally
