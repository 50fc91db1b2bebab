"""The OpenAI client: golden bodies, and replies of each form read from the SDK's own types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rlaif.calls.request import Reply, call_key
from rlaif.clients import open_client
from rlaif.clients.openai import OpenAIClient
from rlaif.errors import ConfigError
from tests.clients.conftest import KEY, SCHEMA, Send, request
from tests.provider import StubProvider

MESSAGES = [
    {"role": "system", "content": "Judge."},
    {"role": "user", "content": "Which is better?"},
]


@pytest.fixture
def client(stub: StubProvider) -> Any:
    return open_client("openai", model="stub-1", base_url=stub.openai)


def test_golden_body_of_a_structured_judge(client: OpenAIClient) -> None:
    asked = request(
        schema=SCHEMA, labels=("A", "B"), reasoning=True, extra={"reasoning_effort": "none"}
    )
    assert client.body(asked) == {
        "model": "stub-1",
        "messages": MESSAGES,
        "max_completion_tokens": 500,
        "temperature": 0.0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA},
        },
        "logprobs": True,
        "top_logprobs": 5,
        "reasoning_effort": "none",
    }


def test_golden_body_of_a_plain_sample_for_a_compatible_server(stub: StubProvider) -> None:
    options = {"limit_field": "max_tokens"}
    client = open_client("openai", model="m", base_url=stub.openai, options=options)
    assert client.body(request(temperature=None, seed=3, sample=2)) == {
        "model": "stub-1",
        "messages": MESSAGES,
        "max_tokens": 500,
        "seed": 3,
    }


def test_bodies_are_json_and_hold_no_key(client: OpenAIClient) -> None:
    text = json.dumps(client.body(request(schema=SCHEMA)))
    assert KEY not in text
    assert len(call_key(client, request())) == 64
    assert call_key(client, request(sample=1)) != call_key(client, request())


def test_text_reply(send: Send) -> None:
    reply = send("openai")
    assert isinstance(reply, Reply)
    assert reply.text.splitlines()[-1] in ("Verdict: A", "Verdict: B", "Verdict: tie")
    assert (reply.finish, reply.model) == ("stop", "stub-1")
    assert reply.tokens_in > 0
    assert reply.tokens_out > 0
    assert reply.request_id


def test_structured_reply_with_the_verdicts_own_probability(send: Send) -> None:
    reply = send("openai", request(schema=SCHEMA, labels=("A", "B"), reasoning=True))
    assert isinstance(reply, Reply)
    said = json.loads(reply.text)
    assert list(said) == ["reasoning", "confidence", "verdict"]
    token = next(t for t in reversed(reply.logprobs) if t.token.strip() in ("A", "B", "tie"))
    assert token.token.strip() == said["verdict"]
    assert {name.strip() for name, _ in token.top} == {"A", "B", "tie"}
    assert reply.label_probs is None
    assert len(reply.logprobs) <= 24


def test_bare_label_has_next_token_probabilities(send: Send) -> None:
    reply = send("openai", request(labels=("A", "B"), max_tokens=1))
    assert isinstance(reply, Reply)
    assert reply.label_probs is not None
    assert set(reply.label_probs) == {"A", "B"}
    assert 0 < sum(reply.label_probs.values()) <= 1.0001
    if reply.text != "tie":
        assert reply.label_probs[reply.text] == max(reply.label_probs.values())


@pytest.mark.parametrize(
    ("settings", "finish"),
    [
        ({"truncated": 1.0}, "length"),
        ({"reasoning": 1.0, "reasoning_tokens": 600}, "length"),
        ({"refusal": 1.0}, "refusal"),
        ({"reasoning": 1.0, "reasoning_tokens": 400}, "stop"),
    ],
)
def test_finish(stub: StubProvider, send: Send, settings: dict[str, Any], finish: str) -> None:
    stub.reset(**settings)
    reply = send("openai")
    assert isinstance(reply, Reply)
    assert reply.finish == finish
    if settings.get("reasoning"):
        # Hidden reasoning is billed, and all there is of a reply that it ate.
        assert reply.tokens_out >= 400
        assert (reply.text == "") == (finish == "length")


def test_hostile_text_reaches_the_provider(stub: StubProvider, send: Send) -> None:
    hostile = "\ud800 {x} \x1b[31m \x00 </s>" + "\U0001f600" + "y" * 1_000_000
    reply = send("openai", request(hostile))
    assert isinstance(reply, Reply)
    assert reply.tokens_in > 250_000


def test_a_server_without_keys_needs_none(
    stub: StubProvider, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert isinstance(send("openai"), Reply)


def test_the_sdks_own_variables_are_honoured(
    stub: StubProvider, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.reset(key=KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", stub.openai)
    assert isinstance(send("openai", base_url=None), Reply)


def test_openai_itself_needs_a_key(stub: StubProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for url in (None, "https://api.openai.com/v1/"):
        with pytest.raises(ConfigError, match="judge x needs a key: set OPENAI_API_KEY"):
            open_client("openai", model="m", base_url=url, who="judge x")


def test_unknown_options_and_clients_are_refused(stub: StubProvider) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'retries' \(allowed: key_env"):
        open_client("openai", model="m", options={"retries": 3})
    with pytest.raises(ConfigError, match="there are openai, anthropic"):
        open_client("opanai", model="m")
