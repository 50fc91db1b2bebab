"""Anthropic's messages, built from the `anthropic` package's response types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from anthropic.types import Message, RefusalStopDetails, TextBlock, Usage
from anthropic.types.shared import ErrorResponse

from tests.provider.limits import Bucket, Window
from tests.provider.wire import CACHED, ERRORS, ID, TOKENS_IN, WRITTEN, Asked, Shape

PATH = "/v1/messages"
_TYPES = {
    "rate_limit": "rate_limit_error",
    "quota": "billing_error",
    "server": "api_error",
    "overloaded": "overloaded_error",
    "auth": "authentication_error",
    "model": "not_found_error",
    "not_found": "not_found_error",
}
_MESSAGES = {
    "filtered": "Output blocked by content filtering policy",
    "too_long": "prompt is too long: 213462 tokens > 200000 maximum",
    "model": "model: no-such-model",
    "auth": "invalid x-api-key",
    "quota": "Your credit balance is too low to access the Anthropic API.",
}


def key(headers: Any) -> str:
    """The API key a call carries."""
    bearer = str(headers.get("Authorization", "")).removeprefix("Bearer ")
    return str(headers.get("X-Api-Key", bearer))


def asked(data: dict[str, Any]) -> Asked:
    """Read a request body. Raises KeyError, TypeError or AttributeError on a malformed one."""
    form = (data.get("output_config") or {}).get("format") or {}
    assert all(m["role"] in ("user", "assistant") for m in data["messages"])
    last = data["messages"][-1]["content"]
    marked = isinstance(last, list) and "cache_control" in last[0]
    prefix = str(data.get("system", "")) + last[0]["text"] if marked else ""
    return Asked(data["model"], data["max_tokens"], form.get("schema"), False, prefix)


def template(shape: Shape) -> bytes:
    """A reply of this shape with placeholders for id, prompt tokens and cache counts."""
    reasons: dict[str, Any] = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}
    refused = shape.finish == "refusal"
    text = shape.answer.text if shape.answer and not refused else ""
    message = Message(
        id=f"msg_{ID}",
        type="message",
        role="assistant",
        model=shape.model,
        content=[TextBlock(type="text", text=text)] if text else [],
        stop_reason=reasons[shape.finish],
        stop_sequence=None,
        stop_details=RefusalStopDetails(type="refusal", category="bio") if refused else None,
        usage=Usage(
            input_tokens=TOKENS_IN,
            output_tokens=shape.tokens_out,
            cache_read_input_tokens=CACHED,
            cache_creation_input_tokens=WRITTEN,
            service_tier="standard",
        ),
    )
    return message.model_dump_json().encode()


def error(kind: str) -> tuple[int, bytes]:
    """Status and body of an error."""
    status, message = ERRORS[kind]
    inner = {
        "type": _TYPES.get(kind, "invalid_request_error"),
        "message": _MESSAGES.get(kind, message),
    }
    reply = ErrorResponse.model_validate({"type": "error", "error": inner, "request_id": "req_0"})
    return 402 if kind == "quota" else status, reply.model_dump_json().encode()


def empty() -> bytes:
    """A well-formed reply that is no message."""
    return b'{"type":"message","content":null}'


def rate_headers(name: str, limit: Bucket | Window) -> dict[str, str]:
    """`anthropic-ratelimit-*` of `requests` or `tokens`, with RFC 3339 reset times."""
    reset = datetime.now(UTC) + timedelta(seconds=limit.reset_s)
    prefix = f"anthropic-ratelimit-{name}"
    return {
        f"{prefix}-limit": str(limit.limit),
        f"{prefix}-remaining": str(max(0, int(limit.level))),
        f"{prefix}-reset": reset.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
