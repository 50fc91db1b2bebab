"""What the page asks and is told, without HTTP: pairs as one annotator sees them, and answers.

The page knows a pair by its number and its two sides as first and second; here these become the
input's id and sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlaif.labelling.answers import STRENGTHS, Answer, Answers
from rlaif.labelling.disagreements import Judged, JudgedPairs, Reason
from rlaif.labelling.tasks import Tasks, shown_order
from rlaif.records import Label, Message, Order

Seen = Literal["first", "second", "tie"]
"""What an annotator names, as the page shows it."""
SIDES: dict[Order, dict[Seen, Label]] = {
    "ab": {"first": "a", "second": "b", "tie": "tie"},
    "ba": {"first": "b", "second": "a", "tie": "tie"},
}


@dataclass(frozen=True)
class View:
    """One pair as one annotator sees it: nothing that tells who wrote what."""

    number: int
    prompt: tuple[Message, ...]
    first: str
    second: str
    seen: Seen | None
    """The annotator's answer so far; None where there is none, or it was skipped."""
    strength: str | None
    reason: str
    skipped: bool
    final: bool
    """The annotator knows the judge's verdict, so the answer stays."""


@dataclass(frozen=True)
class Difference:
    """One pair on which annotator and judge differ, as this annotator saw it."""

    view: View
    judge: Seen
    p: float
    """The judge's probability for the response it named; .5 for a tie."""
    reasons: list[tuple[Reason, bool]]
    """What the judge said, and whether it saw the two in the annotator's order."""
    others: dict[Seen, int]
    """How many other annotators said what."""


@dataclass(frozen=True)
class Differences:
    """Some of the pairs on which annotator and judge differ."""

    compared: int
    """Pairs that the annotator labelled and the judge decided."""
    differing: int
    shown: list[Difference]


@dataclass(frozen=True)
class Progress:
    """Where one annotator stands."""

    total: int
    labelled: int
    skipped: int


@dataclass(frozen=True)
class Desk:
    """All that the page stands on."""

    tasks: Tasks
    answers: Answers
    seed: int
    judged: JudgedPairs | None = None

    def view(self, annotator: str, number: int) -> View:
        """The pair at `number`. Raises IndexError where there is none."""
        pair = self.tasks.pair(number)
        order = shown_order(self.seed, annotator, pair)
        first, second = pair.shown(order)
        answer = self.answers.of(annotator).get(pair.id)
        return View(
            number=number,
            prompt=pair.prompt,
            first=first,
            second=second,
            seen=_seen(order, answer.label) if answer and answer.label else None,
            strength=_word(answer.strength) if answer else None,
            reason=answer.reason if answer else "",
            skipped=answer is not None and answer.label is None,
            final=pair.id in self.answers.revealed(annotator),
        )

    def give(
        self, annotator: str, number: int, seen: Seen | None, strength: str | None, reason: str
    ) -> None:
        """Record what an annotator said of a pair; None skips it. Raises Final, StoppedError."""
        pair = self.tasks.pair(number)
        order = shown_order(self.seed, annotator, pair)
        answer = Answer(
            id=pair.id,
            annotator=annotator,
            label=SIDES[order][seen] if seen else None,
            strength=STRENGTHS[strength] if strength and seen in ("first", "second") else None,
            drawn_by=self.tasks.drawn_by(pair.id),
            reason=reason,
        )
        self.answers.give(answer)

    def undo(self, annotator: str) -> int | None:
        """Take the last answer back and return its pair's number; None where there is none."""
        name = self.answers.undo(annotator)
        return None if name is None else self.tasks.numbers.get(name)

    def open_after(self, annotator: str, number: int) -> int | None:
        """The next pair without an answer, from the start again at the end; None if all have."""
        given = self.answers.of(annotator)
        total = len(self.tasks)
        places = (n % total for n in range(number + 1, number + 1 + total))
        return next((n for n in places if self.tasks.ids[n] not in given), None)

    def first_skipped(self, annotator: str) -> int | None:
        """The first pair that was skipped; None where none was."""
        given = self.answers.of(annotator)
        skipped = {name for name, answer in given.items() if answer.label is None}
        return next((n for n, name in enumerate(self.tasks.ids) if name in skipped), None)

    def progress(self, annotator: str) -> Progress:
        """How many of these pairs have an answer."""
        known = self.tasks.numbers
        given = [a for name, a in self.answers.of(annotator).items() if name in known]
        labelled = sum(answer.label is not None for answer in given)
        return Progress(len(self.tasks), labelled, len(given) - labelled)

    def differences(self, annotator: str, start: int, count: int) -> Differences:
        """Where judge and annotator differ: `count` pairs from `start` on.

        Only pairs that this annotator has labelled, and from now on those labels are final: whoever
        knows where the judge differs knows where it agrees. Raises InputError, StoppedError.
        """
        if self.judged is None:
            return Differences(0, 0, [])
        given = self.answers.of(annotator)
        compared = self.judged.compared(given)
        self.answers.reveal(annotator, compared)
        names = self.judged.disagreeing(given)
        part = names[start : start + count]
        reasons = self.judged.reasons(part)
        numbers, verdicts = self.tasks.numbers, self.judged.verdicts
        made = [
            self._difference(annotator, numbers[name], verdicts[name], reasons[name])
            for name in part
        ]
        return Differences(len(compared), len(names), made)

    def _difference(
        self, annotator: str, number: int, judged: Judged, reasons: list[Reason]
    ) -> Difference:
        pair = self.tasks.pair(number)
        order = shown_order(self.seed, annotator, pair)
        others: dict[Seen, int] = {}
        for label in self.answers.others(annotator, pair.id):
            seen = _seen(order, label)
            others[seen] = others.get(seen, 0) + 1
        return Difference(
            view=self.view(annotator, number),
            judge=_seen(order, judged.winner),
            p=0.5 if judged.winner == "tie" else max(judged.p, 1 - judged.p),
            reasons=[(reason, reason.order == order) for reason in reasons],
            others=others,
        )


def _seen(order: Order, label: Label) -> Seen:
    return next(seen for seen, side in SIDES[order].items() if side == label)


def _word(strength: float | None) -> str | None:
    """The page's word nearest to a strength."""
    if strength is None:
        return None
    return min(STRENGTHS, key=lambda word: abs(STRENGTHS[word] - strength))
