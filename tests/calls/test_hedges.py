"""Calls that never answer: learned deadlines, hedges, late replies; on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest

from rlaif.calls.deadlines import Deadlines, bucket
from rlaif.calls.pool import Ask, Pool, PoolSettings, Tally
from rlaif.calls.request import CallError, Failure, Reply, Request
from rlaif.records import Outcome
from tests.calls.clock import MemoryLedger, run_virtual
from tests.calls.fakes import FakeClient, FakeReader, ask, asks, refused, reply, request

Behave = Callable[[Request, int], Awaitable[Reply]]


def drive(
    monkeypatch: pytest.MonkeyPatch,
    behave: Behave,
    groups: Iterable[Sequence[Ask]],
    **settings: Any,
) -> tuple[Tally, MemoryLedger, FakeClient]:
    ledger, client = MemoryLedger(), FakeClient(behave, latency=0.1)

    async def main() -> Tally:
        clock = asyncio.get_running_loop().time
        options = PoolSettings(**settings)
        return await Pool(client, ledger.typed, options, FakeReader(), clock=clock).run(groups)

    return run_virtual(monkeypatch, main()), ledger, client


def hangs(first_only: bool, *numbers: int, seconds: float = 1e6) -> Behave:
    """Those questions hang: the first time they are asked, or always."""

    async def behave(request: Request, attempt: int) -> Reply:
        number = int(request.messages[-1].content.split()[1])
        if number in numbers and (attempt == 1 or not first_only):
            await asyncio.sleep(seconds)
        return reply()

    return behave


def test_a_hanging_call_is_asked_again_at_the_learned_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally, ledger, _ = drive(monkeypatch, hangs(True, 500), asks(1000))
    assert tally.outcomes == {Outcome.VERDICT: 1000}
    assert (tally.hedges, tally.hedged_calls, tally.possibly_billed) == (1, 1, 1)
    assert tally.seconds < 1000 / 64 * 0.1 + 2.5
    rows = sorted(
        (row.n, row.kind, row.failure, row.possibly_billed, row.late)
        for row in ledger.attempts
        if row.key == ask(500).key
    )
    assert rows == [
        (1, "first", Failure.TIMEOUT, True, False),
        (2, "hedge", None, False, False),
    ]


def test_a_learned_deadline_holds_for_calls_that_wait_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally, _, _ = drive(monkeypatch, hangs(True, 0), asks(200), timeout_s=600)
    assert tally.outcomes == {Outcome.VERDICT: 200}
    assert 2.0 < tally.seconds < 2.5  # sent first of all, when the deadline was 600 s


def test_a_late_reply_is_recorded_and_never_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def behave(request: Request, attempt: int) -> Reply:
        if request.messages[-1].content == "question 5" and attempt == 1:
            await asyncio.sleep(2.5)
            return reply("B")
        return reply("A")

    tally, ledger, _ = drive(monkeypatch, behave, asks(3000))
    answer = ledger.answers[ask(5).key]
    assert answer.reply is not None
    assert answer.reply.text == "A"
    assert (tally.late, tally.finished) == (1, 3000)
    late = [row for row in ledger.attempts if row.late]
    assert [(row.key, row.outcome, row.tokens_in) for row in late] == [(ask(5).key, None, 10)]


def test_what_is_never_answered_is_named_and_the_rest_is_out_in_under_30_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead = random.Random(3).sample(range(2000), 10)
    tally, ledger, client = drive(monkeypatch, hangs(False, *dead), asks(2000))
    assert tally.outcomes == {Outcome.VERDICT: 1990, Outcome.TRANSPORT: 10}
    assert tally.seconds < 30
    for number in dead:
        answer = ledger.answers[ask(number).key]
        assert (answer.failure, answer.attempts) == (Failure.TIMEOUT, 3)
        assert answer.error is not None
    assert client.seen.total() == 2000 + 2 * 10
    assert tally.hedged_calls == 10


def test_at_most_two_percent_of_calls_are_hedged(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = range(100, 1000, 10)  # 9 %: an endpoint that has become slow, not a call that hangs
    tally, _, _ = drive(
        monkeypatch, hangs(False, *slow, seconds=20), asks(1000), in_flight=256, timeout_s=60
    )
    assert tally.outcomes == {Outcome.VERDICT: 1000}
    assert 0 < tally.hedged_calls <= 20
    assert tally.hedges <= 2 * 20


def test_reasoning_models_are_never_hedged_and_have_the_cards_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = asks(300, hedge=False)
    tally, _, _ = drive(monkeypatch, hangs(True, 7), groups, timeout_s=60)
    assert tally.outcomes == {Outcome.VERDICT: 300}
    assert tally.hedges == 0
    assert tally.failures == {Failure.TIMEOUT: 1}
    assert 60 < tally.seconds < 62


def test_without_hedges_the_cards_deadline_ends_an_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally, _, _ = drive(
        monkeypatch, hangs(False, 1), asks(100), hedge_share=0.0, timeout_s=10, attempts=3
    )
    assert tally.outcomes == {Outcome.VERDICT: 99, Outcome.TRANSPORT: 1}
    assert 30 < tally.seconds < 33


def test_deadlines_are_four_times_the_99th_percentile_within_their_bounds() -> None:
    deadlines = Deadlines(120.0)
    for n in range(49):
        deadlines.add(5, n / 10)
    assert deadlines.of(5) == 120.0
    deadlines.add(5, 4.9)
    assert deadlines.of(5) == pytest.approx(4 * 4.9)  # p99 of 50 values is the greatest
    assert deadlines.of(4) == deadlines.of(5)  # shorter calls are quicker
    assert deadlines.of(6) == 120.0
    for _ in range(50):
        deadlines.add(7, 0.01)
        deadlines.add(8, 100.0)
    assert deadlines.of(7) == 2.0
    assert deadlines.of(8) == 120.0


def test_length_buckets_are_a_factor_of_four_wide() -> None:
    assert bucket(request("x" * 4000)) == bucket(request("x" * 6000))
    assert bucket(request("x" * 4000)) < bucket(request("x" * 32000))


@pytest.mark.parametrize("seed", range(3))
def test_a_mix_of_faults_loses_nothing_and_takes_at_most_three_times_the_ideal(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)

    async def behave(request: Request, attempt: int) -> Reply:
        drawn = dice.random()
        if drawn < 0.05:
            raise refused(1.0)
        if drawn < 0.07:
            raise CallError(Failure.OVERLOADED, "500", status=500)
        if drawn < 0.08:
            await asyncio.sleep(30)
        elif drawn < 0.10:
            raise CallError(Failure.BAD_REPLY, "not JSON", status=200, billed=True)
        return reply()

    tally, _, _ = drive(monkeypatch, behave, asks(2000))
    assert tally.outcomes == {Outcome.VERDICT: 2000}
    assert tally.seconds <= 3 * 2000 / 64 * 0.1
    assert tally.hedged_calls <= 40
