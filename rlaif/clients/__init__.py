"""One file a wire format: a `Request` becomes a body, a provider's answer a `Reply`.

`open_client` imports only the SDK that its name needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.calls.request import Client
from rlaif.errors import ConfigError

NAMES = ("openai", "anthropic", "litellm", "local", "offline")


def open_client(
    name: str,
    *,
    model: str,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    who: str = "",
) -> Client:
    """The client of this name, ready to send (and to be closed) within an event loop.

    `options` are what only that client understands; `who` names the card in errors. Raises
    ConfigError (missing key, refused URL, unknown option or name) and MissingExtra.
    """
    given, who = options or {}, who or f"the client {name}"
    if name == "openai":
        from rlaif.clients.openai import OpenAIClient

        return OpenAIClient(base_url, given, who)
    if name == "anthropic":
        from rlaif.clients.anthropic import AnthropicClient

        return AnthropicClient(base_url, given, who)
    if name == "litellm":
        from rlaif.clients.litellm import LiteLLMClient

        return LiteLLMClient(model, base_url, given, who)
    if name == "local":
        from rlaif.clients.local import LocalClient

        return LocalClient(model, base_url, given)
    if name == "offline":
        from rlaif.clients.offline import OfflineClient

        return OfflineClient(given, who)
    raise ConfigError(f"no client {name!r}: there are {', '.join(NAMES)}")
