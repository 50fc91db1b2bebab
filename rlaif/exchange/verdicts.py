"""`verdicts.jsonl`: one line a comparison, in the shape other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rlaif.records import Verdict


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


def write_verdicts(verdicts: Iterable[Verdict], path: Path) -> int:
    """Write one line a verdict and return how many."""
    count = 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for verdict in verdicts:
            file.write(verdict_line(verdict) + "\n")
            count += 1
    return count
