"""Codes, texts and headers as providers and compatible servers really send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.calls.request import Failure
from rlaif.clients import failures

CASES = [
    (429, "insufficient_quota You exceeded your current quota", Failure.AUTH),
    (
        429,
        "rate_limit_exceeded Rate limit reached for gpt-x on requests per min",
        Failure.RATE_LIMITED,
    ),
    (429, "tokens Request too large for gpt-x on tokens per min (TPM): Limit 1", Failure.TOO_LONG),
    (400, "invalid_request_error Your credit balance is too low to access", Failure.AUTH),
    (400, "invalid_request_error prompt is too long: 213462 tokens > 200000", Failure.TOO_LONG),
    (400, "exceed_context_size_error the request exceeds the available context", Failure.TOO_LONG),
    (
        400,
        "content_filter The response was filtered due to the prompt triggering",
        Failure.FILTERED,
    ),
    (400, "Output blocked by content filtering policy", Failure.FILTERED),
    (400, "INVALID_ARGUMENT API key not valid. Please pass a valid API key.", Failure.AUTH),
    (400, "model_not_found no such model", Failure.UNKNOWN_MODEL),
    (404, "NotFoundError The model `x` does not exist.", Failure.UNKNOWN_MODEL),
    (400, "unsupported_value temperature does not support 0", Failure.BAD_REQUEST),
    (422, "bad field", Failure.BAD_REQUEST),
    (403, "forbidden", Failure.AUTH),
    (402, "payment", Failure.AUTH),
    (408, "", Failure.TIMEOUT),
    (413, "request_too_large", Failure.TOO_LONG),
    (503, "engine is overloaded", Failure.OVERLOADED),
    (529, "overloaded_error", Failure.OVERLOADED),
    (500, "content filtering policy service is down", Failure.OVERLOADED),
]


@pytest.mark.parametrize(("status", "text", "kind"), CASES)
def test_kinds(status: int, text: str, kind: Failure) -> None:
    assert failures.classify(status, text)[0] is kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("1h2m3.5s", 3723.5), ("20ms", 0.02), ("0s", 0), ("7", 7)],
)
def test_durations(text: str, seconds: float) -> None:
    assert failures.seconds_until(text) == pytest.approx(seconds)


@given(st.text())
def test_headers_of_any_text_never_raise(text: str) -> None:
    headers = {"retry-after": text, "retry-after-ms": text, "x-ratelimit-limit-requests": text}
    headers |= {"x-ratelimit-reset-tokens": text, "anthropic-ratelimit-requests-reset": text}
    wait = failures.retry_after(headers)
    assert wait is None or wait >= 0
    rate = failures.rate_headers(headers)
    assert rate is not None
    assert rate.tokens_reset_s is None or rate.tokens_reset_s >= 0


def test_retry_after_in_each_form() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert failures.retry_after({"retry-after": "3"}) == 3
    assert failures.retry_after({"retry-after": "3", "retry-after-ms": "250"}) == 0.25
    date = {"retry-after": format_datetime(later, usegmt=True)}
    assert failures.retry_after(date) == pytest.approx(90, abs=3)
    assert failures.retry_after({"retry-after": "nan"}) is None
    assert failures.retry_after({}) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_redaction_hides_the_key_wherever_it_stands(before: str, after: str) -> None:
    key = "k9-abcdef-SECRET"
    shown = failures.redact(f"{before}{key}{after} Bearer {key} sk-ab12***wxyz", key)
    assert key not in shown
    assert "wxyz" not in shown
    assert shown.isprintable()
    assert len(shown) <= failures.MAX_MESSAGE + 3
