"""Planted pairs with a known better side, and where they are looked for after a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.exchange.parquet import read_parquet
from rlaif.pipelines.artifacts import RunFolder
from rlaif.records import Preference

COUNT = 40
GOOD, BAD = "PLANTED-BETTER", "PLANTED-WORSE"


@dataclass(frozen=True)
class Finding:
    """One thing that was counted, and what it should come to."""

    what: str
    found: int
    expected: int

    @property
    def fine(self) -> bool:
        """Whether it does."""
        return self.found == self.expected


def planted_pairs() -> Iterator[dict[str, Any]]:
    """Input rows whose better response says so, half of them on side a."""
    for number in range(COUNT):
        good, bad = f"{GOOD} answer {number}", f"{BAD} reply {number} of some other length"
        first = number % 2 == 0
        yield {
            "id": f"planted-{number}",
            "prompt": f"Planted question number {number}: {'word ' * (number % 7)}what is it?",
            "response_a": good if first else bad,
            "response_b": bad if first else good,
            "label": "a" if first else "b",
        }


def compare_exports(
    pairs: list[dict[str, Any]], folder: RunFolder, exports: Path
) -> Iterator[Finding]:
    """Every file a planted pair ends in must have all of them, the better one chosen."""
    expected = len(pairs)
    lines = [json.loads(line) for line in folder.verdict_lines.read_text("utf-8").splitlines()]
    label = {pair["id"]: pair["label"] for pair in pairs}
    right = sum(line["winner"] == label[line["id"]] for line in lines)
    yield Finding("planted: verdicts.jsonl", right, expected)
    for name, path in (
        ("preferences.parquet", folder.preferences),
        ("curated/preferences.parquet", folder.curated / folder.preferences.name),
    ):
        chosen = sum(
            GOOD in row.chosen.text and BAD in row.rejected.text and row.p > 0.5
            for row in read_parquet(path, Preference)
        )
        yield Finding(f"planted: {name}", chosen, expected)
    for name, rows in _loaded(folder):
        yield Finding(f"planted: {name}", sum(map(_is_right, rows)), expected)
    for path in sorted(exports.iterdir()):
        rows = list(_exported(path))
        unpaired = bool(rows) and "chosen" not in rows[0]
        yield Finding(
            f"planted: export {path.name}",
            sum(map(_is_right, rows)),
            2 * expected if unpaired else expected,
        )


def _loaded(folder: RunFolder) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    import datasets

    yield "dataset/", list(datasets.load_from_disk(str(folder.dataset)))
    splits = datasets.load_from_disk(str(folder.curated / folder.dataset.name))
    yield "curated/dataset/", [row for rows in splits.values() for row in rows]


def _exported(folder: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for path in sorted(folder.iterdir()):
        if path.suffix == ".jsonl":
            yield from map(json.loads, path.read_text("utf-8").splitlines())
        else:
            yield from pq.read_table(path).to_pylist()


def _is_right(row: dict[str, Any]) -> bool:
    """Whether a row of any format says what was planted."""
    if "chosen" not in row:  # unpaired: completion and label
        text = json.dumps(row["completion"])
        return (GOOD in text) == bool(row["label"]) and (BAD in text) != bool(row["label"])
    chosen, rejected = json.dumps(row["chosen"]), json.dumps(row["rejected"])
    return GOOD in chosen and BAD in rejected and BAD not in chosen and GOOD not in rejected
