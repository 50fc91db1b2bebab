"""Every other provider, through litellm (extra `litellm`): imported only when a card names it.

Card options: `key_env` (variable with the key; by default the variables litellm names for the
provider) and `allow_http` (hosts that may be asked over plain http). A seed and log-probabilities
are asked for only where litellm says that the provider takes them; whatever else a provider does
not take is an error, never dropped in silence.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from rlaif.calls.request import CallError, Failure, Reply, Request
from rlaif.clients import failures, keys, openai, wire
from rlaif.content import parse
from rlaif.errors import ConfigError, MissingExtra
from rlaif.records import Record

_SECRET_NAMES = ("_API_KEY", "_TOKEN", "_SECRET_ACCESS_KEY", "_ACCESS_KEY_ID")


_NOT_JSON = re.compile(r"line \d+ column \d+ \(char \d+\)|Invalid response object")
"""How JSONDecodeError words end, which litellm turns into a server error."""


class Options(Record):
    """What a card may set for this client."""

    key_env: str | None = None
    allow_http: tuple[str, ...] = ()


class LiteLLMClient:
    """One model of one provider, by litellm's name for it (`gemini/...`, `mistral/...`)."""

    def __init__(
        self, model: str, base_url: str | None, options: Mapping[str, Any], who: str
    ) -> None:
        """Raises MissingExtra, or ConfigError for a provider, URL, option or key."""
        self.options = parse(Options, dict(options), f"{who}: options")
        self.base_url = keys.checked_url(base_url, self.options.allow_http) if base_url else None
        self._litellm = _import()
        try:
            _, provider, _, _ = self._litellm.get_llm_provider(model)
        except Exception:
            raise ConfigError(
                f"{who}: litellm knows no provider for the model {model!r}: write provider/model"
            ) from None
        self.endpoint = f"litellm/{provider} {self.base_url or ''}".rstrip()
        self._takes = frozenset(self._litellm.get_supported_openai_params(model) or ())
        self._key = self._find_key(model, who)

    def _find_key(self, model: str, who: str) -> SecretStr | None:
        """The key to pass; None where litellm finds it in the environment or none is needed."""
        if self.options.key_env:
            return keys.needed(self.options.key_env, who)
        missing = self._litellm.validate_environment(model)["missing_keys"]
        for variable in missing:
            found = keys.secret(variable)
            if found:
                return found
        if missing and not self.base_url:
            return keys.needed(" or ".join(missing), who)
        return SecretStr("no-key") if missing else None

    @property
    def concurrency(self) -> int | None:
        """It sets no bound."""
        return None

    def body(self, request: Request) -> dict[str, Any]:
        """The arguments litellm gets, without key and address; see `Client.body`."""
        body: dict[str, Any] = {
            "model": request.model,
            "messages": wire.chat(request.messages),
            "max_tokens": request.max_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.seed is not None and "seed" in self._takes:
            body["seed"] = request.seed
        if request.schema is not None:
            body["response_format"] = openai.response_format(request.schema)
        if request.labels and "top_logprobs" in self._takes:
            body |= {"logprobs": True, "top_logprobs": 5 if request.reasoning else 20}
        body.update(request.extra)
        return body

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """Send once. Raises CallError."""
        failed = None
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._litellm.acompletion(
                    **self.body(request),
                    api_base=self.base_url,
                    api_key=self._key.get_secret_value() if self._key else None,
                    timeout=timeout_s,
                    num_retries=0,
                    max_retries=0,
                )
        except TimeoutError:
            message = f"no answer within {timeout_s:g} s"
            failed = CallError(Failure.TIMEOUT, message, billed=True)
        except Exception as error:
            failed = self._failure(error)
        if failed is not None:
            raise failed
        return openai.reply_of(reply.model_dump(), _headers(reply), request)

    def _failure(self, error: Exception) -> CallError:
        """litellm's exception as ours; it keeps the provider's words in its own."""
        names = self._litellm.exceptions
        secrets = _secrets(self._key)
        text = failures.redact(str(error), *secrets)
        if isinstance(error, names.Timeout):
            return CallError(Failure.TIMEOUT, text, billed=True)
        if isinstance(error, names.ContextWindowExceededError):
            return CallError(Failure.TOO_LONG, text, status=400)
        if isinstance(error, names.ContentPolicyViolationError):
            return CallError(Failure.FILTERED, text, status=400)
        if _NOT_JSON.search(text):
            return CallError(Failure.BAD_REPLY, text, status=200, billed=True)
        status = getattr(error, "status_code", None)
        if isinstance(error, names.APIConnectionError) or not isinstance(status, int):
            return CallError(Failure.CONNECTION, text, billed=True)
        sent = getattr(error, "litellm_response_headers", None)
        headers = failures.kept(sent.raw) if sent is not None else {}
        return failures.from_status(status, "", str(error), headers, *secrets)

    async def close(self) -> None:
        """Close litellm's cached connections."""
        await self._litellm.close_litellm_async_clients()


def _import() -> Any:
    """litellm, told to fetch nothing and to keep quiet. Raises MissingExtra."""
    # Without it the import fetches a price list from the network.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm
    except ImportError:
        raise MissingExtra("litellm", "litellm", "this judge's client") from None
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm


def _secrets(key: SecretStr | None) -> list[str]:
    """Whatever the environment holds that must not be printed, and the key that was passed."""
    held = [value for name, value in os.environ.items() if name.endswith(_SECRET_NAMES)]
    return [*held, key.get_secret_value() if key else ""]


def _headers(reply: Any) -> dict[str, str]:
    """The provider's headers that matter, which litellm keeps under a prefix."""
    hidden = getattr(reply, "_hidden_params", None) or {}
    headers = hidden.get("additional_headers") or {}
    raw = (
        (name.removeprefix("llm_provider-").encode(), str(value).encode())
        for name, value in headers.items()
    )
    return failures.kept(raw)
