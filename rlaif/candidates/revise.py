"""Constitutional critique and revision: a model faults a response by a principle, then mends it.

After Bai et al., "Constitutional AI" (arXiv 2212.08073), section 3.1, as two further turns of the
chat: the principle's critique request, the critique, the principle's revision request. The
principle is drawn by seed and content, so that a second run asks the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rlaif.calls.ledger import Ledger
from rlaif.calls.pool import Ask
from rlaif.candidates.candidate import Answered, Candidate, different, text_of
from rlaif.candidates.sample import CHUNK, Sampler, chunks
from rlaif.constitution import Constitution
from rlaif.records import Message, Principle, digest

CRITIQUE = (
    "Look at your last reply; it is called the response here. {request}"
    " Write the critique only, and do not rewrite the response yet."
)
REVISION = "{request} Write the revised response only, without any remark before or after it."


@dataclass(frozen=True, slots=True)
class PlannedRevision:
    """A response to be revised: by which principle, and the call for its critique."""

    answered: Answered
    original: Candidate
    principle: Principle
    critique: Ask


@dataclass(frozen=True)
class Reviser:
    """A policy that revises. Each prompt's first `per_prompt` responses are revised once."""

    sampler: Sampler
    constitution: Constitution
    per_prompt: int = 1

    def plan(self, answered: Answered) -> list[PlannedRevision]:
        """What is to be revised of one prompt."""
        return [
            self._planned(answered, original) for original in answered.candidates[: self.per_prompt]
        ]

    def critiques(self, stream: Iterable[Answered]) -> Iterator[list[Ask]]:
        """First round: ask for the critiques."""
        for answered in stream:
            if plan := self.plan(answered):
                yield [planned.critique for planned in plan]

    def revisions(self, stream: Iterable[Answered], ledger: Ledger) -> Iterator[list[Ask]]:
        """Second round, when the critiques are in: ask for the revisions."""
        for chunk in chunks(stream, CHUNK):
            for _, asks in self._second(chunk, ledger):
                if asks:
                    yield [ask for _, _, ask in asks]

    def gather(
        self, stream: Iterable[Answered], ledger: Ledger, drops: Counter[str]
    ) -> Iterator[Answered]:
        """Each prompt with its responses and what came of revising them.

        A revision that failed or says what another response says is counted in `drops`.
        """
        for chunk in chunks(stream, CHUNK):
            second = list(self._second(chunk, ledger))
            keys = [ask.key for _, asks in second for _, _, ask in asks]
            answers = ledger.fetch(keys)
            for answered, asks in second:
                drops["failed"] += len(self.plan(answered)) - len(asks)
                made = []
                for planned, critique, ask in asks:
                    text = text_of(answers.get(ask.key))
                    if text is None:
                        drops["failed"] += 1
                    else:
                        made.append(self._candidate(planned, critique, ask, text))
                revised = different((*answered.candidates, *made), drops)
                yield Answered(answered.prompt, revised)

    def _second(
        self, chunk: list[Answered], ledger: Ledger
    ) -> Iterator[tuple[Answered, list[tuple[PlannedRevision, str, Ask]]]]:
        """For each prompt, the revisions whose critique is there: plan, critique and question."""
        plans = [self.plan(answered) for answered in chunk]
        answers = ledger.fetch([planned.critique.key for plan in plans for planned in plan])
        for answered, plan in zip(chunk, plans, strict=True):
            asks = []
            for planned in plan:
                critique = text_of(answers.get(planned.critique.key))
                if critique:
                    asks.append((planned, critique, self.revision(planned, critique)))
            yield answered, asks

    def _planned(self, answered: Answered, original: Candidate) -> PlannedRevision:
        prompt = answered.prompt
        key = digest("revise", prompt.prompt_key, original.text)
        (principle,) = self.constitution.draw(key, prompt.domain, 1, self.sampler.seed)
        request = CRITIQUE.replace("{request}", principle.critique)
        chat = (*self._chat(answered, original), Message(role="user", content=request))
        about = f"{prompt.id}, critique by {principle.id}"
        return PlannedRevision(answered, original, principle, self._ask(chat, about))

    def revision(self, planned: PlannedRevision, critique: str) -> Ask:
        """The call for a revision, once the critique is there."""
        asked = planned.critique.request.messages
        request = REVISION.replace("{request}", planned.principle.revision)
        said = Message(role="assistant", content=critique)
        about = f"{planned.original.prompt}, revision by {planned.principle.id}"
        return self._ask((*asked, said, Message(role="user", content=request)), about)

    def _chat(self, answered: Answered, original: Candidate) -> tuple[Message, ...]:
        reply = Message(role="assistant", content=original.text)
        return (*self.sampler.chat(answered.prompt), reply)

    def _ask(self, chat: tuple[Message, ...], about: str) -> Ask:
        return self.sampler.ask(chat, self.sampler.policy.temperatures[0], 0, about)

    def _candidate(self, planned: PlannedRevision, critique: str, ask: Ask, text: str) -> Candidate:
        original, principle = planned.original, planned.principle
        return Candidate(
            id=f"{original.id}.{self.sampler.policy.name}.{principle.id}",
            prompt=original.prompt,
            text=text,
            origin="revised",
            model=self.sampler.policy.model,
            temperature=ask.request.temperature,
            parent=original.id,
            principle=principle.id,
            critique=critique,
            calls=(*original.calls, planned.critique.key, ask.key),
        )
