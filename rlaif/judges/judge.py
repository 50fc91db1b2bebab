"""One comparison's calls: which principles, which orders, which requests, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rlaif.calls.ledger import Answer
from rlaif.calls.pool import Ask
from rlaif.calls.request import Client, Reply, Request, call_key
from rlaif.constitution import Constitution
from rlaif.judges.call import answer_fields, card_fields, repaired
from rlaif.judges.card import Card, Judge
from rlaif.judges.parse import REPAIR, SCHEMA, Reading, read
from rlaif.judges.prompt import PromptTemplate, messages, show
from rlaif.records import Comparison, Judgement, Message, Order, Outcome, Principle

LABELS = ("A", "B")
"""Labels whose next-token probabilities a `label` card reads."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One call of a comparison: where it belongs and what is asked."""

    principle: Principle
    order: Order
    sample: int
    ask: Ask


@dataclass(frozen=True)
class Bench:
    """A judge ready to sit: its card and prompt, an open client, a constitution and a seed.

    `k` principles are drawn for each comparison from the recipe's `seed` and the pair key.
    """

    judge: Judge
    client: Client
    constitution: Constitution
    k: int
    seed: int

    def __post_init__(self) -> None:
        if self.judge.prompt is None:
            raise ValueError(
                f"{self.judge.name} is a {self.judge.card.kind}: judge with its members"
            )

    @property
    def template(self) -> PromptTemplate:
        """The judge's prompt."""
        assert self.judge.prompt is not None
        return self.judge.prompt

    def plan(self, comparison: Comparison) -> Iterator[list[Planned]]:
        """The calls of one comparison, grouped by order: a group shares its prompt prefix."""
        card = self.judge.card
        principles = self.constitution.draw(
            comparison.pair_key, comparison.domain, self.k, self.seed
        )
        for order in card.orders:
            shown = show(self.template, comparison, order, self.seed)
            group = []
            for principle in principles:
                question = self.template.fill(
                    "question", principle=principle.text, fence=shown.fence
                )
                chat, shared = messages(shown, question)
                for sample in range(card.samples):
                    about = f"{comparison.id}, {order[0]} first, {principle.id}"
                    request = self._request(chat, shared, sample, about)
                    ask = Ask(call_key(self.client, request), request)
                    group.append(Planned(principle, order, sample, ask))
            yield group

    def groups(self, comparisons: Iterable[Comparison]) -> Iterator[list[Ask]]:
        """All questions of a stream of comparisons, as the pool takes them."""
        for comparison in comparisons:
            for group in self.plan(comparison):
                yield [planned.ask for planned in group]

    def _request(self, chat: tuple[Message, ...], shared: int, sample: int, about: str) -> Request:
        card = self.judge.card
        return Request(
            messages=chat,
            shared=shared,
            labels=LABELS if card.confidence == "logprob" else (),
            prefill=self.template.fill("answer"),
            about=about,
            **card_fields(card, SCHEMA, self.seed, sample),
        )

    def judgement(self, comparison: Comparison, planned: Planned, answer: Answer) -> Judgement:
        """The record of one call, from the ledger's answer."""
        card = self.judge.card
        reading = reading_of(card, answer)
        return Judgement(
            comparison=comparison.id,
            pair_key=comparison.pair_key,
            judge=self.judge.fingerprint,
            principle=planned.principle.id,
            order=planned.order,
            sample=planned.sample,
            outcome=reading.outcome,
            p_first=reading.p_first,
            p_tie=reading.p_tie,
            confidence_source=reading.source,
            rationale=reading.rationale,
            prompt_hash=self.template.fingerprint,
            **answer_fields(answer),
        )


def reading_of(card: Card, answer: Answer) -> Reading:
    """What an answer says. A ledger holds replies, so a better parser reads them anew."""
    if answer.reply is None:
        return Reading(answer.outcome, source=card.confidence)
    return read(answer.reply, card.reply, card.confidence)


class JudgeReader:
    """Tells the pool what a reply is worth, and how to ask again for an unreadable verdict."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def read(self, reply: Reply, request: Request) -> Outcome:
        """The outcome of a reply."""
        return read(reply, self.card.reply, self.card.confidence).outcome

    def told(self, reply: Reply) -> str:
        """The probability that a reply gives, for people who watch."""
        p_first = read(reply, self.card.reply, self.card.confidence).p_first
        return "" if p_first is None else f"P(first is better) {p_first:.2f}"

    def repair(self, request: Request, reply: Reply) -> Request | None:
        """The one repair: the reply is shown to the model, which states its verdict alone.

        Next-token readings have nothing to repair.
        """
        if self.card.reply == "label":
            return None
        return repaired(request, reply.text, REPAIR)
