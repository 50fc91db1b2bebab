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
from typing import TYPE_CHECKING, Any, BinaryIO

from rlaif.calls.job import Job, JobStatus
from rlaif.calls.request import Reply, Request
from rlaif.clients import anthropic, failures, wire

if TYPE_CHECKING:
    from rlaif.clients.anthropic import AnthropicClient

PATH = "/v1/messages/batches"
SKEW_S = 120.0
"""How far the provider's clock may be off ours."""
_NOT_RUN = ("expired", "canceled")


class AnthropicJobs:
    """The batch API of Anthropic; see `JobWire`."""

    max_requests = 100_000
    max_bytes = wire.MAX_JOB_BYTES

    def __init__(self, client: AnthropicClient) -> None:
        self._client = client
        self._sdk = client.sdk

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
        likely, after = None, None
        while True:
            query = {"limit": "100", **({"after_id": after} if after else {})}
            page = await self._get(PATH, query)
            for batch in page["data"]:
                after = batch["id"]
                if _seconds(batch["created_at"]) < job.created - SKEW_S:
                    return likely
                size = sum(batch["request_counts"].values())
                if size == len(job.keys) and batch["id"] not in taken:
                    likely = str(batch["id"])
            if not page.get("has_more"):
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
        path, raw = f"{PATH}/{job_id}/results", self._client.raw
        await self._client.guarded(lambda: wire.download(self._sdk, path, raw, into))

    def reply(self, line: Mapping[str, Any], request: Request) -> Reply | None:
        """What a line says; None where the request was not run."""
        result = line["result"]
        if result["type"] in _NOT_RUN:
            return None
        if result["type"] != "succeeded":
            code, message = failures.error_parts(result.get("error") or {})
            status = {"invalid_request_error": 400, "not_found_error": 404}.get(code, 500)
            raise failures.from_status(status, code, message, {})
        return anthropic.reply_of(result["message"], {}, request)

    async def cancel(self, job_id: str) -> None:
        """Stop it."""
        await self._client.guarded(
            lambda: self._sdk.post(f"{PATH}/{job_id}/cancel", cast_to=object)
        )

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        options: Any = {"params": dict(query)} if query else {}
        return await self._client.guarded(
            lambda: self._sdk.get(path, cast_to=object, options=options)
        )


def _seconds(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()
