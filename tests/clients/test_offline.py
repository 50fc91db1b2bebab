"""The stand-in: the same answer each time, in the form asked, and it says what it is."""

from __future__ import annotations

import asyncio
import json
import math

import pytest

from rlaif.calls.request import Reply, Request
from rlaif.clients import open_client
from rlaif.errors import ConfigError
from tests.clients.conftest import SCHEMA, request


def ask(asked: Request) -> Reply:
    return asyncio.run(open_client("offline", model="m").send(asked, 1))


def test_it_says_that_it_judges_nothing_in_every_form() -> None:
    text = ask(request("Which? End with your verdict."))
    structured = ask(request(schema=SCHEMA, labels=("A", "B"), reasoning=True))
    other = ask(request("Tell me of Rome."))
    for reply in (text, structured, other):
        assert "judges nothing" in reply.model
        assert "judges nothing" in reply.text
    assert text.text.splitlines()[-1] in ("Verdict: A", "Verdict: B")
    assert "Verdict" not in other.text
    assert json.loads(structured.text)["verdict"] in ("A", "B")
    token = structured.logprobs[-2]
    assert token.token == json.loads(structured.text)["verdict"]
    assert sum(math.exp(p) for _, p in token.top) == pytest.approx(1)


def test_a_bare_label_has_probabilities() -> None:
    reply = ask(request(labels=("A", "B"), max_tokens=1))
    assert reply.label_probs is not None
    assert sum(reply.label_probs.values()) == pytest.approx(1)
    assert reply.label_probs[reply.text] == max(reply.label_probs.values())


def test_equal_questions_get_equal_answers_and_samples_differ() -> None:
    assert ask(request()) == ask(request())
    warm = [ask(request("x", temperature=1.0, sample=i)).text for i in range(8)]
    cold = [ask(request("x", temperature=0.0, sample=i)).text for i in range(8)]
    assert len(set(warm)) > 1
    assert len(set(cold)) == 1


def test_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown key 'seed'"):
        open_client("offline", model="m", options={"seed": 1})
