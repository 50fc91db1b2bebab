"""Both batch APIs: files and batches of OpenAI, message batches of Anthropic."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
from openai.types import Batch, FileObject

from tests.provider import wire_anthropic, wire_openai

if TYPE_CHECKING:
    from tests.provider.server import Provider

FILES, BATCHES, MESSAGES = "/v1/files", "/v1/batches", "/v1/messages/batches"


@dataclass
class Job:
    """One batch of either kind; `lines` are (custom id, kind, body) once it has ended."""

    id: str
    requests: list[tuple[str, dict[str, Any]]]
    created: float
    metadata: dict[str, str] = field(default_factory=dict)
    input_file: str = ""
    cancelled: bool = False
    lines: list[tuple[str, str, bytes]] | None = None


class Batches:
    """Batches in memory; one has ended `batch_s` after its creation, or when it is cancelled."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, Job] = {}
        self.messages: dict[str, Job] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Dispatch by path; unknown paths are a 404."""
        path = request.path
        self._origin = f"http://{request.host}"
        wire = wire_anthropic if path.startswith(MESSAGES) else wire_openai
        key = self.provider.settings.key
        if key and wire.key(request.headers) != key:
            return _error(wire, "auth")
        if path.startswith(FILES):
            return await self._files(request)
        if path.startswith(BATCHES):
            return await self._openai(request)
        if path.startswith(MESSAGES):
            return await self._anthropic(request)
        return _error(wire, "not_found")

    # --- OpenAI

    async def _files(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            form = await request.post()
            upload: Any = form["file"]
            name = f"file-{len(self.files)}"
            self.files[name] = upload.file.read()
            stored = FileObject(
                id=name,
                bytes=len(self.files[name]),
                created_at=int(time.time()),
                filename=upload.filename,
                object="file",
                purpose="batch",
                status="processed",
            )
            return _json(stored.model_dump_json())
        name = request.path.split("/")[3]
        if name not in self.files:
            return _error(wire_openai, "not_found")
        return web.Response(body=self.files[name])

    async def _openai(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = request.path.removeprefix(BATCHES).strip("/").split("/")
        if request.method == "POST" and parts == [""]:
            data = json.loads(await request.read())
            lines = [json.loads(x) for x in self.files[data["input_file_id"]].splitlines()]
            asked = [(x["custom_id"], x["body"]) for x in lines]
            job = self._create(self.jobs, "batch", asked)
            job.metadata, job.input_file = data.get("metadata") or {}, data["input_file_id"]
            return self._created(request, self._batch(job).model_dump_json())
        if parts == [""]:
            page, more = _page(self.jobs, request)
            shown = [self._batch(j).model_dump(mode="json") for j in page]
            ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {}
            body = {"object": "list", "data": shown, "has_more": more, **ends}
            return _json(json.dumps(body))
        job = self.jobs.get(parts[0])
        if job is None:
            return _error(wire_openai, "not_found")
        if parts[1:] == ["cancel"]:
            self._cancel(job, wire_openai)
        return _json(self._batch(job).model_dump_json())

    def _batch(self, job: Job) -> Batch:
        done = self._ended(job, wire_openai)
        kinds = [kind for _, kind, _ in job.lines or ()]
        counts = {"total": len(job.requests), "completed": kinds.count("ok")}
        counts["failed"] = len(kinds) - counts["completed"]
        status = "in_progress"
        if done:
            status = "expired" if "expired" in kinds else "completed"
            status = "cancelled" if job.cancelled else status
            self._write_files(job)
        return Batch(
            id=job.id,
            object="batch",
            endpoint=wire_openai.PATH,
            completion_window="24h",
            created_at=int(job.created),
            input_file_id=job.input_file,
            status=status,  # type: ignore[arg-type]
            metadata=job.metadata,
            request_counts=counts,  # type: ignore[arg-type]
            output_file_id=f"{job.id}-out" if "ok" in kinds else None,
            error_file_id=f"{job.id}-err" if counts["failed"] else None,
        )

    def _write_files(self, job: Job) -> None:
        good, bad = [], []
        for custom_id, kind, body in job.lines or ():
            line: dict[str, Any] = {"id": f"r-{custom_id}", "custom_id": custom_id, "error": None}
            if kind == "ok":
                reply = json.loads(body)
                line["response"] = {"status_code": 200, "request_id": "r", "body": reply}
                good.append(json.dumps(line))
            elif kind == "errored":
                line["response"] = {"status_code": 500, "request_id": "r", "body": json.loads(body)}
                bad.append(json.dumps(line))
            else:
                code = "batch_cancelled" if kind == "canceled" else "batch_expired"
                line |= {"response": None, "error": {"code": code, "message": "not executed"}}
                bad.append(json.dumps(line))
        self.files[f"{job.id}-out"] = "\n".join(reversed(good)).encode()
        self.files[f"{job.id}-err"] = "\n".join(bad).encode()

    # --- Anthropic

    async def _anthropic(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = request.path.removeprefix(MESSAGES).strip("/").split("/")
        if request.method == "POST" and parts == [""]:
            data = json.loads(await request.read())
            asked = [(x["custom_id"], x["params"]) for x in data["requests"]]
            job = self._create(self.messages, "msgbatch", asked)
            return self._created(request, self._message_batch(job).model_dump_json())
        if parts == [""]:
            page, more = _page(self.messages, request)
            shown = [self._message_batch(j).model_dump(mode="json") for j in page]
            ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {}
            return _json(json.dumps({"data": shown, "has_more": more, **ends}))
        job = self.messages.get(parts[0])
        if job is None:
            return _error(wire_anthropic, "not_found")
        if parts[1:] == ["cancel"]:
            self._cancel(job, wire_anthropic)
        if parts[1:] == ["results"]:
            return web.Response(body=self._results(job))
        return _json(self._message_batch(job).model_dump_json())

    def _message_batch(self, job: Job) -> MessageBatch:
        done = self._ended(job, wire_anthropic)
        kinds = [kind for _, kind, _ in job.lines or ()]
        created = datetime.fromtimestamp(job.created, UTC)
        counts = {k: kinds.count(k) for k in ("canceled", "errored", "expired")}
        counts |= {"succeeded": kinds.count("ok"), "processing": 0 if done else len(job.requests)}
        return MessageBatch(
            id=job.id,
            type="message_batch",
            created_at=created,
            expires_at=created + timedelta(hours=24),
            ended_at=datetime.now(UTC) if done else None,
            processing_status="ended" if done else "in_progress",
            request_counts=counts,  # type: ignore[arg-type]
            results_url=f"{self._origin}{MESSAGES}/{job.id}/results" if done else None,
        )

    def _results(self, job: Job) -> bytes:
        lines = []
        for custom_id, kind, body in reversed(job.lines or []):
            result: dict[str, Any] = {"type": "succeeded" if kind == "ok" else kind}
            if kind == "ok":
                result["message"] = json.loads(body)
            if kind == "errored":
                result["error"] = json.loads(body)
            line = {"custom_id": custom_id, "result": result}
            lines.append(MessageBatchIndividualResponse.model_validate(line).model_dump_json())
        return "\n".join(lines).encode()

    # --- both

    def _created(self, request: web.BaseRequest, body: str) -> web.StreamResponse:
        if self.provider.settings.batch_drop_create and request.transport:
            request.transport.abort()
        return _json(body)

    def _create(
        self, jobs: dict[str, Job], name: str, asked: list[tuple[str, dict[str, Any]]]
    ) -> Job:
        job = Job(f"{name}_{len(jobs)}", asked, time.time())
        jobs[job.id] = job
        self.provider.stats.batches += 1
        return job

    def _ended(self, job: Job, wire: Any) -> bool:
        if job.lines is None and time.time() - job.created >= self.provider.settings.batch_s:
            job.lines = [
                (i, *self.provider.batch_reply(wire, params)) for i, params in job.requests
            ]
        return job.lines is not None

    def _cancel(self, job: Job, wire: Any) -> None:
        """Half of what was asked is done by then; the rest never runs."""
        if job.lines is None:
            job.cancelled = True
            half = len(job.requests) // 2
            done = [(i, *self.provider.batch_reply(wire, p)) for i, p in job.requests[:half]]
            job.lines = [*done, *((i, "canceled", b"") for i, _ in job.requests[half:])]


def _page(jobs: dict[str, Job], request: web.BaseRequest) -> tuple[list[Job], bool]:
    """Newest first, `limit` at a time, after the id `after` or `after_id`."""
    newest = list(reversed(jobs.values()))
    after = request.query.get("after") or request.query.get("after_id")
    if after:
        newest = newest[[j.id for j in newest].index(after) + 1 :]
    limit = int(request.query.get("limit", 20))
    return newest[:limit], len(newest) > limit


def _json(body: str) -> web.Response:
    return web.Response(body=body.encode(), headers={"Content-Type": "application/json"})


def _error(wire: Any, kind: str) -> web.Response:
    status, body = wire.error(kind)
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})
