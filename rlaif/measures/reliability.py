"""How far annotators agree with each other: percent, Cohen, Fleiss, Krippendorff, each with n.

found = reliability(collect_ratings(labels, prompts))
found.alpha.value, found.low         # .475, ("Krippendorff alpha", "Fleiss kappa")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlaif.errors import MissingExtra
from rlaif.measures.intervals import Estimate
from rlaif.measures.ratings import Ratings, clustered_statistic, collect_ratings
from rlaif.records import HumanLabel

LOW = 0.6
"""A kappa or alpha under this is flagged: labels that people do not agree on teach little."""
MIN_SHARED = 20
"""Two raters need as many comparisons in common for a kappa of their own."""
MAX_COHEN = 10
"""Of more pairs of raters, those with most comparisons in common are given."""


@dataclass(frozen=True, slots=True)
class CohenKappa:
    """Two named annotators over the comparisons that both answered."""

    first: str
    second: str
    kappa: Estimate


@dataclass(frozen=True, slots=True)
class Reliability:
    """Agreement between annotators, intervals clustered by prompt; NaN where nothing can be said.

    Only comparisons with two votes and more take part.
    """

    items: int
    """Comparisons with two votes and more."""
    single: int
    """Comparisons with one vote, which say nothing here."""
    raters: int
    """Named annotators."""
    percent: Estimate
    """Share of vote pairs that agree; n is vote pairs. A tie agrees with a tie only."""
    percent_no_ties: Estimate
    """The same where neither vote is a tie."""
    alpha: Estimate
    """Krippendorff's alpha, nominal; takes any number of votes an item."""
    alpha_ordinal: Estimate
    """The same with a tie halfway between a and b."""
    fleiss: Estimate
    """Fleiss' kappa over the items that have exactly `fleiss_votes` votes."""
    fleiss_votes: int
    """The number of votes most items have; Fleiss' kappa needs the same for all."""
    fleiss_left_out: int
    """Items with another number of votes (two and more)."""
    cohen: tuple[CohenKappa, ...]
    """Pairs of annotators with at least 20 comparisons in common, at most ten of them."""

    @property
    def low(self) -> tuple[str, ...]:
        """The kappas and alphas under .6."""
        named = {
            "Krippendorff alpha": self.alpha,
            "Krippendorff alpha, ordinal": self.alpha_ordinal,
            "Fleiss kappa": self.fleiss,
            **{f"Cohen kappa {c.first} x {c.second}": c.kappa for c in self.cohen},
        }
        return tuple(name for name, estimate in named.items() if estimate.value < LOW)


def reliability(ratings: Ratings, *, seed: int = 0) -> Reliability:
    """All figures of one set of labels. Raises MissingExtra without the extra `curate`."""
    table = ratings.table
    votes = table.sum(axis=1)
    several = np.flatnonzero(votes >= 2)
    counts, cluster = table[several], ratings.cluster[several]
    usual = _usual(votes[several])
    equal = votes[several] == usual

    def figure(
        statistic: Callable[[NDArray[np.intp]], float],
        rows: NDArray[np.intp],
        clusters: NDArray[np.intp],
        n: int | None = None,
        least: float = -1,
    ) -> Estimate:
        return clustered_statistic(
            lambda chosen: statistic(rows[chosen]), clusters, n=n, seed=seed, limits=(least, 1)
        )

    sided = counts[:, [0, 2]]
    return Reliability(
        items=len(several),
        single=int((votes == 1).sum()),
        raters=len(ratings.raters),
        percent=figure(_percent, counts, cluster, _pairs(counts), 0),
        percent_no_ties=figure(_percent, sided, cluster, _pairs(sided), 0),
        alpha=figure(lambda rows: _alpha(rows, "nominal"), counts, cluster),
        alpha_ordinal=figure(lambda rows: _alpha(rows, "ordinal"), counts, cluster),
        fleiss=figure(_fleiss, counts[equal], cluster[equal]),
        fleiss_votes=usual,
        fleiss_left_out=int((~equal).sum()),
        cohen=tuple(
            CohenKappa(
                ratings.raters[one],
                ratings.raters[other],
                figure(_cohen, answers, ratings.cluster[items]),
            )
            for one, other, items, answers in _shared(ratings)
        ),
    )


def reliability_by_group(
    labels: Iterable[HumanLabel], prompts: Mapping[str, str], *, seed: int = 0
) -> dict[str, Reliability]:
    """The same within each group of annotators (`HumanLabel.group`); without group: none."""
    groups: dict[str, list[HumanLabel]] = {}
    for label in labels:
        if label.group is not None:
            groups.setdefault(label.group, []).append(label)
    return {
        group: reliability(collect_ratings(groups[group], prompts), seed=seed)
        for group in sorted(groups)
    }


def _usual(votes: NDArray[np.intp]) -> int:
    """The number of votes most items have, of equals the larger; 0 without items."""
    counts = np.bincount(votes)
    return int(np.flatnonzero(counts == counts.max())[-1]) if len(votes) else 0


def _pairs(counts: NDArray[np.intp]) -> int:
    votes = counts.sum(axis=1)
    return int((votes * (votes - 1)).sum() // 2)


def _percent(counts: NDArray[np.intp]) -> float:
    agreeing = int((counts * (counts - 1)).sum() // 2)
    pairs = _pairs(counts)
    return agreeing / pairs if pairs else float("nan")


def _alpha(counts: NDArray[np.intp], level: Literal["nominal", "ordinal"]) -> float:
    try:
        import krippendorff
    except ImportError:
        raise MissingExtra("krippendorff", "curate", "inter-annotator agreement") from None

    if not len(counts):
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):  # all answers alike: undefined
        return float(krippendorff.alpha(value_counts=counts, level_of_measurement=level))


def _fleiss(counts: NDArray[np.intp]) -> float:
    try:
        from statsmodels.stats.inter_rater import fleiss_kappa
    except ImportError:
        raise MissingExtra("statsmodels", "curate", "inter-annotator agreement") from None

    if not len(counts):
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(fleiss_kappa(counts))


def _cohen(answers: NDArray[np.intp]) -> float:
    """Cohen's kappa of two columns of answers, shape (items, 2)."""
    try:
        from statsmodels.stats.inter_rater import cohens_kappa
    except ImportError:
        raise MissingExtra("statsmodels", "curate", "inter-annotator agreement") from None

    table = np.bincount(answers[:, 0] * 3 + answers[:, 1], minlength=9).reshape(3, 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(cohens_kappa(table, return_results=False))


def _shared(
    ratings: Ratings,
) -> list[tuple[int, int, NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of raters with enough items in common: the two, the items, their answers (n, 2)."""
    answers: dict[int, dict[int, int]] = {}
    for item, rater, value in zip(ratings.item, ratings.rater, ratings.value, strict=True):
        if rater >= 0:
            answers.setdefault(int(item), {})[int(rater)] = int(value)
    together: Counter[tuple[int, int]] = Counter()
    for given in answers.values():
        together.update(combinations(sorted(given), 2))
    found = []
    for (one, other), shared in together.most_common(MAX_COHEN):
        if shared >= MIN_SHARED:
            items = [item for item, given in answers.items() if one in given and other in given]
            both = [(answers[item][one], answers[item][other]) for item in items]
            found.append((one, other, np.array(items, np.intp), np.array(both, np.intp)))
    return found
