"""Asks all that a bench has to ask, and lets the user stop it without losing anything."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget
from rlaif.calls.pool import Pool
from rlaif.calls.request import Reply, Request
from rlaif.calls.tally import Tally
from rlaif.judges.card import Card
from rlaif.judges.judge import Bench, JudgeReader
from rlaif.judges.parse import read
from rlaif.pipelines.judging import Rows
from rlaif.pipelines.recipe import Recipe
from rlaif.pipelines.setup import pool_settings, price_of
from rlaif.pipelines.watch import Watch
from rlaif.records import Outcome

NARRATE_EVERY_S = 3.0

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def ask_all(
    recipe: Recipe, bench: Bench, rows: Rows, ledger: Ledger, budget: Budget | None, watch: Watch
) -> Tally:
    """Send every question about `rows` that the ledger cannot answer; the client is closed after.

    The first SIGINT or SIGTERM stops new calls and lets those in flight land, the second cancels.
    """
    return asyncio.run(_ask(recipe, bench, rows, ledger, budget, watch))


async def _ask(
    recipe: Recipe, bench: Bench, rows: Rows, ledger: Ledger, budget: Budget | None, watch: Watch
) -> Tally:
    card = bench.judge.card
    pool = Pool(
        bench.client,
        ledger,
        pool_settings(recipe, card),
        Narrator(card, watch),
        price_of(card),
        budget,
        watch.progress,
    )
    try:
        with _stoppable(pool, watch):
            return await pool.run(bench.groups(row.comparison for row in rows()))
    finally:
        await bench.client.close()


class Narrator(JudgeReader):
    """Reads as the card says, and shows one reading every few seconds."""

    def __init__(self, card: Card, watch: Watch) -> None:
        super().__init__(card)
        self._watch = watch
        self._next = time.monotonic() + NARRATE_EVERY_S

    def read(self, reply: Reply, request: Request) -> Outcome:
        """The outcome of a reply."""
        reading = read(reply, self.card.reply, self.card.confidence)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + NARRATE_EVERY_S
            p = "" if reading.p_first is None else f", P(first is better) {reading.p_first:.2f}"
            self._watch.say(f"  {request.about}: {reading.outcome.value}{p}")
        return reading.outcome


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
