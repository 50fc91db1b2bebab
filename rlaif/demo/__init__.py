"""The demo set: comparisons written by templates, whose labels hold by construction.

The labels are `reference`, never human: they say which answer is right, not which one people
prefer. A set like this shows that a judge works at all; it says little about its quality.

    rows = comparisons()        # 600, the same on every machine
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from rlaif.demo import arithmetic, facts, formats, length, premise, safety, steps
from rlaif.demo.draft import Difficulty, Draft, Template
from rlaif.errors import ConfigError
from rlaif.records import Comparison, Label, LabelledComparison, Message, Response

DOMAINS: Mapping[str, Template] = {
    "arithmetic": arithmetic.draft,
    "facts": facts.draft,
    "format": formats.draft,
    "length": length.draft,
    "safety": safety.draft,
    "premise": premise.draft,
    "steps": steps.draft,
}
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")
ATTEMPTS = 500


def comparisons(n: int = 600, seed: int = 0) -> list[LabelledComparison]:
    """Make n labelled comparisons over seven domains; equal n and seed, equal rows.

    Rows come in couples of one domain and difficulty, in which each side is right once and the
    longer answer is right once. So every even number of first rows is balanced in both, overall and
    by domain; any 14 rows from the start hold every domain. Prompts do not repeat. Raises
    ConfigError if the templates cannot make n different prompts.
    """
    rows: list[LabelledComparison] = []
    prompts: set[str] = set()
    for domain, number, difficulty, label, longer in _plan(n, seed):
        draft = _fresh(Random(f"{seed}/{domain}/{number}"), domain, difficulty, longer, prompts)
        rows.append(_row(draft, domain, number, difficulty, label))
    return rows


def _plan(n: int, seed: int) -> Iterator[tuple[str, int, Difficulty, Label, bool]]:
    """Domain, number in the domain, difficulty, right side and whether it is the longer one.

    In a round every domain has one couple. A couple is {right a longer, right b shorter} or the
    other way round; the two kinds alternate, so that side and length are independent too.
    """
    rng, names = Random(f"{seed}/plan"), list(DOMAINS)
    couples = -(-n // 2)
    for couple in range(couples):
        turn, place = divmod(couple, len(names))
        if place == 0:
            rng.shuffle(names)
        sides: list[tuple[Label, bool]]
        sides = [("a", True), ("b", False)] if couple % 2 else [("a", False), ("b", True)]
        rng.shuffle(sides)
        for half, (label, longer) in enumerate(sides):
            if 2 * couple + half < n:
                difficulty = DIFFICULTIES[turn % len(DIFFICULTIES)]
                yield names[place], 2 * turn + half, difficulty, label, longer


def _fresh(
    rng: Random, domain: str, difficulty: Difficulty, longer: bool, prompts: set[str]
) -> Draft:
    """Draw until the prompt is new and the better answer is longer or shorter, as planned."""
    for _ in range(ATTEMPTS):
        draft = DOMAINS[domain](rng, difficulty, longer)
        good, bad = len(draft.good), len(draft.bad)
        if draft.prompt not in prompts and good != bad and (good > bad) == longer:
            prompts.add(draft.prompt)
            return draft
    raise ConfigError(
        f"the demo templates cannot make so many comparisons: {domain} ({difficulty}) ran out of"
        f" new prompts after {len(prompts)} rows; ask for fewer"
    )


def _row(
    draft: Draft, domain: str, number: int, difficulty: Difficulty, label: Label
) -> LabelledComparison:
    good, bad = Response(text=draft.good), Response(text=draft.bad)
    comparison = Comparison(
        id=f"demo-{domain}-{number:03d}",
        prompt=(Message(role="user", content=draft.prompt),),
        a=good if label == "a" else bad,
        b=bad if label == "a" else good,
        domain=domain,
        source=f"demo/{domain}/{difficulty}",
    )
    return LabelledComparison(comparison=comparison, label=label)
