"""Means with intervals that respect clusters: pairs of one prompt are not independent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1000
MIN_BOOTSTRAP = 50
"""Under this many clusters the bootstrap is too short; a cluster t-interval stands in."""
MIN_CLUSTERS = 20
"""Under this many no interval is given."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over n values in a number of clusters; `low` and `high` are None without interval."""

    value: float
    n: int
    clusters: int
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """`.683 [.640, .727] (n 120)`."""
        if self.n == 0:
            return "- (n 0)"
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f" [{_short(self.low)}, {_short(self.high)}]"
        return f"{_short(self.value)}{interval} (n {self.n})"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def clustered_mean(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    seed: int = 0,
    level: float = 0.95,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Estimate:
    """The mean of `values` with an interval from resampling whole clusters.

    `values` and `clusters` have shape (n,). Percentile bootstrap, 1,000 resamples of clusters
    (Cameron, Gelbach and Miller 2008, section III); from 20 to 49 clusters a t-interval on the
    cluster-robust standard error, cut to `bounds` (a proportion's; None for differences); under 20
    none.
    """
    flat = np.asarray(values, dtype=float)
    n = len(flat)
    if n == 0:
        return Estimate(float("nan"), 0, 0)
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(index, weights=flat)
    counts = np.bincount(index).astype(float)
    mean = float(sums.sum() / n)
    m = len(counts)
    if m < MIN_CLUSTERS:
        return Estimate(mean, n, m)
    if m < MIN_BOOTSTRAP:
        half = _t_half_width(sums, counts, mean, level)
        least, most = bounds or (-np.inf, np.inf)
        return Estimate(mean, n, m, max(mean - half, least), min(mean + half, most))
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(m, np.full(m, 1 / m), size=RESAMPLES)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(mean, n, m, float(low), float(high))


def _t_half_width(sums: NDArray[Any], counts: NDArray[Any], mean: float, level: float) -> float:
    """Half width of the cluster-robust t-interval of a mean that is a proportion."""
    from scipy.stats import t

    m = len(counts)
    residuals = sums - mean * counts
    error = np.sqrt(m / (m - 1) * np.square(residuals).sum()) / counts.sum()
    return float(t.ppf((1 + level) / 2, m - 1) * error)
