"""A kept verdict and its comparison become one row of the dataset."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.records import Judgement, LabelledComparison, Preference, Verdict


def preference(
    row: LabelledComparison, verdict: Verdict, judgements: Sequence[Judgement], decided_by: str
) -> Preference:
    """The preference a verdict states. `verdict.winner` must be a or b.

    Of `judgements`, the votes of the judges whose parts the verdict folds stand behind it: not
    those of a cascade's earlier stages, which abstained.
    """
    if verdict.winner not in ("a", "b") or verdict.p is None:
        raise ValueError(f"{verdict.comparison}: winner {verdict.winner!r} makes no preference")
    comparison = row.comparison
    deciders = {part.judge for part in verdict.parts}
    behind = [j for j in judgements if j.outcome.votes and j.judge in deciders]
    flipped = verdict.winner == "b"
    chosen, rejected = (comparison.b, comparison.a) if flipped else (comparison.a, comparison.b)
    return Preference(
        id=comparison.id,
        pair_key=comparison.pair_key,
        prompt=comparison.prompt,
        chosen=chosen,
        rejected=rejected,
        p=1 - verdict.p if flipped else verdict.p,
        p_kind="raw",
        decided_by=decided_by,
        judge=verdict.judge,
        principles=tuple(dict.fromkeys(part.principle for part in verdict.parts)),
        rationale=_rationale(behind),
        judgements=tuple(j.call_key for j in behind),
        domain=comparison.domain,
        source=comparison.source,
        label=row.label,
        flipped=flipped,
    )


def _rationale(judgements: Sequence[Judgement]) -> str:
    """All written reasoning, each with its principle and order."""
    return "\n\n".join(
        f"[{j.principle}, {'a' if j.order == 'ab' else 'b'} first] {j.rationale}"
        for j in judgements
        if j.rationale
    )
