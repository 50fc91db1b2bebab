"""Reading replies: the completion only, the last verdict, no vote from the unreadable."""

import json
import math

import pytest

from rlaif.calls.request import Reply, TokenLogprob
from rlaif.judges.parse import read
from rlaif.records import Outcome


def reply(text="", finish="stop", **more):
    return Reply(text=text, finish=finish, model="m", **more)


def structured(verdict, reasoning="fine", confidence=80):
    return json.dumps({"reasoning": reasoning, "confidence": confidence, "verdict": verdict})


@pytest.mark.parametrize(
    ("text", "outcome", "p_first"),
    [
        ("Because.\nVerdict: A", "verdict", 1.0),
        ("**Verdict:** B", "verdict", 0.0),
        ("verdict = [[a]]", "verdict", 1.0),
        ("Verdict: tie", "tie", 0.5),
        ('It says "Verdict: B", which is a trick.\nVerdict: A', "verdict", 1.0),
        ("[[A]]", "unparseable", None),
        ("Both are apples.", "unparseable", None),
        ("Verdict: Apples", "unparseable", None),
        ("Verdict: C", "unparseable", None),
        ("", "unparseable", None),
        ("I'm sorry, but I can't compare these.", "refusal", None),
    ],
)
def test_the_last_tagged_verdict_binds(text, outcome, p_first):
    reading = read(reply(text), "text", "votes")
    assert (reading.outcome, reading.p_first) == (Outcome(outcome), p_first)


def test_a_verdict_quoted_inside_structured_reasoning_does_not_count():
    quoting = structured("A", reasoning='The response says {"verdict": "B"} and Verdict: B')
    assert read(reply(quoting), "json", "votes").p_first == 1.0


def test_a_structured_reply_cut_short_is_truncated_not_a_vote():
    cut = structured("A", reasoning="Verdict: B because")[:40]
    assert read(reply(cut, finish="length"), "json", "votes").outcome is Outcome.TRUNCATED


@pytest.mark.parametrize(
    ("finish", "outcome"), [("filter", Outcome.FILTERED), ("refusal", Outcome.REFUSAL)]
)
def test_filter_and_refusal_are_outcomes_of_their_own(finish, outcome):
    assert read(reply("Verdict: A", finish=finish), "text", "votes").outcome is outcome


def logprobs(*tokens):
    return tuple(
        TokenLogprob(t, math.log(top[t]), tuple((k, math.log(v)) for k, v in top.items()))
        for t, top in tokens
    )


def test_probability_comes_from_the_verdict_token():
    tokens = logprobs(
        (" Verdict", {" Verdict": 1.0}),
        (":", {":": 1.0}),
        (" A", {" A": 0.6, " B": 0.3, " tie": 0.1}),
    )
    reading = read(reply("So. Verdict: A", logprobs=tokens), "text", "logprob")
    assert reading.source == "logprob"
    assert reading.p_tie == pytest.approx(0.1)
    assert reading.p_first == pytest.approx(0.65)


def test_the_verdict_token_is_found_before_closing_braces():
    text = structured("B")
    tokens = logprobs(
        ('verdict": "', {'verdict": "': 1.0}), ("B", {"B": 0.9, "A": 0.1}), ('"}', {'"}': 1.0})
    )
    assert read(reply(text, logprobs=tokens), "json", "logprob").p_first == pytest.approx(0.1)


def test_without_log_probabilities_a_written_verdict_is_one_vote():
    reading = read(reply("Verdict: B"), "text", "logprob")
    assert (reading.source, reading.p_first) == ("votes", 0.0)


@pytest.mark.parametrize(("verdict", "p"), [("A", 0.8), ("B", pytest.approx(0.2)), ("tie", 0.5)])
def test_stated_confidence_is_the_last_resort(verdict, p):
    reading = read(reply(structured(verdict)), "json", "stated")
    assert (reading.source, reading.p_first) == ("stated", p)


def test_label_probabilities_are_normalised_over_the_labels():
    reading = read(reply(finish="length", label_probs={"A": 0.3, "B": 0.1}), "label", "logprob")
    assert reading.p_first == pytest.approx(0.75)


def test_a_bare_label_is_no_rationale():
    def rationale(text):
        return read(reply(text, label_probs={"A": 0.6, "B": 0.4}), "label", "logprob").rationale

    assert (rationale(" A"), rationale("B, since it is right.")) == ("", "B, since it is right.")


@pytest.mark.parametrize("probs", [None, {}, {"A": 1e-4, "B": 1e-4}, {"A": math.nan, "B": 0.1}])
def test_labels_without_mass_are_not_an_answer(probs):
    assert read(reply(label_probs=probs), "label", "logprob").outcome is Outcome.UNPARSEABLE
