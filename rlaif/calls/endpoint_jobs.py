"""The batch jobs of one endpoint: found again after a kill, looked at, fetched, cancelled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from rlaif.calls.job import Job, JobStatus, JobWire
from rlaif.calls.ledger import Ledger
from rlaif.calls.request import CallError, Failure
from rlaif.calls.submit import Patience, taken

GONE = 404


class EndpointJobs:
    """What the ledger and the provider know of our jobs. Methods raise CallError."""

    def __init__(self, endpoint: str, ledger: Ledger, wire: JobWire, patience: Patience) -> None:
        self._endpoint = endpoint
        self._ledger = ledger
        self._wire = wire
        self._patience = patience

    async def known(self, resume: Sequence[str]) -> list[Job]:
        """The jobs still to be collected, each with the provider's id; those named are added."""
        known = self._ledger.jobs(self._endpoint)
        recorded = {job.id for job in known}
        for job_id in resume:
            if job_id not in recorded:
                job = Job(job_id, self._endpoint, time.time(), (), "open", job_id)
                await self._ledger.put_job(job)
                known.append(job)
        jobs = []
        for job in known:
            if job.state == "open":
                jobs.append(job)
            elif job.state == "creating" and (found := await self.recover(job)):
                jobs.append(found)
        return jobs

    async def recover(self, job: Job) -> Job | None:
        """A job whose creator was killed: taken up if the provider has it, else given up."""
        found = await self._patience(
            lambda: self._wire.find(job, taken(self._ledger, job.endpoint))
        )
        job = replace(job, id=found or job.id, state="open" if found else "lost")
        await self._ledger.put_job(job)
        return job if found else None

    async def status(self, job: Job) -> JobStatus:
        """Where it stands."""
        return await self._patience(lambda: self._wire.status(job.id or ""))

    async def fetch(self, job: Job, status: JobStatus, into: BinaryIO) -> None:
        """All lines of an ended job, from the start also where an earlier try broke off."""

        async def once() -> None:
            into.seek(0)
            into.truncate()
            await self._wire.results(job.id or "", status, into)
            into.seek(0)

        await self._patience(once)

    async def cancel(self, job: Job) -> None:
        """Cancel at the provider; one that has ended meanwhile is as good."""
        try:
            await self._patience(lambda: self._wire.cancel(job.id or ""))
        except CallError as error:
            if error.kind is not Failure.BAD_REQUEST and error.status not in (GONE, 409):
                raise
