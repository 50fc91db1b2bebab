"""Keys come from the environment or `.env`, and leave no trace; plain http is refused."""

from __future__ import annotations

import asyncio
import io
import logging
import traceback
from pathlib import Path

import pytest

from rlaif.calls.request import CallError, Client
from rlaif.clients import keys, open_client
from rlaif.errors import ConfigError
from tests.clients.conftest import KEY, request
from tests.provider import StubProvider


def test_the_environment_wins_over_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOME_KEY", raising=False)
    assert keys.secret("SOME_KEY") is None
    Path(".env").write_text("SOME_KEY=from-file\nOTHER=x\n")
    assert keys.needed("SOME_KEY", "me").get_secret_value() == "from-file"
    monkeypatch.setenv("SOME_KEY", "")
    assert keys.needed("SOME_KEY", "me").get_secret_value() == "from-file"
    monkeypatch.setenv("SOME_KEY", " from-shell\n")
    assert keys.needed("SOME_KEY", "me").get_secret_value() == "from-shell"
    assert "from-shell" not in repr(keys.secret("SOME_KEY"))


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel"])
def test_a_value_that_cannot_be_a_key_is_refused_unseen(
    value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(ConfigError) as caught:
        keys.secret("SOME_KEY")
    assert "SOME_KEY" in str(caught.value)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [f for f in shown.stack if Path(f.filename).name == "keys.py"]
    assert ours
    assert value not in str(caught.value) + "".join(str(f.locals) for f in ours)


def test_a_dotenv_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"\.env"):
        keys.secret("SOME_KEY")


@pytest.mark.parametrize(
    "url",
    ["https://a.example/v1", "http://localhost:1/v1", "http://127.8.9.1/v1", "http://[::1]:8000"],
)
def test_allowed_urls(url: str) -> None:
    assert keys.checked_url(url + "/") == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://judge.example/v1", r"plain http .*allow_http: \[judge.example\]"),
        ("http://localhost.example/v1", "plain http"),
        ("http://10.0.0.1/v1", "plain http"),
        ("ftp://a.example", r"http\(s\) URL was expected"),
        ("judge.example/v1", r"http\(s\) URL was expected"),
        ("https://me:hunter2@a.example", "no user, password"),
        ("https://a.example/v1?api-key=hunter2", "no user, password"),
    ],
)
def test_refused_urls(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        keys.checked_url(url)
    assert "hunter2" not in str(caught.value)


def test_plain_http_is_allowed_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert keys.checked_url("http://judge.example", ["Judge.example"]) == "http://judge.example"
    monkeypatch.setenv(keys.ALLOW_HTTP, "x.example, judge.example")
    assert keys.checked_url("http://judge.example") == "http://judge.example"
    options = {"allow_http": ["box.example"]}
    client = open_client("openai", model="m", base_url="http://box.example/v1", options=options)
    asyncio.run(client.close())
    with pytest.raises(ConfigError, match="plain http"):
        open_client("openai", model="m", base_url="http://other.example/v1", options=options)


async def _trace(client: Client) -> str:
    """All that a crash reporter would show of a failed call: locals of every frame included."""
    with pytest.raises(CallError) as caught:
        await client.send(request(), 5)
    await client.close()
    error = caught.value
    assert error.__context__ is None
    assert error.__cause__ is None
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format()) + repr(error) + repr(vars(error)) + repr(client)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "settings", [{"key": "x"}, {"rate_429": 1.0}, {"garbage": 1.0}, {"filtered": 1.0}]
)
def test_no_trace_of_the_key(stub: StubProvider, name: str, settings: dict[str, object]) -> None:
    stub.reset(**settings)
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        url = stub.anthropic if name == "anthropic" else stub.openai
        client = open_client(name, model="m", base_url=url)
        text = asyncio.run(_trace(client))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert KEY not in text
    assert KEY not in log.getvalue()
