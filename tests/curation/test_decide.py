"""Laws of deciding: people first, filters only remove, swapping the sides swaps the outcome."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rlaif.curation.decide import Pool, Promise, Votes, foreign_sources, judged, kept_by, merged
from rlaif.curation.hybrid import blend

OPEN = Promise(guarantee=False, reason="t", thresholds={1: 0.6})


def pool(n, rng, dropped=None):
    return Pool(
        prompt=rng.integers(0, max(1, n // 3), n).astype(np.uint64),
        group=np.arange(n, dtype=np.uint64),
        domain=np.full(n, "d", dtype=object),
        source=np.full(n, "s", dtype=object),
        log_odds=np.where(rng.random(n) < 0.1, np.nan, rng.normal(0, 1, n)),
        tie=rng.random(n) < 0.05,
        gate=rng.random(n) < 0.8,
        stage=np.ones(n, dtype=np.int64),
        dropped=np.full(n, None, dtype=object) if dropped is None else dropped,
    )


def votes(n, rng):
    asked = rng.random(n) < 0.4
    counts = rng.integers(0, 3, (3, n)) * asked
    return Votes(*counts.astype(float), random=asked)


def p_of(given_pool):
    return 1 / (1 + np.exp(-given_pool.log_odds))


def outcome(given_pool, said, how="hybrid", per_prompt=2):
    told = judged(given_pool, p_of(given_pool), per_prompt)
    keep = kept_by(told.confidence, given_pool.stage, OPEN)
    p_people = blend(said.a + said.ties / 2, said.n, told.p_a, 2.0)
    return merged(given_pool, said, told, keep, p_people, how)


cases = st.tuples(st.integers(1, 40), st.integers(0, 10**6))


@given(cases, st.sampled_from(["hybrid", "human", "judge"]))
def test_every_pair_is_kept_or_has_a_reason(case, how):
    n, seed = case
    rng = np.random.default_rng(seed)
    found = outcome(pool(n, rng), votes(n, rng), how)
    assert ((found.reason == None) == found.kept).all()  # noqa: E711
    assert (np.isnan(found.p) == ~found.kept).all()
    assert ((found.p[found.kept] > 0) & (found.p[found.kept] < 1)).all()


@given(cases)
def test_where_people_have_a_majority_they_decide(case):
    n, seed = case
    rng = np.random.default_rng(seed)
    given_pool, said = pool(n, rng), votes(n, rng)
    found = outcome(given_pool, said)
    spoke = (said.n > 0) & (said.side != 0)
    assert (found.side[spoke] == said.side[spoke]).all()
    assert (found.by_people == spoke).all()
    assert (found.reason[(said.n > 0) & (said.side == 0)] == "human tie").all()


@given(cases)
def test_swapping_the_sides_swaps_the_outcome(case):
    n, seed = case
    rng = np.random.default_rng(seed)
    given_pool, said = pool(n, rng), votes(n, rng)
    other = dataclasses.replace(given_pool, log_odds=-given_pool.log_odds)
    turned = Votes(said.b, said.a, said.ties, said.random)
    one, two = outcome(given_pool, said), outcome(other, turned)
    assert (one.side == -two.side).all()
    np.testing.assert_allclose(one.p, two.p)


@given(cases)
def test_a_filter_only_removes(case):
    n, seed = case
    rng = np.random.default_rng(seed)
    given_pool, said = pool(n, rng), votes(n, rng)
    some = np.where(rng.random(n) < 0.3, "refusal", None).astype(object)
    filtered = dataclasses.replace(given_pool, dropped=some)
    before = outcome(given_pool, said, per_prompt=None)
    after = outcome(filtered, said, per_prompt=None)
    assert (after.kept == (before.kept & (some == None))).all()  # noqa: E711
    assert (after.reason[some != None] == "refusal").all()  # noqa: E711


@given(cases, st.integers(1, 4))
def test_a_prompt_keeps_no_more_than_its_surest(case, most):
    n, seed = case
    rng = np.random.default_rng(seed)
    given_pool = pool(n, rng)
    told = judged(given_pool, p_of(given_pool), most)
    free = judged(given_pool, p_of(given_pool), None)
    for prompt in np.unique(given_pool.prompt):
        here = given_pool.prompt == prompt
        kept, all_ = (t.confidence[here] for t in (told, free))
        kept, all_ = kept[~np.isnan(kept)], all_[~np.isnan(all_)]
        np.testing.assert_allclose(np.sort(kept), np.sort(all_)[::-1][:most][::-1])


def test_votes_side_is_the_majority_and_an_even_split_is_none():
    counts = np.array([[2, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 2, 1], [0, 0, 0]], float)
    said = Votes(*counts.T, random=np.ones(6, bool))
    assert said.side.tolist() == [1, 0, 0, 0, -1, 0]


def test_a_promise_needs_labels_from_every_large_source():
    source = np.array(["x"] * 50 + ["y"] * 48 + ["z"] * 2, dtype=object)
    labelled = np.zeros(100, dtype=bool)
    labelled[:10] = True
    assert foreign_sources(source, labelled) == ["y"]
    labelled[60] = True
    assert foreign_sources(source, labelled) == []
