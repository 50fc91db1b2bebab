"""Selection with a promise: of the pairs kept, at most a share alpha goes against the humans.

Fixed-sequence testing (Jung, Brahman and Choi, arXiv 2407.18370) with what its code gets wrong
mended: nothing is kept when nothing passes, and one pair of a prompt is tested. Thresholds run from
strict to loose and are fixed by the unlabelled pool; at each, k of the n labels kept disagree, and

    R+ = sup{r : P(Bin(n, r) <= k) >= delta}

is the exact upper bound of the risk (Clopper and Pearson). The walk stops at the first R+ > alpha
and the last threshold that passed is kept. The promise is broken only if the first threshold whose
true risk exceeds alpha passes, which happens with probability at most delta, whatever the shape of
the risk. It holds for labels drawn at random from the pool, by prompt, that shaped no confidence.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS = 20
"""Thresholds in the grid: fewer lose coverage, more add little (3 to 100 tried on 100 to 3,000)."""
START, START_POWER = 1.4, 2 / 3
"""The walk starts where 1.4 n^(2/3) of the n labels are expected to be kept: 30 of 100, 63 of 300,
88 of 500. Fewer leave no room for one disagreement, more throw the most certain pairs in with the
rest; near this the walk accepted most often for n of 50 to 3,000 and alpha of .1 to .3."""


@dataclass(frozen=True, slots=True)
class Step:
    """One threshold tried: `k` of the `n` labels with confidence >= `threshold` disagree."""

    threshold: float
    n: int
    k: int
    bound: float
    """R+, the upper bound of the risk at confidence 1 - delta."""
    coverage: float
    """Share of the pool that the threshold keeps."""


@dataclass(frozen=True, slots=True)
class Walk:
    """All steps taken, the failed one included, and where the walk ended."""

    alpha: float
    delta: float
    n: int
    """Labels tested: one a prompt."""
    threshold: float | None
    """Keep where confidence >= it; None keeps nothing."""
    steps: tuple[Step, ...]

    @property
    def coverage(self) -> float:
        """Share of the pool kept."""
        return max((s.coverage for s in self.steps if s.threshold == self.threshold), default=0.0)

    @property
    def reason(self) -> str | None:
        """Why nothing is kept; None where something is."""
        if self.threshold is not None:
            return None
        least = labels_needed(self.alpha, self.delta)
        if not self.steps:
            return f"no labels or no pool to test on (at least {least} labels are needed)"
        first = self.steps[0]
        return (
            f"{first.k} of the {first.n} surest labels disagree, so the risk may be"
            f" {first.bound:.3f}, over alpha {self.alpha:g} (without a disagreement {least} labels"
            " kept would do)"
        )


@dataclass(frozen=True)
class Stage:
    """One stage of a cascade: its own labels and its own pool, as for `select`."""

    confidence: ArrayLike
    agrees: ArrayLike
    pool_confidence: ArrayLike
    groups: Iterable[Hashable] | None = None


def select(
    confidence: ArrayLike,
    agrees: ArrayLike,
    pool_confidence: ArrayLike,
    alpha: float,
    delta: float,
    groups: Iterable[Hashable] | None = None,
    *,
    seed: int = 0,
) -> float | None:
    """The threshold under the promise: keep where confidence >= it; None keeps nothing.

    `confidence` (n,) and `agrees` (n,) of 0 and 1 are of labelled pairs; a human tie disagrees.
    `pool_confidence` (m,) is of the pool to select from, labels aside. `groups` (n,) names the
    prompt of each label: one pair of each is drawn by `seed`, since pairs of a prompt are not
    independent. NaN is no confidence and is never kept. With probability at least 1 - `delta` at
    most a share `alpha` of the pool kept disagrees (where prompts have unequal numbers of pairs,
    of the pairs weighted by prompt). Raises ValueError for values or shapes that mean nothing.
    """
    walked = walk(confidence, agrees, pool_confidence, alpha, delta, groups, seed=seed)
    return walked.threshold


def walk(
    confidence: ArrayLike,
    agrees: ArrayLike,
    pool_confidence: ArrayLike,
    alpha: float,
    delta: float,
    groups: Iterable[Hashable] | None = None,
    *,
    seed: int = 0,
) -> Walk:
    """`select` with every step it took, for the report."""
    _check_share("alpha", alpha)
    _check_share("delta", delta)
    pool = _floats("pool_confidence", pool_confidence)
    sure, right = _labels(confidence, agrees)
    if groups is not None:
        drawn = one_per_group(sure, right, groups, seed=seed)
        sure, right = sure[drawn], right[drawn]
    steps: list[Step] = []
    threshold = None
    for candidate in grid(pool, len(sure)):
        step = _step(candidate, sure, right, pool, delta)
        steps.append(step)
        if step.bound > alpha:
            break
        threshold = candidate
    return Walk(alpha, delta, len(sure), threshold, tuple(steps))


def walk_cascade(
    stages: Sequence[Stage], alpha: float, delta: float, *, seed: int = 0
) -> tuple[Walk, ...]:
    """One walk a stage at delta / M, so that all M promises hold together with 1 - `delta`.

    A stage's pool and labels are the pairs that the stages before left to it, and what they left
    must not depend on these labels. Raises ValueError as `select` does.
    """
    _check_share("delta", delta)
    return tuple(
        walk(
            stage.confidence,
            stage.agrees,
            stage.pool_confidence,
            alpha,
            delta / len(stages),
            stage.groups,
            seed=seed,
        )
        for stage in stages
    )


def grid(pool: NDArray[Any], n: int) -> list[float]:
    """Thresholds from strict to loose, of the pool's confidences (m,) and the count n of labels.

    Each is a value of the pool, so that ties stand or fall together. NaN takes its share of the
    pool and is never a threshold.
    """
    usable = np.sort(pool[~np.isnan(pool)])[::-1]
    if n == 0 or len(usable) == 0:
        return []
    start = min(START * n**START_POWER / n, 1.0)
    kept = np.rint(np.linspace(start, 1.0, STEPS) * len(pool)).astype(int)
    values = usable[np.clip(kept, 1, len(usable)) - 1]
    return [float(value) for value in np.unique(values)[::-1]]


def upper_bound(k: int, n: int, delta: float) -> float:
    """sup{r : P(Bin(n, r) <= k) >= delta}: 1 where k = n, so also of nothing."""
    from scipy.special import betaincinv

    return 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - delta))


def labels_needed(alpha: float, delta: float) -> int:
    """The fewest labels kept that can pass: without a disagreement (1 - alpha)^n <= delta."""
    return math.ceil(math.log(delta) / math.log1p(-alpha))


def one_per_group(
    confidence: NDArray[Any], agrees: NDArray[Any], groups: Iterable[Hashable], *, seed: int = 0
) -> NDArray[np.intp]:
    """Row numbers of one label a group, each row of a group equally likely.

    Groups and their rows are put in order by content, so the labels drawn depend neither on the
    order of the rows nor on how groups are named. Raises ValueError unless groups has shape (n,).
    """
    names = list(groups)
    if len(names) != len(confidence):
        raise ValueError(f"groups has {len(names)} values for {len(confidence)} labels")
    nan = np.isnan(confidence)
    content = np.vstack([nan, np.where(nan, 0.0, confidence), agrees])
    _, rank = np.unique(content, axis=1, return_inverse=True)
    rank = rank.ravel()
    members: dict[Hashable, list[int]] = defaultdict(list)
    for row in np.argsort(rank, kind="stable").tolist():
        members[names[row]].append(row)
    ordered = sorted(members.values(), key=lambda rows: [int(rank[row]) for row in rows])
    luck = np.random.default_rng(seed).random(len(ordered))
    return np.array(
        [rows[int(u * len(rows))] for rows, u in zip(ordered, luck, strict=True)], dtype=np.intp
    )


def _step(
    threshold: float, sure: NDArray[Any], right: NDArray[Any], pool: NDArray[Any], delta: float
) -> Step:
    kept = sure >= threshold
    n, k = int(kept.sum()), int((kept & ~right).sum())
    coverage = float((pool >= threshold).mean())
    return Step(threshold, n, k, upper_bound(k, n, delta), coverage)


def _labels(confidence: ArrayLike, agrees: ArrayLike) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    sure, right = _floats("confidence", confidence), _floats("agrees", agrees)
    if sure.shape != right.shape:
        raise ValueError(f"confidence has {len(sure)} values and agrees {len(right)}")
    if not np.isin(right, (0.0, 1.0)).all():
        raise ValueError("agrees must be 0 or 1 for every label (a human tie is 0)")
    return sure, right == 1.0


def _floats(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not shape {array.shape}")
    return array


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value!r}")
