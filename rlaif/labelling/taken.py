"""Labels that were given elsewhere, checked against the pairs before one of them is kept.

A sheet or a tool shows two responses as A and B; `shown_first` says which of the input's sides was
A. Where the texts came back as well they must bear it out, so that exchanged columns cannot turn
labels round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rlaif.errors import InputError
from rlaif.exchange.rows import shown
from rlaif.labelling.answers import Answers
from rlaif.labelling.desk import SIDES, Seen
from rlaif.labelling.tasks import Tasks
from rlaif.records import DrawnBy, HumanLabel, Order

MAX_LISTED = 20
"""How many wrong rows an error lists."""
NAMED: dict[str, Seen] = {"a": "first", "b": "second", "tie": "tie"}
"""What a label means in a sheet or a tool: a is the response shown as A."""


@dataclass(frozen=True)
class Given:
    """One label as another tool has it."""

    place: str
    """Where it stands, in a user's words."""
    id: str
    label: str
    annotator: str | None = None
    strength: float | None = None
    reason: str = ""
    shown_first: str | None = None
    """The input's side (a, b) that was shown as A; None where nothing says so."""
    texts: tuple[str, str] | None = None
    """The two responses as they were shown, where they came back."""
    drawn_by: str | None = None


class Wrong(Exception):
    """One row that cannot be used; the message says why and how to mend it."""


def check_labels(given: Iterable[Given], tasks: Tasks) -> list[HumanLabel]:
    """The labels in terms of the input's sides. Raises InputError listing the rows that are wrong.

    Whoever drew a pair as informative is believed: such labels must not calibrate.
    """
    made: list[HumanLabel] = []
    wrong: list[str] = []
    for one in given:
        try:
            made.append(_checked(one, tasks))
        except Wrong as fault:
            wrong.append(f"  {one.place}: {fault}")
    if wrong:
        head = f"{len(wrong)} label{'s' if len(wrong) > 1 else ''} cannot be taken over:"
        raise InputError("\n".join([head, *wrong[:MAX_LISTED], "Nothing was written."]))
    return made


def take_over(labels: list[HumanLabel], answers: Answers) -> int:
    """Append what is new and return how many; what was there already is left.

    Raises InputError, with nothing written, where an annotator said two things of one pair.
    """
    known: dict[tuple[str, str | None], HumanLabel] = {}
    for label in answers.labels():
        known[label.id, label.annotator] = label
    new, wrong = [], []
    for label in labels:
        before = known.setdefault((label.id, label.annotator), label)
        if before is label:
            new.append(label)
        elif before.label != label.label:
            who = label.annotator or "somebody unnamed"
            wrong.append(f"  {label.id[:60]!r}: {who} said {before.label}, and now {label.label}")
    if wrong:
        head = f"{answers.path}: contradicts what is to be taken over:"
        foot = "Nothing was written; take one of the two out."
        raise InputError("\n".join([head, *wrong[:MAX_LISTED], foot]))
    if new:
        answers.add(new)
    return len(new)


def _checked(one: Given, tasks: Tasks) -> HumanLabel:
    if one.id not in tasks.numbers:
        raise Wrong(f"id {shown(one.id)} is none of {tasks.name}'s; was it made from another file?")
    label = one.label.strip().lower()
    if label not in NAMED:
        raise Wrong(f"column label: must be {', '.join(NAMED)}, not {shown(one.label)}")
    order = _order(one, tasks, tasks.numbers[one.id])
    drawn: DrawnBy = "informative" if one.drawn_by == "informative" else tasks.drawn_by(one.id)
    return HumanLabel(
        id=one.id,
        label=SIDES[order][NAMED[label]],
        annotator=one.annotator,
        strength=None if label == "tie" else one.strength,
        drawn_by=drawn,
        reason=one.reason,
    )


def _order(one: Given, tasks: Tasks, number: int) -> Order:
    """In which order the two were shown. Raises Wrong where the row contradicts itself."""
    if one.shown_first not in (None, "a", "b"):
        raise Wrong(f"column shown_first: must be a or b, not {shown(one.shown_first)}")
    said: Order = "ba" if one.shown_first == "b" else "ab"
    if one.texts is None:
        return said
    pair = tasks.pair(number)
    first, second = map(_bare, one.texts)
    for order in (said, "ba" if said == "ab" else "ab"):
        if tuple(map(_bare, pair.shown(order))) == (first, second):
            if order == said:
                return said
            raise Wrong(
                "columns response_a and response_b are exchanged against the pair: put them back,"
                " or the label would name the wrong one"
            )
    raise Wrong(f"columns response_a and response_b are not the texts of pair {shown(one.id)}")


def _bare(text: str) -> str:
    """A text without what spreadsheets change: line ends, outer blanks, a guarding apostrophe."""
    return " ".join(text.split()).removeprefix("'")
