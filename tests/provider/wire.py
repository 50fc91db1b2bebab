"""What the two wire formats have in common: what was asked, and replies rendered from templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.provider.answers import Answer

TOKENS_IN = 900000001
"""Stands for the prompt's tokens in a template until a reply is rendered."""
TOTAL = 900000002
CACHED = 900000003
WRITTEN = 900000004
ID = "@REPLY-ID@"

ERRORS = {
    "rate_limit": (429, "Rate limit reached for requests"),
    "quota": (429, "You exceeded your current quota, please check your plan and billing details."),
    "server": (500, "The server had an error while processing your request."),
    "overloaded": (529, "Overloaded"),
    "filtered": (400, "The response was filtered by the content management policy."),
    "too_long": (400, "This model's maximum context length was exceeded by the prompt."),
    "auth": (401, "Incorrect API key provided."),
    "model": (404, "The model does not exist or you do not have access to it."),
    "bad_request": (400, "The request body could not be read."),
    "not_found": (404, "There is no such thing here."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields of a body that decide the reply's shape."""

    model: str
    cap: int
    schema: dict[str, Any] | None
    logprobs: bool
    prefix: str = ""
    """The part marked for caching, where a body marks one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A key of rendered templates: equal shapes share one template."""

    model: str
    finish: str
    logprobs: bool
    answer: Answer | None
    """None for an empty text (hidden reasoning ate the limit)."""
    tokens_out: int
    reasoning: int = 0


def render(template: bytes, digest: bytes, tokens_in: int, tokens_out: int, cached: int) -> bytes:
    """Fill a template's placeholders; `cached` < 0 means that many tokens were written to cache."""
    uncached = tokens_in - abs(cached)
    body = template.replace(ID.encode(), digest.hex().encode())
    body = body.replace(b"%d" % TOKENS_IN, b"%d" % uncached)
    body = body.replace(b"%d" % TOTAL, b"%d" % (tokens_in + tokens_out))
    body = body.replace(b"%d" % CACHED, b"%d" % max(0, cached))
    return body.replace(b"%d" % WRITTEN, b"%d" % max(0, -cached))
