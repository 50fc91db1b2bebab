"""Which pairs are judged: laws, and figures that other code computed."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from rlaif.candidates.candidate import Answered, Candidate
from rlaif.candidates.pairing import (
    all_pairs,
    comparisons,
    next_pairs,
    random_pairs,
)
from rlaif.exchange.prompts import PromptRow
from rlaif.measures.strengths import fit
from rlaif.records import Message

sizes = st.integers(2, 7)


@st.composite
def partly_judged(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, float]]]:
    n = draw(sizes)
    pairs = draw(st.lists(st.sampled_from(all_pairs(n)), unique=True))
    return n, [(i, j, draw(st.floats(0, 1))) for i, j in pairs]


def test_all_pairs() -> None:
    assert all_pairs(3) == [(0, 1), (0, 2), (1, 2)]
    assert all_pairs(1) == all_pairs(0) == []


@given(sizes, st.integers(1, 30), st.integers(), st.text())
def test_random_pairs_are_different_and_repeatable(n: int, m: int, seed: int, key: str) -> None:
    drawn = random_pairs(n, m, seed, key)
    assert len(set(drawn)) == len(drawn) == min(m, n * (n - 1) // 2)
    assert set(drawn) <= set(all_pairs(n))
    assert drawn == random_pairs(n, m, seed, key)


def test_random_pairs_are_fair_over_prompts() -> None:
    counts = dict.fromkeys(all_pairs(4), 0)
    for key in range(3000):
        for pair in random_pairs(4, 1, 0, str(key)):
            counts[pair] += 1
    assert all(430 < n < 570 for n in counts.values())  # 500 expected, 3.4 standard deviations


@given(partly_judged(), st.integers(1, 10), st.integers(0, 5))
def test_next_pairs_are_new_different_and_repeatable(
    case: tuple[int, list[tuple[int, int, float]]], m: int, seed: int
) -> None:
    n, judged = case
    named = next_pairs(n, judged, m, seed)
    left = set(all_pairs(n)) - {(i, j) for i, j, _ in judged}
    assert set(named) <= left
    assert len(set(named)) == len(named) == min(m, len(left))
    assert named == next_pairs(n, judged, m, seed)


@given(partly_judged(), st.integers(0, 5), st.randoms())
def test_order_and_side_of_what_is_judged_do_not_matter(
    case: tuple[int, list[tuple[int, int, float]]], seed: int, dice: random.Random
) -> None:
    n, judged = case
    turned = [(j, i, 1 - p) if dice.random() < 0.5 else (i, j, p) for i, j, p in judged]
    dice.shuffle(turned)
    np.testing.assert_allclose(fit(n, judged)[0], fit(n, turned)[0], atol=1e-8)
    assert set(next_pairs(n, judged, 1, seed)) <= set(all_pairs(n))


def test_first_round_touches_everybody_before_anybody_twice() -> None:
    for seed in range(20):
        first = next_pairs(6, [], 3, seed)
        assert sorted(item for pair in first for item in pair) == list(range(6))


def test_an_open_outcome_goes_before_a_settled_one() -> None:
    judged = [(0, 1, 0.99), (2, 3, 0.99), (0, 2, 0.5)]  # 0 and 2 lead, 1 and 3 trail
    assert next_pairs(4, judged, 1, 0) == [(1, 3)]


def test_adaptive_ranks_better_than_random_for_the_same_number_of_verdicts() -> None:
    """8 items, 12 of 28 pairs, noisy judge: mean Kendall tau over 80 draws."""
    scores: dict[str, list[float]] = {"adaptive": [], "random": []}
    for seed in range(80):
        for how, found in scores.items():
            truth, noise = np.random.default_rng(seed).normal(0, 1.5, 8), random.Random(seed)
            judged: list[tuple[int, int, float]] = []
            for turn in range(4):
                if how == "adaptive":
                    pairs = next_pairs(8, judged, 3, turn)
                else:
                    pairs = random_pairs(8, 12, 0, str(seed))[turn * 3 : turn * 3 + 3]
                for i, j in pairs:
                    gap = truth[i] - truth[j] + noise.gauss(0, 1)
                    judged.append((i, j, 1 / (1 + math.exp(-gap))))
            found.append(kendalltau(fit(8, judged)[0], truth).statistic)
    assert np.mean(scores["adaptive"]) > np.mean(scores["random"]) + 0.01


def test_no_probability() -> None:
    with pytest.raises(ValueError, match="p must be a probability"):
        fit(2, [(0, 1, 1.5)])


def answered(n: int) -> Answered:
    prompt = PromptRow(id="q", prompt=(Message(role="user", content="?"),), domain="d", line=3)
    return Answered(
        prompt,
        tuple(
            Candidate(id=f"given.{i}", prompt="q", text=f"text {i}", origin="given", model=f"m{i}")
            for i in range(n)
        ),
    )


def test_comparisons_carry_prompt_models_and_ids() -> None:
    (row,) = comparisons(answered(3), [(0, 2)], seed=0)
    made = row.comparison
    assert made.id == "q:given.0~given.2"
    assert {(r.text, r.model) for r in (made.a, made.b)} == {("text 0", "m0"), ("text 2", "m2")}
    assert (made.domain, made.prompt_key, row.line) == ("d", answered(0).prompt.prompt_key, 3)


def test_sides_carry_no_information() -> None:
    rows = comparisons(answered(60), all_pairs(60), seed=0)
    firsts = [
        row.comparison.a.text == f"text {i}"
        for (i, _), row in zip(all_pairs(60), rows, strict=True)
    ]
    assert 0.45 < np.mean(firsts) < 0.55  # 1,770 coins; standard deviation .012
