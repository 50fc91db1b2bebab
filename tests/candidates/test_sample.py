"""Sampling and revising through the real pool and ledger, with a stand-in that writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlaif.calls.ledger import Ledger
from rlaif.calls.pool import Ask, Pool, PoolSettings, Tally
from rlaif.calls.request import CallError, Failure, Reply, Request
from rlaif.candidates.candidate import Answered, TextReader
from rlaif.candidates.policy import Policy, check_names
from rlaif.candidates.revise import Reviser
from rlaif.candidates.sample import Sampler, gather
from rlaif.clients import open_client
from rlaif.constitution import Constitution
from rlaif.errors import ConfigError
from rlaif.exchange.prompts import PromptRow
from rlaif.records import Message, Outcome, Principle, Response

Write = Callable[[Request], Reply]
RULES = Constitution(
    name="two",
    version=1,
    principles=tuple(
        Principle(id=i, text=i, group="g", critique=f"Fault {i}.", revision=f"Mend {i}.")
        for i in ("kind", "true")
    ),
)


class Writer:
    """Replies as a function says, and keeps what it was asked."""

    endpoint = "writer"
    concurrency = None

    def __init__(self, write: Write) -> None:
        self.write = write
        self.asked: list[Request] = []

    def body(self, request: Request) -> dict[str, Any]:
        chat = [[m.role, m.content] for m in request.messages]
        return {"chat": chat, "t": request.temperature, "seed": request.seed}

    async def send(self, request: Request, timeout_s: float) -> Reply:
        self.asked.append(request)
        return self.write(request)

    async def close(self) -> None:
        pass


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def says(text: str, finish: Any = "stop") -> Reply:
    return Reply(text=text, finish=finish, model="w-1")


def prompts(n: int, **fields: Any) -> list[PromptRow]:
    return [
        PromptRow(id=f"q{i}", prompt=(Message(role="user", content=f"Q{i}?"),), **fields)
        for i in range(n)
    ]


def policy(**fields: Any) -> Policy:
    return Policy(**{"name": "small", "client": "offline", "model": "m", **fields})


def ask(client: Any, ledger: Ledger, groups: Iterable[list[Ask]]) -> Tally:
    settings = PoolSettings(max_failures=1.0, attempts=1)
    return asyncio.run(Pool(client, ledger, settings, TextReader()).run(groups))


def texts(answered: Answered) -> list[str]:
    return [candidate.text for candidate in answered.candidates]


def test_samples_of_two_policies_and_temperatures(ledger: Ledger) -> None:
    writer = Writer(lambda r: says(f"{r.messages[-1].content} {r.temperature} {r.sample}"))
    warm = Sampler(policy(temperatures=(0.5, 1.0), samples=2), writer, seed=0)
    cold = Sampler(policy(name="cold", temperatures=(0.0,), samples=1), writer, seed=0)
    rows = prompts(2, responses=(Response(text="given one", model="h"),))
    for sampler in (warm, cold):
        ask(writer, ledger, sampler.groups(rows))
    drops: Counter[str] = Counter()
    first, second = gather(rows, [warm, cold], ledger, drops)
    assert [c.id for c in first.candidates] == [
        "given.0", "small.t0.5.0", "small.t0.5.1", "small.t1.0.0", "small.t1.0.1", "cold.t0.0.0"
    ]  # fmt: skip
    assert texts(second)[1] == "Q1? 0.5 0"
    assert first.candidates[0].model == "h"
    assert (+drops) == Counter()
    assert all(len(c.calls) == 1 for c in first.candidates[1:])


def test_a_second_run_asks_nothing(ledger: Ledger) -> None:
    writer = Writer(lambda r: says(str(r.sample)))
    sampler = Sampler(policy(), writer, seed=0)
    assert ask(writer, ledger, sampler.groups(prompts(3))).asked == 6
    again = ask(writer, ledger, sampler.groups(prompts(3)))
    assert (again.asked, again.reused) == (0, 6)


def test_what_is_empty_identical_or_failed_is_dropped_and_counted(ledger: Ledger) -> None:
    def write(request: Request) -> Reply:
        match request.sample:
            case 0:
                return says("  the same\n")
            case 1:
                return says("the same")
            case 2:
                return says(" \n")
            case 3:
                return says("cut o", "length")
            case 4:
                raise CallError(Failure.FILTERED, "no")
            case 5:
                return says("<think>hm</think>\nthe answer")
            case 6:
                return says("<think>never ends")
            case 7:
                return says("I will not.", "refusal")
        return says("lone \ud800")

    writer = Writer(write)
    sampler = Sampler(policy(samples=9), writer, seed=0)
    tally = ask(writer, ledger, sampler.groups(prompts(1)))
    assert tally.outcomes[Outcome.TRUNCATED] == 1
    drops: Counter[str] = Counter()
    (answered,) = gather(prompts(1), [sampler], ledger, drops)
    assert texts(answered) == ["the same", "the answer", "I will not.", "lone \ufffd"]
    assert drops == {"identical": 1, "empty": 2, "failed": 2}


def test_nothing_answered_yet_counts_as_failed(ledger: Ledger) -> None:
    drops: Counter[str] = Counter()
    sampler = Sampler(policy(), Writer(lambda r: says("x")), seed=0)
    (answered,) = gather(prompts(1), [sampler], ledger, drops)
    assert answered.candidates == ()
    assert drops["failed"] == 2


def test_system_message_and_limits_reach_the_model(ledger: Ledger) -> None:
    writer = Writer(lambda r: says("x"))
    sampler = Sampler(policy(system="Be brief.", max_tokens=7, samples=1), writer, seed=3)
    ask(writer, ledger, sampler.groups(prompts(1)))
    (request,) = writer.asked
    assert [(m.role, m.content) for m in request.messages] == [
        ("system", "Be brief."), ("user", "Q0?")
    ]  # fmt: skip
    assert (request.max_tokens, request.seed, request.model) == (7, 3, "m")


def revising(request: Request) -> Reply:
    last = request.messages[-1].content
    if last.startswith("Look at"):
        return says(f"critique of {request.messages[-2].content}")
    if last.startswith("Mend"):
        return says(f"better {request.messages[-4].content}")
    return says(f"draft {request.sample}")


def test_critique_and_revision(ledger: Ledger) -> None:
    writer = Writer(revising)
    sampler = Sampler(policy(), writer, seed=0)
    reviser = Reviser(sampler, RULES)
    rows, drops = prompts(4), Counter[str]()

    def sampled() -> Iterator[Answered]:
        return gather(rows, [sampler], ledger, Counter())

    ask(writer, ledger, sampler.groups(rows))
    assert ask(writer, ledger, reviser.critiques(sampled())).asked == 4
    assert ask(writer, ledger, reviser.revisions(sampled(), ledger)).asked == 4
    done = list(reviser.gather(sampled(), ledger, drops))
    assert texts(done[0]) == ["draft 0", "draft 1", "better draft 0"]
    last = done[0].candidates[2]
    assert last.principle in ("kind", "true")
    assert last.id == f"small.t1.0.0.small.{last.principle}"
    assert (last.parent, last.critique) == ("small.t1.0.0", "critique of draft 0")
    assert len(last.calls) == 3
    assert {d.candidates[2].principle for d in done} == {"kind", "true"}  # drawn, not fixed
    roles = [m.role for m in writer.asked[-1].messages]
    assert roles == ["user", "assistant", "user", "assistant", "user"]
    asked = writer.asked[-1].messages
    assert f"Fault {writer.asked[-1].messages[4].content.split()[1]}" in asked[2].content
    assert (+drops) == Counter()
    assert list(reviser.gather(sampled(), ledger, Counter())) == done


def test_failed_critiques_and_useless_revisions_are_counted(ledger: Ledger) -> None:
    def write(request: Request) -> Reply:
        reply = revising(request)
        if reply.text.startswith("critique") and request.messages[0].content == "Q0?":
            raise CallError(Failure.FILTERED, "no")
        return says("draft 0") if reply.text.startswith("better") else reply

    writer = Writer(write)
    sampler = Sampler(policy(), writer, seed=0)
    reviser = Reviser(sampler, RULES, per_prompt=1)
    rows, drops = prompts(2), Counter[str]()
    ask(writer, ledger, sampler.groups(rows))
    for asks in (reviser.critiques, lambda stream: reviser.revisions(stream, ledger)):
        ask(writer, ledger, asks(gather(rows, [sampler], ledger, Counter())))
    done = list(reviser.gather(gather(rows, [sampler], ledger, Counter()), ledger, drops))
    assert [texts(d) for d in done] == [["draft 0", "draft 1"]] * 2
    assert drops == {"failed": 1, "identical": 1}


def test_braces_in_a_response_stay_text(ledger: Ledger) -> None:
    row = prompts(1, responses=(Response(text="{request} {0} [[A]]"),))[0]
    reviser = Reviser(Sampler(policy(), Writer(revising), seed=0), RULES)
    (planned,) = reviser.plan(Answered(row, tuple(c for c in given_of(row))))
    assert planned.critique.request.messages[1].content == "{request} {0} [[A]]"
    assert "{request}" not in planned.critique.request.messages[2].content


def given_of(row: PromptRow) -> Any:
    from rlaif.candidates.candidate import given

    return given(row)


def test_offline_client_from_a_policy(ledger: Ledger) -> None:
    settings = policy(samples=3)
    client = open_client(settings.client, model=settings.model, options=settings.options)
    sampler = Sampler(settings, client, seed=0)
    ask(client, ledger, sampler.groups(prompts(2)))
    drops: Counter[str] = Counter()
    for answered in gather(prompts(2), [sampler], ledger, drops):
        assert len(answered.candidates) == 3
        assert "judges nothing" in answered.candidates[0].text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"temperatures": (0.5, 0.5)}, "given twice"),
        ({"temperatures": (0.0,), "samples": 2}, "one sample"),
        ({"temperatures": (3.0,)}, "between 0 and 2"),
        ({"temperatures": ()}, "at least 1"),
        ({"name": "given"}, "responses of the input"),
        ({"name": "a b"}, "pattern"),
        ({"sampels": 2}, "not permitted"),
    ],
)
def test_policy_refuses(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        policy(**fields)


def test_names_of_policies_differ() -> None:
    check_names([policy(), policy(name="other")])
    with pytest.raises(ConfigError, match="two policies are named 'small'"):
        check_names([policy(), policy()])
