"""An A/B test's size, draw and verdict: as often right as the plan says."""

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from rlaif.evaluation.abtest import decide, draw, make_plan, placed, sample_size, verdict
from rlaif.records import Comparison, Message, Response


def test_the_size_is_the_textbooks():
    """(1.96 * .5 + .8416 * sqrt(.55 * .45))^2 / .05^2 = 782.2; .6: 193.6."""
    assert sample_size(0.55) == 783
    assert sample_size(0.6) == 194
    # An arcsine approximation comes within some percent of it.
    effect = 2 * np.arcsin(np.sqrt(0.6)) - 2 * np.arcsin(np.sqrt(0.5))
    n = NormalIndPower(ddof=0).solve_power(effect, alpha=0.05, power=0.8, ratio=0)
    assert n == pytest.approx(194, rel=0.03)
    with pytest.raises(ValueError, match=r"over \.5"):
        make_plan(0.4)


def test_the_plan_says_what_success_is_before_anything_is_compared():
    plan = make_plan(0.6, seed=3)
    assert plan.n == 194
    assert "95% interval of B's win rate over 194 prompts" in plan.criterion


def test_prompts_are_drawn_by_seed_and_not_by_their_order():
    plan = make_plan(0.7)
    keys = [f"k{i}" for i in range(500)]
    assert draw(plan, keys) == draw(plan, keys[::-1])
    assert len(draw(plan, keys)) == plan.n
    assert draw(plan, keys) != draw(plan.model_copy(update={"seed": 1}), keys)
    assert len(draw(plan, keys[:9])) == 9


def test_sides_are_a_coin():
    prompt = (Message(role="user", content="q?"),)
    pairs = [
        Comparison(id=str(i), prompt=prompt, a=Response(text=f"x{i}"), b=Response(text=f"y{i}"))
        for i in range(400)
    ]
    turned = [placed(pair, 0)[1] for pair in pairs]
    assert 160 < sum(turned) < 240
    for pair in pairs[:9]:
        made, exchanged = placed(pair, 0)
        assert made.a.text == (pair.b.text if exchanged else pair.a.text)


@pytest.mark.parametrize(("rate", "least", "most"), [(0.5, 0.02, 0.085), (0.6, 0.75, 0.88)])
def test_it_finds_what_it_was_made_to_find_and_seldom_what_is_not_there(rate, least, most):
    plan = make_plan(0.6)
    rng = np.random.default_rng(0)
    shown = 0
    for _ in range(400):
        shown += verdict(plan, rng.random(plan.n) < rate)[1] is not None
    assert least <= shown / 400 <= most


def test_a_win_by_length_alone_shows_in_the_length_controlled_rate():
    rng = np.random.default_rng(1)
    gap = rng.normal(60, 100, 400)  # B is longer, and the judge likes length
    found = decide(make_plan(0.6), np.sign(gap), gap)
    assert found.winner == "b"
    assert found.win_rate.value > 0.65
    assert found.length_controlled.value == pytest.approx(0.5, abs=0.1)


def test_no_answer_counts_half_so_that_n_is_the_plans():
    side = np.array([1.0] * 30 + [np.nan] * 10 + [0.0] * 10)
    found = decide(make_plan(0.7), side, np.zeros(50))
    assert (found.n, found.silent) == (50, 10)
    assert found.win_rate.value == pytest.approx(40 / 50)
