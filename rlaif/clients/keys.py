"""Keys and base URLs: from the environment or `.env`, never shown; plain http only where allowed.

A key is a `SecretStr` until the SDK takes it. The working folder's `.env` serves what the
environment does not set.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from rlaif.errors import ConfigError

ALLOW_HTTP = "RLAIF_ALLOW_HTTP"
"""Variable with comma-separated hosts that may be asked over plain http."""


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )


def secret(variable: str) -> SecretStr | None:
    """The key in one variable, from the environment or else `.env`; None where it is not set.

    Raises ConfigError where `.env` cannot be read or the value cannot be a key.
    """
    text = setting(variable) or ""
    # An SDK that cannot put a key in a header says so by quoting it.
    if not text.isascii() or not text.isprintable() or " " in text:
        text = ""
        raise ConfigError(f"{variable}: holds blanks or characters that no key has (not shown)")
    return SecretStr(text) if text else None


def needed(variable: str, who: str) -> SecretStr:
    """The key in `variable`. Raises ConfigError naming the variable and who needs it."""
    found = secret(variable)
    if found is None:
        raise ConfigError(
            f"{who} needs a key: set {variable} in the environment, or write"
            f" {variable}=... into a file .env in the working folder"
        )
    return found


def setting(variable: str) -> str | None:
    """The value of one variable, without blanks around it, from the same places."""
    model = create_model(
        "Environment",
        __base__=_Environment,
        value=(SecretStr | None, Field(default=None, validation_alias=variable)),
    )
    try:
        value: SecretStr | None = model().value  # type: ignore[attr-defined]
    except (OSError, UnicodeDecodeError):
        raise ConfigError(".env: cannot be read as UTF-8 text") from None
    return (value.get_secret_value().strip() or None) if value else None


def checked_url(url: str, allow_http: Iterable[str] = ()) -> str:
    """`url` without a trailing slash, if calls may go there.

    https always may; http only to this machine, or to a host named in `allow_http` or in
    RLAIF_ALLOW_HTTP, for anyone on the way can read the key and the data. Raises ConfigError.
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"base_url {_shown(url)!r}: an http(s) URL was expected")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"base_url {_shown(url)!r}: put no user, password or query there (keys are variables)"
        )
    allowed = {name.strip().lower() for name in allow_http}
    allowed |= {name.strip().lower() for name in (setting(ALLOW_HTTP) or "").split(",")}
    if parts.scheme == "http" and not _is_loopback(host) and host not in allowed:
        raise ConfigError(
            f"base_url {_shown(url)!r}: plain http would send the key and the data in the clear;"
            f" use https, or allow this host by name: options: {{allow_http: [{host}]}} in the"
            f" card, or {ALLOW_HTTP}={host}"
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(url: str) -> str:
    """The URL without whatever could be a secret in it."""
    parts = urlsplit(url.strip())
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
