"""What the clients over an SDK share: clean texts, one call with its deadline, its failures."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, BinaryIO

from pydantic import SecretStr

from rlaif.calls.request import CallError, Failure
from rlaif.clients import failures
from rlaif.records import Message

Wire = Callable[[], Awaitable[Any]]
"""Sends one request and gives what the SDK returns."""
JOB_TIMEOUT_S = 600.0
"""For the calls of a batch API: some carry a hundred megabytes."""
MAX_JOB_BYTES = 64 * 1024**2
"""Of one batch, under what providers allow (200 MB and more): it is held in memory."""

MAX_CONNECTIONS = 1000
"""Connections the SDKs' pools hold; more calls at once would wait inside the pool."""


def clean(text: str) -> str:
    """`text` as UTF-8 can carry it: lone surrogates, which no SDK can send, become U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def chat(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Messages as every provider takes them."""
    return [{"role": m.role, "content": clean(m.content)} for m in messages]


def raw_type(http_client: object) -> Any:
    """The response type of an SDK's HTTP client: asked for it, the SDK gives the reply unparsed.

    Which library that is (httpx or httpx2) depends on the SDK and its version.
    """
    bases = type(http_client).__mro__
    library = next(c.__module__.partition(".")[0] for c in bases if c.__name__ == "AsyncClient")
    return importlib.import_module(library).Response


async def guarded(
    send: Wire, timeout_s: float, status_error: type[Exception], key: SecretStr
) -> Any:
    """What `send` gives. Raises CallError and nothing else but cancellation.

    `status_error` is the SDK's exception for HTTP errors. The SDK's exceptions hold the request
    with its key, so none is chained, and the key stays a SecretStr in every frame of a traceback.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await send()
    except TimeoutError:
        message = f"no answer within {timeout_s:g} s"
        failed = CallError(Failure.TIMEOUT, message, billed=True)
    except status_error as error:
        failed = _from_sdk(error, key.get_secret_value())
    except Exception as error:
        failed = _broken(error, key.get_secret_value())
    raise failed


async def call(
    send: Wire, timeout_s: float, status_error: type[Exception], key: SecretStr
) -> tuple[Any, dict[str, str]]:
    """Send once: the decoded JSON body and the headers worth keeping. Raises CallError."""
    response = await guarded(send, timeout_s, status_error, key)
    headers = failures.kept(response.headers.raw)
    try:
        return json.loads(response.content), headers
    except (ValueError, RecursionError):
        failed = bad_reply("HTTP 200 with a body that is not JSON", headers)
    raise failed


async def download(sdk: Any, path: str, raw: Any, into: BinaryIO) -> None:
    """Write a file of the provider's to `into`, chunk by chunk: it may be larger than memory."""
    response = await sdk.get(path, cast_to=raw, stream=True)
    try:
        async for chunk in response.aiter_bytes():
            into.write(chunk)
    finally:
        await response.aclose()
    into.write(b"\n")


def bad_reply(message: str, headers: dict[str, str]) -> CallError:
    """A 200 that the protocol does not know; the provider may have charged for it."""
    rate = failures.rate_headers(headers)
    return CallError(Failure.BAD_REPLY, message, status=200, rate=rate, billed=True)


def _from_sdk(error: Any, key: str) -> CallError:
    """Both SDKs' status errors have the response and the decoded body."""
    code, message = failures.error_parts(error.body)
    headers = failures.kept(error.response.headers.raw)
    return failures.from_status(error.status_code, code, message, headers, key)


def _broken(error: BaseException, key: str) -> CallError:
    """A call that broke below HTTP; what it was is said by the transport, not by the SDK."""
    import aiohttp

    cause: BaseException | None = error
    root = error
    while cause is not None:
        root = cause
        if isinstance(cause, (aiohttp.ServerTimeoutError, TimeoutError)):
            return CallError(Failure.TIMEOUT, "no answer in time", billed=True)
        if isinstance(cause, aiohttp.ClientConnectorError):
            message = redact_error(cause, key)
            return CallError(Failure.CONNECTION, f"cannot connect: {message}")
        if isinstance(cause, (aiohttp.ClientError, OSError)):
            message = redact_error(cause, key)
            return CallError(Failure.CONNECTION, f"connection broke: {message}", billed=True)
        cause = cause.__cause__
    if isinstance(root, ValueError):
        return bad_reply(f"reply could not be read: {redact_error(root, key)}", {})
    message = f"connection broke: {redact_error(root, key)}"
    return CallError(Failure.CONNECTION, message, billed=True)


def redact_error(error: BaseException, key: str) -> str:
    """An exception's type and text without keys."""
    return failures.redact(f"{type(error).__name__}: {error}", key)
