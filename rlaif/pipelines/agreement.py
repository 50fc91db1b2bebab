"""How a judge's verdicts agree with the labels that an input brings, beside "longer wins"."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rlaif.measures.intervals import Estimate, clustered_mean
from rlaif.records import Label, LabelledComparison, Named, Verdict

_NAN = float("nan")


@dataclass
class Agreement:
    """Collects one labelled comparison at a time, 8 bytes a figure; ties as in `score`."""

    clusters: array[int] = field(default_factory=lambda: array("Q"))
    one_order: array[float] = field(default_factory=lambda: array("d"))
    both_orders: array[float] = field(default_factory=lambda: array("d"))
    longer: array[float] = field(default_factory=lambda: array("d"))
    confidence: array[float] = field(default_factory=lambda: array("d"))
    consistent: array[int] = field(default_factory=lambda: array("b"))
    consistent_debiased: array[int] = field(default_factory=lambda: array("b"))
    label_ties: int = 0

    def add(self, row: LabelledComparison, verdict: Verdict) -> None:
        """Take in one verdict; rows without label, or with a tie as label, are not scored."""
        if row.label == "tie":
            self.label_ties += 1
        if row.label not in ("a", "b"):
            return
        comparison, label = row.comparison, row.label
        self.clusters.append(int(comparison.prompt_key[:16], 16))
        ab, ba = _side(verdict.named_ab, False), _side(verdict.named_ba, True)
        self.one_order.append((score(ab, label) + score(ba, label)) / 2)
        self.both_orders.append(score(verdict.winner, label))
        gap = len(comparison.a.text) - len(comparison.b.text)
        self.longer.append(0.5 if gap == 0 else float((gap > 0) == (label == "a")))
        self.confidence.append(_NAN if verdict.log_odds is None else abs(verdict.log_odds))
        self.consistent.append(verdict.consistent)
        self.consistent_debiased.append(verdict.consistent_debiased)

    def __len__(self) -> int:
        return len(self.clusters)

    def figures(self) -> dict[str, Estimate]:
        """Agreement by way of asking, each with its interval; NaN confidence never counts."""
        confidence = np.asarray(self.confidence)
        judged = np.isfinite(confidence)
        half = np.nanmedian(confidence) if judged.any() else _NAN
        everything = np.ones(len(self), dtype=bool)
        both = self.both_orders
        return {
            "one order": self._mean(self.one_order, everything),
            "both orders": self._mean(both, everything),
            "consistent": self._mean(both, np.asarray(self.consistent, dtype=bool)),
            "consistent, bias removed": self._mean(
                both, np.asarray(self.consistent_debiased, dtype=bool)
            ),
            "top half by confidence": self._mean(both, judged & (confidence >= half)),
            "longer wins": self._mean(self.longer, everything),
        }

    def _mean(self, values: array[float], where: NDArray[np.bool_]) -> Estimate:
        return clustered_mean(np.asarray(values)[where], np.asarray(self.clusters)[where])


def score(named: Label | None, label: Label) -> float:
    """1 where the sides match, .5 where exactly one of the two is a tie, else 0; none is wrong."""
    if named is None:
        return 0.0
    if named == label:
        return 1.0
    return 0.5 if "tie" in (named, label) else 0.0


def _side(named: Named | None, swapped: bool) -> Label | None:
    if named is None or named == "tie":
        return named
    return "a" if (named == "A") != swapped else "b"
