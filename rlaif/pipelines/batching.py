"""Asks a bench's questions through the provider's batch API: half the price, within a day."""

from __future__ import annotations

import asyncio

from rlaif.calls.batch import BatchSettings, run_batch
from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget
from rlaif.calls.tally import Tally
from rlaif.judges.judge import Bench, JudgeReader
from rlaif.pipelines.answers import Rows
from rlaif.pipelines.asking import SIGNALS, AskRows, ask_all
from rlaif.pipelines.recipe import Recipe
from rlaif.pipelines.setup import price_of
from rlaif.pipelines.watch import Watch


def asker_of(recipe: Recipe) -> AskRows:
    """How a recipe wants its judge asked: call by call, or in batches."""
    return ask_all if recipe.judge.batch == "off" else ask_in_batches


def ask_in_batches(
    recipe: Recipe, bench: Bench, rows: Rows, ledger: Ledger, budget: Budget | None, watch: Watch
) -> Tally:
    """Submit what the ledger lacks, wait and collect; the client is closed after.

    SIGINT or SIGTERM leaves the batches running at the provider: the same command takes them up.
    """
    card = bench.judge.card

    async def ask() -> Tally:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            watch.say("Leaving the batches to run; the same command collects them.")
            stop.set()

        for number in SIGNALS:
            loop.add_signal_handler(number, on_signal)
        try:
            return await run_batch(
                bench.client,
                ledger,
                lambda: bench.groups(row.comparison for row in rows()),
                JudgeReader(card),
                price=price_of(card),
                budget=budget,
                settings=BatchSettings(max_failures=recipe.max_failures),
                on_event=watch.progress,
                stop=stop,
                resume=recipe.judge.batch_ids,
                cancel=recipe.judge.batch == "cancel",
            )
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
            await bench.client.close()

    return asyncio.run(ask())
