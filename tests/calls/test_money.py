"""Prices, upper bounds and the hard cap."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.calls.money import FREE, Budget, Price, most_tokens
from rlaif.calls.request import Request
from rlaif.records import Message
from tests.calls.fakes import reply, request


def test_cached_input_has_its_own_price() -> None:
    asked = reply(tokens_in=1000, tokens_cached=400, tokens_out=100)
    assert Price(2.0, 8.0, cached=0.5).of(asked) == pytest.approx(
        (600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1e6
    )
    wrote = reply(tokens_in=1000, tokens_written=500, tokens_out=0)
    assert Price(2.0, 8.0, written=2.5).of(wrote) == pytest.approx((500 * 2.0 + 500 * 2.5) / 1e6)
    assert Price(2.0, 8.0).of(asked) == pytest.approx((1000 * 2.0 + 100 * 8.0) / 1e6)
    assert FREE.of(asked) == FREE.worst(request()) == 0.0


def test_the_worst_case_is_a_token_a_byte_and_the_whole_output_limit() -> None:
    assert most_tokens(request("é" * 10)) - most_tokens(request("")) == 20
    assert most_tokens(request("\ud800")) > 0
    schema = Request("m", (Message(role="user", content="x"),), 10, schema={"type": "object"})
    assert most_tokens(schema) > most_tokens(request("x"))
    worst = Price(1.0, 3.0).worst(request("hello"))
    assert worst == pytest.approx((most_tokens(request("hello")) + 3 * 64) / 1e6)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), max_size=60))
def test_whatever_comes_back_the_cap_holds(calls: list[tuple[float, float, bool]]) -> None:
    budget = Budget(5.0)
    flying: list[tuple[float, float, bool]] = []
    for worst, share, possible in calls:
        if budget.reserve(worst):
            flying.append((worst, share, possible))
        if len(flying) > 3:
            worst, share, possible = flying.pop(0)
            budget.settle(worst, worst * share, possible)
        assert budget.spent_usd + budget.possible_usd + budget.reserved_usd <= 5.0 + 1e-9


def test_what_may_have_been_charged_stays_set_aside() -> None:
    budget = Budget(1.0)
    assert budget.reserve(0.6)
    budget.settle(0.6, 0.0, possible=True)
    assert not budget.reserve(0.6)
    assert budget.reserve(0.4)


@given(st.lists(st.floats(0.001, 0.1), min_size=1, max_size=20), st.randoms())
def test_nothing_stays_reserved_when_all_is_settled(worsts: list[float], order: Random) -> None:
    budget = Budget(10.0)
    for worst in worsts:
        assert budget.reserve(worst)
    for worst in order.sample(worsts, len(worsts)):
        budget.settle(worst, worst / 2)
    assert budget.reserved_usd == 0.0
