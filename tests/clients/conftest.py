"""One stub provider for all client tests, reset before each; and a way to send to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rlaif.calls.request import CallError, Client, Reply, Request
from rlaif.clients import open_client
from rlaif.records import Message
from tests.provider import Settings, StubProvider

KEY = "sk-test-0123456789abcdef-very-secret"

SCHEMA = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string"},
        "confidence": {"type": "integer", "description": "50 to 100"},
        "verdict": {"type": "string", "enum": ["A", "B", "tie"]},
    },
    "required": ["reasoning", "confidence", "verdict"],
    "additionalProperties": False,
}


def request(text: str = "Which is better?", **changes: Any) -> Request:
    """A judge's request with some fields changed."""
    messages = (Message(role="system", content="Judge."), Message(role="user", content=text))
    fields = {"model": "stub-1", "messages": messages, "max_tokens": 500, **changes}
    return Request(**fields)


@pytest.fixture(scope="session")
def stub_process() -> Iterator[StubProvider]:
    with StubProvider() as running:
        yield running


@pytest.fixture
def stub(stub_process: StubProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """The stub with nothing seen and no faults; keys are set and no `.env` is near."""
    stub_process.reset(**{k: v for k, v in vars(Settings()).items() if k != "port"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    return stub_process


Send = Callable[..., Reply | CallError]


@pytest.fixture
def send(stub: StubProvider) -> Send:
    """Open a client on the stub, send once, close it: the reply, or the error it raised."""

    def once(name: str, asked: Request | None = None, timeout_s: float = 5.0, **given: Any) -> Any:
        url = stub.anthropic if name == "anthropic" else stub.openai
        arguments = {"model": "openai/stub-1" if name == "litellm" else "stub-1", "base_url": url}

        async def run() -> Reply | CallError:
            client: Client = open_client(name, **{**arguments, **given})
            try:
                return await client.send(asked or request(model=arguments["model"]), timeout_s)
            except CallError as error:
                return error
            finally:
                await client.close()
                await client.close()

        return asyncio.run(run())

    return once
