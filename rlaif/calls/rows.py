"""What the ledger keeps: one `Answer` a key, one `Attempt` a time it was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.calls.request import Failure, Reply, TokenLogprob
from rlaif.records import Outcome

AttemptKind = Literal["first", "retry", "repair", "raised", "hedge"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The final recorded outcome of one key; token counts and cost sum over its attempts."""

    key: str
    outcome: Outcome
    reply: Reply | None = None
    error: str | None = None
    failure: Failure | None = None
    cost_usd: float | None = None
    """None where the price is unknown, never 0 for that."""
    latency_s: float = 0.0
    """Of the attempt that brought the reply; of the last one where none did."""
    attempts: int = 1
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    origin: str | None = None
    """Name of the recorded ledger it was imported from; None for an answer of one's own."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time a question went out: what it brought, what it cost, who was billed."""

    key: str
    n: int
    """1 for the first time this key was asked in this run."""
    kind: AttemptKind
    started: float
    """Seconds since the epoch."""
    latency_s: float
    outcome: Outcome | None = None
    failure: Failure | None = None
    status: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float | None = None
    possibly_billed: bool = False
    """No reply was read, yet the provider may have charged."""
    late: bool = False
    """It lost to another attempt of its call: recorded, and never votes."""
    request_id: str | None = None


ANSWER_COLUMNS = (
    "key, outcome, reusable, reply, error, failure, cost_usd, latency_s, attempts,"
    " tokens_in, tokens_out, tokens_cached, origin, run"
)
ATTEMPT_COLUMNS = (
    "key, n, kind, started, latency_s, outcome, failure, status, tokens_in, tokens_out,"
    " tokens_cached, cost_usd, possibly_billed, late, request_id, run"
)


def answer_row(answer: Answer, run: str) -> tuple[Any, ...]:
    """The values of `ANSWER_COLUMNS`."""
    reply = None if answer.reply is None else json.dumps(pack(answer.reply))
    return (
        answer.key,
        answer.outcome,
        answer.outcome.votes,
        reply,
        None if answer.error is None else plain(answer.error),
        answer.failure,
        answer.cost_usd,
        answer.latency_s,
        answer.attempts,
        answer.tokens_in,
        answer.tokens_out,
        answer.tokens_cached,
        answer.origin,
        run,
    )


def attempt_row(attempt: Attempt, run: str) -> tuple[Any, ...]:
    """The values of `ATTEMPT_COLUMNS`."""
    a = attempt
    return (
        *(a.key, a.n, a.kind, a.started, a.latency_s, a.outcome, a.failure, a.status),
        *(a.tokens_in, a.tokens_out, a.tokens_cached, a.cost_usd, a.possibly_billed, a.late),
        *(None if a.request_id is None else plain(a.request_id), run),
    )


def answer_of(row: tuple[Any, ...]) -> Answer:
    """The answer in one row of `ANSWER_COLUMNS`."""
    key, outcome, _, reply, error, failure, cost, latency, attempts, t_in, t_out, cached, origin = (
        row[:13]
    )
    return Answer(
        key=key,
        outcome=Outcome(outcome),
        reply=None if reply is None else unpack(json.loads(reply)),
        error=error,
        failure=None if failure is None else Failure(failure),
        cost_usd=cost,
        latency_s=latency,
        attempts=attempts,
        tokens_in=t_in,
        tokens_out=t_out,
        tokens_cached=cached,
        origin=origin,
    )


def pack(reply: Reply) -> dict[str, Any]:
    """A reply as JSON values; rate headers are not kept, empty fields are left out."""
    packed: dict[str, Any] = {"text": reply.text, "finish": reply.finish, "model": reply.model}
    packed["tokens"] = [reply.tokens_in, reply.tokens_out, reply.tokens_cached]
    if reply.tokens_written:
        packed["written"] = reply.tokens_written
    if reply.label_probs is not None:
        packed["label_probs"] = dict(reply.label_probs)
    if reply.logprobs:
        packed["logprobs"] = [(t.token, t.logprob, t.top) for t in reply.logprobs]
    if reply.request_id is not None:
        packed["request_id"] = reply.request_id
    return packed


def unpack(packed: dict[str, Any]) -> Reply:
    """The reply that `pack` made; unpacking what was packed gives an equal reply."""
    tokens_in, tokens_out, tokens_cached = packed["tokens"]
    return Reply(
        text=packed["text"],
        finish=packed["finish"],
        model=packed["model"],
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_cached=tokens_cached,
        tokens_written=packed.get("written", 0),
        label_probs=packed.get("label_probs"),
        logprobs=tuple(
            TokenLogprob(token, logprob, tuple(map(tuple, top)))
            for token, logprob, top in packed.get("logprobs", ())
        ),
        request_id=packed.get("request_id"),
    )


def plain(text: str) -> str:
    """Text that SQLite can store: lone surrogates are written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
