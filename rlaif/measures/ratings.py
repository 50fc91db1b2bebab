"""Labels of several annotators as arrays, and intervals for figures that are no mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rlaif.measures.intervals import MIN_BOOTSTRAP, MIN_CLUSTERS, RESAMPLES, Estimate
from rlaif.records import HumanLabel

SCALE = {"a": 0, "tie": 1, "b": 2}
"""Answers in order: half the distance of two is 0 (same), .5 (one tie) or 1 (opposite)."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """`votes` answers to `items` comparisons, the comparisons numbered as in `ids`."""

    item: NDArray[np.intp]
    """Which comparison each vote is about, shape (votes,)."""
    rater: NDArray[np.intp]
    """Who gave it, as a place in `raters`; -1 where nobody is named. Shape (votes,)."""
    value: NDArray[np.intp]
    """The answer on `SCALE`, shape (votes,)."""
    cluster: NDArray[np.intp]
    """The prompt of each comparison, shape (items,)."""
    ids: tuple[str, ...]
    raters: tuple[str, ...]

    @property
    def table(self) -> NDArray[np.intp]:
        """Votes for a, tie and b on each comparison, shape (items, 3)."""
        flat = np.bincount(self.item * 3 + self.value, minlength=3 * len(self.ids))
        return flat.reshape(-1, 3)


def collect_ratings(labels: Iterable[HumanLabel], prompts: Mapping[str, str]) -> Ratings:
    """The labels as arrays; `prompts` gives each comparison's prompt (its key) by id."""
    ids: dict[str, int] = {}
    raters: dict[str, int] = {}
    clusters: dict[str, int] = {}
    cluster: list[int] = []
    votes: list[tuple[int, int, int]] = []
    for label in labels:
        item = ids.setdefault(label.id, len(ids))
        if item == len(cluster):
            cluster.append(clusters.setdefault(prompts[label.id], len(clusters)))
        who = -1 if label.annotator is None else raters.setdefault(label.annotator, len(raters))
        votes.append((item, who, SCALE[label.label]))
    item_of, rater, value = np.array(votes, np.intp).reshape(-1, 3).T
    return Ratings(item_of, rater, value, np.array(cluster, np.intp), tuple(ids), tuple(raters))


def clustered_statistic(
    statistic: Callable[[NDArray[np.intp]], float],
    clusters: NDArray[np.intp],
    *,
    n: int | None = None,
    limits: tuple[float, float] = (-1, 1),
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """A figure of whole items with an interval that respects their clusters.

    `statistic` takes the numbers of the items to use (some of 0 ... items - 1, with repeats);
    `clusters` has shape (items,). Conventions of `rlaif.measures.intervals`: percentile bootstrap
    over clusters from 50 of them; from 20 a t-interval on the jackknife's standard error, cut to
    `limits`; under 20 none. Resamples without a value (nobody disagrees) are left out.
    """
    _, index = np.unique(clusters, return_inverse=True)
    m = int(index.max()) + 1 if len(index) else 0
    everything = np.arange(len(index))
    value = statistic(everything)
    size = len(index) if n is None else n
    if m < MIN_CLUSTERS or not np.isfinite(value):
        return Estimate(value, size, m)
    if m < MIN_BOOTSTRAP:
        return _jackknifed(Estimate(value, size, m), statistic, index, limits, level)
    rng = np.random.default_rng(seed)
    values = np.empty(RESAMPLES)
    for number in range(RESAMPLES):  # one at a time: all together would fill memory
        times = np.bincount(rng.integers(m, size=m), minlength=m)
        values[number] = statistic(np.repeat(everything, times[index]))
    low, high = np.quantile(values[np.isfinite(values)], [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, size, m, float(low), float(high))


def _jackknifed(
    estimate: Estimate,
    statistic: Callable[[NDArray[np.intp]], float],
    index: NDArray[np.intp],
    limits: tuple[float, float],
    level: float,
) -> Estimate:
    """A t-interval from the values with one cluster left out each; none where one is missing."""
    from scipy.stats import t

    m, everything = estimate.clusters, np.arange(len(index))
    without = np.array([statistic(everything[index != one]) for one in range(m)])
    if not np.isfinite(without).all():
        return estimate
    variance = (m - 1) / m * np.square(without - without.mean()).sum()
    half = float(t.ppf((1 + level) / 2, m - 1) * np.sqrt(variance))
    low, high = max(estimate.value - half, limits[0]), min(estimate.value + half, limits[1])
    return replace(estimate, low=low, high=high)
