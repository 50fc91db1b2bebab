"""What reward models train on, out of files: pairs with a probability, streaming.

    for pair in read_pairs("pairs.jsonl"): ...       # TrainingPair

A row is one of two shapes. With `chosen` and `rejected` (text, messages, a transcript; the prompt
in a column `prompt` or within both sides): `p`, `p_tie`, `weight`, `margin`, `domain`, `split` and
`id` are read where given, and p is 1 where not. With `prompt`, `response_a` and `response_b`:
`votes` (a tie is half a vote for each side), else `label` or `preference`; the side with p of a
half or more is chosen. How much better people found it (`strength`, `likert`, `strengths` in 0..1)
becomes the margin, as in Llama 2 (arXiv 2307.09288); a judge's log-odds never do.

Rows whose two sides are one text, and rows without a label, are left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from rlaif.exchange import pairs
from rlaif.exchange.answers import read_answer
from rlaif.exchange.cells import read_id, read_list, read_optional, read_text
from rlaif.exchange.messages import is_transcript, read_prompt
from rlaif.exchange.pairs import read_given, read_sides
from rlaif.exchange.rows import Fault, Notes, RawRow
from rlaif.exchange.training_rows import COMMON, OnBadRow, Reading, number, read_split, records
from rlaif.records import Label, LabelledComparison, Message, Split, TrainingPair, digest

ANSWERS = frozenset({"preference", "strength", "likert", "strengths"})
READ = COMMON | pairs.READ | ANSWERS | {"p", "p_tie", "margin", "decided_by"}
SHARE_A = {"a": 1.0, "tie": 0.5, "b": 0.0}


def read_pairs(
    source: str | Path,
    reading: Reading | None = None,
    *,
    decided_by: Collection[str] = (),
    on_bad_row: OnBadRow = "stop",
) -> Iterator[TrainingPair]:
    """The pairs of a file, a datasets folder (each split under its name) or a hub dataset.

    `decided_by` keeps the rows with one of these in their column of that name. Raises InputError
    where the source cannot be opened, a header lacks columns, no row is left, or (`stop`) at the
    first bad row, listing it and up to 19 more.
    """
    needed = (pairs.PAIR, pairs.RANKED)

    def make(row: RawRow, split: Split | None) -> tuple[TrainingPair]:
        if decided_by and row.values.get("decided_by") not in decided_by:
            raise Fault("decided by another", "decided_by", "is none of those wanted")
        return (_pair(row, split, at.notes),)

    at = reading if reading is not None else Reading()
    return records(source, READ, needed, make, at, on_bad_row)


def _pair(row: RawRow, split: Split | None, notes: Notes) -> TrainingPair:
    values = row.values
    if values.get("response_a") is None and values.get("chosen") is not None:
        return _ranked(values, split)
    return _labelled(read_given(row.line, values), values, split, notes)


def _ranked(values: dict[str, Any], split: Split | None) -> TrainingPair:
    prompt, chosen, rejected = sides_of(values)
    if chosen == rejected:
        raise Fault("identical", None, "chosen and rejected are the same text")
    p = number(values, "p", 0, 1, 1.0)
    most = 2 * min(p, 1 - p) + 1e-9  # p holds half of the ties
    return TrainingPair(
        id=read_id(values) or pair_key(prompt, chosen, rejected),
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        p=p,
        p_tie=number(values, "p_tie", 0, most, 0.0),
        weight=number(values, "weight", 0, math.inf, 1.0),
        margin=number(values, "margin", -math.inf, math.inf, 0.0),
        domain=read_optional(values, "domain") or "general",
        split=read_split(values, split),
    )


def sides_of(values: dict[str, Any]) -> tuple[tuple[Message, ...], str, str]:
    """Prompt, chosen and rejected text of a row that has the latter two. Raises Fault."""
    prompt, *sides = (values.get(name) for name in ("prompt", "chosen", "rejected"))
    chosen, rejected = (s.get("text") if isinstance(s, dict) else s for s in sides)
    texts = prompt is None and not is_transcript(chosen)
    if not (texts and isinstance(chosen, str) and isinstance(rejected, str)):
        return read_sides(prompt, chosen, rejected)
    if chosen == rejected:
        raise Fault("identical", None, "chosen and rejected are the same text")
    lead = _common_text(chosen, rejected)
    better = read_text(chosen[len(lead) :], "chosen")
    return read_prompt(lead or None), better, read_text(rejected[len(lead) :], "rejected")


def _common_text(one: str, other: str) -> str:
    """The prompt within two texts, as TRL finds it: what both begin with, less a last blank."""
    n = 0
    while n < min(len(one), len(other)) and one[n] == other[n]:
        n += 1
    return one[: n - 1] if n and one[n - 1] == " " else one[:n]


def _labelled(
    row: LabelledComparison, values: dict[str, Any], split: Split | None, notes: Notes
) -> TrainingPair:
    pair = row.comparison
    p, p_tie, margin = _answers(row, values, notes)
    chosen, rejected = (pair.a.text, pair.b.text) if p >= 0.5 else (pair.b.text, pair.a.text)
    return TrainingPair(
        id=pair.id,
        prompt=pair.prompt,
        chosen=chosen,
        rejected=rejected,
        p=max(p, 1 - p),
        p_tie=p_tie,
        weight=number(values, "weight", 0, math.inf, 1.0),
        margin=max(0.0, margin if p >= 0.5 else -margin),
        domain=pair.domain,
        split=read_split(values, split),
    )


def _answers(
    row: LabelledComparison, values: dict[str, Any], notes: Notes
) -> tuple[float, float, float]:
    """P(a is better) with ties as half, P(tie), and by how much a is better (negative: b)."""
    if row.votes:
        n = len(row.votes)
        margin = _mean_strength(row.votes, read_list(values, "strengths"), notes)
        shares = [SHARE_A[vote] for vote in row.votes]
        return sum(shares) / n, row.votes.count("tie") / n, margin
    if row.label is None and values.get("preference") is None:
        raise Fault("unlabelled", "label", "has no label and no votes")
    label, strength = read_answer(values)
    return SHARE_A[label], float(label == "tie"), (2 * SHARE_A[label] - 1) * (strength or 0.0)


def _mean_strength(votes: tuple[Label, ...], strengths: list[Any], notes: Notes) -> float:
    """Mean of the votes' strengths towards a; words for them have no known size and are noted."""
    if not strengths:
        return 0.0
    if len(strengths) != len(votes):
        message = f"has {len(strengths)} entries for {len(votes)} votes; give one a vote"
        raise Fault("type", "strengths", message)
    if not all(isinstance(s, int | float) and 0 <= s <= 1 for s in strengths):
        notes.ignore({"strengths"})
        return 0.0
    signed = [(2 * SHARE_A[v] - 1) * float(s) for v, s in zip(votes, strengths, strict=True)]
    return sum(signed) / len(signed)


def pair_key(prompt: tuple[Message, ...], one: str, other: str) -> str:
    """As `Comparison.pair_key`."""
    return digest([[m.role, m.content] for m in prompt], *sorted((one, other)))
