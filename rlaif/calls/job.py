"""What a batch job is: the ledger's record of it, and what a provider's batch API must offer.

A job is written to the ledger before the provider hears of it (`creating`) and again with the
provider's id before it is polled (`open`), so that a kill at any moment loses no batch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable

from rlaif.calls.request import Client, Reply, Request

State = Literal["creating", "open", "collected", "lost"]


@dataclass(frozen=True, slots=True)
class Job:
    """One batch at a provider."""

    tag: str
    """Our own name for it, given before the provider names it."""
    endpoint: str
    created: float
    """Seconds since the epoch."""
    keys: tuple[str, ...]
    """Ledger keys it asks; each is its request's custom id."""
    state: State = "creating"
    """`creating` until the provider's id is known; `lost` where it never came to be."""
    id: str | None = None
    """The provider's name for it."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Where a batch stands."""

    ended: bool
    words: str
    """The provider's own word for it, with its reason where it failed."""
    total: int
    done: int
    files: tuple[str, ...] = ()
    """Where the results are, for the provider's own use."""
    failed: bool = False
    """The provider refused the whole batch: nothing ran."""


class JobWire(Protocol):
    """One provider's batch API. Methods raise `CallError`; none retries."""

    max_requests: int
    max_bytes: int

    def line(self, key: str, body: Mapping[str, Any]) -> bytes:
        """One request of a batch, as its upload holds it."""

    async def create(self, lines: Sequence[bytes], tag: str) -> str:
        """Start a batch; returns its id."""

    async def find(self, job: Job, taken: frozenset[str]) -> str | None:
        """The id of a batch that was created but whose id was never recorded; not one of `taken`.

        Where the API keeps no tag this is the likeliest one; its results tell.
        """

    async def status(self, job_id: str) -> JobStatus:
        """Where it stands."""

    async def results(self, job_id: str, status: JobStatus, into: BinaryIO) -> None:
        """Write the lines of an ended batch: answers, errors, and what was not run."""

    def reply(self, line: Mapping[str, Any], request: Request) -> Reply | None:
        """What a line says; None where the request was not run. Raises CallError for an error."""

    async def cancel(self, job_id: str) -> None:
        """Stop it; what is done by then is billed and can be collected."""


@runtime_checkable
class BatchClient(Client, Protocol):
    """A client whose provider has a batch API."""

    def jobs(self) -> JobWire:
        """That API."""


TABLE = (
    "CREATE TABLE IF NOT EXISTS jobs (tag TEXT PRIMARY KEY, endpoint TEXT NOT NULL,"
    " created REAL NOT NULL, state TEXT NOT NULL, id TEXT, keys TEXT NOT NULL)"
)
SELECT = "SELECT tag, endpoint, created, state, id, keys FROM jobs WHERE endpoint = ?"
PUT = (
    "INSERT INTO jobs (tag, endpoint, created, state, id, keys) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tag) DO UPDATE SET state = excluded.state, id = excluded.id"
)


def job_row(job: Job) -> tuple[Any, ...]:
    """The values of `PUT`."""
    keys = json.dumps(job.keys)
    return job.tag, job.endpoint, job.created, job.state, job.id, keys


def job_of(row: tuple[Any, ...]) -> Job:
    """The job in one row of `SELECT`."""
    tag, endpoint, created, state, id_, keys = row
    return Job(tag, endpoint, created, tuple(json.loads(keys)), state, id_)
