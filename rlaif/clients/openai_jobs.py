"""OpenAI's batch API: a file of requests in, files of answers and errors out, at half price.

Source: https://platform.openai.com/docs/guides/batch (50,000 requests and 200 MB a batch).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from rlaif.calls.job import Job, JobStatus
from rlaif.calls.request import Reply, Request
from rlaif.clients import failures, openai
from rlaif.clients.sdk import SdkJobs

if TYPE_CHECKING:
    from openai import AsyncOpenAI

TAG = "rlaif_tag"
_ENDED = ("completed", "expired", "cancelled", "failed")
_NOT_RUN = ("batch_expired", "batch_cancelled")


class OpenAIJobs(SdkJobs):
    """The batch API of one OpenAI endpoint; see `JobWire`."""

    max_requests = 50_000
    _sdk: AsyncOpenAI

    def line(self, key: str, body: Mapping[str, Any]) -> bytes:
        """One line of the input file."""
        path = "/v1" + openai.PATH
        return json.dumps({"custom_id": key, "method": "POST", "url": path, "body": body}).encode()

    async def create(self, lines: Sequence[bytes], tag: str) -> str:
        """Upload the file and start the batch; its metadata carry the tag."""
        file = (f"{tag}.jsonl", b"\n".join(lines))
        upload = await self._client.guarded(
            lambda: self._sdk.files.create(file=file, purpose="batch")
        )
        batch = await self._client.guarded(
            lambda: self._sdk.batches.create(
                input_file_id=upload.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={TAG: tag},
            )
        )
        return str(batch.id)

    async def find(self, job: Job, taken: frozenset[str]) -> str | None:
        """The batch whose metadata carry the job's tag."""
        async for batches in self._pages("/batches", "after"):
            for batch in batches:
                if (batch.get("metadata") or {}).get(TAG) == job.tag:
                    return str(batch["id"])
            if batches and batches[-1]["created_at"] < job.created - 3600:
                break
        return None

    async def status(self, job_id: str) -> JobStatus:
        """Where it stands."""
        batch = await self._get(f"/batches/{job_id}")
        counts = batch.get("request_counts") or {}
        faults = (batch.get("errors") or {}).get("data") or []
        words = "; ".join([batch["status"], *(str(fault.get("message")) for fault in faults[:3])])
        files = (batch.get("output_file_id"), batch.get("error_file_id"))
        return JobStatus(
            ended=batch["status"] in _ENDED,
            words=failures.redact(words),
            total=counts.get("total") or 0,
            done=(counts.get("completed") or 0) + (counts.get("failed") or 0),
            files=tuple(name for name in files if name),
            failed=batch["status"] == "failed",
        )

    async def results(self, job_id: str, status: JobStatus, into: BinaryIO) -> None:
        """Both files, one after the other."""
        for name in status.files:
            await self._download(f"/files/{name}/content", into)

    def reply(self, line: Mapping[str, Any], request: Request) -> Reply | None:
        """What a line says; None where the request was not run."""
        error, response = line.get("error") or {}, line.get("response") or {}
        if error.get("code") in _NOT_RUN:
            return None
        status = response.get("status_code") or 500
        if error or status != 200:
            code, message = failures.error_parts(error or response.get("body"))
            raise failures.from_status(status, code, message, {})
        return self._client.reply(response.get("body"), {}, request)

    async def cancel(self, job_id: str) -> None:
        """Stop it."""
        await self._client.guarded(lambda: self._sdk.batches.cancel(job_id))
