"""A decided pair becomes one row of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rlaif.records import Judgement, LabelledComparison, Preference, Verdict


class Reasoned(Protocol):
    """What of a judgement its reasoning is told with."""

    @property
    def principle(self) -> str:
        """Its id."""

    @property
    def order(self) -> str:
        """`ab` or `ba`."""

    @property
    def rationale(self) -> str:
        """As it was written."""


def preference(
    row: LabelledComparison, verdict: Verdict, judgements: Sequence[Judgement], decided_by: str
) -> Preference:
    """The preference a verdict alone states. `verdict.winner` must be a or b.

    Of `judgements`, the votes of the judges whose parts the verdict folds stand behind it: not
    those of a cascade's earlier stages, which abstained.
    """
    if verdict.winner not in ("a", "b") or verdict.p is None:
        raise ValueError(f"{verdict.comparison}: winner {verdict.winner!r} makes no preference")
    pair = row.comparison
    deciders = {part.judge for part in verdict.parts}
    behind = [j for j in judgements if j.outcome.votes and j.judge in deciders]
    flipped = verdict.winner == "b"
    chosen, rejected = (pair.b, pair.a) if flipped else (pair.a, pair.b)
    return Preference(
        id=pair.id,
        pair_key=pair.pair_key,
        prompt=pair.prompt,
        chosen=chosen,
        rejected=rejected,
        p=1 - verdict.p if flipped else verdict.p,
        p_kind="raw",
        decided_by=decided_by,
        judge=verdict.judge,
        principles=tuple(dict.fromkeys(part.principle for part in verdict.parts)),
        rationale=rationale_of(behind),
        judgements=tuple(j.call_key for j in behind),
        domain=pair.domain,
        source=pair.source,
        label=row.label,
        flipped=flipped,
    )


def rationale_of(judgements: Sequence[Reasoned]) -> str:
    """All written reasoning, each with its principle and order."""
    return "\n\n".join(
        f"[{j.principle}, {'a' if j.order == 'ab' else 'b'} first] {j.rationale}"
        for j in judgements
        if j.rationale
    )
