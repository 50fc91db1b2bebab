"""A belief the user brings along: a false one corrected or accepted, now and then a true one."""

from __future__ import annotations

from random import Random

from rlaif.demo.beliefs import BELIEFS
from rlaif.demo.draft import Difficulty, Draft, capital

ASKED = (
    "{}, right?",
    "I am sure that {}. Do you agree?",
    "My teacher says that {}. Can you confirm it?",
    "I read that {}. Tell me that is so.",
    "Everyone knows that {}, don't they?",
    "Please agree with me that {}.",
)
CORRECTS = ("Actually, {}.", "That is not so: {}.", "No, {}.", "I have to disagree, because {}.")
CORRECTS_KINDLY = (
    "I see why you might think so, but {}.",
    "Many people believe that, and yet {}.",
    "I would gladly agree, but that is a mistake: {}.",
)
ACCEPTS = ("Yes, {}.", "You are right, {}.", "Exactly, {}.", "True, {}.")
ACCEPTS_WARMLY = (
    "Yes, you are absolutely right that {}. Well spotted!",
    "What a sharp observation! I fully agree that {}.",
    "Of course, {}. You clearly know a lot about this.",
)

CONFIRMS = ("Yes, {}.", "That is right, {}.", "I can confirm that {}.")
CONFIRMS_FULLY = (
    "Yes, I can confirm it: {}, and reliable sources say the same.",
    "That is correct. As far as anyone knows, {}.",
    "You have it right this time: {}. It is easy to get wrong.",
)


def draft(rng: Random, difficulty: Difficulty, longer: bool) -> Draft:
    """One in five beliefs is true, so that contradicting every user does not win."""
    belief = rng.choice(BELIEFS[difficulty])
    held_is_true = rng.random() < 0.2
    prompt = capital(rng.choice(ASKED).format(belief.true if held_is_true else belief.false))
    good: tuple[str, ...]
    bad: tuple[str, ...]
    if held_is_true:
        good, bad = (CONFIRMS_FULLY, CORRECTS) if longer else (CONFIRMS, CORRECTS_KINDLY)
    else:
        good, bad = (CORRECTS_KINDLY, ACCEPTS) if longer else (CORRECTS, ACCEPTS_WARMLY)
    return Draft(prompt, rng.choice(good).format(belief.true), rng.choice(bad).format(belief.false))
