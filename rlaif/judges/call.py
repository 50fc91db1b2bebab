"""What one call of any judge has: fields from its card, a repair, and what its answer took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict, TypeVar

from rlaif.calls.ledger import Answer
from rlaif.calls.request import Request
from rlaif.judges.card import Card
from rlaif.records import Message

AnyRequest = TypeVar("AnyRequest", bound=Request)


class CardFields(TypedDict):
    """The fields of a `Request` that follow from a card."""

    model: str
    max_tokens: int
    temperature: float | None
    sample: int
    seed: int | None
    schema: Mapping[str, Any] | None
    reasoning: bool
    hedge: bool
    extra: Mapping[str, Any]


def card_fields(card: Card, schema: Mapping[str, Any], seed: int, sample: int) -> CardFields:
    """How `card` asks for one of its samples; `schema` is for cards that reply in JSON."""
    return CardFields(
        model=card.model,
        max_tokens=card.max_tokens,
        temperature=card.temperature,
        sample=sample,
        # The seed makes a sample repeatable where a provider or a local model honours it.
        seed=seed + sample if card.temperature else None,
        schema=schema if card.reply == "json" else None,
        reasoning=card.reasoning,
        # A local model answers in turn: asking it twice only makes everybody wait.
        hedge=not (card.hidden_reasoning or card.client == "local"),
        extra=card.extra,
    )


def repaired(request: AnyRequest, said: str, ask: str) -> AnyRequest:
    """`request` asked again: the model sees what it said, and `ask`, which wants one plain line."""
    reply = Message(role="assistant", content=said or "(no text)")
    chat = (*request.messages, reply, Message(role="user", content=ask))
    return replace(request, messages=chat, schema=None, shared=0, prefill="")


class AnswerFields(TypedDict):
    """The fields of a judgement that say what its call took."""

    error: str | None
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_usd: float | None
    latency_s: float
    attempts: int
    model_version: str | None
    call_key: str


def answer_fields(answer: Answer) -> AnswerFields:
    """What the ledger says that a call took, whatever its answer says."""
    return AnswerFields(
        error=answer.error,
        tokens_in=answer.tokens_in,
        tokens_cached=answer.tokens_cached,
        tokens_out=answer.tokens_out,
        cost_usd=answer.cost_usd,
        latency_s=answer.latency_s,
        attempts=answer.attempts,
        model_version=answer.reply.model if answer.reply else None,
        call_key=answer.key,
    )
