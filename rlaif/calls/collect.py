"""What an ended batch brought becomes answers in the ledger, as if a pool had asked them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from rlaif.calls.call import Ask
from rlaif.calls.job import Job, JobWire
from rlaif.calls.ledger import Ledger
from rlaif.calls.money import Budget, Price
from rlaif.calls.reader import Reader, outcome_of, outcome_of_failure
from rlaif.calls.request import CallError, Failure, Reply
from rlaif.calls.rows import Answer, Attempt
from rlaif.calls.tally import Tally
from rlaif.records import Outcome

Groups = Callable[[], Iterable[Sequence[Ask]]]
"""Gives the asks from the start each time it is called."""
WRITTEN = 1024
"""Answers that may wait for their commit at once."""


class Purse:
    """Worst cases set aside under a budget, by key; without a budget it lets everything pass."""

    def __init__(self, budget: Budget | None, price: Price | None) -> None:
        self._budget = budget
        self._price = price
        self._held: dict[str, float] = {}

    def reserve(self, ask: Ask) -> bool:
        """Whether the worst case of this ask fits under the cap; it is then set aside."""
        if self._budget is None or self._price is None or ask.key in self._held:
            return True
        worst = self._price.worst(ask.request)
        if not self._budget.reserve(worst):
            return False
        self._held[ask.key] = worst
        return True

    def settle(self, key: str, cost_usd: float) -> None:
        """Book what an ask really cost, 0 where it was not run."""
        if self._budget is not None:
            self._budget.settle(self._held.pop(key, 0.0), cost_usd)


class Collector:
    """Reads the lines of ended batches. `price` is what a batch costs, None where unknown."""

    def __init__(
        self,
        wire: JobWire,
        ledger: Ledger,
        groups: Groups,
        reader: Reader,
        price: Price | None,
        purse: Purse,
        tally: Tally,
    ) -> None:
        self._wire = wire
        self._ledger = ledger
        self._groups = groups
        self._reader = reader
        self._price = price
        self._purse = purse
        self._tally = tally

    async def collect(self, job: Job, lines: BinaryIO) -> bool:
        """Record the answers of a job and what is left of it; False where it is not that job.

        The asks are read again to find each line's request. Keys that this run does not ask any
        more stay with the job, open, for a run that does: they are paid for.
        """
        found = _by_key(lines)
        if job.keys:
            ours = {key: found[key] for key in job.keys if key in found}
            if found and not ours:
                return False
        else:
            ours = found
            self._tally.asked += len(ours)
        known = self._ledger.answered(list(ours))
        self._tally.asked -= len(known)
        waiting = {key: at for key, at in ours.items() if key not in known}
        await self._claim(job, waiting, lines)
        for key in set(job.keys) - set(ours):
            self._purse.settle(key, 0.0)
        left = tuple(key for key in ours if key in waiting)
        await self._ledger.put_job(replace(job, keys=left, state="open" if left else "collected"))
        return True

    async def _claim(self, job: Job, waiting: dict[str, int], lines: BinaryIO) -> None:
        """Record every line whose request is asked; those stay in `waiting` that are not."""
        written: list[asyncio.Future[None]] = []
        for ask in itertools.chain.from_iterable(self._groups()):
            at = waiting.pop(ask.key, None)
            if at is None:
                continue
            lines.seek(at)
            if rows := self._read(job, ask, json.loads(lines.readline())):
                written.append(self._ledger.put(*rows))
            if len(written) == WRITTEN:
                await asyncio.gather(*written)
                written.clear()
        await asyncio.gather(*written)

    def _read(
        self, job: Job, ask: Ask, line: Mapping[str, Any]
    ) -> tuple[Answer, list[Attempt]] | None:
        """The rows of one line; None where its request was not run."""
        try:
            reply = self._wire.reply(line, ask.request)
        except CallError as error:
            return self._failed(job, ask, error)
        except (KeyError, TypeError, AttributeError):
            unread = CallError(Failure.BAD_REPLY, "a line of the batch could not be read")
            return self._failed(job, ask, unread)
        if reply is None:
            self._purse.settle(ask.key, 0.0)
            return None
        return self._answered(job, ask, reply)

    def _answered(self, job: Job, ask: Ask, reply: Reply) -> tuple[Answer, list[Attempt]]:
        outcome, trouble = outcome_of(self._reader, reply, ask.request)
        cost = None if self._price is None else self._price.of(reply)
        self._count(outcome, reply, cost)
        self._purse.settle(ask.key, cost or 0.0)
        latency = time.time() - job.created
        tokens = (reply.tokens_in, reply.tokens_out, reply.tokens_cached)
        answer = Answer(ask.key, outcome, reply, trouble, None, cost, latency, 1, *tokens)
        attempt = Attempt(
            *(ask.key, 1, "first", job.created, latency, outcome, None, None, *tokens, cost),
            request_id=job.id,
        )
        return answer, [attempt]

    def _failed(self, job: Job, ask: Ask, error: CallError) -> tuple[Answer, list[Attempt]]:
        outcome = outcome_of_failure(error)
        self._tally.failures[error.kind] += 1
        self._count(outcome)
        self._purse.settle(ask.key, 0.0)
        latency = time.time() - job.created
        cost = None if self._price is None else 0.0
        answer = Answer(ask.key, outcome, None, str(error), error.kind, cost, latency)
        attempt = Attempt(
            *(ask.key, 1, "first", job.created, latency),
            failure=error.kind,
            status=error.status,
            request_id=job.id,
        )
        return answer, [attempt]

    def _count(
        self, outcome: Outcome, reply: Reply | None = None, cost: float | None = None
    ) -> None:
        tally = self._tally
        tally.finished += 1
        tally.attempts += 1
        tally.outcomes[outcome] += 1
        if reply is not None:
            tally.spend(reply, cost)


def _by_key(lines: BinaryIO) -> dict[str, int]:
    """Where each line starts, by custom id; what is no such line is left out (as not run).

    Log-probabilities make lines of a hundred kilobytes, so they stay on disk.
    """
    found = {}
    at = 0
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found[str(json.loads(line)["custom_id"])] = at
        at += len(line)
    return found
