"""What a cascade cost beside asking its last, dearest judge about every pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def cascade_cost(judgements: Path, stages: Sequence[str], pairs: int) -> dict[str, Any]:
    """USD by stage, together, and what the last stage's judge alone would have cost.

    `stages` are the fingerprints of the judges in order, `pairs` all comparisons. The last judge's
    price of a pair is its mean over those it judged, which the stages before found hard. None where
    a price is unknown or it judged nothing.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(judgements, columns=["judge", "comparison", "cost_usd"])
    spent, judged = [], []
    for judge in stages:
        mine = table.filter(pc.field("judge") == judge)
        unknown = mine["cost_usd"].null_count > 0
        spent.append(None if unknown else float(pc.sum(mine["cost_usd"]).as_py() or 0.0))
        judged.append(len(pc.unique(mine["comparison"])))
    known = [cost for cost in spent if cost is not None]
    together = sum(known) if len(known) == len(spent) else None
    alone = spent[-1] / judged[-1] * pairs if spent[-1] is not None and judged[-1] else None
    return {
        "stages": [
            {"judge": judge, "pairs": n, "usd": usd}
            for judge, n, usd in zip(stages, judged, spent, strict=True)
        ],
        "usd": together,
        "last_judge_alone_usd": alone,
        "share": together / alone if together is not None and alone else None,
    }
