"""Two judges on the same comparisons: is one better, or is it noise?

test = paired_test(scores_of_one, scores_of_the_other, prompts)
test.difference, test.p            # .041 [.012, .070] (n 558), .008
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rlaif.measures.intervals import (
    MIN_BOOTSTRAP,
    MIN_CLUSTERS,
    Estimate,
    cluster_error,
    clustered_mean,
    resampled_means,
)


@dataclass(frozen=True, slots=True)
class PairedTest:
    """The mean difference of paired scores, and how likely chance alone makes one as large."""

    difference: Estimate
    """First minus second."""
    p: float | None
    """Two-sided; None where there are too few clusters for an interval."""


def paired_test(
    first: ArrayLike, second: ArrayLike, clusters: ArrayLike, *, seed: int = 0
) -> PairedTest:
    """Compare scores of the same cases, shape (n,) each, clustered as `clustered_mean` has it.

    From 50 clusters p inverts the percentile bootstrap: twice the smaller share of resampled means
    on either side of 0, one draw added (Davison and Hinkley 1997, 4.2.5), so that p < .05 says what
    the interval says. From 20 on it is a t-test on the cluster-robust standard error.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"paired scores must have one shape (n,), not {one.shape}, {other.shape}")
    gap = one - other
    difference = clustered_mean(gap, clusters, seed=seed, bounds=None)
    if difference.clusters < MIN_CLUSTERS:
        return PairedTest(difference, None)
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    sums, counts = np.bincount(index, weights=gap), np.bincount(index).astype(float)
    if difference.clusters < MIN_BOOTSTRAP:
        return PairedTest(difference, _t_test(difference, cluster_error(sums, counts)))
    means = resampled_means(sums, counts, seed)
    tail = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return PairedTest(difference, min(1.0, 2 * (tail + 1) / (len(means) + 1)))


def _t_test(difference: Estimate, error: float) -> float:
    from scipy.stats import t

    if error == 0:
        return 1.0 if difference.value == 0 else 0.0
    return float(2 * t.sf(abs(difference.value) / error, difference.clusters - 1))


def holm(p: Sequence[float]) -> list[float]:
    """p-values of several tests, adjusted together so that one false alarm in all is as rare.

    Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).
    """
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p) else steps
    return [float(value) for value in adjusted]
