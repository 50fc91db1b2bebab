"""Prediction-powered means: few human labels and a judge's word on many more, without its bias.

    mean = mean(lam f) over the unlabelled + mean(y - lam f) over the labelled

is unbiased whatever the judge f is worth; lam is tuned so that a useless judge is left out and the
interval is never much wider than that of the labels alone (Angelopoulos, Duchi and Zrnic, PPI++,
arXiv 2311.01453). For a win rate y is the human answer and f the calibrated p; for agreement y says
whether people agreed with the judge and f how sure it was. Labels must be drawn at random.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlaif.measures.intervals import MIN_BOOTSTRAP, MIN_CLUSTERS, Estimate


@dataclass(frozen=True, slots=True)
class PoweredMean:
    """A prediction-powered mean beside what the labels alone say."""

    estimate: Estimate
    """n and clusters are those of the labels."""
    labels_only: Estimate
    """The same interval without the predictions (lam = 0)."""
    lam: float
    """How far predictions are trusted: 0 not at all, 1 as much as labels."""
    unlabelled: int
    variance_ratio: float
    """Variance beside that of the labels alone: .6 is worth 1/.6 times as many labels."""


@dataclass(frozen=True)
class _Clusters:
    """Sums and counts by cluster; (co)variances of means are robust to clusters."""

    index: NDArray[np.intp]
    m: int

    def covariance(self, one: NDArray[Any], other: NDArray[Any]) -> float:
        """Of the means of two columns (n,): sum of products of the clusters' residuals / n^2."""
        n = len(one)
        first = np.bincount(self.index, weights=one - one.mean())
        second = np.bincount(self.index, weights=other - other.mean())
        return float(first @ second) / n**2 * (self.m / (self.m - 1) if self.m > 1 else 1)


def ppi_mean(
    y: ArrayLike,
    f: ArrayLike,
    f_unlabelled: ArrayLike,
    *,
    groups: Iterable[Hashable] | None = None,
    groups_unlabelled: Iterable[Hashable] | None = None,
    level: float = 0.95,
) -> PoweredMean:
    """Mean of `y` over labelled and unlabelled cases alike, with a normal interval.

    `y` (n,) in [0, 1] and its predictions `f` (n,); `f_unlabelled` (N,). `groups` are prompts, for
    variances robust to clusters; each case stands alone without them. As everywhere, no interval
    under 20 labelled clusters and a t-interval under 50. Raises ValueError for shapes, NaN and
    where either side is empty.
    """
    label, told, rest = _column("y", y), _column("f", f), _column("f_unlabelled", f_unlabelled)
    if label.shape != told.shape:
        raise ValueError(f"y has {len(label)} values and f {len(told)}")
    labelled, unlabelled = _clusters(groups, len(label)), _clusters(groups_unlabelled, len(rest))
    noise = labelled.covariance(told, told) + unlabelled.covariance(rest, rest)
    lam = labelled.covariance(label, told) / noise if noise > 0 else 0.0
    lam = min(max(lam, 0.0), 1.0)
    error = label - lam * told
    variance = labelled.covariance(error, error) + lam**2 * unlabelled.covariance(rest, rest)
    alone = labelled.covariance(label, label)
    return PoweredMean(
        _estimate(lam * rest.mean() + error.mean(), variance, len(label), labelled.m, level),
        _estimate(label.mean(), alone, len(label), labelled.m, level),
        lam,
        len(rest),
        variance / alone if alone > 0 else 1.0,
    )


def _estimate(mean: float, variance: float, n: int, m: int, level: float) -> Estimate:
    from scipy.special import ndtri, stdtrit

    value = float(min(max(mean, 0.0), 1.0))
    if m < MIN_CLUSTERS:
        return Estimate(value, n, m)
    tail = (1 + level) / 2
    half = float(stdtrit(m - 1, tail) if m < MIN_BOOTSTRAP else ndtri(tail)) * variance**0.5
    return Estimate(value, n, m, float(max(mean - half, 0.0)), float(min(mean + half, 1.0)))


def _clusters(groups: Iterable[Hashable] | None, n: int) -> _Clusters:
    if groups is None:
        return _Clusters(np.arange(n), n)
    numbers: dict[Hashable, int] = {}
    index = [numbers.setdefault(group, len(numbers)) for group in groups]
    if len(index) != n:
        raise ValueError(f"{len(index)} groups for {n} cases")
    return _Clusters(np.array(index, dtype=np.intp), len(numbers))


def _column(name: str, values: ArrayLike) -> NDArray[Any]:
    column = np.asarray(values, dtype=float)
    if column.ndim != 1 or len(column) == 0:
        raise ValueError(f"{name} must have shape (n,) with n of 1 and more, not {column.shape}")
    if not ((column >= 0) & (column <= 1)).all():
        raise ValueError(f"{name} must lie in [0, 1]")
    return column
