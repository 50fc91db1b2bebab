"""Finds one comparison in the files of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rlaif.exchange.parquet import read_parquet
from rlaif.exchange.stage import staged_pair
from rlaif.pipelines.artifacts import RunFolder
from rlaif.records import Judgement, LabelledComparison, Preference, Verdict


@dataclass(frozen=True)
class Found:
    """What a run knows of one comparison."""

    row: LabelledComparison
    judgements: tuple[Judgement, ...]
    verdict: Verdict
    kept: bool


def look_up(run: Path, name: str) -> Found | None:
    """The comparison `name` of a run; None where there is none of that id.

    Raises ConfigError where the folder holds no finished run.
    """
    folder = RunFolder.standalone(run)
    folder.read_manifest()
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
