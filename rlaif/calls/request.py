"""What is asked, what comes back, and the one protocol every client meets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from rlaif.records import Message

Finish = Literal["stop", "length", "filter", "refusal"]


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model, in no provider's words.

    `shared` is how many leading characters of the last message are the prefix that other requests
    of the same group repeat (system, user prompt and both responses): clients that can, cache it.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float | None = 0.0
    sample: int = 0
    """Which of several equal questions this is (votes); part of the key."""
    seed: int | None = None
    shared: int = 0
    schema: Mapping[str, Any] | None = None
    """JSON schema of a structured reply; None for plain text."""
    labels: tuple[str, ...] = ()
    """Verdict labels whose next-token probabilities are wanted; empty for none."""
    prefill: str = ""
    """Start of the assistant's reply, for clients that can continue it (the local ones)."""
    reasoning: bool = False
    """The model writes before it answers."""
    hedge: bool = True
    """Whether it may be asked again while a first attempt is late: not for reasoning models, whose
    answers take as long as they take. Not sent, and no part of the key."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further body fields from the card, passed through unchanged."""
    about: str = ""
    """What is asked about, for people who watch; never sent, and no part of the key."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One generated token with the alternatives the provider listed, best first."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What a provider's headers advertise; None where a header is absent."""

    requests_limit: int | None = None
    requests_left: int | None = None
    requests_reset_s: float | None = None
    tokens_limit: int | None = None
    tokens_left: int | None = None
    tokens_reset_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer. `label_probs` are exact next-token probabilities, where asked for."""

    text: str
    finish: Finish
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    """Of `tokens_in`, those read from the provider's prompt cache."""
    tokens_written: int = 0
    """Of `tokens_in`, those written to that cache, which some providers charge dearer."""
    label_probs: Mapping[str, float] | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    """The last tokens of the reply (at most 24), oldest first."""
    request_id: str | None = None
    rate: RateHeaders | None = None


class Failure(StrEnum):
    """Why a call brought no reply; each kind is counted apart."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BAD_REPLY = "bad_reply"
    """HTTP 200 with a body that is not what the protocol says."""
    FILTERED = "filtered"
    """The provider's content filter refused the input."""
    BAD_REQUEST = "bad_request"
    AUTH = "auth"
    UNKNOWN_MODEL = "unknown_model"
    TOO_LONG = "too_long"
    """The request does not fit the model's context."""

    @property
    def retried(self) -> bool:
        """Whether trying again can help."""
        return self in _RETRIED

    @property
    def fatal(self) -> bool:
        """Whether no other call of the run can succeed either, so that the run stops at once."""
        return self in (Failure.AUTH, Failure.UNKNOWN_MODEL)


_RETRIED = frozenset(
    {
        Failure.RATE_LIMITED,
        Failure.OVERLOADED,
        Failure.TIMEOUT,
        Failure.CONNECTION,
        Failure.BAD_REPLY,
    }
)


class CallError(Exception):
    """A call that brought no reply. Its text never holds a key or a header."""

    def __init__(
        self,
        kind: Failure,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        rate: RateHeaders | None = None,
        billed: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s
        self.rate = rate
        self.billed = billed
        """Whether the provider may have charged for it."""


class Client(Protocol):
    """One endpoint of one provider. Clients never retry: `calls` owns the one policy."""

    endpoint: str
    """Where calls go, without secrets: part of every key (for a local model, its SHA-256)."""

    @property
    def concurrency(self) -> int | None:
        """How many calls this client can usefully hold at once; None where it sets no bound."""

    def body(self, request: Request) -> dict[str, Any]:
        """The exact body that would be sent: JSON values only, no secret."""

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """Send once. Raises `CallError`; cancelling it abandons the call."""

    async def close(self) -> None:
        """Give connections and memory back; safe to call twice."""


def call_key(client: Client, request: Request) -> str:
    """The ledger's key: endpoint, exact body (the model among it) and sample.

    Price and concurrency do not enter; nor does the path of a local model, whose endpoint is the
    digest of its bytes.
    """
    parts = [client.endpoint, client.body(request), request.sample]
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
