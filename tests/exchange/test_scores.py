"""Scores of the responses by criterion, as columns of the input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.exchange.pairs import open_pairs
from rlaif.exchange.rows import BadRow, Notes
from rlaif.records import LabelledComparison

GOOD: dict[str, Any] = {"prompt": "p", "response_a": "x", "response_b": "y"}
A, B = {"right": 1, "clear": 0.25}, {"clear": 0, "right": 0.5}


def jsonl(path: Path, row: dict[str, Any]) -> Path:
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


def as_csv(path: Path, row: dict[str, Any]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        cells = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()}
        writer.writerow(cells)
    return path


def parquet(path: Path, row: dict[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # A table gives every row all criteria, null where a row has none.
    other = {**row, "prompt": "q", "scores_a": {"kind": 1.0}, "scores_b": {"kind": 1.0}}
    pq.write_table(pa.Table.from_pylist([row, other]), path)
    return path


@pytest.mark.parametrize(
    ("write", "name"), [(jsonl, "t.jsonl"), (as_csv, "t.csv"), (parquet, "t.parquet")]
)
def test_scores_are_read_from_every_format(write: Any, name: str, tmp_path: Path) -> None:
    notes = Notes()
    path = write(tmp_path / name, {**GOOD, "scores_a": A, "scores_b": B})
    row, *_ = open_pairs(path, 0, notes)
    assert isinstance(row, LabelledComparison), row
    assert (row.scores_a, row.scores_b) == (A, B)
    assert not notes.ignored


def test_scores_change_no_key(tmp_path: Path) -> None:
    (plain,) = open_pairs(jsonl(tmp_path / "a.jsonl", GOOD), 0)
    (scored,) = open_pairs(jsonl(tmp_path / "b.jsonl", {**GOOD, "scores_a": A, "scores_b": B}), 0)
    assert isinstance(plain, LabelledComparison)
    assert isinstance(scored, LabelledComparison)
    assert plain.comparison == scored.comparison
    assert plain.scores_a is None


@pytest.mark.parametrize(
    ("a", "b", "column", "told"),
    [
        ({"right": 1.5}, {"right": 1}, "scores_a.right", "from 0 to 1, not 1.5"),
        ({"right": -0.1}, {"right": 1}, "scores_a.right", "from 0 to 1, not -0.1"),
        ({"right": 1}, {"right": float("nan")}, "scores_b.right", "not nan"),
        ({"right": True}, {"right": 1}, "scores_a.right", "not True"),
        ({"right": "good"}, {"right": 1}, "scores_a.right", "not 'good'"),
        ({"right": 1}, {"clear": 1}, "scores_b", "has the criteria clear, scores_a has right"),
        ({"right": 1}, None, "scores_b", "has the criteria none, scores_a has right"),
        ([1, 2], [1, 2], "scores_a", "must be an object"),
        ("high", {"right": 1}, "scores_a", "must be an object"),
        (0.5, 0.5, "scores_a", "must be an object"),
    ],
)
def test_what_is_no_score_is_a_bad_row(
    a: Any, b: Any, column: str, told: str, tmp_path: Path
) -> None:
    path = jsonl(tmp_path / "t.jsonl", {**GOOD, "scores_a": a, "scores_b": b})
    (row,) = open_pairs(path, 0)
    assert isinstance(row, BadRow), row
    assert row.column == column
    assert told in row.message
