"""Shows that recorded answers are the judge's own, and lets a second card reason aloud.

Recorded answers let a demo judge 600 comparisons in minutes; a few of them are asked again, into a
ledger of their own, and compared. The second card judges the first few comparisons for the eye: its
verdicts enter no file but the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from rlaif.calls.ledger import Ledger
from rlaif.calls.rows import Answer
from rlaif.judges.card import load_judge
from rlaif.judges.judge import Bench, reading_of
from rlaif.judges.verdict import fold
from rlaif.pipelines.answers import Rows, assemble
from rlaif.pipelines.asking import ask_all, raise_lost
from rlaif.pipelines.judging import grouped
from rlaif.pipelines.recipe import Recipe
from rlaif.pipelines.setup import client_of
from rlaif.pipelines.watch import Watch
from rlaif.records import LabelledComparison, Verdict


@dataclass(frozen=True, slots=True)
class Match:
    """Recorded answers asked again."""

    calls: int
    within: int
    """Calls whose P(first) came within the tolerance."""
    largest: float
    """Largest difference in P(first)."""
    tolerance: float


def ask_again(
    recipe: Recipe, bench: Bench, rows: Rows, ledger: Ledger, again: Path, watch: Watch
) -> Match | None:
    """Ask the first recorded comparisons anew and compare; None where nothing is recorded.

    `again` is the ledger that keeps the new answers, so that a second run asks nothing.
    """
    assert recipe.recorded is not None
    chosen = list(islice(_recorded(bench, rows, ledger), recipe.recorded.again))
    if not chosen:
        return None
    with closing(Ledger(again)) as fresh:
        raise_lost(bench.judge, ask_all(recipe, bench, lambda: iter(chosen), fresh, None, watch))
        pairs = list(_answers(bench, chosen, ledger, fresh))
    gaps = [abs(_p_first(bench, old) - _p_first(bench, new)) for old, new in pairs]
    tolerance = recipe.recorded.tolerance
    within = sum(gap <= tolerance for gap in gaps)
    return Match(len(gaps), within, max(gaps, default=0.0), tolerance)


def _recorded(bench: Bench, rows: Rows, ledger: Ledger) -> Iterator[LabelledComparison]:
    for row in rows():
        keys = _keys(bench, row)
        answers = ledger.fetch(keys)
        if len(answers) == len(set(keys)) and all(a.origin for a in answers.values()):
            yield row


def _keys(bench: Bench, row: LabelledComparison) -> list[str]:
    return [call.ask.key for group in bench.plan(row.comparison) for call in group]


def _answers(
    bench: Bench, rows: list[LabelledComparison], old: Ledger, new: Ledger
) -> Iterator[tuple[Answer, Answer]]:
    for row in rows:
        keys = _keys(bench, row)
        there, here = old.fetch(keys), new.fetch(keys)
        yield from ((there[key], here[key]) for key in keys if key in here)


def _p_first(bench: Bench, answer: Answer) -> float:
    p_first = reading_of(bench.judge.card, answer).p_first
    return float("nan") if p_first is None else p_first


def reason_aloud(
    recipe: Recipe, bench: Bench, rows: Rows, ledger: Ledger, watch: Watch
) -> list[tuple[LabelledComparison, Verdict, str]]:
    """The second card's verdicts on the first rows, each with its reasoning in the first order."""
    assert recipe.reasoned is not None
    judge = load_judge(recipe.reasoned.card)
    second = replace(bench, judge=judge, client=client_of(judge))
    first = list(islice(rows(), recipe.reasoned.first))
    raise_lost(judge, ask_all(recipe, second, lambda: iter(first), ledger, None, watch))
    judgements = dict(grouped(assemble(first, (second,), ledger, None)))
    told = []
    for row in first:
        mine = judgements.get(row.comparison.id, [])
        reasoning = next((j.rationale for j in mine if j.rationale), "")
        told.append((row, fold(row.comparison, judge.fingerprint, mine), reasoning))
    return told
