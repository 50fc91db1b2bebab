"""An open model in this process: exact label probabilities, no server, no key, no hub.

`model` is a name of `rlaif.weights` or a path to a GGUF file (llama.cpp, extra `local`), or a
folder with safetensors or a hub id (transformers, extra `transformers`, on a GPU if there is one).

With `labels`, the reply is the next-token distribution after `prefill`: exact softmax over the
whole vocabulary, at temperature 1. With `reasoning`, up to `max_tokens` are written first. Without
labels the reply is what the model writes. Contents are tokenised apart from the chat template's own
markers, so a marker spelled out in a candidate's text stays text.

Card options: `context` (tokens a call may use), `parallel` (calls answered at once; None: 1 for
llama.cpp, where more helps written reasoning only and costs exactness, else a batch of 16) and
`threads` (None: the machine's cores).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from rlaif import weights
from rlaif.calls.request import CallError, Failure, Reply, Request
from rlaif.clients.chat import Chat, encode
from rlaif.clients.runtime import Done, Job, Runtime
from rlaif.content import parse
from rlaif.errors import ConfigError, RlaifError
from rlaif.records import Record

LONGEST_TOKEN = 16
"""Characters a token may stand for on average; a longer text is refused before it is tokenised."""
BATCH = 16
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Options(Record):
    """What a card may set for this client."""

    context: int = Field(default=4096, ge=256)
    parallel: int | None = Field(default=None, ge=1, le=256)
    threads: int | None = Field(default=None, ge=1)


class LocalClient:
    """One model, loaded at the first call and held until `close`."""

    def __init__(
        self, model: str, base_url: str | None = None, options: Mapping[str, Any] | None = None
    ) -> None:
        """Raises ConfigError (no such model, unknown option) and MissingExtra."""
        if base_url is not None:
            raise ConfigError(f"the local model {model} has no base_url: take it out of the card")
        self.options = parse(Options, dict(options or {}), f"options of the local model {model}")
        self.model = model
        self._gguf = model.lower() in weights.KNOWN or Path(model).expanduser().is_file()
        self._parallel = self.options.parallel or (1 if self._gguf else BATCH)
        self.endpoint = f"local:{_identity(model, self._gguf)}"
        self._runtime: Runtime | None = None
        self._loading = asyncio.Lock()

    @property
    def concurrency(self) -> int | None:
        """Enough calls to keep the model busy: some wait while others are answered."""
        return self._parallel + 1 if self._gguf else 4 * self._parallel

    def body(self, request: Request) -> dict[str, Any]:
        """What the answer depends on, and nothing else."""
        body: dict[str, Any] = {
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "shared": request.shared,
            "labels": list(request.labels),
            "prefill": request.prefill,
            "context": self.options.context,
            **request.extra,
        }
        if request.reasoning or not request.labels:
            body |= {"max_tokens": request.max_tokens, "temperature": request.temperature or 0.0}
            if request.temperature:
                body["seed"] = _seed(request)
        return body

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """Answer one request; loading the model is not counted in `timeout_s`."""
        self._check(request)
        runtime = await self._loaded()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._answer(runtime, request)
        except TimeoutError:
            message = f"the local model has not answered within {timeout_s:g} s"
            raise CallError(Failure.TIMEOUT, message) from None

    async def close(self) -> None:
        """Release the model."""
        runtime, self._runtime = self._runtime, None
        self._loading = asyncio.Lock()  # the old one belongs to this event loop
        if runtime is not None:
            await asyncio.to_thread(runtime.close)

    def _check(self, request: Request) -> None:
        if request.schema is not None:
            raise CallError(
                Failure.BAD_REQUEST,
                "the local client writes no JSON to a schema: set reply: label in the card",
            )
        if request.extra:
            unknown = ", ".join(request.extra)
            raise CallError(Failure.BAD_REQUEST, f"the local client knows no extra: {unknown}")
        length = sum(len(message.content) for message in request.messages)
        if length > LONGEST_TOKEN * self.options.context:
            raise self._too_long(f"{length} characters")

    async def _loaded(self) -> Runtime:
        async with self._loading:
            if self._runtime is None:
                try:
                    self._runtime = await asyncio.to_thread(self._load)
                except RlaifError as error:  # no other call can succeed either
                    raise CallError(Failure.UNKNOWN_MODEL, str(error)) from None
            return self._runtime

    def _load(self) -> Runtime:
        context, threads = self.options.context, self.options.threads
        if self._gguf:
            from rlaif.clients.llamacpp import LlamaCpp

            path = weights.fetch(self.model)
            return LlamaCpp(self.model, path, context, self._parallel, threads)
        from rlaif.clients.transformers_runtime import Transformers

        return Transformers(self.model, context, self._parallel, threads)

    async def _answer(self, runtime: Runtime, request: Request) -> Reply:
        chat = await asyncio.to_thread(encode, request, runtime)
        if not request.labels:
            written = await self._run(runtime, self._writing(request, chat))
            return _reply(runtime, written)
        text = ""
        done: list[Done] = []
        prompt = chat.tokens
        if request.reasoning:
            done.append(await self._run(runtime, self._writing(request, chat)))
            text = done[0].text.strip()
            prompt = [*prompt, *runtime.tokens(f"{text}\n\n")]
        prompt = [*prompt, *runtime.tokens(request.prefill)]
        job = Job(prompt, chat.shared, wanted=_label_tokens(runtime, request))
        done.append(await self._run(runtime, job))
        probs = dict(zip(request.labels, done[-1].probs, strict=True))
        best = max(probs, key=lambda label: probs[label])
        return _reply(runtime, *done, text=text if request.reasoning else best, label_probs=probs)

    def _writing(self, request: Request, chat: Chat) -> Job:
        return Job(
            chat.tokens,
            chat.shared,
            max_tokens=request.max_tokens,
            temperature=request.temperature or 0.0,
            seed=_seed(request),
        )

    async def _run(self, runtime: Runtime, job: Job) -> Done:
        if len(job.tokens) + max(1, job.max_tokens) > self.options.context:
            raise self._too_long(f"{len(job.tokens)} tokens and {job.max_tokens} to write")
        try:
            return await asyncio.wrap_future(runtime.submit(job))
        except asyncio.CancelledError:
            job.stop.set()
            raise

    def _too_long(self, what: str) -> CallError:
        message = f"{what} do not fit the context of {self.options.context} tokens"
        return CallError(Failure.TOO_LONG, message)


def _identity(model: str, gguf: bool) -> str:
    """The digest of the model and the runtime: free of paths. Raises where either is missing."""
    if gguf:
        from rlaif.clients import llamacpp

        llamacpp.require()
        plan = weights.locate(model)
        if plan.sha256 is None:
            weights.check_format(plan.path)
        digest = plan.sha256 or weights.sha256_of(plan.path, weights.cache_folder() / "marks")
        return f"{digest[:16]}/llama.cpp"
    if not Path(model).expanduser().is_dir() and not _HUB_ID.fullmatch(model):
        weights.locate(model)  # says what there is
    from rlaif.clients import transformers_runtime

    transformers_runtime.require()
    return f"{transformers_runtime.identity(model)}/transformers"


def _seed(request: Request) -> int:
    return request.sample if request.seed is None else request.seed


def _label_tokens(runtime: Runtime, request: Request) -> tuple[int, ...]:
    """The first token of each label as it would go on from the prefill."""
    gap = " " if request.prefill and not request.prefill[-1].isspace() else ""
    firsts = tuple(runtime.tokens(gap + label)[0] for label in request.labels)
    if len(set(firsts)) != len(firsts):
        labels = ", ".join(request.labels)
        raise CallError(Failure.BAD_REQUEST, f"the labels {labels} begin with the same token")
    return firsts


def _reply(
    runtime: Runtime,
    *done: Done,
    text: str | None = None,
    label_probs: Mapping[str, float] | None = None,
) -> Reply:
    """One reply of the steps it took; the prompt is counted once."""
    last = done[-1]
    return Reply(
        text=last.text if text is None else text,
        finish="length" if last.truncated else "stop",
        model=runtime.version,
        tokens_in=last.tokens_in,
        tokens_out=sum(step.tokens_out for step in done),
        tokens_cached=done[0].tokens_cached,
        label_probs=label_probs,
    )
