"""Chat completions: OpenAI, and every server that speaks its format (vLLM, SGLang, llama.cpp...).

Card options: `key_env` (variable with the key; default OPENAI_API_KEY), `allow_http` (hosts that
may be asked over plain http), `limit_field` (`max_completion_tokens`, which OpenAI wants, or
`max_tokens`, which old compatible servers want) and `top_logprobs` (alternatives a token).
A card without `base_url` goes where OPENAI_BASE_URL says, else to OpenAI, which needs a key;
other servers get the key where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr

from rlaif.calls.job import JobWire
from rlaif.calls.request import CallError, Finish, Reply, Request, TokenLogprob
from rlaif.clients import failures, keys, wire
from rlaif.clients.sdk import SdkClient
from rlaif.content import parse
from rlaif.records import Record

BASE_URL = "https://api.openai.com/v1"
PATH = "/chat/completions"
LAST_TOKENS = 24
_FINISH: Mapping[str, Finish] = {"length": "length", "content_filter": "filter"}


class Options(Record):
    """What a card may set for this client."""

    key_env: str = "OPENAI_API_KEY"
    allow_http: tuple[str, ...] = ()
    limit_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    top_logprobs: int | None = Field(default=None, ge=1, le=20)
    """None: 20 for a bare label, 5 after written reasoning (each token of it brings as many)."""


class OpenAIClient(SdkClient):
    """One OpenAI-compatible endpoint, over the official SDK."""

    path = PATH

    def __init__(self, base_url: str | None, options: Mapping[str, Any], who: str) -> None:
        """Raises ConfigError for a refused URL, an unknown option or a missing key."""
        self.options = parse(Options, dict(options), f"{who}: options")
        given = base_url or keys.setting("OPENAI_BASE_URL") or BASE_URL
        url = keys.checked_url(given, self.options.allow_http)
        variable = self.options.key_env
        found = keys.needed(variable, who) if url == BASE_URL else keys.secret(variable)
        import openai

        # Servers without keys ignore the header, but the SDK sends nothing without one.
        super().__init__(openai, openai.AsyncOpenAI, url, found or SecretStr("no-key"))

    def body(self, request: Request) -> dict[str, Any]:
        """The exact body, see `Client.body`."""
        body: dict[str, Any] = {
            "model": request.model,
            "messages": wire.chat(request.messages),
            self.options.limit_field: request.max_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.seed is not None:
            body["seed"] = request.seed
        if request.schema is not None:
            body["response_format"] = response_format(request.schema)
        if request.labels:
            body["logprobs"] = True
            default = 5 if request.reasoning else 20
            body["top_logprobs"] = self.options.top_logprobs or default
        body.update(request.extra)
        return body

    def reply(self, data: Any, headers: dict[str, str], request: Request) -> Reply:
        """See `SdkClient.reply`."""
        return reply_of(data, headers, request)

    def jobs(self) -> JobWire:
        """The batch API of this endpoint."""
        from rlaif.clients.openai_jobs import OpenAIJobs

        return OpenAIJobs(self)


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What asks for JSON to a schema."""
    form = {"name": "reply", "strict": True, "schema": dict(schema)}
    return {"type": "json_schema", "json_schema": form}


def reply_of(data: Any, headers: dict[str, str], request: Request) -> Reply:
    """A decoded chat completion as a Reply. Raises CallError (bad_reply) where it is none."""
    if isinstance(data, dict) and data.get("error"):
        raise _error_in_200(data, headers)
    try:
        choice = data["choices"][0]
        message = choice["message"]
        refusal = message.get("refusal")
        text = refusal or message.get("content") or ""
        usage = data.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        logprobs = _logprobs(choice, request) if request.labels else ()
        if not isinstance(text, str):
            raise TypeError
        return Reply(
            text=text,
            finish="refusal" if refusal else _FINISH.get(choice.get("finish_reason"), "stop"),
            model=data.get("model") or request.model,
            tokens_in=usage.get("prompt_tokens") or 0,
            tokens_out=usage.get("completion_tokens") or 0,
            tokens_cached=details.get("cached_tokens") or 0,
            tokens_written=details.get("cache_write_tokens") or 0,
            label_probs=_label_probs(choice, request) if logprobs else None,
            logprobs=logprobs,
            request_id=failures.request_id(headers),
            rate=failures.rate_headers(headers) if headers else None,
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        raise wire.bad_reply("HTTP 200 without a choice that can be read", headers) from None


def _error_in_200(data: Mapping[str, Any], headers: dict[str, str]) -> CallError:
    """Some gateways answer 200 and put the error, with its status as code, in the body."""
    code, message = failures.error_parts(data)
    if code.isdigit() and 400 <= int(code) < 600:
        return failures.from_status(int(code), "", message, headers)
    text = failures.redact(f"HTTP 200 with an error: {code} {message}")
    return wire.bad_reply(text, headers)


def _logprobs(choice: Mapping[str, Any], request: Request) -> tuple[TokenLogprob, ...]:
    """The last tokens with their alternatives; empty where the server gave none."""
    content = (choice.get("logprobs") or {}).get("content") or ()
    return tuple(
        TokenLogprob(
            token["token"],
            token["logprob"],
            tuple((top["token"], top["logprob"]) for top in token.get("top_logprobs") or ()),
        )
        for token in content[-LAST_TOKENS:]
    )


def _label_probs(choice: Mapping[str, Any], request: Request) -> dict[str, float] | None:
    """Next-token probability of each label, where the label is the first thing to be written."""
    if request.reasoning or request.schema is not None:
        return None
    probs = dict.fromkeys(request.labels, 0.0)
    for top in choice["logprobs"]["content"][0]["top_logprobs"]:
        label = top["token"].strip()
        if label in probs:
            probs[label] += math.exp(top["logprob"])
    return probs
