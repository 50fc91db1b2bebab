"""`verdicts.jsonl` and `steps.jsonl`: one line a judged row, in the shape other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rlaif.records import StepLabels, Verdict


def verdict_line(verdict: Verdict) -> str:
    """One JSON object without its line end; ASCII, so that no text can move a terminal.

    `p` is the probability that a beats b; `orders` is the side named in each order as answered,
    A being the first shown.
    """
    return json.dumps(
        {
            "id": verdict.comparison,
            "winner": verdict.winner,
            "p": verdict.p,
            "consistent": verdict.consistent,
            "consistent_debiased": verdict.consistent_debiased,
            "reason": verdict.reason,
            "orders": {"ab": verdict.named_ab, "ba": verdict.named_ba},
        },
        allow_nan=False,
    )


def step_line(labels: StepLabels) -> str:
    """The same for a solution: its first error (from 0, -1 for none) and a label for each step."""
    return json.dumps(
        {
            "id": labels.solution,
            "first_error": labels.first_error,
            "confidence": labels.confidence,
            "reason": labels.reason,
            "labels": labels.labels,
        },
        allow_nan=False,
    )


def write_verdicts(verdicts: Iterable[Verdict], path: Path) -> int:
    """Write one line a verdict and return how many."""
    return _write(map(verdict_line, verdicts), path)


def write_steps(labels: Iterable[StepLabels], path: Path) -> int:
    """Write one line a solution and return how many."""
    return _write(map(step_line, labels), path)


def _write(lines: Iterable[str], path: Path) -> int:
    count = 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")
            count += 1
    return count
