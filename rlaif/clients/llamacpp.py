"""llama.cpp in this process, through xllamacpp: GGUF models, on the CPU or what it was built for.

Answers must not depend on what else is asked. Two of llama.cpp's shortcuts make them: weights
repacked for the CPU round blocks of rows otherwise than single rows, and flash attention splits its
sums by the batch. Either moves a label's log-odds by 0.1 to 0.2, so both are off. Then a prompt
read in one piece, after a cached prefix, or between other calls has bit for bit the same logits, as
long as one call is decoded at a time (`parallel: 1`). Reading a prompt is bound by arithmetic, so
decoding several at once gains it nothing; it does help written reasoning.

Tokenising and templates are only reachable over llama.cpp's HTTP server, which listens on loopback,
behind a random key, for as long as the model is loaded.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import math
import os
import secrets
import urllib.request
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from rlaif.calls.request import CallError, Failure
from rlaif.clients.runtime import Done, Job
from rlaif.clients.slots import CacheSlots, Taken
from rlaif.errors import ConfigError, MissingExtra
from rlaif.records import Message

SLOTS = 4
"""Prompt caches held at least: groups whose further calls come a little later find theirs."""
LISTED = 64
"""Tokens listed by probability at first; all are where a label is not among them."""
HTTP_S = 60.0


def require() -> None:
    """Raises MissingExtra where xllamacpp is not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtra("xllamacpp", "local", "a local GGUF model")


class LlamaCpp:
    """One loaded GGUF model; see `Runtime`."""

    def __init__(
        self, model: str, path: Path, context: int, parallel: int, threads: int | None
    ) -> None:
        """Load it. Raises ConfigError where llama.cpp refuses the file."""
        require()
        # Threads that spin while they wait starve each other on a busy machine: two to five times
        # slower was seen. OpenMP reads this when it is loaded, with the import.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import xllamacpp

        slots = max(SLOTS, parallel)
        self._key = secrets.token_hex(16)
        params = _params(xllamacpp, path, context * slots, slots, threads or _cores())
        params.api_keys = [self._key]
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ConfigError(f"{path}: llama.cpp cannot load it: {error}") from None
        version = importlib.metadata.version("xllamacpp")
        self.version = (
            f"{Path(model).stem if Path(model).is_file() else model} (xllamacpp {version})"
        )
        self._address = str(self._server.listening_address)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._slots = CacheSlots(slots)
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="llama")
        self._special = lru_cache(maxsize=256)(self._tokenize_special)
        self._rendered = lru_cache(maxsize=64)(self._render)

    def tokens(self, text: str, special: bool = False) -> list[int]:
        """See `Runtime`."""
        return list(self._special(text)) if special else self._tokenize(text, special=False)

    def render(self, messages: Sequence[Message]) -> str:
        """See `Runtime`."""
        return self._rendered(tuple((m.role, m.content) for m in messages))

    def submit(self, job: Job) -> Future[Done]:
        """See `Runtime`."""
        return self._threads.submit(self._run, job)

    def close(self) -> None:
        """See `Runtime`."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._server = None

    def _run(self, job: Job) -> Done:
        slot = self._slots.take(job.tokens, job.shared)
        try:
            return self._write(job, slot) if job.max_tokens else self._read(job, slot)
        finally:
            self._slots.give(slot.number)

    def _read(self, job: Job, slot: Taken) -> Done:
        """Next-token probabilities: softmax over the whole vocabulary, before any sampling."""
        answer = self._complete(job, slot, {"max_tokens": 1, "logprobs": LISTED})
        found = _listed(answer)
        if any(token not in found for token in job.wanted):
            again = Taken(slot.number, len(job.tokens))
            answer = self._complete(job, again, {"max_tokens": 1, "logprobs": 1 << 20})
            found = _listed(answer)
        timings = answer["timings"]
        probs = tuple(math.exp(found[token]) for token in job.wanted)
        return Done(len(job.tokens), int(timings["cache_n"]), probs)

    def _write(self, job: Job, slot: Taken) -> Done:
        pieces: list[str] = []
        last: dict[str, Any] = {}

        def take(chunk: dict[str, Any]) -> bool:
            """Called for each token; True ends the generation."""
            last.update(chunk)
            pieces.extend(choice.get("text") or "" for choice in chunk.get("choices", ()))
            return job.stop.is_set()

        body = {"max_tokens": job.max_tokens, "temperature": job.temperature, "seed": job.seed}
        self._complete(job, slot, {**body, "stream": True}, take)
        _raise_error(last)
        choices, timings = last.get("choices") or [{}], last.get("timings", {})
        return Done(
            tokens_in=len(job.tokens),
            tokens_cached=int(timings.get("cache_n", 0)),
            text="".join(pieces),
            tokens_out=int(timings.get("predicted_n", len(pieces))),
            truncated=choices[0].get("finish_reason") == "length",
        )

    def _complete(self, job: Job, slot: Taken, body: dict[str, Any], take: Any = None) -> Any:
        # A lone new token would be multiplied by another routine than several, and rounded so.
        cached = slot.held < len(job.tokens) - 1
        where = {"prompt": job.tokens, "id_slot": slot.number, "cache_prompt": cached}
        answer = self._server.handle_completions({"temperature": 0.0, **body, **where}, take)
        _raise_error(answer or {})
        return answer

    def _tokenize(self, text: str, special: bool) -> list[int]:
        body = {"content": text, "parse_special": special, "add_special": False}
        return [int(token) for token in self._post("/tokenize", body)["tokens"]]

    def _tokenize_special(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenize(text, special=True)) if text else ()

    def _render(self, messages: tuple[tuple[str, str], ...]) -> str:
        chat = [{"role": role, "content": content} for role, content in messages]
        return str(self._post("/apply-template", {"messages": chat})["prompt"])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, headers)
        try:
            with self._opener.open(request, timeout=HTTP_S) as answer:
                return json.load(answer)
        except OSError as error:
            raise CallError(Failure.BAD_REQUEST, f"llama.cpp refused {path}: {error}") from None


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # a container may be given fewer
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _params(xllamacpp: Any, path: Path, context: int, slots: int, threads: int) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context
    params.n_parallel = slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.no_extra_bufts = True
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_ram_mib = 0
    params.verbosity = -1
    params.ui = False
    return params


def _listed(answer: dict[str, Any]) -> dict[int, float]:
    """Log-probability of each listed next token, by id."""
    listed = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {int(entry["id"]): float(entry["logprob"]) for entry in listed}


def _raise_error(answer: dict[str, Any]) -> None:
    error = answer.get("error")
    if not error:
        return
    long = error.get("type") == "exceed_context_size_error"
    kind = Failure.TOO_LONG if long else Failure.BAD_REQUEST
    raise CallError(kind, f"llama.cpp: {error.get('message', error)}")
