"""Facts that the prompt states (read them) and facts that are common knowledge (know them)."""

from __future__ import annotations

from random import Random

from rlaif.demo import stated
from rlaif.demo.draft import Difficulty, Draft, capital
from rlaif.demo.knowledge import KNOWN

OPENINGS = ("", "", "Quick question: ", "A question for a quiz: ", "I forgot this: ")
PREFACES = ("Thanks for asking.", "That is a good question.", "Here is the answer.")
CLOSINGS = (
    "I hope that answers your question.",
    "Feel free to ask if you would like to know more.",
    "Many people ask this.",
    "That is all there is to it.",
)


def draft(rng: Random, difficulty: Difficulty, longer: bool) -> Draft:
    """Half stated, half known; the padding around a fact says nothing about it."""
    if rng.random() < 0.5:
        fact = rng.choice(stated.MAKERS[difficulty])(rng)
    else:
        fact = rng.choice(KNOWN[difficulty])
        fact = fact._replace(question=rng.choice(OPENINGS) + fact.question)
    good, bad = (_full, _short) if longer else (_short, _full)
    return Draft(
        fact.question, good(rng, fact.sentence, fact.right), bad(rng, fact.sentence, fact.wrong)
    )


def _full(rng: Random, sentence: str, fills: str) -> str:
    stated_fact = capital(sentence.format(fills))
    padding = rng.random()
    if padding < 0.3:
        return f"{rng.choice(PREFACES)} {stated_fact}."
    return f"{stated_fact}. {rng.choice(CLOSINGS)}" if padding < 0.8 else f"{stated_fact}."


def _short(rng: Random, sentence: str, fills: str) -> str:
    return capital(fills if rng.random() < 0.6 else sentence.format(fills)) + "."
