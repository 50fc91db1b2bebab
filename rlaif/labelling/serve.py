"""Serves the page on loopback until it is interrupted."""

from __future__ import annotations

import importlib
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from rlaif.errors import ConfigError, MissingExtra
from rlaif.labelling.desk import Desk

NEEDED = ("fastapi", "jinja2", "markdown_it", "nh3", "uvicorn")


def check_extra() -> None:
    """Raises MissingExtra where a package of the extra `label` is not installed."""
    for package in NEEDED:
        try:
            importlib.import_module(package)
        except ImportError:
            raise MissingExtra(package, "label", "the labelling page") from None


def serve(desk: Desk, port: int, annotator: str | None, opened: Callable[[str], None]) -> None:
    """Listen on 127.0.0.1 until Ctrl-C; `opened` is told the link once requests are taken.

    Port 0 takes any free one. The link carries a new token each time, and with `annotator` the
    name, so that nobody is asked for it. Raises ConfigError where the port is taken, MissingExtra.
    """
    check_extra()
    import uvicorn

    from rlaif.labelling.page import make_app

    token = secrets.token_urlsafe(24)
    try:
        listening = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise ConfigError(
            f"port {port}: cannot be listened on ({error.strerror}); --port 0 takes a free one"
        ) from None
    with listening:
        link = f"http://127.0.0.1:{listening.getsockname()[1]}/{token}/"
        opened(f"{link}label?{urlencode({'annotator': annotator})}" if annotator else link)
        # No access log: its lines would hold the token.
        config = uvicorn.Config(
            make_app(desk, token), log_level="warning", access_log=False, ws="none", lifespan="off"
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
