"""Anthropic's messages: structured replies, and the shared prefix kept in the provider's cache.

Card options: `key_env` (default ANTHROPIC_API_KEY), `allow_http` (hosts that may be asked over
plain http) and `cache_min_chars`. The prefix that a group of requests shares is marked for caching
from that length on: models cache from 1,024 to 4,096 tokens upwards and ignore the mark below
that, at no cost, so the default of 4,096 characters (about 1,024 tokens, system prompt included)
leaves out what no model would cache. Writing to the cache costs a quarter more than reading plain
input, reading from it a tenth (https://platform.claude.com/docs/en/build-with-claude/prompt-caching).

There are no log-probabilities and no seed. The SDK's `create` has no temperature any more, while
the API takes one from models that allow it: it is sent only where the card sets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from rlaif.calls.job import JobWire
from rlaif.calls.request import Finish, Reply, Request
from rlaif.clients import failures, keys, wire
from rlaif.clients.sdk import SdkClient
from rlaif.content import parse
from rlaif.records import Record

BASE_URL = "https://api.anthropic.com"
PATH = "/v1/messages"
_FINISH: Mapping[str, Finish] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class Options(Record):
    """What a card may set for this client."""

    key_env: str = "ANTHROPIC_API_KEY"
    allow_http: tuple[str, ...] = ()
    cache_min_chars: int = Field(default=4096, ge=0)


class AnthropicClient(SdkClient):
    """Anthropic's endpoint, over the official SDK."""

    path = PATH

    def __init__(self, base_url: str | None, options: Mapping[str, Any], who: str) -> None:
        """Raises ConfigError for a refused URL, an unknown option or a missing key."""
        self.options = parse(Options, dict(options), f"{who}: options")
        given = base_url or keys.setting("ANTHROPIC_BASE_URL") or BASE_URL
        url = keys.checked_url(given, self.options.allow_http)
        key = keys.needed(self.options.key_env, who)
        self._schemas: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        import anthropic

        super().__init__(anthropic, anthropic.AsyncAnthropic, url, key)

    def body(self, request: Request) -> dict[str, Any]:
        """The exact body, see `Client.body`."""
        system = "\n\n".join(m.content for m in request.messages if m.role == "system")
        messages = wire.chat(m for m in request.messages if m.role != "system")
        body: dict[str, Any] = {
            "model": request.model,
            "max_tokens": request.max_tokens,
            "messages": messages,
        }
        if system:
            body["system"] = wire.clean(system)
        last = request.messages[-1].content
        if 0 < request.shared < len(last) and (
            len(system) + request.shared >= self.options.cache_min_chars
        ):
            messages[-1]["content"] = _blocks(last, request.shared)
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema is not None:
            form = {"type": "json_schema", "schema": self._schema(request.schema)}
            body["output_config"] = {"format": form}
        body.update(request.extra)
        return body

    def _schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The schema in the subset the API takes, by the SDK's own rules; converted once."""
        known = self._schemas.get(id(schema))
        if known is None or known[0] is not schema:
            import anthropic

            known = self._schemas[id(schema)] = (schema, anthropic.transform_schema(dict(schema)))
        return known[1]

    def reply(self, data: Any, headers: dict[str, str], request: Request) -> Reply:
        """See `SdkClient.reply`."""
        try:
            usage = data.get("usage") or {}
            read = usage.get("cache_read_input_tokens") or 0
            written = usage.get("cache_creation_input_tokens") or 0
            return Reply(
                text="".join(block["text"] for block in data["content"] if block["type"] == "text"),
                finish=_FINISH.get(data.get("stop_reason"), "stop"),
                model=data.get("model") or request.model,
                # `input_tokens` leaves out what the cache read or wrote.
                tokens_in=(usage.get("input_tokens") or 0) + read + written,
                tokens_out=usage.get("output_tokens") or 0,
                tokens_cached=read,
                tokens_written=written,
                request_id=failures.request_id(headers),
                rate=failures.rate_headers(headers) if headers else None,
            )
        except (KeyError, TypeError, AttributeError):
            raise wire.bad_reply("HTTP 200 that is no message", headers) from None

    def jobs(self) -> JobWire:
        """The batch API of this endpoint."""
        from rlaif.clients.anthropic_jobs import AnthropicJobs

        return AnthropicJobs(self)


def _blocks(text: str, shared: int) -> list[dict[str, Any]]:
    """The last message in two blocks, the first of which is to be cached."""
    mark = {"cache_control": {"type": "ephemeral"}}
    return [
        {"type": "text", "text": wire.clean(text[:shared]), **mark},
        {"type": "text", "text": wire.clean(text[shared:])},
    ]
