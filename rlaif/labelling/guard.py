"""Who may speak to the page: requests to a loopback name that carry the link's token.

The token is the first part of the path, so every link and form of the page carries it. A page of
another site can neither guess it nor, by pointing its own name at this machine (DNS rebinding),
pass for a loopback name. Plain ASGI; answers everything else with 403.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

LOOPBACK = ("127.0.0.1", "localhost")
"""Names allowed in Host, with any port: a tunnel's near end may have another."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Passes a request on to `app`, without its token; puts the safety headers on every answer."""

    def __init__(self, app: App, token: str) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http" or not self._allowed(scope):
            await _forbid(_with_headers(send))
        else:
            root = f"/{self.token}"
            await self.app({**scope, "root_path": root}, receive, _with_headers(send))

    def _allowed(self, scope: Scope) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        name = hosts[0].decode("latin-1").rsplit(":", 1)[0] if len(hosts) == 1 else ""
        first = scope["path"].split("/")[1] if scope["path"].startswith("/") else ""
        return name in LOOPBACK and secrets.compare_digest(first.encode(), self.token.encode())


def _with_headers(send: Send) -> Send:
    extra = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *extra]
        await send(message)

    return sending


async def _forbid(send: Send) -> None:
    text = b"This page opens with the whole link that rlaif label printed.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})
