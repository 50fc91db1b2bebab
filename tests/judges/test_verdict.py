"""Laws of folding: swapping negates exactly, order of arrival does not matter, missing is null."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.judges.verdict import CLIP, BiasEstimate, fold, logit, sigmoid
from rlaif.records import Comparison, Judgement, Message, Outcome, PrinciplePart, Response

PAIR = Comparison(
    id="x",
    prompt=(Message(role="user", content="q"),),
    a=Response(text="one"),
    b=Response(text="two"),
)
SWAP = {"ab": "ba", "ba": "ab"}


def vote(p, order="ab", principle="p1", sample=0, source="logprob", p_tie=0.0, outcome="verdict"):
    return Judgement(
        comparison="x",
        pair_key=PAIR.pair_key,
        judge="j@1",
        principle=principle,
        order=order,
        sample=sample,
        outcome=Outcome(outcome),
        p_first=p,
        p_tie=p_tie,
        confidence_source=source,
        prompt_hash="h",
        call_key=f"{principle}{order}{sample}",
    )


def swapped(judgement):
    """What the same call is called when a and b change places."""
    return judgement.model_copy(update={"order": SWAP[judgement.order]})


probabilities = st.floats(0, 1)
votes = st.lists(
    st.builds(
        vote,
        probabilities,
        st.sampled_from(["ab", "ba"]),
        st.sampled_from(["p1", "p2", "p3"]),
        st.integers(0, 3),
        st.sampled_from(["logprob", "votes", "stated"]),
    ),
    max_size=16,
    unique_by=lambda j: (j.principle, j.order, j.sample),
)


@given(votes)
def test_swapping_a_comparison_negates_its_log_odds_exactly(judgements):
    there = fold(PAIR, "j@1", judgements)
    back = fold(PAIR.swapped(), "j@1", [swapped(j) for j in judgements])
    if there.log_odds is None:
        assert back.log_odds is None
        return
    assert back.log_odds == -there.log_odds
    assert back.position_bias == there.position_bias
    assert {"a": "b", "b": "a", "tie": "tie"}[there.winner] == back.winner
    assert (back.consistent, back.consistent_debiased) == (
        there.consistent,
        there.consistent_debiased,
    )


@given(votes, st.randoms(use_true_random=False))
def test_folding_ignores_the_order_of_arrival(judgements, rng):
    shuffled = judgements[:]
    rng.shuffle(shuffled)
    assert fold(PAIR, "j@1", judgements) == fold(PAIR, "j@1", shuffled)


@given(st.text(), st.text())
def test_swap_twice_is_the_identity_and_keeps_the_pair_key(one, two):
    pair = PAIR.model_copy(update={"a": Response(text=one), "b": Response(text=two)})
    pair = Comparison.model_validate(pair.model_dump())
    assert pair.swapped().swapped() == pair
    assert Comparison.model_validate(pair.swapped().model_dump()).pair_key == pair.pair_key


def test_the_fold_of_two_orders_by_hand():
    # l_ab = ln(.8/.2) = 1.3863, l_ba = ln(.3/.7) = -.8473: debiased 1.1168, bias .2695
    verdict = fold(PAIR, "j@1", [vote(0.8), vote(0.3, "ba")])
    assert verdict.log_odds == pytest.approx(1.11679, abs=1e-4)
    assert verdict.position_bias == pytest.approx(0.26950, abs=1e-4)
    assert verdict.p == pytest.approx(1 / (1 + math.exp(-1.11679)), abs=1e-4)
    assert (verdict.winner, verdict.named_ab, verdict.named_ba) == ("a", "A", "B")
    assert verdict.consistent
    assert verdict.reason is None


def test_a_judge_that_always_names_the_first_is_inconsistent_until_its_bias_is_off():
    judgements = [vote(0.9), vote(0.7, "ba")]
    plain = fold(PAIR, "j@1", judgements)
    assert (plain.named_ab, plain.named_ba, plain.consistent) == ("A", "A", False)
    assert not plain.consistent_debiased
    bias = (logit(0.9) + logit(0.7)) / 2
    assert fold(PAIR, "j@1", judgements, biases={("j@1", "p1"): bias}).consistent_debiased


def test_no_saturated_order_decides_a_fold_alone():
    verdict = fold(PAIR, "j@1", [vote(1.0), vote(0.5, "ba")])
    assert verdict.log_odds == pytest.approx(logit(1 - CLIP) / 2)


@pytest.mark.parametrize(
    ("judgements", "reason"),
    [
        ([], "no vote in order ab: not asked; no vote in order ba: not asked"),
        ([vote(0.8)], "no vote in order ba: not asked"),
        (
            [vote(0.8), vote(None, "ba", outcome="transport_failure")],
            "no vote in order ba: transport_failure",
        ),
        ([vote(0.8), vote(0.2, "ba", principle="p2")], "no principle has a vote in both orders"),
    ],
)
def test_missing_one_order_is_no_verdict_and_says_why(judgements, reason):
    verdict = fold(PAIR, "j@1", judgements)
    assert verdict.winner is None
    assert verdict.log_odds is None
    assert verdict.reason == reason


def test_a_failed_call_never_votes_even_with_a_probability():
    voted = fold(PAIR, "j@1", [vote(0.8), vote(0.3, "ba")])
    noise = vote(0.01, "ab", sample=1, outcome="unparseable")
    assert fold(PAIR, "j@1", [vote(0.8), vote(0.3, "ba"), noise]) == voted


def test_a_tie_wins_where_its_probability_leads_over_both_orders():
    ties = [
        vote(0.5, p_tie=1.0, outcome="tie", source="votes"),
        vote(0.5, "ba", p_tie=1.0, outcome="tie", source="votes"),
    ]
    verdict = fold(PAIR, "j@1", ties)
    assert (verdict.winner, verdict.named_ab, verdict.named_ba) == ("tie", "tie", "tie")
    assert verdict.consistent
    half = fold(PAIR, "j@1", [ties[0], vote(0.0, "ba", source="votes")])
    assert half.winner == "a"
    assert not half.consistent


def test_votes_get_a_beta_prior_and_log_probabilities_do_not():
    # three votes for the first of three: (3 + 1) / (3 + 2) = .8
    judgements = [vote(1.0, "ab", sample=i, source="votes") for i in range(3)]
    judgements += [vote(0.0, "ba", sample=i, source="votes") for i in range(3)]
    assert fold(PAIR, "j@1", judgements).log_odds == pytest.approx(logit(0.8))


def test_rationales_are_averaged_as_probabilities_not_log_odds():
    judgements = [vote(0.9), vote(0.5, sample=1), vote(0.3, "ba"), vote(0.3, "ba", sample=1)]
    assert fold(PAIR, "j@1", judgements).log_odds == pytest.approx((logit(0.7) - logit(0.3)) / 2)


def test_one_written_rationale_or_one_vote_an_order_is_low_resolution():
    def mark(*judgements):
        return fold(PAIR, "j@1", judgements).low_resolution

    def written(*where):
        return vote(0.99, *where).model_copy(update={"rationale": "because"})

    read = [vote(0.6), vote(0.4, "ba")]
    assert not mark(*read)
    assert mark(written("ab"), written("ba"))
    assert mark(vote(1.0, source="votes"), vote(0.0, "ba", source="votes"))
    two = [vote(1.0, order, sample=i, source="votes") for order in SWAP for i in (0, 1)]
    assert not mark(*two)
    assert mark(*two[1:])
    of_two_principles = [written(order, name) for order in SWAP for name in ("p1", "p2")]
    assert not mark(*of_two_principles)


def test_principles_are_averaged_with_their_weights():
    judgements = [vote(0.9), vote(0.1, "ba"), vote(0.5, principle="p2"), vote(0.5, "ba", "p2")]
    verdict = fold(PAIR, "j@1", judgements, weights={"p1": 3.0})
    assert verdict.log_odds == pytest.approx(0.75 * logit(0.9))


def part(bias, principle="p1"):
    return PrinciplePart(principle=principle, judge="j@1", l_ab=bias, l_ba=bias, weight=1)


def test_bias_is_a_shrunk_median_that_one_extreme_row_does_not_move():
    estimate, extreme = BiasEstimate(), BiasEstimate()
    rng = random.Random(0)
    parts = [part(0.4 + rng.gauss(0, 0.1)) for _ in range(401)]
    estimate.add(parts)
    extreme.add([*parts[:-1], part(1e6)])
    one, other = estimate.estimate()["j@1", "p1"], extreme.estimate()["j@1", "p1"]
    assert one == pytest.approx(0.4, abs=0.05)
    assert other == pytest.approx(one, abs=0.01)


def test_a_rare_principle_borrows_its_judges_bias():
    estimate = BiasEstimate()
    estimate.add([part(0.5) for _ in range(1000)])
    estimate.add([part(-5.0, "rare")])
    assert estimate.estimate()["j@1", "rare"] == pytest.approx(0.23, abs=0.03)


@given(st.floats(-6.9, 6.9))
def test_sigmoid_undoes_logit(x):
    assert logit(sigmoid(x)) == pytest.approx(x, abs=1e-6)
