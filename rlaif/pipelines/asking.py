"""Asks all that a bench has to ask, and lets the user stop it without losing anything."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget, Price
from rlaif.calls.pool import Ask, Pool, PoolSettings, Reader
from rlaif.calls.request import Client, Reply, Request
from rlaif.calls.tally import Tally
from rlaif.errors import ConfigError, InterruptedRun, StoppedError
from rlaif.judges.card import Judge
from rlaif.judges.judge import Bench, JudgeReader
from rlaif.pipelines.answers import Rows
from rlaif.pipelines.recipe import Recipe
from rlaif.pipelines.setup import pool_settings, price_of
from rlaif.pipelines.watch import Watch
from rlaif.records import Outcome

NARRATE_EVERY_S = 3.0

SIGNALS = (signal.SIGINT, signal.SIGTERM)

AskRows = Callable[[Recipe, Bench, Rows, Ledger, Budget | None, Watch], Tally]
"""Asks everything a bench has to ask about some rows."""


def ask_all(
    recipe: Recipe, bench: Bench, rows: Rows, ledger: Ledger, budget: Budget | None, watch: Watch
) -> Tally:
    """Send every question of `bench` about `rows` that the ledger cannot answer."""
    groups = bench.groups(row.comparison for row in rows())
    reader = JudgeReader(bench.judge.card)
    return ask_groups(recipe, bench.judge, bench.client, groups, reader, ledger, budget, watch)


def ask_groups(
    recipe: Recipe,
    judge: Judge,
    client: Client,
    groups: Iterable[Sequence[Ask]],
    reader: TellingReader,
    ledger: Ledger,
    budget: Budget | None,
    watch: Watch,
) -> Tally:
    """The same for the calls of any card: what `groups` holds, read by `reader`."""
    settings = pool_settings(recipe, judge.card)
    price = price_of(judge.card)
    return ask_pool(client, settings, price, groups, reader, ledger, budget, watch)


def ask_pool(
    client: Client,
    settings: PoolSettings,
    price: Price | None,
    groups: Iterable[Sequence[Ask]],
    reader: TellingReader,
    ledger: Ledger,
    budget: Budget | None,
    watch: Watch,
) -> Tally:
    """Send what the ledger cannot answer; the client is closed after.

    The first SIGINT or SIGTERM stops new calls and lets those in flight land, the second cancels.
    """

    async def ask() -> Tally:
        told = Narrator(reader, watch)
        pool = Pool(client, ledger, settings, told, price, budget, watch.progress)
        try:
            with _stoppable(pool, watch):
                return await pool.run(groups)
        finally:
            await client.close()

    return asyncio.run(ask())


def raise_lost(judge: Judge, tally: Tally) -> None:
    """Raise for a stop after which nothing is written but the ledger: going on would repeat it.

    ConfigError where the provider refuses everything, InterruptedRun, StoppedError (disk).
    """
    raise_stop(f"judge {judge.name!r}, model {judge.card.model!r}", tally)


def raise_stop(who: str, tally: Tally) -> None:
    """The same for calls to anybody."""
    if tally.stopped == "interrupted":
        raise InterruptedRun("interrupted: everything answered so far is kept")
    if tally.stopped == "fatal":
        raise ConfigError(f"{who}: {tally.message}")
    if tally.stopped == "disk":
        raise StoppedError(f"stopped (disk): {tally.message}; what was answered is kept")


class TellingReader(Reader, Protocol):
    """A reader that can also say in a few words what a reply says."""

    def told(self, reply: Reply) -> str:
        """What a reply says beside its outcome, or nothing."""


class Narrator:
    """Reads as `reader` does, and shows one reading every few seconds."""

    def __init__(self, reader: TellingReader, watch: Watch) -> None:
        self._reader = reader
        self._watch = watch
        self._next = time.monotonic() + NARRATE_EVERY_S

    def read(self, reply: Reply, request: Request) -> Outcome:
        """The outcome of a reply."""
        outcome = self._reader.read(reply, request)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + NARRATE_EVERY_S
            told = ", ".join(filter(None, (outcome.value, self._reader.told(reply))))
            self._watch.say(f"  {request.about}: {told}")
        return outcome

    def repair(self, request: Request, reply: Reply) -> Request | None:
        """The one repair."""
        return self._reader.repair(request, reply)


@contextmanager
def _stoppable(pool: Pool, watch: Watch) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    asked = False

    def on_signal() -> None:
        nonlocal asked
        if asked:
            watch.say("Cancelling the calls in flight; they may be billed.")
            pool.cancel()
        else:
            asked = True
            watch.say("Stopping: letting the calls in flight land (again to cancel them).")
            pool.stop()

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
