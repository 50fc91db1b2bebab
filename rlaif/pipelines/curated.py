"""Writes what curation decided into `RUN/curated/`; the judge's own files stay as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlaif.errors import ConfigError
from rlaif.exchange.dataset import write_splits
from rlaif.exchange.parquet import write_batches
from rlaif.exchange.staged import staged_pair
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.curate import Curated
from rlaif.pipelines.curated_rows import dropped_batches, preference_batches
from rlaif.pipelines.recipe import CurateStage
from rlaif.records import DrawnBy, Dropped, LabelledComparison, Preference, digest

SPLITS = ("train", "validation", "test")


class CuratedFolder:
    """The files of `curated/`."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.path = run.curated
        self.preferences = self.path / "preferences.parquet"
        self.dropped = self.path / "dropped.parquet"
        self.dataset = self.path / "dataset"
        self.conflicts = self.path / "conflicts.jsonl"
        self.disputed = self.path / "disputed.jsonl"
        self.rankings = self.path / "rankings.jsonl"
        self.to_label = self.path / "to_label.jsonl"
        self.summary = self.path / "curation.json"

    def check_fresh(self) -> None:
        """Raises ConfigError where these files were made of other verdicts than the run has."""
        if not (self.summary.is_file() and self.run.verdicts.is_file()):
            return
        try:
            known = json.loads(self.summary.read_text(encoding="utf-8")).get("verdicts_digest")
        except (OSError, ValueError):
            message = f"{self.summary}: cannot be read as JSON: curate the run again"
            raise ConfigError(message) from None
        if known and known != file_digest(self.run.verdicts):
            raise ConfigError(
                f"{self.path}: was made of other verdicts than {self.run.verdicts.name} holds now:"
                f" run rlaif curate {self.run.path} again, or remove it"
            )


def file_digest(path: Path) -> str:
    """64 hex digits of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_curated(
    files: CuratedFolder,
    ids: Sequence[str],
    found: Curated,
    stage: CurateStage,
    judge: str,
    seed: int,
) -> None:
    """Write all files but the rankings and the summary.

    `ids` are the comparisons' in input order; `judge` is how a kept verdict is called in
    `decided_by`.
    """
    files.path.mkdir(exist_ok=True)
    writing = files.run.writing
    with writing(files.preferences) as path:
        write_batches(preference_batches(files.run, found, stage, judge), path, Preference)
    with writing(files.dropped) as path:
        write_batches(dropped_batches(files.run, found), path, Dropped)
    with writing(files.dataset) as path:
        write_splits(files.preferences, SPLITS, path)
    with writing(files.conflicts) as path:
        _write_lines(_conflicts(ids, found), path)
    with writing(files.disputed) as path:
        _write_lines(_disputed(ids, found), path)
    with writing(files.to_label) as path:
        drawn = to_label(found, stage.to_label, seed)
        _write_lines(_tasks(files.run.staged, ids, drawn), path)


def _conflicts(ids: Sequence[str], found: Curated) -> Iterator[dict[str, Any]]:
    """Pairs of which people and judge name different sides."""
    for number in np.flatnonzero(found.merged.conflict).tolist():
        yield _voted(ids, found, number) | {
            "judge": "a" if found.told.side[number] > 0 else "b",
            "p_a": round(float(found.told.p_a[number]), 4),
        }


def _disputed(ids: Sequence[str], found: Curated) -> Iterator[dict[str, Any]]:
    """Pairs on which people strongly disagree: a flag for reading, they stay in every test."""
    for number in np.flatnonzero(found.labelled.votes.disputed).tolist():
        yield _voted(ids, found, number)


def _voted(ids: Sequence[str], found: Curated, number: int) -> dict[str, Any]:
    votes = found.labelled.votes
    counts = {"a": votes.a, "b": votes.b, "tie": votes.ties}
    told = {name: int(count[number]) for name, count in counts.items()}
    return {"id": ids[number], "votes": told}


def to_label(found: Curated, count: int, seed: int) -> dict[int, DrawnBy]:
    """Row numbers for people to label next: half at random, half where the judge is least sure.

    Only pairs that nobody labelled and no filter drops. The random half comes first, so that it
    stands for the whole pool; `informative` pairs join the dataset but never calibrate or test.
    """
    # Labels that hold by construction are nobody's answer.
    asked = (found.labelled.votes.n > 0) & (found.labelled.kind == "human")
    free = np.flatnonzero(~asked & (found.dropped_by_filter == None))  # noqa: E711
    rng = np.random.default_rng(int(digest("to_label", seed)[:16], 16))
    drawn = rng.permutation(free)[: (count + 1) // 2]
    rest = np.setdiff1d(free, drawn)
    doubt = np.abs(np.nan_to_num(found.told.p_a[rest], nan=0.5) - 0.5)
    unsure = rest[np.argsort(doubt, kind="stable")][: count // 2]
    made: dict[int, DrawnBy] = dict.fromkeys(map(int, drawn), "random")
    return made | dict.fromkeys(map(int, unsure), "informative")


def _tasks(staged: Path, ids: Sequence[str], drawn: dict[int, DrawnBy]) -> Iterator[dict[str, Any]]:
    for number in sorted(drawn):
        row = staged_pair(staged, ids[number])
        assert row is not None, "every verdict has its row"
        yield task(row, drawn[number])


def task(row: LabelledComparison, drawn_by: DrawnBy) -> dict[str, Any]:
    """A pair as an input row, with how it was drawn."""
    pair = row.comparison
    return {
        "id": pair.id,
        "prompt": [message.model_dump() for message in pair.prompt],
        "response_a": pair.a.text,
        "response_b": pair.b.text,
        "domain": pair.domain,
        "drawn_by": drawn_by,
    }


def _write_lines(lines: Iterator[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
