"""A decided pair becomes one row of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rlaif.records import Judgement, LabelledComparison, Preference, Split, Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """Which side is chosen, on whose word and how surely."""

    side: Literal["a", "b"]
    p: float
    """P(a fresh annotator prefers the chosen one)."""
    by: str
    """`Preference.decided_by`."""
    p_kind: Literal["raw", "calibrated"] = "raw"
    weight: float = 1.0
    split: Split = "train"


def preference(
    row: LabelledComparison, verdict: Verdict, judgements: Sequence[Judgement], decided_by: str
) -> Preference:
    """The preference a verdict alone states. `verdict.winner` must be a or b."""
    if verdict.winner not in ("a", "b") or verdict.p is None:
        raise ValueError(f"{verdict.comparison}: winner {verdict.winner!r} makes no preference")
    p = verdict.p if verdict.winner == "a" else 1 - verdict.p
    return decided(row, verdict, judgements, Decision(verdict.winner, p, decided_by))


def decided(
    row: LabelledComparison,
    verdict: Verdict,
    judgements: Sequence[Judgement],
    decision: Decision,
) -> Preference:
    """The row a decision makes; the verdict stands beside it whoever decided.

    Of `judgements`, the votes of the judges whose parts the verdict folds stand behind it: not
    those of a cascade's earlier stages, which abstained.
    """
    pair = row.comparison
    deciders = {part.judge for part in verdict.parts}
    behind = [j for j in judgements if j.outcome.votes and j.judge in deciders]
    flipped = decision.side == "b"
    chosen, rejected = (pair.b, pair.a) if flipped else (pair.a, pair.b)
    return Preference(
        id=pair.id,
        pair_key=pair.pair_key,
        prompt=pair.prompt,
        chosen=chosen,
        rejected=rejected,
        p=decision.p,
        p_kind=decision.p_kind,
        weight=decision.weight,
        decided_by=decision.by,
        judge=verdict.judge if verdict.parts else None,
        principles=tuple(dict.fromkeys(part.principle for part in verdict.parts)),
        rationale=_rationale(behind),
        judgements=tuple(j.call_key for j in behind),
        domain=pair.domain,
        source=pair.source,
        label=row.label,
        flipped=flipped,
        split=decision.split,
    )


def _rationale(judgements: Sequence[Judgement]) -> str:
    """All written reasoning, each with its principle and order."""
    return "\n\n".join(
        f"[{j.principle}, {'a' if j.order == 'ab' else 'b'} first] {j.rationale}"
        for j in judgements
        if j.rationale
    )
