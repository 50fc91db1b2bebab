"""What the clients over an official SDK share: the connection, one call, the batch API's calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Any, BinaryIO, ClassVar

from pydantic import SecretStr

from rlaif.calls.request import Reply, Request
from rlaif.clients import wire

PAGE = 100
"""Batches listed at once."""


class SdkClient(ABC):
    """One endpoint over an SDK on its aiohttp transport; subclasses know the wire format."""

    path: ClassVar[str]
    """Of one call, below the base URL."""

    def __init__(self, library: Any, sdk_type: Any, base_url: str, key: SecretStr) -> None:
        """`library` is the SDK's module, `sdk_type` its asynchronous client."""
        self.base_url = base_url
        self.endpoint = base_url + self.path
        self._key = key
        self._status_error = library.APIStatusError
        # The deadline is asyncio's, for the whole call; redirects would take the data astray.
        http = library.DefaultAioHttpClient(follow_redirects=False)
        self.raw = wire.raw_type(http)
        self.sdk = sdk_type(
            api_key=key.get_secret_value(),
            base_url=base_url,
            max_retries=0,
            timeout=None,
            http_client=http,
        )

    @property
    def concurrency(self) -> int | None:
        """As many calls as the SDK's connection pool holds."""
        return wire.MAX_CONNECTIONS

    @abstractmethod
    def body(self, request: Request) -> dict[str, Any]:
        """The exact body, see `Client.body`."""

    @abstractmethod
    def reply(self, data: Any, headers: dict[str, str], request: Request) -> Reply:
        """A decoded answer as a Reply. Raises CallError (bad_reply) where it is none."""

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """Send once. Raises CallError."""
        body = self.body(request)
        data, headers = await wire.call(
            lambda: self.sdk.post(self.path, body=body, cast_to=self.raw),
            timeout_s,
            self._status_error,
            self._key,
        )
        return self.reply(data, headers, request)

    async def guarded(self, send: wire.Wire) -> Any:
        """One call of the batch API. Raises CallError."""
        return await wire.guarded(send, wire.JOB_TIMEOUT_S, self._status_error, self._key)

    async def close(self) -> None:
        """Close the connections."""
        await self.sdk.close()


class SdkJobs:
    """How the batch API of an SDK's endpoint is read; see `JobWire`."""

    max_bytes = wire.MAX_JOB_BYTES

    def __init__(self, client: SdkClient) -> None:
        self._client = client
        self._sdk = client.sdk

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        options: Any = {"params": dict(query)} if query else {}
        return await self._client.guarded(
            lambda: self._sdk.get(path, cast_to=object, options=options)
        )

    async def _pages(self, path: str, cursor: str) -> AsyncIterator[list[Any]]:
        """The account's batches, a page at a time; `cursor` is the parameter to go on after one."""
        query = {"limit": str(PAGE)}
        while True:
            page = await self._get(path, query)
            batches = page["data"]
            yield batches
            if not page.get("has_more"):
                return
            if batches:
                query[cursor] = batches[-1]["id"]

    async def _download(self, path: str, into: BinaryIO) -> None:
        raw = self._client.raw
        await self._client.guarded(lambda: wire.download(self._sdk, path, raw, into))
