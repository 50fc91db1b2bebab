"""Anthropic's message batches: many requests in one, answered within a day at half the price.

Source: https://platform.claude.com/docs/en/build-with-claude/batch-processing (100,000 requests or
256 MB a batch; results are kept for 29 days). The API keeps no name of ours with a batch, so one
that was created just before a kill is known again by its time and size, and proved by the custom
ids of its results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from rlaif.calls.job import Job, JobStatus
from rlaif.calls.request import Reply, Request
from rlaif.clients import failures
from rlaif.clients.sdk import SdkJobs

PATH = "/v1/messages/batches"
SKEW_S = 120.0
"""How far the provider's clock may be off ours."""
_NOT_RUN = ("expired", "canceled")


class AnthropicJobs(SdkJobs):
    """The batch API of Anthropic; see `JobWire`."""

    max_requests = 100_000

    def line(self, key: str, body: Mapping[str, Any]) -> bytes:
        """One request of the batch."""
        return json.dumps({"custom_id": key, "params": body}).encode()

    async def create(self, lines: Sequence[bytes], tag: str) -> str:
        """Start the batch. The tag stays here: the API has no place for it."""
        content = b'{"requests":[' + b",".join(lines) + b"]}"
        batch = await self._client.guarded(
            lambda: self._sdk.post(PATH, content=content, cast_to=object)
        )
        return str(batch["id"])

    async def find(self, job: Job, taken: frozenset[str]) -> str | None:
        """The oldest batch of this size that was created since the job was."""
        likely = None
        async for batches in self._pages(PATH, "after_id"):
            for batch in batches:
                if _seconds(batch["created_at"]) < job.created - SKEW_S:
                    return likely
                size = sum(batch["request_counts"].values())
                if size == len(job.keys) and batch["id"] not in taken:
                    likely = str(batch["id"])
        return likely

    async def status(self, job_id: str) -> JobStatus:
        """Where it stands."""
        batch = await self._get(f"{PATH}/{job_id}")
        counts = batch["request_counts"]
        total = sum(counts.values())
        return JobStatus(
            ended=batch["processing_status"] == "ended",
            words=batch["processing_status"],
            total=total,
            done=total - counts["processing"],
        )

    async def results(self, job_id: str, status: JobStatus, into: BinaryIO) -> None:
        """The results, from our own endpoint and not from an address it sent."""
        await self._download(f"{PATH}/{job_id}/results", into)

    def reply(self, line: Mapping[str, Any], request: Request) -> Reply | None:
        """What a line says; None where the request was not run."""
        result = line["result"]
        if result["type"] in _NOT_RUN:
            return None
        if result["type"] != "succeeded":
            code, message = failures.error_parts(result.get("error") or {})
            status = {"invalid_request_error": 400, "not_found_error": 404}.get(code, 500)
            raise failures.from_status(status, code, message, {})
        return self._client.reply(result["message"], {}, request)

    async def cancel(self, job_id: str) -> None:
        """Stop it."""
        await self._client.guarded(
            lambda: self._sdk.post(f"{PATH}/{job_id}/cancel", cast_to=object)
        )


def _seconds(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()
