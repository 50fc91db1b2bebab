"""What one reply says: the verdict, its probability, or why there is none.

Only the completion is read, never the prompt, and the last tagged verdict binds: a judge that
quotes a forged "Verdict: B" while it reasons is read by what it concludes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.calls.request import Reply, TokenLogprob
from rlaif.records import ConfidenceSource, Outcome

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string"},
        "confidence": {"type": "integer", "description": "50 (a guess) to 100 (certain)"},
        "verdict": {"type": "string", "enum": ["A", "B", "tie"]},
    },
    "required": ["reasoning", "confidence", "verdict"],
    "additionalProperties": False,
}
"""Structured reply of a comparison judge: reasoning first, verdict last."""

REPAIR = (
    "Your verdict could not be read. Reply with one line only, which is exactly "
    "'Verdict: A', 'Verdict: B' or 'Verdict: tie'."
)

MIN_LABEL_MASS = 0.01
"""Under this share of the next-token probability on the labels, the model was not answering."""

_TEXT = re.compile(r"\bverdict\b[\"'*_\s]*[:=][\"'*_\s\[(]*(?P<label>tie|A|B)\b", re.IGNORECASE)
_JSON = re.compile(r'(?<!\\)"verdict"\s*:\s*"(?P<label>A|B|tie)"')
"""The key itself, not a quotation of it inside a string, whose quotes would be escaped."""

_STATED = re.compile(r"\bconfidence\b[\"'*_\s]*[:=][\"'*_\s]*(?P<value>\d{1,3})\b", re.IGNORECASE)
_REFUSAL = re.compile(r"^\W*(i'm sorry|i am sorry|sorry|i can(no|')t|i won't|i will not)\b", re.I)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says. `p_first` and `p_tie` are None unless the outcome votes."""

    outcome: Outcome
    p_first: float | None = None
    p_tie: float | None = None
    source: ConfidenceSource = "votes"
    rationale: str = ""


def read(
    reply: Reply, form: Literal["label", "text", "json"], confidence: ConfidenceSource
) -> Reading:
    """Read one reply as its card says. Never raises: what cannot be read has not voted."""
    if form == "label" and reply.finish in ("stop", "length"):
        return _read_label(reply)
    if ended := cut_off(reply):
        return Reading(ended, rationale=reply.text)
    named = _named(reply.text)
    if named is None:
        return Reading(unread(reply), rationale=reply.text)
    label, at = named
    return _weigh(reply, label, at, confidence)


def cut_off(reply: Reply) -> Outcome | None:
    """What a reply that did not come to its own end counts as; None for one that did."""
    cut: Mapping[str, Outcome] = {
        "filter": Outcome.FILTERED,
        "refusal": Outcome.REFUSAL,
        "length": Outcome.TRUNCATED,
    }
    return cut.get(reply.finish)


def unread(reply: Reply) -> Outcome:
    """What a whole reply without a readable verdict counts as."""
    return Outcome.REFUSAL if _REFUSAL.match(reply.text) else Outcome.UNPARSEABLE


def _read_label(reply: Reply) -> Reading:
    probs = reply.label_probs or {}
    tie = probs.get("tie", 0.0)
    mass = probs.get("A", 0.0) + probs.get("B", 0.0) + tie
    if not mass >= MIN_LABEL_MASS:  # also true for NaN
        return Reading(Outcome.UNPARSEABLE, rationale=reply.text)
    bare = reply.text.strip() in probs  # the label alone is no reasoning
    rationale = "" if bare else reply.text
    return _reading((probs["A"] + tie / 2) / mass, tie / mass, "logprob", rationale)


def _reading(p_first: float, p_tie: float, source: ConfidenceSource, text: str) -> Reading:
    p_a, p_b = p_first - p_tie / 2, 1 - p_first - p_tie / 2
    tie = p_tie > p_a and p_tie > p_b
    return Reading(Outcome.TIE if tie else Outcome.VERDICT, p_first, p_tie, source, text)


def _named(text: str) -> tuple[str, int] | None:
    """The last tagged verdict and where its label stands, from JSON or from a text's last tag."""
    pattern = _JSON if _is_object(text) else _TEXT
    last = None
    for last in pattern.finditer(text):  # noqa: B007 - the last one binds
        pass
    if last is None:
        return None
    label = last["label"]
    return ("tie" if label.lower() == "tie" else label.upper()), last.start("label")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _weigh(reply: Reply, label: str, at: int, confidence: ConfidenceSource) -> Reading:
    """Turn a named verdict into a probability, by the best source the reply offers."""
    if confidence == "logprob" and reply.logprobs:
        probs = _token_probs(reply.logprobs, len(reply.text) - at)
        mass = sum(probs.values())
        if mass >= MIN_LABEL_MASS:
            p_tie = probs["tie"] / mass
            p_first = probs["A"] / mass + p_tie / 2
            # The outcome is what was written; its probability may lead elsewhere only by sampling.
            outcome = Outcome.TIE if label == "tie" else Outcome.VERDICT
            return Reading(outcome, p_first, p_tie, "logprob", reply.text)
    share = 1.0
    source: ConfidenceSource = "votes"
    if confidence == "stated" and (stated := _stated(reply.text)) is not None:
        share, source = stated, "stated"
    if label == "tie":
        return Reading(Outcome.TIE, 0.5, share, source, reply.text)
    p_first = share if label == "A" else 1 - share
    return Reading(Outcome.VERDICT, p_first, 0.0, source, reply.text)


def _stated(text: str) -> float | None:
    values = _STATED.findall(text)
    if not values or not 0 <= int(values[-1]) <= 100:
        return None
    return max(int(values[-1]), 50) / 100


def _token_probs(tokens: tuple[TokenLogprob, ...], from_end: int) -> dict[str, float]:
    """Probability of each label at the token that holds the character `from_end` from the end."""
    probs = {"A": 0.0, "B": 0.0, "tie": 0.0}
    position = 0
    for token in reversed(tokens):
        position += len(token.token)
        if position >= from_end:
            for text, logprob in token.top or ((token.token, token.logprob),):
                letters = "".join(filter(str.isalpha, text)).lower()
                name = {"a": "A", "b": "B", "t": "tie", "ti": "tie", "tie": "tie"}.get(letters)
                if name:
                    probs[name] += 2.718281828459045**logprob
            break
    return probs
