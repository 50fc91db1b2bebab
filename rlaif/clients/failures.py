"""What providers' errors and headers mean: statuses, codes and texts become `CallError`s."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rlaif.calls.request import CallError, Failure, RateHeaders

_QUOTA = re.compile(
    r"insufficient_quota|billing_error|credit balance is too low|billing_hard_limit"
)
_FILTER = re.compile(
    r"content_filter|content_policy_violation|content (filtering|management) polic"
)
_LENGTH = re.compile(
    r"context_length_exceeded|maximum context length|prompt is too long|exceed_context_size"
    r"|request too large|request_too_large|context window",
    re.IGNORECASE,
)
_MODEL = re.compile(r"model_not_found|unknown model|model .*(not found|does not exist)", re.I)
_KEY = re.compile(r"invalid_api_key|api key not valid|authentication_error", re.IGNORECASE)
_SECRETS = re.compile(r"(?i)\bsk-[\w*.-]+|\bbearer\s+\S+")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?")
_OURS = ("x-ratelimit-", "anthropic-ratelimit-", "retry-after", "x-request-id", "request-id")

MAX_MESSAGE = 300
"""Characters of a provider's message that are kept: some quote the whole prompt."""


def redact(text: str, *secrets: str) -> str:
    """One printable line of at most 300 characters without keys, also those half masked."""
    for value in secrets:
        if value:
            text = text.replace(value, "***")
    text = _SECRETS.sub("***", text[: 4 * MAX_MESSAGE])
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + "..."


def from_status(
    status: int, code: str, message: str, headers: Mapping[str, str], *secrets: str
) -> CallError:
    """The failure behind an HTTP error; `headers` as `kept` gives them."""
    kind, hint = classify(status, f"{code} {message}")
    label = f" {code}" if code else ""
    return CallError(
        kind,
        redact(f"{hint}HTTP {status}{label}: {message}", *secrets),
        status=status,
        retry_after_s=retry_after(headers),
        rate=rate_headers(headers),
    )


def classify(status: int, text: str) -> tuple[Failure, str]:
    """The kind of an HTTP error from its status and its code and message, and a hint to print."""
    if status in (401, 402, 403) or _QUOTA.search(text) or (status == 400 and _KEY.search(text)):
        broke = status == 402 or _QUOTA.search(text)
        return Failure.AUTH, "the account has no credit left: " if broke else "key refused: "
    if status == 404 or (status in (400, 422) and _MODEL.search(text)):
        return Failure.UNKNOWN_MODEL, "no such model or address: "
    if status == 413 or (400 <= status < 500 and _LENGTH.search(text)):
        return Failure.TOO_LONG, ""
    if status == 429:
        return Failure.RATE_LIMITED, ""
    if status == 408:
        return Failure.TIMEOUT, ""
    if status >= 500 or status == 409:
        return Failure.OVERLOADED, ""
    if _FILTER.search(text):
        return Failure.FILTERED, ""
    hint = "the server redirects, give the final base_url: " if status < 400 else ""
    return Failure.BAD_REQUEST, hint


def error_parts(body: object) -> tuple[str, str]:
    """(code, message) of an error body: OpenAI's, Anthropic's, or whatever else was sent."""
    inner: Any = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(inner, Mapping):
        code = inner.get("code") or inner.get("type") or ""
        return str(code), str(inner.get("message") or "no message")
    return "", str(inner or "no message")


def kept(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The few headers anyone asks about (limits, Retry-After, request id), in lower case."""
    found = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        if key.startswith(_OURS):
            found[key] = value.decode("latin-1")
    return found


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's id of a call."""
    return headers.get("x-request-id") or headers.get("request-id")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the provider says (milliseconds, seconds or a date), None if it does not.

    Source: RFC 9110 section 10.2.3; `retry-after-ms` is OpenAI's.
    """
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def rate_headers(headers: Mapping[str, str]) -> RateHeaders | None:
    """What the headers advertise, of either provider; None where they say nothing."""
    if not any("ratelimit" in name for name in headers):
        return None
    values: dict[str, Any] = {}
    for what in ("requests", "tokens"):
        theirs = f"anthropic-ratelimit-{what}-"
        for field, word in (("limit", "limit"), ("left", "remaining")):
            text = headers.get(f"x-ratelimit-{word}-{what}") or headers.get(theirs + word)
            number = _number(text)
            values[f"{what}_{field}"] = None if number is None else int(number)
        reset = headers.get(f"x-ratelimit-reset-{what}") or headers.get(theirs + "reset")
        values[f"{what}_reset_s"] = seconds_until(reset)
    return RateHeaders(**values)


def seconds_until(text: str | None) -> float | None:
    """Seconds of a reset header: a duration (`1m2.5s`, `20ms`, `7`) or an RFC 3339 time."""
    number = _number(text)
    if text is None or number is not None:
        return number
    match = _DURATION.fullmatch(text)
    if match and text:
        hours, minutes, seconds, millis = (_number(part) or 0.0 for part in match.groups())
        return 3600 * hours + 60 * minutes + seconds + millis / 1000
    try:
        at = datetime.fromisoformat(text)
        return max(0.0, (at - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _number(text: str | None) -> float | None:
    """A finite number that is not negative, else None."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
