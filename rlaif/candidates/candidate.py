"""A candidate response, where it came from, and the prompt it answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rlaif.calls.ledger import Answer
from rlaif.calls.request import Reply, Request
from rlaif.exchange.prompts import PromptRow
from rlaif.exchange.rows import mend
from rlaif.records import Outcome, Record, Response

THOUGHT = re.compile(r"\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
"""What reasoning models write before they answer; one that never ends hides the whole text."""


class Candidate(Record):
    """One response to a prompt. Ids are the same in every run with the same recipe."""

    id: str
    """Unique among the candidates of its prompt, such as `small.t0.7.1` or `given.0`."""
    prompt: str
    """Id of the prompt row."""
    text: str
    origin: Literal["given", "sampled", "revised"]
    model: str | None = None
    temperature: float | None = None
    sample: int = 0
    parent: str | None = None
    """Candidate that was revised."""
    principle: str | None = None
    """Principle it was revised by."""
    critique: str | None = None
    calls: tuple[str, ...] = ()
    """Ledger keys of the calls behind it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A prompt with the different responses it has, in a fixed order."""

    prompt: PromptRow
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class TextReader:
    """Tells the pool what a reply is worth as a candidate: whatever it says is an answer.

    A refusal is a response like another (and often the better one). Only a reply that was cut off
    or withheld is none. An empty one counts as answered, so that it is not asked for again.
    """

    def read(self, reply: Reply, request: Request) -> Outcome:
        """The outcome of a reply."""
        if reply.finish == "length":
            return Outcome.TRUNCATED
        return Outcome.FILTERED if reply.finish == "filter" else Outcome.VERDICT

    def told(self, reply: Reply) -> str:
        """How much was written, for people who watch."""
        return f"{len(reply.text):,} characters"

    def repair(self, request: Request, reply: Reply) -> Request | None:
        """There is nothing to repair."""
        return None


def text_of(answer: Answer | None) -> str | None:
    """The text an answer brought, without thoughts and outer blanks; None where it failed."""
    if answer is None or answer.reply is None or not answer.outcome.votes:
        return None
    text: str = mend(THOUGHT.sub("", answer.reply.text, count=1))
    return text.strip()


def given(prompt: PromptRow) -> list[Candidate]:
    """The responses the input already has."""
    return [_given(prompt, i, response) for i, response in enumerate(prompt.responses)]


def _given(prompt: PromptRow, i: int, response: Response) -> Candidate:
    return Candidate(
        id=f"given.{i}",
        prompt=prompt.id,
        text=response.text,
        origin="given",
        model=response.model,
        sample=i,
    )


def different(candidates: Iterable[Candidate], drops: Counter[str]) -> tuple[Candidate, ...]:
    """Those that say something nobody before them said; the others are counted by reason."""
    kept: list[Candidate] = []
    said: set[str] = set()
    for candidate in candidates:
        text = candidate.text.strip()
        if not text or text in said:
            drops["identical" if text else "empty"] += 1
            continue
        said.add(text)
        kept.append(candidate)
    return tuple(kept)
