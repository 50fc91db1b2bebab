"""What people said of each comparison: their labels folded into votes.

people = fold_labels(labels, quorum=2)
people.majority                       # a, b or tie for each labelled comparison
people.rows(verdict_ids)              # where each verdict's votes stand, -1 without any
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlaif.records import HumanLabel

_COLUMN = {"a": 0, "b": 1, "tie": 2}


@dataclass(frozen=True, slots=True)
class People:
    """The votes on n comparisons, in the order in which they were first labelled."""

    ids: tuple[str, ...]
    """The comparisons, each once."""
    votes: NDArray[np.int64]
    """Votes for a, for b and for a tie: shape (n, 3)."""
    random: NDArray[np.bool_]
    """Whether all labels of the comparison were drawn at random: only these calibrate and test."""
    annotators: tuple[tuple[str, ...], ...]
    """Who voted, where the labels say it."""
    dropped: dict[str, int]
    """Comparisons left out, by reason."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n(self) -> NDArray[np.int64]:
        """Votes on each comparison, shape (n,)."""
        return np.asarray(self.votes.sum(axis=1))

    @property
    def share_a(self) -> NDArray[np.float64]:
        """Share of the votes for a, a tie counting half, shape (n,)."""
        return np.asarray((self.votes[:, 0] + self.votes[:, 2] / 2) / self.n)

    @property
    def majority(self) -> NDArray[np.str_]:
        """`a`, `b` or `tie`: what got more votes than either other answer, else `tie`."""
        a, b, tie = self.votes.T
        leads = [a > np.maximum(b, tie), b > np.maximum(a, tie)]
        return np.select(leads, ["a", "b"], default="tie")

    @property
    def strong_disagreement(self) -> NDArray[np.bool_]:
        """Both sides were named, and one leads by less than a third of all votes, shape (n,).

        So 1:1, 2:2 and 3:2 are flagged, 2:1 and 4:2 are not, nor is a side against ties. A flag
        is for reading: such comparisons stay in every test.
        """
        a, b, _ = self.votes.T
        return np.asarray((np.minimum(a, b) > 0) & (3 * np.abs(a - b) < self.n))

    def rows(self, ids: Iterable[str]) -> NDArray[np.intp]:
        """The row of each comparison of `ids`, -1 where nobody labelled it."""
        place = {name: row for row, name in enumerate(self.ids)}
        return np.fromiter((place.get(name, -1) for name in ids), np.intp)


def fold_labels(labels: Iterable[HumanLabel], *, quorum: int = 1) -> People:
    """The votes of all `labels`, one vote each.

    Comparisons with fewer than `quorum` votes are left out and counted. Raises ValueError where
    the quorum is under 1.
    """
    if quorum < 1:
        raise ValueError(f"the quorum must be at least 1, not {quorum}")
    given: dict[str, list[HumanLabel]] = {}
    for label in labels:
        given.setdefault(label.id, []).append(label)
    enough = {name: votes for name, votes in given.items() if len(votes) >= quorum}
    short = len(given) - len(enough)
    return People(
        ids=tuple(enough),
        votes=np.array([_count(votes) for votes in enough.values()], np.int64).reshape(-1, 3),
        random=np.array([_all_random(votes) for votes in enough.values()], bool),
        annotators=tuple(
            tuple(v.annotator for v in votes if v.annotator is not None)
            for votes in enough.values()
        ),
        dropped={f"under the quorum of {quorum} votes": short} if short else {},
    )


def _count(votes: Sequence[HumanLabel]) -> list[int]:
    counts = Counter(_COLUMN[vote.label] for vote in votes)
    return [counts[column] for column in range(3)]


def _all_random(votes: Sequence[HumanLabel]) -> bool:
    return all(vote.drawn_by == "random" for vote in votes)
