"""Rankings of responses: the worked example, and laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.curation.ranking import Ranked, Scores, borda, combined, connected, ranking, weighted

Pairs = list[tuple[int, int, float]]
KEYS = "abcdefgh"


def ranked(
    n: int,
    pairs: Pairs,
    scores: Sequence[Scores | None] | None = None,
    weights: Mapping[str, float] | None = None,
    alpha: float = 0.6,
    seed: int = 0,
) -> list[Ranked]:
    return ranking(KEYS[:n], pairs, scores or [None] * n, weights or {}, alpha, seed)


def items(found: list[Ranked]) -> list[int]:
    return [one.item for one in found]


@st.composite
def all_judged(draw: st.DrawFn) -> tuple[int, Pairs]:
    n = draw(st.integers(3, 6))
    return n, [(i, j, draw(st.integers(0, 16)) / 16) for i, j in combinations(range(n), 2)]


def test_the_worked_example() -> None:
    finals = [combined(c, b, 0.6) for c, b in ((0.83, 1), (0.68, 0.5), (0.75, 0))]
    assert finals == pytest.approx([0.898, 0.608, 0.450])


def test_the_worked_example_from_pairs_and_scores() -> None:
    scores = [{"right": 0.9, "clear": 0.76}, {"right": 0.7, "clear": 0.66}, {"right": 0.75}]
    scores[2]["clear"] = 0.75
    found = ranked(3, [(0, 1, 0.9), (1, 2, 0.8), (0, 2, 0.7)], scores)
    assert items(found) == [0, 1, 2]
    assert [one.borda for one in found] == [1, 0.5, 0]
    assert [one.criteria for one in found] == pytest.approx([0.83, 0.68, 0.75])
    assert [one.final for one in found] == pytest.approx([0.898, 0.608, 0.450])


def test_weights_choose_and_weigh_the_criteria() -> None:
    scores = {"right": 1.0, "clear": 0.0, "short": 0.5}
    assert weighted(scores, {}) == pytest.approx(0.5)
    assert weighted(scores, {"right": 3, "clear": 1}) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="no score for 'kind'; there are: clear, right, short"):
        weighted(scores, {"kind": 1})


def test_equal_finals_go_by_criteria_then_by_lower_variance_then_by_seed() -> None:
    even = [(i, j, 0.5) for i, j in combinations(range(3), 2)]
    flat, spread = {"x": 0.5, "y": 0.5}, {"x": 0.2, "y": 0.8}
    assert items(ranked(3, even, [spread, flat, {"x": 0.9, "y": 0.9}])) == [2, 1, 0]
    # final .25 each: one by its scores, the other by its pairs; and one between
    mixed = ranked(
        3, [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0)], [{"x": 0}, {"x": 0.5}, {"x": 1}], alpha=0.5
    )
    assert {one.final for one in mixed} == {0.5}
    assert items(mixed) == [2, 1, 0]
    orders = {tuple(items(ranked(3, even, seed=seed))) for seed in range(60)}
    assert orders == set(permutations(range(3)))


@given(all_judged(), st.randoms())
def test_swapping_sides_and_shuffling_pairs_changes_nothing(case, dice) -> None:  # type: ignore[no-untyped-def]
    n, pairs = case
    turned = [(j, i, 1 - p) if dice.random() < 0.5 else (i, j, p) for i, j, p in pairs]
    dice.shuffle(turned)
    assert ranked(n, turned) == ranked(n, pairs)


@given(all_judged(), st.integers(0, 5), st.integers(0, 9))
def test_who_wins_all_its_pairs_as_clearly_as_any_is_won_ranks_first(
    case: tuple[int, Pairs], place: int, seed: int
) -> None:
    n, pairs = case
    best = place % n
    clear = max([p for _, _, p in pairs] + [1 - p for _, _, p in pairs] + [0.6])
    won = [(i, j, clear if i == best else 1 - clear if j == best else p) for i, j, p in pairs]
    assert ranked(n, won, seed=seed)[0].item == best


@given(all_judged(), st.integers(0, 5))
def test_scores_of_one_and_zero_settle_all_where_alpha_is_one(
    case: tuple[int, Pairs], place: int
) -> None:
    n, pairs = case
    best = place % n
    found = ranked(n, pairs, [{"x": float(i == best)} for i in range(n)], alpha=1.0)
    assert (found[0].item, found[0].final) == (best, 1.0)
    assert {one.final for one in found[1:]} == {0.0}


def test_without_scores_of_all_on_the_same_criteria_the_pairs_decide() -> None:
    pairs = [(0, 1, 0.9), (1, 2, 0.9), (0, 2, 0.9)]
    for scores in ([{"x": 0.0}, None, {"x": 1.0}], [{"x": 0.0}, {"y": 1.0}, {"x": 1.0}]):
        found = ranked(3, pairs, scores)
        assert items(found) == [0, 1, 2]
        assert [one.final for one in found] == [1, 0.5, 0]
        assert found[2].criteria == 1.0


def test_equally_strong_responses_share_their_borda() -> None:
    assert borda(np.array([2.0, 1.0, 1.0, 0.0])).tolist() == pytest.approx([1, 0.5, 0.5, 0])


def test_what_no_chain_of_pairs_joins_is_apart() -> None:
    found = connected(6, [(4, 1, 0.5), (2, 3, 0.5), (1, 0, 0.5)])
    assert sorted(found) == [[0, 1, 4], [2, 3], [5]]
