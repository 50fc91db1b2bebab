"""How many independent votes a panel is worth: members that err together count less.

The errors of m members on the same comparisons, 1 where a member goes against people and 0 where
it does not, have a mean correlation rho over the pairs of members (phi, Pearson's of two 0/1
columns). The variance of the mean of m equally correlated votes is (1 + (m - 1) rho) / m of one's,
so they are worth

    m / (1 + (m - 1) rho)

votes that err independently (the design effect of Kish, Survey Sampling, 1965, section 5.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlaif.measures.intervals import Estimate
from rlaif.measures.ratings import clustered_statistic


@dataclass(frozen=True, slots=True)
class PanelFigures:
    """Members of a panel beside each other, over the comparisons that all of them decided."""

    members: tuple[str, ...]
    accuracy: tuple[float, ...]
    """Of each member, in the order of `members`."""
    correlation: tuple[tuple[float, ...], ...]
    """Of the errors of each two members; NaN where one of them always or never errs."""
    mean_correlation: Estimate
    effective_votes: Estimate
    """Between 1 and the number of members: a negative mean correlation counts as none."""


def panel_figures(
    members: tuple[str, ...], errors: ArrayLike, clusters: ArrayLike, *, seed: int = 0
) -> PanelFigures:
    """`errors` has shape (n, members), 0 or 1 (a tie of the member .5); `clusters` (n,)."""
    table = np.asarray(errors, dtype=float)
    if table.ndim != 2 or table.shape[1] != len(members) or len(members) < 2:
        raise ValueError(f"errors must have shape (n, {len(members)}), not {table.shape}")
    groups = np.asarray(clusters)

    def rho(rows: NDArray[np.intp]) -> float:
        return _mean_correlation(_correlations(table[rows]))

    def votes(rows: NDArray[np.intp]) -> float:
        return effective_votes(len(members), rho(rows))

    return PanelFigures(
        members=members,
        accuracy=tuple(float(1 - x) for x in table.mean(axis=0)) if len(table) else (),
        correlation=tuple(tuple(float(x) for x in row) for row in _correlations(table)),
        mean_correlation=clustered_statistic(rho, groups, seed=seed),
        effective_votes=clustered_statistic(votes, groups, seed=seed, limits=(1, len(members))),
    )


def effective_votes(members: int, rho: float) -> float:
    """m / (1 + (m - 1) rho), rho cut to [0, 1]; NaN for a rho of NaN."""
    return float(members / (1 + (members - 1) * np.clip(rho, 0.0, 1.0)))


def _correlations(table: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(table) < 2:
        return np.full((table.shape[1],) * 2, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):  # who never errs has no correlation
        return np.asarray(np.corrcoef(table, rowvar=False))


def _mean_correlation(matrix: NDArray[np.float64]) -> float:
    """Over the pairs of members that have one; NaN where no pair has."""
    values = [matrix[one, other] for one, other in combinations(range(len(matrix)), 2)]
    there = [value for value in values if np.isfinite(value)]
    return float(np.mean(there)) if there else float("nan")
