"""Where a judge and an annotator differ, with what the judge wrote: read from a run's files.

judged = read_judged(run / "verdicts.parquet", run / "judgements.parquet", ids)
judged.disagreeing(answers.of("ann"))       # ids, the surest judge first
judged.reasons(ids[:20])                    # {id: [Reason, ...]}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.errors import ConfigError, InputError
from rlaif.labelling.answers import Answer
from rlaif.records import Label, Order


@dataclass(frozen=True)
class Judged:
    """A judge's verdict on one pair."""

    winner: Label
    p: float
    """P(a beats b) by the judge alone."""


@dataclass(frozen=True)
class Reason:
    """What the judge said in one call."""

    order: Order
    principle: str
    outcome: str
    p_first: float | None
    text: str


@dataclass(frozen=True)
class JudgedPairs:
    """A run's verdicts on the pairs to label, and where its judgements stand."""

    verdicts: Mapping[str, Judged]
    judgements: Path

    def disagreeing(self, given: Mapping[str, Answer]) -> list[str]:
        """The answered pairs where the verdict is another than the label, the surest first."""
        found = [n for n in self.compared(given) if self.verdicts[n].winner != given[n].label]
        return sorted(found, key=lambda name: -abs(self.verdicts[name].p - 0.5))

    def compared(self, given: Mapping[str, Answer]) -> list[str]:
        """The answered pairs that the judge has a verdict on."""
        return [name for name, answer in given.items() if answer.label and name in self.verdicts]

    def reasons(self, names: Collection[str]) -> dict[str, list[Reason]]:
        """The judgements behind these pairs' verdicts, in the order they were written."""
        columns = ["comparison", "order", "principle", "outcome", "p_first", "rationale"]
        found: dict[str, list[Reason]] = {name: [] for name in names}
        for row in _read(self.judgements, columns, names):
            said = Reason(
                order=row["order"],
                principle=row["principle"],
                outcome=row["outcome"],
                p_first=row["p_first"],
                text=row["rationale"],
            )
            found[row["comparison"]].append(said)
        return found


def read_judged(verdicts: Path, judgements: Path, names: Collection[str]) -> JudgedPairs:
    """A run's verdicts on the pairs with these ids.

    Raises ConfigError where a file is missing, InputError where it cannot be read or no pair is
    among the verdicts.
    """
    for path in (verdicts, judgements):
        if not path.is_file():
            raise ConfigError(f"{path}: is missing; --run takes the folder of a finished run")
    rows = _read(verdicts, ["comparison", "winner", "p"], names)
    found = {r["comparison"]: Judged(r["winner"], r["p"]) for r in rows if r["winner"]}
    if not found:
        raise InputError(f"{verdicts}: has no verdict on any of these pairs; is it another run's?")
    return JudgedPairs(found, judgements)


def _read(path: Path, columns: list[str], names: Collection[str]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        wanted = pc.field("comparison").isin(pa.array(list(names), pa.string()))
        rows: list[dict[str, Any]] = pq.read_table(
            path, columns=columns, filters=wanted
        ).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as a run's file: {error}") from None
    return rows
