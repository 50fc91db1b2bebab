"""OpenAI's chat completions, built from the `openai` package's response types."""

from __future__ import annotations

from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionMessage, ChatCompletionTokenLogprob
from openai.types.chat.chat_completion import Choice, ChoiceLogprobs
from openai.types.chat.chat_completion_token_logprob import TopLogprob
from openai.types.completion_usage import (
    CompletionTokensDetails,
    CompletionUsage,
    PromptTokensDetails,
)
from openai.types.shared import ErrorObject

from tests.provider.answers import Answer
from tests.provider.limits import Bucket, Window
from tests.provider.wire import CACHED, ERRORS, ID, TOKENS_IN, TOTAL, Asked, Shape

PATH = "/v1/chat/completions"
_CODES = {
    "rate_limit": ("rate_limit_exceeded", "requests"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "server": (None, "server_error"),
    "overloaded": (None, "server_error"),
    "filtered": ("content_filter", "invalid_request_error"),
    "too_long": ("context_length_exceeded", "invalid_request_error"),
    "auth": ("invalid_api_key", "invalid_request_error"),
    "model": ("model_not_found", "invalid_request_error"),
}


def key(headers: Any) -> str:
    """The API key a call carries."""
    return str(headers.get("Authorization", "")).removeprefix("Bearer ")


def asked(data: dict[str, Any]) -> Asked:
    """Read a request body. Raises KeyError, TypeError or AttributeError on a malformed one."""
    cap = data.get("max_completion_tokens", data.get("max_tokens", 4096))
    form = data.get("response_format") or {}
    schema = form["json_schema"]["schema"] if form.get("type") == "json_schema" else None
    assert all(isinstance(m["content"], str) for m in data["messages"])
    return Asked(data["model"], cap, schema, bool(data.get("logprobs")))


def _logprobs(answer: Answer) -> ChoiceLogprobs:
    content = [
        ChatCompletionTokenLogprob(
            token=token,
            logprob=logprob,
            bytes=list(token.encode()),
            top_logprobs=[
                TopLogprob(token=t, logprob=p, bytes=list(t.encode())) for t, p in alternatives
            ],
        )
        for token, logprob, alternatives in answer.pieces()
    ]
    return ChoiceLogprobs(content=content, refusal=None)


def template(shape: Shape) -> bytes:
    """A reply of this shape with placeholders for id and prompt tokens."""
    refused = shape.finish == "refusal"
    answer = None if refused else shape.answer
    message = ChatCompletionMessage(
        role="assistant",
        content=None if refused else (answer.text if answer else ""),
        refusal="I can't help with that." if refused else None,
    )
    finish: Any = {"refusal": "stop", "filter": "content_filter"}.get(shape.finish, shape.finish)
    choice = Choice(
        index=0,
        finish_reason=finish,
        message=message,
        logprobs=_logprobs(answer) if shape.logprobs and answer else None,
    )
    usage = CompletionUsage(
        prompt_tokens=TOKENS_IN,
        completion_tokens=shape.tokens_out,
        total_tokens=TOTAL,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=CACHED, audio_tokens=0),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=shape.reasoning),
    )
    return (
        ChatCompletion(
            id=f"chatcmpl-{ID}",
            object="chat.completion",
            created=1_760_000_000,
            model=shape.model,
            choices=[choice],
            usage=usage,
        )
        .model_dump_json()
        .encode()
    )


def error(kind: str) -> tuple[int, bytes]:
    """Status and body of an error."""
    status, message = ERRORS[kind]
    code, type_ = _CODES.get(kind, (None, "invalid_request_error"))
    inner = ErrorObject(code=code, message=message, param=None, type=type_).model_dump_json()
    return status, b'{"error":' + inner.encode() + b"}"


def empty() -> bytes:
    """A well-formed reply without a choice."""
    reply = ChatCompletion(
        id="chatcmpl-0", object="chat.completion", created=0, model="stub", choices=[]
    )
    return reply.model_dump_json().encode()


def rate_headers(name: str, limit: Bucket | Window) -> dict[str, str]:
    """`x-ratelimit-*` of `requests` or `tokens`, with OpenAI's durations (1m2.5s, 20ms)."""
    reset = limit.reset_s
    minutes, seconds = divmod(reset, 60)
    text = f"{int(minutes)}m{seconds:.3f}s" if minutes else f"{int(seconds * 1000)}ms"
    return {
        f"x-ratelimit-limit-{name}": str(limit.limit),
        f"x-ratelimit-remaining-{name}": str(max(0, int(limit.level))),
        f"x-ratelimit-reset-{name}": text,
    }
