"""A deterministic stand-in that judges nothing: for tests, docs and trying the commands.

Its verdicts come from a hash of the messages, the seed and the sample; it takes the place of any
client, answers in whatever form is asked, and says of itself everywhere that it judges nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from rlaif.calls.request import Reply, Request, TokenLogprob
from rlaif.content import parse
from rlaif.records import Record

MODEL = "offline stand-in (judges nothing)"
RATIONALE = "This stand-in judges nothing: what it names is drawn from a hash of the text."
LABELS = ("A", "B")


class Options(Record):
    """There is nothing to set."""


class OfflineClient:
    """Answers at once, from a hash; see the module."""

    endpoint = "offline"

    def __init__(self, options: Mapping[str, Any], who: str) -> None:
        """Raises ConfigError for an unknown option."""
        parse(Options, dict(options), f"{who}: options")

    @property
    def concurrency(self) -> int | None:
        """It sets no bound."""
        return None

    def body(self, request: Request) -> dict[str, Any]:
        """What the answer is drawn from, and the form that is asked for."""
        return {
            "model": request.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "sample": request.sample if request.temperature else 0,
            "schema": request.schema,
            "labels": list(request.labels),
            "reasoning": request.reasoning,
            **({} if _judges(request) else {"temperature": request.temperature}),
            **request.extra,
        }

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """The answer; it never fails."""
        body = self.body(request)
        # What is written differs by model and warmth, as policies do; what is judged does not.
        writer = () if _judges(request) else (request.model, request.temperature)
        drawn = json.dumps([body["messages"], body["seed"], body["sample"], *writer]).encode()
        digest = hashlib.sha256(drawn).digest()
        labels = request.labels or LABELS
        probs = _probs(labels, digest)
        label = max(probs, key=lambda name: probs[name])
        text = _text(request, label, probs[label], digest)
        bare = bool(request.labels) and not request.reasoning and request.schema is None
        return Reply(
            text=text,
            finish="stop",
            model=MODEL,
            tokens_in=len(drawn) // 4,
            tokens_out=max(1, len(text) // 4),
            label_probs=probs if bare else None,
            logprobs=_tokens(text, label, probs) if request.labels and not bare else (),
        )

    async def close(self) -> None:
        """Nothing is held."""


def _judges(request: Request) -> bool:
    return bool(request.labels) or request.schema is not None


def _probs(labels: tuple[str, ...], digest: bytes) -> dict[str, float]:
    """A distribution over the labels, drawn from the digest."""
    odds = {label: math.exp(digest[i % 32] / 64 - 2) for i, label in enumerate(labels)}
    total = sum(odds.values())
    return {label: value / total for label, value in odds.items()}


def _text(request: Request, label: str, p: float, digest: bytes) -> str:
    """The reply in the form asked: JSON, a bare label, a tagged verdict, or some text."""
    if request.schema is not None:
        return json.dumps(_fill(request.schema, label, p, digest))
    if request.labels and not request.reasoning:
        return label
    question = request.messages[-1].content[request.shared :].lower()
    if "first error" in question:
        return f"{RATIONALE}\nFirst error: {digest[0] % 3 - 1}"
    if request.labels or "verdict" in question:
        return f"{RATIONALE}\nConfidence: {round(100 * p)}\nVerdict: {label}"
    return f"{RATIONALE} (text {digest.hex()[:8]})"


def _fill(schema: Mapping[str, Any], label: str, p: float, digest: bytes) -> Any:
    """A value that fits the schema: an enum that has the label takes it, integers take p in %."""
    if "anyOf" in schema:
        return _fill(schema["anyOf"][0], label, p, digest)
    if "enum" in schema:
        values = schema["enum"]
        return label if label in values else values[digest[0] % len(values)]
    kind = schema.get("type")
    if kind == "object":
        steps = {"first_error": digest[0] % 3 - 1}  # fits every solution of two steps
        properties = schema.get("properties", {}).items()
        return {k: steps[k] if k in steps else _fill(v, label, p, digest) for k, v in properties}
    if kind == "array":
        return [_fill(schema.get("items", {}), label, p, digest)]
    if kind in ("integer", "number"):
        value = round(100 * p) if kind == "integer" else p
        return min(max(value, schema.get("minimum", value)), schema.get("maximum", value))
    return {"boolean": bool(digest[0] % 2), "null": None}.get(kind or "", RATIONALE)


def _tokens(text: str, label: str, probs: Mapping[str, float]) -> tuple[TokenLogprob, ...]:
    """The reply's end as tokens; the verdict's token spreads over the labels."""
    head, _, tail = text.rpartition(label)
    spread = sorted(((x, math.log(p)) for x, p in probs.items()), key=lambda pair: -pair[1])
    verdict = TokenLogprob(label, math.log(probs[label]), tuple(spread))
    ends = [TokenLogprob(head[-8:], 0.0), verdict]
    return (*ends, TokenLogprob(tail, 0.0)) if tail else tuple(ends)
