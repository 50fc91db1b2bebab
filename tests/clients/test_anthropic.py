"""The Anthropic client: golden bodies, prompt caching, replies of the SDK's own types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rlaif.calls.request import Reply
from rlaif.clients import open_client
from rlaif.clients.anthropic import AnthropicClient
from rlaif.errors import ConfigError
from tests.clients.conftest import KEY, SCHEMA, Send, request
from tests.provider import StubProvider

LONG = "p" * 5000


@pytest.fixture
def client(stub: StubProvider) -> Any:
    return open_client("anthropic", model="stub-1", base_url=stub.anthropic)


def test_golden_body_of_a_structured_judge_with_a_cached_prefix(client: AnthropicClient) -> None:
    schema = {**SCHEMA, "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    asked = request(LONG + "Q?", shared=5000, schema=schema, temperature=None, seed=1)
    assert client.body(asked) == {
        "model": "stub-1",
        "max_tokens": 500,
        "system": "Judge.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}},
                    {"type": "text", "text": "Q?"},
                ],
            }
        ],
        "output_config": {
            "format": {
                "type": "json_schema",
                # The API takes no bounds: the SDK's own rule moves them into the description.
                "schema": {
                    "type": "object",
                    "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}},
                    "required": ["n"],
                    "additionalProperties": False,
                },
            }
        },
    }


def test_golden_body_of_a_plain_request(client: AnthropicClient) -> None:
    assert client.body(request(temperature=0.7, shared=3, extra={"top_k": 5})) == {
        "model": "stub-1",
        "max_tokens": 500,
        "system": "Judge.",
        "messages": [{"role": "user", "content": "Which is better?"}],
        "temperature": 0.7,
        "top_k": 5,
    }


def test_the_second_question_reads_the_prefix_from_the_cache(
    stub: StubProvider, send: Send
) -> None:
    first = send("anthropic", request(LONG + "one?", shared=5000))
    second = send("anthropic", request(LONG + "two?", shared=5000))
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert (first.tokens_cached, second.tokens_written) == (0, 0)
    assert first.tokens_written == second.tokens_cached > 1200
    assert first.tokens_in > first.tokens_written
    assert stub.stats()["cached"] == 1


def test_structured_reply(send: Send) -> None:
    reply = send("anthropic", request(schema=SCHEMA))
    assert isinstance(reply, Reply)
    said = json.loads(reply.text)
    assert said["verdict"] in ("A", "B", "tie")
    assert isinstance(said["confidence"], int)
    assert (reply.finish, reply.model, reply.logprobs) == ("stop", "stub-1", ())
    assert reply.request_id


@pytest.mark.parametrize(
    ("settings", "finish"),
    [
        ({"truncated": 1.0}, "length"),
        ({"reasoning": 1.0, "reasoning_tokens": 600}, "length"),
        ({"refusal": 1.0}, "refusal"),
    ],
)
def test_finish(stub: StubProvider, send: Send, settings: dict[str, Any], finish: str) -> None:
    stub.reset(**settings)
    reply = send("anthropic")
    assert isinstance(reply, Reply)
    assert (reply.finish, reply.text) == (finish, "")


def test_the_key_and_the_sdks_own_variable_are_used(
    stub: StubProvider, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.reset(key=KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", stub.anthropic)
    assert isinstance(send("anthropic", base_url=None), Reply)


def test_hostile_text_reaches_the_provider(send: Send) -> None:
    reply = send("anthropic", request("\udc80" * 5000 + "\ud83d\ude00 Q", shared=5001))
    assert isinstance(reply, Reply)


def test_a_missing_key_names_variable_and_card(
    stub: StubProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ConfigError, match="judge y needs a key: set ANTHROPIC_API_KEY"):
        open_client("anthropic", model="m", base_url=stub.anthropic, who="judge y")
