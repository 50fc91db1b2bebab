"""`rlaif show RUN ID`: everything a run knows of one comparison."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from rlaif.errors import InputError
from rlaif.exchange.display import plain
from rlaif.judges.prompt import transcript
from rlaif.pipelines.lookup import Found, look_up
from rlaif.records import Judgement, Verdict

WIDTH = 2000
"""Longest text shown; the files hold the rest."""


def show_command(run: Path, name: str) -> None:
    """Print one comparison of a run. Raises InputError where the run has no such id."""
    found = look_up(run, name)
    if found is None:
        raise InputError(f"{run}: no comparison with id {name!r}: ids stand in verdicts.jsonl")
    for line in _lines(found):
        Console(highlight=False, soft_wrap=True).print(Text(line))


def _lines(found: Found) -> list[str]:
    comparison = found.row.comparison
    head = f"{comparison.id}  domain {comparison.domain}"
    if found.row.label:
        head += f"  label {found.row.label}"
    return [
        head,
        f"prompt  {plain(transcript(comparison.prompt), WIDTH)}",
        f"a       {plain(comparison.a.text, WIDTH)}",
        f"b       {plain(comparison.b.text, WIDTH)}",
        "",
        *(_judgement(judgement) for judgement in found.judgements),
        "",
        _verdict(found.verdict),
        "kept as a preference" if found.kept else "not kept",
    ]


def _judgement(judgement: Judgement) -> str:
    first = "a" if judgement.order == "ab" else "b"
    said = judgement.outcome.value
    if judgement.p_first is not None:
        said += f", P({first} is better) {judgement.p_first:.3f} by {judgement.confidence_source}"
    why = plain(judgement.rationale or judgement.error or "", WIDTH)
    return f"{first} first, {judgement.principle}: {said}" + (f"\n    {why}" if why else "")


def _verdict(verdict: Verdict) -> str:
    if verdict.winner is None:
        return f"no verdict: {verdict.reason}"
    return (
        f"winner {verdict.winner}, P(a beats b) {verdict.p:.3f}, consistent {verdict.consistent},"
        f" with bias removed {verdict.consistent_debiased}; judge {verdict.judge}"
    )
