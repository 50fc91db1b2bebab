"""What a calibrator may look at, as columns that change sign when the responses are exchanged.

A linear model of such columns without intercept gives p(swapped) = 1 - p whatever its coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


@dataclass(frozen=True)
class Features:
    """What is known of n comparisons beside the log-odds; ValueError where lengths differ."""

    consistent: Floats
    """(n,) whether both orders agree."""
    spread: Floats
    """(n,) standard deviation of the log-odds over principles and judges; 0 for one."""
    length_gap: Floats
    """(n,) log length of a minus log length of b."""
    parts: Floats | None = None
    """(n, k) log-odds by judge and principle; NaN where one was not asked."""
    names: tuple[str, ...] = ()
    """(k,) judge and principle of each column of `parts`."""

    def __post_init__(self) -> None:
        n, k = len(self.consistent), len(self.names)
        for name, values in (("spread", self.spread), ("length_gap", self.length_gap)):
            if np.shape(values) != (n,):
                raise ValueError(f"{name} has shape {np.shape(values)} for {n} comparisons")
        if self.parts is not None and self.parts.shape != (n, k):
            raise ValueError(f"parts has shape {self.parts.shape}, not ({n}, {k} names)")

    def take(self, rows: NDArray[Any]) -> Features:
        """The features of some rows, by number or mask."""
        return Features(
            np.asarray(self.consistent)[rows],
            np.asarray(self.spread)[rows],
            np.asarray(self.length_gap)[rows],
            None if self.parts is None else self.parts[rows],
            self.names,
        )

    def swapped(self) -> Features:
        """The same comparisons with a and b exchanged."""
        parts = None if self.parts is None else -self.parts
        return Features(self.consistent, self.spread, -self.length_gap, parts, self.names)


def feature_columns(log_odds: Floats, features: Features) -> dict[str, Floats]:
    """Log-odds, the same where consistent, the same times the spread, and the length gap."""
    return {
        "log_odds": log_odds,
        "log_odds x consistent": log_odds * np.asarray(features.consistent, dtype=float),
        "log_odds x spread": log_odds * np.asarray(features.spread, dtype=float),
        "length_gap": np.asarray(features.length_gap, dtype=float),
    }


def part_columns(log_odds: Floats, features: Features) -> dict[str, Floats]:
    """Log-odds, then each part's share of the mean over the parts that were asked."""
    columns = {"log_odds": log_odds}
    if features.parts is not None:
        there = ~np.isnan(features.parts)
        asked = np.maximum(there.sum(axis=1), 1)
        for number, name in enumerate(features.names):
            part = np.where(there[:, number], features.parts[:, number], 0.0).astype(float)
            columns[name] = part / asked
    return columns
