"""Asking through a provider's batch API: half the price, answers within a day, nothing paid twice.

    tally = await run_batch(client, ledger, groups, reader, price=price)

The jobs of earlier runs are taken up first, then what the ledger still lacks is submitted, then all
are polled, and each is collected when it has ended, also one that expired or was cancelled: what
is done is kept, the rest is left unfinished and asked again by the next run. A batch has no second
attempt, so an unreadable reply stays one; a `Pool` over the same asks afterwards repairs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from rlaif.calls.collect import Collector, Groups, Purse
from rlaif.calls.endpoint_jobs import GONE, EndpointJobs
from rlaif.calls.job import BatchClient, Job, JobStatus
from rlaif.calls.ledger import Ledger, LedgerError
from rlaif.calls.money import Budget, Price
from rlaif.calls.reader import Reader
from rlaif.calls.request import CallError, Client
from rlaif.calls.submit import Patience, Submitter
from rlaif.calls.tally import Event, Stop, Tally
from rlaif.calls.tolerance import Tolerance
from rlaif.errors import ConfigError


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How batches are cut and waited for."""

    max_requests: int | None = None
    """Requests a batch; None takes as many as the provider does."""
    poll_s: float = 5.0
    """Seconds between the first looks at the batches; they grow to `poll_most_s`."""
    poll_most_s: float = 60.0
    attempts: int = 6
    """How often one call of the batch API is tried."""
    max_failures: float = 0.05
    """Share of failed answers over which the tally says so."""


async def run_batch(
    client: Client,
    ledger: Ledger,
    groups: Groups,
    reader: Reader,
    *,
    price: Price | None = None,
    budget: Budget | None = None,
    settings: BatchSettings | None = None,
    on_event: Callable[[Event], None] | None = None,
    stop: asyncio.Event | None = None,
    resume: Sequence[str] = (),
    cancel: bool = False,
) -> Tally:
    """Submit what the ledger lacks, wait, and collect; returns the counts.

    `price` is the provider's usual one: batches cost half of it. `resume` names batches (by the
    provider's id) that this ledger has no record of, to be collected as well. `cancel` submits
    nothing, cancels what runs, and collects what is done by then, which is billed. Setting `stop`
    leaves the batches running: the next run takes them up again. Raises ConfigError for a client
    whose provider has no batch API, and for a budget without a price.
    """
    if not isinstance(client, BatchClient):
        raise ConfigError("only the clients openai and anthropic have a batch API")
    if budget is not None and price is None:
        raise ConfigError("a budget needs the model's price: state it in the card")
    batches = _Batches(client, ledger, settings or BatchSettings(), on_event, stop)
    batches.prepare(groups, reader, _half(price), budget)
    return await batches.run(resume, cancel)


class _Batches:
    """One run over all jobs of an endpoint."""

    def __init__(
        self,
        client: BatchClient,
        ledger: Ledger,
        settings: BatchSettings,
        on_event: Callable[[Event], None] | None,
        stop: asyncio.Event | None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._settings = settings
        self._on_event = on_event
        self._stop = stop or asyncio.Event()
        self._wire = client.jobs()
        self._patience = Patience(settings.attempts)
        self._jobs = EndpointJobs(client.endpoint, ledger, self._wire, self._patience)
        self._tolerance = Tolerance(settings.max_failures)
        self._status: dict[str, JobStatus] = {}

    def prepare(
        self, groups: Groups, reader: Reader, price: Price | None, budget: Budget | None
    ) -> None:
        """What is asked, how it is read, and what it costs in a batch."""
        self._groups = groups
        self._tally = Tally(cost_usd=None if price is None else 0.0)
        self._purse = Purse(budget, price)
        self._collector = Collector(
            *(self._wire, self._ledger, groups, reader, price, self._purse, self._tally)
        )

    async def run(self, resume: Sequence[str], cancel: bool) -> Tally:
        """Everything, in order; failures of the batch API end it and are told in the tally."""
        tally, started = self._tally, time.monotonic()
        try:
            jobs = await self._jobs.known(resume)
            tally.asked += sum(len(job.keys) for job in jobs)
            if cancel:
                for job in jobs:
                    await self._jobs.cancel(job)
            else:
                jobs += await self._submit(jobs)
            await self._wait(jobs)
        except CallError as error:
            self._end("fatal" if error.kind.fatal else "stall", f"batch API: {error}")
        except LedgerError as error:
            self._end("disk", str(error))
        tally.unfinished = max(0, tally.asked - tally.finished)
        if self._tolerance.is_over(tally):
            self._end("failures", self._tolerance.words(tally))
        tally.seconds = time.monotonic() - started
        self._tell()
        return tally

    async def _submit(self, running: Sequence[Job]) -> list[Job]:
        """Batches for what neither the ledger nor a running job answers."""
        submitter = Submitter(self._client, self._ledger, self._wire, self._patience, self._tally)
        most = self._settings.max_requests or self._wire.max_requests
        asked = {key for job in running for key in job.keys}
        lacking = submitter.lacking(self._groups(), asked, self._purse, self._stop)
        jobs = [job async for job in submitter.submit(lacking, most)]
        if submitter.broke:
            self._end("budget", "the next call might cost more than the budget has left")
        return jobs

    async def _wait(self, jobs: list[Job]) -> None:
        """Look at the jobs until all are collected, or a stop leaves them running."""
        delay = self._settings.poll_s
        while jobs and not self._stop.is_set():
            looked = [await self._look(job) for job in jobs]
            jobs = [job for job in looked if job is not None]
            self._tell()
            if jobs:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._stop.wait()
                delay = min(1.5 * delay, self._settings.poll_most_s)
        if jobs:
            names = ", ".join(job.id or job.tag for job in jobs)
            self._end("interrupted", f"running at the provider: {names}; run again to collect")

    async def _look(self, job: Job) -> Job | None:
        """The job to go on waiting for: itself, none once it is collected."""
        try:
            status = await self._jobs.status(job)
            self._status[job.tag] = status
            if not status.ended:
                return job
            with tempfile.TemporaryFile() as lines:
                await self._jobs.fetch(job, status, lines)
                ours = await self._collector.collect(job, lines)
        except CallError as error:
            if error.status != GONE:
                raise
            self._end("failures", f"batch {job.id} is no longer at the provider")
            await self._ledger.put_job(replace(job, state="lost"))
            return None
        if not ours:
            return await self._jobs.recover(job)
        if status.failed:
            self._end("fatal", f"the provider refused batch {job.id}: {status.words}")
        return None

    def _end(self, why: Stop, message: str) -> None:
        """Say why the run ends; the first reason holds."""
        if self._tally.stopped is None:
            self._tally.stopped, self._tally.message = why, message

    def _tell(self) -> None:
        tally = self._tally
        if self._on_event is None:
            return
        done = sum(s.done for s in self._status.values() if not s.ended)
        self._on_event(
            Event(
                finished=tally.finished + done,
                asked=tally.asked,
                reused=tally.reused,
                failed=tally.failed,
                per_s=0.0,
                cost_usd=tally.cost_usd,
                in_flight=max(0, tally.asked - tally.finished - done),
                waiting_until=None,
                stopped=tally.stopped,
            )
        )


def _half(price: Price | None) -> Price | None:
    """What a batch costs: half of everything, at both providers."""
    if price is None:
        return None
    halves = {k: None if v is None else v / 2 for k, v in asdict(price).items()}
    return Price(**halves)  # type: ignore[arg-type]
