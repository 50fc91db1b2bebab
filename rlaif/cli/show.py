"""`rlaif show RUN ID`: everything a run knows of one comparison, or of one solution."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from rlaif.errors import InputError
from rlaif.exchange.display import plain
from rlaif.judges.prompt import transcript
from rlaif.pipelines.lookup import Found, FoundSolution, look_up
from rlaif.records import Judgement, StepJudgement, Verdict

WIDTH = 2000
"""Longest text shown; the files hold the rest."""


def show_command(run: Path, name: str) -> None:
    """Print one row of a run. Raises InputError where the run has no such id."""
    found = look_up(run, name)
    if found is None:
        where = "verdicts.jsonl or steps.jsonl"
        raise InputError(f"{run}: nothing with id {name!r}: ids stand in {where}")
    lines = _lines(found) if isinstance(found, Found) else _solution_lines(found)
    for line in lines:
        Console(highlight=False, soft_wrap=True).print(Text(line))


def _lines(found: Found) -> list[str]:
    comparison = found.row.comparison
    head = f"{plain(comparison.id, WIDTH)}  domain {plain(comparison.domain, WIDTH)}"
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


def _solution_lines(found: FoundSolution) -> list[str]:
    solution, labels = found.row.solution, found.labels
    head = f"{plain(solution.id, WIDTH)}  domain {plain(solution.domain, WIDTH)}"
    if found.row.first_error is not None:
        head += f"  known first error {found.row.first_error}"
    if labels.first_error is None:
        end = f"undecided: {labels.reason}"
    else:
        end = (
            f"first error {labels.first_error} with {labels.confidence:.0%} of {labels.votes}"
            f" votes; judge {labels.judge}"
        )
    return [
        head,
        f"problem  {plain(solution.problem, WIDTH)}",
        *(
            f"{i:3} {label:5}  {plain(step, WIDTH)}"
            for i, (step, label) in enumerate(zip(solution.steps, labels.labels, strict=True))
        ),
        "",
        *map(_step_judgement, found.judgements),
        "",
        end,
    ]


def _step_judgement(judgement: StepJudgement) -> str:
    said = judgement.outcome.value
    if judgement.first_error is not None:
        said += f", first error {judgement.first_error}"
    why = plain(judgement.rationale or judgement.error or "", WIDTH)
    return f"sample {judgement.sample}: {said}" + (f"\n    {why}" if why else "")
