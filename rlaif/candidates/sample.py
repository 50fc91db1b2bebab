"""n samples from policy models and temperatures, planned as calls and gathered from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from rlaif.calls.ledger import Answer, Ledger
from rlaif.calls.pool import Ask
from rlaif.calls.request import Client, Request, call_key
from rlaif.candidates.candidate import Answered, Candidate, different, given, text_of
from rlaif.candidates.policy import Policy
from rlaif.exchange.prompts import PromptRow
from rlaif.records import Message

T = TypeVar("T")

CHUNK = 64
"""Prompts whose answers are fetched from the ledger at once."""


@dataclass(frozen=True, slots=True)
class PlannedSample:
    """One call: which temperature, which sample, what is asked."""

    temperature: float | None
    sample: int
    ask: Ask


@dataclass(frozen=True)
class Sampler:
    """A policy ready to write: its settings, an open client and a seed."""

    policy: Policy
    client: Client
    seed: int

    def plan(self, prompt: PromptRow) -> list[PlannedSample]:
        """The calls for one prompt, in a fixed order."""
        about = f"{prompt.id}, {self.policy.name} writes"
        return [
            PlannedSample(
                temperature, sample, self.ask(self.chat(prompt), temperature, sample, about)
            )
            for temperature in self.policy.temperatures
            for sample in range(self.policy.samples)
        ]

    def groups(self, prompts: Iterable[PromptRow]) -> Iterator[list[Ask]]:
        """All questions of a stream of prompts; the samples of one prompt share their prefix."""
        for prompt in prompts:
            yield [planned.ask for planned in self.plan(prompt)]

    def ask(
        self, chat: tuple[Message, ...], temperature: float | None, sample: int, about: str
    ) -> Ask:
        """One question to this policy; `about` is for people who watch."""
        request = Request(
            model=self.policy.model,
            messages=chat,
            max_tokens=self.policy.max_tokens,
            temperature=temperature,
            sample=sample,
            # The seed makes a sample repeatable where a provider or a local model honours it.
            seed=None if temperature == 0 else self.seed + sample,
            # How long an answer gets is the model's choice: a late one is no reason to ask twice.
            hedge=False,
            extra=self.policy.extra,
            about=about,
        )
        return Ask(call_key(self.client, request), request)

    def chat(self, prompt: PromptRow) -> tuple[Message, ...]:
        """The prompt as this policy is asked it."""
        if not self.policy.system:
            return prompt.prompt
        return (Message(role="system", content=self.policy.system), *prompt.prompt)

    def candidate(
        self, prompt: PromptRow, planned: PlannedSample, answer: Answer | None
    ) -> Candidate | None:
        """The candidate an answer brought; None where the call failed."""
        text = text_of(answer)
        if text is None:
            return None
        warm = "" if planned.temperature is None else f".t{planned.temperature}"
        return Candidate(
            id=f"{self.policy.name}{warm}.{planned.sample}",
            prompt=prompt.id,
            text=text,
            origin="sampled",
            model=self.policy.model,
            temperature=planned.temperature,
            sample=planned.sample,
            calls=(planned.ask.key,),
        )


def gather(
    prompts: Iterable[PromptRow],
    samplers: Sequence[Sampler],
    ledger: Ledger,
    drops: Counter[str],
) -> Iterator[Answered]:
    """Each prompt with its different responses: given ones first, then the samplers' in order.

    What is empty, identical to an earlier one, or failed is counted in `drops`.
    """
    for chunk in chunks(prompts, CHUNK):
        plans = [[(s, planned) for s in samplers for planned in s.plan(row)] for row in chunk]
        answers = ledger.fetch([planned.ask.key for plan in plans for _, planned in plan])
        for prompt, plan in zip(chunk, plans, strict=True):
            made = [s.candidate(prompt, p, answers.get(p.ask.key)) for s, p in plan]
            written = [candidate for candidate in made if candidate is not None]
            drops["failed"] += len(made) - len(written)
            yield Answered(prompt, different((*given(prompt), *written), drops))


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk
