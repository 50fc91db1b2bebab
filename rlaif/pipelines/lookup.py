"""Finds one comparison, or one judged solution, in the files of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rlaif.exchange.parquet import read_parquet
from rlaif.exchange.solutions import SolutionRow
from rlaif.exchange.staged import staged_pair, staged_solution
from rlaif.pipelines.artifacts import RunFolder
from rlaif.records import (
    Judgement,
    LabelledComparison,
    Preference,
    StepJudgement,
    StepLabels,
    Verdict,
)


@dataclass(frozen=True)
class Found:
    """What a run knows of one comparison."""

    row: LabelledComparison
    judgements: tuple[Judgement, ...]
    verdict: Verdict
    kept: bool


@dataclass(frozen=True)
class FoundSolution:
    """What a step critic's run knows of one solution."""

    row: SolutionRow
    judgements: tuple[StepJudgement, ...]
    labels: StepLabels


def look_up(run: Path, name: str) -> Found | FoundSolution | None:
    """The comparison or solution `name` of a run; None where there is none of that id.

    Raises ConfigError where the folder holds no finished run.
    """
    folder = RunFolder.standalone(run)
    folder.read_manifest()
    if folder.steps.exists():
        return _solution(folder, name)
    row = staged_pair(folder.staged, name)
    verdicts = (v for v in read_parquet(folder.verdicts, Verdict) if v.comparison == name)
    verdict = next(verdicts, None)
    if row is None or verdict is None:
        return None
    told = tuple(j for j in read_parquet(folder.judgements, Judgement) if j.comparison == name)
    kept = folder.preferences.exists() and any(
        p.id == name for p in read_parquet(folder.preferences, Preference)
    )
    return Found(row, told, verdict, kept)


def _solution(folder: RunFolder, name: str) -> FoundSolution | None:
    row = staged_solution(folder.staged, name)
    every = read_parquet(folder.steps, StepLabels)
    labels = next((made for made in every if made.solution == name), None)
    if row is None or labels is None:
        return None
    judgements = read_parquet(folder.judgements, StepJudgement)
    return FoundSolution(row, tuple(j for j in judgements if j.solution == name), labels)
