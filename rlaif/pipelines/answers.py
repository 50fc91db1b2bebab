"""What the ledger says about rows: their calls are planned anew and each answer is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from rlaif.calls.ledger import Answer, Ledger
from rlaif.judges.judge import Bench, Planned
from rlaif.records import Judgement, LabelledComparison, Outcome

CHUNK = 256
"""Comparisons whose answers are fetched from the ledger at once."""

Rows = Callable[[], Iterator[LabelledComparison]]
"""Streams the rows anew at each call."""


def count_spent(
    rows: Iterable[LabelledComparison], benches: Sequence[Bench], ledger: Ledger
) -> float:
    """USD that the answers to these questions have cost so far, whoever asked them."""
    return sum(answer.cost_usd or 0.0 for answer in _answers(rows, benches, ledger))


def spent_on(keys: Iterable[str], ledger: Ledger) -> float:
    """The same for the answers of these keys."""
    return sum(answer.cost_usd or 0.0 for answer in _fetched(keys, ledger))


def count_recorded(
    rows: Iterable[LabelledComparison], benches: Sequence[Bench], ledger: Ledger
) -> int:
    """How many answers to these questions were recorded elsewhere and imported."""
    return sum(answer.origin is not None for answer in _answers(rows, benches, ledger))


def _answers(
    rows: Iterable[LabelledComparison], benches: Sequence[Bench], ledger: Ledger
) -> Iterator[Answer]:
    keys = (
        call.ask.key
        for row in rows
        for bench in benches
        for group in bench.plan(row.comparison)
        for call in group
    )
    return _fetched(keys, ledger)


def _fetched(keys: Iterable[str], ledger: Ledger) -> Iterator[Answer]:
    stream = iter(keys)
    while chunk := list(islice(stream, CHUNK)):
        yield from ledger.fetch(chunk).values()


def assemble(
    rows: Iterable[LabelledComparison],
    benches: Sequence[Bench],
    ledger: Ledger,
    missing: Outcome | None,
) -> Iterator[Judgement]:
    """The judgements of `rows` in order, from the ledger.

    A call the ledger has no outcome of becomes `missing`, or is left out where that is None.
    """
    stream = iter(rows)
    while chunk := list(islice(stream, CHUNK)):
        planned = [
            (row, bench, call)
            for row in chunk
            for bench in benches
            for group in bench.plan(row.comparison)
            for call in group
        ]
        answers = ledger.fetch([call.ask.key for _, _, call in planned])
        for row, bench, call in planned:
            answer = answers.get(call.ask.key) or _missing(call, missing)
            if answer:
                yield bench.judgement(row.comparison, call, answer)


def _missing(call: Planned, outcome: Outcome | None) -> Answer | None:
    if outcome is None:
        return None
    return Answer(call.ask.key, outcome, attempts=0)
